"""Pods that came in through a gap go: whatever else fails, whatever they look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from glovebox import names
from glovebox.kube.kinds import EVENT, JOB, LIMIT_RANGE, NAMESPACE, POD
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, running
from simulation.test_seal_order import Refusing, wants
from simulation.world import IMAGE

Json = dict[str, Any]
ENFORCE = "pod-security.kubernetes.io/enforce"
OF_THE_HOST: Json = {"hostNetwork": True, "containers": [{"name": "main", "image": "any"}]}
OF_THE_TEAM: Json = {"containers": [{"name": "main", "image": IMAGE}]}


def label(stage: Stage, namespace: str, name: str, value: str | None) -> None:
    stage.world.edit(NAMESPACE, None, namespace, {"metadata": {"labels": {name: value}}})


def start(stage: Stage, namespace: str, name: str, spec: Json, **metadata: Any) -> None:
    """Let a pod come in that runs for a day."""
    stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
    asked = Asked(ADMINISTRATOR, "create", POD, namespace, name)
    stage.world.server.create(asked, {"metadata": {"name": name, **metadata}, "spec": spec})


def is_refused(kind: str, verb: str, name: str = "") -> Callable[[Asked], bool]:
    def refuses(asked: Asked) -> bool:
        matches = (asked.kind.kind, asked.verb) == (kind, verb)
        return matches and (not name or asked.name == name)

    return refuses


@pytest.mark.parametrize(
    "refused",
    [
        is_refused(LIMIT_RANGE.kind, "create"),
        is_refused(POD.kind, "delete", "a-first"),
        is_refused(NAMESPACE.kind, "update"),
    ],
    ids=["a repair", "another pod", "the labels"],
)
def test_what_is_refused_keeps_no_pod_in(refused: Callable[[Asked], bool]) -> None:
    faults = Refusing(refused)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        faults.in_force = True
        stage.world.remove(LIMIT_RANGE, namespace, names.LIMIT_RANGE)
        await stage.sleep(5)
        label(stage, namespace, ENFORCE, None)
        for name in ("a-first", "b-second"):
            start(stage, namespace, name, OF_THE_HOST)
        await stage.sleep(10 * MINUTE)
        assert not stage.there(POD, namespace, "b-second")

    play(scene, faults=faults)


def test_the_operator_s_own_label_and_a_run_s_name_hide_no_pod() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        job = stage.world.server.peek(JOB, namespace, names.RUN_JOB)
        assert job is not None
        owner = {"apiVersion": "batch/v1", "kind": "Job", "controller": True}
        theirs = {**owner, "name": names.RUN_JOB, "uid": "another"}
        forged = {**owner, "name": names.RUN_JOB, "uid": job["metadata"]["uid"]}
        labels = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
        own = [pod["metadata"]["name"] for pod in stage.world.server.everything(POD, namespace)]
        assert own
        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "labelled", OF_THE_HOST, labels=labels)
        start(stage, namespace, "of-another", OF_THE_HOST, labels=labels, ownerReferences=[theirs])
        start(stage, namespace, "forged", OF_THE_HOST, labels=labels, ownerReferences=[forged])
        await stage.sleep(5 * MINUTE)
        left = [pod["metadata"]["name"] for pod in stage.world.server.everything(POD, namespace)]
        assert left == own, "and the run goes on"

    play(scene)


@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_no_pod_stays_in_what_is_closed_although_its_image_is_allowed(desired: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        wants(stage, desired)
        await stage.until("closed", lambda: stage.status().get("state") == desired, MINUTE)
        await stage.sleep(MINUTE)  # closing it asks all pods to end, whoever they are
        label(stage, namespace, names.LABEL_STATE, names.STATE_OPEN)
        start(stage, namespace, "theirs", OF_THE_TEAM)
        await stage.sleep(5 * MINUTE)
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert live is not None
        assert live["metadata"]["labels"][names.LABEL_STATE] == desired
        assert not stage.there(POD, namespace, "theirs")
        told = [each["note"] for each in stage.world.server.everything(EVENT)]
        assert any("`theirs`" in note and desired in note for note in told)

    play(scene)


def test_a_pod_that_came_in_while_no_operator_ran_goes() -> None:
    """The labels are as they should be by the time that one runs again."""

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert live is not None
        await stage.process.kill()
        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "theirs", OF_THE_HOST)
        label(stage, namespace, ENFORCE, live["metadata"]["labels"][ENFORCE])
        stage.process.start()
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "theirs")

    play(scene, sweeps=False)


def test_a_pod_whose_removal_is_refused_is_removed_when_it_can_be() -> None:
    """Nothing else happens in the namespace that would be a reason to look for it again."""
    faults = Refusing(is_refused(POD.kind, "delete"), most=3)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        faults.in_force = True
        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "theirs", OF_THE_HOST)
        await stage.sleep(10 * MINUTE)
        assert len(faults.refused) == 3
        assert not stage.there(POD, namespace, "theirs")

    play(scene, faults=faults, sweeps=False)


def test_a_pod_beside_a_run_goes_although_its_image_is_allowed() -> None:
    """No guard was there to refuse it while the namespace had lost its mark."""

    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        own = [pod["metadata"]["name"] for pod in stage.world.server.everything(POD, namespace)]
        label(stage, namespace, names.LABEL_EXPERIMENT_UID, None)
        start(stage, namespace, "beside", OF_THE_TEAM)
        await stage.sleep(5 * MINUTE)
        left = [pod["metadata"]["name"] for pod in stage.world.server.everything(POD, namespace)]
        assert left == own, "and the run goes on"
        told = [each["note"] for each in stage.world.server.everything(EVENT)]
        assert any("`beside`" in note and "beside the run" in note for note in told)

    play(scene)


def enforced(stage: Stage, namespace: str) -> str | None:
    """Return the label that keeps pods out, as it is."""
    live = stage.world.server.peek(NAMESPACE, None, namespace)
    assert live is not None
    level: str | None = live["metadata"]["labels"].get(ENFORCE)
    return level


def test_what_comes_in_late_goes_although_the_namespace_was_recorded_since() -> None:
    """The label is restored with what completes the namespace; the next look comes at once."""
    faults = Refusing(is_refused(LIMIT_RANGE.kind, "create"))
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("it is refused", lambda: len(faults.refused) > 2)
        namespace = str(stage.status()["namespace"])
        level = enforced(stage, namespace)
        faults.in_force = False
        label(stage, namespace, ENFORCE, None)
        await stage.until("restored", lambda: enforced(stage, namespace) == level, MINUTE)
        restored = stage.now
        await stage.provisioned()
        await stage.sleep(restored + 0.8 - stage.now)
        start(stage, namespace, "late", OF_THE_HOST)
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "late")

    play(scene, faults=faults, sweeps=False)


@pytest.mark.parametrize("pods", [(), ("own",)], ids=["empty", "with a pod"])
def test_what_comes_in_late_goes_although_a_process_began_since(pods: tuple[str, ...]) -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        for name in pods:
            start(stage, namespace, name, OF_THE_TEAM)
        level = enforced(stage, namespace)
        await stage.process.kill()
        label(stage, namespace, ENFORCE, None)
        label(stage, namespace, ENFORCE, level)
        stage.process.start()
        await stage.sleep(0.8)
        start(stage, namespace, "late", OF_THE_HOST)
        await stage.sleep(MINUTE)
        assert not stage.there(POD, namespace, "late")
        assert all(stage.there(POD, namespace, name) for name in pods)

    play(scene, sweeps=False)


def test_a_deletion_that_was_answered_as_if_the_pod_was_gone_is_sent_again() -> None:
    faults = Refusing(is_refused(POD.kind, "delete"), 404, most=2)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        await stage.process.kill()
        level = enforced(stage, namespace)
        label(stage, namespace, ENFORCE, None)
        start(stage, namespace, "theirs", OF_THE_HOST)
        label(stage, namespace, ENFORCE, level)
        faults.in_force = True
        stage.process.start()
        await stage.sleep(MINUTE)
        assert len(faults.refused) == 2
        assert not stage.there(POD, namespace, "theirs")

    play(scene, faults=faults, sweeps=False)
