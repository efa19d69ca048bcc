"""What `Sealed` says before there is a seal: it names what the seal waits for, and nothing else."""

from __future__ import annotations

import pytest

from simulation.stage import Stage, play
from simulation.test_ends import MINUTE
from simulation.test_seal_order import wants


@pytest.mark.parametrize(
    ("run", "desired", "waits_for"),
    [
        pytest.param(True, "Active", "sealed when the run is over", id="a run"),
        pytest.param(
            False, "Active", "sealed when `spec.lifecycle.desired` is Sealed", id="nothing runs"
        ),
        pytest.param(True, "Frozen", "not sealed while it is frozen", id="a run that was stopped"),
    ],
)
def test_it_names_what_it_waits_for(run: bool, desired: str, waits_for: str) -> None:  # noqa: FBT001 - a table of cases
    async def scene(stage: Stage) -> None:
        stage.declare(run=run)
        await stage.provisioned()
        if desired != "Active":
            wants(stage, desired)
            await stage.until("frozen", lambda: stage.status().get("state") == desired, MINUTE)
        sealed = stage.condition("Sealed")
        assert (sealed["status"], sealed["reason"]) == ("False", "NotSealed")
        assert sealed["message"].endswith(waits_for)

    play(scene, sweeps=False)
