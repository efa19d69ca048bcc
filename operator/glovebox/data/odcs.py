"""The part of the Open Data Contract Standard (ODCS 3) that a contract of a pin can say.

What cannot be said is named, and never left out in silence: a contract that looks complete and is
not would be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from glovebox.api import reasons
from glovebox.errors import InvalidInput

_TYPES: Final = {
    "string": "Text",
    "integer": "Integer",
    "number": "Number",
    "boolean": "Bool",
    "date": "Date",
    "timestamp": "Timestamp",
}
_EXACT: Final = re.compile(r"(decimal|numeric)\b", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_BOUNDS: Final = {
    "Integer": re.compile(r"-?[0-9]{1,18}"),
    "Number": re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?"),
    "Decimal": re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?"),
    "Date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "Timestamp": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"),
}
_FORMATS: Final = {"parquet": "Parquet", "csv": "CSV", "jsonl": "JSONLines", "ndjson": "JSONLines"}
_BY_HAND: Final = "which pin holds it is said in `references` by hand"
_OTHERS: Final = {"relationships": _BY_HAND, "items": "what lists hold is not checked"}
# More repetitions RE2 does not take.
_MAX_LENGTH: Final = 1000
# What is said about a property and asks nothing of its values.
_WORDS: Final = frozenset(
    {
        *("id", "name", "physicalName", "physicalType", "logicalType", "description"),
        *("businessName", "tags", "classification", "criticalDataElement", "examples"),
        *("authoritativeDefinitions", "customProperties", "partitioned", "partitionKeyPosition"),
        *("transformSourceObjects", "transformLogic", "transformDescription", "encryptedName"),
        *("primaryKey", "primaryKeyPosition", "required", "unique", "logicalTypeOptions"),
        "quality",
    }
)


@dataclass(slots=True)
class Imported:
    """A contract out of ODCS.

    Attributes:
        contract: `spec.contract` of a DatasetPin.
        left_out: What it does not say, each with its place.
    """

    contract: dict[str, Any]
    left_out: list[str] = field(default_factory=list)


def import_odcs(document: object, table: str = "") -> Imported:
    """Return what a contract of ODCS asks of one table.

    Args:
        document: The document, as YAML is read.
        table: Name of the table; may be empty where there is one.

    Raises:
        InvalidInput: It is no such document, or has no such table.
    """
    if not isinstance(document, Mapping) or document.get("kind") != "DataContract":
        raise _invalid("it is no contract of ODCS: `kind` has to be `DataContract`")
    version = str(document.get("apiVersion", ""))
    if not version.startswith("v3."):
        raise _invalid(f"`apiVersion` is `{version}`, and has to be of version 3, such as `v3.1.0`")
    chosen = _table(document, table)
    importer = _Importer(str(chosen.get("name", "")))
    for place, asked in enumerate(_list(document, "slaProperties")):
        importer.leave_out(f"slaProperties[{place}]", str(_of(asked, "property")))
    return importer.table(chosen, _format(document))


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    tables = [each for each in _list(document, "schema") if isinstance(each, Mapping)]
    names = ", ".join(f"`{each.get('name')}`" for each in tables)
    if not tables:
        raise _invalid("it has no `schema`")
    if not name and len(tables) > 1:
        raise _invalid(f"it has several tables ({names}): name one of them with `--table`")
    for each in tables:
        if not name or name in [each.get("name"), each.get("physicalName")]:
            return each
    raise _invalid(f"it has no table `{name}`, and has {names}")


def _format(document: Mapping[str, Any]) -> str | None:
    found = {str(_of(each, "format") or "").lower() for each in _list(document, "servers")}
    return _FORMATS.get(found.pop()) if len(found) == 1 else None


class _Importer:
    """Takes one table, and notes what it leaves out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left_out: list[str] = []
        self._columns: dict[str, dict[str, Any]] = {}
        self._unique: list[list[str]] = []
        self._rows: dict[str, int] = {}

    def leave_out(self, place: str, why: str) -> None:
        """Note what is not taken."""
        self._left_out.append(f"{place}: {why}")

    def table(self, table: Mapping[str, Any], kind: str | None) -> Imported:
        """Return the contract of a table."""
        primary: list[tuple[int, str]] = []
        for each in _list(table, "properties"):
            if isinstance(each, Mapping):
                self._property(each, primary)
        for place, rule in enumerate(_list(table, "quality")):
            self._table_quality(f"{self._name}.quality[{place}]", rule)
        for place, _ in enumerate(_list(table, "relationships")):
            self.leave_out(f"{self._name}.relationships[{place}]", _BY_HAND)
        if primary:
            self._add_key([name for _, name in sorted(primary)])
        if not self._columns:
            raise _invalid(f"table `{self._name}` has no column that can be checked")
        contract: dict[str, Any] = {"format": kind} if kind else {}
        contract["columns"] = list(self._columns.values())
        if self._rows:
            contract["rows"] = self._rows
        if self._unique:
            contract["unique"] = [{"columns": key} for key in self._unique]
        return Imported(contract, self._left_out)

    def _property(self, asked: Mapping[str, Any], primary: list[tuple[int, str]]) -> None:
        name = str(asked.get("physicalName") or asked.get("name") or "")
        place = f"{self._name}.{name}"
        if not _NAME.fullmatch(name) or name in self._columns:
            self.leave_out(place, "no name of a column, or one that is there twice")
            return
        column: dict[str, Any] = {"name": name}
        self._columns[name] = column
        self._type(place, column, asked)
        if asked.get("required") or asked.get("primaryKey"):
            column["maxNullShare"] = 0
        self._options(place, column, asked.get("logicalTypeOptions"))
        for number, rule in enumerate(_list(asked, "quality")):
            self._quality(f"{place}.quality[{number}]", column, rule)
        if asked.get("primaryKey"):
            position = asked.get("primaryKeyPosition")
            primary.append((position if _is_whole(position) else 0, name))
        if asked.get("unique"):
            self._add_key([name])
        for other in asked:
            if other not in _WORDS:
                self.leave_out(f"{place}.{other}", _OTHERS.get(other, "not known"))

    def _type(self, place: str, column: dict[str, Any], asked: Mapping[str, Any]) -> None:
        logical = asked.get("logicalType")
        kind = _TYPES.get(str(logical))
        if kind == "Number" and _EXACT.match(str(asked.get("physicalType", ""))):
            kind = "Decimal"
        if kind is not None:
            column["type"] = kind
        elif logical is not None:
            self.leave_out(f"{place}.logicalType", f"`{logical}` is not checked")

    def _options(self, place: str, column: dict[str, Any], options: object) -> None:
        if not isinstance(options, Mapping):
            return
        kind = str(column.get("type"))
        lengths: dict[str, int] = {}
        for name, value in options.items():
            where = f"{place}.logicalTypeOptions.{name}"
            if name in {"minimum", "maximum"} and _fits(kind, value):
                column[name] = str(value)
            elif (
                name in {"exclusiveMinimum", "exclusiveMaximum"}
                and kind == "Integer"
                and _fits(kind, value)
            ):
                step = 1 if name == "exclusiveMinimum" else -1
                column["minimum" if step > 0 else "maximum"] = str(int(value) + step)
            elif name == "pattern" and kind == "Text":
                column["pattern"] = str(value)
            elif name in {"minLength", "maxLength"} and kind == "Text" and _is_length(value):
                lengths[name] = value
            else:
                self.leave_out(where, f"`{value}` cannot be said")
        if lengths and "pattern" in column:
            self.leave_out(f"{place}.logicalTypeOptions", "lengths beside a pattern")
        elif lengths:
            most = lengths.get("maxLength", "")
            column["pattern"] = f"(?s).{{{lengths.get('minLength', 0)},{most}}}"

    def _quality(self, place: str, column: dict[str, Any], rule: object) -> None:
        metric, wanted = str(_of(rule, "metric")), _limits(rule)
        arguments = _of(rule, "arguments")
        is_share = _of(rule, "unit") == "percent"
        if metric in {"nullValues", "missingValues"} and not arguments:
            share = _share(wanted, is_share=is_share)
            if share is not None:
                column["maxNullShare"] = share
                return
        if metric == "duplicateValues" and wanted == {"mustBe": 0} and not arguments:
            self._add_key([column["name"]])
            return
        if metric == "invalidValues" and wanted == {"mustBe": 0} and isinstance(arguments, Mapping):
            values = arguments.get("validValues")
            is_text = column.get("type") == "Text"
            if is_text and set(arguments) == {"validValues"} and _are_texts(values):
                column["allowed"] = list(dict.fromkeys(values))
                return
            if is_text and set(arguments) == {"pattern"} and "pattern" not in column:
                column["pattern"] = str(arguments["pattern"])
                return
        self.leave_out(place, _words(rule))

    def _table_quality(self, place: str, rule: object) -> None:
        limits = _limits(rule)
        arguments = _of(rule, "arguments")
        if _of(rule, "metric") == "rowCount" and not arguments and len(limits) == 1:
            ((operator, value),) = limits.items()
            found = _row_limits(operator, value)
            if found is not None:
                self._rows |= found
                return
        properties = arguments.get("properties") if isinstance(arguments, Mapping) else None
        is_key = _of(rule, "metric") == "duplicateValues" and limits == {"mustBe": 0}
        if is_key and _are_texts(properties) and set(properties) <= set(self._columns):
            self._add_key(list(properties))
            return
        self.leave_out(place, _words(rule))

    def _add_key(self, columns: list[str]) -> None:
        kinds = {self._columns[name].get("type") for name in columns}
        if kinds & {None, "Number"}:
            self.leave_out(
                f"{self._name}: unique {', '.join(columns)}",
                "a key has columns with a type other than number",
            )
        elif columns not in self._unique:
            self._unique.append(columns)


