"""Evidence of a run: seen while it lives, sealed whole, listed once more, and concluded once."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.data.redaction import redact_log
from glovebox.evidence.after_seal import CONCLUSION_NAME, SUPPLEMENT_NAME
from glovebox.evidence.run_facts import BEGINNINGS
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, NAMESPACE, POD, SECRET
from glovebox.store.sealing import PREFIX
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.object_store import Identity, ObjectStoreServer, S3Error
from simulation.stage import Stage, play
from simulation.test_ends import (
    HOUR,
    MINUTE,
    SOON,
    ends_after,
    findings_of,
    running,
    statements,
    store_is_back,
)
from simulation.world import BUCKET, IMAGE, NODE_INFO, TEAM, experiment_spec
from support.examples import one_stage

Json = dict[str, Any]
OTHER_IMAGE = "registry.example/trainer@sha256:" + "b" * 64


def said(statement: Json, name: str) -> list[str]:
    byproducts = statement["predicate"]["runDetails"]["byproducts"]
    return [each["annotations"]["message"] for each in byproducts if each["name"] == name]


def metadata_of(statement: Json) -> Json:
    return dict(statement["predicate"]["runDetails"]["metadata"])


def run_of(attempt: Json) -> Json:
    """Return the run's own container, beside those that serve it."""
    return next(each for each in attempt["containers"] if each["name"] == "run")


def logs_of(stage: Stage, statement: Json) -> list[tuple[Json, bytes]]:
    """Return each log of a run's own container, with what lies there; the digest is compared."""
    found = []
    for each in statement["predicate"]["runDetails"]["byproducts"]:
        if each["name"] == "log" and each["annotations"]["container"] == "run":
            key = each["uri"].removeprefix(f"s3://{BUCKET}/")
            (version,) = stage.world.store.buckets[BUCKET].keys[key]
            assert key.endswith(f"log.{each['digest']['sha256']}.txt")
            assert version.until is not None
            found.append((each["annotations"], version.body))
    return found


def signed(stage: Stage, name: str) -> list[Json]:
    """Return the payload of each version of a statement beside the only seal."""
    found = []
    for key, versions in stage.world.store.buckets[BUCKET].keys.items():
        if key.startswith(PREFIX) and key.endswith(name):
            found += [
                orjson.loads(base64.b64decode(orjson.loads(each.body)["payload"]))
                for each in versions
            ]
    return found


async def sealed(stage: Stage, **spec: Any) -> Json:
    ends_after(stage, 20.0)
    stage.declare(**spec)
    await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
    (statement,) = statements(stage)
    return statement


def write_late(stage: Stage, name: str, body: bytes = b"late") -> None:
    """Write below the prefix of the run, as whoever copied its session does."""
    prefix = stage.status()["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/")
    bucket = stage.world.store.buckets[BUCKET]
    stage.world.store._store(bucket, f"{prefix}{name}", body, "", None, "")


def seconds_to(stage: Stage, moment: str) -> float:
    return (datetime.fromisoformat(moment) - stage.world.clock.now()).total_seconds()


def test_a_seal_says_what_ran_where_and_for_whom_it_was_meant() -> None:
    async def scene(stage: Stage) -> None:
        code = {"repository": "https://git.example/flights", "commit": "3f" * 20}
        statement = await sealed(stage, code=code)
        said_of = metadata_of(statement)
        (attempt,) = said_of["glovebox_attempts"]
        container = run_of(attempt)
        assert (attempt["phase"], attempt["node"]) == ("Succeeded", "node-1")
        assert {"uid", "startTime", "completionTime"} <= attempt.keys()
        assert (container["imageId"], container["exitCode"]) == (IMAGE, 0)
        assert said_of["glovebox_nodes"] == [{"name": "node-1", **NODE_INFO}]
        assert said_of["glovebox_tenantPods"] == {"seen": 0, "more": False, "names": []}
        definition = statement["predicate"]["buildDefinition"]
        assert definition["internalParameters"]["purpose"]["description"] == "simulated"
        assert definition["externalParameters"]["snapshot"]["code"] == code
        assert {
            "uri": "git+https://git.example/flights",
            "digest": {"gitCommit": "3f" * 20},
        } in definition["resolvedDependencies"]
        assert "platform" in definition["externalParameters"]["snapshot"]
        assert (findings_of(statement), said(statement, "unknown")) == ([], [BEGINNINGS])

    play(scene)


