"""Stores for tests of what uses a store: real lock, real versions, real STS, on loopback only."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from glovebox.store.connection import Store, Stores, StoreSettings
from support.own_store import ADMIN, RunningStore, running_seaweed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="package")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    base = tmp_path_factory.mktemp("seaweed")
    with running_seaweed(base) as running:
        yield running


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    opened = Stores(threads=16)
    yield opened
    await opened.close()


@pytest.fixture
def settings(seaweed: RunningStore) -> StoreSettings:
    return StoreSettings(endpoint=seaweed.endpoint, credentials=ADMIN)


@pytest.fixture
def store(stores: Stores, settings: StoreSettings) -> Store:
    return stores.open(settings)


@pytest.fixture
def locked_bucket(store: Store) -> str:
    """A new bucket with lock, versioning and one day of COMPLIANCE for whatever is put there."""
    name = f"locked-{secrets.token_hex(4)}"
    store.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    store.s3.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    return name


@pytest.fixture
def data_bucket(store: Store) -> str:
    """A new versioned bucket without a lock: where datasets come from."""
    name = f"data-{secrets.token_hex(4)}"
    store.s3.create_bucket(Bucket=name)
    store.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name
