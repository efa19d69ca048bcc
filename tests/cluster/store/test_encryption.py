"""Encryption by the store: set, asked for, proven, and told of where a run asks for another."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cluster.store.test_seals import PREFIX, put, seal
from glovebox.data.proofs import Outcome
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.buckets import DefaultRetention, ensure_bucket, read_encryption
from glovebox.store.connection import Stop
from glovebox.store.encryption import Encryption
from glovebox.store.ledger_objects import LedgerPlace, write_once
from glovebox.store.pins import PrefixSource, build_pin
from glovebox.store.probes import prove_store
from glovebox.tasks.area import Beat, TaskArea
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.data.proofs import Proof
    from glovebox.store.connection import Store, Stores, StoreSettings

KEY = Encryption("team-key")
RETENTION = DefaultRetention("COMPLIANCE", 1)
SHOWS = "x-amz-server-side-encryption"
FAILED = Answered(500, b"<Error><Code>InternalError</Code></Error>")


@pytest.fixture
def encrypted(stores: Stores, settings: StoreSettings) -> Store:
    return stores.open(replace(settings, encryption=KEY))


async def new_bucket(store: Store, *, create: bool = True) -> str:
    bucket = f"encrypted-{secrets.token_hex(4)}"
    making = store if create else store.without_encryption()
    await ensure_bucket(making, bucket, create=True, lock_required=True, retention=RETENTION)
    return bucket


async def proven(store: Store, bucket: str) -> dict[str, Proof]:
    proofs = await prove_store(store, bucket=bucket, role_arn=ROLE, now=dt.datetime.now(dt.UTC))
    return {proof.name: proof for proof in proofs if proof.outcome is not Outcome.PASSED}


def unencrypted(store: Store, bucket: str, wanted: Encryption = KEY) -> list[str]:
    """Return the keys of what does not show the encryption that is wanted."""
    return [
        row["Key"]
        for row in store.s3.list_object_versions(Bucket=bucket).get("Versions", [])
        if not wanted.is_shown(store.wire.head(bucket, row["Key"], {"versionId": row["VersionId"]}))
    ]


async def test_a_bucket_that_the_operator_creates_encrypts_by_default(encrypted: Store) -> None:
    bucket = await new_bucket(encrypted)
    assert read_encryption(encrypted, bucket) == ("aws:kms", "team-key")
    assert await proven(encrypted, bucket) == {}
    assert unencrypted(encrypted, bucket) == []


async def test_everything_that_the_operator_and_its_tasks_write_asks_for_it(
    encrypted: Store,
) -> None:
    """The bucket itself encrypts nothing: what is encrypted was asked to be."""
    bucket = await new_bucket(encrypted, create=False)
    put(encrypted, bucket, "model")
    encrypted.without_encryption().s3.put_object(Bucket=bucket, Key="data/x", Body=b"x")
    await build_pin(
        encrypted,
        PrefixSource(bucket, "data/"),
        artifacts_bucket=bucket,
        lock=None,
    )
    await seal(encrypted, bucket)
    area = TaskArea(encrypted, bucket, "uid", "seal", locked=True)
    area.put_request("sha256:1", b"request")
    area.put_beat("job", Beat(1, None))
    area.put_result("job", b"result")
    write_once(
        LedgerPlace(encrypted, bucket, pause=lambda _: None), "acme/log", b"entry", None, Stop()
    )
    _in_parts(encrypted, bucket)
    keys = [row["Key"] for row in encrypted.s3.list_object_versions(Bucket=bucket)["Versions"]]
    assert len(keys) > 7
    assert unencrypted(encrypted, bucket) == ["data/x"]


def _in_parts(store: Store, bucket: str) -> None:
    upload: Any = {"Bucket": bucket, "Key": "in-parts"}
    upload["UploadId"] = store.s3.create_multipart_upload(**upload)["UploadId"]
    part = store.s3.upload_part(**upload, PartNumber=1, Body=b"part")
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    store.s3.complete_multipart_upload(**upload, MultipartUpload=parts)


async def test_a_bucket_without_the_default_is_refused_with_the_cure(encrypted: Store) -> None:
    bucket = await new_bucket(encrypted, create=False)
    found = await proven(encrypted, bucket)
    assert found.keys() == {"EncryptedByDefault", "SessionEncrypts"}
    message = found["EncryptedByDefault"].message
    assert "shows no encryption; the bucket's default is no encryption" in message
    assert f"Set the default encryption of bucket {bucket} to SSE-KMS with the key" in message


async def test_a_key_that_somebody_chose_for_the_bucket_is_not_replaced(
    stores: Stores, settings: StoreSettings, encrypted: Store
) -> None:
    bucket = await new_bucket(encrypted)
    other = stores.open(replace(settings, encryption=Encryption("other-key")))
    with pytest.raises(InvalidInput, match="encrypts by default as aws:kms with the key team-key"):
        await ensure_bucket(other, bucket, create=True, lock_required=True, retention=RETENTION)
    assert read_encryption(encrypted, bucket) == ("aws:kms", "team-key")
    assert (await proven(other, bucket))["EncryptedByDefault"].outcome is Outcome.FAILED


def takes_and_forgets(asked: Asked, liar: Liar) -> Answered | None:
    """Takes the request to encrypt, and stores the bytes as they are."""
    kept = [name for name in asked.headers if name.startswith(SHOWS)]
    return liar.as_admin(asked.without(*kept)) if asked.method == "PUT" and kept else None


def cannot(asked: Asked, _: Liar) -> Answered | None:
    """Has no KMS: a write that asks for one fails."""
    return FAILED if asked.method == "PUT" and SHOWS in asked.headers else None


@pytest.mark.parametrize(
    ("lie", "said"),
    [(takes_and_forgets, "shows no encryption"), (cannot, "500 InternalError")],
)
async def test_a_store_that_does_not_encrypt_is_refused_and_its_bucket_left_alone(
    stores: Stores,
    settings: StoreSettings,
    encrypted: Store,
    lie: Callable[[Asked, Liar], Answered | None],
    said: str,
) -> None:
    bucket = await new_bucket(encrypted, create=False)
    assert settings.credentials is not None
    with lying(settings.endpoint, settings.credentials, lie) as endpoint:
        liar = stores.open(replace(settings, endpoint=endpoint, encryption=KEY))
        with pytest.raises(GloveboxError, match=said) as refused:
            await ensure_bucket(liar, bucket, create=True, lock_required=True, retention=RETENTION)
        assert "`spec.encryption`" in refused.value.message
        found = await proven(liar, bucket)
    assert read_encryption(encrypted, bucket) == ("", "")
    assert found["EncryptedOnRequest"].outcome is Outcome.FAILED
    assert said in found["EncryptedOnRequest"].message
    assert "take `spec.encryption` out" in found["EncryptedOnRequest"].message


async def test_a_seal_says_what_a_run_encrypted_otherwise(encrypted: Store) -> None:
    bucket = await new_bucket(encrypted)
    run = encrypted.without_encryption()
    put(run, bucket, "as-the-bucket-does")
    for number in range(6):
        put(run, bucket, f"weak-{number}", ServerSideEncryption="AES256")
    put(run, bucket, "other", ServerSideEncryption="aws:kms", SSEKMSKeyId="other-key")
    findings = (await seal(encrypted, bucket)).findings
    wanted = "and `spec.encryption` of the ObjectStore says SSE-KMS with the key team-key"
    assert len(findings) == 6
    assert findings[-1] == "and 2 more versions that are encrypted otherwise"
    assert all(f"`{PREFIX}" in each and wanted in each for each in findings[:-1])
    told = " ".join(findings)
    assert "shows AES256, " in told or "with the key other-key" in told


async def test_a_seal_over_what_the_bucket_encrypted_says_nothing_of_it(encrypted: Store) -> None:
    bucket = await new_bucket(encrypted)
    put(encrypted.without_encryption(), bucket, "model")
    assert (await seal(encrypted, bucket)).findings == ()


async def test_without_spec_encryption_nothing_is_asked_or_said(store: Store) -> None:
    bucket = await new_bucket(store)
    put(store, bucket, "model")
    assert (await seal(store, bucket)).findings == ()
    assert await proven(store, bucket) == {}
