"""Held, and what it makes of Ready."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.errors import Forbidden, InvalidInput, NotReady, Refused, Unavailable
from glovebox.status.data_hold import HoldFacts, message_of, recorded_hold, with_hold

Json = dict[str, Any]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HELD = HoldFacts(recorded=recorded_hold(3, 1, "2026-11-28T11:00:00Z", NOW))
PROGRESS = {"phase": "Holding", "objects": 1}


def pin(answer: str, reason: str, **more: Any) -> Json:
    ready = {
        "type": "Ready",
        "status": answer,
        "reason": reason,
        "message": "words",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-28T11:00:00Z",
    }
    return {"metadata": {"generation": 1}, "status": {"conditions": [ready], **more}}


def conditions(status: Json | None) -> dict[str, tuple[str, str]]:
    found = (status or {})["conditions"]
    return {each["type"]: (each["status"], each["reason"]) for each in found}


WELL = pin("True", reasons.VERIFIED)
CASES: list[tuple[HoldFacts, tuple[str, str], str, str, str]] = [
    (HELD, ("True", reasons.HELD), "True", "", "Held"),
    (HoldFacts(), ("Unknown", reasons.HOLDING), "False", "Reconciling", "Holding"),
    (
        HoldFacts(progress=PROGRESS),
        ("Unknown", reasons.HOLDING),
        "False",
        "Reconciling",
        "Holding",
    ),
    (
        HoldFacts(error=Refused(reasons.HOLD_NOT_GRANTED, "no leave")),
        ("False", reasons.HOLD_NOT_GRANTED),
        "False",
        "Stalled",
        "Holding",
    ),
    (
        HoldFacts(error=InvalidInput(reasons.HOLD_REFUSED, "no lock")),
        ("False", reasons.HOLD_REFUSED),
        "False",
        "Stalled",
        "Holding",
    ),
    (
        HoldFacts(error=NotReady(reasons.HOLD_RELEASING, "wait")),
        ("Unknown", reasons.HOLD_RELEASING),
        "False",
        "Reconciling",
        "Releasing",
    ),
    (
        HoldFacts(error=Unavailable(reasons.STORE_BUSY, "slow down")),
        ("Unknown", reasons.NOT_HELD),
        "False",
        "Reconciling",
        "Holding",
    ),
    (
        HoldFacts(error=Forbidden(reasons.STORE_FORBIDDEN, "denied")),
        ("Unknown", reasons.NOT_HELD),
        "False",
        "Reconciling",
        "Holding",
    ),
    (
        HoldFacts(error=InvalidInput(reasons.OBJECT_NOT_FOUND, "gone")),
        ("Unknown", reasons.NOT_HELD),
        "False",
        "Stalled",
        "Holding",
    ),
]


@pytest.mark.parametrize(("facts", "held", "ready", "passing", "state"), CASES)
def test_a_pin_is_ready_only_where_its_versions_are_held(
    facts: HoldFacts, held: tuple[str, str], ready: str, passing: str, state: str
) -> None:
    status = with_hold(WELL, None, facts, NOW)
    found = conditions(status)
    assert (found["Held"], found["Ready"][0]) == (held, ready)
    assert {each for each in found if each in ("Reconciling", "Stalled")} == {passing} - {""}
    assert (status or {})["hold"]["state"] == state
    assert (status or {}).get("progress") == facts.progress


@pytest.mark.parametrize("facts", [case[0] for case in CASES])
def test_what_else_keeps_a_pin_from_being_ready_goes_first(facts: HoldFacts) -> None:
    found = conditions(with_hold(pin("False", reasons.CONTRACT_VIOLATED), None, facts, NOW))
    assert found["Ready"] == ("False", reasons.CONTRACT_VIOLATED)


def test_what_a_hold_kept_back_is_ready_once_it_is_there() -> None:
    waits = pin("False", reasons.HOLDING, progress=PROGRESS)
    status = with_hold(waits, None, HELD, NOW)
    assert conditions(status)["Ready"] == ("True", reasons.VERIFIED)
    assert "progress" not in (status or {})


def test_before_anything_is_pinned_nothing_is_decided() -> None:
    facts = HoldFacts(is_early=True)
    found = conditions(with_hold(pin("False", reasons.VERIFYING), None, facts, NOW))
    assert found == {
        "Ready": ("False", reasons.VERIFYING),
        "Held": ("Unknown", reasons.PENDING),
    }
    refused = conditions(with_hold(pin("False", reasons.HOLD_NOT_GRANTED), None, facts, NOW))
    assert refused["Held"] == ("False", reasons.HOLD_NOT_GRANTED)


def test_what_is_said_of_a_hold() -> None:
    assert HELD.recorded is not None
    assert message_of(HELD.recorded) == (
        "3 versions under a legal hold since 2026-11-28T11:00:00Z; 1 of them by somebody else"
        " before, who may let go of them"
    )
