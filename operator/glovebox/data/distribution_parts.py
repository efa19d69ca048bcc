"""A column as a picture: which share of its rows is in each of a few parts. Pure.

Nothing is told here that the statistics and the comparison do not tell: parts are those of a
document in which none has few rows, and counts by the parts of another dataset were made safe
before (`distribution.without_few`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from glovebox.api.statistics_status import MAX_PARTS
from glovebox.data.statistics import ColumnStatistics, is_number

_WHOLE: Final = 10_000
# Beside them there are the parts below and above all of them, or one for all other values.
_DRAWN: Final = MAX_PARTS - 2
# Numbers with a fraction are called by their first digits.
_FINE: Final = frozenset({"Number", "Decimal"})
_DIGITS: Final = ".6g"
OTHERS: Final = "all others"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a column's rows that hold something.

    Attributes:
        name: What they hold: a value, or between which two.
        share: Which share of them it is, in ten-thousandths.
        before: The same of the dataset that it is compared with; None without one.
    """

    name: str
    share: int
    before: int | None = None


def parts_of(column: ColumnStatistics) -> tuple[Part, ...]:
    """Return the parts of a column by its own statistics; none where none are told."""
    if column.withheld:
        return ()
    names, counts = _names(column), _counts(column)
    if is_number(column.type):
        names, counts = names[1:-1], counts[1:-1]
    return _drawn(column, names, counts, None)


def compared_parts(before: ColumnStatistics, here: Sequence[int]) -> tuple[Part, ...]:
    """Return the parts of the other dataset's column, with the shares of both.

    Args:
        before: The column of the other dataset.
        here: How many rows of this one are in each part, as may be told; for numbers and times
            those below and above all parts as well.
    """
    return _drawn(before, _names(before), here, _counts(before))


def _names(column: ColumnStatistics) -> list[str]:
    if not is_number(column.type):
        return [*(each.value for each in column.values), OTHERS]
    # A bound that may not be told is left open.
    bounds = [column.lower or "", *column.edges, column.upper or ""]
    if column.type in _FINE:
        bounds = [f"{float(each):{_DIGITS}}" if each else "" for each in bounds]
    between = [f"{low} to {high}".strip() for low, high in pairwise(bounds)]
    return [f"below {bounds[0]}".strip(), *between, f"above {bounds[-1]}".strip()]


def _counts(column: ColumnStatistics) -> list[int]:
    if is_number(column.type):
        return [0, *column.counts, 0]
    return [*(each.count for each in column.values), column.other]


def _drawn(
    column: ColumnStatistics,
    names: Sequence[str],
    here: Sequence[int],
    before: Sequence[int] | None,
) -> tuple[Part, ...]:
    """Return the parts that hold something; of values the first, and all others as one."""
    rows = list(zip(names, here, before or [0] * len(here), strict=True))
    if not is_number(column.type) and len(rows) > _DRAWN + 1:
        rest = rows[_DRAWN:]
        rows = [
            *rows[:_DRAWN],
            (OTHERS, sum(each[1] for each in rest), sum(each[2] for each in rest)),
        ]
    totals = max(1, sum(here)), max(1, sum(before or ()))
    return tuple(
        Part(
            name,
            round(_WHOLE * now / totals[0]),
            round(_WHOLE * then / totals[1]) if before is not None else None,
        )
        for name, now, then in rows
        if now or then
    )
