"""Reads from a bucket what entries of its ledger vouch for. See `ledger/stated`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from glovebox.ledger.entry import StatedObject
from glovebox.ledger.source import Lock
from glovebox.ledger.stated import SEALS, FoundObject, is_seal
from glovebox.store.errors import translated
from glovebox.store.ledger_objects import (
    LedgerPlace,
    asked_lock,
    lock_of,
    versions_below,
    versions_of_key,
)
from glovebox.store.manifests import object_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from glovebox.store.connection import Stop


def find_object(place: LedgerPlace, stated: StatedObject, stop: Stop) -> FoundObject | bool:
    """Return a version with its lock; whether the key has others, when that one is not there.

    Blocks.
    """
    ids = versions_of_key(place, stated.key, stop).ids
    if stated.version_id not in ids:
        return bool(ids)
    with translated(f"look at s3://{place.bucket}/{stated.key}"):
        headers = place.store.wire.head(place.bucket, stated.key, {"versionId": stated.version_id})
    found = hashlib.sha256()
    for chunk in object_chunks(place.store, place.bucket, stated.key, stated.version_id, stop):
        found.update(chunk)
    return FoundObject(found.hexdigest(), _lock(place, stated, headers))


def _lock(place: LedgerPlace, stated: StatedObject, headers: Mapping[str, str]) -> Lock:
    """Return the lock of an object; it is asked for where the entry states one."""
    if not stated.retain_until_time:
        return lock_of(headers)
    return asked_lock(place, stated.key, stated.version_id, headers)


def seals_in(place: LedgerPlace, stop: Stop) -> Iterator[str]:
    """Yield the keys of the statements of all seals in the bucket. Blocks."""
    for each in versions_below(place, SEALS, stop):
        if each.ids and is_seal(each.key):
            yield each.key
