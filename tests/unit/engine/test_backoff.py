"""Waits double, stay bounded, differ between keys, and are forgotten after a success."""

from __future__ import annotations

from glovebox.engine.backoff import LONGEST_SECONDS, Backoff


def test_waits_double_up_to_the_bound() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.failed("a") for _ in range(12)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST_SECONDS


def test_a_day_of_failures_overflows_nothing() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.failed("a", first=0.05, longest=10.0) for _ in range(3_000)]
    assert (waits[0], waits[-1]) == (0.05, 10.0)


def test_jitter_takes_away_at_most_half() -> None:
    assert Backoff(lambda: 0.0).failed("a") == 0.25


def test_a_success_forgets() -> None:
    backoff = Backoff(lambda: 1.0)
    backoff.failed("a")
    backoff.failed("a")
    backoff.succeeded("a")
    assert backoff.failures("a") == 0
    assert backoff.failed("a") == 0.5
