"""Nothing that was written goes unsealed in silence, whoever wrote it and however it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers import bound_seal
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import (
    CONFIG_MAP,
    EVENT,
    EXPERIMENT,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    ROLE_BINDING,
    SECRET,
)
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.seal import seal_experiment
from glovebox.tasks.seal_request import SealResult
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_endings import artifacts_of
from simulation.test_ends import (
    HOUR,
    MINUTE,
    SOON,
    findings_of,
    outcome_of,
    running,
    statements,
    store_is_away,
    store_is_back,
)
from simulation.test_orphans import lose
from simulation.test_seal_order import Refusing, wants, without_rules
from simulation.world import BUCKET, IMAGE, TEAM

POLICIES = ["Freeze", "Retain", "Delete"]
OPENS = ((ROLE_BINDING, names.TENANT_ROLE_BINDING), (SECRET, names.CREDENTIALS_SECRET))


def writes(stage: Stage) -> None:
    """Write an artifact, as a person of the team does with the credentials in the namespace."""
    prefix = stage.status()["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/")
    bucket = stage.world.store.buckets[BUCKET]
    stage.world.store._store(bucket, f"{prefix}model.bin", b"weights", "", None, "")


def told(stage: Stage) -> list[str]:
    return [str(each["reason"]) for each in stage.world.server.everything(EVENT)]


async def gone(stage: Stage, within: float) -> None:
    await stage.until("it is gone", lambda: stage.world.experiment() is None, within)
    await stage.sleep(MINUTE)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_seal_that_was_asked_for_is_made_although_the_experiment_is_deleted(policy: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"deletionPolicy": policy})
        await stage.provisioned()
        writes(stage)
        store_is_away(stage)
        wants(stage, "Sealed")
        await stage.until("closed", lambda: stage.status().get("state") == "Sealed", SOON)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(5 * MINUTE)
        assert stage.world.experiment() is not None
        store_is_back(stage)
        await gone(stage, HOUR / 2)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("", ""), "as it would have been without the deletion"
        assert artifacts_of(statement) == {"model.bin"}

    play(scene)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("declared", "outcome"), [(False, ""), (True, "Failed")])
def test_what_a_team_wrote_by_hand_is_sealed_when_the_experiment_is_deleted(
    declared: bool,  # noqa: FBT001 - a parameter of the table
    outcome: str,
    policy: str,
) -> None:
    # A run that is declared is kept from beginning.
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=declared, lifecycle={"deletionPolicy": policy})
        namespace = await stage.provisioned()
        writes(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await gone(stage, HOUR / 2)
        (statement,) = statements(stage)
        assert outcome_of(statement) == (outcome, reasons.ABANDONED)
        assert artifacts_of(statement) == {"model.bin"}
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        kept = stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        assert kept is (policy == "Retain"), "the team keeps its access under Retain alone"

    play(scene, faults=faults)


def test_a_team_that_keeps_its_namespace_keeps_its_pods_and_the_seal_names_them() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"deletionPolicy": "Retain"})
        namespace = await stage.provisioned()
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
        pod = {
            "metadata": {"name": "notebook"},
            "spec": {"containers": [{"name": "main", "image": IMAGE}]},
        }
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "notebook"), pod)
        writes(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await gone(stage, 5 * MINUTE)
        assert stage.there(POD, namespace, "notebook")
        (statement,) = statements(stage)
        assert any("`notebook` had not ended" in each for each in findings_of(statement))

    play(scene)


def test_what_a_team_keeps_is_closed_to_new_sessions_before_it_is_sealed_from_the_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can read what was declared, and a session that lives on writes behind the list."""
    without_rules(monkeypatch)
    found: list[bool] = []

    async def scene(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"deletionPolicy": "Retain"})
        namespace = await stage.provisioned()
        writes(stage)

        def see(_: str, key: str, __: str) -> None:
            if key.endswith(STATEMENT_NAME):
                found.append(stage.there(SECRET, namespace, names.CREDENTIALS_SECRET))

        stage.world.store.on_write.append(see)
        await stage.process.kill()
        unreadable = {"purpose": {"description": ""}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": unreadable})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.process.start()
        await gone(stage, HOUR / 2)
        (statement,) = statements(stage)
        assert any("from the snapshot" in each for each in findings_of(statement))

    play(scene)
    assert found == [False]


def test_a_pod_that_takes_its_time_is_waited_for_before_what_nobody_can_read_is_sealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        await stage.sleep(5.0)
        end_pod = stage.world.actors._end_pod

        async def slowly(pod: dict[str, Any]) -> None:
            await stage.sleep(2 * MINUTE)
            await end_pod(pod)

        stage.world.actors._end_pod = slowly  # type: ignore[method-assign]
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(MINUTE)
        assert not statements(stage)
        await gone(stage, HOUR / 2)
        (statement,) = statements(stage)
        assert not any("had not ended" in each for each in findings_of(statement))

    play(scene)


def test_what_nobody_could_write_to_needs_no_store_to_go() -> None:
    """It was bound, and isolation never stood: no credentials, no access."""
    faults = Refusing(lambda asked: asked.kind == NETWORK_POLICY and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("it is bound", lambda: stage.status().get("digest"))
        store_is_away(stage)
        await stage.sleep(MINUTE)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await gone(stage, SOON)
        assert reasons.DELETED_UNSEALED not in told(stage)

    play(scene, faults=faults)


@pytest.mark.parametrize("lost", [CONFIG_MAP, NAMESPACE], ids=["its snapshot", "its namespace"])
@pytest.mark.parametrize("policy", POLICIES)
def test_what_cannot_be_read_and_cannot_be_sealed_goes_after_an_hour_and_is_told(
    lost: Any, policy: str
) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage, deletionPolicy=policy)
        await stage.process.kill()
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        if lost == CONFIG_MAP:
            stage.world.remove(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        else:
            stage.world.remove(NAMESPACE, None, namespace)
            await stage.until("gone", lambda: not stage.there(NAMESPACE, "", namespace))
        stage.process.start()
        await stage.sleep(5.0)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(MINUTE)
        for kind, name in OPENS:
            assert not stage.there(kind, namespace, name), "nobody gets in while it is looked for"
        await stage.sleep(HOUR - 2 * MINUTE)
        assert stage.world.experiment() is not None
        assert reasons.DELETED_UNSEALED not in told(stage)
        await gone(stage, SOON)
        assert statements(stage) == []
        assert told(stage).count(reasons.DELETED_UNSEALED) == 1

    play(scene)


@pytest.mark.parametrize("policy", POLICIES)
def test_one_wrong_404_of_the_snapshot_keeps_no_seal_from_being_made(policy: str) -> None:
    lost: list[Asked] = []

    def once(asked: Asked) -> bool:
        if asked.name != names.SNAPSHOT_CONFIG_MAP or asked.verb != "get" or lost:
            return False
        lost.append(asked)
        return True

    faults = Refusing(once, 404)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy=policy)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        await stage.sleep(5.0)
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await gone(stage, HOUR / 2)
        assert lost
        assert len(statements(stage)) == 1
        assert reasons.DELETED_UNSEALED not in told(stage)

    play(scene, faults=faults)


def takes_hours(monkeypatch: pytest.MonkeyPatch, hours: int, *, comes_further: bool) -> None:
    """Let each seal read for so long before it is made, and report every ten minutes."""

    async def slowly(context: TaskContext, *request: Any, **options: Any) -> SealResult:
        for tenth in range(6 * hours):
            await asyncio.sleep(10 * MINUTE)
            context.report(Progress(objects_done=tenth + 1 if comes_further else 1))
        return await seal_experiment(context, *request, **options)

    monkeypatch.setattr(bound_seal, "seal_experiment", slowly)


def test_a_deletion_waits_for_a_seal_as_long_as_it_comes_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    takes_hours(monkeypatch, 3, comes_further=True)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(3 * HOUR - MINUTE)
        assert stage.world.experiment() is not None
        await gone(stage, 10 * MINUTE)
        assert len(statements(stage)) == 1
        assert reasons.DELETED_UNSEALED not in told(stage)

    play(scene)


def test_a_deletion_goes_on_an_hour_after_its_seal_last_came_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    takes_hours(monkeypatch, 3, comes_further=False)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR + 9 * MINUTE)
        assert stage.world.experiment() is not None, "ten minutes after it began it came further"
        await gone(stage, SOON + 2 * MINUTE)
        assert statements(stage) == []
        assert told(stage).count(reasons.DELETED_UNSEALED) == 1

    play(scene)


@pytest.mark.parametrize(
    ("comes_further", "state"), [(True, names.STATE_SEALED), (False, names.STATE_RETAINED)]
)
def test_what_was_lost_is_not_given_up_while_its_seal_comes_further(
    monkeypatch: pytest.MonkeyPatch,
    comes_further: bool,  # noqa: FBT001 - a column of the table
    state: str,
) -> None:
    takes_hours(monkeypatch, 3, comes_further=comes_further)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        namespace = stage.status()["namespace"]
        lose(stage, "x")
        await stage.sleep(2 * HOUR)
        live = stage.world.server.peek(NAMESPACE, None, namespace)
        assert live is not None
        assert live["metadata"]["labels"][names.LABEL_STATE] == state
        assert (reasons.ORPHAN_UNSEALED in told(stage)) is (state == names.STATE_RETAINED)
        await stage.until("it is sealed all the same", lambda: statements(stage), 2 * HOUR)

    play(scene, sweeps=False)
