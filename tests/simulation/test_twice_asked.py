"""What one wrong 404 would end for good is asked for once more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glovebox import names
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, JOB, NAMESPACE, POD, SECRET, Kind
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after, outcome_of, running, statements
from simulation.test_orphans import lose
from simulation.test_seal_order import Refusing, state_label, wants
from simulation.world import IMAGE, TEAM


class Once(Refusing):
    """Answers 404 to one read of something, the so-and-so-many-th."""

    def __init__(self, kind: Kind, number: int, name: Callable[[str], bool]) -> None:
        self._left = number
        self._kind, self._name = kind, name
        super().__init__(self._is_it, 404, most=1)

    def _is_it(self, asked: Asked) -> bool:
        if asked.kind == self._kind and asked.verb == "get" and self._name(asked.name):
            self._left -= 1
            return self._left == 0
        return False


def of_the_namespace(number: int) -> Once:
    return Once(NAMESPACE, number, lambda name: name.startswith("gbx-"))


def of_the_run(number: int) -> Once:
    return Once(JOB, number, lambda name: name == names.RUN_JOB)


def of_the_snapshot(number: int) -> Once:
    return Once(CONFIG_MAP, number, lambda name: name == names.SNAPSHOT_CONFIG_MAP)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_what_is_closed_runs_no_more_although_its_namespace_is_not_found_once(
    desired: str, number: int
) -> None:
    faults = of_the_namespace(number)

    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        faults.in_force = True
        assert wants(stage, desired)
        await stage.sleep(10 * MINUTE)
        assert stage.status()["state"] == state_label(stage, namespace) == desired
        pods = stage.world.server.everything(POD, namespace)
        assert [pod for pod in pods if pod["status"].get("phase") == "Running"] == []
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)

    play(scene, faults=faults, sweeps=False)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
@pytest.mark.parametrize("way", ["it is sealed", "it is deleted"])
def test_the_seal_waits_for_a_pod_although_its_namespace_is_not_found_once(
    way: str, number: int
) -> None:
    faults = of_the_namespace(number)

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
        faults.in_force = True
        if way == "it is deleted":
            stage.world.remove(EXPERIMENT, TEAM, "x")
        else:
            assert wants(stage, "Sealed")
        await stage.sleep(3 * MINUTE)
        assert len(faults.refused) == 1
        assert statements(stage) == []
        stage.world.edit(POD, namespace, "notebook", {"metadata": {"finalizers": None}})
        await stage.until("it is sealed", lambda: statements(stage), 5 * MINUTE)

    play(scene, faults=faults, sweeps=False)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_what_is_lost_is_sealed_although_its_snapshot_is_not_found_once(number: int) -> None:
    faults = of_the_snapshot(number)

    async def scene(stage: Stage) -> None:
        await running(stage)
        faults.in_force = True
        lose(stage, "x")
        await stage.sleep(HOUR)
        assert len(faults.refused) == 1
        assert len(statements(stage)) == 1

    play(scene, faults=faults)


@pytest.mark.parametrize("way", ["it is lost", "it is deleted", "it is sealed"])
def test_a_run_that_ended_well_is_sealed_so_although_its_job_is_not_found_once(way: str) -> None:
    """Nobody looked when it ended: the Job alone says how, and is taken away next."""
    faults = of_the_run(1)

    async def scene(stage: Stage) -> None:
        ends_after(stage, 30.0)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        await stage.process.kill()
        await stage.sleep(MINUTE)
        if way == "it is lost":
            lose(stage, "x")
        elif way == "it is deleted":
            stage.world.remove(EXPERIMENT, TEAM, "x")
        else:
            assert wants(stage, "Sealed")
        faults.in_force = True
        stage.process.start()
        await stage.until("it is sealed", lambda: statements(stage), HOUR)
        assert len(faults.refused) == 1
        (statement,) = statements(stage)
        assert outcome_of(statement)[0] == "Succeeded"

    play(scene, faults=faults)
