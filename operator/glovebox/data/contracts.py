"""What the files of a dataset come to, by its contract.

A file is looked at where its bytes can be read (`contract_tables.py`); here its answer is judged,
together with those of all others. What is kept does not grow with the number of rows or files.

A violation names rule, file, column and count. A value of the data is in it only where the contract
says that the column may be shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from typing import Final

from glovebox.api import reasons
from glovebox.api.contract import RULE_NAMES, Contract, ContractColumn, RuleName
from glovebox.api.contract_status import MAX_VIOLATIONS
from glovebox.data.contract_found import (
    MISSING,
    NOTHING,
    ColumnSeen,
    ContractFound,
    FileSeen,
    Observed,
    Violation,
)
from glovebox.data.contract_rules import rule_count
from glovebox.data.contract_words import (
    files_in_words,
    moment,
    percent,
    span,
    told_fault,
)
from glovebox.data.printable import printable
from glovebox.data.tables import format_of
from glovebox.data.time_spans import NANOSECONDS, TimeSpans
from glovebox.errors import InvalidInput

# Of one rule and column.
_KEPT: Final = 3
_MAX_OTHERS: Final = 65_536
_MAX_LETTERS: Final = 8 << 20
_WHOLE: Final = 10_000


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
        self._spans = TimeSpans(gaps.max_seconds * NANOSECONDS if gaps is not None else 1)
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
                self.note(rule, path, name, fault.count, told_fault(column, rule, seen.type, fault))
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
                f"holds nothing in {nulls:,} of {rows:,} rows ({percent(nulls, rows)}), and may"
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
                        f"holds {kind}, and {usual} in {files_in_words(files)}, such as"
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
        least = (int(asked.at_time.timestamp()) - asked.max_age_seconds) * NANOSECONDS
        if newest < least:
            shown = f" ({moment(newest)})" if self._listed[asked.column].shown else ""
            self.note(
                "Freshness",
                path,
                asked.column,
                1,
                f"the newest value of all{shown} is older than {span(asked.max_age_seconds)}"
                f" at {at}",
            )

    def _judge_gaps(self) -> None:
        asked = self._contract.gaps
        if asked is None:
            return
        gaps = self._spans.gaps()
        if gaps.number:
            shown = f", after {moment(gaps.after)}" if self._listed[asked.column].shown else ""
            self.note(
                "Gap",
                "",
                asked.column,
                gaps.number,
                f"nothing for {span(gaps.longest // NANOSECONDS)}{shown}, and at most"
                f" {span(asked.max_seconds)} may pass without a row",
            )


def _most(types: Mapping[str, int]) -> str:
    return max(types, key=lambda kind: types[kind]) if types else MISSING
