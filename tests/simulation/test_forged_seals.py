"""What somebody lays in the place of a seal: unreadable, forged with a former key, or malformed.

Whoever may write to the bucket keeps no seal from being made, and what a former key signed counts
only where it says what the operator has on record.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.evidence.after_seal import (
    CONCLUSION_NAME,
    CONCLUSION_TYPE,
    envelope_digest,
    is_about,
    payload_of,
)
from glovebox.evidence.envelope import sign, unsigned
from glovebox.evidence.signer import LocalSigner
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import EXPERIMENT, JOB
from glovebox.store.run_records import PAYLOAD_TYPE
from glovebox.store.sealing import seal_folder
from simulation.object_store import Identity, S3Error, Version
from simulation.stage import Stage, play
from simulation.test_as_bound import OF_ANOTHER_VERSION, written
from simulation.test_copied_evidence import CONCLUSION, versions_of
from simulation.test_ends import HOUR, MINUTE, store_is_away, store_is_back
from simulation.test_former_keys import forge, rotate, runs, told, uid_of, write
from simulation.test_keys import private, ready
from simulation.test_restore import adopt, create_again, records
from simulation.test_run_records import Away, cut_off
from simulation.test_seal_order import wants, without_rules
from simulation.world import BUCKET, TEAM

WRITERS_KEY = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be"
    " provided to retrieve the object."
)


def hides_the_first(stage: Stage, uid: str, error: Callable[[], S3Error]) -> None:
    """Have the oldest version under the name of the seal be answered with an error."""
    key = seal_folder(uid) + STATEMENT_NAME
    store = stage.world.store
    serve = store.get

    def get(who: Identity, bucket: str, asked: str, version_id: str = "") -> Version:
        found = store.buckets[BUCKET].keys.get(key) or ()
        if asked == key and found and version_id == found[0].version_id:
            raise error()
        return serve(who, bucket, asked, version_id)

    store.get = get  # type: ignore[method-assign, assignment]  # of this one world


@pytest.mark.parametrize(
    "error",
    [
        lambda: S3Error(403, "InvalidObjectState"),
        lambda: S3Error(400, "InvalidRequest", WRITERS_KEY),
    ],
    ids=["archived", "encrypted with a key of its writer's own"],
)
@pytest.mark.parametrize("goes", [False, True], ids=["stays", "is deleted"])
def test_what_nobody_can_read_under_its_name_keeps_no_seal_from_being_made(
    error: Callable[[], S3Error], *, goes: bool
) -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 10 * MINUTE)
        laid = write(stage, {seal_folder(uid) + STATEMENT_NAME: unsigned(b"{}", PAYLOAD_TYPE)})
        hides_the_first(stage, uid, error)
        if goes:
            assert stage.world.remove(EXPERIMENT, TEAM, "x")
            await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        else:
            await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
            await stage.sleep(3 * HOUR)
            assert stage.status().get("sealSupplement"), "and listed once more"
        first, own = versions_of(stage, uid, STATEMENT_NAME)
        assert first.version_id == laid
        said = payload_of(own.body)["predicate"]["runDetails"]["byproducts"]
        (finding,) = [
            each["annotations"]["message"]
            for each in said
            if "nobody here can read" in str(each["annotations"].get("message"))
        ]
        assert laid in finding
        assert told(stage) == [], "that somebody has a former key is not said"

    play(scene)


@pytest.mark.parametrize(
    "error",
    [
        lambda: S3Error(503, "SlowDown"),
        lambda: S3Error(403, "AccessDenied"),
        lambda: S3Error(400, "KMS.DisabledException", "the key is disabled"),
    ],
    ids=["busy", "a right that is missing", "a key of the store that is away"],
)
def test_what_cannot_be_read_for_a_while_is_not_sealed_twice(error: Callable[[], S3Error]) -> None:
    faults = Away()

    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 5 * MINUTE)

        def fault(action: str, _: str, key: str) -> None:
            if action == "s3:PutObject" and key.endswith(STATEMENT_NAME):
                faults.away = True  # it dies before anything of it is recorded

        stage.world.store.fault = fault
        await stage.until("it is written", lambda: versions_of(stage, uid, STATEMENT_NAME), HOUR)
        await stage.process.kill()
        stage.world.store.fault, faults.away = lambda *_: None, False
        serve = stage.world.store.get
        hides_the_first(stage, uid, error)
        stage.process.start()
        await stage.sleep(HOUR)
        assert "seal" not in stage.status()
        stage.world.store.get = serve  # type: ignore[method-assign]  # as above
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        (own,) = versions_of(stage, uid, STATEMENT_NAME)
        assert stage.status()["seal"]["attestationVersion"] == own.version_id

    play(scene, faults=faults)


def test_what_has_no_run_is_not_sealed_by_what_was_laid_days_before() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        stage.declare(run=False)
        await stage.provisioned()
        forged = forge(stage, await rotate(stage), uid_of(stage))
        await stage.sleep(72 * HOUR)
        assert wants(stage, "Sealed")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        assert stage.status()["seal"]["attestationVersion"] != forged

    play(scene)


def test_what_was_laid_before_the_end_and_says_something_else_is_not_the_seal() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 40 * MINUTE, succeeds=False)
        signer = await rotate(stage)
        begun = datetime.fromisoformat(stage.status()["run"]["startTime"])
        soon = begun + timedelta(minutes=30)
        await stage.until("it is soon over", lambda: stage.world.store.now() > soon, HOUR)
        assert "completionTime" not in stage.status()["run"]
        forged = forge(stage, signer, uid, outcome="Succeeded")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        assert stage.status()["run"]["outcome"] == "Failed"
        assert stage.status()["seal"]["attestationVersion"] != forged
        assert any(forged in note for note in told(stage))

    play(scene)


def test_an_adoption_takes_what_the_present_key_signed() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 4 * HOUR, succeeds=False)
        forged = forge(stage, await rotate(stage), uid, outcome="Succeeded")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 6 * HOUR)
        genuine = stage.status()["seal"]["attestationVersion"]
        assert genuine != forged
        await create_again(stage, EXPERIMENT)
        await stage.until("it is refused", lambda: stage.condition("Stalled"))
        adopt(stage, uid)
        await stage.until("it is adopted", lambda: stage.status().get("seal"), HOUR)
        assert stage.status()["seal"]["attestationVersion"] == genuine
        assert stage.status()["run"]["outcome"] == "Failed"

    play(scene)


def test_what_is_deleted_unread_is_not_sealed_by_what_was_laid_during_its_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_rules(monkeypatch)

    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 4 * HOUR, succeeds=False)
        forge(stage, await rotate(stage), uid, outcome="Succeeded")
        await stage.sleep(3 * HOUR)
        store_is_away(stage)
        await stage.until("it ended", lambda: stage.status()["run"].get("completionTime"), 2 * HOUR)
        written(stage, OF_ANOTHER_VERSION)  # the operator was rolled back
        await stage.sleep(MINUTE)
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.sleep(MINUTE)
        store_is_back(stage)
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 3 * HOUR)
        assert len(versions_of(stage, uid, STATEMENT_NAME)) == 2, "its own lies behind the forged"

    play(scene)


def test_nothing_is_concluded_of_another_seal_than_the_recorded_one() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, 4 * HOUR)
        forge(stage, await rotate(stage), uid, outcome="Succeeded")
        await stage.until("it is listed", lambda: stage.status().get("sealSupplement"), 9 * HOUR)
        genuine = stage.status()["seal"]["attestationVersion"]
        keys = stage.world.store.buckets[BUCKET].keys
        key = seal_folder(uid) + STATEMENT_NAME
        keys[key] = [each for each in keys[key] if each.version_id != genuine]  # unlocked bucket
        (forged,) = keys[key]
        assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"conclusion": CONCLUSION}})
        await stage.sleep(HOUR)
        made = [payload_of(each.body) for each in versions_of(stage, uid, CONCLUSION_NAME)]
        of_it = envelope_digest(forged.body)
        assert not [each for each in made if is_about(each, CONCLUSION_TYPE, of_it)]
        messages = [each.get("message", "") for each in stage.status()["conditions"]]
        assert any(genuine in each and "restore that version" in each for each in messages)

    play(scene)


@pytest.mark.parametrize(
    "begun",
    ["yesterday", "2026-03-02T12:00:00", "0001-01-01T00:00:00+14:00"],
    ids=["no time", "without a zone", "out of range"],
)
def test_a_record_that_nobody_signed_is_no_bug(begun: str) -> None:
    faults = Away()

    async def scene(stage: Stage) -> None:
        await ready(stage)
        namespace = await cut_off(stage, faults)
        ((key, said),) = records(stage).items()
        stage.world.store.buckets[BUCKET].keys.pop(key)
        forged = said | {"begunTime": begun}
        write(stage, {key: unsigned(orjson.dumps(forged), PAYLOAD_TYPE)})
        assert stage.world.remove(JOB, namespace, names.RUN_JOB)
        stage.process.start()
        await stage.until("it is told", lambda: stage.condition("Stalled"), 10 * MINUTE)
        assert stage.condition("Stalled")["reason"] == reasons.ALREADY_RAN
        assert "no published key signed it" in stage.condition("Stalled")["message"]

    play(scene, faults=faults)


def malformed(stage: Stage, signer: LocalSigner, uid: str, change: Callable[[Any], None]) -> str:
    """Lay a seal that a key signed and that is none but for its type."""
    key = seal_folder(uid) + STATEMENT_NAME
    forge(stage, signer, uid)
    document = payload_of(stage.world.store.buckets[BUCKET].keys[key].pop().body)
    change(document["predicate"]["runDetails"])
    return write(stage, {key: sign(orjson.dumps(document), signer)})


@pytest.mark.parametrize("begins", [True, False], ids=["an operator begins", "it goes on"])
@pytest.mark.parametrize(
    "change",
    [
        lambda details: details.update(byproducts=[]),
        lambda details: details.update(metadata=None),
        lambda details: details["byproducts"][0]["annotations"].update(sealedOn="soon"),
    ],
    ids=["no byproducts", "no metadata", "no time"],
)
def test_a_malformed_statement_is_no_seal_and_no_bug(
    change: Callable[[Any], None], *, begins: bool
) -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        uid = await runs(stage, HOUR)
        laid = malformed(stage, LocalSigner.of(private(stage)), uid, change)
        if begins:
            await stage.process.kill()
            stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 2 * HOUR)
        seal = stage.status()["seal"]
        assert seal["attestationVersion"] != laid
        assert any(laid in each and "not made as the operator" in each for each in seal["findings"])
        assert len(versions_of(stage, uid, STATEMENT_NAME)) == 2

    play(scene)
