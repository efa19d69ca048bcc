"""Tiles: their paths, widths and bytes, and that proofs come out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.errors import InvalidInput
from glovebox.ledger.tiles import (
    ENTRIES,
    WIDTH,
    Edge,
    Tile,
    TileNodes,
    decode_bundle,
    encode_bundle,
    parse_path,
    tiles_of,
)
from glovebox.ledger.tree import (
    complete,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    nodes_of,
    root_of,
)

HASHES = [leaf_hash(str(number).encode()) for number in range(70_000)]


def stored(size: int) -> tuple[Edge, dict[str, bytes]]:
    """Return the edge of a log and all its tiles, with the partial ones of this size alone."""
    edge, found = Edge(), dict[str, bytes]()
    for leaf in HASHES[:size]:
        found |= {tile.path: body for tile, body in edge.add(leaf)}
    return edge, found | {tile.path: body for tile, body in edge.partial()}


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 0, 1), "tile/0/000.p/1"),
        (Tile(1, 999, 255), "tile/1/999.p/255"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(3, 1234067), "tile/3/x001/x234/067"),
        (Tile(ENTRIES, 1234067, 8), "tile/entries/x001/x234/067.p/8"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/",
    ],
)
def test_another_spelling_of_a_path_is_none(path: str) -> None:
    assert parse_path(path) is None


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    found = list(tiles_of(70_000))
    assert sum(tile.level == 0 and tile.width == WIDTH for tile in found) == 273
    partial = {(tile.level, tile.width) for tile in found if tile.width < WIDTH}
    assert partial == {(0, 112), (1, 17), (2, 1)}
    assert sum(tile.level == 1 and tile.width == WIDTH for tile in found) == 1
    assert {tile.path for tile in found} == stored(70_000)[1].keys()


def test_a_tree_of_256_is_a_full_tile_and_a_partial_one_above() -> None:
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 65_536, 65_537, 70_000])
def test_the_edge_loaded_from_tiles_is_the_one_that_grew(size: int) -> None:
    edge, tiles = stored(size)
    loaded = Edge.load(size, lambda tile: tiles[tile.path])
    assert loaded.root() == edge.root()
    for each in (edge, loaded):
        each.add(HASHES[0])
    assert loaded.root() == edge.root()
    assert list(loaded.partial()) == list(edge.partial())


@pytest.mark.parametrize("size", [1, 2, 300, 512, 1000, 66_000])
def test_roots_and_proofs_come_out_of_tiles_as_out_of_leaves(size: int) -> None:
    edge, tiles = stored(size)
    nodes, plain = TileNodes(size, lambda tile: tiles[tile.path]), nodes_of(HASHES[:size])
    assert root_of(size, nodes) == edge.root()
    for index in {0, size // 2, size - 1}:
        assert inclusion_proof(index, size, nodes) == inclusion_proof(index, size, plain)
    for old in {1, size // 2 or 1, size}:
        assert consistency_proof(old, size, nodes) == consistency_proof(old, size, plain)


def test_a_changed_tile_proves_no_leaf() -> None:
    _, tiles = stored(1000)
    nodes = TileNodes(1000, lambda tile: tiles[tile.path])
    assert nodes.proven(1) == HASHES[256:512]
    tiles["tile/0/001"] = bytes(32) + tiles["tile/0/001"][32:]
    assert TileNodes(1000, lambda tile: tiles[tile.path]).proven(1) is None


def test_a_tile_that_is_too_narrow_is_refused() -> None:
    with pytest.raises(InvalidInput, match="fewer than 3 hashes"):
        Edge.load(3, lambda _: bytes(64))


def test_a_copy_of_the_edge_grows_on_its_own() -> None:
    edge = Edge()
    edge.add(HASHES[0])
    copied = edge.copy()
    copied.add(HASHES[1])
    assert (edge.size, edge.root()) == (1, HASHES[0])
    assert copied.root() == complete(HASHES[:2])


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries)) == entries


def test_a_bundle_that_is_cut_or_too_long_is_refused() -> None:
    assert encode_bundle([b"ab"]) == b"\x00\x02ab"
    for cut in (b"\x00\x02a", b"\x00"):
        with pytest.raises(InvalidInput, match="cut within an entry"):
            decode_bundle(cut)
    with pytest.raises(InvalidInput, match="65,536 bytes"):
        encode_bundle([bytes(65_536)])
