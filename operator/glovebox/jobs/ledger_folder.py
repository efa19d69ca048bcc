"""A ledger in a folder: exported once, verified anywhere, without a store.

The whole ledger is laid out as C2SP's static log, which other programs read as it is: `checkpoint`,
`tile/...` and entries in bundles `tile/entries/...`. Beside it lie the genesis and all checkpoints.
A part of it has its entries as single files, with a proof for each.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import parse_checkpoint
from glovebox.ledger.cosignatures import Said, signature_in, with_witnesses, without_witnesses
from glovebox.ledger.layout import checkpoint_path, entry_path, place_of
from glovebox.ledger.note import Signature, parse_note
from glovebox.ledger.proof import SUFFIX, Proof
from glovebox.ledger.source import Source, Stored
from glovebox.ledger.tiles import (
    ENTRIES,
    WIDTH,
    Edge,
    Tile,
    TileNodes,
    decode_bundle,
    encode_bundle,
)
from glovebox.ledger.timestamps import StampedHead
from glovebox.ledger.tree import inclusion_proof, leaf_hash

NEWEST: Final = "checkpoint"
PROOFS: Final = "proofs"


class FolderSource:
    """One epoch of a ledger in a folder, as `export_whole` writes it. See `Source`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def where(self) -> str:
        """See `Source`."""
        return str(self._folder)

    def genesis(self) -> Stored | None:
        """See `Source`."""
        body = self._read("genesis")
        return Stored(body) if body is not None else None

    def entries(self) -> Iterator[tuple[int, Stored]]:
        """See `Source`."""
        number = 0
        while bundle := self._bundle(number):
            try:
                entries = decode_bundle(bundle)
            except InvalidInput:
                return  # what is missing from here on is found by the heads
            for place, body in enumerate(entries):
                yield number * WIDTH + place, Stored(body)
            number += 1

    def checkpoints(self) -> Iterable[tuple[int, Stored]]:
        """See `Source`."""
        for path in sorted(self._folder.glob("checkpoints/*/*/*/*")):
            place = place_of(path.relative_to(self._folder).as_posix())
            if place.kind == "checkpoints":
                yield place.number, Stored(path.read_bytes())

    def said_of_heads(self) -> Iterator[Said]:
        """See `Source`. In a folder the signatures of witnesses lie in the checkpoints."""
        yield from ()

    def stamped_heads(self) -> Iterator[StampedHead]:
        """See `Source`."""
        for path in sorted(self._folder.glob("timestamps/*/*/*/*/*")):
            name = path.relative_to(self._folder).as_posix()
            place = place_of(name)
            if place.kind == "timestamps":
                checkpoint = self._read(checkpoint_path(place.number))
                stamped = without_witnesses(checkpoint) if checkpoint is not None else b""
                yield StampedHead(name, place.number, stamped, path.read_bytes())

    def tile(self, tile: Tile) -> bytes | None:
        """See `Source`."""
        found = self._read(tile.path)
        return found if found is not None else self._read(tile.full.path)

    def strangers(self) -> Iterator[str]:
        """See `Source`."""
        for path in sorted(self._folder.rglob("*")):
            name = path.relative_to(self._folder).as_posix()
            if path.is_file() and name != NEWEST and not place_of(name).kind:
                yield name

    def _read(self, path: str) -> bytes | None:
        place = self._folder / path
        return place.read_bytes() if place.is_file() else None

    def _bundle(self, number: int) -> bytes | None:
        full = Tile(ENTRIES, number)
        found = self._read(full.path)
        if found is not None:
            return found
        partial = (self._folder / f"{full.path}.p").glob("*")
        widest = max((int(path.name) for path in partial if path.name.isdigit()), default=0)
        return self._read(Tile(ENTRIES, number, widest).path) if widest else None


def export_whole(source: Source, folder: Path) -> int:
    """Write a whole epoch into a folder; return how many entries. Blocks as its source does.

    Nothing is verified on the way: that is for whoever reads it.

    Raises:
        InvalidInput: The folder holds something already, or an entry is missing.
    """
    genesis = source.genesis()
    if genesis is None:
        raise InvalidInput(reasons.LEDGER_ABSENT, f"there is no ledger at {source.where}")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(reasons.LEDGER_INVALID, f"{folder} is not empty")
    _write(folder / "genesis", genesis.body)
    heads = checkpoints_with_witnesses(source)
    for size, body in heads.items():
        _write(folder / checkpoint_path(size), body)
    for stamped in source.stamped_heads():
        _write(folder / stamped.where, stamped.response)
    edge = _export_entries(source, folder, set(heads))
    _write_partial(folder, edge)
    if heads:
        _write(folder / NEWEST, heads[max(heads)])
    return edge.size


def checkpoints_with_witnesses(source: Source) -> dict[int, bytes]:
    """Return the checkpoints by their sizes, with the signatures of witnesses that lie there.

    What cannot be one is left out; whether the others hold is for whoever has their keys.
    """
    said: dict[int, list[Signature]] = {}
    for each in source.said_of_heads():
        signature = signature_in(each)
        if signature is not None:
            said.setdefault(each.size, []).append(signature)
    return {
        size: with_witnesses(stored.body, said.get(size, ()))
        for size, stored in source.checkpoints()
    }


def _export_entries(source: Source, folder: Path, sizes: Container[int]) -> Edge:
    edge, bundle = Edge(), list[bytes]()
    for index, stored in source.entries():
        if index != edge.size:
            raise InvalidInput(reasons.LEDGER_INVALID, f"{entry_path(edge.size)} is missing")
        for tile, hashes in edge.add(leaf_hash(stored.body)):
            _write(folder / tile.path, hashes)
        bundle.append(stored.body)
        if len(bundle) == WIDTH:
            _write(folder / Tile(ENTRIES, index // WIDTH).path, encode_bundle(bundle))
            bundle = []
        if edge.size in sizes:
            _write_partial(folder, edge)
    if bundle:
        tile = Tile(ENTRIES, edge.size // WIDTH, len(bundle))
        _write(folder / tile.path, encode_bundle(bundle))
    return edge


def export_part(
    folder: Path, entries: Iterable[tuple[int, bytes]], prove: Callable[[int, bytes], Proof]
) -> int:
    """Write some entries into a folder, each with its proof; return how many."""
    count = 0
    for index, body in entries:
        _write(folder / entry_path(index), body)
        _write(folder / PROOFS / f"{index}{SUFFIX}", prove(index, body).encode())
        count += 1
    return count


def proof_from(source: Source, checkpoint: bytes, index: int, entry: bytes) -> Proof:
    """Return the proof of an entry against a checkpoint.

    Raises:
        InvalidInput: The checkpoint does not reach it, or a tile is missing.
    """
    head = parse_checkpoint(parse_note(checkpoint).text).head

    def read(tile: Tile) -> bytes:
        return source.tile(tile) or b""

    path = inclusion_proof(index, head.size, TileNodes(head.size, read))
    return Proof(index, tuple(path), checkpoint, entry)


def _write_partial(folder: Path, edge: Edge) -> None:
    for tile, hashes in edge.partial():
        _write(folder / tile.path, hashes)


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