def _row_limits(operator: str, value: Any) -> dict[str, int] | None:
    if operator == "mustBeBetween" and isinstance(value, list) and len(value) == 2:  # noqa: PLR2004 - from and until
        least, most = value
        return {"minimum": least, "maximum": most} if _is_whole(least) and _is_whole(most) else None
    if not _is_whole(value):
        return None
    found: dict[str, dict[str, int]] = {
        "mustBe": {"minimum": value, "maximum": value},
        "mustBeGreaterThan": {"minimum": value + 1},
        "mustBeGreaterOrEqualTo": {"minimum": value},
        "mustBeLessThan": {"maximum": value - 1},
        "mustBeLessOrEqualTo": {"maximum": value},
    }
    return found.get(operator)


def _limits(rule: object) -> dict[str, Any]:
    if not isinstance(rule, Mapping):
        return {}
    return {name: value for name, value in rule.items() if name.startswith(("mustBe", "mustNot"))}


def _share(limits: Mapping[str, Any], *, is_share: bool) -> int | None:
    """Return a limit of nulls in ten-thousandths; None where it is none of rows in a file."""
    if limits == {"mustBe": 0}:
        return 0
    most = limits.get("mustBeLessOrEqualTo") if len(limits) == 1 else None
    if not is_share or not isinstance(most, int | float) or not 0 <= most <= 100:  # noqa: PLR2004
        return None
    share = round(most * 100)
    return share if share == most * 100 else None


def _fits(kind: str, value: object) -> bool:
    form = _BOUNDS.get(kind)
    return form is not None and form.fullmatch(str(value)) is not None


def _is_length(value: object) -> bool:
    return _is_whole(value) and 0 <= value <= _MAX_LENGTH


def _is_whole(value: object) -> TypeGuard[int]:
    # What is true is a number as well, for Python.
    return isinstance(value, int) and not isinstance(value, bool)


def _are_texts(values: object) -> TypeGuard[list[str]]:
    return isinstance(values, list) and bool(values) and all(isinstance(v, str) for v in values)


def _words(rule: object) -> str:
    kind = _of(rule, "metric") or _of(rule, "rule") or _of(rule, "type") or "rule"
    return f"`{kind}` cannot be said"


def _list(found: object, name: str) -> Iterable[Any]:
    held = _of(found, name)
    return held if isinstance(held, list) else ()


def _of(found: object, name: str) -> Any:
    return found.get(name) if isinstance(found, Mapping) else None


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(reasons.INVALID_SPEC, why)
