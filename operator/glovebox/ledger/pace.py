"""When a ledger is to be signed: soon after an entry, and every hour although nothing happened."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from glovebox.ledger.entry import Entry, Event, Kind

if TYPE_CHECKING:
    from glovebox.evidence.signer import Signer
    from glovebox.ledger.note import VerifierKey

# Entries that come within this time share a checkpoint.
GATHER: Final = timedelta(seconds=10)
# By how much two clocks may differ: a store refuses what is 15 minutes off its own.
CLOCKS: Final = timedelta(minutes=30)
SILENCE: Final = timedelta(hours=1)
_SYSTEM: Final = "system:ledger"


class Due(Enum):
    """What a ledger wants now."""

    NOTHING = "nothing"
    PUBLISH = "publish"
    IDLE = "idle"


def compute_due(waiting_since: datetime | None, last: datetime, now: datetime) -> Due:
    """Return what is due.

    Args:
        waiting_since: When the first entry was written that is in no checkpoint; None without one.
        last: When the last entry was written; of an empty ledger, when it was made.
        now: The time.
    """
    if waiting_since is not None and now - waiting_since >= GATHER:
        return Due.PUBLISH
    if waiting_since is None and now - last >= SILENCE:
        return Due.IDLE
    return Due.NOTHING


def compute_wait(waiting_since: datetime | None, last: datetime, now: datetime) -> timedelta:
    """Return how long it takes until something is due, if nothing happens; as `compute_due`."""
    due = waiting_since + GATHER if waiting_since is not None else last + SILENCE
    return max(due - now, timedelta())


def idle_event(origin: str, previous: str, now: datetime) -> Event:
    """Return the entry that shows that nothing happened since the one before it.

    Its id follows from that entry, so several writers who see the silence write it once.
    """
    return Event(str(uuid5(NAMESPACE_URL, f"{origin} {previous}")), Kind.IDLE, now, _SYSTEM)


def end_event(origin: str, next_key: str, now: datetime, signer: Signer) -> Event:
    """Return the entry that ends an epoch: once for each. Blocks where the signer asks a service.

    It has a signature of its own, as no other entry: it is obeyed, and whoever may write to the
    bucket can write entries.

    Args:
        origin: Of the epoch.
        next_key: The vkey that signs the next one.
        now: The time.
        signer: The key of the epoch that ends.
    """
    signature = base64.b64encode(signer.sign(_end(origin, next_key))).decode()
    name = f"{origin} ends"
    return Event(
        str(uuid5(NAMESPACE_URL, name)),
        Kind.EPOCH_ENDED,
        now,
        _SYSTEM,
        details={"nextKey": next_key, "signature": signature},
    )


def ends_epoch(entry: Entry, key: VerifierKey) -> bool:
    """Return whether an entry ends its epoch: the log's key signed that.

    Args:
        entry: Any.
        key: Of the log of the epoch.
    """
    if entry.kind != Kind.EPOCH_ENDED:
        return False
    try:
        signature = base64.b64decode(entry.details.get("signature", ""), validate=True)
    except ValueError:
        return False
    return key.is_signature(signature, _end(key.name, entry.details.get("nextKey", "")))


def _end(origin: str, next_key: str) -> bytes:
    return f"glovebox.dev/ledger-end/v1\n{origin}\n{next_key}\n".encode()
