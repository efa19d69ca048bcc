"""Seals: made of every version, verified by `glovebox verify`, and nothing comes in behind them."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from botocore.parsers import ResponseParserError

from cluster.store.test_seals import PREFIX, seal
from cluster.store.test_verifying import found, sealed, verify
from glovebox.store.connection import Stop
from glovebox.store.listing import list_key
from glovebox.store.putting import checksum
from glovebox.store.uploads import NOT_ALL_ENDED

if TYPE_CHECKING:
    from glovebox.store.connection import Store
    from stores.expected import Expected


def put(store: Store, bucket: str, name: str, body: bytes) -> str:
    return store.s3.put_object(
        Bucket=bucket, Key=PREFIX + name, Body=body, ChecksumSHA256=checksum(body)
    )["VersionId"]


async def test_every_version_is_in_the_seal_with_its_lock_and_verifies(
    store: Store, locked_bucket: str, expected: Expected
) -> None:
    put(store, locked_bucket, "model.bin", b"old")
    put(store, locked_bucket, "model.bin", b"newer")
    put(store, locked_bucket, "x y+%25&<", b"odd")
    put(store, locked_bucket, "gone.txt", b"four")
    store.s3.delete_object(Bucket=locked_bucket, Key=PREFIX + "gone.txt")
    await sealed(store, locked_bucket)
    verified = verify(store, locked_bucket)
    assert verified.bytes_read == 15
    assert len(verified.report.artifacts) == 5
    if expected.locks_by_default:
        assert found(verified) == []
        assert (verified.report.locks.locked, verified.report.locks.unlocked) == (4, 0)
        return
    assert {what for what, _ in found(verified)} == {"Unlocked"}
    assert (verified.report.locks.locked, verified.report.locks.unlocked) == (0, 4)


async def test_a_lock_of_its_own_is_seen_also_when_the_version_was_superseded(
    store: Store, locked_bucket: str
) -> None:
    first = _put_locked(store, locked_bucket, b"old")
    _put_locked(store, locked_bucket, b"newer")
    result = await seal(store, locked_bucket)
    assert (result.versions, result.findings) == (2, ())
    with pytest.raises(store.s3.exceptions.ClientError):
        store.s3.delete_object(Bucket=locked_bucket, Key=f"{PREFIX}own", VersionId=first)


def _put_locked(store: Store, bucket: str, body: bytes) -> str:
    return store.s3.put_object(
        Bucket=bucket,
        Key=f"{PREFIX}own",
        Body=body,
        ChecksumSHA256=checksum(body),
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=dt.datetime.now(dt.UTC) + dt.timedelta(days=2),
    )["VersionId"]


async def test_no_key_of_a_run_keeps_its_seal_from_being_made(
    store: Store, locked_bucket: str
) -> None:
    """Control characters are letters that XML has none for: lists of them are told in many ways."""
    put(store, locked_bucket, "model.bin", b"weights")
    names = ("\x01", "a\x1fb", "c\x7f")
    for name in names:
        put(store, locked_bucket, name, b"hidden")
    await sealed(store, locked_bucket)
    verified = verify(store, locked_bucket, locks=False)
    assert found(verified) == []
    assert len(verified.report.artifacts) == 1 + len(names)


async def test_an_upload_whose_key_no_list_can_name_is_ended_or_said_to_be_open(
    store: Store, locked_bucket: str, expected: Expected
) -> None:
    # The answer of some repeats the key, so that the client cannot read it: the upload is there.
    with contextlib.suppress(store.s3.exceptions.ClientError, ResponseParserError):
        store.s3.create_multipart_upload(Bucket=locked_bucket, Key=f"{PREFIX}\x02 +late")
    assert _open_uploads(store, locked_bucket) > 0
    sealed = await seal(store, locked_bucket)
    if not expected.names_all_uploads:
        assert NOT_ALL_ENDED in sealed.findings
        return
    assert sealed.findings == ()
    assert _open_uploads(store, locked_bucket) == 0


def _open_uploads(store: Store, bucket: str) -> int:
    answer = store.wire.get(bucket, "", {"uploads": ""}).read()
    return int(answer.count(b"<UploadId>"))


async def test_an_upload_that_was_begun_cannot_complete_behind_the_seal(
    store: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin", b"weights")
    begun: Any = {"Bucket": locked_bucket, "Key": PREFIX + "late.bin"}
    upload = store.s3.create_multipart_upload(**begun)["UploadId"]
    part = store.s3.upload_part(
        **begun, UploadId=upload, PartNumber=1, Body=b"late", ChecksumSHA256=checksum(b"late")
    )
    foreign: Any = {"Bucket": locked_bucket, "Key": f"team/other/{secrets.token_hex(4)}/x"}
    kept = store.s3.create_multipart_upload(**foreign)["UploadId"]
    assert (await seal(store, locked_bucket)).versions == 1
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    # NoSuchUpload where stores say it in S3's words; what counts is what is there then.
    with pytest.raises(store.s3.exceptions.ClientError):
        store.s3.complete_multipart_upload(**begun, UploadId=upload, MultipartUpload=parts)
    assert list_key(store.wire, locked_bucket, begun["Key"], Stop()) == []
    left = store.s3.list_multipart_uploads(Bucket=locked_bucket, Prefix=foreign["Key"])
    assert [each["UploadId"] for each in left["Uploads"]] == [kept]
