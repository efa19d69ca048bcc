"""Which rows datasets of different roles have in common, by the hashes of their keys.

The memory needed does not grow with the datasets: hashes are parted into pieces in an unnamed
file, and equal ones are in the same piece. Each piece is then looked at alone. Tenants choose the
keys, and with them the hashes: so the pieces are not parted by anything that they can compute,
equal ones are counted and not held, and the file has a bound.

No key is kept or shown, only where it stands: keys may be personal.
"""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final

from glovebox.api import reasons
from glovebox.data.overlap import MAX_EXAMPLES, Shared
from glovebox.errors import InvalidInput

# Of each hash; `data/arrow_keys.py` makes them.
_WIDTH: Final = 16
_NO_KEY: Final = bytes(_WIDTH)
_PIECES: Final = 256
# What is held before it is written: some six megabytes.
_HELD: Final = 250_000
# What the file takes: `/tmp` has 2 GiB for each task.
MAX_SPILLED: Final = 3 << 29
# A hash, and which row of its input it is of.
_ROW_BYTES: Final = _WIDTH + 8
_MAX_NAME: Final = 160


@dataclass(frozen=True, slots=True)
class Keyed:
    """A dataset whose rows are to be compared.

    Attributes:
        name: Of the input.
        role: What it is for; inputs of one role may share what they like.
        files: Path of each of its tables, with the hashes of its rows in their order, in parts.
    """

    name: str
    role: str
    files: Iterable[tuple[str, Iterable[bytes]]]


