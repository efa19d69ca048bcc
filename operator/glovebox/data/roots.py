"""The two identities of a dataset, computed from its entries as a stream in constant memory.

The *content root* answers "are these the same data?": it binds each path, size and SHA-256, and
nothing about where the bytes lie, so a mirror in another bucket has the same one. The *pin root*
answers "are these exactly those object versions?": it binds bucket, key, version id and the source
of the digest too.

Both are Merkle trees in the manner of RFC 6962: leaves, nodes, shards and roots are hashed under
tags of their own, every text is length-prefixed, and counts are bound at the top, so that no two
different datasets share a preimage. Shards end where the content says so (a leaf whose hash ends in
eleven zero bits), and nowhere else: a lower or upper bound on their size would let one insertion
move the cuts of many shards that follow; without bounds it touches at most two.
docs/reference/manifest.md is precise enough to compute them in another language; golden vectors
hold it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.data.digest import DIGEST_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.data.manifest import Entry

# What a hash is taken of is told by its first byte, so that no inner value can pass for another
# kind.
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
_SHARD: Final = b"\x02"
_ROOT: Final = b"\x03"
_CONTENT: Final = b"glovebox.dev/content/v1"
_PIN: Final = b"glovebox.dev/pin/v1"
# A shard ends with a leaf whose last 11 bits are zero: every 2,048 leaves on average.
_CUT_MASK: Final = (1 << 11) - 1
_EMPTY: Final = hashlib.sha256().digest()


@dataclass(frozen=True, slots=True)
class Roots:
    """What identifies a dataset, and its size.

    Args:
        content: `sha256:<hex>`, the same wherever the same data lie under the same paths.
        pin: `sha256:<hex>`, of exactly these object versions.
        objects: Number of entries.
        bytes: Sum of their sizes.
        shards: Number of shards.
    """

    content: str
    pin: str
    objects: int
    bytes: int
    shards: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A run of consecutive entries with roots of its own.

    It tells where a difference is without comparing every entry.
    """

    index: int
    first_path: str
    objects: int
    content: bytes
    pin: bytes


class RootBuilder:
    """Computes both roots from a dataset's entries in the order of their paths' UTF-8 bytes.

    The order is the caller's duty (`PathOrder` checks it). Holds one hash per level of each tree.

    Args:
        on_shard: Told of each shard as it ends.
    """

    def __init__(self, on_shard: Callable[[Shard], None] | None = None) -> None:
        self._on_shard = on_shard
        self._shard_content, self._shard_pin = _Tree(), _Tree()
        self._content, self._pin = _Tree(), _Tree()
        self._objects = self._bytes = self._shards = 0
        self._first_path = ""

    def add(self, entry: Entry) -> None:
        """Take the next entry."""
        if self._shard_content.size == 0:
            self._first_path = entry.path
        content = content_leaf(entry)
        self._shard_content.add(content)
        self._shard_pin.add(pin_leaf(entry))
        self._objects += 1
        self._bytes += entry.size
        if int.from_bytes(content[-2:], "big") & _CUT_MASK == 0:
            self._end_shard()

    def finish(self) -> Roots:
        """Return the roots of all that was added. The builder is spent."""
        if self._shard_content.size:
            self._end_shard()
        counts = _u64(self._objects) + _u64(self._bytes) + _u64(self._shards)
        return Roots(
            content=DIGEST_PREFIX
            + _hash(_ROOT, _prefixed(_CONTENT), counts, self._content.root()).hex(),
            pin=DIGEST_PREFIX + _hash(_ROOT, _prefixed(_PIN), counts, self._pin.root()).hex(),
            objects=self._objects,
            bytes=self._bytes,
            shards=self._shards,
        )

    def _end_shard(self) -> None:
        size = self._shard_content.size
        content = _hash(_SHARD, _prefixed(_CONTENT), _u64(size), self._shard_content.root())
        pin = _hash(_SHARD, _prefixed(_PIN), _u64(size), self._shard_pin.root())
        self._content.add(content)
        self._pin.add(pin)
        if self._on_shard is not None:
            self._on_shard(Shard(self._shards, self._first_path, size, content, pin))
        self._shards += 1
        self._shard_content, self._shard_pin = _Tree(), _Tree()


def content_leaf(entry: Entry) -> bytes:
    """Return the hash that binds path, size and SHA-256 of the bytes."""
    return _hash(
        _LEAF,
        _prefixed(_CONTENT),
        _prefixed(entry.path.encode()),
        _u64(entry.size),
        _prefixed(bytes.fromhex(entry.sha256)),
    )


def pin_leaf(entry: Entry) -> bytes:
    """Return the hash of an entry's content leaf, bucket, key, version and source of the digest."""
    return _hash(
        _LEAF,
        _prefixed(_PIN),
        _prefixed(entry.path.encode()),
        _u64(entry.size),
        _prefixed(bytes.fromhex(entry.sha256)),
        _prefixed(entry.bucket.encode()),
        _prefixed(entry.key.encode()),
        _prefixed(entry.version_id.encode()),
        _prefixed(entry.source.value.encode()),
    )


class _Tree:
    """A binary Merkle tree (RFC 6962, section 2.1) fed from the left.

    It keeps the roots of its complete subtrees only.
    """

    def __init__(self) -> None:
        self.size = 0
        self._complete: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        self._complete.append(leaf)
        self.size += 1
        # Each trailing zero bit of the size completes one more subtree.
        rest = self.size
        while rest & 1 == 0:
            right = self._complete.pop()
            self._complete.append(_hash(_NODE, self._complete.pop(), right))
            rest >>= 1

    def root(self) -> bytes:
        if not self._complete:
            return _EMPTY
        root = self._complete[-1]
        for left in reversed(self._complete[:-1]):
            root = _hash(_NODE, left, root)
        return root


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _prefixed(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")