def test_the_log_is_kept_and_locked_and_shows_no_session() -> None:
    async def scene(stage: Stage) -> None:
        statement = await sealed(stage)
        ((told, body),) = logs_of(stage, statement)
        assert body.startswith(b"begins")
        assert body.endswith(b"ends\n")
        assert b"ASIA" not in body
        assert int(told["redactions"]) >= 3
        assert (told["final"], told["truncated"]) == ("true", "unknown")
        (pod,) = stage.status()["run"]["pods"]
        assert told["podUid"] == pod["uid"]

    play(scene)


def test_no_log_is_called_whole_for_its_kubelet_may_have_rotated_it() -> None:
    async def scene(stage: Stage) -> None:
        original = stage.world.server.log
        # What was said first is in another file by now, which no kubelet gives.
        stage.world.server.log = lambda asked: original(asked).partition("\n")[2]  # type: ignore[method-assign]
        statement = await sealed(stage)
        ((told, body),) = logs_of(stage, statement)
        assert b"begins" not in body
        assert told["truncated"] == "unknown"
        assert "as far as its kubelet still had it" in "".join(said(statement, "unknown"))

    play(scene)


def test_a_log_that_is_longer_than_what_is_kept_is_called_cut() -> None:
    async def scene(stage: Stage) -> None:
        original = stage.world.server.log
        stage.world.server.log = lambda asked: original(asked) * 50_000  # type: ignore[method-assign]
        statement = await sealed(stage)
        ((told, body),) = logs_of(stage, statement)
        assert told["truncated"] == "true"
        assert len(body) <= 1 << 20
        # Of nothing else there is a log: both containers said as much.
        assert said(statement, "unknown") == []

    play(scene)


def test_the_log_shows_neither_a_session_nor_the_one_before_its_renewal() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 25 * MINUTE)  # a session of 30 minutes is renewed after 20
        stage.declare()
        namespace = await stage.provisioned()
        keys = [secret_key(stage, namespace)]
        await stage.sleep(22 * MINUTE)
        keys.append(secret_key(stage, namespace))
        original = stage.world.server.log
        stage.world.server.log = lambda asked: f"{original(asked)}{keys[0]} {keys[1]}\n"  # type: ignore[method-assign]
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 20 * MINUTE)
        ((_, body),) = logs_of(stage, *statements(stage))
        assert keys[0] != keys[1]
        assert body.endswith(b"ends\n[redacted] [redacted]\n")

    play(scene)


def secret_key(stage: Stage, namespace: str) -> str:
    """Return the secret key of the session that is in place: plain words here."""
    secret = stage.world.server.peek(SECRET, namespace, names.CREDENTIALS_SECRET)
    assert secret is not None
    return str(orjson.loads(base64.b64decode(secret["data"]["session.json"]))["SecretAccessKey"])


def test_logs_are_redacted_beside_the_loop_and_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[bool] = []

    async def scene(stage: Stage) -> None:
        beside = stage.world.loop.run_in_executor
        waiting: list[Any] = []

        def run(executor: Any, func: Any, *args: Any) -> Any:
            answer = beside(executor, func, *args)
            if redact_log in getattr(func, "args", ()):
                waiting[:] = [each for each in waiting if not each.done()]
                begun.append(bool(waiting))
                waiting.append(answer)
            return answer

        monkeypatch.setattr(stage.world.loop, "run_in_executor", run)
        stage.world.actors.run_ends = lambda _: (60.0, True)
        stage.world.actors.run_writes = lambda _: None
        several = [f"one-of-{number}" for number in range(8)]
        for name in several:
            stage.declare(name)
        await stage.until(
            "all are sealed", lambda: all(stage.status(each).get("seal") for each in several)
        )

    play(scene)
    # Of the run, and of what gives it its session.
    assert begun == [False] * 16


