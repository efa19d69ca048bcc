"""`glovebox verify` on a real store: what it demands of locks, and whose statement it believes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_seals import FOLDER, MOMENT, PREFIX, SNAPSHOT, TRUST, UID, put, request
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.evidence.after_seal import SUPPLEMENT_NAME
from glovebox.evidence.envelope import opened, sign
from glovebox.evidence.keys import TrustBundle, trusted
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import (
    LIST_NAME,
    SNAPSHOT_NAME,
    STATEMENT_NAME,
    SealedInput,
    SealedManifest,
)
from glovebox.evidence.verification import Expected
from glovebox.jobs.verifying import Demand, Verified, verify_seal
from glovebox.store.connection import Stop
from glovebox.store.evidence_objects import written_at
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from glovebox.store.retention import retain
from glovebox.store.sealing import seal_folder
from glovebox.store.version_lock import Lock
from glovebox.tasks.after_seal import SealPlace, list_once_more
from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import seal_experiment
from support.forged_seals import forged_seal
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import ADMIN
from support.seal_inputs import seal_keys
from support.trust import documents

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings


async def sealed(store: Store, bucket: str, **changes: Any) -> None:
    """Seal with a statement whose snapshot is the one that lies there, and list once more."""
    wanted = request(store, bucket)
    digest = f"{DIGEST_PREFIX}{hashlib.sha256(SNAPSHOT).hexdigest()}"
    about = replace(wanted.about, digest=digest, **changes)
    await seal_experiment(TaskContext(), replace(wanted, about=about), now=lambda: MOMENT)
    place = SealPlace(UID, "team/exp", store, bucket, PREFIX, FOLDER, locked=True, keys=wanted.keys)
    later = MOMENT + dt.timedelta(hours=2)
    await list_once_more(TaskContext(), place, now=lambda: later)


def verify(store: Store, bucket: str, **options: Any) -> Verified:
    demand = Demand(
        options.pop("trust", TRUST),
        options.pop("expected", Expected()),
        locks=options.pop("locks", True),
    )
    return verify_seal(store, bucket, FOLDER, demand, Stop(), **options)


def found(verified: Verified) -> list[tuple[str, str]]:
    return [(each.what, each.where) for each in verified.report.findings]


async def test_a_seal_holds_with_every_version_and_the_evidence_locked(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin", b"weights")
    put(store, locked_bucket, "model.bin", b"better")
    await sealed(store, locked_bucket)
    expected = Expected("team/exp", UID)
    verified = verify(store, locked_bucket, expected=expected)
    assert found(verified) == []
    assert (verified.report.locks.locked, verified.bytes_read) == (2, 13)
    assert verified.unchecked == ()
    assert verify(store, locked_bucket, read_bytes=False).unchecked == ("the artifacts' bytes",)


async def test_without_locks_it_fails_and_holds_when_that_is_asked_for(
    store: Store, data_bucket: str
) -> None:
    put(store, data_bucket, "model.bin")
    await sealed(store, data_bucket)
    assert found(verify(store, data_bucket)) == [
        ("Unlocked", STATEMENT_NAME),
        ("Unlocked", LIST_NAME),
        ("Unlocked", SNAPSHOT_NAME),
        ("Unlocked", SUPPLEMENT_NAME),
        ("Unlocked", f"{PREFIX}model.bin"),
    ]
    allowed = verify(store, data_bucket, locks=False)
    assert (found(allowed), allowed.report.locks.unlocked) == ([], 1)


async def test_locks_that_ended_are_none(store: Store, locked_bucket: str) -> None:
    put(store, locked_bucket, "model.bin")
    await sealed(store, locked_bucket)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=36_500)
    assert [what for what, _ in found(verify(store, locked_bucket, now=later))] == ["Unlocked"] * 5


async def test_a_lock_that_became_weaker_is_told(
    store: Store, stores: Stores, settings: StoreSettings, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    await sealed(store, locked_bucket)

    def weaker(asked: Asked, liar: Liar) -> Answered | None:
        if asked.method != "HEAD" or not asked.path.endswith("model.bin"):
            return None
        truth = liar.truth(asked)
        headers = dict(truth.headers)
        for name in list(headers):
            if name.lower() == "x-amz-object-lock-mode":
                headers[name] = "GOVERNANCE"
        return Answered(truth.status, truth.body, headers)

    with lying(settings.endpoint, ADMIN, weaker) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        verified = verify(through, locked_bucket, read_bytes=False)
    assert found(verified) == [("LockShortened", f"{PREFIX}model.bin")]
    assert (verified.report.locks.locked, verified.report.locks.governance) == (0, 1)


async def test_what_cannot_be_read_now_is_told_and_hides_nothing_else(
    store: Store, stores: Stores, settings: StoreSettings, locked_bucket: str
) -> None:
    put(store, locked_bucket, "good")
    put(store, locked_bucket, "denied")
    await sealed(store, locked_bucket)
    store.s3.put_object(Bucket=locked_bucket, Key=f"{PREFIX}late", Body=b"x")

    def denying(asked: Asked, _: Liar) -> Answered | None:
        return Answered(403) if asked.path.endswith("/denied") else None

    with lying(settings.endpoint, ADMIN, denying) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        verified = verify(through, locked_bucket)
    assert found(verified) == [
        ("WrittenAfterSeal", f"{PREFIX}late"),
        ("Unreadable", f"{PREFIX}denied"),
    ]
    assert (verified.report.locks.locked, verified.report.locks.unreadable) == (1, 1)


async def test_another_seal_in_the_folder_is_told_and_hides_none(
    store: Store, locked_bucket: str
) -> None:
    """Somebody copies the evidence of one experiment into the folder of another one."""
    other = seal_folder("another")
    wanted = request(store, locked_bucket, uid="another", folder=other)
    about = replace(wanted.about, uid="another")
    await seal_experiment(TaskContext(), replace(wanted, about=about), now=lambda: MOMENT)
    for entry in store.s3.list_objects_v2(Bucket=locked_bucket, Prefix=other)["Contents"]:
        body = store.s3.get_object(Bucket=locked_bucket, Key=entry["Key"])["Body"].read()
        name = entry["Key"].removeprefix(other)
        store.s3.put_object(Bucket=locked_bucket, Key=FOLDER + name, Body=body)
    assert ("OtherExperiment", STATEMENT_NAME) in found(verify(store, locked_bucket))
    put(store, locked_bucket, "model.bin")
    await sealed(store, locked_bucket)
    assert found(verify(store, locked_bucket)) == []


async def test_a_foreign_statement_in_front_of_the_seal_is_not_believed(
    store: Store, locked_bucket: str
) -> None:
    """Whoever writes the names of the evidence first is not believed for that."""
    put(store, locked_bucket, "model.bin")
    await sealed(store, locked_bucket)
    own = documents(store, locked_bucket, FOLDER, TRUST)
    for name in (STATEMENT_NAME, SNAPSHOT_NAME):
        store.s3.put_object(Bucket=locked_bucket, Key=FOLDER + name, Body=b"forged")
    assert documents(store, locked_bucket, FOLDER, TRUST) == own
    other = LocalSigner.of(new_key_pair().private)
    forged = sign(opened(own[STATEMENT_NAME], TRUST).payload, other)
    store.s3.put_object(Bucket=locked_bucket, Key=FOLDER + STATEMENT_NAME, Body=forged)
    assert found(verify(store, locked_bucket)) == []


async def test_a_key_that_was_replaced_before_the_store_took_the_seal_in_does_not_count(
    store: Store, locked_bucket: str
) -> None:
    """The statement dates itself back; the store does not."""
    await sealed(store, locked_bucket)
    (key,) = TRUST.keys
    ended = TrustBundle((replace(key, valid_until=MOMENT + dt.timedelta(minutes=1)),))
    assert dt.datetime.now(dt.UTC) > MOMENT + dt.timedelta(hours=1)
    assert found(verify(store, locked_bucket, trust=ended)) == [
        ("KeyNotValid", STATEMENT_NAME),
        ("KeyNotValid", SUPPLEMENT_NAME),
    ]


async def test_a_seal_by_a_former_key_that_came_too_late_is_passed_by_and_ours_lies_behind_it(
    store: Store, locked_bucket: str
) -> None:
    """Its name is taken for ever, by an object that nobody can remove."""
    put(store, locked_bucket, "model.bin", b"weights")
    pair = new_key_pair()
    former, present = LocalSigner.of(new_key_pair().private), LocalSigner.of(pair.private)
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    old = replace(trusted(former.public), valid_from=MOMENT, valid_until=ended)
    trust = TrustBundle((old, trusted(present.public)))
    forged = forged_seal(former, "team/exp", UID, locked_bucket, MOMENT)
    version = [
        store.s3.put_object(Bucket=locked_bucket, Key=key, Body=body)["VersionId"]
        for key, body in forged.items()
    ][-1]
    wanted = request(store, locked_bucket)
    digest = f"{DIGEST_PREFIX}{hashlib.sha256(SNAPSHOT).hexdigest()}"
    wanted = replace(
        wanted, about=replace(wanted.about, digest=digest), keys=seal_keys(pair.private, trust)
    )
    made = await seal_experiment(TaskContext(), wanted, now=lambda: MOMENT)
    (told,) = made.not_counted
    assert version in told
    assert former.key_id in told
    assert made.key_id == present.key_id
    assert made.attestation_version != version
    place = SealPlace(
        UID, "team/exp", store, locked_bucket, PREFIX, FOLDER, locked=True, keys=wanted.keys
    )
    later = MOMENT + dt.timedelta(hours=2)
    listed = await list_once_more(TaskContext(), place, now=lambda: later)
    assert listed.said.missing == 0
    verified = verify(store, locked_bucket, trust=trust)
    assert found(verified) == []
    assert verified.report.locks.locked == 1
    assert any(version in each and "not counted" in each for each in verified.report.remarks)


async def test_no_lock_makes_a_seal_older_than_it_is(store: Store, locked_bucket: str) -> None:
    """Some stores take a longer lock for a newer time; then a former key's seal counts no more."""
    key = FOLDER + STATEMENT_NAME
    version = store.s3.put_object(Bucket=locked_bucket, Key=key, Body=b"signed")["VersionId"]
    before = written_at(store, locked_bucket, key, version)
    assert before is not None
    for _ in range(10_000):  # until the store's clock, which it tells in whole seconds, goes on
        other = store.s3.put_object(Bucket=locked_bucket, Key="later", Body=b"")["VersionId"]
        moment = written_at(store, locked_bucket, "later", other)
        if moment is not None and moment > before:
            break
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=9)
    lock = Lock("Compliance", until.isoformat())
    assert retain(store, locked_bucket, [(key, version)], lock, Stop(), final=True) == ""
    assert read_version(store, locked_bucket, key, version) >= until - dt.timedelta(seconds=2)
    after = written_at(store, locked_bucket, key, version)
    assert after is not None
    assert after >= before


