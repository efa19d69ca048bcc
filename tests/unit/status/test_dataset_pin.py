"""What a pin's conditions say: what was verified stays so until the store says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.data.compare import Findings
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused, Unavailable
from glovebox.status.dataset_pin import PinFacts, compute_conditions, compute_status, finding_counts
from glovebox.status.outcome import Grace

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GRACE = timedelta(minutes=5)
AWAY = Unavailable("StoreUnreachable", "no answer")
EMPTY = InvalidInput("SourceEmpty", "nothing to pin")
GONE = InvalidInput("ManifestDiffers", "edited")
STORE = NotReady("StoreNotReady", "not proven yet")
REJECTED = InvalidInput("StoreRejected", "no such request")


def failing(error: GloveboxError, failures: int, since: timedelta) -> dict[str, Any]:
    return {"error": error, "failures": failures, "failing_since": NOW - since}


# Each: why the case exists, whether a manifest is recorded, what is known, and what is said.
CASES: dict[str, tuple[bool, dict[str, Any], dict[str, str]]] = {
    "the first look: nothing is known of the data": (
        False,
        {},
        {
            "Verified": "Unknown Verifying",
            "Ready": "False Verifying",
            "Reconciling": "True Verifying",
        },
    ),
    "a store that does not answer says nothing about data never read": (
        False,
        {"error": AWAY, "failures": 9},
        {
            "Verified": "Unknown StoreUnreachable",
            "Ready": "False StoreUnreachable",
            "Reconciling": "True StoreUnreachable",
        },
    ),
    "a store that is not ready is waited for": (
        False,
        {"error": STORE},
        {
            "Verified": "Unknown StoreNotReady",
            "Ready": "False StoreNotReady",
            "Reconciling": "True Pending",
        },
    ),
    "what the data refuse needs a person": (
        False,
        {"error": EMPTY, "failures": 1},
        {
            "Verified": "False SourceEmpty",
            "Ready": "False SourceEmpty",
            "Stalled": "True SourceEmpty",
        },
    ),
    "what was met before a restart stands until an attempt reports": (
        False,
        {"answered": True},
        {},
    ),
    "what is met after a restart replaces what was met before": (
        False,
        {"answered": True, "error": AWAY, "failures": 1},
        {
            "Verified": "Unknown StoreUnreachable",
            "Ready": "False StoreUnreachable",
            "Reconciling": "True StoreUnreachable",
        },
    ),
    "every byte was read": (
        True,
        {"built": True, "objects": 2, "bytes": 3},
        {"Verified": "True Verified", "DriftDetected": "False NoDrift", "Ready": "True Verified"},
    ),
    "a check found all as it was": (
        True,
        {"findings": Findings(), "objects": 2},
        {"Verified": "True Verified", "DriftDetected": "False NoDrift", "Ready": "True Verified"},
    ),
    "hidden objects harm no read by version": (
        True,
        {"findings": Findings(hidden=1, samples=("hidden a",))},
        {
            "Verified": "True Verified",
            "DriftDetected": "True ObjectsHidden",
            "Ready": "True Verified",
        },
    ),
    "a version that is gone is a definite answer": (
        True,
        {"findings": Findings(missing=1, extra=3, samples=("missing a",))},
        {
            "Verified": "False ObjectsMissing",
            "DriftDetected": "True ObjectsMissing",
            "Ready": "False ObjectsMissing",
            "Stalled": "True ObjectsMissing",
        },
    ),
    "other bytes are a definite answer": (
        True,
        {"findings": Findings(changed=1)},
        {
            "Verified": "False ObjectsChanged",
            "DriftDetected": "True ObjectsChanged",
            "Ready": "False ObjectsChanged",
            "Stalled": "True ObjectsChanged",
        },
    ),
    "a check runs": (True, {}, {}),
    "one timeout touches nothing": (True, failing(AWAY, 1, timedelta()), {}),
    "many tries in a short time touch nothing": (
        True,
        failing(AWAY, 50, GRACE - timedelta(seconds=1)),
        {},
    ),
    "two tries over a long time touch nothing": (True, failing(AWAY, 2, timedelta(hours=1)), {}),
    "after the grace time it is not known any more, and not False": (
        True,
        failing(AWAY, 3, GRACE),
        {
            "Verified": "Unknown ChecksFailing",
            "Ready": "Unknown ChecksFailing",
            "Reconciling": "True ChecksFailing",
        },
    ),
    "the grace time is a setting": (
        True,
        failing(AWAY, 2, timedelta(seconds=30)) | {"grace": Grace(seconds=30, attempts=2)},
        {
            "Verified": "Unknown ChecksFailing",
            "Ready": "Unknown ChecksFailing",
            "Reconciling": "True ChecksFailing",
        },
    ),
    "a request that the store rejects says nothing about the data": (
        True,
        failing(REJECTED, 1, timedelta()),
        {},
    ),
    "a manifest that was edited is a definite answer, at once": (
        True,
        failing(GONE, 1, timedelta()),
        {
            "Verified": "False ManifestDiffers",
            "Ready": "False ManifestDiffers",
            "Stalled": "True ManifestDiffers",
        },
    ),
    "a grant that was withdrawn lets nothing new be bound, and doubts no data": (
        True,
        failing(Refused("NotGranted", "not granted"), 1, timedelta()),
        {"Ready": "False NotGranted", "Stalled": "True NotGranted"},
    ),
    "a store that is not ready does not make verified data unready": (
        True,
        failing(STORE, 99, timedelta(seconds=10)),
        {},
    ),
}


@pytest.mark.parametrize("why", CASES)
def test_conditions_follow_from_facts(why: str) -> None:
    pinned, known, expected = CASES[why]
    found = compute_conditions(PinFacts(NOW, pinned=pinned, **known))
    assert {each.type: f"{each.status} {each.reason}" for each in found} == expected


def test_what_was_found_stands_while_the_next_check_goes_on_and_not_after_it() -> None:
    obj: dict[str, Any] = {"metadata": {"generation": 1}, "status": {}}

    def look(**known: Any) -> dict[str, str]:
        obj["status"] = compute_status(obj, PinFacts(NOW, pinned=True, **known), {})
        return {each["type"]: each["reason"] for each in obj["status"]["conditions"]}

    assert look(findings=Findings(missing=1))["Stalled"] == "ObjectsMissing"
    assert look()["Stalled"] == "ObjectsMissing", "a check goes on"
    assert look(**failing(AWAY, 1, timedelta()))["Stalled"] == "ObjectsMissing", "a hiccup"
    assert look(**failing(AWAY, 3, GRACE))["Reconciling"] == "ChecksFailing"
    assert "Stalled" not in look(findings=Findings()), "the data are back"


def test_an_unchanging_failure_has_an_unchanging_message() -> None:
    early, late = (
        compute_conditions(
            PinFacts(now, pinned=True, error=AWAY, failures=failures, failing_since=NOW - GRACE)
        )
        for now, failures in ((NOW, 3), (NOW + timedelta(hours=9), 500))
    )
    assert early == late


def test_findings_are_counted_or_absent() -> None:
    assert finding_counts(Findings()) is None
    assert finding_counts(Findings(missing=2, samples=("missing a",))) == {
        "missing": 2,
        "changed": 0,
        "unreadable": 0,
        "hidden": 0,
        "extra": 0,
        "samples": ["missing a"],
    }


@pytest.mark.parametrize("how", [{"built": True}, {"findings": Findings()}])
def test_a_remark_on_a_pin_that_is_well_is_in_the_message_of_verified(how: dict[str, Any]) -> None:
    remark = "; `spec.supersedes` names nothing"
    found = compute_conditions(PinFacts(NOW, pinned=True, objects=3, remark=remark, **how))
    (verified,) = (verdict for verdict in found if verdict.type == "Verified")

    assert verified.status == "True"
    assert verified.message.endswith(remark)
