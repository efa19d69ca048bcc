"""Ends: of a run whose store or node is away, and of an Experiment deleted in the midst of it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.controllers.experiment import artifact_credentials
from glovebox.errors import Unavailable
from glovebox.kube.kinds import (
    EVENT,
    EXPERIMENT,
    JOB,
    LEASE,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    ROLE_BINDING,
    SECRET,
)
from glovebox.store.credentials import SessionCredentials
from simulation.api_server import Asked, Change
from simulation.api_transport import NoFaults, StreamFault
from simulation.object_store import S3Error
from simulation.stage import NEVER, Stage, play
from simulation.world import BUCKET, TEAM

Json = dict[str, Any]
MINUTE = 60.0
TEN_MINUTES = 600.0
HOUR = 3_600.0
# One more look, a task that rests, and the writes.
SOON = 120.0


def ends_after(stage: Stage, seconds: float, *, succeeds: bool = True) -> None:
    """Let the run's pod write its results and end after so long."""

    def writes(_: Json) -> None:
        prefix = stage.status()["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/")
        bucket = stage.world.store.buckets[BUCKET]
        stage.world.store._store(bucket, f"{prefix}model.bin", b"weights", "", None, "")

    stage.world.actors.run_ends = lambda _: (seconds, succeeds)
    stage.world.actors.run_writes = writes


def store_is_away(stage: Stage) -> None:
    def away(*_: str) -> None:
        raise S3Error(503, "ServiceUnavailable")

    stage.world.store.fault = away


def store_is_back(stage: Stage) -> None:
    stage.world.store.fault = lambda *_: None


def statements(stage: Stage) -> list[Json]:
    """Return the signed statements that are in the store."""
    found = []
    for key, versions in stage.world.store.buckets[BUCKET].keys.items():
        if "attestation" in key:
            found += [orjson.loads(base64.b64decode(orjson.loads(versions[0].body)["payload"]))]
    return found


def outcome_of(statement: Json) -> tuple[str, str]:
    """Return the outcome and the reason that a statement tells of the run."""
    told = statement["predicate"]["runDetails"]["byproducts"][0]["annotations"]
    return told["outcome"], told["reason"]


def findings_of(statement: Json) -> list[str]:
    """Return what a statement says it cannot vouch for."""
    byproducts = statement["predicate"]["runDetails"]["byproducts"]
    return [each["annotations"]["message"] for each in byproducts if each["name"] == "finding"]


async def running(stage: Stage, **lifecycle: str) -> str:
    """Declare an Experiment whose run takes long, and return its namespace once that runs."""
    ends_after(stage, 24 * HOUR)
    stage.declare(lifecycle=lifecycle)
    await stage.until("the run is recorded", lambda: stage.status().get("run"))
    await stage.sleep(5.0)
    return str(stage.status()["namespace"])


def test_a_run_that_ends_while_its_store_is_away_is_recorded_at_once_and_sealed_later() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 2_400.0)  # longer than its session lives, and than any grace time
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        store_is_away(stage)
        await stage.sleep(2_390.0)
        assert stage.condition("CredentialsFresh")["status"] != "True"
        await stage.until(
            "its end is recorded", lambda: stage.status()["run"].get("completionTime"), MINUTE
        )
        assert stage.condition("Succeeded")["status"] == "True"
        await stage.sleep(600.0)
        assert stage.condition("Sealed")["status"] != "True"
        assert statements(stage) == []
        store_is_back(stage)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        assert stage.status()["seal"]["objects"] == 1

    play(scene)


def test_a_store_that_hangs_delays_the_end_of_a_run_by_no_more_than_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hangs(*_: Any, **__: Any) -> SessionCredentials:
        await asyncio.sleep(75.0)
        raise Unavailable("StoreUnreachable", "the store does not answer")

    async def scene(stage: Stage) -> None:
        # Credentials are due at 1,200 seconds: the run ends while the store is asked for them.
        ends_after(stage, 1_230.0)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        monkeypatch.setattr(artifact_credentials, "issue_credentials", hangs)
        await stage.sleep(1_230.0)
        assert "completionTime" not in stage.status()["run"]
        await stage.until(
            "its end is recorded", lambda: stage.status()["run"].get("completionTime"), 75.0
        )
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)

    play(scene, sweeps=False)


