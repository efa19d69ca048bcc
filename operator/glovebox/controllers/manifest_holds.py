"""Keeps manifests held for as long as somebody uses them, and a window longer.

A pin is put on record as a user of its manifest when it is made. Once a day, for each store, those
of this cluster that are gone are put on record as gone; a manifest that nobody has used for the
window, and that no Experiment here is bound to, is let go: its legal hold is taken off. It is never
deleted by us; what the bucket's default retention does to it holds on. The versions that it names,
where a pin had them held, are let go first (`store/letting_go.py`).

A cluster that was restored without its pins has every one of them missing: at most a tenth is
called gone in one round, and the window has to pass after that. Pins are held by their Experiments
(`in_use.py`), so a sealed Experiment keeps what it was bound to for as long as it is there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.in_use import count_in_words
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.controllers.unused_manifests import UnusedManifests
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, NAMESPACE, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.object_store import is_usable
from glovebox.status.text import format_time
from glovebox.store.connection import Stop, Store
from glovebox.store.manifest_holds import Users, add_user, note_gone, read_users

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
    user, words = await user_of(ports, metadata["uid"], metadata["namespace"], metadata["name"])
    await store.run(add_user, store, bucket, digest, user, words)


async def user_of(ports: Ports, uid: str, namespace: str, name: str) -> tuple[str, str]:
    """Return as whom a pin is on record in the store, and in words.

    Raises:
        GloveboxError: Which cluster this is could not be read.
    """
    return f"{await _cluster(ports)}.{uid}", f"{DATASET_PIN.kind} {namespace}/{name}"


def why_retained(users: Collection[Key], window_days: int, *, held: bool = False) -> str:
    """Return in words who keeps what a pin names from being let go, and until when. Pure.

    Args:
        users: Who uses the pin.
        window_days: For how long after the pin is gone.
        held: Whether its versions are held as well.
    """
    what = "its manifest is" if not held else "its manifest and the versions in it are"
    some = ", ".join(sorted(str(user) for user in users)[:3])
    used = f"used by {count_in_words(len(users))}, among them {some}; " if users else ""
    return (
        f"{used}{what} under a legal hold while the pin is there, and for {window_days} days after"
        " that"
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
            is_all = await _sweep(ports, store)
        except GloveboxError as error:
            note_refusal(ports, error)
            log.warning("holds could not be checked", store=store.name, error=error.message)
            ports.swept_holds[store.uid] = ports.clock() + _AGAIN_SECONDS
        else:
            # What is left is gone on with in the next round.
            wait = SWEEP_SECONDS if is_all else 0.0
            ports.swept_holds[store.uid] = ports.clock() + wait


async def _sweep(ports: Ports, store: ObjectStore) -> bool:
    """Let go what nobody uses any more; return whether all of that was done."""
    bucket, connection = store.spec.artifacts.bucket, await open_store(ports, store)
    cluster = await _cluster(ports)
    users = await connection.run_job(lambda stop: read_users(connection, bucket, stop))
    # After the store was listed: a pin is on record only once it is there.
    pins: dict[str, str] = {}
    async for page in ports.reader.pages(DATASET_PIN):
        for item in page.get("items") or ():
            manifest = (item.get("status") or {}).get("manifest") or {}
            pins[item["metadata"]["uid"]] = str(manifest.get("digest", ""))
    bound = await _bound_manifests(ports)
    now = ports.now()
    gone = users_gone(users, cluster, pins)
    unused = UnusedManifests(
        connection,
        bucket,
        store.spec.sts.role_arn if store.spec.sts is not None else "",
        frozenset(bound | set(pins.values())),
        now - timedelta(days=ports.settings.hold_window_days),
        format_time(now),
    )

    def job(stop: Stop) -> bool:
        for digest, user in gone:
            note_gone(connection, bucket, digest, user, format_time(now))
        return unused.let_go(users, stop)

    return await connection.run_job(job)


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
