"""What an ObjectStore says of those who are to know its ledger's heads: a table of looks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.errors import InvalidInput, Unavailable
from glovebox.status.ledger_anchors import with_anchors, without_anchors
from glovebox.status.outcome import Grace, Outcome, of_error

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TIME = "2026-11-25T11:00:00Z"
BUCKET = {"kind": "Bucket", "lastSize": 5, "lastTime": TIME}
WITNESS = {"kind": "Witness", "name": "w1", "lastSize": 5, "lastTime": TIME}
GRACE = Grace(300.0, 3)
REFUSED = of_error(InvalidInput(reasons.LEDGER_NOT_WITNESSED, "witness w1 did not sign"))
SILENT = of_error(Unavailable(reasons.LEDGER_NOT_TIMESTAMPED, "could not ask the authority"))
BEGINS = SILENT.with_failure(10.0, 1)
LASTS = SILENT.with_failure(301.0, 4)


def condition(kind: str, answer: str, reason: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": answer,
        "reason": reason,
        "message": "as it was",
        "observedGeneration": 1,
        "lastTransitionTime": TIME,
    }


def store(*conditions: dict[str, Any]) -> dict[str, Any]:
    ready = condition("Ready", "True", "Proven")
    return {
        "metadata": {"generation": 2},
        "status": {
            "conditions": [ready, *conditions],
            "ledger": {"organisation": "acme", "epoch": 1, "size": 5, "anchors": [BUCKET]},
        },
    }


ANCHORED = condition("LedgerAnchored", "True", "LedgerAnchored")
NOT_WITNESSED = condition("LedgerAnchored", "False", "LedgerNotWitnessed")


@pytest.mark.parametrize(
    ("before", "failures", "is_pending", "says"),
    [
        (None, [], False, "True LedgerAnchored"),
        (None, [], True, "Unknown Pending"),
        (None, [BEGINS], True, "Unknown Pending"),
        (None, [REFUSED], True, "False LedgerNotWitnessed"),
        (None, [LASTS], True, "False LedgerNotTimestamped"),
        (ANCHORED, [], False, "True LedgerAnchored"),
        # Another one is added: what was true of those before does not become unknown.
        (ANCHORED, [], True, "True LedgerAnchored"),
        (ANCHORED, [BEGINS], False, "True LedgerAnchored"),
        (ANCHORED, [LASTS], False, "False LedgerNotTimestamped"),
        (ANCHORED, [REFUSED], False, "False LedgerNotWitnessed"),
        (ANCHORED, [BEGINS, REFUSED], False, "False LedgerNotWitnessed"),
        (ANCHORED, [LASTS, REFUSED], False, "False LedgerNotWitnessed"),
        (NOT_WITNESSED, [BEGINS], False, "False LedgerNotWitnessed"),
        (NOT_WITNESSED, [], True, "False LedgerNotWitnessed"),
        (NOT_WITNESSED, [], False, "True LedgerAnchored"),
    ],
)
def test_the_condition(
    before: dict[str, Any] | None,
    failures: list[Outcome],
    is_pending: bool,  # noqa: FBT001 - a row of the table
    says: str,
) -> None:
    obj = store(*([before] if before else []))
    told = with_anchors(obj, obj["status"], [WITNESS], failures, GRACE, NOW, is_pending=is_pending)
    (found,) = (each for each in told["conditions"] if each["type"] == "LedgerAnchored")
    assert f"{found['status']} {found['reason']}" == says
    assert told["ledger"]["anchors"] == [BUCKET, WITNESS]
    assert told["conditions"][0] == obj["status"]["conditions"][0], "nothing else changes"


def test_what_is_not_looked_at_stays_as_it_was() -> None:
    obj = store(ANCHORED)
    obj["status"]["ledger"]["anchors"] = [BUCKET, WITNESS]
    # The look before this one lost the condition: it is that of a store that is not Ready.
    status = {**obj["status"], "conditions": obj["status"]["conditions"][:1]}
    assert with_anchors(obj, status, None, [], GRACE, NOW, is_pending=True) == obj["status"]


def test_whom_nobody_asks_any_more_is_not_spoken_of() -> None:
    obj = store(ANCHORED)
    obj["status"]["ledger"]["anchors"] = [BUCKET, WITNESS]
    told = without_anchors(obj["status"])
    assert told == store()["status"]
    assert without_anchors({"conditions": []}) == {"conditions": []}
