"""After a seal, on a real store: the last listing, a conclusion, and how long evidence is kept."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_seals import (
    FOLDER,
    MOMENT,
    PAIR,
    PREFIX,
    SNAPSHOT,
    TRUST,
    UID,
    put,
    request,
    seal,
)
from cluster.store.test_verifying import found, verify
from glovebox.api.attempt_status import KeptLog, RunContainer, RunPod
from glovebox.api.experiment_status import RunStatus
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import Unavailable
from glovebox.evidence.after_seal import CONCLUSION_NAME, SUPPLEMENT_NAME
from glovebox.evidence.keys import TrustBundle
from glovebox.evidence.signer import new_key_pair
from glovebox.jobs.verifying import Demand, verify_folder
from glovebox.store.connection import Stop
from glovebox.store.evidence_objects import put_log
from glovebox.store.sealing import seal_folder
from glovebox.store.uploads import NOT_ALL_ENDED
from glovebox.tasks.after_seal import (
    SealPlace,
    SupplementResult,
    list_once_more,
    sign_conclusion,
)
from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import seal_experiment
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import ADMIN
from support.seal_inputs import seal_keys

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings

LATER = MOMENT + dt.timedelta(hours=2)
LOG = b"epoch 1\n"


def place(store: Store, bucket: str, **changes: Any) -> SealPlace:
    fields: dict[str, Any] = {
        "uid": UID,
        "experiment": "team/exp",
        "store": store,
        "bucket": bucket,
        "prefix": PREFIX,
        "folder": FOLDER,
        "locked": True,
        "keys": seal_keys(PAIR.private),
    }
    return SealPlace(**fields | changes)


async def listed(store: Store, bucket: str, **changes: Any) -> SupplementResult:
    return await list_once_more(TaskContext(), place(store, bucket, **changes), now=lambda: LATER)


async def sealed_with_log(store: Store, bucket: str) -> str:
    """Seal with a log; return its key."""
    key, digest = put_log(store, bucket, FOLDER, LOG, Stop())
    log = KeptLog(key=key, digest=digest, bytes=len(LOG), final=True)
    image = "registry.example/x@sha256:" + "d" * 64
    container = RunContainer(name="run", image=image, image_id=image, exit_code=0, log=log)
    pod = RunPod(name="p", uid="u", phase="Succeeded", containers=(container,))
    wanted = request(store, bucket)
    about = replace(
        wanted.about,
        digest=f"{DIGEST_PREFIX}{hashlib.sha256(SNAPSHOT).hexdigest()}",
        run=RunStatus(attempts=1, pods=(pod,)),
    )
    await seal_experiment(TaskContext(), replace(wanted, about=about), now=lambda: MOMENT)
    return key


def locked_until(store: Store, bucket: str, key: str) -> dt.datetime:
    found = store.s3.get_object_retention(Bucket=bucket, Key=key)["Retention"]
    return found["RetainUntilDate"]


async def test_a_session_that_may_still_write_is_waited_for(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    result = await seal(store, locked_bucket)
    assert dt.datetime.fromisoformat(result.sessions_end) == MOMENT + dt.timedelta(hours=1)
    with pytest.raises(Unavailable, match="a session may still write until"):
        await list_once_more(TaskContext(), place(store, locked_bucket), now=lambda: MOMENT)


async def test_only_what_came_since_is_read_for_the_last_listing(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    for number in range(20):
        put(store, locked_bucket, f"{number:03d}", str(number).encode())
    sealed = await seal(store, locked_bucket)
    put(store, locked_bucket, "003", b"another")
    put(store, locked_bucket, "late", b"late")
    read: list[str] = []

    def counting(asked: Asked, _: Liar) -> Answered | None:
        if "versionId" in asked.query and f"/{PREFIX}" in asked.path:
            read.append(f"{asked.method} {asked.path.rpartition('/')[2]}")
        return None

    with lying(settings.endpoint, ADMIN, counting) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        result = await listed(through, locked_bucket)
    assert (result.said.added, result.said.missing) == (2, 0)
    assert result.said.list_digest != sealed.list_digest
    assert sorted(read) == ["GET 003", "GET late", "HEAD 003", "HEAD late"]
    assert await listed(store, locked_bucket) == result


async def test_where_nothing_came_the_last_list_is_the_sealed_one(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    sealed = await seal(store, locked_bucket)
    result = await listed(store, locked_bucket)
    assert (result.said.list_digest, result.said.added) == (sealed.list_digest, 0)


async def test_an_upload_begun_after_the_seal_cannot_complete_after_the_last_listing(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    await seal(store, locked_bucket)
    begun: Any = {"Bucket": locked_bucket, "Key": PREFIX + "late.bin"}
    upload = store.s3.create_multipart_upload(**begun)["UploadId"]
    part = store.s3.upload_part(**begun, UploadId=upload, PartNumber=1, Body=b"late")
    result = await listed(store, locked_bucket)
    assert (result.said.uploads_ended, result.said.added) == (1, 0)
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    with pytest.raises(store.s3.exceptions.ClientError, match="NoSuchUpload"):
        store.s3.complete_multipart_upload(**begun, UploadId=upload, MultipartUpload=parts)


async def test_uploads_that_a_store_still_shows_after_they_were_ended_are_a_signed_finding(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    store.s3.create_multipart_upload(Bucket=locked_bucket, Key=PREFIX + "open")

    def pretends(asked: Asked, _: Liar) -> Answered | None:
        """Say that an upload was ended, and end none."""
        return Answered(204) if asked.method == "DELETE" and "uploadId" in asked.query else None

    with lying(settings.endpoint, ADMIN, pretends) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        result = await seal(through, locked_bucket)
        assert result.findings == (NOT_ALL_ENDED,)
        assert (await listed(through, locked_bucket)).said.findings == (NOT_ALL_ENDED,)


async def test_the_seal_of_another_experiment_that_was_copied_here_is_none(
    store: Store, locked_bucket: str
) -> None:
    """It is signed by a key of ours, and of another Experiment."""
    other = seal_folder("other")
    wanted = request(store, locked_bucket, uid="other", folder=other)
    about = replace(wanted.about, uid="other")
    await seal_experiment(TaskContext(), replace(wanted, about=about), now=lambda: MOMENT)
    for entry in store.s3.list_objects_v2(Bucket=locked_bucket, Prefix=other)["Contents"]:
        copied = {"Bucket": locked_bucket, "Key": entry["Key"]}
        name = entry["Key"].removeprefix(other)
        store.s3.copy_object(Bucket=locked_bucket, Key=FOLDER + name, CopySource=copied)  # type: ignore[arg-type]
    put(store, locked_bucket, "model.bin")
    assert (await seal(store, locked_bucket)).versions == 1


async def test_evidence_is_locked_at_least_as_long_as_what_it_lists(
    store: Store, locked_bucket: str
) -> None:
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=9)
    put(
        store,
        locked_bucket,
        "kept.bin",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until,
    )
    put(store, locked_bucket, "model.bin")
    log = await sealed_with_log(store, locked_bucket)
    put(
        store,
        locked_bucket,
        "later.bin",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until + dt.timedelta(days=9),
    )
    await listed(store, locked_bucket)
    await sign_conclusion(place(store, locked_bucket), "Confirmed", "yes", "erin")
    keys = [
        entry["Key"]
        for entry in store.s3.list_objects_v2(Bucket=locked_bucket, Prefix=FOLDER)["Contents"]
    ]
    assert log in keys
    # The statement, two lists, the snapshot, the log, the supplement and the conclusion.
    assert len(keys) == 7
    assert {key: locked_until(store, locked_bucket, key) >= until for key in keys} == (
        dict.fromkeys(keys, True)
    )
    supplement = locked_until(store, locked_bucket, FOLDER + SUPPLEMENT_NAME)
    assert supplement >= until + dt.timedelta(days=9)


async def test_a_lock_that_was_not_prolonged_before_a_crash_is_prolonged_by_the_next_try(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=9)
    locks: dict[str, Any] = {
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": until,
    }
    put(store, locked_bucket, "kept.bin", **locks)

    def dies(asked: Asked, _: Liar) -> Answered | None:
        is_statement = asked.path.endswith("attestation.dsse.json")
        return Answered(503) if is_statement and "retention" in asked.query else None

    with lying(settings.endpoint, ADMIN, dies) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        with pytest.raises(Unavailable):
            await seal(through, locked_bucket)
    key = FOLDER + "attestation.dsse.json"
    assert locked_until(store, locked_bucket, key) < until
    await seal(store, locked_bucket)
    assert locked_until(store, locked_bucket, key) >= until


async def test_verify_knows_all_that_lies_beside_the_seal(
    store: Store, locked_bucket: str, tmp_path: Path
) -> None:
    put(store, locked_bucket, "model.bin")
    await sealed_with_log(store, locked_bucket)
    put(store, locked_bucket, "late.bin")
    early = verify(store, locked_bucket, now=MOMENT + dt.timedelta(minutes=5))
    assert found(early) == [("WrittenAfterSeal", PREFIX + "late.bin")]
    assert found(verify(store, locked_bucket)) == [
        ("SupplementMissing", SUPPLEMENT_NAME),
        ("WrittenAfterSeal", PREFIX + "late.bin"),
    ]
    await listed(store, locked_bucket)
    await sign_conclusion(place(store, locked_bucket), "Confirmed", "yes", "erin")
    whole = verify(store, locked_bucket, save=tmp_path)
    assert found(whole) == []
    assert (whole.report.logs, len(whole.report.later)) == (1, 1)
    assert whole.report.conclusion is not None
    assert found(verify_folder(tmp_path, Demand(TRUST))) == []
    put(store, locked_bucket, "latest.bin")
    assert found(verify(store, locked_bucket)) == [("WrittenAfterSeal", PREFIX + "latest.bin")]


async def test_what_a_foreign_key_signed_beside_the_seal_keeps_nothing_of_ours_away(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    await sealed_with_log(store, locked_bucket)
    for name in (SUPPLEMENT_NAME, CONCLUSION_NAME):
        store.s3.put_object(Bucket=locked_bucket, Key=FOLDER + name, Body=b"forged")
    assert {what for what, _ in found(verify(store, locked_bucket))} == {"SignatureInvalid"}
    await listed(store, locked_bucket)
    await sign_conclusion(place(store, locked_bucket), "Refuted", "no", "erin")
    whole = verify(store, locked_bucket)
    assert found(whole) == []
    assert whole.report.conclusion is not None
    assert whole.report.conclusion.verdict == "Refuted"


async def test_a_log_that_was_replaced_is_found_and_hides_nothing(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    key = await sealed_with_log(store, locked_bucket)
    store.s3.put_object(Bucket=locked_bucket, Key=key, Body=b"nothing to see")
    verified = verify(store, locked_bucket, now=MOMENT + dt.timedelta(minutes=5))
    # The oldest version with the signed digest is the log, whatever lies over it.
    assert (found(verified), verified.report.logs) == ([], 1)


async def test_a_stolen_key_that_was_replaced_adds_no_conclusion_by_dating_it_back(
    store: Store, locked_bucket: str
) -> None:
    """The seal and its last listing hold, and the store says when the conclusion came."""
    put(store, locked_bucket, "model.bin")
    await sealed_with_log(store, locked_bucket)
    await listed(store, locked_bucket)
    rotated = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
    (key,) = TRUST.keys
    trust = TrustBundle((replace(key, valid_until=rotated),))
    assert found(verify(store, locked_bucket, trust=trust)) == []
    # The store tells whole seconds.
    left = rotated + dt.timedelta(seconds=1) - dt.datetime.now(dt.UTC)
    await asyncio.sleep(max(left.total_seconds(), 0))
    await sign_conclusion(
        place(store, locked_bucket), "Confirmed", "yes", "erin", now=lambda: LATER
    )
    assert found(verify(store, locked_bucket, trust=trust)) == [("KeyNotValid", CONCLUSION_NAME)]
    assert found(verify(store, locked_bucket)) == []


async def test_a_conclusion_is_signed_once_whoever_asks_again(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    await seal(store, locked_bucket)
    here = place(store, locked_bucket)
    first = await sign_conclusion(here, "Confirmed", "yes", "erin")
    assert await sign_conclusion(here, "Refuted", "no", "bob") == first
    foreign = place(store, locked_bucket, keys=seal_keys(new_key_pair().private))
    with pytest.raises(Exception, match="there is no seal"):
        await sign_conclusion(foreign, "Refuted", "no", "bob")
