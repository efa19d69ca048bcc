"""`spec.encryption`: held by writes of the operator and of runs, or refused with the cause."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cluster.store.test_seals import PREFIX, seal
from glovebox.data.proofs import Outcome
from glovebox.errors import GloveboxError
from glovebox.store.buckets import DefaultRetention, ensure_bucket
from glovebox.store.credentials import issue_credentials
from glovebox.store.encryption import Encryption
from glovebox.store.probes import ENCRYPTION_CHECKS, prove_store
from glovebox.store.putting import checksum
from support.other_stores import KMS_KEY

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings
    from stores.expected import Expected
    from support.running_stores import OtherStore

RETENTION = DefaultRetention("COMPLIANCE", 1)


@pytest.fixture(params=[Encryption(), Encryption(KMS_KEY)], ids=lambda each: str(each.type))
def encrypted(request: pytest.FixtureRequest, stores: Stores, settings: StoreSettings) -> Store:
    """The store as `spec.encryption` of either type opens it."""
    return stores.open(replace(settings, encryption=request.param))


async def test_what_a_store_encrypts_is_seen_and_what_it_does_not_is_refused(
    encrypted: Store, running: OtherStore, expected: Expected
) -> None:
    wanted = encrypted.settings.encryption
    assert wanted is not None
    bucket = f"encrypted-{secrets.token_hex(4)}"
    making = {"create": True, "lock_required": True, "retention": RETENTION}
    if refusal := expected.encrypts.get(wanted.type):
        with pytest.raises(GloveboxError, match=refusal) as refused:
            await ensure_bucket(encrypted, bucket, **making)  # type: ignore[arg-type]
        assert "`spec.encryption`" in refused.value.message
        return
    assert await ensure_bucket(encrypted, bucket, **making)  # type: ignore[arg-type]
    for _ in range(2):  # the second time on what the first one left behind
        proofs = await prove_store(
            encrypted, bucket=bucket, role_arn=running.role, now=dt.datetime.now(dt.UTC)
        )
        assert [each for each in proofs if each.outcome is not Outcome.PASSED] == []
        assert {each.name for each in ENCRYPTION_CHECKS} <= {each.name for each in proofs}
    await _a_run_writes(encrypted, running, bucket)
    result = await seal(encrypted, bucket)
    assert (result.versions, result.findings) == (1, ())
    rows = encrypted.s3.list_object_versions(Bucket=bucket)["Versions"]
    plain = [
        row["Key"]
        for row in rows
        if not wanted.is_shown(
            encrypted.wire.head(bucket, row["Key"], {"versionId": row["VersionId"]})
        )
    ]
    assert plain == []


async def _a_run_writes(store: Store, running: OtherStore, bucket: str) -> None:
    """Write as a run does, whose SDK asks for no encryption."""
    keys = await issue_credentials(
        store, role_arn=running.role or "", bucket=bucket, prefix=PREFIX, session_name="run7"
    )
    run = store.without_encryption().with_credentials(keys.as_credentials())
    body = b"weights"
    run.s3.put_object(Bucket=bucket, Key=f"{PREFIX}model", Body=body, ChecksumSHA256=checksum(body))
    assert run.s3.get_object(Bucket=bucket, Key=f"{PREFIX}model")["Body"].read() == body
