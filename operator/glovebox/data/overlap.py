"""What datasets of different roles have in common, from their manifests alone.

Two objects are the same when their bytes are, whatever they are called and wherever they lie. Two
objects belong to the same group when the same value stands in the folder `<column>=<value>/` of
their paths, or among the values that a pin declares. An object without a byte is nobody's.

The memory needed does not grow with the datasets: what was read is parted by its hash into pieces
in one unnamed file, and equal things are in the same piece. Each piece is then looked at alone.
"""

from __future__ import annotations

import hashlib
import marshal
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, Literal
from urllib.parse import unquote

from glovebox.data.manifest_scan import Listed

Kind = Literal["Objects", "Groups"]

# So many pairs of names are kept of what two inputs share.
MAX_EXAMPLES: Final = 5
_PIECES: Final = 256
# What is held before it is written: some ten megabytes.
_HELD: Final = 60_000
# A row: digest, which input, path or value.
_Row = tuple[bytes, int, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """A dataset to compare.

    Attributes:
        name: Of the input.
        role: What it is for; inputs of one role may share what they like.
        objects: Its objects, in the order of their paths.
        column: The group's column, where groups are to be compared; else empty.
        values: The groups, as its pin declares them; when empty, they are read from the paths.
    """

    name: str
    role: str
    objects: Iterable[Listed]
    column: str = ""
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class Shared:
    """What two inputs have in common.

    Attributes:
        first, second: Names of the inputs, in the order in which they were given.
        kind: Whether objects or groups are meant.
        first_count: How many of the first one's are also in the second.
        second_count: How many of the second one's are also in the first.
        examples: Some, as they are called in the one and in the other.
    """

    first: str
    second: str
    kind: Kind
    first_count: int = 0
    second_count: int = 0
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Overlap:
    """What was found.

    Attributes:
        shared: Of each pair of inputs that share anything, in the order of the inputs.
        objects: How many objects each input has that hold a byte, by name.
        groups: How many groups each input has whose groups were compared, by name.
        ungrouped: Objects outside of any folder `<column>=<value>/`, by name: how many, and one.
    """

    shared: tuple[Shared, ...] = ()
    objects: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    ungrouped: Mapping[str, tuple[int, str]] = field(default_factory=dict)


def find_overlap(
    inputs: Iterable[Compared], tell: Callable[[int], None] = lambda _: None
) -> Overlap:
    """Return what inputs of different roles share. Blocks, and reads each input once.

    Args:
        inputs: Each with another name.
        tell: Called now and then with the number of objects read so far.
    """
    asked = tuple(inputs)
    with (
        tempfile.TemporaryFile(prefix="glovebox-overlap-") as of_objects,
        tempfile.TemporaryFile(prefix="glovebox-overlap-") as of_groups,
    ):
        objects, groups = _Pieces(of_objects), _Pieces(of_groups)
        counts: dict[str, int] = {}
        ungrouped: dict[str, tuple[int, str]] = {}
        read = 0
        for place, each in enumerate(asked):
            count, stray, some = 0, 0, ""
            last = None
            for value in each.values if each.column else ():
                groups.add((_group_hash(each.column, value), place, value))
            folder = f"{each.column}=" if each.column and not each.values else ""
            for path, size, sha256 in each.objects:
                read += 1
                if read % _HELD == 0:
                    tell(read)
                if not size:
                    continue
                count += 1
                objects.add((sha256, place, path))
                if not folder:
                    continue
                group = _group_of(path, folder)
                if group is None:
                    stray, some = stray + 1, some or path
                elif group != last:
                    groups.add((_group_hash(each.column, group), place, group))
                    last = group
            counts[each.name] = count
            if stray:
                ungrouped[each.name] = (stray, some)
        tell(read)
        found, _ = _shared(asked, objects, "Objects", every=True)
        alike, distinct = _shared(asked, groups, "Groups", every=False)
    grouped = {each.name: distinct[place] for place, each in enumerate(asked) if each.column}
    return Overlap((*found, *alike), counts, grouped, ungrouped)


class _Pieces:
    """Rows, parted by the first byte of their hash."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._held: list[list[_Row]] = [[] for _ in range(_PIECES)]
        self._number = 0
        self._blocks: list[list[tuple[int, int]]] = [[] for _ in range(_PIECES)]

    def add(self, row: _Row) -> None:
        self._held[row[0][0]].append(row)
        self._number += 1
        if self._number >= _HELD:
            self._spill()

    def __iter__(self) -> Iterator[list[_Row]]:
        """Yield the rows of each piece, in the order in which they came."""
        for held, blocks in zip(self._held, self._blocks, strict=True):
            rows: list[_Row] = []
            for offset, length in blocks:
                self._file.seek(offset)
                rows += marshal.loads(self._file.read(length))  # noqa: S302 - our own unnamed file
            yield rows + held

    def _spill(self) -> None:
        self._file.seek(0, 2)
        for held, blocks in zip(self._held, self._blocks, strict=True):
            if held:
                raw = marshal.dumps(held)
                blocks.append((self._file.tell(), len(raw)))
                self._file.write(raw)
                held.clear()
        self._number = 0


def _shared(
    asked: tuple[Compared, ...], pieces: _Pieces, kind: Kind, *, every: bool
) -> tuple[list[Shared], dict[int, int]]:
    """Return what is shared, and how many different things each input has.

    Args:
        asked: The inputs.
        pieces: What they hold.
        kind: As the result says.
        every: Whether each row counts, or each different thing once.
    """
    found: dict[tuple[int, int], Shared] = {}
    distinct: dict[int, int] = defaultdict(int)
    for rows in pieces:
        same: dict[bytes, dict[int, tuple[int, str]]] = {}
        for digest, place, name in rows:
            holders = same.setdefault(digest, {})
            number, first = holders.get(place, (0, name))
            holders[place] = (number + 1, first)
        for holders in same.values():
            for place in holders:
                distinct[place] += 1
            if len(holders) > 1:
                _note(asked, found, holders, kind, every=every)
    return [found[pair] for pair in sorted(found)], distinct


def _note(
    asked: tuple[Compared, ...],
    found: dict[tuple[int, int], Shared],
    holders: Mapping[int, tuple[int, str]],
    kind: Kind,
    *,
    every: bool,
) -> None:
    places = sorted(holders)
    for at, one in enumerate(places):
        for other in places[at + 1 :]:
            if asked[one].role == asked[other].role:
                continue
            pair = found.setdefault((one, other), Shared(asked[one].name, asked[other].name, kind))
            pair.first_count += holders[one][0] if every else 1
            pair.second_count += holders[other][0] if every else 1
            if len(pair.examples) < MAX_EXAMPLES:
                pair.examples += ((holders[one][1], holders[other][1]),)


def _group_of(path: str, folder: str) -> str | None:
    """Return the value of `<column>=<value>` among the folders of a path, as Hive writes it."""
    for part in path.split("/")[:-1]:
        if part.startswith(folder):
            return unquote(part[len(folder) :])
    return None


def _group_hash(column: str, value: str) -> bytes:
    # Values of different columns are no groups of each other.
    return hashlib.sha256(f"{column}\0{value}".encode("utf-8", "surrogatepass")).digest()
