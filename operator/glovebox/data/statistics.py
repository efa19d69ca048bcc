"""The statistics of a dataset: what is asked, what is told of each column, the document. Pure.

The document says what the values of all rows come to, and nothing of files, so that the same values
have the same bytes however they are written. It tells no value and no range that fewer than
`least_rows` rows hold, and of a column that may not be shown nothing but numbers of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from glovebox.api import reasons
from glovebox.api.statistics import MAX_STATISTICS, StatisticsColumn
from glovebox.data.digest import canonical_json, digest_of
from glovebox.data.quantiles import Cells, edges_of
from glovebox.data.statistics_keys import NUMBERS, TIMES, text_of_key
from glovebox.errors import InvalidInput

if TYPE_CHECKING:
    from glovebox.api.dataset_pin import DatasetPinSpec

FORMAT: Final = "glovebox.dev/statistics/v1"
# Of texts so many are told, and counted apart.
MAX_VALUES: Final = 100
MAX_DISTINCT: Final = 8_192
# Longer ones are counted, and never told.
MAX_TOLD_BYTES: Final = 128
NOT_SHOWN: Final = "NotShown"
TOO_FEW: Final = "TooFewRows"
TOO_MANY: Final = "TooManyValues"


@dataclass(frozen=True, slots=True)
class Asked:
    """What `spec.statistics` comes to.

    Attributes:
        columns: The columns, by name.
        least_rows: The fewest rows that anything may tell of.
    """

    columns: tuple[StatisticsColumn, ...]
    least_rows: int

    @property
    def digest(self) -> str:
        """Digest of what is asked."""
        return digest_of(self.rules)

    @property
    def rules(self) -> dict[str, Any]:
        """The same as JSON, for the process that reads tables."""
        return {
            "columns": [
                {"name": each.name, "type": each.type, "shown": each.shown} for each in self.columns
            ],
            "leastRows": self.least_rows,
        }


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value, and how many rows hold it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What is told of one column.

    Attributes:
        name: Its name.
        type: What it holds.
        present: Whether a file has it.
        nulls: How many rows hold nothing.
        invalid: How many hold something of another type.
        distinct: How many different values there are.
        is_more: Whether there are more than that.
        withheld: Why no distribution is told; empty where one is.
        lower: No value is less; None where that is withheld.
        upper: No value is greater; None likewise.
        edges: The greatest value of each part but the last one.
        counts: How many rows each part has.
        values: The most frequent values.
        other: How many rows hold others.
    """

    name: str
    type: str
    present: bool
    nulls: int
    invalid: int
    distinct: int
    is_more: bool
    withheld: str = ""
    lower: str | None = None
    upper: str | None = None
    edges: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    values: tuple[ValueCount, ...] = ()
    other: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of a dataset.

    Attributes:
        least_rows: The fewest rows that anything tells of.
        rows: How many rows there are.
        columns: Those that were asked for, by name.
        others: Names of all other columns.
    """

    least_rows: int
    rows: int
    columns: tuple[ColumnStatistics, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the process that reads tables tells of a dataset.

    Attributes:
        rows: How many rows there are.
        columns: What is told of each column, by name.
        others: Names of all other columns.
        against: Of columns of a reference, how many rows there are here: below all of its parts, in
            each, and above all; or with each of its values, and with another one.
    """

    rows: int
    columns: tuple[ColumnStatistics, ...]
    others: tuple[str, ...]
    against: dict[str, tuple[int, ...]]


_STATISTICS: Final = TypeAdapter(Statistics)
_DOCUMENT: Final = TypeAdapter(dict[str, Any])


def asked_of(spec: DatasetPinSpec) -> Asked | None:
    """Return which statistics a pin asks for; None for none."""
    wanted = spec.statistics
    if wanted is None:
        return None
    columns = wanted.columns
    if not columns and spec.contract is not None:
        columns = tuple(
            StatisticsColumn(name=each.name, type=each.type, shown=each.shown)
            for each in spec.contract.columns
            if each.type is not None
        )
    ordered = tuple(sorted(columns, key=lambda each: each.name))
    return Asked(ordered[:MAX_STATISTICS], wanted.least_rows)


def reference_rules(reference: Statistics) -> dict[str, Any]:
    """Return what rows are counted by, for the process that reads tables."""
    return {
        each.name: {
            "type": each.type,
            "lower": each.lower,
            "edges": list(each.edges),
            "upper": each.upper,
            "values": [one.value for one in each.values],
        }
        for each in reference.columns
        if not each.withheld
    }


def tell_numbers(found: Cells, kind: str, least: int) -> dict[str, Any] | None:
    """Return what is told of the cells of a column: fields of `ColumnStatistics`; None for none."""
    edges = edges_of(found, least)
    if edges is None:
        return None
    bounds = {"lower": edges.lower, "upper": edges.upper}
    return {
        **{
            name: text_of_key(key, kind, is_lower=name == "lower") if key is not None else None
            for name, key in bounds.items()
        },
        "edges": tuple(text_of_key(key, kind) for key in edges.keys),
        "counts": edges.counts,
    }


def tell_values(found: Sequence[tuple[str, int]], least: int) -> dict[str, Any] | None:
    """Return the same of values and how many rows hold each.

    Where the others are some, and fewer than may be told of, the rarest that is told joins them.
    """
    ordered = sorted(found, key=lambda one: (-one[1], one[0].encode()))
    told = [
        (value, count)
        for value, count in ordered
        if count >= least and len(value.encode()) <= MAX_TOLD_BYTES
    ][:MAX_VALUES]
    other = sum(count for _, count in found) - sum(count for _, count in told)
    while told and 0 < other < least:
        other += told.pop()[1]
    if not told:
        return None
    return {"values": tuple(ValueCount(*one) for one in told), "other": other}


def is_number(kind: str) -> bool:
    """Whether values of a type are in an order."""
    return kind in NUMBERS | TIMES


def render_statistics(statistics: Statistics) -> bytes:
    """Return the document; equal statistics have equal bytes."""
    return canonical_json({"format": FORMAT, **asdict(statistics)})


def parse_statistics(body: bytes) -> Statistics:
    """Return the statistics of a document.

    Raises:
        InvalidInput: `StatisticsNotComputed`: it is none of this version of Glovebox.
    """
    try:
        found = _DOCUMENT.validate_json(body)
        if found.pop("format", None) == FORMAT:
            return _STATISTICS.validate_python(found)
    except ValidationError:
        pass
    raise InvalidInput(
        reasons.STATISTICS_NOT_COMPUTED, "the statistics of the other pin cannot be read"
    )


def statistics_of(asked: Asked, counted: Counted) -> Statistics:
    """Return the statistics of what was counted."""
    return Statistics(asked.least_rows, counted.rows, counted.columns, counted.others)
