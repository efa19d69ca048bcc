"""Whether a profile, store or pin says of itself that it is kept from going under its users."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.errors import Conflict, Forbidden, Rejected, Unavailable
from glovebox.names import FINALIZER_IN_USE
from glovebox.status.in_use import with_protection
from glovebox.status.outcome import Grace, Outcome, done, of_error

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GRACE = Grace(seconds=60.0, attempts=3)
Json = dict[str, Any]
READY: Json = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "then"}
BUSY: Json = {"type": "Reconciling", "status": "True", "reason": "Pending"}
REJECTED = of_error(Rejected("Rejected", "no finalizers"))
DENIED = of_error(Forbidden("Forbidden", "no right"))
AWAY = of_error(Unavailable("ApiUnavailable", "no answer"))


def thing(*, held: bool = False, dying: bool = False, said: str = "") -> Json:
    metadata: Json = {"generation": 2, "finalizers": [FINALIZER_IN_USE] if held else []}
    if dying:
        metadata["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    conditions = [READY, BUSY]
    if said:
        answer, reason = said.split()
        entry = {"type": "DeletionProtected", "status": answer, "reason": reason}
        conditions.insert(1, {**entry, "lastTransitionTime": "then"})
    return {"metadata": metadata, "status": {"observedGeneration": 2, "conditions": conditions}}


@pytest.mark.parametrize(
    ("obj", "marking", "said", "why"),
    [
        (thing(), done(), "True Protected", "nobody uses it, and whoever does will hold it"),
        (thing(held=True), done(), "True Protected", "it is held"),
        (thing(), REJECTED, "False Rejected", "a policy refuses the finalizer"),
        (thing(said="True Protected"), REJECTED, "False Rejected", "it did not before"),
        (thing(held=True), REJECTED, "True Rejected", "held, and not let go or counted"),
        (thing(), DENIED.with_failure(6, 2), "False Forbidden", "a right is missing"),
        (thing(), DENIED.with_failure(1, 2), "Unknown NotLooked", "rights may not be known yet"),
        (thing(), AWAY.with_failure(1, 1), "Unknown NotLooked", "one dropped connection"),
        (
            thing(said="False Rejected"),
            AWAY.with_failure(1, 1),
            "False Rejected",
            "no answer changes no answer",
        ),
        (thing(), AWAY.with_failure(60, 3), "Unknown ApiUnavailable", "it has lasted"),
        (
            thing(held=True, said="True Protected"),
            AWAY.with_failure(60, 3),
            "True ApiUnavailable",
            "what bears the finalizer is held, whoever does not answer",
        ),
        (
            thing(said="True Protected"),
            of_error(Conflict("Conflict", "changed")),
            "True Protected",
            "somebody wrote in between: looked at again at once",
        ),
        (
            thing(dying=True, said="False Rejected"),
            done(),
            "False Rejected",
            "what is being deleted gets no finalizer any more",
        ),
    ],
)
def test_what_is_said_of_the_protection(obj: Json, marking: Outcome, said: str, why: str) -> None:
    status = with_protection(obj, None, marking, GRACE, NOW)
    assert status is not None
    entries = [(one["type"], f"{one['status']} {one['reason']}") for one in status["conditions"]]
    assert entries == [
        ("Ready", "True Ready"),
        ("DeletionProtected", said),
        ("Reconciling", "True Pending"),
    ], why


def test_what_does_not_change_is_the_very_status_that_is_shown() -> None:
    obj = thing()
    shown = with_protection(obj, None, REJECTED, GRACE, NOW)
    later = datetime(2026, 11, 26, tzinfo=UTC)
    assert with_protection({**obj, "status": shown}, None, REJECTED, GRACE, later) == shown


def test_nothing_is_said_of_what_was_not_looked_at() -> None:
    obj = {**thing(), "status": {}}
    assert with_protection(obj, None, done(), GRACE, NOW) is None
