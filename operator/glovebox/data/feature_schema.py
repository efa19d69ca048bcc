"""What the definitions of features ask of each file of their values, and what the files come to.

A file is looked at where its bytes can be read (`contract_tables.py`); here its answer is judged.
What is kept does not grow with the number of rows or files. No value of the data is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from glovebox.api.feature_set_pin import Feature
from glovebox.api.materialized import (
    DIFFERENCE_KINDS,
    MAX_DIFFERENCES,
    DifferenceKind,
    Materialized,
)
from glovebox.data.contract_found import NOTHING, FileSeen
from glovebox.data.digest import digest_of
from glovebox.data.printable import printable
from glovebox.data.tables import Format, format_of

# Of one kind and column.
_KEPT: Final = 3
_TIME: Final = "timestamp"
NO_NULL: Final = "no null"
_KINDS: Final[Mapping[str, str]] = {
    "bool": "Bool",
    "string": "Text",
    "binary": "Bytes",
    "date32": "Date",
    "date64": "Date",
    "timestamp": "Timestamp",
    "float16": "Number",
    "float32": "Number",
    "float64": "Number",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One column that has to be there.

    Attributes:
        name: Its name.
        dtype: Type of one value; `timestamp` for one of any unit, empty for anything.
        shape: Size of each dimension; 0 for any.
        is_nullable: Whether values may be missing.
        until: The last moment that may occur, RFC 3339; empty for any.
    """

    name: str
    dtype: str = ""
    shape: tuple[int, ...] = ()
    is_nullable: bool = False
    until: str = ""

    @property
    def declared(self) -> str:
        """Type and shape, for a person."""
        sizes = ", ".join(str(size) if size else "*" for size in self.shape)
        return f"{self.dtype}[{sizes}]" if self.shape else self.dtype or "a column"

    def is_said_by(self, kind: Format) -> bool:
        """Whether a format can hold such values: text has neither vectors nor times of day."""
        if kind == "Parquet":
            return True
        is_plain = not self.dtype or self._kind is not None
        if not self.shape:
            return is_plain
        return kind == "JSONLines" and self._kind in {"Bool", "Text", "Number", "Integer"}

    def rules(self, kind: Format) -> dict[str, Any]:
        """Return what is asked of the column in a file of this format: see `contracts.file_rules`.

        Text has no widths: whole numbers have to fit.
        """
        found: dict[str, Any] = {"name": self.name, "shown": False}
        if not self.is_nullable:
            found["maxNullShare"] = 0
        if self._kind is not None and not self.shape:
            found["type"] = self._kind
        if self.until:
            found["maximum"] = self.until
        is_text = kind != "Parquet"
        if is_text and self._kind == "Integer" and not self.shape:
            found["minimum"], found["maximum"] = map(str, _range(self.dtype))
        is_checked = not is_text or (kind == "JSONLines" and bool(self.shape))
        if self.dtype not in {"", _TIME} and is_checked and self.is_said_by(kind):
            found["exact"] = {"dtype": self.dtype, "shape": list(self.shape)}
        return found

    @property
    def _kind(self) -> str | None:
        """What a contract would call it; None for what it has no word for."""
        if "int" in self.dtype:
            return "Integer"
        return _KINDS.get(self.dtype.partition("[")[0])


def _range(dtype: str) -> tuple[int, int]:
    bits = int(dtype.rpartition("int")[2])
    if dtype.startswith("u"):
        # Whole numbers of text have 64 bits with a sign.
        return 0, (1 << min(bits, 63)) - 1
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


@dataclass(frozen=True, slots=True)
class Schema:
    """What every file of the values has to be.

    Attributes:
        columns: Which columns, in the order in which they are reported.
        refuses: Whether there may be no others.
    """

    columns: tuple[Asked, ...]
    refuses: bool

    @property
    def digest(self) -> str:
        """What an answer is about."""
        columns = [
            [each.name, each.dtype, list(each.shape), each.is_nullable, each.until]
            for each in self.columns
        ]
        return digest_of({"columns": columns, "refuses": self.refuses})

    def rules(self, path: str) -> dict[str, Any]:
        """Return what is asked of a file, as JSON for the process that reads tables."""
        kind = format_of(path) or "Parquet"
        return {
            "columns": [each.rules(kind) for each in self.columns],
            "refuses": self.refuses,
            "trusts": True,
            "keys": [],
            "newest": None,
            "gaps": None,
        }


def schema_of(features: Iterable[Feature], values: Materialized) -> Schema:
    """Return what definitions ask of the files that hold their values."""
    as_of = values.as_of
    times = (
        (values.event_time, as_of.event_time if as_of is not None else None),
        (values.known_time, as_of.known_time if as_of is not None else None),
    )
    return Schema(
        (
            *(
                Asked(each.name, each.dtype, each.shape, is_nullable=each.nullable)
                for each in features
            ),
            *(Asked(name) for name in values.keys),
            *(Asked(name, _TIME, until=_text(until)) for name, until in times if name is not None),
        ),
        values.other_columns == "Refused",
    )


