"""What stages are given of secrets: when it is copied, of which version, and when it goes."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, JOB, NETWORK_POLICY, SECRET
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.api_transport import Fault, NoFaults
from simulation.process import RESYNC_SECONDS
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE, SOON, ends_after, statements
from simulation.test_evidence import logs_of
from simulation.test_late_creations import comes_late
from simulation.test_log_secrets import prints
from simulation.test_seal_order import Refusing, wants
from simulation.world import IMAGE, TEAM

Json = dict[str, Any]
SOURCE = "mlflow"
PROFILE: Json = {
    "secrets": [{"name": "tracking", "namespace": "$(team)", "secretName": SOURCE}],
    "images": [{"repository": IMAGE.partition("@")[0]}],
}
STAGES: list[Json] = [
    {
        "name": "train",
        "image": "trainer",
        "command": ["python", "train.py"],
        "secrets": [{"name": "tracking", "key": "token", "env": "TRACKING_TOKEN"}],
    }
]
# No shape tells that these are secrets.
ONE, TWO = "correct horse battery", "staple of another kind"


def data(word: str) -> Json:
    return {key: base64.b64encode(word.encode()).decode() for key in ("token", "beside")}


def give(stage: Stage, word: str = ONE, **fields: Any) -> None:
    """Make the source, as the team does."""
    asked = Asked(ADMINISTRATOR, "create", SECRET, TEAM, SOURCE)
    body = {"metadata": {"name": SOURCE}, "type": "Opaque", "data": data(word), **fields}
    stage.world.server.create(asked, body)


def change(stage: Stage, word: str) -> None:
    assert stage.world.edit(SECRET, TEAM, SOURCE, {"data": data(word)})


def copied(stage: Stage, namespace: str) -> dict[str, str]:
    """Return what the copy holds; empty when there is none."""
    found = stage.world.server.peek(SECRET, namespace, names.STAGE_SECRETS) or {"data": {}}
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def the_copy(word: str) -> dict[str, str]:
    return {"tracking.token": word}


def version(stage: Stage) -> str:
    source = stage.world.server.peek(SECRET, TEAM, SOURCE)
    assert source is not None
    return f"{source['metadata']['uid']}/{source['metadata']['resourceVersion']}"


def bound(stage: Stage, namespace: str) -> Json:
    """Return what the snapshot says that the platform gave."""
    found = stage.world.server.peek(CONFIG_MAP, namespace, names.SNAPSHOT_CONFIG_MAP)
    assert found is not None
    given: Json = orjson.loads(found["data"]["snapshot.json"])["platform"]
    return given


async def running(stage: Stage) -> str:
    give(stage)
    ends_after(stage, 24 * 60 * MINUTE)
    stage.declare(stages=STAGES)
    await stage.until("the run is recorded", lambda: stage.status().get("run"))
    await stage.sleep(5.0)
    return str(stage.status()["namespace"])


def says(stage: Stage, condition: str, reason: str) -> bool:
    return stage.condition(condition).get("reason") == reason


def test_nothing_exists_before_its_source_and_then_its_version_is_bound() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(stages=STAGES)
        await stage.until(
            "it says what is missing", lambda: says(stage, "Ready", reasons.SECRET_NOT_FOUND)
        )
        assert f"'{SOURCE}' in namespace '{TEAM}'" in stage.condition("Ready")["message"]
        await stage.sleep(5 * MINUTE)
        assert not stage.status().get("digest")
        give(stage, ONE, type="kubernetes.io/service-account-token")
        await stage.until(
            "it says what is wrong", lambda: says(stage, "Ready", reasons.SECRET_INVALID), SOON
        )
        assert not stage.status().get("digest")
        assert stage.world.remove(SECRET, TEAM, SOURCE)
        give(stage)
        namespace = await stage.provisioned()
        assert copied(stage, namespace) == the_copy(ONE), "the key that is named, and no other"
        assert bound(stage, namespace)["secrets"] == {"tracking": version(stage)}
        assert bound(stage, namespace)["profile"]["secrets"] == PROFILE["secrets"]

    # Nobody lists anything again meanwhile: nothing but its own look goes on with it.
    play(scene, profile=PROFILE, sweeps=False)


def test_what_the_operator_may_not_read_is_said_with_the_cure() -> None:
    faults = Refusing(
        lambda asked: asked.kind == SECRET and asked.verb == "get" and asked.name == SOURCE, 403
    )
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        give(stage)
        stage.declare(stages=STAGES)
        await stage.until("it says why", lambda: says(stage, "Ready", reasons.SECRET_NOT_READABLE))
        assert f"{{namespace: {TEAM}, names: [{SOURCE}]}}" in stage.condition("Ready")["message"]
        faults.in_force = False
        assert copied(stage, await stage.provisioned()) == the_copy(ONE)

    play(scene, profile=PROFILE, faults=faults, sweeps=False)


def test_it_is_not_there_before_isolation_stood() -> None:
    faults = Refusing(lambda asked: asked.kind == NETWORK_POLICY and asked.verb == "create")
    faults.in_force = True
    made: list[bool] = []

    async def scene(stage: Stage) -> None:
        def note(change: Change) -> None:
            is_it = (change.new or {}).get("metadata", {}).get("name") == names.STAGE_SECRETS
            if change.served.kind == SECRET and is_it:
                made.append(faults.in_force)

        stage.world.server.on_change.append(note)
        give(stage)
        stage.declare(stages=STAGES)
        await stage.until("the namespace is there", lambda: stage.status().get("namespaceUid"))
        await stage.sleep(5 * MINUTE)
        assert made == []
        faults.in_force = False
        assert copied(stage, await stage.provisioned()) == the_copy(ONE)

    play(scene, profile=PROFILE, faults=faults)


def test_what_was_bound_stays_whatever_becomes_of_its_source() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        digest = stage.status()["digest"]
        change(stage, TWO)
        await stage.sleep(20 * MINUTE)
        assert copied(stage, namespace) == the_copy(ONE)
        assert stage.world.remove(SECRET, TEAM, SOURCE)
        await stage.sleep(20 * MINUTE)
        assert copied(stage, namespace) == the_copy(ONE)
        assert stage.condition("Ready")["status"] == "True"
        assert stage.status()["digest"] == digest

    play(scene, profile=PROFILE)


def test_a_copy_that_somebody_took_is_made_again_of_the_same_version_alone() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        assert stage.world.remove(SECRET, namespace, names.STAGE_SECRETS)
        await stage.until(
            "it is restored", lambda: copied(stage, namespace) == the_copy(ONE), 5 * MINUTE + 5
        )
        await stage.sleep(1.0)
        last = stage.status()["drift"]["last"]
        assert last == {"kind": "Secret", "name": names.STAGE_SECRETS, "change": "Deleted"}
        change(stage, TWO)
        assert stage.world.remove(SECRET, namespace, names.STAGE_SECRETS)
        await stage.until(
            "it is refused",
            lambda: says(stage, "CredentialsFresh", reasons.SECRET_CHANGED),
            5 * MINUTE + 5,
        )
        assert copied(stage, namespace) == {}
        assert stage.condition("Ready")["status"] == "False"
        assert "declare the Experiment under another name" in stage.condition("Ready")["message"]

    play(scene, profile=PROFILE)


def test_one_that_somebody_forged_is_replaced() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        before = stage.world.server.peek(SECRET, namespace, names.STAGE_SECRETS)
        assert before is not None
        assert before["immutable"] is True
        assert stage.world.remove(SECRET, namespace, names.STAGE_SECRETS)
        forged = {"tracking.token": base64.b64encode(b"of a thief").decode()}
        kept = {key: before["metadata"][key] for key in ("name", "labels", "annotations")}
        asked = Asked(ADMINISTRATOR, "create", SECRET, namespace, names.STAGE_SECRETS)
        body = {"metadata": kept, "type": "Opaque", "immutable": True, "data": forged}
        stage.world.server.create(asked, body)
        await stage.until(
            "it is as bound", lambda: copied(stage, namespace) == the_copy(ONE), 5 * MINUTE + 5
        )

    play(scene, profile=PROFILE)


def test_no_run_begins_without_what_it_was_bound_to() -> None:
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        give(stage)
        stage.declare(stages=STAGES)
        namespace = await stage.provisioned()
        wants(stage, "Frozen")
        await stage.until("it is closed", lambda: stage.status().get("state") == "Frozen", SOON)
        assert copied(stage, namespace) == {}
        change(stage, TWO)
        faults.in_force = False
        wants(stage, "Active")
        await stage.until("it says why", lambda: says(stage, "Ready", reasons.SECRET_CHANGED))
        await stage.sleep(5 * MINUTE)
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        assert copied(stage, namespace) == {}, "not what was bound"

    play(scene, profile=PROFILE, faults=faults)


def test_it_goes_with_the_end_of_the_run_and_what_comes_late_is_swept() -> None:
    async def scene(stage: Stage) -> None:
        give(stage)
        ends_after(stage, MINUTE)
        stage.declare(stages=STAGES)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 30 * MINUTE)
        namespace = stage.status()["namespace"]
        assert copied(stage, namespace) == {}
        comes_late(stage, namespace, SECRET, names.STAGE_SECRETS)
        await stage.until(
            "it is gone",
            lambda: not stage.there(SECRET, namespace, names.STAGE_SECRETS),
            2 * RESYNC_SECONDS,
        )

    play(scene, profile=PROFILE)


def kept_log(stage: Stage) -> bytes:
    ((_, body),) = logs_of(stage, *statements(stage))
    return body


@pytest.mark.parametrize("restarts", [False, True], ids=["one process", "a new process"])
@pytest.mark.parametrize("stops", [False, True], ids=["by itself", "stopped"])
def test_no_log_that_is_kept_shows_it(restarts: bool, stops: bool) -> None:  # noqa: FBT001
    async def scene(stage: Stage) -> None:
        give(stage)
        ends_after(stage, 24 * 60 * MINUTE if stops else 10 * MINUTE)
        prints(stage, f"begins\nasks with {ONE}\n")
        stage.declare(stages=STAGES)
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        await stage.sleep(5.0)
        if restarts:
            await stage.process.kill()
        if stops:
            wants(stage, "Sealed")
        else:
            await stage.sleep(12 * MINUTE)
        if restarts:
            stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 30 * MINUTE)
        assert kept_log(stage) == b"begins\nasks with [redacted]\n"
        shown = orjson.dumps(stage.world.experiment())
        assert ONE.encode() not in shown

    play(scene, profile=PROFILE)


def test_a_log_is_not_kept_where_nobody_knows_what_was_given() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        prints(stage, f"asks with {ONE}\n")
        await stage.process.kill()
        assert stage.world.remove(SECRET, namespace, names.STAGE_SECRETS)
        change(stage, TWO)
        wants(stage, "Sealed")
        stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 30 * MINUTE)
        assert logs_of(stage, *statements(stage)) == []
        (pod,) = stage.status()["run"]["pods"]
        (log,) = (each["log"] for each in pod["containers"] if each["name"] == "run")
        assert "what they were is not known any more" in log["problem"]
        bodies = [
            each.body
            for bucket in stage.world.store.buckets.values()
            for versions in bucket.keys.values()
            for each in versions
        ]
        assert not any(ONE.encode() in body for body in bodies)

    play(scene, profile=PROFILE)


@pytest.mark.parametrize("policy", ["Delete", "Freeze", "Retain"])
def test_a_deletion_that_cannot_see_the_run_at_first_keeps_its_log_and_no_copy(policy: str) -> None:
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb in ("get", "list"), 500)

    async def scene(stage: Stage) -> None:
        give(stage)
        ends_after(stage, 24 * 60 * MINUTE)
        prints(stage, f"begins\nasks with {ONE}\n")
        stage.declare(stages=STAGES, lifecycle={"deletionPolicy": policy})
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        namespace = stage.status()["namespace"]
        await stage.sleep(5.0)
        await stage.process.kill()
        faults.in_force = True
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        stage.process.start()
        await stage.sleep(5 * MINUTE)
        assert faults.refused
        faults.in_force = False
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 60 * MINUTE)
        assert kept_log(stage) == b"begins\nasks with [redacted]\n"
        assert copied(stage, namespace) == {}

    play(scene, profile=PROFILE, faults=faults)


class Cutting(NoFaults):
    """Cuts the next writes of the copy."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.left = fault, 0

    def request(self, asked: Asked) -> Fault:
        """Cut it, so often as is left."""
        is_write = asked.verb in ("create", "update", "delete")
        if not is_write or asked.name != names.STAGE_SECRETS or not self.left:
            return super().request(asked)
        self.left -= 1
        return self.fault


