"""What a contract asks of each file, and what the files of a dataset come to.

A file is looked at where its bytes can be read (`contract_tables.py`); here its answer is judged,
together with those of all others. What is kept does not grow with the number of rows or files.

A violation names rule, file, column and count. A value of the data is in it only where the contract
says that the column may be shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from glovebox.api import reasons
from glovebox.api.contract import RULE_NAMES, Contract, ContractColumn, RuleName
from glovebox.api.contract_status import MAX_VIOLATIONS
from glovebox.data.digest import digest_of
from glovebox.data.printable import printable
from glovebox.data.tables import format_of
from glovebox.data.time_spans import TimeSpans
from glovebox.errors import InvalidInput

# Of one rule and column.
_KEPT: Final = 3
_MAX_OTHERS: Final = 65_536
_MAX_LETTERS: Final = 8 << 20
_NANOSECONDS: Final = 10**9
_WHOLE: Final = 10_000
# Holds nothing, so it says nothing about the type.
NOTHING: Final = "Null"
MISSING: Final = "Unknown"


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of a column that break a rule.

    Attributes:
        count: How many.
        row: The first of them, from 1.
        value: What it holds, where that may be shown.
    """

    count: int
    row: int
    value: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnSeen:
    """One column of a file.

    Attributes:
        type: What it holds.
        nulls: How many rows hold nothing there; None where no rule asks and no footer says.
        faults: By rule.
        exact: Type and shape by their Arrow names, where that was asked and the file says it.
    """

    type: str
    nulls: int | None
    faults: dict[str, Fault] = field(default_factory=dict)
    exact: str = ""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """One file, as the process that reads tables saw it.

    Attributes:
        rows: How many it has.
        by_footer: Whether its footer was enough.
        columns: Those of the contract that it has.
        others: What else it has: what that holds, where the format says so, else nothing.
        newest: The newest moment of the column that is to be fresh (nanoseconds since 1970).
        spans: First and last moment of each time without a longer gap.
    """

    rows: int
    by_footer: bool
    columns: dict[str, ColumnSeen]
    others: dict[str, str]
    newest: int | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something in the data that the contract does not allow; as in the API."""

    rule: str
    file: str
    column: str
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """A column of the contract over all files; as in the API."""

    name: str
    type: str
    nulls: int | None


@dataclass(frozen=True, slots=True)
class ContractFound:
    """What the check of a contract came to.

    Attributes:
        rules: How many rules there are.
        files: How many files were looked at.
        footers: Of how many of them the footer was enough.
        rows: How many rows they have.
        bytes_read: What was read of them.
        violations: How many there are.
        by_rule: How many there are of each rule.
        first: Some of them, the most telling ones first.
        columns: What the columns of the contract hold.
    """

    rules: int
    files: int
    footers: int
    rows: int
    bytes_read: int
    violations: int
    by_rule: dict[str, int]
    first: tuple[Violation, ...]
    columns: tuple[Observed, ...]


def contract_digest(contract: Contract) -> str:
    """Return the digest of a contract. Fields that say what their absence says count as absent."""
    return digest_of(
        contract.model_dump(by_alias=True, mode="json", exclude_defaults=True, exclude_none=True)
    )


def keys_of(contract: Contract) -> tuple[tuple[str, ...], ...]:
    """Return the columns of each key: those that are unique, then those that refer to pins."""
    unique = tuple(each.columns for each in contract.unique)
    return unique + tuple(each.columns for each in contract.references)


def file_rules(contract: Contract) -> dict[str, Any]:
    """Return what is asked of every file, as JSON for the process that reads tables."""
    gaps = contract.gaps
    return {
        "columns": [
            each.model_dump(by_alias=True, mode="json", exclude_none=True)
            for each in contract.columns
        ],
        "refuses": contract.other_columns == "Refused",
        "trusts": contract.statistics == "Trusted",
        "keys": [list(columns) for columns in keys_of(contract)],
        "newest": contract.freshness.column if contract.freshness is not None else None,
        "gaps": [gaps.column, gaps.max_seconds] if gaps is not None else None,
    }


def rule_count(contract: Contract) -> int:
    """Return how many rules a contract has."""
    of_columns = sum(_rules_of(column) for column in contract.columns)
    rows = contract.rows
    of_rows = len(rows.model_dump(exclude_none=True)) if rows is not None else 0
    single = (contract.format, contract.freshness, contract.gaps)
    # Every file can be read, and columns that are not listed hold the same in all of them.
    return (
        2
        + of_columns
        + of_rows
        + len(keys_of(contract))
        + sum(each is not None for each in single)
        + (contract.other_columns == "Refused")
    )


def _rules_of(column: ContractColumn) -> int:
    given = (
        not column.optional or None,
        column.type,
        column.max_null_share,
        column.minimum,
        column.maximum,
        column.allowed or None,
        column.pattern,
    )
    return sum(each is not None for each in given)


class Judge:
    """Takes what was found of each file, in the order of their paths, and comes to a verdict.

    Args:
        contract: What the files have to hold.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._listed = {column.name: column for column in contract.columns}
        self._kept: dict[tuple[str, str], list[Violation]] = {}
        self._by_rule: Counter[str] = Counter()
        self._named: Counter[str] = Counter()
        self._letters = 0
        self._types: dict[str, Counter[str]] = {name: Counter() for name in self._listed}
        self._nulls: dict[str, int | None] = dict.fromkeys(self._listed, 0)
        # Of columns that are not listed: what they hold, in how many files, rows, and where first.
        self._others: dict[str, dict[str, tuple[int, int, str]]] = {}
        self._newest: tuple[int, str] | None = None
        gaps = contract.gaps
        self._spans = TimeSpans(gaps.max_seconds * _NANOSECONDS if gaps is not None else 1)
        self.rows = self.files = self.footers = 0

    def wants(self, path: str) -> bool:
        """Return whether a file is to be read; what its name says against it is noted."""
        found, wanted = format_of(path), self._contract.format
        if found is None:
            self.files += 1
            self.note("Format", path, "", 1, "is no table: its name ends in none that is read")
        elif wanted is not None and found != wanted:
            self.files += 1
            self.note("Format", path, "", 1, f"is {found}, and has to be {wanted}")
        else:
            return True
        return False

    def add_unreadable(self, path: str, why: str) -> None:
        """Take that a file cannot be read as a table."""
        self.files += 1
        self.note("Readable", path, "", 1, f"cannot be read: {printable(why)}")

    def add(self, path: str, seen: FileSeen) -> None:
        """Take what a file holds."""
        self.files += 1
        self.rows += seen.rows
        self.footers += seen.by_footer
        for name, column in self._listed.items():
            found = seen.columns.get(name)
            if found is not None:
                self._add_column(path, column, found, seen.rows)
            elif column.optional or not seen.rows:
                self._count_nulls(name, seen.rows)
                self._judge_nulls(path, column, seen.rows, seen.rows)
            else:
                self.note("Columns", path, name, seen.rows, "is missing")
        self._add_others(path, seen)
        self._judge_rows(path, seen.rows)
        if seen.newest is not None and (self._newest is None or seen.newest > self._newest[0]):
            self._newest = seen.newest, path
        self._spans.add(seen.spans)

    def note(self, rule: RuleName, path: str, column: str, count: int, message: str) -> None:
        """Note a violation."""
        self._by_rule[rule] += 1
        kept = self._kept.get((rule, column))
        if kept is None:
            # Of the columns of one rule no more are ever shown: files may have any number of them.
            if self._named[rule] >= MAX_VIOLATIONS:
                return
            self._named[rule] += 1
            kept = self._kept.setdefault((rule, column), [])
        if len(kept) < _KEPT:
            column = printable(column)
            kept.append(Violation(rule, printable(path), column, count, message))

    def verdict(self, bytes_read: int) -> ContractFound:
        """Return what all files came to."""
        self._judge_others()
        self._judge_all_rows()
        self._judge_freshness()
        self._judge_gaps()
        return ContractFound(
            rules=rule_count(self._contract),
            files=self.files,
            footers=self.footers,
            rows=self.rows,
            bytes_read=bytes_read,
            violations=self._by_rule.total(),
            by_rule={rule: self._by_rule[rule] for rule in RULE_NAMES if self._by_rule[rule]},
            first=self._first(),
            columns=tuple(
                Observed(name, _most(types), self._nulls[name])
                for name, types in self._types.items()
            ),
        )

    def _first(self) -> tuple[Violation, ...]:
        """Return the first of each rule and column before the second ones."""
        order = {rule: place for place, rule in enumerate(RULE_NAMES)}
        ranked = [
            (nth, order[rule], place, violation)  # type: ignore[index]
            for place, ((rule, _), kept) in enumerate(self._kept.items())
            for nth, violation in enumerate(kept)
        ]
        ranked.sort(key=lambda each: each[:3])
        return tuple(violation for *_, violation in ranked[:MAX_VIOLATIONS])

    def _add_column(self, path: str, column: ContractColumn, seen: ColumnSeen, rows: int) -> None:
        name = column.name
        if seen.type != NOTHING:
            self._types[name][seen.type] += 1
        self._count_nulls(name, seen.nulls)
        for rule in RULE_NAMES:
            fault = seen.faults.get(rule)
            if fault is not None:
                self.note(rule, path, name, fault.count, _told(column, rule, seen.type, fault))
        if seen.nulls is not None:
            self._judge_nulls(path, column, seen.nulls, rows)

    def _count_nulls(self, name: str, nulls: int | None) -> None:
        before = self._nulls[name]
        self._nulls[name] = before + nulls if before is not None and nulls is not None else None

    def _judge_nulls(self, path: str, column: ContractColumn, nulls: int, rows: int) -> None:
        most = column.max_null_share
        if most is not None and nulls * _WHOLE > most * rows:
            self.note(
                "NullShare",
                path,
                column.name,
                nulls,
                f"holds nothing in {nulls:,} of {rows:,} rows ({_percent(nulls, rows)}), and may"
                f" in at most {most / 100:.2f} %",
            )

    def _add_others(self, path: str, seen: FileSeen) -> None:
        for name, kind in seen.others.items():
            if self._contract.other_columns == "Refused":
                message = "is no column of the contract"
                self.note("Columns", path, name, seen.rows, message)
            if kind in {"", NOTHING}:
                continue
            if name not in self._others:
                self._letters += len(name)
            kinds = self._others.setdefault(name, {})
            files, rows, first = kinds.get(kind, (0, 0, path))
            kinds[kind] = files + 1, rows + seen.rows, first
        if len(self._others) > _MAX_OTHERS or self._letters > _MAX_LETTERS:
            raise InvalidInput(
                reasons.TOO_MANY_OBJECTS,
                f"the files have more than {_MAX_OTHERS:,} different columns that the contract does"
                f" not list, or their names are longer than {_MAX_LETTERS >> 20} MiB together",
            )

    def _judge_others(self) -> None:
        for name, kinds in self._others.items():
            if len(kinds) == 1:
                continue
            usual = max(kinds, key=lambda kind: kinds[kind][0])
            files, _, example = kinds[usual]
            for kind, (_, rows, first) in kinds.items():
                if kind != usual:
                    self.note(
                        "SameType",
                        first,
                        name,
                        rows,
                        f"holds {kind}, and {usual} in {_files(files)}, such as"
                        f" `{printable(example)}`",
                    )

    def _judge_rows(self, path: str, rows: int) -> None:
        limits = self._contract.rows
        if limits is not None:
            self._judge_count(path, rows, limits.minimum_per_file, limits.maximum_per_file)

    def _judge_all_rows(self) -> None:
        limits = self._contract.rows
        if limits is not None:
            self._judge_count("", self.rows, limits.minimum, limits.maximum)

    def _judge_count(self, path: str, rows: int, least: int | None, most: int | None) -> None:
        if least is not None and rows < least:
            self.note("RowCount", path, "", rows, f"there are {rows:,} rows, fewer than {least:,}")
        if most is not None and rows > most:
            self.note("RowCount", path, "", rows, f"there are {rows:,} rows, more than {most:,}")

    def _judge_freshness(self) -> None:
        asked = self._contract.freshness
        if asked is None:
            return
        at = f"{asked.at_time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if self._newest is None:
            self.note("Freshness", "", asked.column, self.rows, "no row has a time")
            return
        newest, path = self._newest
        least = (int(asked.at_time.timestamp()) - asked.max_age_seconds) * _NANOSECONDS
        if newest < least:
            shown = f" ({_moment(newest)})" if self._listed[asked.column].shown else ""
            self.note(
                "Freshness",
                path,
                asked.column,
                1,
                f"the newest value of all{shown} is older than {_span(asked.max_age_seconds)}"
                f" at {at}",
            )

    def _judge_gaps(self) -> None:
        asked = self._contract.gaps
        if asked is None:
            return
        gaps = self._spans.gaps()
        if gaps.number:
            shown = f", after {_moment(gaps.after)}" if self._listed[asked.column].shown else ""
            self.note(
                "Gap",
                "",
                asked.column,
                gaps.number,
                f"nothing for {_span(gaps.longest // _NANOSECONDS)}{shown}, and at most"
                f" {_span(asked.max_seconds)} may pass without a row",
            )