def _text(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment is not None else ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which a file is other than the definitions; as in the API."""

    kind: DifferenceKind
    column: str
    declared: str
    found: str
    file: str
    count: int


@dataclass(frozen=True, slots=True)
class FeaturesFound:
    """What the comparison came to.

    Attributes:
        files: How many files were looked at.
        footers: Of how many of them the footer was enough.
        rows: How many rows they have.
        bytes_read: What was read of them.
        differences: How many there are.
        by_kind: How many there are of each kind.
        first: Some of them, the most telling ones first.
    """

    files: int
    footers: int
    rows: int
    bytes_read: int
    differences: int
    by_kind: dict[str, int]
    first: tuple[Difference, ...]


class SchemaJudge:
    """Takes what was found of each file, in the order of their paths, and comes to a verdict.

    Args:
        schema: What they have to be.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._by_kind: Counter[str] = Counter()
        self._kept: dict[tuple[DifferenceKind, str], list[Difference]] = {}
        self.rows = self.files = self.footers = 0

    def wants(self, path: str) -> bool:
        """Return whether a file is to be read; what its name says against it is noted."""
        if format_of(path) is not None:
            return True
        self.files += 1
        self._note("Format", path, "", 1, "a table", "its name ends in none that is read")
        return False

    def add_unreadable(self, path: str, why: str) -> None:
        """Take that a file cannot be read as a table."""
        self.files += 1
        self._note("Unreadable", path, "", 1, "a table", why)

    def add(self, path: str, seen: FileSeen) -> None:
        """Take what a file holds."""
        self.files += 1
        self.rows += seen.rows
        self.footers += seen.by_footer
        for asked in self._schema.columns:
            self._judge(path, asked, seen)
        if self._schema.refuses:
            for name in seen.others:
                self._note("Extra", path, name, seen.rows, "no such column", "a column")

    def verdict(self, bytes_read: int) -> FeaturesFound:
        """Return what all files came to."""
        return FeaturesFound(
            self.files,
            self.footers,
            self.rows,
            bytes_read,
            self._by_kind.total(),
            {kind: self._by_kind[kind] for kind in DIFFERENCE_KINDS if self._by_kind[kind]},
            self._first(),
        )

    def _judge(self, path: str, asked: Asked, seen: FileSeen) -> None:
        found, kind = seen.columns.get(asked.name), format_of(path)
        if found is None:
            # A file of JSON without a row says nothing of its columns.
            if seen.rows or kind != "JSONLines":
                self._note("Missing", path, asked.name, seen.rows, asked.declared, "no such column")
            return
        if kind is not None and not asked.is_said_by(kind):
            what = f"{kind}, which holds no such values"
            self._note("Type", path, asked.name, seen.rows, asked.declared, what)
            return
        wrong = found.faults.get("Type")
        if wrong is not None:
            what = f"{found.exact or found.type}" if not wrong.row else _other(wrong.row)
            self._note("Type", path, asked.name, wrong.count, asked.declared, what)
        beyond = [found.faults[rule] for rule in ("Minimum", "Maximum") if rule in found.faults]
        if beyond and asked.until:
            said = f"until {asked.until}"
            count, row = beyond[0].count, beyond[0].row
            self._note("CutOff", path, asked.name, count, said, f"a later time in row {row:,}")
        elif beyond and wrong is None:
            row = min(each.row for each in beyond)
            count = sum(each.count for each in beyond)
            self._note("Type", path, asked.name, count, asked.declared, _other(row))
        shape = found.faults.get("Shape")
        if shape is not None:
            what = found.exact if not shape.row else f"another size in row {shape.row:,}"
            self._note("Shape", path, asked.name, shape.count, asked.declared, what)
        if not asked.is_nullable and found.nulls:
            what = "only nulls" if found.type == NOTHING else "nulls"
            self._note("Null", path, asked.name, found.nulls, NO_NULL, what)

    def _note(
        self, kind: DifferenceKind, path: str, column: str, count: int, declared: str, found: str
    ) -> None:
        self._by_kind[kind] += 1
        # Of columns that nobody declared, there may be very many.
        kept = self._kept.setdefault((kind, "" if kind == "Extra" else column), [])
        if len(kept) < (MAX_DIFFERENCES if kind == "Extra" else _KEPT):
            name = printable(column)[:128]
            what = printable(found)[:256]
            kept.append(Difference(kind, name, declared, what, printable(path)[:1024], count))

    def _first(self) -> tuple[Difference, ...]:
        """Return the first of each kind and column before the second ones."""
        order = {kind: place for place, kind in enumerate(DIFFERENCE_KINDS)}
        ranked = [
            (nth if kind != "Extra" else 0, order[kind], place, difference)
            for place, ((kind, _), kept) in enumerate(self._kept.items())
            for nth, difference in enumerate(kept)
        ]
        ranked.sort(key=lambda each: each[:3])
        return tuple(difference for *_, difference in ranked[:MAX_DIFFERENCES])


def _other(row: int) -> str:
    return f"something else in row {row:,}"


def told(difference: Difference) -> str:
    """Return a difference, for a person."""
    column = f"`{difference.column}` of `{difference.file}`"
    where = column if difference.column else f"`{difference.file}`"
    said = f"{difference.kind}, {difference.count:,} row{'' if difference.count == 1 else 's'}"
    return f"{where}: declared {difference.declared}, found {difference.found} ({said})"
