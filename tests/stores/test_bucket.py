"""The bucket of artifacts: made as it has to be, and refused with the cause where it is not."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from glovebox.errors import InvalidInput, Unavailable
from glovebox.store.buckets import DefaultRetention, default_retention, ensure_bucket

if TYPE_CHECKING:
    from glovebox.store.connection import Store

DAY = DefaultRetention("COMPLIANCE", 1)


async def test_a_bucket_is_made_with_lock_versions_and_default_retention_once(
    store: Store,
) -> None:
    name = f"made-{secrets.token_hex(4)}"
    assert await ensure_bucket(store, name, create=True, lock_required=True, retention=DAY)
    again = DefaultRetention("COMPLIANCE", 2)
    assert not await ensure_bucket(store, name, create=True, lock_required=True, retention=again)
    assert await default_retention(store, name) == DAY
    assert store.s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


async def test_a_bucket_whose_making_was_interrupted_is_completed(store: Store) -> None:
    name = f"half-{secrets.token_hex(4)}"
    store.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    assert not await ensure_bucket(store, name, create=True, lock_required=True, retention=DAY)
    assert await default_retention(store, name) == DAY


async def test_a_bucket_without_lock_is_refused_unless_best_effort_is_enough(
    store: Store, data_bucket: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await ensure_bucket(store, data_bucket, create=True, lock_required=True, retention=DAY)
    assert refused.value.reason == "LockRequired"
    assert not await ensure_bucket(
        store, data_bucket, create=True, lock_required=False, retention=DAY
    )
    assert await default_retention(store, data_bucket) is None


async def test_a_bucket_without_versions_is_refused(store: Store) -> None:
    name = f"plain-{secrets.token_hex(4)}"
    store.s3.create_bucket(Bucket=name)
    with pytest.raises(InvalidInput) as refused:
        await ensure_bucket(store, name, create=False, lock_required=False, retention=DAY)
    assert refused.value.reason == "VersioningRequired"


async def test_a_bucket_that_is_not_there_is_named_and_waited_for(store: Store) -> None:
    with pytest.raises(Unavailable) as missing:
        await ensure_bucket(store, "not-there", create=False, lock_required=True, retention=DAY)
    assert missing.value.reason == "BucketNotFound"