def read_version(store: Store, bucket: str, key: str, version: str) -> dt.datetime:
    """Return until when a version is locked."""
    made = store.s3.get_object_retention(Bucket=bucket, Key=key, VersionId=version)
    until: dt.datetime = made["Retention"]["RetainUntilDate"]
    return until


@pytest.mark.skipif(
    shutil.which("sha256sum") is None or shutil.which("gunzip") is None,
    reason="NOT TESTED: no coreutils or no gzip",
)
async def test_sha256sum_agrees_with_what_the_statement_says_of_a_dataset(
    store: Store, data_bucket: str, locked_bucket: str, tmp_path: Path
) -> None:
    store.s3.put_object(Bucket=data_bucket, Key="set/a", Body=b"a")
    source = PrefixSource(data_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    place = built.manifest
    manifest = SealedManifest(place.bucket, place.key, place.version_id, place.digest)
    await sealed(
        store,
        locked_bucket,
        inputs=(SealedInput("train", "DatasetPin", "sha256:" + "1" * 64, manifest=manifest),),
    )
    statement = json.loads(
        opened(documents(store, locked_bucket, FOLDER, TRUST)[STATEMENT_NAME], TRUST).payload
    )
    train = statement["predicate"]["buildDefinition"]["resolvedDependencies"][1]
    bucket, _, key = train["downloadLocation"].removeprefix("s3://").partition("/")
    version = train["annotations"]["versionId"]
    body = store.s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
    assert sha256sum(tmp_path, body) == train["digest"]["sha256"]


def sha256sum(folder: Path, compressed: bytes) -> str:
    (folder / "manifest.jsonl.gz").write_bytes(compressed)
    done = subprocess.run(
        ["sh", "-c", "gunzip -c manifest.jsonl.gz | sha256sum"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.split()[0]
