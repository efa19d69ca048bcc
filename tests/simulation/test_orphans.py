"""What lost its Experiment is closed, although many are lost at once, or one request is."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, ROLE_BINDING
from simulation.api_server import Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.test_seal_order import Refusing
from simulation.world import TEAM


def lose(stage: Stage, name: str) -> None:
    """Delete an Experiment past its deletion."""
    stage.world.edit(EXPERIMENT, TEAM, name, {"metadata": {"finalizers": None}})
    stage.world.remove(EXPERIMENT, TEAM, name)


@pytest.mark.parametrize("policy", ["Freeze", "Delete"])
def test_six_orphans_at_once_are_closed_and_none_is_deleted(policy: str) -> None:
    async def scene(stage: Stage) -> None:
        found = []
        for number in range(6):
            stage.declare(f"x{number}", run=False, lifecycle={"deletionPolicy": policy})
            found.append(await stage.provisioned(f"x{number}"))
        await stage.sleep(MINUTE)
        for number in range(6):
            lose(stage, f"x{number}")
        await stage.sleep(2 * MINUTE)
        binding = names.TENANT_ROLE_BINDING
        assert not [each for each in found if stage.there(ROLE_BINDING, each, binding)]
        await stage.sleep(HOUR)
        assert all(stage.there(NAMESPACE, "", each) for each in found)

    play(scene, sweeps=False)


def test_an_orphan_is_closed_although_a_list_is_lost() -> None:
    def list_of_namespaces(asked: Asked) -> bool:
        return asked.kind == NAMESPACE and asked.verb == "list"

    faults = Refusing(list_of_namespaces, 500, most=3)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        faults.in_force = True
        lose(stage, "x")
        await stage.sleep(MINUTE)
        assert len(faults.refused) == 3
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene, faults=faults, sweeps=False)
