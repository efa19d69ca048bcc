"""A drafted status keeps its history, never shows Reconciling and Stalled together, and sums up honestly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.errors import Forbidden, GloveboxError, InvalidInput, NotReady, Refused, Unavailable
from glovebox.status.draft import Draft
from glovebox.status.kstatus import kstatus

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
LASTING = ("Ready", "Verified")
READY = ("Provisioned", "all is well")


def resource(**status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": 3}, "status": status or {"observedGeneration": -1}}


def render(draft: Draft) -> dict[str, Any]:
    return draft.render(("Verified",), READY)


def answers(status: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: entry["status"] for entry in status["conditions"]}


def test_a_first_visit_that_finds_nothing_out_writes_every_condition_as_unknown() -> None:
    status = render(Draft(resource(), LASTING, NOW))
    assert answers(status) == {"Ready": "False", "Verified": "Unknown"}
    assert {entry["reason"] for entry in status["conditions"]} == {"Pending"}
    assert status["observedGeneration"] == 3


def test_ready_takes_the_reason_of_the_first_required_condition_that_is_not_true() -> None:
    draft = Draft(resource(), LASTING, NOW)
    draft.no("Verified", "DigestMismatch", "other bytes")
    ready = render(draft)["conditions"][0]
    assert (ready["status"], ready["reason"], ready["message"]) == (
        "False",
        "DigestMismatch",
        "other bytes",
    )


def test_the_transition_time_moves_with_the_answer_and_not_with_the_message() -> None:
    draft = Draft(resource(), LASTING, NOW)
    draft.yes("Verified", "Verified", "9 objects")
    first = render(draft)
    again = Draft({"metadata": {"generation": 3}, "status": first}, LASTING, LATER)
    again.yes("Verified", "Verified", "10 objects")
    second = render(again)
    assert second["conditions"][1]["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    assert second["conditions"][1]["message"] == "10 objects"
    third = Draft({"metadata": {"generation": 3}, "status": second}, LASTING, LATER)
    third.no("Verified", "ObjectsMissing")
    assert render(third)["conditions"][1]["lastTransitionTime"] == "2026-01-02T04:00:00Z"


def test_a_second_look_that_finds_the_same_renders_the_same_so_that_nothing_is_written() -> None:
    draft = Draft(resource(), LASTING, NOW)
    draft.yes("Verified", "Verified", "9 objects")
    draft.set(digest="sha256:1")
    first = render(draft)
    again = Draft({"metadata": {"generation": 3}, "status": first}, LASTING, LATER)
    again.yes("Verified", "Verified", "9 objects")
    again.set(digest="sha256:1")
    assert render(again) == first


@pytest.mark.parametrize(
    ("error", "present", "judged"),
    [
        pytest.param(
            InvalidInput("InvalidSpec", "m"),
            "Stalled",
            "Failed",
            id="nothing but a change of the spec can help",
        ),
        pytest.param(Refused("QuotaOutOfRange", "m"), "Stalled", "Failed", id="a rule forbids it"),
        pytest.param(
            NotReady("PinNotFound", "m"),
            "Reconciling",
            "InProgress",
            id="it waits for another object",
        ),
        pytest.param(
            Unavailable("StoreUnavailable", "m"),
            "Reconciling",
            "InProgress",
            id="it is tried again",
        ),
        pytest.param(
            Forbidden("Forbidden", "m"), "Reconciling", "InProgress", id="a right may come back"
        ),
    ],
)
def test_each_error_is_shown_as_waiting_programs_expect(
    error: GloveboxError, present: str, judged: str
) -> None:
    draft = Draft(resource(), LASTING, NOW)
    draft.failed(error)
    status = render(draft)
    shown = answers(status)
    assert shown["Ready"] == "False"
    assert shown[present] == "True"
    assert len({"Stalled", "Reconciling"} & shown.keys()) == 1
    assert kstatus({"metadata": {"generation": 3}, "status": status}) == judged


def test_what_was_found_before_an_error_stays_told() -> None:
    draft = Draft(resource(), LASTING, NOW)
    draft.yes("Verified", "Verified")
    draft.failed(Unavailable("ApiUnavailable", "m"))
    assert answers(render(draft))["Verified"] == "True"


def test_stalled_goes_away_with_its_cause() -> None:
    draft = Draft(resource(), LASTING, NOW)
    draft.failed(InvalidInput("InvalidSpec", "m"))
    again = Draft({"metadata": {"generation": 4}, "status": render(draft)}, LASTING, LATER)
    again.yes("Verified", "Verified")
    status = render(again)
    assert answers(status) == {"Ready": "True", "Verified": "True"}
    assert kstatus({"metadata": {"generation": 4}, "status": status}) == "Current"


def test_none_removes_a_field() -> None:
    draft = Draft(resource(observedGeneration=3, findings={"missing": 1}), LASTING, NOW)
    draft.set(findings=None)
    assert "findings" not in render(draft)
