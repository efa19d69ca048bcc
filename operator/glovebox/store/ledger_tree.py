"""The tree of a ledger as its writer keeps it: loaded from tiles, grown by entries, written back.

Nothing is taken from a tile that does not lead to the root that the log itself signed. Where tiles
are gone, the tree is computed again from the entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import Head, Opened, open_checkpoint
from glovebox.ledger.entry import digest_of_bytes
from glovebox.ledger.layout import Layout, entry_path
from glovebox.ledger.tiles import ENTRIES, WIDTH, Edge, Tile, TileNodes, encode_bundle, hashes_of
from glovebox.ledger.tree import complete, leaf_hash, root_of
from glovebox.store.connection import Stop
from glovebox.store.ledger_objects import LedgerPlace, read_oldest, write_once
from glovebox.store.ledger_tail import find_newest

if TYPE_CHECKING:
    from glovebox.ledger.note import VerifierKey


class LedgerTree:
    """The tree of one epoch.

    Args:
        place: Where.
        layout: Which epoch.
        key: The log's.

    Attributes:
        published: The newest head that is signed there.
    """

    def __init__(self, place: LedgerPlace, layout: Layout, key: VerifierKey) -> None:
        self._place, self._layout, self._key = place, layout, key
        self.published: Head | None = None
        # Up to the newest signed head; the entries behind it, None for one that is missing.
        self._edge = Edge()
        self._bodies: dict[int, bytes | None] = {}
        # Before it, but in the tile that is not full: its bundle will need them.
        self._kept: dict[int, bytes | None] = {}
        # What the entries below the signed head are compared with.
        self._signed: dict[int, Sequence[bytes]] = {}

    def load(self, size: int, stop: Stop) -> int:
        """Find the newest signed head; return its size. Blocks.

        Raises:
            InvalidInput: It is of more entries than there are, or of other ones.
        """
        newest = find_newest(self._place, self._layout, size, [self._key], stop)
        if newest is None:
            return 0
        if newest.head.size > size:
            raise self._went_back(newest.head, f"{size} entries are there")
        self._edge = self._loaded(newest, stop)
        self.published, self._bodies, self._signed = newest.head, {}, {}
        return newest.head.size

    def add(self, index: int, body: bytes) -> None:
        """Take an entry behind the signed head."""
        self._bodies[index] = body

    def miss(self, index: int) -> None:
        """Take note that an entry is missing."""
        self._bodies[index] = None

    def digest_of(self, index: int, stop: Stop) -> str:
        """Return the digest of an entry's stored bytes. Blocks."""
        return digest_of_bytes(self._body(index, stop))

    def require_signed(self, index: int, body: bytes, stop: Stop) -> None:
        """Refuse an entry below the signed head that is not the one that was signed. Blocks.

        It costs a request for each 256 entries. A tile that is gone, or leads to no signed root, is
        computed from its entries: whoever can replace an entry can replace its tile as well.

        Raises:
            InvalidInput: `LedgerInvalid`: somebody put other bytes in its place.
        """
        if self.published is None or index >= self.published.size:
            return
        number = index // WIDTH
        hashes = self._signed.get(number) or self._proven(number, stop)
        if hashes is None:
            first, last = number * WIDTH, min((number + 1) * WIDTH, self.published.size) - 1
            raise self._not_signed(f"one of {entry_path(first)} to {entry_path(last)}")
        self._signed[number] = hashes
        if hashes[index % WIDTH] != leaf_hash(body):
            raise self._not_signed(entry_path(index))

    def _proven(self, number: int, stop: Stop) -> Sequence[bytes] | None:
        """Return the hashes of 256 entries that lead to the signed root; None if they do not."""
        edge = dict(self._edge.partial())  # which leads to the root that was signed

        def stored(tile: Tile) -> bytes:
            return edge.get(tile) or self._tile(tile, stop)

        def repaired(tile: Tile) -> bytes:
            return stored(tile) if tile.level else computed(tile)

        def computed(tile: Tile) -> bytes:
            if tile in edge:
                return edge[tile]
            below = range(tile.index * WIDTH, (tile.index + 1) * WIDTH)
            if tile.level == 0:
                return b"".join(leaf_hash(self._body(each, stop)) for each in below)
            tiles = (Tile(tile.level - 1, each) for each in below)
            return b"".join(complete(hashes_of(each, computed(each))) for each in tiles)

        for read in (stored, repaired, computed):
            with suppress(InvalidInput):  # something is gone
                hashes = TileNodes(self._edge.size, read).proven(number)
                if hashes is not None:
                    return hashes
            if self._edge.size <= WIDTH**2 and read is repaired:
                break  # above it is the edge
        return None

    def _not_signed(self, what: str) -> InvalidInput:
        return InvalidInput(
            reasons.LEDGER_INVALID,
            f"{what} in s3://{self._place.bucket}/{self._layout.prefix} is not the entry that was"
            " signed there: nothing is written behind it; run `glovebox ledger verify`, and find"
            " out who may write over what is in the bucket",
        )

    def head(self, size: int, known: Head, stop: Stop) -> Head:
        """Return the head over so many entries. Blocks.

        Raises:
            InvalidInput: An entry is missing, or the tree does not continue the known head.
        """
        edge = self._edge.copy()
        found = edge.root() if edge.size == known.size else b""
        for index in range(edge.size, size):
            edge.add(leaf_hash(self._body(index, stop)))
            if edge.size == known.size:
                found = edge.root()
        if known.size and (found or self._root_at(known.size, stop)) != known.root:
            raise self._went_back(known, "the entries there have another root")
        return Head(size, edge.root())

    def write(self, retain_until: datetime | None, stop: Stop) -> None:
        """Write the tiles of the present tree: before its head is signed. Blocks."""
        edge = self._edge.copy()
        for index in sorted(self._bodies):
            for tile, hashes in edge.add(leaf_hash(self._body(index, stop))):
                self._write(tile, hashes, retain_until, stop)
                if tile.level == 0:
                    self._write_bundle(tile.index, retain_until, stop)
        for tile, hashes in edge.partial():
            self._write(tile, hashes, retain_until, stop)

    def accept(self, stored: bytes, head: Head) -> None:
        """Go on from a head that lies there now.

        Raises:
            InvalidInput: What counts under its key is another one.
        """
        opened = open_checkpoint(stored, [self._key])
        if opened.head != head:
            raise self._went_back(opened.head, f"the entries have the root {head.root_text}")
        for index in sorted(self._bodies):
            self._edge.add(leaf_hash(self._bodies[index] or b""))
        self.published, self._signed = head, {}
        begin = head.size - head.size % WIDTH
        both = self._kept | self._bodies
        self._kept = {index: body for index, body in both.items() if index >= begin}
        self._bodies = {}

    def _loaded(self, newest: Opened, stop: Stop) -> Edge:
        size, root = newest.head.size, newest.head.root
        try:
            edge = Edge.load(size, lambda tile: self._tile(tile, stop))
        except InvalidInput:
            edge = None
        if edge is not None and edge.root() == root:
            return edge
        edge = self._computed(size, stop)
        if edge.root() != root:
            raise self._went_back(newest.head, "the entries there have another root")
        return edge

    def _computed(self, size: int, stop: Stop) -> Edge:
        edge = Edge()
        for index in range(size):
            edge.add(leaf_hash(self._body(index, stop)))
        return edge

    def _root_at(self, size: int, stop: Stop) -> bytes:
        """Return the root at an earlier size than the edge's."""
        nodes = TileNodes(self._edge.size, lambda tile: self._tile(tile, stop))
        try:
            return root_of(size, nodes)
        except InvalidInput:  # a tile is gone
            return self._computed(size, stop).root()

    def _tile(self, tile: Tile, stop: Stop) -> bytes:
        for each in dict.fromkeys((tile, tile.full)):
            found = read_oldest(self._place, self._layout.tile(each), stop)
            if found is not None:
                return found
        return b""

    def _body(self, index: int, stop: Stop) -> bytes:
        found = self._bodies.get(index) or self._kept.get(index)
        if found is None:
            found = read_oldest(self._place, self._layout.entry(index), stop)
        if found is None:
            raise InvalidInput(
                reasons.LEDGER_INVALID,
                f"{entry_path(index)} is missing in s3://{self._place.bucket}/"
                f"{self._layout.prefix}: nothing is signed over a hole; run `glovebox ledger"
                " verify`",
            )
        return found

    def _write(self, tile: Tile, body: bytes, until: datetime | None, stop: Stop) -> None:
        # What is there already is the same; if not, verification names it, and nothing trusts it.
        write_once(self._place, self._layout.tile(tile), body, until, stop)

    def _write_bundle(self, number: int, until: datetime | None, stop: Stop) -> None:
        indexes = range(number * WIDTH, (number + 1) * WIDTH)
        bundle = encode_bundle(self._body(index, stop) for index in indexes)
        self._write(Tile(ENTRIES, number), bundle, until, stop)

    def _went_back(self, seen: Head, found: str) -> InvalidInput:
        return InvalidInput(
            reasons.LEDGER_WENT_BACK,
            f"a head of {seen.size} entries with root {seen.root_text} was signed, and in"
            f" s3://{self._place.bucket}/{self._layout.prefix} {found}: nothing is signed; find out"
            " who restored or replaced the bucket",
        )
