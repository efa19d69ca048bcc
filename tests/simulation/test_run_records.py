"""What the store has on record of a run decides whether it starts: forged, cut short, or outlived.

Between the record that a run is about to start and the one that its Job is there, a process may
die, and whoever breaks the glass may take away what says that there was a Job.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.errors import Unavailable
from glovebox.evidence.after_seal import payload_of
from glovebox.evidence.envelope import sign
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.kube.kinds import EXPERIMENT, JOB, NAMESPACE, SECRET
from glovebox.store.run_records import PAYLOAD_TYPE
from simulation.api_transport import NoFaults
from simulation.object_store import NoAnswerError, S3Error
from simulation.stage import NEVER, Stage, play
from simulation.test_grants import is_bound
from simulation.test_keys import private, put_secret, ready, remove
from simulation.test_restore import adopt, create_again, job_creations, records, sealed
from simulation.world import BUCKET, TEAM

Json = dict[str, Any]


class Away(NoFaults):
    """The API server answers nobody for as long as it is away."""

    def __init__(self) -> None:
        self.away = False

    def is_away(self) -> bool:
        return self.away


async def cut_off(stage: Stage, faults: Away) -> str:
    """Have a process die when a Job was created and before that is recorded anywhere.

    Returns:
        The namespace.
    """

    def see(change: Any) -> None:
        if change.served.kind == JOB and change.key[1] == names.RUN_JOB and not change.old:
            faults.away = True

    def fault(action: str, _: str, key: str) -> None:
        if action == "s3:PutObject" and key.endswith(".started.json"):
            raise S3Error(503, "SlowDown")

    stage.world.actors.run_ends = lambda _: (NEVER, True)
    stage.world.server.on_change.append(see)
    stage.world.store.fault = fault
    stage.declare()
    await stage.until("its Job is there", lambda: faults.away)
    namespace = str(stage.status()["namespace"])
    await stage.process.kill()
    stage.world.server.on_change.remove(see)
    stage.world.store.fault = lambda *_: None
    faults.away = False
    assert not stage.status().get("run")
    assert len(records(stage)) == 1
    return namespace


async def take_namespace(stage: Stage, namespace: str) -> None:
    assert stage.world.remove(NAMESPACE, None, namespace)
    await stage.until("it is gone", lambda: not stage.there(NAMESPACE, "", namespace))


async def take_job_that_wrote(stage: Stage, namespace: str) -> None:
    prefix = names.artifact_prefix(TEAM, "x", stage.world.experiment("x")["metadata"]["uid"])  # type: ignore[index]  # it is there
    bucket = stage.world.store.bucket(BUCKET)
    stage.world.store._store(bucket, f"{prefix}model", b"1", "", None, "")
    assert stage.world.remove(JOB, namespace, names.RUN_JOB)


@pytest.mark.parametrize(
    ("takes", "why"),
    [
        (take_namespace, "its namespace was deleted since"),
        (take_job_that_wrote, "there is something below its prefix"),
    ],
    ids=["the namespace", "a Job that wrote something"],
)
def test_a_run_that_may_have_been_is_over_and_is_no_second_run(
    takes: Callable[[Stage, str], Awaitable[None]], why: str
) -> None:
    faults = Away()

    async def body(stage: Stage) -> None:
        namespace = await cut_off(stage, faults)
        await takes(stage, namespace)
        stage.process.start()
        status = await sealed(stage)
        assert status["run"]["reason"] == reasons.RUN_LOST
        assert why in status["run"]["message"]
        await stage.sleep(300)
        assert job_creations(stage) == 1

    play(body, faults=faults)


@pytest.mark.parametrize("takes", [take_namespace, take_job_that_wrote])
def test_a_record_that_nobody_signed_ends_no_run_and_starts_no_second_one(
    takes: Callable[[Stage, str], Awaitable[None]],
) -> None:
    """It was begun without a key; whoever may write to the bucket can have made such a record."""
    faults = Away()

    async def body(stage: Stage) -> None:
        await ready(stage)
        kept = private(stage)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        namespace = await cut_off(stage, faults)
        await takes(stage, namespace)
        put_secret(stage, kept)
        stage.process.start()
        await stage.until(
            "it is told",
            lambda: "no published key signed" in stage.condition("Stalled").get("message", ""),
        )
        await stage.sleep(300)
        assert job_creations(stage) == 1
        assert not (stage.status().get("run") or {}).get("outcome")
        assert "seal" not in stage.status()

    play(body, faults=faults)


def test_a_job_that_is_still_there_is_the_run() -> None:
    faults = Away()

    async def body(stage: Stage) -> None:
        await cut_off(stage, faults)
        stage.process.start()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("record"))
        assert job_creations(stage) == 1
        assert "completionTime" not in stage.status()["run"]

    play(body, faults=faults)


def test_a_start_that_was_cut_before_its_job_goes_on() -> None:
    faults = Away()

    async def body(stage: Stage) -> None:
        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:ListBucketVersions" and "/runs/" in key and records(stage):
                faults.away = True  # between the record and the Job

        stage.world.store.fault = fault
        stage.declare()
        await stage.until("it is begun", lambda: faults.away)
        await stage.process.kill()
        stage.world.store.fault, faults.away = lambda *_: None, False
        assert (len(records(stage)), job_creations(stage)) == (1, 0)
        stage.process.start()
        status = await sealed(stage)
        assert status["run"]["outcome"] == "Succeeded"
        assert job_creations(stage) == 1

    play(body, faults=faults)


def forge(stage: Stage, signer: LocalSigner | None, **said: str) -> None:
    """Put a record in the place of the one that is there, as whoever may write to the bucket."""
    keys = stage.world.store.buckets[BUCKET].keys
    (key,) = (each for each in records(stage) if not each.endswith(".started.json"))
    document = payload_of(keys[key][-1].body) | said
    envelope = sign(
        orjson.dumps(document), signer or LocalSigner.of(new_key_pair().private), PAYLOAD_TYPE
    )
    keys.pop(key)
    stage.world.store._store(stage.world.store.buckets[BUCKET], key, envelope, "", None, "")


def test_nothing_is_taken_over_that_no_key_of_the_operator_signed() -> None:
    """Else it would sign what somebody wrote about a run that never was."""

    async def body(stage: Stage) -> None:
        await ready(stage)
        stage.declare()
        await sealed(stage)
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        forge(stage, None, uid="of-nobody")
        adopt(stage, "of-nobody")
        await stage.until(
            "it is told",
            lambda: stage.condition("Stalled").get("reason") == reasons.ADOPTION_REFUSED,
        )
        assert "no run of `team-a/x` was started" in stage.condition("Stalled")["message"]
        await stage.sleep(300)
        assert "seal" not in stage.status()

    play(body)


def test_a_record_that_somebody_forged_ends_no_run_and_starts_none() -> None:
    """It keeps this one from starting, and says whose it is: nobody's."""

    async def body(stage: Stage) -> None:
        await ready(stage)
        stage.declare()
        await sealed(stage)
        await create_again(stage, EXPERIMENT)
        made = stage.world.experiment("x")
        assert made is not None
        forge(stage, None, uid=made["metadata"]["uid"])
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"annotations": {"look": "again"}}})
        await stage.until(
            "it is told",
            lambda: "no published key signed" in stage.condition("Stalled").get("message", ""),
        )
        await stage.sleep(300)
        assert job_creations(stage) == 1
        assert "run" not in stage.status()
        assert not is_bound(stage, "x"), "nothing is made for what cannot start"

    play(body)


