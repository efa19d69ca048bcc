"""The objects of a ledger as a verification reads them from a bucket.

Keys are listed with all their versions, so that nothing that was hidden or written over is missed;
entries are read many at once, in the order of their indexes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from glovebox.ledger.cosignatures import MOST_BYTES, Said
from glovebox.ledger.layout import Layout, place_of
from glovebox.ledger.source import Stored
from glovebox.ledger.tiles import ENTRIES, Tile
from glovebox.ledger.timestamps import StampedHead
from glovebox.store.ledger_objects import (
    LedgerPlace,
    ReadObject,
    Versions,
    read_beginning,
    read_oldest,
    read_version,
    versions_below,
    versions_of_key,
)
from glovebox.store.reading import in_order
from glovebox.store.version_lock import VersionLocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glovebox.store.connection import Stop


class BucketSource:
    """One epoch of a ledger in a bucket. See `Source`.

    Attributes:
        asks_for_locks: Whether a lock that an answer leaves out is asked for: who verifies without
            demanding locks needs no right to see them.
    """

    def __init__(self, place: LedgerPlace, layout: Layout, stop: Stop) -> None:
        self._place, self._layout, self._stop = place, layout, stop
        self.asks_for_locks = False
        self._locks = VersionLocks(place.store, place.bucket)

    @property
    def where(self) -> str:
        """See `Source`."""
        return f"s3://{self._place.bucket}/{self._layout.prefix}"

    def genesis(self) -> Stored | None:
        """See `Source`."""
        found = versions_of_key(self._place, self._layout.genesis, self._stop)
        return self._stored(found) if found.ids else None

    def entries(self) -> Iterator[tuple[int, Stored]]:
        """See `Source`."""
        below = f"{self._layout.prefix}entries/"
        listed = (each for each in versions_below(self._place, below, self._stop) if each.ids)
        known = (each for each in listed if self._kind(each) == "entries")
        for versions, found in in_order(self._place.store, self._read_first, known, self._stop):
            number = place_of(versions.key.removeprefix(self._layout.prefix)).number
            yield number, _stored(versions, found)

    def checkpoints(self) -> Iterable[tuple[int, Stored]]:
        """See `Source`."""
        for each in self._below("checkpoints"):
            size = place_of(each.key.removeprefix(self._layout.prefix)).number
            stored = self._stored(each)
            others = [
                read_version(self._place, each.key, other, cut=True).body for other in each.ids[1:]
            ]
            yield size, replace(stored, others=others)

    def said_of_heads(self) -> Iterator[Said]:
        """See `Source`."""
        for each in self._below("cosignatures"):
            path = each.key.removeprefix(self._layout.prefix)
            raw = read_beginning(self._place, each.key, each.ids[0], MOST_BYTES + 1)
            yield Said(path, place_of(path).number, raw)

    def stamped_heads(self) -> Iterator[StampedHead]:
        """See `Source`."""
        for each in self._below("timestamps"):
            path = each.key.removeprefix(self._layout.prefix)
            size = place_of(path).number
            checkpoint = read_oldest(self._place, self._layout.checkpoint(size), self._stop)
            response = read_version(self._place, each.key, each.ids[0], cut=True).body
            yield StampedHead(path, size, checkpoint or b"", response)

    def tile(self, tile: Tile) -> bytes | None:
        """See `Source`."""
        for each in dict.fromkeys((tile, tile.full)):
            found = read_oldest(self._place, self._layout.tile(each), self._stop)
            if found is not None:
                return found
        return None

    def bundle(self, number: int) -> bytes | None:
        """Return a full bundle of entries, or None."""
        key = self._layout.tile(Tile(ENTRIES, number))
        return read_oldest(self._place, key, self._stop)

    def strangers(self) -> Iterator[str]:
        """See `Source`."""
        for each in versions_below(self._place, self._layout.prefix, self._stop):
            if not self._kind(each):
                yield each.key.removeprefix(self._layout.prefix)

    def _below(self, kind: str) -> Iterator[Versions]:
        below = f"{self._layout.prefix}{kind}/"
        for each in versions_below(self._place, below, self._stop):
            if each.ids and self._kind(each) == kind:
                yield each

    def _kind(self, versions: Versions) -> str:
        return place_of(versions.key.removeprefix(self._layout.prefix)).kind

    def _read_first(self, versions: Versions) -> ReadObject:
        found = read_version(self._place, versions.key, versions.ids[0], cut=True)
        if found.lock.mode or not self.asks_for_locks:
            return found
        lock = self._locks.read(versions.key, versions.ids[0], {})
        return ReadObject(found.body, replace(found.lock, mode=lock.mode, until=lock.until))

    def _stored(self, versions: Versions) -> Stored:
        return _stored(versions, self._read_first(versions))


def _stored(versions: Versions, found: ReadObject) -> Stored:
    return Stored(found.body, len(versions.ids), versions.markers, found.lock)
