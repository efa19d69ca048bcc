"""What an Experiment declares cannot be read, or is not what was bound: what was bound goes on."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    EVENT,
    EXPERIMENT,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    ROLE_BINDING,
    SECRET,
)
from simulation.api_kinds import Served
from simulation.api_server import ADMINISTRATOR, ApiServer, Asked
from simulation.process import PLATFORM_IMAGE
from simulation.stage import Stage, play
from simulation.test_ends import (
    HOUR,
    MINUTE,
    SOON,
    ends_after,
    findings_of,
    outcome_of,
    running,
    statements,
)
from simulation.test_seal_order import Refusing, without_rules
from simulation.world import TEAM, pin_spec
from support.examples import one_stage

Json = dict[str, Any]
UNREADABLE: Json = {"purpose": {"description": ""}}
DIFFERS: Json = {"stages": one_stage({"image": "trainer", "command": ["another"]})}
BENT = [
    pytest.param(UNREADABLE, reasons.INVALID_SPEC, id="it cannot be read"),
    pytest.param(DIFFERS, reasons.SNAPSHOT_DIFFERS, id="it is not what was bound"),
]
# What says that something is as declared.
SAYS = ("NamespaceReady", "QuotaApplied", "Isolated", "CredentialsFresh", "InputsVerified")


async def bend(stage: Stage, spec: Json) -> None:
    assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": spec})
    await stage.sleep(5.0)


def default_deny(stage: Stage, namespace: str) -> bool:
    return stage.there(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)


def is_open(stage: Stage, namespace: str) -> bool:
    return stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("spec", "reason"), BENT)
def test_isolation_is_repaired_and_the_reason_is_told(
    spec: Json,
    reason: str,
    restarts: bool,  # noqa: FBT001 - a parameter of the table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        await bend(stage, spec)
        if restarts:
            await stage.process.kill()
            stage.process.start()
            await stage.sleep(5.0)
        stage.world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DEFAULT_DENY)
        await stage.until("it is back", lambda: default_deny(stage, namespace), SOON)
        await stage.sleep(2 * HOUR)
        for condition in ("Ready", "Stalled"):
            assert stage.condition(condition)["reason"] == reason
        assert stage.condition("Ready")["status"] == "False"
        for condition in SAYS:
            assert stage.condition(condition)["status"] == "True", condition
        assert is_open(stage, namespace), "who works there goes on, with fresh credentials"

    play(scene)


@pytest.mark.parametrize(("spec", "reason"), BENT)
def test_its_run_is_followed_to_its_end_and_sealed(
    spec: Json, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        ends_after(stage, 10 * MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        await bend(stage, spec)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 12 * MINUTE)
        assert stage.condition("Succeeded")["status"] == "True"
        assert stage.condition("Ready")["reason"] == reason
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Succeeded", reasons.RUN_SUCCEEDED)

    play(scene)


@pytest.mark.parametrize(("spec", "_reason"), BENT)
def test_what_was_not_begun_begins_when_it_is_declared_as_it_was_bound(
    spec: Json, _reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_rules(monkeypatch)
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        before = stage.declare()["spec"]
        namespace = await stage.provisioned()
        await bend(stage, spec)
        faults.in_force = False
        await stage.sleep(10 * MINUTE)
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        assert "is again what was bound" in stage.condition("Succeeded")["message"]
        await bend(stage, {key: before[key] for key in spec})
        await stage.until("it runs", lambda: stage.there(JOB, namespace, names.RUN_JOB), SOON)

    play(scene, faults=faults)


@pytest.mark.parametrize(("spec", "_reason"), BENT)
def test_it_is_sealed_from_what_was_bound_before_it_goes(
    spec: Json, _reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        await bend(stage, spec)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR / 2)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Failed", reasons.ABANDONED)
        assert any("from the snapshot" in each for each in findings_of(statement))

    play(scene)


def test_where_nobody_knows_what_was_bound_access_is_closed_and_nothing_is_said_to_be_well() -> (
    None
):
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        before = stage.world.experiment()
        assert before is not None
        snapshot = stage.world.server.peek(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        assert snapshot is not None
        await stage.process.kill()
        await bend(stage, UNREADABLE)
        stage.world.remove(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        stage.process.start()
        await stage.until("it is closed", lambda: not is_open(stage, namespace), SOON)
        await stage.sleep(MINUTE)
        for condition in SAYS:
            assert stage.condition(condition)["status"] == "Unknown", condition
        assert stage.condition("Ready")["reason"] == reasons.INVALID_SPEC
        assert "access to it is closed" in stage.condition("Ready")["message"]
        await bend(stage, {"purpose": before["spec"]["purpose"]})
        await stage.until(
            "it is Ready", lambda: stage.condition("Ready")["status"] == "True", 5 * MINUTE
        )
        assert is_open(stage, namespace)
        assert stage.condition("DriftDetected")["status"] == "False"
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        # The snapshot was taken away by somebody; that access was closed and opened is no drift.
        assert told.count(reasons.DRIFT_REPAIRED) == 0, told

    play(scene)


OF_ANOTHER_VERSION = '{"format": "of another version"}'


def written(stage: Stage, platform: str) -> None:
    asked = Asked(ADMINISTRATOR, "patch", EXPERIMENT, TEAM, "x", "status")
    patch = {"status": {"platform": platform}}
    stage.world.server.patch(asked, patch, "application/merge-patch+json")


def test_platform_settings_that_this_version_cannot_read_close_access(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a rollback: nobody knows what is to be kept. Its run is followed all the same."""
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        ends_after(stage, 10 * MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        namespace, before = stage.status()["namespace"], stage.status()["platform"]
        written(stage, OF_ANOTHER_VERSION)
        await stage.until("it is closed", lambda: not is_open(stage, namespace), SOON)
        await stage.until(
            "its end is recorded", lambda: stage.status()["run"].get("completionTime"), 12 * MINUTE
        )
        for condition in SAYS:
            assert stage.condition(condition)["status"] == "Unknown", condition
        written(stage, before)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 5 * MINUTE)
        pods = stage.status()["run"]["pods"]
        logs = [each.get("log") or {} for pod in pods for each in pod["containers"]]
        assert [each for each in logs if not each.get("key")] == [], "none was given up"

    play(scene)


