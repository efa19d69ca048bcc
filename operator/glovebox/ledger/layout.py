"""Where the objects of a ledger lie below a bucket, or below a folder.

    .glovebox/ledger/<organisation>/<epoch>/
        genesis                      what the ledger is; made once, by a command
        entries/000/000/000/042      one object for each entry; to claim the key is to get the index
        tile/0/000, tile/0/000.p/43  the tree, in tiles
        tile/entries/000             entries again, in bundles of 256: for C2SP's own clients
        checkpoints/000/000/000/043  the head at that size, signed
        cosignatures/000/000/000/043/<id>   what a witness said of it
        timestamps/000/000/000/043/<id>     when an authority knew it (RFC 3161)

Each is written once. The oldest version of a key counts, and a second one is a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.ledger.tiles import Tile, parse_path

ROOT: Final = ".glovebox/ledger/"
# As a DNS label: it is part of keys and of origins.
_ORGANISATION: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBERED: Final = re.compile(r"(entries|checkpoints)/([0-9]{3}/[0-9]{3}/[0-9]{3}/[0-9]{3})")
_SAID_OF: Final = re.compile(r"(cosignatures|timestamps)/([0-9]{3}(?:/[0-9]{3}){3})/([0-9a-f]{8})")
_DIGITS: Final = 12
GROUP: Final = 1000


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys of one epoch of a ledger.

    Attributes:
        organisation: Whose ledger.
        epoch: From 1.
    """

    organisation: str
    epoch: int

    def __post_init__(self) -> None:
        if not _ORGANISATION.fullmatch(self.organisation):
            raise InvalidInput(
                reasons.LEDGER_INVALID,
                f"{self.organisation!r} cannot name a ledger: use at most 63 of a-z, 0-9 and `-`",
            )

    @property
    def prefix(self) -> str:
        """What all keys begin with."""
        return f"{ROOT}{self.organisation}/{self.epoch}/"

    @property
    def genesis(self) -> str:
        """The key of the genesis."""
        return f"{self.prefix}genesis"

    def entry(self, index: int) -> str:
        """Return the key of an entry."""
        return f"{self.prefix}{entry_path(index)}"

    def group(self, kind: str, number: int) -> str:
        """Return what the keys of a thousand entries or checkpoints begin with."""
        return f"{self.prefix}{kind}/{_grouped(number * GROUP)[:-3]}"

    def checkpoint(self, size: int) -> str:
        """Return the key of the checkpoint at a size."""
        return f"{self.prefix}{checkpoint_path(size)}"

    def cosignature(self, size: int, key_id: bytes) -> str:
        """Return the key of a witness's signature over the checkpoint at a size."""
        return f"{self.cosignatures(size)}{key_id.hex()}"

    def cosignatures(self, size: int) -> str:
        """Return what the keys of all signatures of witnesses at a size begin with."""
        return f"{self.prefix}cosignatures/{_grouped(size)}/"

    def timestamp(self, size: int, authority: str) -> str:
        """Return the key of what an authority said of the checkpoint at a size."""
        return f"{self.prefix}{timestamp_path(size, authority)}"

    def tile(self, tile: Tile) -> str:
        """Return the key of a tile."""
        return f"{self.prefix}{tile.path}"

    def next(self) -> Layout:
        """Return the keys of the next epoch."""
        return Layout(self.organisation, self.epoch + 1)


@dataclass(frozen=True, slots=True)
class Place:
    """What a path below the prefix of an epoch is.

    Attributes:
        kind: `genesis`, `entries`, `checkpoints`, `cosignatures`, `timestamps` or `tile`; empty for
            what does not belong there.
        number: Index or size, where it has one.
        tile: Of a tile.
    """

    kind: str
    number: int = 0
    tile: Tile | None = None


def place_of(path: str) -> Place:
    """Return what a path below the prefix is."""
    if path == "genesis":
        return Place(path)
    if found := _NUMBERED.fullmatch(path):
        return Place(found[1], int(found[2].replace("/", "")))
    if found := _SAID_OF.fullmatch(path):
        return Place(found[1], int(found[2].replace("/", "")))
    tile = parse_path(path)
    return Place("tile", tile=tile) if tile is not None else Place("")


def entry_path(index: int) -> str:
    """Return the path of an entry below the prefix."""
    return f"entries/{_grouped(index)}"


def checkpoint_path(size: int) -> str:
    """Return the path of the checkpoint at a size below the prefix."""
    return f"checkpoints/{_grouped(size)}"


def timestamp_path(size: int, authority: str) -> str:
    """Return the path of what an authority said of the checkpoint at a size below the prefix."""
    return f"timestamps/{_grouped(size)}/{authority}"


def _grouped(number: int) -> str:
    digits = str(number).zfill(_DIGITS)
    return "/".join(digits[i : i + 3] for i in range(0, _DIGITS, 3))
