"""The finalizer cannot be put on: nothing begins, and what is bound goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, JOB, NAMESPACE, NETWORK_POLICY, ROLE_BINDING, SECRET
from simulation.api_server import Asked, Change
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
        self.are_policies_refused = False

    def stream(self, asked: Asked) -> StreamFault:
        """Let watches of Experiments lag."""
        return StreamFault("lags", seconds=3.0) if asked.kind == EXPERIMENT else StreamFault()

    def request(self, asked: Asked) -> Fault:
        """Say when the finalizer is put on."""
        if asked.kind == EXPERIMENT and asked.verb == "patch" and not asked.subresource:
            self.on_claim()
        if self.are_policies_refused and (asked.kind, asked.verb) == (NETWORK_POLICY, "create"):
            return Fault("refused", 422)
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
        namespace = await stage.provisioned()
        faults.are_policies_refused = True
        assert stage.world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        await stage.sleep(MINUTE)
        strip(stage)
        await stage.sleep(1.5)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")

        def answered_404() -> None:
            faults.are_policies_refused = False
            store_is_back(stage)

        faults.on_claim = answered_404
        stage.world.server.on_change.append(made.append)
        await stage.sleep(MINUTE)
        assert job_creations(stage) == 0
        policies = [each for each in made if each.served.kind == NETWORK_POLICY and each.new]
        assert policies == [], "nothing is repaired for who is gone"

    made: list[Change] = []
    play(scene, faults=faults, sweeps=False)


def test_what_is_not_to_be_frozen_any_more_is_not_closed_by_who_read_that_it_is() -> None:
    faults = Late()
    gone: list[str] = []

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.process.kill()
        frozen = {"metadata": {"finalizers": None}, "spec": {"lifecycle": {"desired": "Frozen"}}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", frozen)

        def opened() -> None:
            faults.on_claim = lambda: None
            active = {"spec": {"lifecycle": {"desired": "Active"}}}
            assert stage.world.edit(EXPERIMENT, TEAM, "x", active)

        def see(change: Change) -> None:
            if change.served.kind == ROLE_BINDING and change.new is None:
                gone.append(change.key[1])

        faults.on_claim = opened
        stage.world.server.on_change.append(see)
        stage.process.start()
        await stage.sleep(MINUTE)
        found = stage.world.experiment() or {}
        assert names.FINALIZER in found["metadata"]["finalizers"]
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene, faults=faults)
    assert gone == []


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
