"""What lost its Experiment is closed, although many are lost at once, or one request is."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, POD, ROLE_BINDING
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.test_seal_order import Refusing
from simulation.world import IMAGE, TEAM


def lose(stage: Stage, name: str) -> None:
    """Delete an Experiment past its deletion."""
    stage.world.edit(EXPERIMENT, TEAM, name, {"metadata": {"finalizers": None}})
    stage.world.remove(EXPERIMENT, TEAM, name)


async def six_lost_of_which_one_is_let_go(stage: Stage) -> list[str]:
    """Lose six Experiments at once, five of them with a pod that does not end; return where."""
    found = []
    for number in range(6):
        stage.declare(f"x{number}", run=False, lifecycle={"deletionPolicy": "Delete"})
        found.append(await stage.provisioned(f"x{number}"))
    stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
    pod = {
        "metadata": {"name": "notebook", "finalizers": ["example.com/held"]},
        "spec": {"containers": [{"name": "main", "image": IMAGE}]},
    }
    for each in found[1:]:
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, each, "notebook"), pod)
    await stage.sleep(MINUTE)
    for number in range(6):
        lose(stage, f"x{number}")
    await stage.sleep(3 * MINUTE)
    return found


def let_pods_end(stage: Stage, found: list[str]) -> None:
    for each in found[1:]:
        stage.world.edit(POD, each, "notebook", {"metadata": {"finalizers": None}})


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


@pytest.mark.parametrize("restarts", [False, True])
def test_those_that_are_let_go_first_leave_the_others_in_doubt(
    restarts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A pod ends late in five of six: when they are let go, the first one was so long ago."""

    async def scene(stage: Stage) -> None:
        found = await six_lost_of_which_one_is_let_go(stage)
        if restarts:
            await stage.process.kill()
            stage.process.start()
        let_pods_end(stage, found)
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
