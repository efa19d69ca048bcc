"""What came in past the guards, and what is left as it was found, is recorded and in the ledger."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import EVENT, EXPERIMENT, NETWORK_POLICY, POD, ROLE_BINDING
from glovebox.ledger.entry import Entry, time_text
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, running
from simulation.test_intruders import ENFORCE, OF_THE_HOST, OF_THE_TEAM, label, start
from simulation.test_seal_order import Refusing
from support.told_ledgers import entries, verify, with_ledger

Json = dict[str, Any]


def drifts(stage: Stage) -> list[Entry]:
    return [each for each in entries(stage) if each.kind == "isolation-drift"]


def of_pods(stage: Stage) -> list[Entry]:
    return [each for each in drifts(stage) if each.details["kind"] == POD.kind]


def reasons_told(stage: Stage) -> list[str]:
    return [each["reason"] for each in stage.world.server.everything(EVENT)]


async def provisioned(stage: Stage) -> str:
    await with_ledger(stage)
    stage.declare(run=False)
    namespace = await stage.provisioned()
    await stage.sleep(5)
    return namespace


def test_a_pod_that_comes_in_during_a_fight_is_recorded_and_in_the_ledger() -> None:
    """Of a fight most repairs cost no record: behind one of them a pod could be hidden."""

    async def scene(stage: Stage) -> None:
        namespace = await provisioned(stage)
        for _ in range(6):
            stage.world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
            await stage.sleep(1.5)
        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "miner", OF_THE_HOST)
        await stage.sleep(10 * MINUTE)
        assert not stage.there(POD, namespace, "miner")
        assert stage.status()["drift"]["pods"] == 1
        assert len(of_pods(stage)) == 1

    play(scene)


def test_what_is_repaired_after_the_clock_went_back_is_recorded() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await provisioned(stage)
        policy = (NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        for _ in range(5):
            assert stage.world.remove(*policy)
            await stage.sleep(MINUTE)
        stage.world.clock.jump(-HOUR)
        assert stage.world.remove(*policy)
        await stage.sleep(MINUTE)
        assert stage.there(*policy)
        assert stage.status()["drift"]["repairs"] == 6

    play(scene)


def test_a_pod_beside_a_run_is_drift_of_isolation_and_in_the_ledger_once() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        namespace = await running(stage)
        label(stage, namespace, names.LABEL_EXPERIMENT_UID, None)
        start(stage, namespace, "beside", OF_THE_TEAM)
        await stage.sleep(5 * MINUTE)
        (entry,) = of_pods(stage)
        assert entry.details["change"] == "Unexpected"
        assert entry.details["writer"] == "other"
        last = stage.status()["drift"]["last"]
        assert (last["kind"], last["name"], last["change"]) == ("Pod", "beside", "Unexpected")
        assert reasons_told(stage).count(reasons.PODS_REMOVED) == 1
        await stage.sleep(HOUR)
        assert len(of_pods(stage)) == 1
        assert verify(stage).findings == []

    play(scene)


def test_a_pod_beside_a_run_is_told_though_nothing_is_a_reason_to_search_for_it() -> None:
    """A break-glass group may start it: it is seen while the run is followed."""

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        namespace = await running(stage)
        await stage.sleep(MINUTE)
        start(stage, namespace, "beside", OF_THE_TEAM)
        pod = stage.world.server.peek(POD, namespace, "beside")
        assert pod is not None
        await stage.sleep(HOUR)
        (entry,) = (each for each in entries(stage) if each.kind == "break-glass")
        assert entry.details == {"what": "PodsBesideRun", "pods": "1", "writer": "unknown"}
        assert time_text(entry.time) == pod["metadata"]["creationTimestamp"]
        assert verify(stage).findings == []

    play(scene)


@pytest.mark.parametrize("seconds", [0, 5], ids=["gone at once", "take a while to end"])
def test_pods_that_come_together_are_counted_one_by_one(seconds: int) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await provisioned(stage)
        before = (stage.status().get("drift") or {}).get("repairs", 0)
        for name in ("a", "b", "c"):
            start(stage, namespace, name, OF_THE_HOST)
        await stage.sleep(seconds)
        label(stage, namespace, ENFORCE, None)
        await stage.sleep(5 * MINUTE)
        # Three pods and the label.
        assert stage.status()["drift"]["repairs"] == before + 4
        assert stage.status()["drift"]["pods"] == 3

    play(scene, sweeps=False)


def test_a_process_that_dies_between_a_removal_and_its_record_hides_no_pod() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await provisioned(stage)
        await stage.process.kill()
        start(stage, namespace, "theirs", OF_THE_HOST)
        await stage.sleep(5)
        # As the process left it: the pod is ending, and no status says so.
        asked = Asked(ADMINISTRATOR, "delete", POD, namespace, "theirs")
        stage.world.server.delete(asked, {})
        assert stage.there(POD, namespace, "theirs")
        stage.process.start()
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "theirs")
        assert len(of_pods(stage)) == 1

    play(scene, sweeps=False)


@pytest.mark.parametrize("most", [1, 3])
def test_what_could_not_be_recorded_at_once_is_recorded_by_a_later_look(most: int) -> None:
    """The pod is gone and the label restored by then: no look would find either of them again."""
    faults = Refusing(
        lambda asked: (asked.kind, asked.subresource) == (EXPERIMENT, "status"), most=most
    )

    async def scene(stage: Stage) -> None:
        namespace = await provisioned(stage)
        before = (stage.status().get("drift") or {}).get("repairs", 0)
        faults.in_force = True
        start(stage, namespace, "theirs", OF_THE_HOST)
        label(stage, namespace, ENFORCE, None)
        await stage.sleep(5 * MINUTE)
        assert len(faults.refused) == most
        assert not stage.there(POD, namespace, "theirs")
        assert stage.status()["drift"]["repairs"] == before + 2
        (entry,) = drifts(stage)
        assert (entry.details["repairs"], entry.details["pods"]) == ("2", "1")

    play(scene, faults=faults, sweeps=False)


@pytest.mark.parametrize("policy", ["Alert", "Ignore"])
def test_what_the_profile_says_to_leave_is_told_once_each_time_and_ignored_not_at_all(
    policy: str,
) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await provisioned(stage)
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
        for time in (1, 2):
            asked = Asked(ADMINISTRATOR, "create", ROLE_BINDING, namespace, "theirs")
            binding = {"metadata": {"name": "theirs"}, "roleRef": role, "subjects": []}
            stage.world.server.create(asked, binding)
            await stage.sleep(HOUR)
            assert stage.there(ROLE_BINDING, namespace, "theirs")
            if policy == "Ignore":
                assert drifts(stage) == []
                return
            entry = drifts(stage)[-1]
            assert len(drifts(stage)) == time
            assert entry.details["times"] == str(time)
            assert entry.details["kind"] == ROLE_BINDING.kind
            assert entry.details["reason"] == reasons.DRIFT_DETECTED
            left = stage.status()["drift"]["outstanding"]
            assert (left["first"]["name"], "untilTime" in left) == ("theirs", False)
            stage.world.remove(ROLE_BINDING, namespace, "theirs")
            await stage.sleep(5 * MINUTE)
            assert "untilTime" in stage.status()["drift"]["outstanding"]
        assert verify(stage).findings == []

    play(scene, profile={"drift": [{"kind": ROLE_BINDING.kind, "policy": policy}]})
