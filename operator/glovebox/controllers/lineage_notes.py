"""Notes of events that are still to be delivered: ConfigMaps in the operator's own namespace.

    event locked in the store -> one note for each destination -> delivered -> the note goes

They are written before the status says that the event is written, and taken away when the
destination has it, by UID. So a process that dies anywhere in between delivers an event twice at
worst, with the same bytes; and an Experiment may go while its events wait. A note holds no event:
only where it lies, and its digest.

What a destination will never take becomes another ConfigMap, `glovebox-undelivered-...`, for a
person to look at. Whoever labels it as one that waits has its event sent again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.data.digest import is_digest
from glovebox.errors import Conflict
from glovebox.kube.kinds import CONFIG_MAP
from glovebox.kube.objects import ObjectKey
from glovebox.lineage.delivery_queue import PendingEvent
from glovebox.status.text import format_time
from glovebox.store.lineage_records import is_lineage_key

# So many of what was given up are kept to be looked at; the store has the events in any case.
UNDELIVERED_MOST: Final = 200
_FIELDS: Final = (
    "destination",
    "team",
    "experiment",
    "uid",
    "type",
    "time",
    "store",
    "bucket",
    "key",
    "digest",
)


async def leave_notes(ports: Ports, about: Mapping[str, str]) -> None:
    """Note for each destination that an event is to be delivered.

    Args:
        ports: The outside world.
        about: Everything of an event but its destination.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    for destination in ports.settings.lineage.destinations:
        data = {**about, "destination": destination.name}
        name = names.lineage_note(names.LINEAGE_PREFIX, about["digest"], destination.name)
        note = await ports.writer.create_once(
            CONFIG_MAP, _config_map(ports, name, names.LINEAGE_WAITING, data)
        )
        ports.lineage_noted(note)


def pending_of(note: Mapping[str, Any]) -> PendingEvent:
    """Return the event that a note is of.

    Raises:
        ValueError: It is no such note, or names something that is no event of lineage.
    """
    metadata, data = note["metadata"], note.get("data") or {}
    missing = [field for field in _FIELDS if not data.get(field)]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    if not is_digest(data["digest"]) or not is_lineage_key(data["key"], data["digest"]):
        raise ValueError(f"{data['key']} is the key of no event")
    return PendingEvent(
        name=metadata["name"],
        note_uid=metadata["uid"],
        noted=datetime.fromisoformat(metadata["creationTimestamp"]).timestamp(),
        **{field: str(data[field]) for field in _FIELDS},
    )


async def read_notes(ports: Ports) -> list[dict[str, Any]]:
    """Return the notes that there are.

    Raises:
        GloveboxError: The API server failed.
    """
    selector = f"{names.LABEL_LINEAGE}={names.LINEAGE_WAITING}"
    return [note async for note in _listed(ports, selector)]


async def take_away(ports: Ports, event: PendingEvent) -> None:
    """Take a note away.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    key = ObjectKey(CONFIG_MAP.kind, ports.settings.namespace, event.name)
    with suppress(Conflict):  # written again meanwhile: the next listing finds it
        await ports.writer.delete(CONFIG_MAP, key, uid=event.note_uid)


async def leave_undelivered(ports: Ports, event: PendingEvent, why: str) -> None:
    """Keep to be looked at what was given up, unless there is much of that already.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    selector = f"{names.LABEL_LINEAGE}={names.LINEAGE_UNDELIVERED}"
    kept = 0
    async for _ in _listed(ports, selector):
        kept += 1
    if kept >= UNDELIVERED_MOST:
        return
    data = {field: str(getattr(event, field)) for field in _FIELDS}
    data |= {"why": why, "givenUp": format_time(ports.now())}
    name = names.lineage_note(names.UNDELIVERED_PREFIX, event.digest, event.destination)
    await ports.writer.create_once(
        CONFIG_MAP, _config_map(ports, name, names.LINEAGE_UNDELIVERED, data)
    )


def _config_map(ports: Ports, name: str, label: str, data: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "name": name,
            "namespace": ports.settings.namespace,
            "labels": {names.LABEL_LINEAGE: label},
        },
        "data": dict(data),
    }


async def _listed(ports: Ports, selector: str) -> AsyncIterator[dict[str, Any]]:
    async for page in ports.reader.pages(
        CONFIG_MAP, namespace=ports.settings.namespace, label_selector=selector
    ):
        for note in page.get("items") or ():
            yield note
