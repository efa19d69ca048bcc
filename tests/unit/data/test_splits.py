"""Which part a key belongs to: golden vectors that no version may change, and what moves no key.

The vectors are in `splits.json`, for whoever computes the same in another language.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.row_keys import canonical_key
from glovebox.data.split_result import digest_keys
from glovebox.data.splits import (
    WHOLE,
    ByAssignment,
    ByShare,
    ByTime,
    hash_of,
    moment_bytes,
    moment_of,
    moment_of_text,
    nanoseconds,
    time_of,
)

from .test_row_keys import value_of

VECTORS: list[dict[str, Any]] = orjson.loads((Path(__file__).parent / "splits.json").read_bytes())
NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
SECOND = 10**9


def number(u: int) -> bytes:
    return u.to_bytes(8, "big") + bytes(8)


@st.composite
def all_shares(draw: st.DrawFn) -> tuple[int, ...]:
    cuts = draw(st.lists(st.integers(1, WHOLE - 1), min_size=1, max_size=15, unique=True))
    ends = [0, *sorted(cuts), WHOLE]
    return tuple(b - a for a, b in pairwise(ends))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    key = canonical_key(map(value_of, vector["key"]))
    assert key.hex() == vector["canonical"]
    found = hash_of(vector["salt"], key)
    assert found.hex() == vector["sha256"]
    for shares, part in vector["part"].items():
        assert ByShare(map(int, shares.split("/"))).part_of(found) == part
    # As the module's own text says it, without its help.
    salt = vector["salt"].encode()
    said = b"\0glovebox-split/v1\0" + len(salt).to_bytes(4, "big") + salt + key
    assert hashlib.sha256(said).hexdigest() == vector["sha256"]
    assert int(vector["sha256"][:16], 16) == int(vector["u"])


def test_the_vectors_reach_every_part() -> None:
    assert {vector["part"]["2500/2500/5000"] for vector in VECTORS} == {0, 1, 2}


@given(st.integers(0, (1 << 64) - 1), all_shares())
def test_a_number_is_in_the_one_part_whose_thresholds_hold_it(
    u: int, shares: tuple[int, ...]
) -> None:
    part = ByShare(shares).part_of(number(u))
    before, until = sum(shares[:part]), sum(shares[: part + 1])
    assert before << 64 <= u * WHOLE < until << 64


@pytest.mark.parametrize(
    ("u", "part"),
    [
        pytest.param(0, 0, id="the smallest"),
        pytest.param((1 << 64) // 2 - 1, 0, id="just below"),
        pytest.param((1 << 64) // 2, 1, id="the boundary belongs to what follows"),
        pytest.param((1 << 64) - 1, 1, id="the largest"),
    ],
)
def test_the_boundaries(u: int, part: int) -> None:
    assert ByShare((5000, 5000)).part_of(number(u)) == part


@given(st.integers(0, (1 << 64) - 1), all_shares(), st.data())
def test_what_comes_first_keeps_its_keys_when_the_rest_is_divided_otherwise(
    u: int, shares: tuple[int, ...], data: st.DataObject
) -> None:
    kept = data.draw(st.integers(1, len(shares)))
    rest = WHOLE - sum(shares[:kept])
    others = (rest,) if rest else ()
    one, other = ByShare(shares), ByShare((*shares[:kept], *others))
    first, second = one.part_of(number(u)), other.part_of(number(u))
    assert (first == second) if min(first, second) < kept else True


def test_shares_are_kept_about() -> None:
    members, counts = ByShare((1000, 9000)), [0, 0]
    for at in range(100_000):
        counts[members.part_of(hash_of("s", canonical_key((at,))))] += 1
    # 10,000 expected, and a standard deviation of 95.
    assert abs(counts[0] - 10_000) < 6 * 95


def test_another_salt_is_another_split() -> None:
    members = ByShare((5000, 5000))
    keys = [canonical_key((at,)) for at in range(1000)]
    one, other = (
        [members.part_of(hash_of(salt, key)) for key in keys] for salt in ("one", "other")
    )
    assert 400 < sum(a != b for a, b in zip(one, other, strict=True)) < 600


def test_a_salt_does_not_run_into_the_key() -> None:
    assert hash_of("a", b"bc") != hash_of("ab", b"c")


@pytest.mark.parametrize(
    ("moment", "part"),
    [
        pytest.param(-(1 << 62), 0, id="long before"),
        pytest.param(99, 0, id="before the embargo"),
        pytest.param(100, None, id="the embargo begins"),
        pytest.param(109, None, id="its last moment"),
        pytest.param(110, 1, id="the boundary belongs to what follows"),
        pytest.param(189, 1, id="before the next embargo"),
        pytest.param(195, None, id="the next embargo"),
        pytest.param(200, 2, id="the last part"),
        pytest.param(1 << 62, 2, id="it has no end"),
    ],
)
def test_parts_by_time(moment: int, part: int | None) -> None:
    assert ByTime((110, 200), 10).part_of(moment_bytes(moment)) == part


@given(st.lists(st.integers(-(1 << 62), 1 << 62), min_size=2), st.integers(0, 10**12))
def test_what_is_in_an_earlier_part_is_earlier_by_more_than_the_embargo(
    moments: list[int], embargo: int
) -> None:
    members = ByTime((0, 1 << 40, 1 << 50), embargo)
    parts = {moment: members.part_of(moment_bytes(moment)) for moment in moments}
    for one, first in parts.items():
        for other, second in parts.items():
            if first is not None and second is not None and first < second:
                assert other - one > embargo


def test_a_list_says_parts_and_nothing_of_other_keys() -> None:
    keys = sorted(hash_of("", canonical_key((at,)))[:16] for at in range(1000))
    listed = keys[::2]
    members = ByAssignment((key, at % 3) for at, key in enumerate(listed))
    assert len(members) == 500
    assert [members.part_of(key) for key in listed] == [at % 3 for at in range(500)]
    assert {members.part_of(key) for key in keys[1::2]} == {None}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2013-01-01", datetime(2013, 1, 1, tzinfo=UTC), id="a date"),
        pytest.param("2013-01-01T12:00:00Z", NOON, id="a moment"),
        pytest.param("2013-01-01T12:00:00", NOON, id="without a zone it is UTC"),
        pytest.param("2013-01-01T07:00:00-05:00", NOON, id="another zone"),
        pytest.param("2013-01-01T12:00:00.000001Z", None, id="a millionth"),
        pytest.param("yesterday", None, id="a word"),
        pytest.param("2013-13-01", None, id="no date"),
        pytest.param("9999-12-31", None, id="a day that means for ever"),
        pytest.param("1600-01-01T00:00:00Z", None, id="a moment of too long ago"),
        pytest.param(
            "1678-01-01T00:00:00+14:00",
            datetime(1677, 12, 31, 10, tzinfo=UTC),
            id="the first of all",
        ),
        pytest.param(
            "2261-12-31T23:59:59-12:00",
            datetime(2262, 1, 1, 11, 59, 59, tzinfo=UTC),
            id="the last of all",
        ),
    ],
)
def test_moments_of_text(text: str, moment: datetime | None) -> None:
    found = moment_of_text(text)
    if found is not None:
        assert moment_of(moment_bytes(found)) == found
    if text.endswith("001Z"):
        assert found == nanoseconds(NOON) + 1000
    else:
        assert found == (nanoseconds(moment) if moment is not None else None)


def test_moments_there_and_back() -> None:
    assert nanoseconds(NOON) == 1357041600 * SECOND
    assert time_of(nanoseconds(NOON)) == NOON
    assert nanoseconds(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -SECOND


def test_the_digest_of_keys_counts_each_once() -> None:
    keys = [bytes([at]) * 16 for at in (1, 2, 2, 3)]
    wanted = hashlib.sha256(keys[0] + keys[1] + keys[3]).hexdigest()
    assert digest_keys(keys) == (3, f"sha256:{wanted}")
