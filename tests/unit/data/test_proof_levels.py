"""When a pin is proven again, and which objects a sample reads."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.proof_levels import Level, Past, choose, due_time, is_overdue, last_time

PINNED = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def at(days: float) -> datetime:
    return PINNED + days * DAY


# Each: the level, what was proven before, its interval, and on which day it is due.
DUE: dict[str, tuple[Level, dict[Level, Past], timedelta, float]] = {
    "a pin that was never asked for is due an interval after it was pinned": (
        Level.HEAD,
        {},
        WEEK,
        7,
    ),
    "each proof counts from the one before": (Level.HEAD, {Level.HEAD: Past(at(3))}, WEEK, 10),
    "who has read everything needs no sample": (
        Level.SAMPLE,
        {Level.SAMPLE: Past(at(1)), Level.FULL: Past(at(5))},
        DAY,
        6,
    ),
    "a sample is no proof in full": (
        Level.FULL,
        {Level.SAMPLE: Past(at(9)), Level.FULL: Past(at(0))},
        WEEK,
        7,
    ),
    "reading says nothing of locks": (Level.HEAD, {Level.FULL: Past(at(5))}, WEEK, 7),
    "what a sample found calls for a proof in full at once": (
        Level.FULL,
        {Level.SAMPLE: Past(at(2), found=True), Level.FULL: Past(at(0))},
        90 * DAY,
        2,
    ),
    "and for no second one": (
        Level.FULL,
        {Level.SAMPLE: Past(at(2), found=True), Level.FULL: Past(at(3))},
        90 * DAY,
        93,
    ),
    "what was found is looked at again within a day": (
        Level.HEAD,
        {Level.HEAD: Past(at(3), found=True)},
        WEEK,
        4,
    ),
    "but not later than it would be": (
        Level.HEAD,
        {Level.HEAD: Past(at(3), found=True)},
        DAY / 2,
        3.5,
    ),
}


@pytest.mark.parametrize("case", DUE)
def test_when_a_proof_is_due(case: str) -> None:
    level, past, interval, day = DUE[case]
    assert due_time(level, past, interval, PINNED) == at(day)


def test_a_proof_is_overdue_after_half_of_its_interval_more() -> None:
    assert not is_overdue(at(7), WEEK, at(10.5))
    assert is_overdue(at(7), WEEK, at(10.6))


def test_a_store_that_hiccups_makes_no_proof_overdue() -> None:
    minute = timedelta(minutes=1)
    assert not is_overdue(at(7), minute, at(7) + 5 * minute)
    assert is_overdue(at(7), minute, at(7) + 6 * minute)


def test_a_proof_in_full_is_the_last_sample() -> None:
    past = {Level.SAMPLE: Past(at(1)), Level.FULL: Past(at(2))}
    assert last_time(Level.SAMPLE, past) == at(2)
    assert last_time(Level.HEAD, past) is None


def entries(number: int) -> list[Entry]:
    return [
        Entry(f"{n:04}", n, f"{n:064x}", "data", f"set/{n:04}", f"v{n}", DigestSource.COMPUTED)
        for n in range(number)
    ]


def test_anybody_can_compute_a_sample_from_seed_root_and_path() -> None:
    found = [entry.path for entry in choose(entries(500), "s33d", "sha256:r00t", 7)]
    ranked = sorted(
        (f"{n:04}" for n in range(500)),
        key=lambda path: hashlib.sha256(f"s33d\nsha256:r00t\n{path}\n".encode()).digest(),
    )
    assert found == sorted(ranked[:7])


def test_another_seed_and_another_pin_are_other_samples() -> None:
    one = choose(entries(500), "a", "root", 20)
    assert one == choose(iter(entries(500)), "a", "root", 20)
    assert one != choose(entries(500), "b", "root", 20)
    assert one != choose(entries(500), "a", "other", 20)


def test_a_sample_of_more_than_there_is_is_everything() -> None:
    assert choose(entries(5), "a", "root", 299) == entries(5)


def test_every_object_is_sampled_as_often_as_any_other() -> None:
    hits = dict.fromkeys((entry.path for entry in entries(50)), 0)
    for number in range(2000):
        for entry in choose(entries(50), f"seed {number}", "root", 5):
            hits[entry.path] += 1
    # 200 are expected of each; five standard deviations are 67.
    assert all(abs(count - 200) < 67 for count in hits.values())


def test_a_sample_is_no_larger_than_it_may_be_but_for_its_first_object() -> None:
    alike = [replace(entry, size=10) for entry in entries(50)]
    every = choose(alike, "a", "root", 20)
    for most, number in ((30, 3), (39, 3), (1, 1), (1000, 20)):
        some = choose(alike, "a", "root", 20, most)
        assert len(some) == number
        assert set(some) <= set(every)