def test_a_run_is_followed_to_its_seal_although_isolation_is_not_proven_any_more() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, TEN_MINUTES)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        policy = names.NETWORK_POLICY_DEFAULT_DENY
        namespace = stage.status()["namespace"]
        stage.world.edit(NETWORK_POLICY, namespace, policy, {"spec": {"ingress": [{}]}})
        await stage.until(
            "nobody knows any more", lambda: stage.condition("Isolated")["status"] == "Unknown"
        )
        assert "completionTime" not in stage.status()["run"]
        await stage.sleep(TEN_MINUTES - MINUTE)
        assert stage.condition("Isolated")["status"] == "Unknown"
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        assert outcome_of(statements(stage)[0]) == ("Succeeded", "RunSucceeded")

    alert = [{"kind": "NetworkPolicy", "policy": "Alert"}]
    play(scene, profile={"probe": {"requiredForRuns": True}, "drift": alert}, drift="Alert")


def test_credentials_catch_up_when_their_store_is_back() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        store_is_away(stage)
        await stage.sleep(2_000.0)
        assert stage.condition("CredentialsFresh")["status"] != "True"
        assert stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        store_is_back(stage)
        await stage.until(
            "they are fresh", lambda: stage.condition("CredentialsFresh")["status"] == "True", SOON
        )
        assert "completionTime" not in stage.status()["run"]

    play(scene)


@pytest.mark.parametrize("policy", ["Freeze", "Delete", "Retain"])
def test_a_run_whose_experiment_is_deleted_is_sealed_as_abandoned_before_anything_goes(
    policy: str,
) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage, deletionPolicy=policy)
        sealed_when_it_went: list[bool] = []

        def see(change: Change) -> None:
            leaves = change.served.kind == EXPERIMENT and change.new is None
            going = change.served.kind == NAMESPACE and "deletionTimestamp" in str(change.new)
            if leaves or going:
                sealed_when_it_went.append(bool(statements(stage)))

        stage.world.server.on_change.append(see)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Failed", "Abandoned")
        assert "model.bin" in str(statement["subject"])
        assert sealed_when_it_went
        assert all(sealed_when_it_went)
        events = stage.world.server.everything(EVENT)
        about = [each["reason"] for each in events if each["type"] == "Warning"]
        assert about == ["Abandoned"]
        assert stage.there(NAMESPACE, "", namespace) is (policy != "Delete")

    play(scene)


def test_a_store_that_stays_away_keeps_a_deletion_for_an_hour_and_no_longer() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Delete")
        store_is_away(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(HOUR - SOON)
        message = stage.condition("Ready")["message"]
        assert message.startswith("the results are sealed before the Experiment goes"), message
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * SOON)
        assert statements(stage) == []

    play(scene, sweeps=False)


@pytest.mark.parametrize("how", ["Sealed", "Frozen"])
@pytest.mark.parametrize("succeeds", [True, False], ids=["succeeded", "failed"])
def test_a_run_that_ended_while_nobody_looked_is_not_one_that_was_stopped(
    how: str, *, succeeds: bool
) -> None:
    """The operator is down, the run ends, and then somebody has the Experiment closed."""

    async def scene(stage: Stage) -> None:
        ends_after(stage, 30.0, succeeds=succeeds)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        await stage.process.kill()
        await stage.sleep(MINUTE)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": how}}})
        stage.process.start()
        await stage.until("it is closed", lambda: stage.status()["state"] == how)
        await stage.sleep(MINUTE)
        expected = "RunSucceeded" if succeeds else "RunFailed"
        assert stage.status()["run"]["reason"] == expected
        assert not stage.there(SECRET, stage.status()["namespace"], names.CREDENTIALS_SECRET)
        # Frozen is no end: what ran is sealed when it is.
        assert [outcome_of(each)[1] for each in statements(stage)] == (
            [expected] if how == "Sealed" else []
        )

    play(scene)


def test_a_run_whose_start_was_not_recorded_is_one_that_was_stopped() -> None:
    """The operator dies with the answer to the start, and then somebody wants it sealed."""

    async def scene(stage: Stage) -> None:
        ends_after(stage, 24 * HOUR)
        died: list[asyncio.Task[None]] = []

        def see(change: Change) -> None:
            if change.served.kind == JOB and change.key[1] == names.RUN_JOB and not died:
                for transport in stage.process._transports:
                    transport.is_dead = True
                died.append(asyncio.ensure_future(stage.process.kill()))

        stage.world.server.on_change.append(see)
        stage.declare()
        await stage.until("it died", lambda: died and died[0].done())
        assert "run" not in stage.status()
        await stage.sleep(MINUTE)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": "Sealed"}}})
        stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Failed", "RunStopped")
        assert not stage.there(JOB, stage.status()["namespace"], names.RUN_JOB)

    play(scene)


