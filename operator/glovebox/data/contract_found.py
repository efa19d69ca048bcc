"""What was found of a contract: in one file, and in all of them together.

A value of the data is among it only where the contract says that the column may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

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
