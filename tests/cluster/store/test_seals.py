"""Seals on a real store: made once, of all that a run wrote under any name, never stopped by it."""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.data.digest import canonical_json
from glovebox.errors import GloveboxError, NotReady, Unavailable
from glovebox.evidence.keys import TrustBundle, read_bundle
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import Report, verify_evidence
from glovebox.store.artifact_reading import NONE_READ
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from glovebox.store.sealing import seal_folder
from glovebox.store.waits import Waits
from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import seal_experiment
from glovebox.tasks.seal_request import EvidenceRequest, SealedDataset, SealRequest, SealResult
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import ADMIN
from support.seal_inputs import seal_inputs, seal_keys
from support.trust import documents

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings

PAIR = new_key_pair()
KEY = LocalSigner.of(PAIR.private)
TRUST = read_bundle(PAIR.public)
UID = "0b1c"
PREFIX = f"team/exp/{UID}/"
FOLDER = seal_folder(UID)
SNAPSHOT = canonical_json({"format": "glovebox.dev/experiment/v1"})
MOMENT = dt.datetime(2026, 11, 25, 5, 11, tzinfo=dt.UTC)


def request(store: Store, bucket: str, **changes: Any) -> SealRequest:
    about = replace(seal_inputs(f"s3://{bucket}/{PREFIX}", SNAPSHOT.decode()), uid=UID)
    fields: dict[str, Any] = {
        "uid": UID,
        "store": store,
        "bucket": bucket,
        "prefix": PREFIX,
        "folder": FOLDER,
        "snapshot": SNAPSHOT,
        "inputs": (),
    }
    evidence = EvidenceRequest(**fields | changes)
    return SealRequest(evidence, about, keys=seal_keys(PAIR.private))


async def seal(
    store: Store, bucket: str, context: TaskContext | None = None, **changes: Any
) -> SealResult:
    return await seal_experiment(
        context or TaskContext(), request(store, bucket, **changes), now=lambda: MOMENT
    )


def put(store: Store, bucket: str, name: str, body: bytes = b"x", **options: Any) -> str:
    return store.s3.put_object(Bucket=bucket, Key=PREFIX + name, Body=body, **options)["VersionId"]


def evidence(store: Store, bucket: str) -> dict[str, bytes]:
    return documents(store, bucket, FOLDER, TRUST)


def verified(store: Store, bucket: str) -> Report:
    """Verify as an auditor does; the snapshot's digest is none of these tests' business."""
    found = evidence(store, bucket)
    report = verify_evidence(found[STATEMENT_NAME], found[LIST_NAME], found[SNAPSHOT_NAME], TRUST)
    report.findings = [each for each in report.findings if each.what != "SnapshotDiffers"]
    return report


