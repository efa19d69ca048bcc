"""The tree of RFC 6962: its published vectors, and proofs of small trees against plain hashing."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from glovebox.errors import InvalidInput
from glovebox.ledger.tiles import Edge
from glovebox.ledger.tree import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    nodes_of,
    root_of,
)

# The leaves of the tests of RFC 6962's reference implementation, and the roots it has for them.
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
HASHES = [leaf_hash(str(number).encode()) for number in range(20)]


def plain_root(hashes: list[bytes]) -> bytes:
    """The definition, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    return node_hash(plain_root(hashes[:middle]), plain_root(hashes[middle:]))


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_roots_are_those_of_the_reference(size: int) -> None:
    leaves = [leaf_hash(each) for each in LEAVES[:size]]
    assert root_of(size, nodes_of(leaves)).hex() == ROOTS[size]
    edge = Edge()
    for leaf in leaves:
        edge.add(leaf)
    assert edge.root().hex() == ROOTS[size]


def test_every_leaf_of_every_small_tree_is_proven_and_no_other_is() -> None:
    nodes = nodes_of(HASHES)
    for size in range(1, len(HASHES) + 1):
        root = plain_root(HASHES[:size])
        for index in range(size):
            proof = inclusion_proof(index, size, nodes)
            accepted = {
                (place, leaf)
                for place in range(size)
                for leaf in range(size)
                if is_included(place, size, HASHES[leaf], root, proof)
            }
            assert accepted == {(index, index)}, (index, size)


def test_every_pair_of_small_trees_is_proven_and_no_other_pair_is() -> None:
    nodes = nodes_of(HASHES)
    roots = [plain_root(HASHES[:size]) for size in range(len(HASHES) + 1)]
    for old, new in itertools.combinations_with_replacement(range(1, len(HASHES) + 1), 2):
        proof = consistency_proof(old, new, nodes)
        accepted = {
            (one, other)
            for one, other in itertools.product(range(1, len(HASHES) + 1), repeat=2)
            if is_consistent(one, other, roots[one], roots[other], proof)
        }
        expected = {(size, size) for size in range(1, len(HASHES) + 1)} if old == new else set()
        assert accepted == expected | {(old, new)}, (old, new)


def test_a_changed_proof_proves_nothing() -> None:
    nodes = nodes_of(HASHES)
    for index, size in itertools.combinations(range(13), 2):
        root, proof = plain_root(HASHES[:size]), inclusion_proof(index, size, nodes)
        changed = [[*proof[:place], bytes(32), *proof[place + 1 :]] for place in range(len(proof))]
        for each in (*changed, proof[:-1] if proof else [bytes(32)], [*proof, HASHES[0]]):
            assert not is_included(index, size, HASHES[index], root, each)


def test_the_empty_tree_is_the_beginning_of_every_tree_without_a_proof() -> None:
    root = plain_root(HASHES[:3])
    assert consistency_proof(0, 3, nodes_of(HASHES)) == []
    assert is_consistent(0, 3, EMPTY_ROOT, root, [])
    assert not is_consistent(0, 3, HASHES[0], root, [])
    assert not is_consistent(0, 3, EMPTY_ROOT, root, [HASHES[0]])


def test_what_cannot_be_proven_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no entry 3 at size 3"):
        inclusion_proof(3, 3, nodes_of(HASHES))
    with pytest.raises(InvalidInput, match="cannot begin with one of size 4"):
        consistency_proof(4, 3, nodes_of(HASHES))
