"""One answer that an object is not there, or that somebody may not ask, is no proof of anything."""

from __future__ import annotations

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, JOB, NAMESPACE, NETWORK_POLICY, POD, ROLE_BINDING
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, running
from simulation.test_mutating_policies import (
    add_on_every_write,
    drift_events,
    profile_of,
    restarted,
)
from simulation.test_seal_order import Refusing, state_label
from simulation.world import IMAGE, TEAM


def reads_the_run(asked: Asked) -> bool:
    return (asked.kind, asked.verb, asked.name) == (JOB, "get", names.RUN_JOB)


class OneOf(Refusing):
    """Answers 404 to one read of an experiment's namespace, the so-and-so-many-th."""

    def __init__(self, number: int) -> None:
        self._left = number
        super().__init__(self._is_it, 404, most=1)

    def _is_it(self, asked: Asked) -> bool:
        if asked.kind == NAMESPACE and asked.verb == "get" and asked.name.startswith("gbx-"):
            self._left -= 1
        return self._left == 0


def test_a_run_whose_job_is_not_found_once_goes_on() -> None:
    faults = Refusing(reads_the_run, 404, most=1)

    async def scene(stage: Stage) -> None:
        await running(stage)
        faults.in_force = True
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"labels": {"a": "b"}}})
        await stage.sleep(30 * MINUTE)
        assert len(faults.refused) == 1
        assert not stage.status()["run"].get("outcome")

    play(scene, faults=faults)


def test_what_a_lost_run_has_left_running_is_ended() -> None:
    """Its Job was taken from its pod: `kubectl delete job --cascade=orphan`."""

    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        (pod,) = stage.world.server.everything(POD, namespace)
        alone = {"metadata": {"ownerReferences": None}}
        assert stage.world.edit(POD, namespace, pod["metadata"]["name"], alone)
        assert stage.world.remove(JOB, namespace, names.RUN_JOB)
        await stage.sleep(10 * MINUTE)
        assert stage.status()["run"]["reason"] == "RunLost"
        assert stage.status()["seal"]
        pods = stage.world.server.everything(POD, namespace)
        assert [pod for pod in pods if pod["status"].get("phase") == "Running"] == []

    play(scene)


@pytest.mark.parametrize("policy", ["Freeze", "Retain", "Delete"])
@pytest.mark.parametrize("number", [3, 5, 7])
def test_a_namespace_that_is_not_found_once_is_let_go_by_its_policy(
    number: int, policy: str
) -> None:
    faults = OneOf(number)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"deletionPolicy": policy})
        namespace = await stage.provisioned()
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
        pod = {
            "metadata": {"name": "notebook"},
            "spec": {"containers": [{"name": "main", "image": IMAGE}]},
        }
        asked = Asked(ADMINISTRATOR, "create", POD, namespace, "notebook")
        stage.world.server.create(asked, pod)
        await stage.sleep(MINUTE)
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        await stage.sleep(2 * HOUR)
        assert stage.there(NAMESPACE, "", namespace) is (policy != "Delete")
        if policy != "Delete":
            assert state_label(stage, namespace) == names.STATE_RETAINED
        keeps = policy == "Retain"
        assert stage.there(POD, namespace, "notebook") is keeps
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING) is keeps

    play(scene, faults=faults)


@pytest.mark.parametrize("policy", ["Repair", "Alert", "Ignore"])
@pytest.mark.parametrize("code", [403, 500])
def test_a_refusal_to_say_what_would_be_stored_makes_no_drift(
    policy: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API server that has just started denies what it grants a moment later."""
    add_on_every_write(monkeypatch)
    writes = ("update", "create", "patch")
    faults = Refusing(
        lambda asked: asked.kind == NETWORK_POLICY and asked.verb in writes, code, most=6
    )

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.provisioned()
        await stage.sleep(MINUTE)
        faults.in_force = True
        await restarted(stage)
        faults.in_force = False
        assert faults.refused
        await stage.sleep(HOUR)
        assert stage.condition("DriftDetected")["status"] == "False"
        assert stage.condition("NamespaceReady")["status"] == "True"
        assert drift_events(stage) == []

    play(scene, profile=profile_of(policy), drift=policy, faults=faults)