def told(violation: Violation) -> str:
    """Return a violation, for a person."""
    column = f"column `{violation.column}`" if violation.column else ""
    file = f"`{violation.file}`" if violation.file else "the dataset"
    where = f"{column} of {file}" if column else file
    return f"{where}: {violation.message} ({violation.rule}, {violation.count:,})"


def _told(column: ContractColumn, rule: RuleName, found: str, fault: Fault) -> str:
    value = f": {printable(fault.value)!r}" if fault.value is not None else ""
    first = f"row {fault.row:,}"
    match rule:
        case "Type":
            if fault.row:
                return f"{first} is no {column.type}{value}"
            return f"holds {found}, and has to hold {column.type}"
        case "Minimum":
            return f"{first} is less than {column.minimum}{value}"
        case "Maximum":
            return f"{first} is greater than {column.maximum}{value}"
        case "Allowed":
            return f"{first} is none of the {len(column.allowed)} allowed values{value}"
    return f"{first} does not match the pattern{value}"


def _most(types: Mapping[str, int]) -> str:
    return max(types, key=lambda kind: types[kind]) if types else MISSING


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.2f} %"


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"


def _moment(nanoseconds: int) -> str:
    try:
        found = datetime.fromtimestamp(nanoseconds // _NANOSECONDS, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{nanoseconds // _NANOSECONDS} seconds since 1970"
    return f"{found:%Y-%m-%dT%H:%M:%SZ}"


def _span(seconds: int) -> str:
    units: Sequence[tuple[int, str]] = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
    parts: list[str] = []
    for size, name in (*units, (1, "second")):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number:,} {name}{'s' if number > 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"
