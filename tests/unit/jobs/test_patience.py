from __future__ import annotations

from collections.abc import Callable

import pytest

from glovebox.errors import InvalidInput, Unavailable
from glovebox.jobs.patience import Patience
from glovebox.store.connection import JobStoppedError, Stop


class Waits(Stop):
    """Moves the clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0)
        self.now += timeout or 0
        return self.is_set()


def failing(
    times: int, error: Exception, then: Callable[[], None] = lambda: None
) -> Callable[[], str]:
    left = [times]

    def work() -> str:
        if left[0]:
            left[0] -= 1
            then()
            raise error
        return "done"

    return work


def test_what_is_unavailable_is_tried_again_ever_more_slowly() -> None:
    stop = Waits()
    assert (
        Patience(60, lambda: stop.now, stop).attempt(failing(4, Unavailable("Busy", "busy")))
        == "done"
    )
    assert len(stop.waited) == 4
    assert stop.waited[3] > stop.waited[0]
    assert max(stop.waited) <= 5


def test_without_progress_it_is_given_up() -> None:
    stop = Waits()
    with pytest.raises(Unavailable):
        Patience(10, lambda: stop.now, stop).attempt(failing(1000, Unavailable("Busy", "busy")))
    assert 10 < stop.now < 20


def test_progress_anywhere_keeps_it_going() -> None:
    stop = Waits()
    patience = Patience(10, lambda: stop.now, stop)
    assert (
        patience.attempt(failing(100, Unavailable("Busy", "busy"), patience.progressed)) == "done"
    )
    assert stop.now > 10


def test_what_is_wrong_is_not_tried_again() -> None:
    stop = Waits()
    with pytest.raises(InvalidInput):
        Patience(10, lambda: stop.now, stop).attempt(failing(1, InvalidInput("Differs", "differs")))
    assert stop.waited == []


def test_an_end_is_heard_between_two_attempts() -> None:
    stop = Waits()
    with pytest.raises(JobStoppedError):
        Patience(10, lambda: stop.now, stop).attempt(
            failing(1, Unavailable("Busy", "busy"), stop.set)
        )
