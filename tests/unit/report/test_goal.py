"""Whether an Experiment has come to where somebody waits for it, or never will."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from glovebox.api.experiment import Experiment
from glovebox.report.goal import reached
from glovebox.report.goals import Goal, Reached

Json = dict[str, Any]
BASE: Json = yaml.safe_load((Path(__file__).parent / "experiment.yaml").read_text(encoding="utf-8"))
YES, NEVER, NOT_YET = Reached


def made(conditions: str, *, has_run: bool = True, **changes: Any) -> Experiment:
    """Return an Experiment with conditions as `Ready=True Succeeded=Unknown/RunStopped`."""
    obj = copy.deepcopy(BASE)
    entries = []
    for each in conditions.split():
        answer, _, reason = each.partition("=")[2].partition("/")
        entries.append(
            {
                "type": each.partition("=")[0],
                "status": answer,
                "reason": reason or "Because",
                "lastTransitionTime": "2026-03-01T12:00:00Z",
            }
        )
    status = {"observedGeneration": 1, "digest": BASE["status"]["digest"], "conditions": entries}
    metadata = changes.pop("metadata", {})
    spec = changes.pop("spec", {})
    obj["metadata"] |= metadata
    obj["spec"] |= spec
    if not has_run:
        del obj["spec"]["stages"]
    return Experiment.model_validate({**obj, "status": status | changes})


DELETING = {"deletionTimestamp": "2026-03-01T12:00:00Z", "generation": 2}
BROKEN = {
    "name": "train",
    "pinRef": "months",
    "action": "Fail",
    "reason": "Missing",
    "foundTime": "2026-03-01T12:00:00Z",
}


@pytest.mark.parametrize(
    ("experiment", "ready", "sealed", "ended"),
    [
        pytest.param(made(""), NOT_YET, NOT_YET, NOT_YET, id="nobody looked"),
        pytest.param(made("Ready=True"), YES, NOT_YET, NOT_YET, id="provisioned"),
        pytest.param(
            made("Ready=True Sealed=True Succeeded=True", metadata={"generation": 2}),
            *(NOT_YET, NOT_YET, NOT_YET),
            id="what is said is about an older spec",
        ),
        pytest.param(made("Ready=False Stalled=True"), NEVER, NEVER, NEVER, id="refused"),
        pytest.param(made("Ready=False Reconciling=True"), NOT_YET, NOT_YET, NOT_YET, id="waits"),
        pytest.param(made("Ready=Unknown"), NOT_YET, NOT_YET, NOT_YET, id="not known"),
        pytest.param(made("Ready=True Succeeded=True"), YES, NOT_YET, YES, id="succeeded"),
        pytest.param(
            made("Ready=True Succeeded=True Sealed=True"), YES, YES, YES, id="all is well"
        ),
        pytest.param(made("Ready=True Succeeded=False"), YES, NOT_YET, NEVER, id="just failed"),
        pytest.param(
            made("Ready=False Stalled=True Succeeded=False", run={"outcome": "Failed"}),
            *(NEVER, NOT_YET, NEVER),
            id="failed, and is sealed next",
        ),
        pytest.param(
            made("Ready=False Stalled=True Succeeded=False Sealed=True", state="Sealed"),
            *(NEVER, YES, NEVER),
            id="failed and sealed",
        ),
        pytest.param(
            made("Ready=False Stalled=True", brokenInputs=[BROKEN]),
            *(NEVER, NOT_YET, NEVER),
            id="a broken input ended it, and it is sealed next",
        ),
        pytest.param(
            made("Ready=False Reconciling=True Sealed=True", state="Sealed"),
            *(NOT_YET, NOT_YET, NOT_YET),
            id="has a seal, and the namespace cannot be closed",
        ),
        pytest.param(
            made("Ready=True Sealed=False Succeeded=Unknown/RunStopped", state="Sealed"),
            *(YES, NOT_YET, NEVER),
            id="stopped on request, and is sealed next",
        ),
        pytest.param(
            made("Ready=False Succeeded=Unknown/RunStopped", state="Frozen"),
            *(NOT_YET, NOT_YET, NOT_YET),
            id="frozen, which can be taken back",
        ),
        pytest.param(made("Ready=True", has_run=False), YES, NOT_YET, NEVER, id="there is no run"),
        pytest.param(
            made("Ready=True Succeeded=True Sealed=True", metadata=DELETING),
            *(NEVER, NOT_YET, NEVER),
            id="is being deleted",
        ),
    ],
)
def test_a_goal_is_reached_only_when_it_is_kept(
    experiment: Experiment, ready: Reached, sealed: Reached, ended: Reached
) -> None:
    found = tuple(reached(experiment, goal) for goal in (Goal.READY, Goal.SEALED, Goal.ENDED))
    assert found == (ready, sealed, ended)