async def test_every_version_and_marker_is_in_the_seal_and_verifies(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin", b"old")
    put(store, locked_bucket, "model.bin", b"newer")
    put(store, locked_bucket, "gone.txt", b"four")
    store.s3.delete_object(Bucket=locked_bucket, Key=PREFIX + "gone.txt")
    result = await seal(store, locked_bucket)
    assert (result.versions, result.bytes, result.findings) == (4, 12, ())
    assert (result.key_id, result.sealed_time) == (
        KEY.key_id,
        "2026-11-25T05:11:00Z",
    )
    assert result.retain_until_time != ""
    report = verified(store, locked_bucket)
    assert report.findings == []
    assert [entry.key.removeprefix(PREFIX) for entry in report.artifacts] == [
        "gone.txt",
        "gone.txt",
        "model.bin",
        "model.bin",
    ]
    assert await seal(store, locked_bucket) == result


async def test_an_experiment_without_artifacts_is_sealed_too(
    store: Store, locked_bucket: str
) -> None:
    assert (await seal(store, locked_bucket)).versions == 0
    assert verified(store, locked_bucket).findings == []


# Names of the evidence itself, of parts of its format, and shapes that stores treat oddly.
NAMES = (
    "artifacts.jsonl",
    "attestation.dsse.json",
    "snapshot.json",
    "https://glovebox.dev/artifacts/v1",
    ".glovebox/seals/x",
    'quote".json',
    "back\\slash",
    "line\nbreak",
    "a b+c%25",
    "日本",
    "versions",
)


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_that_a_run_gives_keeps_or_changes_its_seal(
    name: str, store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, name, b"of the run")
    put(store, locked_bucket, "other", b"o")
    result = await seal(store, locked_bucket)
    assert (result.versions, result.findings) == (2, ())
    report = verified(store, locked_bucket)
    assert report.findings == []
    # Under the store's own spelling of the name, where it has one.
    assert len({artifact.key for artifact in report.artifacts} - {PREFIX + "other"}) == 1


async def test_the_oldest_statement_is_the_seal_whatever_is_written_over_it(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    first = await seal(store, locked_bucket)
    for name in (STATEMENT_NAME, SNAPSHOT_NAME):
        store.s3.put_object(Bucket=locked_bucket, Key=FOLDER + name, Body=b"forged")
    assert await seal(store, locked_bucket) == first
    assert verified(store, locked_bucket).findings == []
    assert evidence(store, locked_bucket)[SNAPSHOT_NAME] == SNAPSHOT


async def test_a_seal_of_the_former_key_is_taken_as_it_is_under_its_own_name(
    store: Store, locked_bucket: str
) -> None:
    """Its status was never written, and the key was rotated meanwhile."""
    put(store, locked_bucket, "model.bin")
    made = await seal(store, locked_bucket)
    pair = new_key_pair()
    both = TrustBundle((*TRUST.keys, *read_bundle(pair.public).keys))
    wanted = replace(request(store, locked_bucket), keys=seal_keys(pair.private, both))
    assert await seal_experiment(TaskContext(), wanted, now=lambda: MOMENT) == made
    assert made.key_id == KEY.key_id


async def test_what_a_foreign_key_signed_is_no_seal_and_keeps_none_from_being_made(
    store: Store, locked_bucket: str
) -> None:
    """The whole triple is forged beforehand, under every name that it will have."""
    put(store, locked_bucket, "model.bin")
    foreign = new_key_pair()
    wanted = replace(request(store, locked_bucket), keys=seal_keys(foreign.private))
    forged = await seal_experiment(TaskContext(), wanted, now=lambda: MOMENT)
    for name in (SNAPSHOT_NAME, f"artifacts.{forged.list_digest.removeprefix('sha256:')}.jsonl"):
        store.s3.put_object(Bucket=locked_bucket, Key=FOLDER + name, Body=b"forged")
    made = await seal(store, locked_bucket)
    assert (forged.key_id, made.key_id) == (read_bundle(foreign.public).keys[0].key_id, KEY.key_id)
    assert made.attestation_version != forged.attestation_version
    assert verified(store, locked_bucket).findings == []
    assert await seal(store, locked_bucket) == made


async def test_documents_that_were_forged_before_the_seal_are_no_part_of_it(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    for name in (STATEMENT_NAME, SNAPSHOT_NAME):
        store.s3.put_object(Bucket=locked_bucket, Key=FOLDER + name, Body=b"forged")
    made = await seal(store, locked_bucket)
    assert made.key_id == KEY.key_id
    assert verified(store, locked_bucket).findings == []


async def test_an_upload_that_a_run_began_cannot_complete_behind_the_seal(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    begun = {"Bucket": locked_bucket, "Key": PREFIX + "late.bin"}
    upload = store.s3.create_multipart_upload(**begun)["UploadId"]  # type: ignore[arg-type]
    part = store.s3.upload_part(**begun, UploadId=upload, PartNumber=1, Body=b"late")  # type: ignore[arg-type]
    foreign = {"Bucket": locked_bucket, "Key": "team/other/uid/x"}
    kept = store.s3.create_multipart_upload(**foreign)["UploadId"]  # type: ignore[arg-type]
    result = await seal(store, locked_bucket)
    assert result.versions == 1
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    with pytest.raises(store.s3.exceptions.ClientError, match="NoSuchUpload"):
        store.s3.complete_multipart_upload(**begun, UploadId=upload, MultipartUpload=parts)  # type: ignore[arg-type]
    left = store.s3.list_multipart_uploads(Bucket=locked_bucket).get("Uploads", [])
    assert [each["UploadId"] for each in left] == [kept]


async def pinned(store: Store, data_bucket: str, locked_bucket: str) -> SealedDataset:
    store.s3.put_object(Bucket=data_bucket, Key="set/a", Body=b"a")
    store.s3.put_object(Bucket=data_bucket, Key="set/b", Body=b"b")
    source = PrefixSource(data_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    return SealedDataset("train", store, source, built.manifest)


def stated_findings(store: Store, bucket: str) -> list[str]:
    envelope = json.loads(evidence(store, bucket)[STATEMENT_NAME])
    document = json.loads(base64.b64decode(envelope["payload"]))
    byproducts = document["predicate"]["runDetails"]["byproducts"]
    return [each["annotations"]["message"] for each in byproducts if each["name"] == "finding"]


async def test_an_input_that_vanished_between_run_and_seal_is_a_signed_finding(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    dataset = await pinned(store, data_bucket, locked_bucket)
    version = store.s3.head_object(Bucket=data_bucket, Key="set/b")["VersionId"]
    store.s3.delete_object(Bucket=data_bucket, Key="set/b", VersionId=version)
    result = await seal(store, locked_bucket, inputs=(dataset,))
    assert result.findings == ("input `train`: 1 missing (missing b)",)
    assert stated_findings(store, locked_bucket) == list(result.findings)
    assert verified(store, locked_bucket).findings == []


async def test_inputs_that_are_still_there_are_no_finding(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    dataset = await pinned(store, data_bucket, locked_bucket)
    assert (await seal(store, locked_bucket, inputs=(dataset,))).findings == ()


@pytest.mark.parametrize("key", ["set/a", "set/later"])
async def test_what_a_driver_shows_beside_the_pinned_versions_is_a_signed_finding(
    store: Store, data_bucket: str, locked_bucket: str, key: str
) -> None:
    """Delivered by `CSI` the run reads the newest version; delivered otherwise the pinned one."""
    dataset = await pinned(store, data_bucket, locked_bucket)
    store.s3.put_object(Bucket=data_bucket, Key=key, Body=b"other bytes")
    result = await seal(store, locked_bucket, inputs=(replace(dataset, shows_newest=True),))
    (said,) = result.findings
    assert said.startswith("input `train`: its driver shows the newest versions")
    assert stated_findings(store, locked_bucket) == [said]


async def test_a_newer_version_is_no_finding_where_the_pinned_one_was_delivered(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    dataset = await pinned(store, data_bucket, locked_bucket)
    store.s3.put_object(Bucket=data_bucket, Key="set/a", Body=b"other bytes")
    assert (await seal(store, locked_bucket, inputs=(dataset,))).findings == ()


async def test_a_pin_that_is_gone_is_a_finding_and_no_reason_to_wait(
    store: Store, locked_bucket: str
) -> None:
    lost = SealedDataset("train", lost="its DatasetPin is gone")
    result = await seal(store, locked_bucket, inputs=(lost,))
    assert result.findings == (
        "input `train`: could not be verified again: its DatasetPin is gone",
    )


async def test_an_input_store_that_is_away_is_waited_for_until_the_moment_given_and_then_a_finding(
    stores: Stores,
    settings: StoreSettings,
    store: Store,
    data_bucket: str,
    locked_bucket: str,
) -> None:
    dataset = await pinned(store, data_bucket, locked_bucket)
    away = stores.open(type(settings)("http://127.0.0.1:9", credentials=ADMIN))
    gone = SealedDataset("train", away, dataset.source, dataset.manifest)
    later = MOMENT + dt.timedelta(minutes=1)
    with pytest.raises(Unavailable, match="does not answer"):
        await seal(store, locked_bucket, inputs=(gone,), patient_until=later)
    result = await seal(store, locked_bucket, inputs=(gone,), patient_until=MOMENT)
    assert len(result.findings) == 1
    assert "could not be verified again" in result.findings[0]


async def sealed_through(
    lie: Any, stores: Stores, settings: StoreSettings, bucket: str, **options: Any
) -> SealResult:
    with lying(settings.endpoint, ADMIN, lie) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        return await seal(through, bucket, **options)


async def test_an_object_that_cannot_be_read_is_listed_as_such_and_the_rest_is_sealed(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "good", b"good")
    put(store, locked_bucket, "under-a-key-of-the-run", b"secret")

    def encrypted(asked: Asked, _: Liar) -> Answered | None:
        refused = asked.path.endswith("under-a-key-of-the-run") and "versionId" in asked.query
        return Answered(400) if refused else None

    result = await sealed_through(encrypted, stores, settings, locked_bucket)
    assert result.versions == 2
    assert len(result.findings) == 1
    assert "cannot be read" in result.findings[0]
    assert verified(store, locked_bucket).findings == []


async def test_refused_credentials_are_no_property_of_the_objects(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "good", b"good")

    def expired(asked: Asked, _: Liar) -> Answered | None:
        reads = asked.method in {"GET", "HEAD"} and len(asked.path.strip("/").split("/", 1)) == 2
        return Answered(400) if reads else None

    with pytest.raises(GloveboxError):
        await sealed_through(expired, stores, settings, locked_bucket)
    assert evidence(store, locked_bucket) == {}


async def test_a_seal_that_failed_goes_on_with_what_it_had_read(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    for number in range(30):
        put(store, locked_bucket, f"{number:03d}", str(number).encode())
    read: list[str] = []
    broken = True

    def breaking(asked: Asked, _: Liar) -> Answered | None:
        if asked.method == "GET" and "versionId" in asked.query and f"/{PREFIX}" in asked.path:
            if broken and asked.path.endswith("/020"):
                return Answered(503, b"<Error><Code>SlowDown</Code></Error>")
            read.append(asked.path[-3:])
        return None

    with lying(settings.endpoint, ADMIN, breaking) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        with pytest.raises(Unavailable, match="slow down"):
            await seal(through, locked_bucket, TaskContext(checkpoint_seconds=0))
        assert "019" in read
        read.clear()
        broken = False
        result = await seal(through, locked_bucket)
    assert result.versions == 30
    assert sorted(read) == [f"{number:03d}" for number in range(20, 30)]
    assert verified(store, locked_bucket).findings == []


async def test_a_store_whose_pages_repeat_for_ever_ends_with_an_error(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "a")
    pages = 0

    def endless(asked: Asked, liar: Liar) -> Answered | None:
        """Two markers that follow one another in a circle."""
        nonlocal pages
        if "versions" not in asked.query or PREFIX not in asked.query.get("prefix", ""):
            return None
        pages += 1
        marker = "b" if asked.query.get("key-marker") == "a" else "a"
        truth = liar.truth(asked)
        more = f"<IsTruncated>true</IsTruncated><NextKeyMarker>{marker}</NextKeyMarker>".encode()
        body = truth.body.replace(b"<IsTruncated>false</IsTruncated>", more)
        return Answered(200, body, truth.headers)

    with pytest.raises(Unavailable, match="pages repeat without end"):
        await sealed_through(endless, stores, settings, locked_bucket)
    assert pages == 3


async def test_rows_that_a_page_repeats_are_taken_once(
    stores: Stores, settings: StoreSettings, store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "a")
    put(store, locked_bucket, "b")

    def repeated(asked: Asked, liar: Liar) -> Answered | None:
        if "versions" not in asked.query:
            return None
        truth = liar.truth(asked)
        start = truth.body.find(b"<Version>")
        end = truth.body.rfind(b"</Version>") + len(b"</Version>")
        if start < 0:
            return truth
        rows = truth.body[start:end]
        return Answered(200, truth.body[:end] + rows + truth.body[end:], truth.headers)

    assert (await sealed_through(repeated, stores, settings, locked_bucket)).versions == 2


async def test_what_only_its_writer_can_read_keeps_no_seal_from_being_made(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    theirs = store.s3.put_object(
        Bucket=locked_bucket,
        Key=FOLDER + STATEMENT_NAME,
        Body=b"x",
        SSECustomerAlgorithm="AES256",
        SSECustomerKey="k" * 32,
    )["VersionId"]
    made = await seal(store, locked_bucket)
    assert made.key_id == KEY.key_id
    assert made.attestation_version != theirs
    assert made.not_counted == ()
    (finding,) = made.findings
    assert theirs in finding
    assert (await seal(store, locked_bucket)).attestation_version == made.attestation_version
    assert verified(store, locked_bucket).findings == []


@pytest.mark.parametrize("name", ["hidden", "*"], ids=["one of three", "all"])
async def test_what_a_policy_of_the_bucket_denies_is_waited_for_and_then_sealed_as_not_read(
    store: Store, locked_bucket: str, name: str
) -> None:
    for each in ("first", "hidden", "last"):
        put(store, locked_bucket, each, each.encode())
    denies = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": [f"arn:aws:s3:::{locked_bucket}/{PREFIX}{name}"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denies]})
    store.s3.put_bucket_policy(Bucket=locked_bucket, Policy=policy)
    waits = Waits(MOMENT, MOMENT + dt.timedelta(days=6))
    if name == "*":
        with pytest.raises(NotReady) as raised:
            await seal(store, locked_bucket, waits=waits)
        assert "nor is anything else" in raised.value.message
        waits = Waits(MOMENT, MOMENT)
    made = await seal(store, locked_bucket, waits=waits)
    report = verified(store, locked_bucket)
    assert report.findings == []
    denied = {each.key for each in report.artifacts if each.unreadable == "Denied"}
    everything = {PREFIX + each for each in ("first", "hidden", "last")}
    assert denied == (everything if name == "*" else {f"{PREFIX}hidden"})
    assert (NONE_READ in made.findings) is (name == "*")