def test_a_purpose_that_is_edited_after_the_binding_changes_nothing_of_the_seal() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 60.0)
        stage.declare()
        await stage.provisioned()
        changed = {"spec": {"purpose": {"description": "what came out"}}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", changed)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        (statement,) = statements(stage)
        purpose = statement["predicate"]["buildDefinition"]["internalParameters"]["purpose"]
        assert purpose["description"] == "simulated"

    play(scene)


def test_another_image_than_the_declared_one_is_a_signed_finding() -> None:
    async def scene(stage: Stage) -> None:
        def see(change: Any) -> None:
            """Let the runtime say that it ran something else."""
            status = (change.new or {}).get("status") or {}
            for entry in status.get("containerStatuses") or ():
                if change.served.kind == POD and entry["name"] == "run":
                    entry["imageID"] = OTHER_IMAGE

        stage.world.server.on_change.append(see)
        statement = await sealed(stage)
        (finding,) = findings_of(statement)
        assert OTHER_IMAGE in finding
        assert IMAGE in finding
        assert finding in stage.status()["seal"]["findings"]

    play(scene)


def test_every_attempt_is_in_the_seal_with_its_own_log() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 20.0)
        outcomes = iter([(10.0, False), (10.0, True)])
        stage.world.actors.run_ends = lambda _: next(outcomes)
        run = {"image": "trainer", "command": ["train"], "retries": 1}
        stage.world.declare(EXPERIMENT, "x", {**experiment_spec(), "stages": one_stage(run)})
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        (statement,) = statements(stage)
        attempts = metadata_of(statement)["glovebox_attempts"]
        assert [each["phase"] for each in attempts] == ["Failed", "Succeeded"]
        assert [run_of(each)["exitCode"] for each in attempts] == [1, 0]
        assert len({each["uid"] for each in attempts}) == 2
        pods = {told["podUid"] for told, _ in logs_of(stage, statement)}
        assert pods == {each["uid"] for each in attempts}
        assert said(statement, "unknown") == [
            "which of the 2 attempts wrote which artifact is not known",
            BEGINNINGS,
        ]

    play(scene)


@pytest.mark.parametrize("how", ["Sealed", "Frozen", "deleted"])
def test_the_log_of_a_run_that_is_stopped_is_read_before_it_goes(how: str) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage, deletionPolicy="Delete")
        if how == "deleted":
            stage.world.remove(EXPERIMENT, TEAM, "x")
        else:
            assert stage.world.edit(
                EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": how}}}
            )
            await stage.until(
                "the pod is gone",
                lambda: not stage.world.server.everything(POD, namespace),
                MINUTE,
            )
            if how == "Frozen":
                stage.world.edit(
                    EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": "Sealed"}}}
                )
        await stage.until("it is sealed", lambda: statements(stage), 10 * MINUTE)
        (statement,) = statements(stage)
        ((told, body),) = logs_of(stage, statement)
        assert body.startswith(b"begins")
        assert told["final"] == "false"
        assert any("as far as it had come" in each for each in said(statement, "unknown"))

    play(scene)