def test_a_lost_key_keeps_no_run_from_beginning_and_its_start_is_recorded_when_it_is_back() -> None:
    async def body(stage: Stage) -> None:
        await ready(stage)
        kept = private(stage)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        stage.declare()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("jobUid"))
        await stage.sleep(180)
        (begun,) = records(stage)
        (made,) = stage.world.store.buckets[BUCKET].keys[begun]
        assert orjson.loads(made.body)["signatures"] == []
        assert not stage.status()["run"].get("record")
        put_secret(stage, kept)
        await stage.until("it is recorded", lambda: stage.status()["run"].get("record"), 900)
        assert sorted(records(stage), key=len)[1].endswith(".started.json")
        assert job_creations(stage) == 1

    play(body)


def test_a_start_that_was_cut_while_the_key_is_lost_begins_before_the_key_is_back() -> None:
    """What it was recorded as took effect, and was not answered: it is the same start."""

    async def body(stage: Stage) -> None:
        await ready(stage)
        kept = private(stage)
        remove(stage, SECRET, names.SIGNING_KEY_SECRET)
        cut = 0

        def unanswered() -> None:
            raise NoAnswerError

        def fault(action: str, _: str, key: str) -> Callable[[], None] | None:
            nonlocal cut
            if action != "s3:PutObject" or "/runs/" not in key or cut:
                return None
            cut += 1
            return unanswered

        stage.world.store.fault = fault
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        stage.declare()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("jobUid"), 300)
        assert (cut, job_creations(stage)) == (1, 1)
        put_secret(stage, kept)
        await stage.until("it is recorded", lambda: stage.status()["run"].get("record"), 900)

    play(body)


