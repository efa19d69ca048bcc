"""Writes the events of one Experiment into its ledger, and reads what an entry vouches for. Blocks.

Calling it again is safe at any moment: each event has an id, and the writer writes an id once.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from glovebox.errors import GloveboxError
from glovebox.ledger.entry import Event, time_text
from glovebox.ledger.events import with_statement
from glovebox.store.ledger_objects import LedgerPlace, hash_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from glovebox.store.connection import Stop
    from glovebox.store.ledger_writer import LedgerWriter


def append_events(
    writer: LedgerWriter, place: LedgerPlace, events: Iterable[Event], stop: Stop
) -> tuple[Mapping[str, object], ...]:
    """Write events in their order; return where they stand, as a status records it. Blocks.

    What cannot vouch for its object, because that cannot be read, keeps nothing behind it from
    being told: that an Experiment was deleted, or glass broken, is told all the same.

    Args:
        writer: Of the ledger.
        place: The ledger's, which is the bucket of the objects that its entries vouch for.
        events: As `ledger/events.py` has them.
        stop: Looked at between requests.

    Raises:
        GloveboxError: The store does not answer, an object is gone, or the ledger cannot be
            written. What was written stays, and calling again finds it.
    """
    found, unread = [], None
    for event in events:
        try:
            told, until = _with_statement(place, event, stop)
        except GloveboxError as error:
            unread = unread or error
            continue
        placed = writer.append(told, stop, until)
        found.append(
            {
                "kind": str(event.kind),
                "id": event.id,
                "epoch": placed.epoch,
                "index": placed.index,
            }
        )
    if unread is not None:
        raise unread
    return tuple(found)


def _with_statement(place: LedgerPlace, event: Event, stop: Stop) -> tuple[Event, datetime | None]:
    """Return an event with hash and lock of the statement it names, and when that lock ends."""
    if not event.objects:
        return event, None
    (stated,) = event.objects
    # What a run wrote decides how long a statement is, and must not decide whether it is told.
    sha256, lock = hash_version(place, stated.key, stated.version_id, stop)
    until = datetime.fromisoformat(lock.until) if lock.until else None
    ends = time_text(until) if until is not None else ""
    return with_statement(event, sha256, ends), until
