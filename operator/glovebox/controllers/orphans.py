"""Namespaces of ours whose Experiment is gone: found by comparing live lists, closed, and reported.

It happens when somebody takes a finalizer off under break-glass, or deletes the CRD. Such a
namespace would stay open, with credentials, and nobody would repair or seal it. Closing takes away
what opens it (pods, access, credentials) and nothing else; the platform team may delete it from
then on.

What is refused keeps nothing else from being taken; an Event says what is left, and the next sweep
tries again.

An orphan whose Experiment is being looked at is left alone: that look may go on to open what was
closed just now. Another sweep follows a moment later, until no look is in the way: the look may be
at another Experiment of the same name, after which nothing would call for a sweep.

Namespaces are listed first and Experiments second, so that a namespace which is being created is
never taken for an orphan. When suddenly many seem to be orphans, a list is more likely to be wrong
than the cluster: nothing is closed then, and the log and a metric say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment.freeze import close_namespace
from glovebox.controllers.ports import Ports
from glovebox.errors import Conflict, Fenced, GloveboxError
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE
from glovebox.kube.resources import Key

log = structlog.get_logger(__name__)
# More than this many, and more than this share of all, are no orphans but a wrong list.
MOST: Final = 5
MOST_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Orphan:
    """A namespace without its Experiment.

    Attributes:
        namespace: As it was listed.
        owner: `namespace/name` of the Experiment, as its annotation says.
        owner_uid: The Experiment's UID.
    """

    namespace: Mapping[str, Any]
    owner: str
    owner_uid: str

    @property
    def key(self) -> Key:
        """The Experiment, which is worked on by this key."""
        team, _, name = self.owner.partition("/")
        return Key(EXPERIMENT.kind, team, name)

    @property
    def name(self) -> str:
        """The name of the namespace."""
        return str(self.namespace["metadata"]["name"])


def find_orphans(namespaces: list[Mapping[str, Any]], owner_uids: set[str]) -> tuple[Orphan, ...]:
    """Return the namespaces of ours that are open for an Experiment that is not there. Pure."""
    found = []
    for namespace in namespaces:
        metadata = namespace["metadata"]
        labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
        uid = labels.get(names.LABEL_EXPERIMENT_UID, "")
        let_go = labels.get(names.LABEL_STATE) == names.STATE_RETAINED
        if not uid or uid in owner_uids or let_go or metadata.get("deletionTimestamp"):
            continue
        found.append(Orphan(namespace, notes.get(names.ANNOTATION_EXPERIMENT, ""), uid))
    return tuple(found)


def are_too_many(orphans: int, namespaces: int) -> bool:
    """Return whether so many orphans are more likely to be a wrong list."""
    return orphans > MOST and orphans > namespaces * MOST_SHARE


async def sweep_orphans(ports: Ports) -> None:
    """Close every namespace of ours whose Experiment is gone.

    Raises:
        GloveboxError: A list failed; nothing was closed on half of the truth.
    """
    managed = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    namespaces: list[Mapping[str, Any]] = []
    async for page in ports.reader.pages(NAMESPACE, label_selector=managed):
        namespaces += page.get("items") or ()
    owners: set[str] = set()
    async for page in ports.reader.pages(EXPERIMENT):
        owners |= {item["metadata"]["uid"] for item in page.get("items") or ()}
    orphans = find_orphans(namespaces, owners)
    ports.metrics.orphans.set(len(orphans))
    if are_too_many(len(orphans), len(namespaces)):
        log.error(
            "so many namespaces seem to have lost their Experiments that none is closed: look for"
            " a restored database or a removed CRD",
            orphans=len(orphans),
            namespaces=len(namespaces),
        )
        return
    for orphan in orphans:
        try:
            if not await _close(ports, orphan):
                ports.suspect_orphans()
        except GloveboxError as error:
            _report_open(ports, orphan, error)


async def _close(ports: Ports, orphan: Orphan) -> bool:
    """Close an orphan; return False where a look is in the way."""
    if ports.is_worked_on(orphan.key):
        return False
    if not await _is_gone(ports, orphan):
        return True
    name = orphan.name
    live = await ports.reader.get(NAMESPACE, None, name)
    if live["metadata"]["uid"] != orphan.namespace["metadata"]["uid"]:
        return True
    # Retained says that all is done: a namespace that bears it is not looked at again.
    await close_namespace(ports, live, names.STATE_SEALED)
    closed = await ports.reader.get(NAMESPACE, None, name)
    if ports.is_worked_on(orphan.key):
        return False  # by a look that has not heard of the deletion, and may open it again
    await ports.writer.set_state_label(closed, names.STATE_RETAINED)
    ports.writer.forget(name)
    ports.metrics.orphans_closed.inc()
    message = (
        f"its Experiment `{orphan.owner}` is gone, although its finalizer was to hold it: the"
        " namespace was closed; what it wrote stays in the store, unsealed; delete the namespace"
    )
    log.warning("closed an orphan", namespace=name, owner=orphan.owner, owner_uid=orphan.owner_uid)
    about = {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind, **live}
    ports.events.warning(about, reasons.ORPHAN_FOUND, message, action="Close")
    return True


def _report_open(ports: Ports, orphan: Orphan, error: GloveboxError) -> None:
    """Report an orphan of which something is left that opens it."""
    log.warning("an orphan could not be closed yet", namespace=orphan.name, error=error.message)
    if isinstance(error, Conflict | Fenced):
        return  # closed a moment later, or by the replica that leads
    message = (
        f"its Experiment `{orphan.owner}` is gone, and the namespace could not be closed yet:"
        f" {error.message}; it is tried again, or delete the namespace"
    )
    about = {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind, **orphan.namespace}
    ports.events.warning(about, reasons.ORPHAN_FOUND, message, action="Close")


async def _is_gone(ports: Ports, orphan: Orphan) -> bool:
    """Ask once more, by name: only a definite answer counts."""
    if not orphan.key.name:
        return True
    try:
        live = await ports.reader.get(EXPERIMENT, orphan.key.namespace, orphan.key.name)
    except NotFound:
        return True
    return bool(live["metadata"]["uid"] != orphan.owner_uid)