def node_is_lost(stage: Stage) -> None:
    """From now on no pod that is to end says that it has ended."""

    async def never(_: Json) -> None:
        """Nobody is there to do it."""

    stage.world.actors._end_pod = never  # type: ignore[method-assign, assignment]


def test_a_pod_that_cannot_end_is_named_and_keeps_the_seal_for_ten_minutes() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage)
        node_is_lost(stage)
        patch = {"spec": {"lifecycle": {"desired": "Sealed"}}}
        stage.world.edit(EXPERIMENT, TEAM, "x", patch)
        began = stage.now
        await stage.sleep(2 * MINUTE)
        asked = stage.world.story.requests
        await stage.sleep(TEN_MINUTES - 2.5 * MINUTE)
        # Looked for every quarter of a minute, and that costs some eight requests each time.
        assert stage.world.story.requests - asked < 9 * 7.5 * 4
        message = stage.condition("Sealed")["message"]
        assert message.startswith("1 pod still to end (glovebox-run-"), message
        assert statements(stage) == []
        await stage.until("it is sealed", lambda: stage.status().get("seal"), SOON)
        assert stage.now - began >= TEN_MINUTES
        (finding,) = findings_of(statements(stage)[0])
        assert finding.startswith("pod `glovebox-run-")
        assert finding.endswith("had not ended when the seal was made")
        assert stage.status()["seal"]["findings"] == [finding]

    play(scene)


def test_a_run_that_its_deadline_ends_on_a_lost_node_is_sealed_ten_minutes_later() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage)
        node_is_lost(stage)
        world = stage.world
        job = world.server.peek(JOB, namespace, names.RUN_JOB)
        assert job is not None
        # What the Job controller does when the deadline has passed.
        world.actors._end_job(job, {"failed": 1}, "Failed", "DeadlineExceeded")
        for pod in world.server.everything(POD, namespace):
            world.remove(POD, namespace, pod["metadata"]["name"])
        await stage.until("it is recorded", lambda: stage.status()["run"].get("completionTime"))
        assert stage.status()["run"]["reason"] == "DeadlineExceeded"
        began = stage.now
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 2 * TEN_MINUTES)
        assert TEN_MINUTES <= stage.now - began < TEN_MINUTES + SOON
        assert "had not ended" in findings_of(statements(stage)[0])[0]

    play(scene)


def test_a_pod_that_cannot_end_keeps_a_deletion_for_ten_minutes() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Freeze")
        node_is_lost(stage)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(TEN_MINUTES - 30.0)
        assert "still to end (glovebox-run-" in stage.condition("Ready")["message"]
        await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Failed", "Abandoned")
        assert len(findings_of(statement)) == 1

    play(scene)


class _Late(NoFaults):
    """The watches of access and credentials tell nothing of what happens from now on."""

    def stream(self, asked: Asked) -> StreamFault:
        late = asked.kind in (ROLE_BINDING, SECRET)
        return StreamFault("lags", seconds=NEVER) if late else StreamFault()


@pytest.mark.parametrize("how", ["Freeze", "Retain", "Frozen", "Sealed"])
def test_what_a_replica_has_never_heard_of_is_taken_away_all_the_same(how: str) -> None:
    """Whoever leads now listed access and credentials before they were created."""

    async def scene(stage: Stage) -> None:
        first = stage.process
        await stage.until("the first one leads", lambda: stage.there(LEASE, *_LEASE))
        stage.world.faults = _Late()
        second = stage.world.process("operator-1", elects=True)
        second.start()
        await stage.until(
            "the second one has listed everything",
            lambda: second.operator and second.operator.not_ready_reason() is None,
        )
        policy = how if how in ("Freeze", "Retain") else "Freeze"
        stage.declare(run=False, lifecycle={"deletionPolicy": policy})
        namespace = await stage.provisioned()
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        assert stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        await first.kill()
        if how == policy:
            stage.world.remove(EXPERIMENT, TEAM, "x")
            await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
        else:
            patch = {"spec": {"lifecycle": {"desired": how}}}
            stage.world.edit(EXPERIMENT, TEAM, "x", patch)
            await stage.until("it is so", lambda: stage.status()["state"] == how, SOON)
        assert second.operator
        assert second.operator.elector
        assert second.operator.elector.leads
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        access = stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        # Who keeps the namespace, or seals it, leaves its logs to the team.
        assert access is (how in ("Retain", "Sealed"))

    play(scene, sweeps=False, elects=True)


_LEASE = ("glovebox-system", names.LEADER_LEASE)
