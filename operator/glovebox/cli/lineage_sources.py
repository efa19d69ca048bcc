"""What `glovebox lineage` reads: objects of the cluster, and locked events of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glovebox.cli.experiments import KubeconfigCluster
from glovebox.jobs.in_store import in_store
from glovebox.store.lineage_records import list_lineage, read_lineage

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

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

    def job(store: Store, stop: Stop) -> list[bytes]:
        keys = list(list_lineage(store, bucket, stop))
        found = (read_lineage(store, bucket, key, stop) for key in keys)
        return [body for body in found if body is not None]

    return in_store(job)
