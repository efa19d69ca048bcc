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


def test_a_message_is_as_long_as_the_field_takes_and_no_longer() -> None:
    """A status with a longer one would be refused as a whole."""
    made = builder()
    made.mark_false("Ready", "Broken", "x" * 2049)
    made.mark_unknown("Verified", "NotKnown", "y" * 2048)
    found = conditions(made.render())
    assert found["Ready"]["message"] == "x" * 2048
    assert found["Verified"]["message"] == "y" * 2048
    assert found["Verified"]["status"] == "Unknown"


def test_what_goes_on_is_kept_where_that_is_asked_for_and_nothing_is_made_up() -> None:
    first = builder()
    first.mark_true("Reconciling", "Provisioning", "it goes on")
    again = builder(first.render())
    again.keep("Reconciling")
    again.keep("Stalled")
    assert conditions(again.render())["Reconciling"] == conditions(first.render())["Reconciling"]
    assert "Stalled" not in conditions(again.render())


def test_what_stands_is_the_mark_of_now_else_that_of_before_else_not_known() -> None:
    first = builder()
    first.mark_true("Verified", "Verified", "9 objects")
    again = builder(first.render())
    assert again.current("Verified") == ("True", "Verified", "9 objects")
    assert not again.is_marked("Verified")
    again.mark_false("Verified", "ObjectsMissing", "8 objects")
    assert again.current("Verified") == ("False", "ObjectsMissing", "8 objects")
    assert again.is_marked("Verified")
    assert builder().current("Verified")[:2] == ("Unknown", "NotLooked")
