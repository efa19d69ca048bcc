"""What an Experiment shows of a run that it took over, then and with each look that follows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.api.experiment_status import RunStatus
from glovebox.status.adoption import compute_adopted_status, compute_after_adoption
from glovebox.status.experiment_facts import SealFacts
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
