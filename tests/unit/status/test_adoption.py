"""What an Experiment shows of a run that it took over, then and with each look that follows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.experiment_status import RunStatus
from glovebox.status.adoption import compute_adopted_status, compute_after_adoption
from glovebox.status.experiment_facts import SealFacts
from glovebox.status.experiment_seen import Late
from glovebox.status.outcome import done

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SEAL = SealFacts({"uri": "s3://b/e/"}, 1, 1, ())


@pytest.mark.parametrize(
    ("outcome", "reason", "ready", "is_stalled"),
    [
        ("Succeeded", "", ("True", "Adopted"), False),
        ("Failed", "RunFailed", ("False", "RunFailed"), True),
    ],
)
def test_how_a_run_ended_is_said_with_each_look_after_it_was_taken_over(
    outcome: str,
    reason: str,
    ready: tuple[str, str],
    is_stalled: bool,  # noqa: FBT001 - a column of the table
) -> None:
    obj: dict[str, Any] = {"metadata": {"generation": 1}, "spec": {"adopts": "former"}}
    run = RunStatus.model_validate({"outcome": outcome, "reason": reason, "message": "it ended"})
    fields = {"seal": dict(SEAL.record or {})}
    status = compute_adopted_status(obj, done(SEAL), NOW, fields=fields, run=run)
    for _ in range(2):
        said = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
        assert said["Ready"] == ready
        assert said["Succeeded"][0] == ready[0]
        assert said.get("Stalled", ("False",))[0] == str(is_stalled)
        after = SealFacts(None, 1, 1, ())
        outcomes = {"seal": done(after), "conclude": done()}
        status = compute_after_adoption({**obj, "status": status}, outcomes, NOW)


def test_evidence_that_is_overdue_is_reported_beside_what_was_taken_over() -> None:
    obj: dict[str, Any] = {"metadata": {"generation": 1}, "spec": {"adopts": "former"}}
    run = RunStatus.model_validate({"outcome": "Succeeded", "message": "it ended"})
    fields = {"seal": dict(SEAL.record or {})}
    status = compute_adopted_status(obj, done(SEAL), NOW, fields=fields, run=run)

    def after(*late: Late) -> dict[str, str]:
        nonlocal status
        outcomes = {"seal": done(SealFacts(None, 1, 1, ())), "conclude": done()}
        status = compute_after_adoption({**obj, "status": status}, outcomes, NOW, late=late)
        return {each["type"]: each["message"] for each in status["conditions"]}

    assert "EvidenceWritten" not in after(Late("the conclusion", "no right", is_overdue=False))
    said = after(Late("the conclusion", "no right", is_overdue=True))["EvidenceWritten"]
    assert said.startswith("the conclusion is not written: no right")
    assert "EvidenceWritten" in after(Late("the conclusion", "no right", is_overdue=False))
    assert "EvidenceWritten" not in after()