@dataclass(slots=True)
class SharedRows:
    """What was found.

    Attributes:
        shared: Of each pair of inputs that share any, in the order of the inputs.
        rows: How many rows each input has, by name.
        keyless: How many of them have no key at all and were compared with none, by name.
    """

    shared: tuple[Shared, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    keyless: dict[str, int] = field(default_factory=dict)


def find_shared_rows(
    inputs: Iterable[Keyed], tell: Callable[[], None] = lambda: None
) -> SharedRows:
    """Return which rows inputs of different roles share. Blocks, and reads each input once.

    Args:
        inputs: Each with another name.
        tell: Called now and then; what it raises ends this.

    Raises:
        InvalidInput: `TooManyObjects`: they do not fit into the temporary file.
    """
    asked = tuple(inputs)
    with (
        tempfile.TemporaryFile(prefix="glovebox-rows-") as of_rows,
        tempfile.TemporaryFile(prefix="glovebox-rows-") as of_names,
    ):
        pieces = _Pieces(of_rows)
        found = SharedRows()
        places = [_Files(of_names) for _ in asked]
        for place, each in enumerate(asked):
            rows = keyless = 0
            for path, parts in each.files:
                places[place].add(path, rows)
                for part in parts:
                    tell()
                    keyless += pieces.add(place, part, rows)
                    rows += len(part) // _WIDTH
            found.rows[each.name] = rows
            if keyless:
                found.keyless[each.name] = keyless
        pairs = _pairs(asked)
        shared: dict[tuple[int, int], _Counted] = defaultdict(_Counted)
        for piece in range(_PIECES):
            tell()
            _compare(pieces, piece, pairs, shared)
        found.shared = tuple(
            Shared(
                asked[one].name,
                asked[other].name,
                "Rows",
                counted.first,
                counted.second,
                tuple(
                    (places[one].told(first), places[other].told(second))
                    for first, second in counted.examples
                ),
            )
            for (one, other), counted in sorted(shared.items())
        )
    return found


@dataclass(slots=True)
class _Counted:
    """What two inputs share: rows of each, and the first ones."""

    first: int = 0
    second: int = 0
    examples: list[tuple[int, int]] = field(default_factory=list)


class _Files:
    """Which file a row of an input is in. Names are in a file of their own: there may be many."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._starts, self._names = array("Q"), array("Q")

    def add(self, path: str, start: int) -> None:
        raw = path[:_MAX_NAME].encode("utf-8", "surrogatepass")
        self._starts.append(start)
        self._names.append(self._file.seek(0, 2))
        self._file.write(len(raw).to_bytes(4, "big") + raw)

    def told(self, row: int) -> str:
        """Return where a row stands, for a person: rows of a file are counted from 1."""
        at = bisect_right(self._starts, row) - 1
        self._file.seek(self._names[at])
        raw = self._file.read(int.from_bytes(self._file.read(4), "big"))
        return f"row {row - self._starts[at] + 1} of {raw.decode('utf-8', 'surrogatepass')}"


class _Pieces:
    """Hashes with their rows, parted by a hash that is another one in each process."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = MAX_SPILLED
        self._place = 0
        self._hashes = [bytearray() for _ in range(_PIECES)]
        self._rows = [array("Q") for _ in range(_PIECES)]
        self._number = 0
        self._blocks: list[list[tuple[int, int, int]]] = [[] for _ in range(_PIECES)]

    def add(self, place: int, part: bytes, row: int) -> int:
        """Add the rows of an input, of which the first is this one; return how many have no key."""
        if place != self._place:
            self._spill()
            self._place = place
        self._left -= len(part) // _WIDTH * _ROW_BYTES
        if self._left < 0:
            raise InvalidInput(
                reasons.TOO_MANY_OBJECTS,
                "the datasets of different roles have too many rows together to be compared (more"
                f" than {MAX_SPILLED // _ROW_BYTES:,}): use fewer inputs in one Experiment, or"
                " pins without `spec.coverage.rows`",
            )
        hashes, rows, keyless = self._hashes, self._rows, 0
        for at in range(0, len(part), _WIDTH):
            found = part[at : at + _WIDTH]
            if found == _NO_KEY:
                keyless += 1
            else:
                # Python's own hash has a secret key: nobody can make keys that meet in one piece.
                piece = hash(found) % _PIECES
                hashes[piece] += found
                rows[piece].append(row)
            row += 1
        self._number += len(part) // _WIDTH
        if self._number >= _HELD:
            self._spill()
        return keyless

    def places(self, piece: int) -> list[int]:
        """Return the inputs that have rows in a piece."""
        self._spill()
        return sorted({place for place, _, _ in self._blocks[piece]})

    def rows(self, piece: int, place: int) -> Iterator[tuple[bytes, int]]:
        """Yield the hashes of an input in a piece, each with its row, in their order."""
        for owner, offset, number in self._blocks[piece]:
            if owner != place:
                continue
            self._file.seek(offset)
            hashes, rows = self._file.read(number * _WIDTH), array("Q")
            rows.frombytes(self._file.read(number * 8))
            for at, row in enumerate(rows):
                yield hashes[at * _WIDTH : (at + 1) * _WIDTH], row

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


def _pairs(asked: tuple[Keyed, ...]) -> list[tuple[int, int]]:
    places = range(len(asked))
    return [
        (one, other)
        for one in places
        for other in places[one + 1 :]
        if asked[one].role != asked[other].role
    ]


def _compare(
    pieces: _Pieces,
    piece: int,
    pairs: list[tuple[int, int]],
    shared: Mapping[tuple[int, int], _Counted],
) -> None:
    """Count what inputs share in one piece."""
    firsts: dict[int, dict[bytes, int]] = {}
    for place in pieces.places(piece):
        first = firsts[place] = {}
        for found, row in pieces.rows(piece, place):
            first.setdefault(found, row)
    alike = {
        (one, other): same
        for one, other in pairs
        if one in firsts and other in firsts and (same := firsts[one].keys() & firsts[other].keys())
    }
    numbers = {place: _numbers(pieces, piece, place, alike) for pair in alike for place in pair}
    for (one, other), same in alike.items():
        counted = shared[one, other]
        counted.first += sum(numbers[one][found] for found in same)
        counted.second += sum(numbers[other][found] for found in same)
        # The first ones, in whichever order the pieces are looked at.
        examples = [(firsts[one][found], firsts[other][found]) for found in same]
        counted.examples = sorted([*counted.examples, *examples])[:MAX_EXAMPLES]


def _numbers(
    pieces: _Pieces, piece: int, place: int, alike: Mapping[tuple[int, int], set[bytes]]
) -> Counter[bytes]:
    """Return how often each hash that is shared occurs in an input."""
    wanted = set().union(*(same for pair, same in alike.items() if place in pair))
    return Counter(found for found, _ in pieces.rows(piece, place) if found in wanted)
