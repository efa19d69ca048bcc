"""Asking whether a destination has what it took: seldom, patiently, and never of nothing."""

from __future__ import annotations

import pytest

from glovebox.lineage.read_back import Kept, ReadBack

HOUR = 3600.0


def asked(read_back: ReadBack, now: float, answer: Kept) -> tuple[float, bool]:
    """Wait until it is to be asked, answer, and return when that was and whether it is news."""
    wait = read_back.wait_seconds(now)
    assert wait is not None
    now += wait
    assert read_back.next(now)
    return now, read_back.answered(answer, now)


def test_only_the_end_of_a_run_is_asked_for() -> None:
    read_back = ReadBack()
    read_back.delivered("a", "START", 0.0)
    assert read_back.wait_seconds(0.0) is None
    read_back.delivered("a", "FAIL", 0.0)
    assert read_back.next(59.0) == ""
    assert read_back.next(60.0) == "a"


def test_what_is_there_is_asked_for_once_and_the_next_run_an_hour_later() -> None:
    read_back = ReadBack()
    read_back.delivered("a", "COMPLETE", 0.0)
    now, is_news = asked(read_back, 0.0, "found")
    assert (read_back.is_kept, is_news) == (True, False)
    read_back.delivered("b", "COMPLETE", now + HOUR - 1)
    assert read_back.wait_seconds(now) is None
    read_back.delivered("c", "COMPLETE", now + HOUR)
    assert read_back.next(now + HOUR + 60) == "c"


def test_one_run_at_a_time_is_asked_for() -> None:
    read_back = ReadBack()
    read_back.delivered("a", "COMPLETE", 0.0)
    read_back.delivered("b", "COMPLETE", 50.0)
    assert read_back.next(60.0) == "a"


def test_a_slow_consumer_has_half_an_hour_and_is_told_of_once() -> None:
    read_back = ReadBack()
    read_back.delivered("a", "COMPLETE", 0.0)
    now, found = 0.0, []
    for _ in range(3):
        now, is_news = asked(read_back, now, "missing")
        found.append((now, read_back.is_kept, is_news))
    assert found == [(60.0, None, False), (360.0, None, False), (2160.0, False, True)]
    now, is_news = asked(read_back, now, "missing")
    assert (now, read_back.is_kept, is_news) == (2160.0 + HOUR, False, False)
    asked(read_back, now, "found")
    assert read_back.is_kept is True


def test_after_one_that_is_lost_the_next_run_is_asked_for_at_once() -> None:
    read_back = ReadBack()
    read_back.delivered("a", "COMPLETE", 0.0)
    now = 0.0
    for _ in range(3):
        now, _ = asked(read_back, now, "missing")
    read_back.delivered("b", "COMPLETE", now)
    assert read_back.next(now + 60.0) == "b"


@pytest.mark.parametrize("times", [1, 50])
def test_no_answer_is_no_judgement(times: int) -> None:
    read_back = ReadBack()
    read_back.delivered("a", "COMPLETE", 0.0)
    now = 0.0
    for _ in range(times):
        now, is_news = asked(read_back, now, "unknown")
        assert (read_back.is_kept, is_news) == (None, False)
    asked(read_back, now, "found")
    assert read_back.is_kept is True