def test_a_log_that_the_store_does_not_take_at_once_is_kept_when_it_does() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 20.0)
        stage.declare()

        def no_logs(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and "/log." in key:
                raise S3Error(503, "ServiceUnavailable")

        stage.world.store.fault = no_logs
        await stage.until(
            "its end is recorded",
            lambda: (stage.status().get("run") or {}).get("completionTime"),
            5 * MINUTE,
        )
        await stage.sleep(2 * MINUTE)
        assert statements(stage) == []
        assert "the log of the run is to be kept" in stage.condition("Sealed")["message"]
        # The pod with its log is gone by now; what was read is not.
        for pod in stage.world.server.everything(POD, stage.status()["namespace"]):
            stage.world.remove(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
        store_is_back(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        (statement,) = statements(stage)
        assert len(logs_of(stage, statement)) == 1
        assert said(statement, "unknown") == [BEGINNINGS]

    play(scene)


def logs_are_refused(stage: Stage, *uids: str) -> None:
    """Let the store take no logs of these Experiments, or of any."""

    def refuse(action: str, _: str, key: str) -> None:
        if action == "s3:PutObject" and "/log." in key and (not uids or key.split("/")[2] in uids):
            raise S3Error(503, "ServiceUnavailable")

    stage.world.store.fault = refuse


def run_has_ended(stage: Stage, name: str) -> object:
    return (stage.status(name).get("run") or {}).get("completionTime")


@pytest.mark.slow
def test_logs_that_are_not_taken_cost_other_experiments_nothing() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.actors.run_ends = lambda _: (60.0, True)
        stage.world.actors.run_writes = lambda _: None
        refused = [f"refused-{number}" for number in range(20)]
        for name in refused:
            stage.declare(name)
        for name in refused:
            await stage.provisioned(name)
        found = [stage.world.experiment(name) for name in refused]
        logs_are_refused(stage, *(each["metadata"]["uid"] for each in found if each))
        await stage.until(
            "they have ended", lambda: all(run_has_ended(stage, each) for each in refused), HOUR
        )
        stage.declare("well")
        await stage.until("it is sealed", lambda: stage.status("well").get("seal"), 5 * MINUTE)
        (statement,) = statements(stage)
        assert len(logs_of(stage, statement)) == 1
        assert said(statement, "unknown") == [BEGINNINGS]

    play(scene)


def test_a_log_for_which_memory_has_no_room_is_read_again_until_its_store_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("glovebox.controllers.held_logs.STORE_MOST", 0)

    async def scene(stage: Stage) -> None:
        ends_after(stage, 20.0)
        stage.declare()
        logs_are_refused(stage)
        await stage.until("its end is recorded", lambda: run_has_ended(stage, "x"), 5 * MINUTE)
        # Longer than a kubelet is waited for, and shorter than a store is.
        await stage.sleep(10 * MINUTE)
        assert statements(stage) == []
        assert "is to be read again and kept" in stage.condition("Sealed")["message"]
        store_is_back(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 2 * MINUTE)
        (statement,) = statements(stage)
        assert len(logs_of(stage, statement)) == 1

    play(scene)


def test_a_log_for_which_memory_has_no_room_is_given_up_when_the_store_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("glovebox.controllers.held_logs.STORE_MOST", 0)

    async def scene(stage: Stage) -> None:
        ends_after(stage, 20.0)
        stage.declare()
        logs_are_refused(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 20 * MINUTE)
        (statement,) = statements(stage)
        assert logs_of(stage, statement) == []
        assert any("the store had not taken it" in each for each in said(statement, "unknown"))

    play(scene)


class NoLogs(NoFaults):
    """A kubelet that does not answer, for ever or so often."""

    def __init__(self, times: int = 1_000_000) -> None:
        self.left = times

    def request(self, asked: Asked) -> Fault:
        """Refuse what goes through it."""
        if asked.subresource != "log" or self.left == 0:
            return NOTHING
        self.left -= 1
        return Fault("refused", 500)


def test_a_kubelet_that_is_away_for_a_moment_is_asked_again() -> None:
    async def scene(stage: Stage) -> None:
        statement = await sealed(stage)
        assert len(logs_of(stage, statement)) == 1
        assert said(statement, "unknown") == [BEGINNINGS]

    play(scene, faults=NoLogs(3))


def test_a_log_that_cannot_be_read_is_said_to_be_not_known_and_holds_nothing_up() -> None:
    async def scene(stage: Stage) -> None:
        statement = await sealed(stage)
        assert logs_of(stage, statement) == []
        own = [each for each in said(statement, "unknown") if "container `run`" in each]
        assert len(own) == 1
        assert "is not kept" in own[0]

    play(scene, faults=NoLogs())


def test_what_died_between_the_log_and_its_record_is_read_again() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 20.0)
        stage.declare()
        written = stage.world.store.on_write
        dead: list[str] = []

        def die(_: str, key: str, version: str) -> None:
            del version
            if "/log." in key and not dead:
                dead.append(key)

        written.append(die)
        await stage.until("the log is written", lambda: dead, 5 * MINUTE)
        await stage.process.kill()
        stage.world.process().start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        (statement,) = statements(stage)
        assert len(logs_of(stage, statement)) == 1

    play(scene)


def test_pods_of_the_team_are_counted_and_named() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        pod = {
            "metadata": {"name": "notebook", "namespace": namespace},
            "spec": {"containers": [{"name": "c", "image": IMAGE}]},
        }
        asked = Asked("alice", "create", POD, namespace, "notebook")
        stage.world.server.create(asked, pod)
        await stage.sleep(MINUTE)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": "Sealed"}}})
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        (statement,) = statements(stage)
        assert metadata_of(statement)["glovebox_tenantPods"] == {
            "seen": 1,
            "more": False,
            "names": ["notebook"],
        }

    play(scene)


# -- the last listing


def test_what_a_copied_session_writes_behind_the_seal_is_in_a_signed_supplement() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        ends = stage.status()["seal"]["sessionsEndTime"]
        assert "then the prefix is listed once more" in stage.condition("Sealed")["message"]
        assert max(each.expires for each in stage.world.store.sessions.values()) <= (
            datetime.fromisoformat(ends)
        )
        write_late(stage, "model.bin", b"another model")
        write_late(stage, "late.bin")
        await stage.sleep(seconds_to(stage, ends) - 5.0)
        assert signed(stage, SUPPLEMENT_NAME) == []
        await stage.until(
            "it is listed once more", lambda: stage.status().get("sealSupplement"), MINUTE
        )
        recorded = stage.status()["sealSupplement"]
        assert (recorded["added"], recorded.get("missing", 0)) == (2, 0)
        (supplement,) = signed(stage, SUPPLEMENT_NAME)
        assert supplement["predicate"]["addedVersions"] == 2
        assert stage.condition("Sealed")["status"] == "True"
        assert "listed once more" not in stage.condition("Sealed")["message"]
        stage.world.store.fault = note
        for number in range(5):
            note_on = {"metadata": {"annotations": {"look": str(number)}}}
            assert stage.world.edit(EXPERIMENT, TEAM, "x", note_on)
            await stage.sleep(MINUTE)
        assert stage.status()["sealSupplement"] == recorded
        assert asked == [], "it is listed once more, and never again"

    asked: list[tuple[str, str]] = []

    def note(action: str, _: str, key: str) -> None:
        asked.append((action, key))

    play(scene, sweeps=False)


def test_a_process_that_dies_between_seal_and_last_listing_makes_it_after_its_restart() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        ends = stage.status()["seal"]["sessionsEndTime"]
        await stage.process.kill()
        await stage.sleep(seconds_to(stage, ends) + HOUR)
        stage.world.process().start()
        await stage.until(
            "it is listed once more", lambda: stage.status().get("sealSupplement"), SOON
        )
        assert stage.status()["sealSupplement"].get("added", 0) == 0
        assert (
            stage.status()["sealSupplement"]["manifestDigest"]
            == (stage.status()["seal"]["manifestDigest"])
        )

    play(scene)


@pytest.mark.parametrize("policy", ["Freeze", "Delete", "Retain"])
@pytest.mark.parametrize("when", ["while it ran", "after its seal"])
def test_the_last_listing_is_made_although_the_experiment_is_gone(when: str, policy: str) -> None:
    async def scene(stage: Stage) -> None:
        if when == "while it ran":
            await running(stage, deletionPolicy=policy)
        else:
            await sealed(stage, lifecycle={"deletionPolicy": policy})
        uri = stage.status()["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/")
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
        (statement,) = statements(stage)
        bucket = stage.world.store.buckets[BUCKET]
        stage.world.store._store(bucket, f"{uri}late.bin", b"late", "", None, "")
        # Also where nobody remembers.
        await stage.process.kill()
        stage.world.process().start()
        ends = metadata_of(statement)["glovebox_sessionsEnd"]
        await stage.sleep(seconds_to(stage, ends) - 5.0)
        assert signed(stage, SUPPLEMENT_NAME) == []
        await stage.until("it is listed once more", lambda: signed(stage, SUPPLEMENT_NAME), HOUR)
        (supplement,) = signed(stage, SUPPLEMENT_NAME)
        assert supplement["predicate"]["addedVersions"] == 1
        await stage.until(
            "the note is taken away",
            lambda: (
                not [
                    each
                    for each in stage.world.server.everything(CONFIG_MAP, "glovebox-system")
                    if names.LABEL_LAST_LISTING in (each["metadata"].get("labels") or {})
                ]
            ),
            HOUR,
        )

    play(scene)


# -- deletion


def test_deletion_with_the_namespace_ends_workloads_before_the_namespace_goes() -> None:
    """Also where nothing is to be sealed: the team's own pods must not run on in a dying one."""

    async def scene(stage: Stage) -> None:
        stage.declare(run=None, lifecycle={"deletionPolicy": "Delete"})
        namespace = await stage.provisioned()
        pod = {
            "metadata": {"name": "notebook", "namespace": namespace},
            "spec": {"containers": [{"name": "c", "image": IMAGE}]},
        }
        asked = Asked("alice", "create", POD, namespace, "notebook")
        stage.world.server.create(asked, pod)
        await stage.sleep(5.0)
        alive: list[list[str]] = []

        def see(change: Any) -> None:
            if change.served.kind == NAMESPACE and "deletionTimestamp" in str(change.new):
                pods = stage.world.server.everything(POD, namespace)
                alive.append(
                    [
                        each["metadata"]["name"]
                        for each in pods
                        if not each["metadata"].get("deletionTimestamp")
                    ]
                )

        stage.world.server.on_change.append(see)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
        assert alive[0] == []

    play(scene)


# -- the conclusion


def conclude(stage: Stage, verdict: str = "Confirmed") -> bool:
    said = {"verdict": verdict, "text": "it did what it should", "by": "alice"}
    return stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": said}}, user="alice")


def test_a_conclusion_is_signed_once_and_about_this_seal() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)
        assert conclude(stage)
        await stage.until("it is signed", lambda: stage.status().get("conclusion"), MINUTE)
        (statement,) = signed(stage, CONCLUSION_NAME)
        predicate = statement["predicate"]
        assert (predicate["verdict"], predicate["by"]) == ("Confirmed", "alice")
        assert predicate["experiment"] == f"{TEAM}/x"
        assert statement["subject"][0]["name"] == "attestation.dsse.json"
        # And the last listing is made all the same.
        await stage.until(
            "it is listed once more", lambda: stage.status().get("sealSupplement"), HOUR
        )
        assert len(signed(stage, CONCLUSION_NAME)) == 1

    play(scene)


def test_a_conclusion_waits_for_a_store_that_is_away_and_takes_nothing_of_the_seal_back() -> None:
    async def scene(stage: Stage) -> None:
        await sealed(stage)

        def away(*_: str) -> None:
            raise S3Error(503, "ServiceUnavailable")

        stage.world.store.fault = away
        assert conclude(stage)
        await stage.sleep(5 * MINUTE)
        assert stage.condition("Sealed")["status"] == "True"
        assert "conclusion" not in stage.status()
        store_is_back(stage)
        await stage.until("it is signed", lambda: stage.status().get("conclusion"), 10 * MINUTE)

    play(scene)


def test_a_session_that_lives_longer_than_it_was_asked_for_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stores round up: what they say of a session's end counts, and not what was asked for."""
    issue = ObjectStoreServer.assume_role

    def longer(
        store: ObjectStoreServer, who: Identity, role: str, policy: str | None, seconds: int
    ) -> Any:
        return issue(store, who, role, policy, seconds + int(2 * HOUR))

    monkeypatch.setattr(ObjectStoreServer, "assume_role", longer)

    async def scene(stage: Stage) -> None:
        statement = await sealed(stage)
        ends = datetime.fromisoformat(metadata_of(statement)["glovebox_sessionsEnd"])
        last = max(each.expires for each in stage.world.store.sessions.values())
        assert last.replace(microsecond=0) <= ends, "as it is told: in whole seconds"

    play(scene)
