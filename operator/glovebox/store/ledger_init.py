"""Makes a ledger, or its next epoch: by an explicit command, and never by the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from glovebox.api import reasons
from glovebox.data.counting import counted
from glovebox.errors import AlreadyExists, Conflict, InvalidInput
from glovebox.ledger.genesis import Genesis, encode_genesis
from glovebox.ledger.layout import Layout
from glovebox.ledger.note import vkey_of
from glovebox.ledger.pace import end_event
from glovebox.store.buckets import read_lock
from glovebox.store.errors import translated
from glovebox.store.ledger_objects import LedgerPlace, versions_below, write_once
from glovebox.store.ledger_writer import newest_epoch, open_ledger

if TYPE_CHECKING:
    from glovebox.evidence.signer import Signer
    from glovebox.ledger.checkpoint import Head
    from glovebox.store.connection import Stop


def pause_longer(attempts: int) -> None:
    """Wait before another attempt: the longer, the more there were."""
    time.sleep(min(0.05 * 2**attempts, 2.0))


def init_ledger(
    place: LedgerPlace,
    organisation: str,
    origin: str,
    signer: Signer,
    now: datetime,
    stop: Stop,
    *,
    lock_days: int = 0,
) -> Genesis:
    """Make the first epoch of a ledger. Blocks.

    Args:
        place: Where.
        organisation: Whose.
        origin: The log's name, a URL without scheme; `/1` is appended.
        signer: The log's key.
        now: The time.
        stop: Looked at between requests.
        lock_days: For how long each object is locked at least, in Compliance mode.

    Raises:
        AlreadyExists: Something lies there already.
        InvalidInput: The bucket keeps no versions, or cannot lock as long as is asked for.
        GloveboxError: The store does not answer, or denies it.
    """
    layout = Layout(organisation, 1)
    _require_versions(place, lock_days)
    if any(True for _ in versions_below(place, layout.prefix, stop)):
        raise _exists(place, organisation)
    return _make(place, layout, origin, signer, now, stop, lock_days=lock_days, previous=None)


def begin_epoch(
    place: LedgerPlace,
    organisation: str,
    former: Signer,
    signer: Signer,
    now: Callable[[], datetime],
    stop: Stop,
) -> Genesis:
    """End the present epoch, and make the next one with another key. Blocks.

    The former key signs the last head; the new genesis names that head. A command that was cut off
    in between is run again.

    Raises:
        InvalidInput: The keys are the same, or the former one does not sign this ledger.
        GloveboxError: The store does not answer, or denies it.
    """
    if former.key_id == signer.key_id:
        raise InvalidInput(
            reasons.LEDGER_INVALID, "the next epoch has to have another key than the present one"
        )
    writer = open_ledger(place, organisation, former, now, stop)
    base = writer.genesis.origin.rpartition("/")[0]
    layout = writer.layout.next()
    next_key = vkey_of(f"{base}/{layout.epoch}", signer.public)
    end = end_event(writer.genesis.origin, next_key.text, now(), former)
    # Of a command that was cut off the end is there, perhaps with another next key.
    with suppress(Conflict):
        writer.append(end, stop)
    head = writer.publish(stop)
    days = writer.genesis.lock_days
    return _make(place, layout, base, signer, now(), stop, lock_days=days, previous=head)


def _make(
    place: LedgerPlace,
    layout: Layout,
    base: str,
    signer: Signer,
    now: datetime,
    stop: Stop,
    *,
    lock_days: int,
    previous: Head | None,
) -> Genesis:
    origin = f"{base.rstrip('/')}/{layout.epoch}"
    key = vkey_of(origin, signer.public)
    genesis = Genesis(layout.organisation, layout.epoch, origin, key.text, now, lock_days, previous)
    raw = encode_genesis(genesis, signer)
    until = now + timedelta(days=lock_days, minutes=1) if lock_days else None
    if write_once(place, layout.genesis, raw, until, stop) != raw:
        raise _exists(place, layout.organisation)
    return genesis


def _require_versions(place: LedgerPlace, lock_days: int) -> None:
    with translated(f"read the versioning of bucket {place.bucket}"):
        status = place.store.s3.get_bucket_versioning(Bucket=place.bucket).get("Status")
    if status != "Enabled":
        raise InvalidInput(
            reasons.VERSIONING_REQUIRED,
            f"bucket {place.bucket} keeps no versions, so what was written first could be written"
            " over: enable versioning on it",
        )
    if lock_days and not read_lock(place.store, place.bucket)[0]:
        raise InvalidInput(
            reasons.LOCK_REQUIRED,
            f"bucket {place.bucket} has no object lock, so nothing in it can be locked for"
            f" {counted(lock_days, 'day')}: use a bucket that was created with one",
        )


def _exists(place: LedgerPlace, organisation: str) -> AlreadyExists:
    return AlreadyExists(
        reasons.LEDGER_EXISTS,
        f"a ledger of {organisation} is in bucket {place.bucket} already; for another key begin a"
        " new epoch: `glovebox ledger init --new-epoch`",
    )


__all__ = ["begin_epoch", "init_ledger", "newest_epoch", "pause_longer"]
