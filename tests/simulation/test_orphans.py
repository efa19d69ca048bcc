"""What lost its Experiment is closed, although many are lost at once, or one request is."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import EVENT, EXPERIMENT, NAMESPACE, POD, ROLE_BINDING, SECRET
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, findings_of, running, statements
from simulation.test_seal_order import Refusing
from simulation.world import IMAGE, TEAM

SESSION = names.CREDENTIALS_SECRET


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


def test_what_is_called_another_s_is_not_sealed_as_that_one_s() -> None:
    """Whose an orphan was is told by its annotation, and the name of the namespace proves it."""

    async def scene(stage: Stage) -> None:
        namespace = await running(stage, deletionPolicy="Delete")
        await stage.process.kill()
        notes = {names.ANNOTATION_EXPERIMENT: f"{TEAM}/another"}
        stage.world.edit(NAMESPACE, None, namespace, {"metadata": {"annotations": notes}})
        lose(stage, "x")
        stage.process.start()
        await stage.sleep(HOUR)
        assert statements(stage) == []
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert live is not None
        assert live["metadata"]["labels"][names.LABEL_STATE] == names.STATE_RETAINED
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert reasons.ORPHAN_UNSEALED in told

    play(scene)


def test_the_seal_of_an_orphan_waits_for_a_pod_that_still_runs() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
        pod = {
            "metadata": {"name": "notebook", "finalizers": ["example.com/held"]},
            "spec": {"containers": [{"name": "main", "image": IMAGE}]},
        }
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "notebook"), pod)
        await stage.sleep(MINUTE)
        lose(stage, "x")
        await stage.sleep(3 * MINUTE)
        assert statements(stage) == [], "more may be written"
        stage.world.edit(POD, namespace, "notebook", {"metadata": {"finalizers": None}})
        await stage.until("it is sealed", lambda: statements(stage), 3 * MINUTE)
        assert not [each for each in findings_of(statements(stage)[0]) if "had not ended" in each]

    play(scene)


class SlowSession(NoFaults):
    """The session of one Experiment takes long on its way into the cluster."""

    def request(self, asked: Asked) -> Fault:
        """Let this one come late."""
        is_it = (asked.kind, asked.verb, asked.name) == (SECRET, "create", SESSION)
        of_it = asked.namespace.startswith(f"gbx-{TEAM}-x-")
        return Fault("slow", seconds=25.0) if is_it and of_it else NOTHING


def test_nothing_of_an_orphan_is_sealed_while_a_look_may_still_open_it() -> None:
    """A session that comes behind the seal would outlive what its last listing waits for."""

    async def scene(stage: Stage) -> None:
        stage.declare("y", run=False)
        await stage.provisioned("y")
        await stage.sleep(5.0)
        stage.declare(run=False)
        await stage.until("it is bound", lambda: stage.status().get("digest"))
        namespace = stage.status()["namespace"]
        # Another one is lost as well, so that they are looked for at once.
        for name in ("x", "y"):
            lose(stage, name)
        await stage.sleep(15.0)
        assert len(statements(stage)) == 1, "of the other one"
        await stage.until("both are sealed", lambda: len(statements(stage)) == 2, 3 * MINUTE)
        assert not stage.there(SECRET, namespace, SESSION)
        await stage.sleep(HOUR)
        assert not stage.there(SECRET, namespace, SESSION)

    play(scene, faults=SlowSession())
