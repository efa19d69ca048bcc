"""The events of the keys of seals: what the ledger has to tell of them, from their list. Pure.

As with Experiments (`events`), nothing is queued. The list of published keys says which key took
over and which was replaced, and when; the condition `KeyPublished` of an ObjectStore, as it is
recorded, says that the key is lost, and since when. An id is made of the key's id and of what
became of it, so every attempt and every replica makes the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.evidence.keys import TrustBundle, TrustedKey
from glovebox.evidence.rotation import replaced_at, took_over_at
from glovebox.ledger.entry import Entry, Event, Kind, Subject, time_text

# Of the ids of these events; any UUID does, as long as it never changes.
_NAMESPACE: Final = UUID("0d5f6e0e-6a0e-5b0c-8a64-1f6a0b7f2c11")
_ACTOR: Final = "system:operator"
_SUBJECT: Final = "SigningKey"
_RETIRED: Final = "retired"
# So many keys are told of at most, the newest: what is recorded of them has to fit into a status.
_MOST_KEYS: Final = 48


def key_events(keys: TrustBundle, store_uid: str, status: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return what the ledger has to tell of the keys of seals, in the order in which it happened.

    A key without the time from which it counts was not published by the operator, which always
    writes one; of such a key nothing is told.

    Args:
        keys: As they are published.
        store_uid: Of the ObjectStore in whose ledger they are told.
        status: Of the ObjectStore, as the API server holds it.
    """
    known = sorted(
        (key for key in keys.keys if key.valid_from is not None),
        key=lambda key: (key.valid_from, key.key_id),
    )[-_MOST_KEYS:]
    found: list[Event] = []
    for key in known:
        found.append(taken_over(key))
        replaced = replaced_at(key)
        if replaced is not None and key.valid_until is not None:
            until = time_text(key.valid_until)
            found.append(_event(key.key_id, _RETIRED, replaced, validUntil=until))
    lost = _lost(keys, store_uid, status)
    # What was replaced goes before what took its place at the same moment.
    found.sort(key=lambda event: (event.time, event.details["change"] != _RETIRED))
    return (*found, lost) if lost is not None else tuple(found)


def taken_over(key: TrustedKey) -> Event:
    """Return the event that a key was published and signs from then on."""
    return _event(key.key_id, "current", took_over_at(key))


def retired_key(entry: Entry) -> tuple[str, datetime] | None:
    """Return the id of a key that an entry tells to be replaced, and until when it counts."""
    details = entry.details
    if entry.kind != Kind.KEY_CHANGED or details.get("change") != _RETIRED:
        return None
    try:
        until = datetime.fromisoformat(str(details["validUntil"]))
    except (KeyError, ValueError):
        return None
    return (str(details.get("keyId", "")), until) if until.tzinfo is not None else None


def _lost(keys: TrustBundle, store_uid: str, status: Mapping[str, Any]) -> Event | None:
    for entry in status.get("conditions") or ():
        if entry["type"] == types.KEY_PUBLISHED and entry["reason"] == reasons.SIGNING_KEY_LOST:
            current = next((key.key_id for key in keys.keys if key.valid_until is None), "")
            since = str(entry["lastTransitionTime"])
            event = _event(current, "lost", datetime.fromisoformat(since))
            # Not of the key's id: the list may be lost as well, and come back.
            return replace(event, id=str(uuid5(_NAMESPACE, f"{store_uid} lost {since}")))
    return None


def _event(key_id: str, change: str, time: datetime, **details: str) -> Event:
    return Event(
        id=str(uuid5(_NAMESPACE, f"{key_id} {change}")),
        kind=Kind.KEY_CHANGED,
        time=time,
        actor=_ACTOR,
        subject=Subject(_SUBJECT, digest=DIGEST_PREFIX + key_id if key_id else ""),
        details={"change": change, **({"keyId": key_id} if key_id else {}), **details},
    )
