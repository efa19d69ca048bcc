"""The Merkle tree of RFC 6962: hashes, roots, proofs, and what holds of them.

A tree is never held as a whole. What computes proofs asks for the hashes of complete subtrees
(`Nodes`), which tiles answer; what follows a growing log keeps an `Edge` of it (see `tiles`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
# A size that is larger is no size: 2^63 - 1, as Go has it.
MAX_SIZE: Final = 2**63 - 1

# Returns the hash of the complete subtree of 2^level leaves that begins at leaf index * 2^level.
Nodes = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: of the entry's bytes as they are stored."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def joined(roots: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees that follow one another, the largest first."""
    if not roots:
        return EMPTY_ROOT
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root


def complete(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def root_of(size: int, nodes: Nodes) -> bytes:
    """Return the root of the first `size` leaves."""
    return _subtree(0, size, nodes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Return what shows that a leaf is in a tree: from its sibling up to the root's child.

    Raises:
        InvalidInput: The tree has no such leaf.
    """
    if not 0 <= index < size:
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            f"the ledger has no entry {index} at size {size}: its indexes begin at 0",
        )
    begin, end, path = 0, size, list[bytes]()
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_subtree(middle, end, nodes))
            end = middle
        else:
            path.append(_subtree(begin, middle, nodes))
            begin = middle
    return path[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Return what shows that a tree of size `new` begins with the tree of size `old`.

    Raises:
        InvalidInput: The old tree is the larger one.
    """
    if not 0 <= old <= new:
        raise InvalidInput(
            reasons.LEDGER_INVALID, f"a ledger of size {new} cannot begin with one of size {old}"
        )
    if old in (0, new):
        return []
    begin, end, whole, path = 0, new, True, list[bytes]()
    while old < end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_subtree(middle, end, nodes))
            end = middle
        else:
            path.append(_subtree(begin, middle, nodes))
            begin, whole = middle, False
    if not whole:
        path.append(_subtree(begin, end, nodes))
    return path[::-1]


def is_included(index: int, size: int, leaf: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether a proof shows that the leaf is at this index (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    first, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = node_hash(each, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, each)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether a proof shows that one tree begins with the other (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        return not proof and old_root == (new_root if old else EMPTY_ROOT)
    return _leads_to_both(old, new, old_root, new_root, proof)


def _leads_to_both(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    hashes = list(proof)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    found_old = found_new = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            found_old, found_new = node_hash(each, found_old), node_hash(each, found_new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found_new = node_hash(found_new, each)
        first, last = first >> 1, last >> 1
    return last == 0 and found_old == old_root and found_new == new_root


def nodes_of(leaves: Iterable[bytes]) -> Nodes:
    """Return the nodes of a tree whose leaves are all at hand; for small trees."""
    held = list(leaves)
    return lambda level, index: complete(held[index << level : (index + 1) << level])


def _split(width: int) -> int:
    """Return the largest power of two that is smaller than the width."""
    return 1 << (width - 1).bit_length() - 1


def _subtree(begin: int, end: int, nodes: Nodes) -> bytes:
    """Return the root over the leaves from begin to end, as the tree's own splits make them."""
    roots: list[bytes] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        roots.append(nodes(level, begin >> level))
        begin += 1 << level
    return joined(roots)
