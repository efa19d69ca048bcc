"""Finds what is left of Experiments that are gone without passing by their deletion.

It happens when somebody takes a finalizer off under break-glass, or deletes the CRD. A namespace
would stay open then, with credentials, and nobody would repair or seal it; a cluster-wide volume
would stay for ever. Live lists are compared, and what becomes of a namespace that is found is in
`orphan_namespace.py`.

A request of a process that died may come in late: after the Experiment was deleted, into a
namespace that stays, or after it was frozen or sealed. What it made there is found as well.

Namespaces and volumes are listed first and Experiments second, so that what is being created is
never taken for an orphan. When suddenly many seem to be orphans, a list is more likely to be wrong
than the cluster: the log and a metric say so, one is closed only when a second sweep agrees (and a
live read, as for any), and nothing of them is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.controllers.experiment.deliver import delete_volumes
from glovebox.controllers.ports import Ports
from glovebox.engine.key_queue import Priority
from glovebox.errors import Conflict
from glovebox.kube.kinds import (
    EXPERIMENT,
    NAMESPACE,
    PERSISTENT_VOLUME,
    ROLE_BINDING,
    SECRET,
    Kind,
)
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key

log = structlog.get_logger(__name__)
# More than this many, and more than this share of all, are more likely to be a wrong list.
MOST: Final = 5
MOST_SHARE: Final = 0.05
# After this long a second sweep is made where the first one is not believed.
DOUBT_SECONDS: Final = 30.0
# Secrets of ours in experiments that no watch follows.
_UNWATCHED: Final = (
    names.INPUTS_CREDENTIALS_SECRET,
    names.PULL_SECRET,
    names.STAGE_SECRETS,
)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A namespace that was made for an Experiment; whether that is still there is not said.

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
        """Return a namespace that was made for an Experiment and is not going; None for others."""
        metadata = namespace["metadata"]
        labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
        uid = labels.get(names.LABEL_EXPERIMENT_UID, "")
        if not uid or metadata.get("deletionTimestamp"):
            return None
        return cls(namespace, notes.get(names.ANNOTATION_EXPERIMENT, ""), uid)

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
    def created(self) -> datetime:
        """When the API server says that the namespace was created."""
        return datetime.fromisoformat(self.namespace["metadata"]["creationTimestamp"])

    @property
    def is_retained(self) -> bool:
        """Whether the platform team may delete it."""
        labels = self.namespace["metadata"].get("labels") or {}
        return bool(labels.get(names.LABEL_STATE) == names.STATE_RETAINED)

    @property
    def is_let_go(self) -> bool:
        """Whether nothing is left to do for it: retained, and its results wait for no seal."""
        return self.is_retained and not self.annotation(names.ANNOTATION_ORPHANED_TIME)

    @property
    def is_doubted(self) -> bool:
        """Whether it was lost with so many others that nothing of it is deleted."""
        return bool(self.annotation(names.ANNOTATION_DOUBTED))

    @property
    def about(self) -> dict[str, Any]:
        """The namespace, as Events name what they are about."""
        return {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind, **self.namespace}

    @property
    def keeps_access(self) -> bool:
        """Whether the deletion policy leaves it to the team."""
        return self.annotation(names.ANNOTATION_DELETION_POLICY) == "Retain"

    def annotation(self, name: str) -> str:
        """Return an annotation of the namespace, or an empty text."""
        return str((self.namespace["metadata"].get("annotations") or {}).get(name, ""))


def find_orphans(namespaces: list[Mapping[str, Any]], owner_uids: set[str]) -> tuple[Orphan, ...]:
    """Return the namespaces of ours that nobody let go and whose Experiment is not there. Pure."""
    return tuple(one for one in _without_owner(namespaces, owner_uids) if not one.is_let_go)


def find_let_go(namespaces: list[Mapping[str, Any]], owner_uids: set[str]) -> tuple[Orphan, ...]:
    """Return the namespaces that stayed behind when their Experiments went. Pure."""
    return tuple(one for one in _without_owner(namespaces, owner_uids) if one.is_let_go)


def _without_owner(namespaces: list[Mapping[str, Any]], owner_uids: set[str]) -> Iterator[Orphan]:
    candidates = (Orphan.of(namespace) for namespace in namespaces)
    return (one for one in candidates if one is not None and one.owner_uid not in owner_uids)


def is_in_doubt(ports: Ports, orphan: Orphan) -> bool:
    """Whether so many were lost, now or when it was closed, that it may be wanted back."""
    return bool(ports.doubted_orphans) or orphan.is_doubted


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
    closed: dict[str, Key] = {}
    async for page in ports.reader.pages(EXPERIMENT):
        for item in page.get("items") or ():
            owners.add(item["metadata"]["uid"])
            if _is_closed(item):
                closed[item["status"]["namespace"]] = Key.of(item)
    let_go = find_let_go(namespaces, owners)
    sessions = await _unwatched_secrets(ports) if let_go or closed else ()
    for opened in _opened_again(ports, let_go, {each["namespace"] for each in sessions}):
        ports.wake(opened.key, Priority.REPAIR)
    for session in sessions:
        if (owner := closed.get(session["namespace"])) is not None:
            await _take_late_session(ports, owner, session)
    orphans = find_orphans(namespaces, owners)
    ports.metrics.orphans.set(len(orphans))
    # Those that were let go already were lost with the others.
    doubted = [one for one in let_go if one.is_doubted]
    if orphans and are_too_many(len(orphans) + len(doubted), len(namespaces)):
        return _doubt(ports, orphans, len(namespaces))
    ports.doubted_orphans = frozenset()
    for orphan in orphans:
        ports.wake(orphan.key, Priority.REPAIR)
    uids = {volume["metadata"]["labels"].get(names.LABEL_EXPERIMENT_UID, "") for volume in volumes}
    # Those of an orphan go with it, and those of one that is doubted stay with it.
    kept = {orphan.owner_uid for orphan in (*orphans, *doubted)}
    for uid in sorted(uids - owners - kept - {""}):
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


async def _unwatched_secrets(ports: Ports) -> tuple[Mapping[str, Any], ...]:
    """Return the metadata of all Secrets of ours in experiments that no watch follows."""
    return tuple(
        [
            item["metadata"]
            for name in _UNWATCHED
            async for page in ports.reader.pages(SECRET, field_selector=f"metadata.name={name}")
            for item in page.get("items") or ()
        ]
    )


def _is_closed(obj: Mapping[str, Any] | None) -> bool:
    """Whether an Experiment is recorded as closed, and is not to be opened again."""
    status, spec = ((obj or {}).get(part) or {} for part in ("status", "spec"))
    if status.get("state") == names.STATE_SEALED:
        return bool(status.get("namespace"))
    is_frozen = status.get("state") == names.STATE_FROZEN
    desired = (spec.get("lifecycle") or {}).get("desired")
    stays = desired == names.STATE_FROZEN or bool(status.get("brokenInputs"))
    return bool(status.get("namespace")) and is_frozen and stays


async def _take_late_session(ports: Ports, owner: Key, metadata: Mapping[str, Any]) -> None:
    """Take away a session that came in after its namespace was closed.

    Its owner is looked at afterwards: somebody may open it at this moment, and it is issued again.
    """
    if not _is_closed(ports.resources.get(owner)):
        return
    log.warning("taking away a session that came in late", namespace=metadata["namespace"])
    key = ObjectKey(SECRET.kind, metadata["namespace"], metadata["name"])
    with suppress(Conflict):  # gone
        await ports.writer.delete(SECRET, key, uid=metadata["uid"])
    ports.wake(owner, Priority.REPAIR)


def _opened_again(ports: Ports, let_go: tuple[Orphan, ...], late: set[str]) -> list[Orphan]:
    """Return the namespaces with access or credentials that came in after they were let go."""
    return [one for one in let_go if one.name in late or _is_known_open(ports, one)]


def _is_known_open(ports: Ports, orphan: Orphan) -> bool:
    secret = ObjectKey(SECRET.kind, orphan.name, names.CREDENTIALS_SECRET)
    binding = ObjectKey(ROLE_BINDING.kind, orphan.name, names.TENANT_ROLE_BINDING)
    keys = (secret,) if orphan.keeps_access else (secret, binding)
    return any(ports.children.get(key) is not None for key in keys)


async def _ours(ports: Ports, kind: Kind) -> list[Mapping[str, Any]]:
    """Return the objects of a cluster-wide kind that the operator made."""
    found: list[Mapping[str, Any]] = []
    async for page in ports.reader.pages(kind, label_selector=names.MANAGED_SELECTOR):
        found += page.get("items") or ()
    return found
