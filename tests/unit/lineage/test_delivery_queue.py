"""What waits for a destination: order, backoff, breaker, and what is given up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from glovebox.lineage.delivery_queue import REFUSALS, REST_MOST_SECONDS, DeliveryQueue, PendingEvent

HOUR = 3_600.0
_LETTER = PendingEvent(
    name="",
    note_uid="n",
    destination="consumer",
    team="team-a",
    experiment="x",
    uid="",
    type="",
    time="2026-11-25T11:00:00Z",
    store="primary",
    bucket="artifacts",
    key="k",
    digest="sha256:0",
    noted=0.0,
)


def event(run: str, kind: str = "START", **more: Any) -> PendingEvent:
    return replace(_LETTER, name=f"{run}-{kind}", uid=run, type=kind, **more)


def line(*events: PendingEvent) -> DeliveryQueue:
    made = DeliveryQueue(lambda: 0.5)
    for each in events:
        made.add(each)
    return made


def refuse(of: DeliveryQueue, what: PendingEvent, now: float) -> tuple[int, float]:
    """Refuse an event, and take another each time, until it is given up: how often, and when."""
    for times in range(1, 20):
        if of.refused(what, now):
            return times, now
        of.answered()
        now += 600.0
    raise AssertionError("it is never given up")


@pytest.mark.parametrize("order", [("START", "COMPLETE"), ("COMPLETE", "START")])
def test_the_events_of_a_run_keep_their_order_however_they_came(order: tuple[str, str]) -> None:
    waits = line(*(event("a", kind) for kind in order))
    first = waits.next(0.0)
    assert first == event("a", "START")
    assert waits.next(0.0) == first
    waits.drop(first)
    assert waits.next(0.0) == event("a", "COMPLETE")


def test_a_letter_is_taken_in_once() -> None:
    waits = line(event("a"))
    assert not waits.add(event("a"))
    assert len(waits) == 1


def test_a_destination_that_does_not_answer_rests_longer_each_time_up_to_a_bound() -> None:
    waits, now, rests = line(event("a")), 0.0, []
    while now < HOUR:
        assert waits.next(now) is not None
        rests.append(waits.failed(event("a"), now))
        assert waits.next(now) is None
        now += waits.wait_seconds(now) or 0.0
    assert rests[:4] == [2.0, 4.0, 8.0, 16.0]
    assert rests[-1] == REST_MOST_SECONDS
    assert not waits.is_up
    assert len(waits) == 1  # whatever happens, nothing is given up


def test_one_answer_closes_the_breaker() -> None:
    waits = line(event("a"), event("b"))
    for _ in range(9):
        waits.failed(event("a"), 0.0)
    waits.answered()
    assert waits.is_up
    assert waits.next(0.0) is not None
    assert waits.failed(event("a"), 0.0) == 2.0


def test_what_a_destination_asks_for_is_granted_within_a_bound() -> None:
    assert line(event("a")).failed(event("a"), 0.0, 120.0) == 120.0
    assert line(event("a")).failed(event("a"), 0.0, 1e9) == REST_MOST_SECONDS


def test_a_refused_letter_lets_others_go_first_and_is_given_up_after_some_tries() -> None:
    waits = line(event("a"), event("b"))
    assert not waits.refused(event("a"), 0.0)
    assert waits.next(0.0) == event("b")
    assert waits.is_up
    times, _ = refuse(line(event("a")), event("a"), 0.0)
    assert times == REFUSALS


def test_the_end_of_a_run_waits_for_its_start_and_goes_once_that_is_given_up() -> None:
    waits = line(event("a", "START"), event("a", "COMPLETE"))
    refuse(waits, event("a", "START"), 0.0)
    assert waits.next(HOUR) == event("a", "START")
    waits.drop(event("a", "START"))
    assert waits.next(HOUR) == event("a", "COMPLETE")


@pytest.mark.parametrize("many", [1, 3, 30])
def test_a_destination_that_refuses_everything_is_taken_for_one_that_is_down(many: int) -> None:
    events = [event(str(number)) for number in range(many)]
    waits, now, given_up = line(*events), 0.0, 0
    while now < 24 * HOUR:
        what = waits.next(now)
        if what is None:
            now += waits.wait_seconds(now) or 1.0
        elif waits.refused(what, now):
            given_up += 1
            waits.drop(what)
    assert given_up == 0
    assert not waits.is_up


def test_what_cannot_be_read_lets_others_go_first() -> None:
    waits = line(event("a"), event("b"))
    waits.postpone(event("a"), 0.0)
    assert waits.next(0.0) == event("b")
    waits.drop(event("b"))
    assert waits.next(0.0) is None
    assert waits.next(60.0) == event("a")
    assert waits.is_up


def test_nothing_is_waited_for_where_nothing_waits() -> None:
    waits = line()
    assert waits.next(0.0) is None
    assert waits.wait_seconds(0.0) is None
    assert waits.oldest is None


def test_the_oldest_is_known() -> None:
    waits = line(event("a", noted=7.0), event("b", noted=3.0))
    assert waits.oldest == 3.0
    waits.drop(event("b"))
    assert waits.oldest == 7.0


def taken(of: DeliveryQueue, now: float) -> list[str]:
    """Take whatever has its turn; return the runs."""
    names = []
    while (what := of.next(now)) is not None:
        of.answered()
        of.drop(what)
        names.append(what.uid)
    return names


def test_teams_take_turns_however_much_one_of_them_has() -> None:
    of_many = [event(f"many-{number}", team="many") for number in range(5)]
    waits = line(*of_many, event("one", team="one"), event("two", team="two"))
    assert taken(waits, 0.0)[:4] == ["many-0", "one", "two", "many-1"]


@pytest.mark.parametrize("what", ["failed", "refused", "postpone", "unread"])
def test_what_goes_wrong_again_and_again_keeps_no_other_team_waiting(what: str) -> None:
    """A destination may fail over what is in one event, and a team chooses its names."""
    bad = [event(f"bad-{number}", team="bad", bucket="theirs") for number in range(50)]
    waits, now = line(*bad), 0.0
    for _ in range(200):  # each of them has had its turn, some of them often
        found = waits.next(now)
        if found is None:
            now += waits.wait_seconds(now) or 0.0
            continue
        getattr(waits, what)(found, now)
    waits.add(event("good", team="good"))
    now += REST_MOST_SECONDS * 2
    first = waits.next(now)
    assert first is not None
    assert first.uid == "good"


def test_who_failed_longest_ago_is_tried_next() -> None:
    waits, now, tried = line(event("a"), event("b"), event("c")), 0.0, []
    for _ in range(6):
        found = waits.next(now)
        assert found is not None
        tried.append(found.uid)
        waits.failed(found, now)
        now += REST_MOST_SECONDS * 2
    assert tried == ["a", "b", "c", "a", "b", "c"]


def test_a_store_that_does_not_answer_is_asked_once_and_others_are_delivered_from() -> None:
    gone = [event(f"gone-{number}", bucket="gone") for number in range(1000)]
    waits = line(*gone, event("here"), event("same-store", bucket="other"))
    found = waits.next(0.0)
    assert found == gone[0]
    waits.unread(found, 0.0)
    assert taken(waits, 0.0) == ["here", "same-store"]
    assert waits.wait_seconds(0.0) == 30.0
    again = waits.next(30.0)
    assert again is not None
    assert again.bucket == "gone"
    waits.was_read(again)
    assert sorted(taken(waits, 30.0)) == sorted(each.uid for each in gone)


def test_a_bucket_that_is_away_rests_longer_each_time_up_to_a_bound() -> None:
    waits, now, rests = line(event("a")), 0.0, []
    for _ in range(12):
        waits.unread(event("a"), now)
        rests.append(waits.wait_seconds(now) or 0.0)
        now += rests[-1]
    assert rests[:3] == [30.0, 60.0, 90.0]
    assert rests[-1] == REST_MOST_SECONDS


def test_very_many_letters_cost_little_each() -> None:
    waits = line(*(event(str(number)) for number in range(20_000)))
    for _ in range(20_000):
        what = waits.next(0.0)
        assert what is not None
        waits.drop(what)
    assert len(waits) == 0