def test_what_is_deleted_whose_platform_settings_cannot_be_read_is_sealed_from_the_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        written(stage, OF_ANOTHER_VERSION)
        await stage.sleep(5.0)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR / 2)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Failed", reasons.ABANDONED)
        (finding,) = [each for each in findings_of(statement) if "from the snapshot" in each]
        assert "could not be read" in finding

    play(scene)


@pytest.mark.parametrize("code", [404, 403, 500], ids=["not there", "no right", "no answer"])
def test_one_wrong_answer_about_the_snapshot_closes_nothing(code: int) -> None:
    def once(asked: Any) -> bool:
        if asked.name != names.SNAPSHOT_CONFIG_MAP or asked.verb != "get" or lost:
            return False
        lost.append(asked)
        return True

    lost: list[Any] = []
    faults = Refusing(once, code)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        taken: list[str] = []
        stage.world.server.on_change.append(
            lambda change: (
                taken.append(change.served.kind.kind)
                if change.new is None and change.served.kind == ROLE_BINDING
                else None
            )
        )
        faults.in_force = True
        await bend(stage, UNREADABLE)
        await stage.sleep(MINUTE)
        assert lost
        assert taken == []
        assert is_open(stage, namespace)

    play(scene, faults=faults)


def test_a_snapshot_that_may_not_be_read_any_more_closes_access() -> None:
    """Nobody knows what is to be kept, and that is no answer that may pass."""
    faults = Refusing(
        lambda asked: asked.name == names.SNAPSHOT_CONFIG_MAP and asked.verb == "get", 403
    )

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        faults.in_force = True
        await bend(stage, UNREADABLE)
        await stage.until("it is closed", lambda: not is_open(stage, namespace), 5 * MINUTE)

    play(scene, faults=faults)


