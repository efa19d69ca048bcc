"""Keeps manifests held for as long as somebody uses them, and a window longer.

A pin is put on record as a user of its manifest when it is made. Once a day, for each store, those
of this cluster that are gone are put on record as gone; a manifest that nobody has used for the
window, and that no Experiment here is bound to, is let go: its legal hold is taken off. It is never
deleted by us; what the bucket's default retention does to it holds on.

A cluster that was restored without its pins has every one of them missing: at most a tenth is
called gone in one round, and the window has to pass after that. Pins are held by their Experiments
(`in_use.py`), so a sealed Experiment keeps what it was bound to for as long as it is there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.in_use import count_in_words
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, NAMESPACE, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.object_store import is_usable
from glovebox.status.text import format_time
from glovebox.store.connection import Stop, Store
from glovebox.store.manifest_holds import (
    Users,
    add_user,
    note_gone,
    read_users,
    release,
    unused_since,
)

log = structlog.get_logger(__name__)
SWEEP_SECONDS: Final = 86400.0
_AGAIN_SECONDS: Final = 3600.0
# More than this share of all users of a cluster is not called gone in one round, but for one.
GONE_SHARE: Final = 0.1
# The namespace whose UID tells clusters apart that share a bucket.
_CLUSTER_NAMESPACE: Final = "kube-system"


async def hold(
    ports: Ports, store: Store, bucket: str, pin: Mapping[str, Any], digest: str
) -> None:
    """Put a pin on record as a user of its manifest.

    Raises:
        GloveboxError: The store or the API server failed; calling again is safe.
    """
    metadata = pin["metadata"]
    user = f"{await _cluster(ports)}.{metadata['uid']}"
    words = f"{DATASET_PIN.kind} {metadata['namespace']}/{metadata['name']}"
    await store.run(add_user, store, bucket, digest, user, words)


def why_retained(users: Collection[Key], window_days: int) -> str:
    """Return in words who keeps the manifest of a pin from being let go, and until when. Pure."""
    some = ", ".join(sorted(str(user) for user in users)[:3])
    used = f"used by {count_in_words(len(users))}, among them {some}; " if users else ""
    return (
        f"{used}its manifest is under a legal hold while the pin is there, and for"
        f" {window_days} days after that"
    )


async def sweep_holds(ports: Ports) -> None:
    """Look once a day, for each store that is Ready, whose manifests nobody uses any more."""
    for obj in ports.resources.of_kind(OBJECT_STORE):
        try:
            store = ObjectStore.model_validate(obj)
        except ValidationError:
            continue
        is_due = ports.clock() >= ports.swept_holds.get(store.uid, 0.0)
        if not is_due or not is_usable(store):
            continue
        try:
            await _sweep(ports, store)
        except GloveboxError as error:
            note_refusal(ports, error)
            log.warning("holds could not be looked at", store=store.name, error=error.message)
            ports.swept_holds[store.uid] = ports.clock() + _AGAIN_SECONDS
        else:
            ports.swept_holds[store.uid] = ports.clock() + SWEEP_SECONDS


async def _sweep(ports: Ports, store: ObjectStore) -> None:
    bucket, connection = store.spec.artifacts.bucket, await open_store(ports, store)
    cluster = await _cluster(ports)
    users = await connection.run_job(lambda stop: read_users(connection, bucket, stop))
    # After the store was listed: a pin is on record only once it is there.
    pins: set[str] = set()
    async for page in ports.reader.pages(DATASET_PIN):
        pins |= {item["metadata"]["uid"] for item in page.get("items") or ()}
    bound = await _bound_manifests(ports)
    now = ports.now()
    gone = users_gone(users, cluster, pins)
    before = now - timedelta(days=ports.settings.hold_window_days)

    def job(stop: Stop) -> list[str]:
        for digest, user in gone:
            note_gone(connection, bucket, digest, user, format_time(now))
        return [
            digest
            for digest, each in users.items()
            if each.is_unused
            and digest not in bound
            and _is_over(unused_since(connection, bucket, digest, each, stop), before)
            and release(connection, bucket, digest, stop)
        ]

    for digest in await connection.run_job(job):
        log.info("took the legal hold off a manifest that nobody uses", manifest=digest)


def users_gone(
    users: Mapping[str, Users], cluster: str, pins: Collection[str]
) -> list[tuple[str, str]]:
    """Return manifest and user of pins of this cluster that are gone, but not too many. Pure."""
    own = [
        (digest, user)
        for digest, each in sorted(users.items())
        for user in sorted(each.here - each.gone)
        if user.startswith(f"{cluster}.")
    ]
    gone = [(digest, user) for digest, user in own if user.partition(".")[2] not in pins]
    return gone[: max(1, math.ceil(len(own) * GONE_SHARE))]


async def _bound_manifests(ports: Ports) -> set[str]:
    """Return the manifests that Experiments are bound to, by a list that bypasses every cache."""
    bound: set[str] = set()
    async for page in ports.reader.pages(EXPERIMENT):
        for item in page.get("items") or ():
            for entry in (item.get("status") or {}).get("inputs") or ():
                bound.add(str((entry.get("manifest") or {}).get("digest", "")))
    return bound


async def _cluster(ports: Ports) -> str:
    if not ports.cluster_uid:
        live = await ports.reader.get(NAMESPACE, None, _CLUSTER_NAMESPACE)
        ports.cluster_uid = str(live["metadata"]["uid"])
    return ports.cluster_uid


def _is_over(since: str, before: datetime) -> bool:
    return since != "" and datetime.fromisoformat(since) <= before
