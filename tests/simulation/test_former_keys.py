"""Somebody has a key that was replaced, and may write to the bucket: no experiment ends by it.

What the operator signed itself with that key, in its time, counts as it did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest

from glovebox.api import reasons
from glovebox.evidence.after_seal import (
    CONCLUSION_NAME,
    CONCLUSION_TYPE,
    SUPPLEMENT_NAME,
    SUPPLEMENT_TYPE,
    envelope_digest,
    is_about,
    payload_of,
)
from glovebox.evidence.envelope import sign
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import EVENT, EXPERIMENT, OBJECT_STORE
from glovebox.store.run_records import PAYLOAD_TYPE, started_key
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.object_store import NoAnswerError
from simulation.stage import NEVER, Stage, play
from simulation.test_copied_evidence import CONCLUSION, versions_of
from simulation.test_ends import HOUR, MINUTE
from simulation.test_keys import private, published, put_secret, ready
from simulation.test_restore import adopt, create_again, job_creations, records, restore, sealed
from simulation.test_run_records import Away
from simulation.world import BUCKET, TEAM
from support.forged_seals import forged_seal

Json = dict[str, Any]
ABOUT = f"{TEAM}/x"


async def rotate(stage: Stage) -> LocalSigner:
    """Replace the key of seals; return what signs with the former one."""
    former = LocalSigner.of(private(stage))
    put_secret(stage, new_key_pair().private)
    wake = {"metadata": {"annotations": {"key": former.key_id}}}
    assert stage.world.edit(OBJECT_STORE, None, "primary", wake)

    def is_replaced() -> bool:
        key = published(stage).find(former.key_id)
        return key is not None and key.valid_until is not None

    await stage.until("the new key is published", is_replaced, 2 * HOUR)
    return former


def write(stage: Stage, objects: dict[str, bytes]) -> str:
    """Write objects as whoever may write to the bucket; return the version of the last one."""
    bucket = stage.world.store.buckets[BUCKET]
    made = [
        stage.world.store._store(bucket, key, body, "", None, "") for key, body in objects.items()
    ]
    return str(made[-1].version_id)


def forge(stage: Stage, signer: LocalSigner, uid: str, **about: Any) -> str:
    """Lay a seal of an Experiment into the store that dates itself as it likes."""
    dated = stage.world.store.now() - timedelta(hours=12)
    return write(stage, forged_seal(signer, ABOUT, uid, BUCKET, dated, **about))


def uid_of(stage: Stage) -> str:
    made = stage.world.experiment("x")
    assert made is not None
    return str(made["metadata"]["uid"])


def told(stage: Stage) -> list[str]:
    """Return the warnings about what is not counted as a seal."""
    found = stage.world.server.list(Asked(ADMINISTRATOR, "list", EVENT, "", ""))["items"]
    return [
        each["note"]
        for each in found
        if each["reason"] == reasons.SEAL_NOT_COUNTED and each["type"] == "Warning"
    ]


async def runs(stage: Stage, seconds: float, *, succeeds: bool = True) -> str:
    """Have an Experiment whose run goes on for so long; return its UID."""
    stage.world.actors.run_ends = lambda _: (seconds, succeeds)
    stage.declare()
    await stage.until("it runs", lambda: (stage.status().get("run") or {}).get("record"))
    return uid_of(stage)


def expect_own_seal(stage: Stage, uid: str, forged: str) -> None:
    """The run ended as its Job did, and the present key's seal is the one that is recorded."""
    seal = stage.status()["seal"]
    assert stage.status()["run"]["outcome"] == "Failed"
    assert seal["keyId"] == published(stage).keys[-1].key_id
    found = {each.version_id: each.body for each in versions_of(stage, uid, STATEMENT_NAME)}
    assert set(found) == {forged, seal["attestationVersion"]}, "one beside the forged one, no more"
    (finding,) = [each for each in seal["findings"] if "under its name" in each]
    assert forged in finding
    assert published(stage).keys[0].key_id in finding
    said = payload_of(found[seal["attestationVersion"]])["predicate"]["runDetails"]["byproducts"]
    assert finding in [each["annotations"].get("message") for each in said], "and it is signed"
    assert stage.condition("Sealed")["status"] == "True"
    assert forged in stage.condition("Sealed")["message"]
    assert any(forged in note and "find out who" in note for note in told(stage))


