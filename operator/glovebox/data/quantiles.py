"""Quantile edges of a column out of counted cells, none of which tells of too few rows. Pure.

A value is a whole number, its key, and keys are in the order of the values. What is counted of a
column are cells: all keys that are the same without their last `shift` bits. `shift` is the
smallest with which no more than `MAX_CELLS` cells hold a row, so it depends on the values alone and
not on the order in which they came: whoever counts may join cells as they become too many, since
what is too many for some of the rows is too many for all.

With `shift` 0 cells are values, and edges are the exact quantiles where enough rows hold them. An
edge is always the last key of a cell, and its count is exact; how far that is from the quantile
that was meant is what the counts say. A cell with fewer rows than may be told is widened, a bit at
a time, until it has enough: so an edge tells of no single row.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_CELLS: Final = 16_384
# So many parts, of equal numbers of rows as far as that can be.
PARTS: Final = 20
_MOST_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Cells:
    """The counted cells of a column.

    Attributes:
        cells: The keys without their last bits, ascending.
        counts: How many rows each has.
        shift: How many bits are left out.
    """

    cells: Sequence[int]
    counts: Sequence[int]
    shift: int


@dataclass(frozen=True, slots=True)
class Edges:
    """What is told of a column.

    Attributes:
        lower: No key is less; None where too few rows are near.
        upper: No key is greater; None likewise.
        keys: The last key of each part but the last one.
        counts: How many rows each part has.
    """

    lower: int | None
    upper: int | None
    keys: tuple[int, ...]
    counts: tuple[int, ...]


def edges_of(found: Cells, least: int) -> Edges | None:
    """Return the edges of a column; None where it has too few rows to tell any.

    Args:
        found: Its cells.
        least: The fewest rows that a part may have.
    """
    ends = [0, *itertools.accumulate(found.counts)]
    total = ends[-1]
    if total < least:
        return None
    keys: list[int] = []
    counts: list[int] = []
    told = 0
    for part in range(1, PARTS):
        rank = -(-part * total // PARTS)
        wide = _widened(found, ends, bisect_left(ends, rank) - 1, least)
        if wide is None:
            continue
        _, last, end = wide
        if end - told >= least and total - end >= least:
            keys.append(last)
            counts.append(end - told)
            told = end
    lowest = _widened(found, ends, 0, least)
    highest = _widened(found, ends, len(found.cells) - 1, least)
    return Edges(
        lowest[0] if lowest is not None else None,
        highest[1] if highest is not None else None,
        tuple(keys),
        (*counts, total - told),
    )


def _widened(
    found: Cells, ends: Sequence[int], place: int, least: int
) -> tuple[int, int, int] | None:
    """Return the first and last key of the smallest cell around one that has enough rows.

    And how many rows are not behind it. None where no such cell has.
    """
    cell = found.cells[place]
    for more in range(_MOST_BITS - found.shift):
        wide = cell >> more
        first = bisect_left(found.cells, wide << more)
        end = bisect_right(found.cells, ((wide + 1) << more) - 1)
        if ends[end] - ends[first] >= least:
            bits = found.shift + more
            return wide << bits, ((wide + 1) << bits) - 1, ends[end]
    return None
