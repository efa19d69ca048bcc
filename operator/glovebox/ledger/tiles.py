"""Tiles: the tree as files of at most 256 hashes, and entries as bundles (c2sp.org/tlog-tiles).

A tile never changes once it is full, and a partial one says in its name how wide it is: so each is
written once, by whoever comes first, and two writers write the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.tree import HASH_BYTES, complete, joined, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
ENTRY_BYTES: Final = 65_535
# Of the tiles that hold entries themselves.
ENTRIES: Final = -1
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: the level, its place there, and how many hashes it holds.

    Attributes:
        level: 0 for leaves; each level above holds one hash for each full tile below it. `ENTRIES`
            for the entries themselves.
        index: From 0.
        width: 1 to 256; less than 256 is a partial tile.
    """

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Below the prefix of the log."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_digits(self.index)}{suffix}"

    @property
    def full(self) -> Tile:
        """The tile that this one becomes."""
        return Tile(self.level, self.index)


def parse_path(path: str) -> Tile | None:
    """Return the tile of a path, or None where it is not written as one."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level = ENTRIES if found["level"] == "entries" else int(found["level"])
    tile = Tile(level, int(found["index"].replace("x", "").replace("/", "")))
    if found["width"] is not None:
        tile = Tile(level, tile.index, int(found["width"]))
    return tile if tile.path == path and tile.width <= WIDTH else None


def tiles_of(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Yield the tiles of hashes that a log of this size has and one of size `since` had not."""
    level = 0
    while size > 0:
        first = since // WIDTH
        for index in range(first, (size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, size - index * WIDTH)
            if index > first or width > since - index * WIDTH:
                yield Tile(level, index, width)
        size, since, level = size // WIDTH, since // WIDTH, level + 1


class _Level:
    """The hashes of one partial tile, and the roots of the complete subtrees over them."""

    __slots__ = ("hashes", "roots")

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.roots: list[bytes] = []

    def add(self, found: bytes) -> None:
        place = len(self.hashes)
        self.hashes.append(found)
        while place & 1:
            found = node_hash(self.roots.pop(), found)
            place >>= 1
        self.roots.append(found)

    def copy(self) -> _Level:
        made = _Level()
        made.hashes, made.roots = self.hashes.copy(), self.roots.copy()
        return made


class Edge:
    """The right edge of a growing log, as its partial tiles: adding and asking cost log(size).

    Attributes:
        size: How many leaves the log has.
    """

    def __init__(self) -> None:
        self.size = 0
        self._levels = [_Level()]

    @classmethod
    def load(cls, size: int, read: Callable[[Tile], bytes]) -> Edge:
        """Return the edge of a log, from its partial tiles.

        Args:
            size: Of the log.
            read: Returns the bytes of a tile of at least that width.

        Raises:
            InvalidInput: A tile holds fewer hashes than that.
        """
        edge = cls()
        edge.size, edge._levels = size, []
        while size or not edge._levels:
            level, width = _Level(), size % WIDTH
            if width:
                tile = Tile(len(edge._levels), size // WIDTH, width)
                for each in hashes_of(tile, read(tile)):
                    level.add(each)
            edge._levels.append(level)
            size //= WIDTH
        return edge

    def copy(self) -> Edge:
        """Return an edge that grows on its own."""
        made = Edge()
        made.size, made._levels = self.size, [level.copy() for level in self._levels]
        return made

    def add(self, leaf: bytes) -> list[tuple[Tile, bytes]]:
        """Add the hash of a leaf; return the tiles that it made full."""
        done: list[tuple[Tile, bytes]] = []
        number, found = 0, leaf
        while True:
            level = self._levels[number]
            level.add(found)
            if len(level.hashes) < WIDTH:
                break
            tile = Tile(number, self.size >> HEIGHT * (number + 1))
            done.append((tile, b"".join(level.hashes)))
            (found,) = level.roots
            self._levels[number] = _Level()
            number += 1
            if number == len(self._levels):
                self._levels.append(_Level())
        self.size += 1
        return done

    def partial(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield the partial tiles of the present size."""
        for number, level in enumerate(self._levels):
            if level.hashes:
                tile = Tile(number, self.size >> HEIGHT * (number + 1), len(level.hashes))
                yield tile, b"".join(level.hashes)

    def root(self) -> bytes:
        """Return the root of the tree."""
        return joined([root for level in reversed(self._levels) for root in level.roots])


class TileNodes:
    """The nodes of a tree, from its tiles: what proofs are computed with.

    Args:
        size: Of the tree.
        read: Returns the bytes of a tile, at least as wide as asked for; raises where it is gone.
    """

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        self._size, self._read = size, read
        self._tiles: dict[Tile, list[bytes]] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree. See `Nodes`."""
        found = self._nodes.get((level, index))
        if found is None:
            above, within = divmod(level, HEIGHT)
            first = index << within
            hashes = self.hashes(above, first // WIDTH)
            begin = first % WIDTH
            found = self._nodes[level, index] = complete(hashes[begin : begin + (1 << within)])
        return found

    def hashes(self, level: int, index: int) -> list[bytes]:
        """Return the hashes of one tile.

        Raises:
            InvalidInput: It holds fewer than the tree has.
        """
        width = min(WIDTH, (self._size >> HEIGHT * level) - index * WIDTH)
        tile = Tile(level, index, width)
        found = self._tiles.get(tile)
        if found is None:
            found = self._tiles[tile] = hashes_of(tile, self._read(tile))
        return found

    def proven(self, index: int) -> Sequence[bytes] | None:
        """Return the hashes of the leaves of a tile, when they lead up to the tiles of the edge.

        Whether the edge leads to the root that was signed is for the caller to see: `Edge.root`.
        """
        return self._proven(0, index)

    def _proven(self, level: int, index: int) -> Sequence[bytes] | None:
        hashes = self.hashes(level, index)
        if len(hashes) < WIDTH:
            return hashes
        above = self._proven(level + 1, index // WIDTH)
        if above is None or above[index % WIDTH] != complete(hashes):
            return None
        return hashes


def hashes_of(tile: Tile, held: bytes) -> list[bytes]:
    """Return as many hashes as a tile is wide, out of one that is at least so wide.

    Raises:
        InvalidInput: It holds fewer.
    """
    found = [held[i : i + HASH_BYTES] for i in range(0, len(held), HASH_BYTES)][: tile.width]
    if len(found) < tile.width or len(found[-1]) < HASH_BYTES:
        raise InvalidInput(
            reasons.LEDGER_INVALID, f"{tile.path} holds fewer than {tile.width} hashes"
        )
    return found


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return entries as one bundle: each with its length in two bytes before it.

    Raises:
        InvalidInput: One is longer than two bytes can say.
    """
    bundle = bytearray()
    for entry in entries:
        if len(entry) > ENTRY_BYTES:
            raise InvalidInput(
                reasons.LEDGER_INVALID,
                f"an entry has {len(entry):,} bytes, and the format allows {ENTRY_BYTES:,}",
            )
        bundle += len(entry).to_bytes(2, "big") + entry
    return bytes(bundle)


def decode_bundle(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        InvalidInput: It is cut within an entry.
    """
    found, place = list[bytes](), 0
    while place < len(bundle):
        end = place + 2 + int.from_bytes(bundle[place : place + 2], "big")
        if end > len(bundle):
            raise InvalidInput(reasons.LEDGER_INVALID, "a bundle is cut within an entry")
        found.append(bundle[place + 2 : end])
        place = end
    return found


def _digits(index: int) -> str:
    text = str(index)
    text = text.zfill(-(-len(text) // 3) * 3)
    groups = [text[i : i + 3] for i in range(0, len(text), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