def test_a_service_that_does_not_sign_keeps_no_run_from_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its key may be disabled for good: that is as lost as a Secret that is gone."""
    signs, away = LocalSigner.sign, True

    def sign_or_not(signer: LocalSigner, message: bytes) -> bytes:
        if away:
            raise Unavailable(reasons.SIGNING_FAILED, "the service did not sign")
        return signs(signer, message)

    async def body(stage: Stage) -> None:
        nonlocal away
        await ready(stage)
        monkeypatch.setattr(LocalSigner, "sign", sign_or_not)
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        stage.declare()
        await stage.sleep(45)
        assert not records(stage), "it may sign in a moment"
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("jobUid"), 300)
        (begun,) = records(stage)
        (made,) = stage.world.store.buckets[BUCKET].keys[begun]
        assert orjson.loads(made.body)["signatures"] == []
        away = False
        await stage.until("it is recorded", lambda: stage.status()["run"].get("record"), 900)
        assert job_creations(stage) == 1

    play(body)


def test_a_store_that_is_away_for_long_is_no_reason_to_begin_unsigned() -> None:
    away = True

    def fault(action: str, _: str, key: str) -> None:
        if away and action == "s3:PutObject" and "/runs/" in key:
            raise S3Error(503, "ServiceUnavailable")

    async def body(stage: Stage) -> None:
        nonlocal away
        await ready(stage)
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        stage.world.store.fault = fault
        stage.declare()
        await stage.sleep(600)
        assert not records(stage)
        away = False
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("jobUid"), 300)
        for each in records(stage):
            (made,) = stage.world.store.buckets[BUCKET].keys[each]
            assert orjson.loads(made.body)["signatures"], each

    play(body)


def test_a_store_that_takes_no_record_is_not_asked_with_each_look() -> None:
    async def body(stage: Stage) -> None:
        tries: list[str] = []

        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and key.endswith(".started.json"):
                tries.append(key)
                raise S3Error(403, "AccessDenied")

        await ready(stage)
        stage.world.actors.run_ends = lambda _: (NEVER, True)
        stage.world.store.fault = fault
        stage.declare()
        await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("jobUid"))
        for number in range(60):
            note = {"metadata": {"annotations": {"look": str(number)}}}
            assert stage.world.edit(EXPERIMENT, TEAM, "x", note)
            await stage.sleep(5)
        assert 3 <= len(tries) <= 6
        stage.world.store.fault = lambda *_: None
        await stage.until("it is recorded", lambda: stage.status()["run"].get("record"))

    play(body)
