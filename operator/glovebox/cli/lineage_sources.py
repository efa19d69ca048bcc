"""What `glovebox lineage` reads: objects of the cluster, and locked events of a store."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from glovebox.cli.experiments import KubeconfigCluster
from glovebox.store.connection import Stores, StoreSettings
from glovebox.store.lineage_records import list_lineage, read_lineage

if TYPE_CHECKING:
    from glovebox.store.connection import Stop

Json = dict[str, Any]


def read_cluster() -> tuple[list[Json], list[Json]]:
    """Return the Experiments and the pins of a cluster, with the rights of whoever calls.

    Raises:
        Unavailable: The API server does not answer, or refuses it.
    """
    cluster = KubeconfigCluster()
    return cluster.experiments(), cluster.pins()


def read_events(bucket: str) -> list[bytes]:
    """Return the locked events of a bucket, as every S3 tool finds its store.

    Raises:
        GloveboxError: The store does not answer, or denies it.
    """
    return asyncio.run(_read_events(bucket))


async def _read_events(bucket: str) -> list[bytes]:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    stores = Stores()
    try:
        store = stores.open(StoreSettings(endpoint or f"https://s3.{region}.amazonaws.com", region))

        def job(stop: Stop) -> list[bytes]:
            keys = list(list_lineage(store, bucket, stop))
            found = (read_lineage(store, bucket, key, stop) for key in keys)
            return [body for body in found if body is not None]

        return await store.run_job(job)
    finally:
        await stores.close()
