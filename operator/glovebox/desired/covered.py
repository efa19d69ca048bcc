"""A dataset input with what its pin says of its coverage, and which two have to be apart. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from glovebox.api.coverage import Coverage, TimeWindow
from glovebox.api.derived import UpstreamInput
from glovebox.api.split_pin_status import PartOfSplit
from glovebox.data.printable import printable

# What is used first must be older; `reference` data are looked up and neither trained nor tested.
ORDER: Final = {"train": 0, "validation": 1, "test": 2, "holdout": 2}
_MAX_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class Covered:
    """A dataset input with what its pin says of its coverage.

    Attributes:
        name: Of the input.
        role: What it is for.
        pin: Name of the DatasetPin.
        coverage: As the pin says it; None where it says nothing.
        is_empty: Whether none of its objects holds a byte.
        digest: Its content root.
        splits: Of which splits it is a part, the innermost first.
        made_by: The sealed Experiment whose artifacts it is; empty of any other.
        made_from: What went into that one, as far back as the seals say.
        made_of_more: Whether more went into it than they name.
    """

    name: str
    role: str
    pin: str
    coverage: Coverage | None = None
    is_empty: bool = False
    digest: str = ""
    splits: tuple[PartOfSplit, ...] = ()
    made_by: str = ""
    made_from: tuple[UpstreamInput, ...] = ()
    made_of_more: bool = False

    @property
    def window(self) -> TimeWindow | None:
        """The times that it covers."""
        return self.coverage.time if self.coverage is not None else None

    @property
    def column(self) -> str:
        """The column of its groups, where they are to be compared; else empty."""
        groups = self.coverage.groups if self.coverage is not None else None
        if groups is None or self.role not in ORDER:
            return ""
        # Rows that were a split wrote lie in folders that say nothing of them.
        return "" if self.is_of_rows and not groups.values else groups.column

    @property
    def is_of_rows(self) -> bool:
        """Whether rows were written into it, out of some other dataset."""
        return any(each.granularity == "Rows" for each in self.splits)

    @property
    def grouped_by(self) -> str:
        """The column of its groups, as its pin says it, compared or not."""
        groups = self.coverage.groups if self.coverage is not None else None
        return groups.column if groups is not None and self.role in ORDER else ""

    @property
    def values(self) -> tuple[str, ...]:
        """Its groups, where the pin lists them."""
        groups = self.coverage.groups if self.coverage is not None else None
        return groups.values if groups is not None else ()

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell its rows apart, where these are to be compared; else empty."""
        rows = self.coverage.rows if self.coverage is not None else None
        return tuple(sorted(rows.key)) if rows is not None and self.role in ORDER else ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that hold its texts, where these are to be compared; else empty."""
        texts = self.coverage.texts if self.coverage is not None else None
        return tuple(sorted(texts.columns)) if texts is not None and self.role in ORDER else ()


def needs_comparison(inputs: Iterable[Covered]) -> bool:
    """Return whether there are inputs of different roles at all."""
    return len({each.role for each in inputs}) > 1


def in_order(inputs: tuple[Covered, ...]) -> Iterator[tuple[Covered, Covered]]:
    """Yield the pairs of which one has to be older, that one first."""
    ranked = sorted(
        (each for each in inputs if each.role in ORDER), key=lambda each: ORDER[each.role]
    )
    for one, other in combinations(ranked, 2):
        if ORDER[one.role] < ORDER[other.role]:
            yield one, other


def pairs_apart(inputs: tuple[Covered, ...]) -> list[tuple[Covered, Covered]]:
    """Return the pairs whose groups, rows and texts have to be apart."""
    used = [each for each in inputs if each.role in ORDER]
    return [pair for pair in combinations(used, 2) if pair[0].role != pair[1].role]


def comparable_in_time(one: Covered, other: Covered) -> bool:
    """Return whether both say their times by one column."""
    return (
        one.window is not None
        and other.window is not None
        and one.window.column == other.window.column
    )


def left_out(inputs: tuple[Covered, ...]) -> str:
    """Return what is not compared beyond its objects, to be said after something else."""
    named = [f"`{each.name}`" for each in inputs if each.role not in ORDER]
    return f"; reference data are not compared: {', '.join(named)}" if named else ""


def columns_text(key: tuple[str, ...]) -> str:
    """Return the columns of a key as they stand in a message."""
    return ", ".join(f"`{column}`" for column in key)


def cut(text: str, length: int) -> str:
    """Return a text that is no longer than that."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def shown(name: str) -> str:
    """Return a path or value as it may stand in a message."""
    return cut(printable(name), _MAX_NAME)
