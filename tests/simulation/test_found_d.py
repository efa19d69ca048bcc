"""Proofs of findings: each fails as long as what it says is not so."""

from __future__ import annotations

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, JOB, NETWORK_POLICY, ROLE_BINDING
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.test_seal_order import Refusing
from simulation.world import TEAM


def test_six_orphans_of_one_team_are_closed() -> None:
    async def scene(stage: Stage) -> None:
        found = []
        for number in range(6):
            stage.declare(f"x{number}", run=False)
            found.append(await stage.provisioned(f"x{number}"))
        await stage.sleep(MINUTE)
        for number in range(6):
            stage.world.edit(EXPERIMENT, TEAM, f"x{number}", {"metadata": {"finalizers": None}})
            stage.world.remove(EXPERIMENT, TEAM, f"x{number}")
        await stage.sleep(24 * HOUR)
        # Nobody repairs any more, and the team is still in.
        stage.world.remove(NETWORK_POLICY, found[0], names.NETWORK_POLICY_DEFAULT_DENY)
        await stage.sleep(HOUR)
        assert not [
            each for each in found if stage.there(ROLE_BINDING, each, names.TENANT_ROLE_BINDING)
        ]

    play(scene)


def test_a_probe_job_that_stays_keeps_no_run_from_starting() -> None:
    faults = Refusing(
        lambda asked: asked.kind == JOB and asked.verb == "delete" and asked.name == names.PROBE_JOB
    )
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.provisioned()
        await stage.sleep(HOUR)
        print(
            stage.condition("Isolated"),
            stage.condition("Ready"),
            stage.condition("Reconciling"),
            stage.condition("Succeeded"),
        )
        assert stage.status().get("run")

    play(scene, faults=faults, profile={"probe": {"requiredForRuns": True}})
