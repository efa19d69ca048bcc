"""Edges are quantiles of the real values, and tell of no range that few rows are in."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.quantiles import MAX_CELLS, PARTS, Cells, edges_of
from glovebox.data.statistics_keys import (
    key_of_number,
    key_of_text,
    number_of_key,
    text_of_key,
)

LEAST = 20
FLOATS = st.floats(allow_nan=False)


def exact(keys: list[int]) -> Cells:
    counted = sorted(Counter(keys).items())
    return Cells([key for key, _ in counted], [count for _, count in counted], 0)


@given(FLOATS, FLOATS)
def test_keys_are_in_the_order_of_the_numbers(one: float, other: float) -> None:
    assert (key_of_number(one) < key_of_number(other)) == (one < other)


@given(FLOATS)
def test_a_number_comes_back_from_its_key_and_its_text(number: float) -> None:
    key = key_of_number(number)
    assert number_of_key(key) == number
    assert key_of_text(text_of_key(key, "Number"), "Number") == key


@given(st.integers(-(10**17), 10**17))
def test_a_moment_comes_back_from_its_text(key: int) -> None:
    assert key_of_text(text_of_key(key, "Timestamp"), "Timestamp") == key


@pytest.mark.parametrize(
    ("key", "kind", "text"),
    [
        (1_356_998_400_000_000, "Timestamp", "2013-01-01T00:00:00Z"),
        (-1, "Timestamp", "1969-12-31T23:59:59.999999Z"),
        (1 << 62, "Timestamp", str(1 << 62)),  # beyond the year 9999
        (15_706, "Date", "2013-01-01"),
        (-(10**9), "Date", str(-(10**9))),
    ],
)
def test_times_have_one_spelling(key: int, kind: str, text: str) -> None:
    assert text_of_key(key, kind) == text
    assert key_of_text(text, kind) == key


def test_edges_are_the_exact_quantiles_where_enough_rows_hold_them() -> None:
    # 0 to 199, of each 30: the n-th of 20 parts ends with 10 n - 1.
    found = edges_of(exact([key for key in range(200) for _ in range(30)]), LEAST)
    assert found is not None
    assert found.keys == tuple(range(9, 199, 10))
    assert found.counts == (300,) * PARTS
    assert (found.lower, found.upper) == (0, 199)


def test_a_value_of_few_rows_is_no_edge_and_no_bound() -> None:
    # Each value once: whatever is told is a range of at least LEAST of them.
    keys = random.Random(1).sample(range(10**6), 1000)  # noqa: S311 - the same each time
    found = edges_of(exact(keys), LEAST)
    assert found is not None
    assert not set(found.keys) & set(keys)
    assert found.lower not in keys
    assert found.upper not in keys
    assert min(found.counts) >= LEAST


def test_fewer_rows_than_may_be_told_have_no_edges() -> None:
    assert edges_of(exact([1] * (LEAST - 1)), LEAST) is None
    assert edges_of(exact([1] * LEAST), LEAST) is not None


def test_a_bound_that_few_rows_are_near_is_withheld() -> None:
    # Five are below zero, and no range of the grid has them and others.
    found = edges_of(exact([-5] * 5 + list(range(100)) * 3), LEAST)
    assert found is not None
    assert found.lower is None


def test_a_part_between_two_edges_is_never_small() -> None:
    # The hundredth of 1,000 rows is a 3. Few are, so its cell takes the 2s with it, which are a
    # part already: what would be between both edges is ten rows.
    keys = [2] * 95 + [3] * 10 + [1024 + at // 25 for at in range(895)]
    found = edges_of(exact(keys), LEAST)
    assert found is not None
    assert found.keys[0] == 2
    assert 3 not in found.keys
    assert min(found.counts) >= LEAST


def test_the_last_part_is_never_small() -> None:
    # The 943rd of 992 rows is a 100, of which there are 46; ten rows are behind them.
    keys = [at // 25 for at in range(900)] + [64 + at for at in range(42)] + [100] * 45 + [999] * 5
    found = edges_of(exact(keys), LEAST)
    assert found is not None
    assert 100 not in found.keys
    assert min(found.counts) >= LEAST
    assert sum(found.counts) == len(keys)


KEYS = st.lists(st.integers(-50, 50) | st.integers(-(1 << 63), (1 << 63) - 1), max_size=400)


@given(KEYS, st.integers(20, 60))
def test_counts_are_exact_and_none_is_small(keys: list[int], least: int) -> None:
    found = edges_of(exact(keys), least)
    if found is None:
        assert len(keys) < least
        return
    ordered = sorted(keys)
    ends = [bisect_right(ordered, key) for key in found.keys] + [len(keys)]
    assert list(found.counts) == [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    assert min(found.counts) >= least
    assert list(found.keys) == sorted(set(found.keys))
    assert found.lower is None or found.lower <= ordered[0]
    assert found.upper is None or found.upper >= ordered[-1]


def test_cells_of_many_values_keep_their_order_and_their_counts() -> None:
    chance = random.Random(2)  # noqa: S311 - the same each time
    keys = [key_of_number(chance.gauss(0, 1)) for _ in range(4 * MAX_CELLS)]
    shift = 0
    while len({key >> shift for key in keys}) > MAX_CELLS:
        shift += 1
    counted = sorted(Counter(key >> shift for key in keys).items())
    found = edges_of(Cells([c for c, _ in counted], [n for _, n in counted], shift), LEAST)
    assert found is not None
    ordered = sorted(keys)
    ends = [bisect_right(ordered, key) for key in found.keys]
    assert len(ends) == PARTS - 1
    for part, end in enumerate(ends, 1):
        assert abs(end / len(keys) - part / PARTS) < 0.005
