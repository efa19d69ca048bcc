"""When new words are written."""

from __future__ import annotations

from glovebox.controllers.message_pace import FIRST_SECONDS, LONGEST_SECONDS, MessagePace
from glovebox.kube.resources import Key

ONE, OTHER = Key("Experiment", "a", "one"), Key("Experiment", "a", "other")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def writes_in(clock: Clock, pace: MessagePace, seconds: int) -> int:
    """Return how many writes a message costs that differs at every look, one a second."""
    written = 0
    for _ in range(seconds):
        clock.now += 1
        if pace.seconds_to_wait(ONE) == 0:
            pace.note_words(ONE)
            written += 1
    return written


def test_the_first_new_words_wait_for_the_first_seconds_whatever_they_become() -> None:
    clock = Clock()
    pace = MessagePace(clock)

    waits = []
    for _ in range(3):
        waits.append(pace.seconds_to_wait(ONE))
        clock.now += FIRST_SECONDS / 2

    assert waits == [FIRST_SECONDS, FIRST_SECONDS / 2, 0.0]


def test_a_message_that_changes_with_every_look_costs_few_writes() -> None:
    clock = Clock()
    pace = MessagePace(clock)

    # 5 s, and then gaps of 10, 20, 40, 80, 160 s and of 300 s from there on.
    assert writes_in(clock, pace, 320) == 6
    assert writes_in(clock, pace, 3_600) == 3_600 / LONGEST_SECONDS


def test_after_a_quiet_time_new_words_wait_as_the_first_ones_did() -> None:
    clock = Clock()
    pace = MessagePace(clock)
    writes_in(clock, pace, 100)

    pace.note_same(ONE)
    clock.now += LONGEST_SECONDS

    assert pace.seconds_to_wait(ONE) == FIRST_SECONDS


def test_words_that_went_back_wait_no_longer() -> None:
    clock = Clock()
    pace = MessagePace(clock)
    pace.seconds_to_wait(ONE)

    pace.note_same(ONE)
    clock.now += FIRST_SECONDS

    assert pace.seconds_to_wait(ONE) == FIRST_SECONDS


def test_one_resource_does_not_hold_back_another_and_a_new_answer_begins_anew() -> None:
    clock = Clock()
    pace = MessagePace(clock)
    writes_in(clock, pace, 100)

    assert pace.seconds_to_wait(OTHER) == FIRST_SECONDS
    pace.forget(ONE)
    assert pace.seconds_to_wait(ONE) == FIRST_SECONDS
