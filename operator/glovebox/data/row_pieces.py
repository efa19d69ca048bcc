"""Hashes of rows in pieces on a disk: what is equal is in one piece, whatever its number.

The memory needed does not grow with the number of rows: hashes are parted into pieces in an unnamed
file, and each piece is then looked at alone. Tenants choose the keys, and with them the hashes: so
the pieces are not parted by anything that they can compute, and the file has a bound.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import IO, Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput

# Of each hash; `data/arrow_keys.py` makes them.
WIDTH: Final = 16
_NO_KEY: Final = bytes(WIDTH)
PIECES: Final = 256
# What is held before it is written: some six megabytes.
_HELD: Final = 250_000
# What the file takes: `/tmp` has 2 GiB for each task.
MAX_SPILLED: Final = 3 << 29
# A hash, and which row of its input it is of.
ROW_BYTES: Final = WIDTH + 8
_MAX_NAME: Final = 160


class Files:
    """Which file a row of an input is in. Names are in a file of their own: there may be many.

    Args:
        file: Where they lie.
        longest: How many letters of a path are kept.
    """

    def __init__(self, file: IO[bytes], longest: int = _MAX_NAME) -> None:
        self._file, self._longest = file, longest
        self._starts, self._names = array("Q"), array("Q")

    def add(self, path: str, start: int) -> None:
        """Begin a file: its first row is this one."""
        raw = path[: self._longest].encode("utf-8", "surrogatepass")
        self._starts.append(start)
        self._names.append(self._file.seek(0, 2))
        self._file.write(len(raw).to_bytes(4, "big") + raw)

    def number(self, row: int) -> int:
        """Return the number of the file that a row is in, from 0."""
        return bisect_right(self._starts, row) - 1

    def place(self, row: int) -> tuple[str, int]:
        """Return the path of the file that a row is in, and its number there: from 1."""
        at = self.number(row)
        self._file.seek(self._names[at])
        raw = self._file.read(int.from_bytes(self._file.read(4), "big"))
        return raw.decode("utf-8", "surrogatepass"), row - self._starts[at] + 1

    def told(self, row: int) -> str:
        """Return where a row stands, for a person."""
        path, number = self.place(row)
        return f"row {number} of {path}"


class Pieces:
    """Hashes with their rows, parted by a hash that is another one in each process.

    Args:
        file: Where they lie.
        too_many: What to say of more rows than fit.
        most: How many bytes the file may take.
    """

    def __init__(self, file: IO[bytes], too_many: str, most: int) -> None:
        self._file = file
        self._too_many = too_many
        self._left = most
        self._place = 0
        self._hashes = [bytearray() for _ in range(PIECES)]
        self._rows = [array("Q") for _ in range(PIECES)]
        self._number = 0
        self._blocks: list[list[tuple[int, int, int]]] = [[] for _ in range(PIECES)]

    def add(self, place: int, part: bytes, row: int) -> int:
        """Add the rows of an input, of which the first is this one; return how many have no key."""
        if place != self._place:
            self._spill()
            self._place = place
        self._left -= len(part) // WIDTH * ROW_BYTES
        if self._left < 0:
            raise InvalidInput(reasons.TOO_MANY_OBJECTS, self._too_many)
        hashes, rows, keyless = self._hashes, self._rows, 0
        for at in range(0, len(part), WIDTH):
            found = part[at : at + WIDTH]
            if found == _NO_KEY:
                keyless += 1
            else:
                # Python's own hash has a secret key: nobody can make keys that meet in one piece.
                piece = hash(found) % PIECES
                hashes[piece] += found
                rows[piece].append(row)
            row += 1
        self._number += len(part) // WIDTH
        if self._number >= _HELD:
            self._spill()
        return keyless

    def places(self, piece: int) -> list[int]:
        """Return the inputs that have rows in a piece."""
        self._spill()
        return sorted({place for place, _, _ in self._blocks[piece]})

    def rows(self, piece: int, place: int) -> Iterator[tuple[bytes, int]]:
        """Yield the hashes of an input in a piece, each with its row, in their order."""
        self._spill()
        for owner, offset, number in self._blocks[piece]:
            if owner != place:
                continue
            self._file.seek(offset)
            hashes, rows = self._file.read(number * WIDTH), array("Q")
            rows.frombytes(self._file.read(number * 8))
            for at, row in enumerate(rows):
                yield hashes[at * WIDTH : (at + 1) * WIDTH], row

    def _spill(self) -> None:
        if not self._number:
            return
        at = self._file.seek(0, 2)
        for hashes, rows, blocks in zip(self._hashes, self._rows, self._blocks, strict=True):
            if rows:
                blocks.append((self._place, at, len(rows)))
                at += self._file.write(hashes) + self._file.write(rows.tobytes())
                hashes.clear()
                del rows[:]
        self._number = 0
