"""Waits double, stay bounded, differ between keys that fail together, and are forgotten after a success."""

from __future__ import annotations

from glovebox.engine.backoff import LONGEST_SECONDS, Backoff


def test_waits_double_up_to_the_bound() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.failed("a") for _ in range(12)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST_SECONDS


def test_jitter_takes_away_at_most_half() -> None:
    assert Backoff(lambda: 0.0).failed("a") == 0.25


def test_a_success_forgets() -> None:
    backoff = Backoff(lambda: 1.0)
    backoff.failed("a")
    backoff.failed("a")
    backoff.succeeded("a")
    assert backoff.failures("a") == 0
    assert backoff.failed("a") == 0.5