@pytest.mark.parametrize("late", [True, False], ids=["after its end", "while it still counts"])
@pytest.mark.parametrize("begins", [True, False], ids=["an operator begins", "it goes on"])
def test_no_seal_by_a_former_key_ends_a_run_or_is_its_seal(*, late: bool, begins: bool) -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 4 * HOUR, succeeds=False)
        signer = await rotate(stage)
        if late:
            await stage.sleep(2 * HOUR)
        forged = forge(stage, signer, uid)
        if begins:
            await stage.process.kill()
            stage.process.start()
            await stage.until(
                "it is told while the run is followed",
                lambda: stage.condition("Sealed").get("reason") == reasons.SEAL_NOT_COUNTED,
            )
            condition = stage.condition("Sealed")
            assert condition["status"] == "False"
            for part in (forged, signer.key_id, "rotate-keys.md", "The run is followed"):
                assert part in condition["message"]
            assert len(told(stage)) == 1
        await stage.sleep(30 * MINUTE)
        assert "completionTime" not in stage.status()["run"]
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 6 * HOUR)
        expect_own_seal(stage, uid, forged)
        await stage.until("it is listed", lambda: stage.status().get("sealSupplement"), 3 * HOUR)
        (last,) = versions_of(stage, uid, SUPPLEMENT_NAME)
        (own,) = (
            each
            for each in versions_of(stage, uid, STATEMENT_NAME)
            if each.version_id == stage.status()["seal"]["attestationVersion"]
        )
        assert is_about(payload_of(last.body), SUPPLEMENT_TYPE, envelope_digest(own.body))

    play(scene)


def test_a_flood_of_forged_seals_is_told_shortly() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 4 * HOUR)
        signer = await rotate(stage)
        await stage.sleep(2 * HOUR)
        for _ in range(20):
            forge(stage, signer, uid)
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 6 * HOUR)
        found = [each for each in stage.status()["seal"]["findings"] if "under its name" in each]
        assert len(found) == 4
        assert "17 more" in found[-1]
        assert "more)" in told(stage)[0]

    play(scene)


@pytest.mark.parametrize("answered", [True, False], ids=["dies", "dies without an answer"])
def test_what_was_sealed_before_a_crash_and_a_rotation_is_the_seal(*, answered: bool) -> None:
    faults = Away()

    async def scene(stage: Stage) -> None:
        await ready(stage)

        def lose() -> None:
            raise NoAnswerError

        def fault(action: str, _: str, key: str) -> Callable[[], None] | None:
            if action != "s3:PutObject" or not key.endswith(STATEMENT_NAME):
                return None
            faults.away = True  # before anything of it is recorded
            return None if answered else lose

        uid = await runs(stage, 5 * MINUTE)
        stage.world.store.fault = fault
        await stage.until("it is written", lambda: versions_of(stage, uid, STATEMENT_NAME), HOUR)
        await stage.process.kill()
        stage.world.store.fault, faults.away = lambda *_: None, False
        assert "seal" not in stage.status()
        former = LocalSigner.of(private(stage))
        put_secret(stage, new_key_pair().private)
        stage.process.start()
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        (own,) = versions_of(stage, uid, STATEMENT_NAME)
        assert stage.status()["seal"]["attestationVersion"] == own.version_id
        assert stage.status()["seal"]["keyId"] == former.key_id
        assert stage.status()["seal"].get("findings", []) == []
        assert told(stage) == []

    play(scene, faults=faults)


def test_what_a_former_cluster_sealed_with_a_former_key_is_adopted() -> None:
    async def scene(stage: Stage) -> None:
        former = stage.declare()["metadata"]["uid"]
        before = await sealed(stage)
        await rotate(stage)
        await stage.sleep(3 * HOUR)
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        assert stage.condition("Stalled")["reason"] == reasons.ALREADY_RAN
        adopt(stage, former)
        after = await sealed(stage)
        for field in ("attestationVersion", "keyId", "manifestDigest"):
            assert after["seal"][field] == before["seal"][field]
        assert after["run"]["outcome"] == before["run"]["outcome"]
        assert told(stage) == []

    play(scene)


def test_nothing_is_adopted_from_a_seal_that_a_former_key_signed_after_its_end() -> None:
    """The former run was never sealed: it is now, from its record, behind what was forged."""

    async def scene(stage: Stage) -> None:
        former = await runs(stage, NEVER)
        signer = await rotate(stage)
        await stage.sleep(2 * HOUR)
        forged = forge(stage, signer, former, outcome="Succeeded")
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        adopt(stage, former)
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 6 * HOUR)
        assert stage.status()["seal"]["attestationVersion"] != forged
        assert stage.status()["run"]["outcome"] == "Failed"
        assert any(forged in note for note in told(stage))

    play(scene)


