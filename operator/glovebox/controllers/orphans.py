"""Finds what is left of Experiments that are gone without passing by their deletion.

It happens when somebody takes a finalizer off under break-glass, or deletes the CRD. A namespace
would stay open then, with credentials, and nobody would repair or seal it; a cluster-wide volume
would stay for ever. Live lists are compared, and what becomes of a namespace that is found is in
`orphan_namespace.py`.

Namespaces and volumes are listed first and Experiments second, so that what is being created is
never taken for an orphan. When suddenly many seem to be orphans, a list is more likely to be wrong
than the cluster: the log and a metric say so, one is closed only when a second sweep agrees (and a
live read, as for any), and nothing of them is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.controllers.experiment.deliver import delete_volumes
from glovebox.controllers.ports import Ports
from glovebox.engine.key_queue import Priority
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, PERSISTENT_VOLUME, Kind
from glovebox.kube.resources import Key

log = structlog.get_logger(__name__)
# More than this many, and more than this share of all, are more likely to be a wrong list.
MOST: Final = 5
MOST_SHARE: Final = 0.05
# After this long a second sweep is made where the first one is not believed.
DOUBT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Orphan:
    """A namespace of ours that nobody let go; whether its Experiment is there is not said.

    Attributes:
        namespace: As it was read.
        owner: `namespace/name` of the Experiment, as its annotation says.
        owner_uid: The Experiment's UID.
    """

    namespace: Mapping[str, Any]
    owner: str
    owner_uid: str

    @classmethod
    def of(cls, namespace: Mapping[str, Any]) -> Orphan | None:
        """Return a namespace that would be an orphan without its Experiment; None for all others.

        Retained says that it was let go, unless its results still wait for their seal.
        """
        metadata = namespace["metadata"]
        labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
        uid = labels.get(names.LABEL_EXPERIMENT_UID, "")
        found = cls(namespace, notes.get(names.ANNOTATION_EXPERIMENT, ""), uid)
        let_go = found.is_retained and names.ANNOTATION_ORPHANED_TIME not in notes
        return None if not uid or let_go or metadata.get("deletionTimestamp") else found

    @property
    def owner_key(self) -> Key:
        """The Experiment, which is worked on by this key."""
        team, _, name = self.owner.partition("/")
        return Key(EXPERIMENT.kind, team, name)

    @property
    def key(self) -> Key:
        """The key by which the namespace itself is worked on."""
        return Key(NAMESPACE.kind, "", self.name)

    @property
    def name(self) -> str:
        """The name of the namespace."""
        return str(self.namespace["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The UID of the namespace."""
        return str(self.namespace["metadata"]["uid"])

    @property
    def is_retained(self) -> bool:
        """Whether the platform team may delete it."""
        labels = self.namespace["metadata"].get("labels") or {}
        return bool(labels.get(names.LABEL_STATE) == names.STATE_RETAINED)

    def annotation(self, name: str) -> str:
        """Return an annotation of the namespace, or an empty text."""
        return str((self.namespace["metadata"].get("annotations") or {}).get(name, ""))


def find_orphans(namespaces: list[Mapping[str, Any]], owner_uids: set[str]) -> tuple[Orphan, ...]:
    """Return the namespaces of ours that nobody let go and whose Experiment is not there. Pure."""
    candidates = (Orphan.of(namespace) for namespace in namespaces)
    return tuple(one for one in candidates if one is not None and one.owner_uid not in owner_uids)


def are_too_many(orphans: int, namespaces: int) -> bool:
    """Return whether so many orphans are more likely to be a wrong list."""
    return orphans > MOST and orphans > namespaces * MOST_SHARE


async def sweep_orphans(ports: Ports) -> float | None:
    """Have every namespace closed, and remove every volume, whose Experiment is gone.

    Returns:
        After how many seconds another sweep is wanted, because this one is not believed alone.

    Raises:
        GloveboxError: A list failed; nothing was closed on half of the truth.
    """
    namespaces = await _ours(ports, NAMESPACE)
    volumes = await _ours(ports, PERSISTENT_VOLUME)
    owners: set[str] = set()
    async for page in ports.reader.pages(EXPERIMENT):
        owners |= {item["metadata"]["uid"] for item in page.get("items") or ()}
    orphans = find_orphans(namespaces, owners)
    ports.metrics.orphans.set(len(orphans))
    if are_too_many(len(orphans), len(namespaces)):
        return _doubt(ports, orphans, len(namespaces))
    ports.doubted_orphans = frozenset()
    for orphan in orphans:
        ports.wake(orphan.key, Priority.REPAIR)
    uids = {volume["metadata"]["labels"].get(names.LABEL_EXPERIMENT_UID, "") for volume in volumes}
    # Those of an orphan go with it.
    for uid in sorted(uids - owners - {"", *(orphan.owner_uid for orphan in orphans)}):
        log.warning("removing volumes whose Experiment is gone", owner_uid=uid)
        await delete_volumes(ports, uid)
    return None


def _doubt(ports: Ports, orphans: tuple[Orphan, ...], namespaces: int) -> float | None:
    """Have those closed that the sweep before named as well; return when to sweep again."""
    before, now = ports.doubted_orphans, frozenset(orphan.uid for orphan in orphans)
    ports.doubted_orphans = now
    for orphan in orphans:
        if orphan.uid in before:
            ports.wake(orphan.key, Priority.REPAIR)
    log.error(
        "many namespaces seem to have lost their Experiments: each is closed once a second sweep"
        " and a read of its Experiment agree, and none is deleted; look for a restored database or"
        " a removed CRD",
        orphans=len(orphans),
        namespaces=namespaces,
        confirmed=len(now & before),
    )
    return None if now <= before else DOUBT_SECONDS


async def _ours(ports: Ports, kind: Kind) -> list[Mapping[str, Any]]:
    """Return the objects of a cluster-wide kind that the operator made."""
    found: list[Mapping[str, Any]] = []
    selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    async for page in ports.reader.pages(kind, label_selector=selector):
        found += page.get("items") or ()
    return found
