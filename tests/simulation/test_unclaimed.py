"""The finalizer cannot be put on: nothing begins, and what is bound goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, JOB, NAMESPACE, NETWORK_POLICY, ROLE_BINDING, SECRET
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults, StreamFault
from simulation.object_store import S3Error
from simulation.stage import Stage, play
from simulation.test_ends import (
    HOUR,
    MINUTE,
    SOON,
    ends_after,
    outcome_of,
    statements,
    store_is_back,
)
from simulation.test_restore import job_creations
from simulation.test_seal_order import Refusing
from simulation.world import TEAM


def finalizers_stay() -> Refusing:
    """Refuse every write of an Experiment that is not one of its status."""
    return Refusing(
        lambda asked: (
            asked.kind == EXPERIMENT and asked.verb in ("update", "patch") and not asked.subresource
        )
    )


class Late(NoFaults):
    """What happens to Experiments is heard of three seconds late."""

    def __init__(self) -> None:
        self.on_claim: Callable[[], None] = lambda: None

    def stream(self, asked: Asked) -> StreamFault:
        """Let watches of Experiments lag."""
        return StreamFault("lags", seconds=3.0) if asked.kind == EXPERIMENT else StreamFault()

    def request(self, asked: Asked) -> Fault:
        """Note when the finalizer is put on."""
        if asked.kind == EXPERIMENT and asked.verb == "patch" and not asked.subresource:
            self.on_claim()
        return NOTHING


def strip(stage: Stage) -> None:
    assert stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})


def test_nothing_begins_without_the_finalizer() -> None:
    faults = finalizers_stay()
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.sleep(5 * MINUTE)
        assert faults.refused
        assert not stage.status().get("digest")
        made = [each["metadata"]["name"] for each in stage.world.server.everything(NAMESPACE)]
        assert not [name for name in made if name.startswith("gbx-")]
        assert stage.condition("Ready")["status"] != "True"
        told = [str(each) for each in stage.status()["conditions"]]
        assert any("simulated" in each for each in told), told
        faults.in_force = False
        await stage.provisioned()

    play(scene, faults=faults)


def test_a_run_is_followed_and_sealed_although_the_finalizer_cannot_be_put_back() -> None:
    faults = finalizers_stay()

    async def scene(stage: Stage) -> None:
        ends_after(stage, 10 * MINUTE)
        stage.declare()
        namespace = await stage.provisioned()
        await stage.until("it runs", lambda: stage.status().get("run", {}).get("jobUid"), SOON)
        faults.in_force = True
        strip(stage)
        await stage.until("it is noticed", lambda: faults.refused, SOON)
        policy = (NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        assert stage.world.remove(*policy)
        await stage.until("it is repaired", lambda: stage.there(*policy), MINUTE)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        assert stage.status()["run"]["outcome"] == "Succeeded"
        told = [str(each) for each in stage.status()["conditions"]]
        assert any("simulated" in each for each in told), told

    play(scene, faults=faults)


@pytest.mark.parametrize("policy", ["Freeze", "Retain", "Delete"])
@pytest.mark.parametrize("is_down", [False, True], ids=["it is told", "the operator is down"])
def test_it_is_closed_and_sealed_when_it_is_deleted_and_somebody_else_holds_it(
    policy: str,
    is_down: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    faults = finalizers_stay()

    async def scene(stage: Stage) -> None:
        ends_after(stage, HOUR)
        stage.declare(lifecycle={"deletionPolicy": policy})
        namespace = await stage.provisioned()
        await stage.until("it runs", lambda: stage.status().get("run", {}).get("jobUid"), SOON)
        if is_down:
            await stage.process.kill()
        else:
            faults.in_force = True
        held = {"metadata": {"finalizers": ["example.com/backup"]}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", held)
        await stage.sleep(5.0)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        faults.in_force = False
        if is_down:
            stage.process.start()
        await stage.until("it is sealed", lambda: statements(stage), HOUR / 2)
        await stage.sleep(5 * MINUTE)
        assert outcome_of(statements(stage)[0]) == ("Failed", "Abandoned")
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        assert stage.there(NAMESPACE, "", namespace) is (policy != "Delete")
        writes = stage.promises.status_writes.total()
        await stage.sleep(2 * HOUR)
        assert len(statements(stage)) == 1
        assert stage.promises.status_writes.total() <= writes + 2, "then it is left in peace"
        told = stage.condition("Ready")
        assert (told["status"], told["reason"]) == ("False", "DeletionBlocked")
        assert "example.com/backup" in told["message"]

    play(scene, faults=faults)


def test_no_run_begins_once_the_operator_was_told_that_its_experiment_is_gone() -> None:
    faults = Late()

    async def scene(stage: Stage) -> None:
        def away(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and "/runs/" in key:
                raise S3Error(503, "SlowDown")

        stage.world.store.fault = away
        stage.declare()
        await stage.provisioned()
        await stage.sleep(MINUTE)
        strip(stage)
        await stage.sleep(1.5)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        faults.on_claim = lambda: store_is_back(stage)  # and the claim is answered 404
        await stage.sleep(MINUTE)
        assert job_creations(stage) == 0

    play(scene, faults=faults, sweeps=False)


def test_a_run_does_not_begin_while_the_finalizer_cannot_be_put_back() -> None:
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare()
        namespace = await stage.provisioned()
        stays = finalizers_stay()
        faults.refuses = lambda asked: (
            stays.refuses(asked)
            or (asked.kind, asked.verb)
            == (
                JOB,
                "create",
            )
        )
        strip(stage)
        await stage.sleep(MINUTE)
        faults.refuses = stays.refuses
        await stage.sleep(5 * MINUTE)
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        faults.in_force = False
        await stage.until("it runs", lambda: stage.there(JOB, namespace, names.RUN_JOB), 2 * SOON)

    play(scene, faults=faults)