def test_what_is_sealed_stays_to_be_read_although_nobody_knows_what_was_bound() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE)
        stage.declare()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        namespace = stage.status()["namespace"]
        assert is_open(stage, namespace)
        await stage.process.kill()
        await bend(stage, UNREADABLE)
        stage.world.remove(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        stage.process.start()
        await stage.sleep(5 * MINUTE)
        assert stage.condition("Ready")["reason"] == reasons.INVALID_SPEC
        assert is_open(stage, namespace), "no pod starts there: it opens nothing"

    play(scene)


def test_access_that_a_finalizer_holds_is_not_said_to_be_closed() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        await stage.process.kill()
        await bend(stage, UNREADABLE)
        stage.world.remove(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
        held = {"metadata": {"finalizers": ["example.com/held"]}}
        stage.world.edit(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING, held)
        stage.process.start()
        await stage.sleep(MINUTE)
        assert "example.com/held" in stage.condition("Ready")["message"]
        assert "is closed" not in stage.condition("Ready")["message"]
        let_go = {"metadata": {"finalizers": None}}
        stage.world.edit(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING, let_go)
        await stage.sleep(MINUTE)
        assert "access to it is closed" in stage.condition("Ready")["message"]

    play(scene)


def test_a_store_that_lacks_a_key_for_a_minute_makes_nothing_unsealable() -> None:
    """Half of a rotation by hand, while an Experiment that cannot be read is deleted."""

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        await stage.process.kill()
        await bend(stage, UNREADABLE)
        keys = ("glovebox-system", "store-keys")
        secret = stage.world.server.peek(SECRET, *keys)
        assert secret is not None
        key = secret["data"]["secretAccessKey"]
        stage.world.edit(SECRET, *keys, {"data": {"secretAccessKey": None}})
        stage.process.start()
        await stage.sleep(5.0)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(MINUTE)
        stage.world.edit(SECRET, *keys, {"data": {"secretAccessKey": key}})
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        assert len(statements(stage)) == 1

    play(scene)


async def with_the_snapshot_of_another(stage: Stage) -> tuple[str, str]:
    """Have an unreadable Experiment whose snapshot is whole, and of another one's digest."""
    stage.declare(run=False, lifecycle={"deletionPolicy": "Freeze"})
    stage.declare("y", run=False, config={"seeds": {"numpy": 7}})
    namespace, other = await stage.provisioned(), await stage.provisioned("y")
    await stage.process.kill()
    await bend(stage, UNREADABLE)
    found = stage.world.server.peek(CONFIG_MAP, other, names.SNAPSHOT_CONFIG_MAP)
    assert found is not None
    stage.world.remove(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
    asked = Asked(ADMINISTRATOR, "create", CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
    body = {"metadata": {"name": names.SNAPSHOT_CONFIG_MAP}, "data": found["data"]}
    stage.world.server.create(asked, body)
    return namespace, other


def test_nothing_is_sealed_from_the_snapshot_of_another_experiment() -> None:
    async def scene(stage: Stage) -> None:
        namespace, _ = await with_the_snapshot_of_another(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.process.start()
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        await stage.sleep(MINUTE)
        assert statements(stage) == []
        assert not is_open(stage, namespace)
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert reasons.DELETED_UNSEALED in told

    play(scene)


def test_the_snapshot_of_another_experiment_is_not_what_was_bound() -> None:
    async def scene(stage: Stage) -> None:
        namespace, other = await with_the_snapshot_of_another(stage)
        stage.process.start()
        await stage.until("it is closed", lambda: not is_open(stage, namespace), SOON)
        await stage.sleep(MINUTE)
        for condition in SAYS:
            assert stage.condition(condition)["status"] == "Unknown", condition
        assert is_open(stage, other)

    play(scene)


def test_an_operator_of_another_image_keeps_and_runs_what_was_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb == "create")
    faults.in_force = True
    newer = "registry.example/glovebox@sha256:" + "f" * 64

    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        stage.declare(pin="set")
        namespace = await stage.provisioned()
        await stage.process.kill()
        monkeypatch.setattr("simulation.process.PLATFORM_IMAGE", newer)
        stage.process.start()
        await stage.sleep(MINUTE)
        faults.in_force = False
        await stage.until("it runs", lambda: stage.there(JOB, namespace, names.RUN_JOB), 2 * SOON)
        job = stage.world.server.peek(JOB, namespace, names.RUN_JOB)
        assert PLATFORM_IMAGE in str(job)
        assert newer not in str(job)

    play(scene, faults=faults)


def test_a_crd_that_drops_what_is_bound_is_noticed_before_anything_is_created(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An operator was updated and its CRDs were not: the API server drops fields in silence."""
    with_status = ApiServer._with_status

    def dropping(server: ApiServer, served: Served, old: Json, wanted: Json) -> Json:
        new = with_status(server, served, old, wanted)
        if served.kind != EXPERIMENT:
            return new
        kept = {name: value for name, value in new["status"].items() if name != "platform"}
        return {**new, "status": kept}

    monkeypatch.setattr(ApiServer, "_with_status", dropping)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("it is told", lambda: stage.condition("Stalled"), SOON)
        await stage.sleep(MINUTE)
        assert stage.condition("Stalled")["reason"] == reasons.INTERNAL_ERROR
        made = [each["metadata"]["name"] for each in stage.world.server.everything(NAMESPACE)]
        assert not [name for name in made if name.startswith("gbx-")]

    play(scene)
