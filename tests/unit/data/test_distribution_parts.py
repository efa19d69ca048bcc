"""Parts as they are drawn: those of the documents, and of nobody who must not be told of."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.api.statistics import LEAST_ROWS
from glovebox.api.statistics_status import MAX_PARTS
from glovebox.data.distribution_parts import OTHERS, Part, parts_of
from glovebox.data.statistics import Statistics
from support.contracts import as_parquet
from support.statistics import asked, column_of, describe, drift

import pyarrow as pa  # isort: skip

NUMBERS, TEXT = asked(x="Number"), asked(x="Text")
WHOLE = 10_000


def file_of(values: list[float] | list[str]) -> dict[str, bytes]:
    return {"a.parquet": as_parquet(pa.table({"x": values}))}


def of(statistics: Statistics) -> tuple[Part, ...]:
    (column,) = statistics.columns
    return parts_of(column)


def test_parts_of_numbers_are_between_the_edges_that_are_told() -> None:
    values = [float(each % 4) for each in range(400)]
    found = of(describe(NUMBERS, file_of(values)))
    assert [each.share for each in found] == [2500] * 4
    assert [each.name for each in found][:2] == ["0 to 0", "0 to 1"]
    assert all(each.before is None for each in found)


def test_values_are_drawn_by_name_and_the_rest_as_others() -> None:
    values = ["a"] * 60 + ["b"] * 40 + [f"rare {each}" for each in range(100)]
    assert of(describe(TEXT, file_of(values))) == (
        Part("a", 3000),
        Part("b", 2000),
        Part(OTHERS, 5000),
    )


def test_of_a_column_that_is_withheld_nothing_is_drawn() -> None:
    (column,) = describe(TEXT, file_of(["a"] * 60 + ["b"] * 40)).columns
    assert parts_of(replace(column, withheld="NotShown")) == ()


def test_of_very_many_values_the_first_are_drawn() -> None:
    values = [f"v{each:02}" for each in range(60) for _ in range(20 + 60 - each)]
    found = of(describe(TEXT, file_of(values)))
    assert len(found) <= MAX_PARTS
    assert [each.name for each in found[:2]] == ["v00", "v01"]
    assert found[-1].name == OTHERS
    assert sum(each.share for each in found) == pytest.approx(WHOLE, abs=MAX_PARTS)


def test_what_moved_is_seen_in_the_parts() -> None:
    before = [float(each % 100) for each in range(2000)]
    now = [each + 50 for each in before]
    column = column_of(drift(NUMBERS, file_of(before), file_of(now)), "x")
    first, *_, last = column.parts
    assert first.share == 0
    assert first.before == pytest.approx(500, abs=60)
    # Half of the rows lie beyond all that there was.
    assert last.name.startswith("above ")
    assert last.before == 0
    assert last.share == pytest.approx(5000, abs=200)


def test_a_column_that_is_withheld_has_no_parts() -> None:
    few = [f"only {each}" for each in range(100)]
    assert of(describe(TEXT, file_of(few))) == ()
    hidden = column_of(drift(TEXT, file_of(few), file_of(few)), "x")
    assert hidden.parts == ()


@given(st.integers(1, LEAST_ROWS - 1), st.integers(0, 3))
def test_nobody_learns_how_many_rows_a_small_part_has(few: int, seed: int) -> None:
    """One row beyond all that there was looks like nineteen."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    before = [float(chance.randrange(100)) for _ in range(1000)]
    same = [float(each % 100) for each in range(1000)]

    def beyond(rows: int) -> tuple[Part, ...]:
        now = same[: 1000 - rows] + [500.0] * rows
        return column_of(drift(NUMBERS, file_of(before), file_of(now)), "x").parts

    last = beyond(few)[-1]
    assert (last.name.split()[0], last.share) == ("above", WHOLE * LEAST_ROWS // 1000)