@pytest.mark.parametrize(
    "fault",
    [
        Fault("lost", seconds=5.0),
        Fault("unanswered"),
        Fault("late", seconds=1.0),
        Fault("refused", 403),
        Fault("refused", 500),
    ],
    ids=lambda fault: f"{fault.name} {fault.code}",
)
def test_each_write_of_it_that_fails_is_made_good(fault: Fault) -> None:
    faults = Cutting(fault)

    async def scene(stage: Stage) -> None:
        give(stage)
        ends_after(stage, MINUTE)
        faults.left = 2
        stage.declare(stages=STAGES)
        namespace = await stage.provisioned()
        assert copied(stage, namespace) == the_copy(ONE)
        faults.left = 2
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 30 * MINUTE)
        assert faults.left < 2, "a deletion was cut"
        await stage.sleep(5.0)  # whatever comes late is there by now
        assert copied(stage, namespace) == {}

    play(scene, profile=PROFILE, faults=faults)


def test_a_look_at_what_is_as_it_was_writes_and_reads_nothing_of_its_source() -> None:
    asked_for: list[str] = []

    class Noting(NoFaults):
        def request(self, asked: Asked) -> Fault:
            if asked.name in (names.STAGE_SECRETS, SOURCE) and asked.kind == SECRET:
                asked_for.append(f"{asked.verb} {asked.name}")
            return super().request(asked)

    async def scene(stage: Stage) -> None:
        await running(stage)
        asked_for.clear()
        await stage.sleep(20 * MINUTE)
        assert set(asked_for) == {f"get {names.STAGE_SECRETS}"}

    play(scene, profile=PROFILE, faults=Noting())
