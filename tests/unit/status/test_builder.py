"""A status keeps its history, and speaks only of what was looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from glovebox.status.builder import StatusBuilder
from glovebox.status.text import format_time

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
TYPES = ("Ready", "Verified")


def builder(previous: dict[str, Any] | None = None, generation: int = 3) -> StatusBuilder:
    return StatusBuilder(previous, generation, TYPES, NOW if previous is None else LATER)


def conditions(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["type"]: entry for entry in status["conditions"]}


def test_every_type_is_there_from_the_first_write_as_not_looked() -> None:
    status = builder().render()
    assert {each["status"] for each in status["conditions"]} == {"Unknown"}
    assert {each["reason"] for each in status["conditions"]} == {"NotLooked"}
    assert [each["type"] for each in status["conditions"]] == ["Ready", "Verified"]


def test_a_condition_that_nobody_looked_at_keeps_its_answer_and_its_generation() -> None:
    first = builder(generation=3)
    first.mark_true("Verified", "Verified", "9 objects")
    again = builder(first.render(), generation=7)
    again.mark_false("Ready", "Suspended")
    found = conditions(again.render())
    assert found["Verified"]["observedGeneration"] == 3, "nobody looked at it for generation 7"
    assert found["Ready"]["observedGeneration"] == 7


def test_the_transition_time_moves_with_the_answer_and_not_with_the_message() -> None:
    first = builder()
    first.mark_true("Verified", "Verified", "9 objects")
    second = builder(first.render())
    second.mark_true("Verified", "Verified", "10 objects")
    found = conditions(second.render())["Verified"]
    assert (found["lastTransitionTime"], found["message"]) == (format_time(NOW), "10 objects")
    third = builder(second.render())
    third.mark_false("Verified", "ObjectsMissing")
    assert conditions(third.render())["Verified"]["lastTransitionTime"] == format_time(LATER)


def test_reconciling_and_stalled_are_there_only_while_true() -> None:
    first = builder()
    first.mark_true("Reconciling", "Provisioning")
    assert "Reconciling" in conditions(first.render())
    assert "Reconciling" not in conditions(builder(first.render()).render())


def test_fields_of_before_stay_and_none_removes_one() -> None:
    first = builder()
    first.set(digest="sha256:1", findings={"missing": 1})
    second = builder(first.render())
    second.set(findings=None)
    assert second.render()["digest"] == "sha256:1"
    assert "findings" not in second.render()


def test_times_are_written_in_utc_whatever_zone_they_come_in() -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(moment) == "2025-12-31T22:00:00Z"


def test_what_a_message_quotes_acts_on_no_terminal() -> None:
    """Keys of a store and notes of a pin are anybody's, and `kubectl` prints messages."""
    made = builder()
    made.mark_false("Ready", "Broken", "no `k\x1b[2J`\r\nReady: True\u202e")
    assert made.render()["conditions"][0]["message"] == r"no `k\x1b[2J` Ready: True\u202e"
