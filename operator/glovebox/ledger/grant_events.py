"""The events of an AccessGrant: granted, revoked, expired; what follows from its status. Pure.

As with Experiments (`events`), nothing is queued. Uses are told with the Experiments that took
them. A grant that is deleted and created again is told as granted once more, under its new UID.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.data.digest import is_digest
from glovebox.ledger.entry import Event, Kind, Subject

# Of the ids of these events; any UUID does, as long as it never changes.
_NAMESPACE: Final = UUID("7a1f0c52-92d1-5d0e-8f5b-3d6b1c9e4a07")
_ACTOR: Final = "system:operator"
_SUBJECT: Final = "AccessGrant"


def grant_events(obj: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return what the ledger has to tell of a grant, in the order in which it happened.

    Nothing of one whose content is not known: it let nobody in.

    Args:
        obj: As the API server holds it.
    """
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    if not is_digest(str(status.get("digest") or "")) or not status.get("contentRoot"):
        return ()
    created = str(obj["metadata"]["creationTimestamp"])
    expires = str(spec.get("expireTime") or "")
    details = {
        "contentRoot": str(status["contentRoot"]),
        "uses": str(spec.get("uses") or 1),
        "namespaces": str(len(spec.get("namespaces") or ())),
        "roles": "+".join(sorted(str(role) for role in spec.get("roles") or ())),
        "expireTime": expires.replace(" ", ""),
    }
    found = [_event(obj, Kind.GRANTED, created, details)]
    revoked = status.get("revokedTime") or obj["metadata"].get("deletionTimestamp")
    used = {"contentRoot": details["contentRoot"], "used": str(status.get("used") or 0)}
    if revoked:
        by = {"by": "revoked" if status.get("revokedTime") else "deleted"}
        found.append(_event(obj, Kind.GRANT_REVOKED, str(revoked), {**used, **by}))
    elif _is_expired(status):
        found.append(_event(obj, Kind.GRANT_EXPIRED, expires, used))
    return tuple(found)


def untold(obj: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return the events of which the status does not say where they stand in the ledger."""
    entries = ((obj.get("status") or {}).get("ledger") or {}).get("entries") or ()
    recorded = {str(entry.get("id")) for entry in entries}
    return tuple(event for event in grant_events(obj) if event.id not in recorded)


def _is_expired(status: Mapping[str, Any]) -> bool:
    return any(
        entry["type"] == types.READY and entry["reason"] == reasons.GRANT_EXPIRED
        for entry in status.get("conditions") or ()
    )


def _event(obj: Mapping[str, Any], kind: Kind, time: str, details: Mapping[str, str]) -> Event:
    uid = str(obj["metadata"]["uid"])
    return Event(
        id=str(uuid5(_NAMESPACE, f"{uid} {kind}")),
        kind=kind,
        time=datetime.fromisoformat(time),
        actor=_ACTOR,
        subject=Subject(_SUBJECT, uid, str(obj["status"]["digest"])),
        details=dict(details),
    )
