"""What a verification reads: the objects of one epoch, from a bucket, a folder or a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from glovebox.ledger.cosignatures import Said
from glovebox.ledger.tiles import Tile
from glovebox.ledger.timestamps import StampedHead


@dataclass(frozen=True, slots=True)
class Lock:
    """What protects an object version.

    Attributes:
        mode: `Compliance`, `Governance`, or empty.
        until: End of the lock, RFC 3339; empty without one.
        is_held: Whether a legal hold is on it.
    """

    mode: str = ""
    until: str = ""
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it lies there.

    Attributes:
        body: The bytes of the version that counts, which is the oldest.
        versions: How many versions have the key.
        markers: How many delete markers.
        lock: Of the version that counts; None where a folder cannot tell.
        others: Bytes of the further versions; of checkpoints alone.
    """

    body: bytes
    versions: int = 1
    markers: int = 0
    lock: Lock | None = None
    others: Sequence[bytes] = ()


class Source(Protocol):
    """The objects of one epoch."""

    @property
    def where(self) -> str:
        """For people: the folder, or `s3://bucket/prefix`."""

    def genesis(self) -> Stored | None:
        """Return the genesis, or None."""

    def entries(self) -> Iterator[tuple[int, Stored]]:
        """Yield the entries that are there by index; a gap is a gap."""

    def checkpoints(self) -> Iterable[tuple[int, Stored]]:
        """Return the checkpoints by the size in their names."""

    def said_of_heads(self) -> Iterable[Said]:
        """Return what lies where witnesses' signatures over checkpoints have to be."""

    def stamped_heads(self) -> Iterable[StampedHead]:
        """Return what authorities said of checkpoints."""

    def tile(self, tile: Tile) -> bytes | None:
        """Return the bytes of a tile of hashes, or of the full one that it became, or None."""

    def strangers(self) -> Iterable[str]:
        """Return the paths below the prefix that are no object of a ledger."""