def test_a_restored_cluster_ends_as_the_seal_of_a_former_key_says() -> None:
    """Its status is older than the start of the run."""

    async def scene(stage: Stage) -> None:
        await ready(stage)
        stage.world.actors.run_ends = lambda _: (MINUTE, True)
        backups: list[Any] = []

        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and "/runs/" in key and not backups:
                backups.append(stage.world.server.backup())

        stage.world.store.fault = fault
        stage.declare()
        before = await sealed(stage)
        await rotate(stage)
        await stage.sleep(2 * HOUR)
        secret = private(stage)
        await restore(stage, backups[0])
        put_secret(stage, secret)
        await stage.until("x is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        assert stage.status()["seal"]["attestationVersion"] == before["seal"]["attestationVersion"]
        assert stage.status()["run"]["outcome"] == "Succeeded"
        assert job_creations(stage) == 1

    play(scene)


def as_record(stage: Stage, signer: LocalSigner, key: str, said: Json) -> None:
    document = payload_of(stage.world.store.buckets[BUCKET].keys[key][0].body) | said
    stage.world.store.buckets[BUCKET].keys.pop(key)
    write(stage, {key: sign(orjson.dumps(document), signer, PAYLOAD_TYPE)})


def test_a_record_of_a_run_by_a_former_key_ends_none_and_starts_none() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        stage.declare()
        await sealed(stage)
        signer = await rotate(stage)
        await stage.sleep(2 * HOUR)
        await create_again(stage, EXPERIMENT)
        (key,) = (each for each in records(stage) if not each.endswith(".started.json"))
        as_record(stage, signer, key, {"uid": uid_of(stage)})
        forge(stage, signer, uid_of(stage))
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"annotations": {"look": "again"}}})

        def message() -> str:
            return str(stage.condition("Stalled").get("message", ""))

        await stage.until("it is told", lambda: "while it was valid" in message())
        for part in (signer.key_id, "who wrote it may have that key", "another name"):
            assert part in message()
        await stage.sleep(300)
        assert job_creations(stage) == 1
        assert "run" not in stage.status()
        assert "seal" not in stage.status()

    play(scene)


def test_a_start_by_a_former_key_keeps_the_genuine_one_from_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        signer = await rotate(stage)
        await stage.sleep(2 * HOUR)

        def see(_: Any) -> None:
            (begun,) = records(stage) or ("",)
            if begun and not stage.world.store.buckets[BUCKET].keys.get(started_key(begun)):
                said = {"format": "glovebox.dev/run/v1", "key": begun, "uid": uid_of(stage)}
                document = orjson.dumps(
                    said | {"jobUid": "of-nobody", "startTime": "2026-03-02T12:00:00Z"}
                )
                write(stage, {started_key(begun): sign(document, signer, PAYLOAD_TYPE)})

        stage.world.server.on_change.append(see)
        await runs(stage, NEVER)
        (begun,) = (each for each in records(stage) if not each.endswith(".started.json"))
        starts = stage.world.store.buckets[BUCKET].keys[started_key(begun)]
        assert [payload_of(each.body)["jobUid"] for each in starts] == [
            "of-nobody",
            stage.status()["run"]["jobUid"],
        ]

    play(scene)


def test_what_a_former_key_says_beside_a_seal_after_its_end_is_not_taken() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, MINUTE)
        seal = await sealed(stage)
        signer = await rotate(stage)
        (own,) = versions_of(stage, uid, STATEMENT_NAME)
        await stage.until("it is listed", lambda: stage.status().get("sealSupplement"), 3 * HOUR)
        await stage.sleep(2 * HOUR)
        genuine = payload_of(own.body)
        for kind, name in (
            (SUPPLEMENT_TYPE, SUPPLEMENT_NAME),
            (CONCLUSION_TYPE, CONCLUSION_NAME),
        ):
            forged = {
                "_type": genuine["_type"],
                "subject": [
                    {
                        "name": STATEMENT_NAME,
                        "digest": {"sha256": hashlib.sha256(own.body).hexdigest()},
                    }
                ],
                "predicateType": kind,
                "predicate": {"verdict": "Refuted", "text": "no", "signedOn": "2026-01-01"},
            }
            key = f".glovebox/seals/{uid}/{name}"
            write(stage, {key: sign(orjson.dumps(forged), signer)})
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": CONCLUSION}})
        await stage.until("it is concluded", lambda: stage.status().get("conclusion"), HOUR)
        assert stage.status()["conclusion"]["keyId"] == published(stage).keys[-1].key_id
        found = versions_of(stage, uid, CONCLUSION_NAME)
        assert len(found) == 2
        assert stage.status()["seal"] == seal["seal"]

    play(scene)
