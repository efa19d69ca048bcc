"""What datasets of different roles have in common, from their manifests alone.

Two objects are the same when their bytes are, whatever they are called and wherever they lie. Two
objects belong to the same group when the same value stands in the folder `<column>=<value>/` of
their paths, or among the values that a pin declares. An object without a byte is nobody's.

The memory needed does not grow with the datasets: what was read is parted by a hash into pieces in
one unnamed file, and equal things are in the same piece. Each piece is then looked at alone.
Tenants choose the bytes, and with them the digests: so the pieces are not parted by anything that
they can compute, equal things are counted and not held, and the files have a bound.
"""

from __future__ import annotations

import hashlib
import marshal
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, Literal
from urllib.parse import unquote

from glovebox.api import reasons
from glovebox.data.manifest_scan import Listed
from glovebox.errors import InvalidInput

Kind = Literal["Objects", "Groups", "Rows", "Texts"]

# So many pairs of names are kept of what two inputs share.
MAX_EXAMPLES: Final = 5
_PIECES: Final = 256
# What is held before it is written: some ten megabytes.
_HELD: Final = 60_000
# What the two files take together: `/tmp` has 2 GiB for each task.
_MAX_SPILLED: Final = 3 << 29
# Names are only shown, and so much of them at most.
_MAX_NAME: Final = 160
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
        kind: Whether objects, groups, rows or texts are meant.
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
        rows: How many rows each input has whose rows were compared, by name.
        keyless: How many of them have no key and were compared with none, by name.
        unreadable: Of an input whose rows cannot be read: an object, and why. Then no rows were
            compared.
        texts: How many rows each input has whose texts were compared, by name.
        wordless: How many of them have no word and were compared with none, by name.
        textless: Of an input whose texts cannot be read: an object, and why. Then no texts were
            compared.
        crowded: How many sets of texts with much in common were not looked through whole.
    """

    shared: tuple[Shared, ...] = ()
    objects: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    ungrouped: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    keyless: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    texts: Mapping[str, int] = field(default_factory=dict)
    wordless: Mapping[str, int] = field(default_factory=dict)
    textless: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    crowded: int = 0


def find_overlap(
    inputs: Iterable[Compared], tell: Callable[[int], None] = lambda _: None
) -> Overlap:
    """Return what inputs of different roles share. Blocks, and reads each input once.

    Args:
        inputs: Each with another name.
        tell: Called now and then with the number of objects read so far; what it raises ends this.

    Raises:
        InvalidInput: `TooManyObjects`: they do not fit into the temporary files.
    """
    asked = tuple(inputs)
    with (
        tempfile.TemporaryFile(prefix="glovebox-overlap-") as of_objects,
        tempfile.TemporaryFile(prefix="glovebox-overlap-") as of_groups,
    ):
        room = _Room(_MAX_SPILLED)
        objects, groups = _Pieces(of_objects, room), _Pieces(of_groups, room)
        counts: dict[str, int] = {}
        ungrouped: dict[str, tuple[int, str]] = {}
        read = 0
        for place, each in enumerate(asked):
            seen = _part(each, place, objects, groups, _after(read, tell))
            read += seen.read
            counts[each.name] = seen.objects
            if seen.stray:
                ungrouped[each.name] = (seen.stray, seen.example)
        found, _ = _shared(asked, objects, "Objects", lambda: tell(read), every=True)
        alike, distinct = _shared(asked, groups, "Groups", lambda: tell(read), every=False)
    grouped = {each.name: distinct[place] for place, each in enumerate(asked) if each.column}
    return Overlap((*found, *alike), counts, grouped, ungrouped)


@dataclass(slots=True)
class _Seen:
    """What was read of a dataset: entries, those that hold a byte, and those in no group."""

    read: int = 0
    objects: int = 0
    stray: int = 0
    example: str = ""


def _after(read: int, tell: Callable[[int], None]) -> Callable[[int], None]:
    return lambda number: tell(read + number)


def _part(
    each: Compared,
    place: int,
    objects: _Pieces,
    groups: _Pieces,
    tell: Callable[[int], None],
) -> _Seen:
    """Part the objects and groups of a dataset into pieces."""
    seen = _Seen()
    for value in each.values if each.column else ():
        groups.add(_group_hash(each.column, value), place, value)
    folder = f"{each.column}=" if each.column and not each.values else ""
    last: list[str] = []
    for path, size, sha256 in each.objects:
        seen.read += 1
        if seen.read % _HELD == 0:
            tell(seen.read)
        if not size:
            continue
        seen.objects += 1
        objects.add(sha256, place, path)
        if not folder:
            continue
        belongs = _groups_of(path, folder)
        if not belongs:
            seen.stray, seen.example = seen.stray + 1, seen.example or path
        elif belongs != last:
            for group in belongs:
                groups.add(_group_hash(each.column, group), place, group)
            last = belongs
    return seen


@dataclass(slots=True)
class _Room:
    """How many bytes may still be written."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise InvalidInput(
                reasons.TOO_MANY_OBJECTS,
                "the datasets of different roles have too many objects together to be compared:"
                " use fewer inputs in one Experiment, or pins of fewer and larger objects",
            )


class _Pieces:
    """Rows, parted by a hash that is another one in each process."""

    def __init__(self, file: IO[bytes], room: _Room) -> None:
        self._file = file
        self._room = room
        self._held: list[list[_Row]] = [[] for _ in range(_PIECES)]
        self._number = 0
        self._blocks: list[list[tuple[int, int]]] = [[] for _ in range(_PIECES)]

    def add(self, digest: bytes, place: int, name: str) -> None:
        # Python's own hash has a secret key: nobody can make objects that meet in one piece.
        self._held[hash(digest) % _PIECES].append((digest, place, name[:_MAX_NAME]))
        self._number += 1
        if self._number >= _HELD:
            self._spill()

    def __iter__(self) -> Iterator[Iterator[_Row]]:
        """Yield the rows of each piece, in the order in which they came."""
        for held, blocks in zip(self._held, self._blocks, strict=True):
            yield self._rows(held, blocks)

    def _rows(self, held: list[_Row], blocks: list[tuple[int, int]]) -> Iterator[_Row]:
        for offset, length in blocks:
            self._file.seek(offset)
            yield from marshal.loads(self._file.read(length))  # noqa: S302 - our own unnamed file
        yield from held

    def _spill(self) -> None:
        self._file.seek(0, 2)
        for held, blocks in zip(self._held, self._blocks, strict=True):
            if held:
                raw = marshal.dumps(held)
                self._room.take(len(raw))
                blocks.append((self._file.tell(), len(raw)))
                self._file.write(raw)
                held.clear()
        self._number = 0


def _shared(
    asked: tuple[Compared, ...],
    pieces: _Pieces,
    kind: Kind,
    going: Callable[[], None],
    *,
    every: bool,
) -> tuple[list[Shared], dict[int, int]]:
    """Return what is shared, and how many different things each input has.

    Args:
        asked: The inputs.
        pieces: What they hold.
        kind: As the result says.
        going: Called for each piece.
        every: Whether each row counts, or each different thing once.
    """
    found: dict[tuple[int, int], Shared] = {}
    distinct: dict[int, int] = defaultdict(int)
    for rows in pieces:
        going()
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
            # The smallest ones, in whichever order the pieces are looked at.
            example = (holders[one][1], holders[other][1])
            if len(pair.examples) < MAX_EXAMPLES or example < pair.examples[-1]:
                pair.examples = tuple(sorted((*pair.examples, example))[:MAX_EXAMPLES])


def _groups_of(path: str, folder: str) -> list[str]:
    """Return the values of `<column>=<value>` among the folders of a path, as Hive writes them.

    Where one folder lies in another one of the same column, an object belongs to both.
    """
    found = (part[len(folder) :] for part in path.split("/")[:-1] if part.startswith(folder))
    return [unquote(value) for value in found if value]


def _group_hash(column: str, value: str) -> bytes:
    # Values of different columns are no groups of each other. One name is one value, whether a
    # system writes its accents as letters of their own (macOS) or not (all others).
    value = unicodedata.normalize("NFC", value)
    return hashlib.sha256(f"{column}\0{value}".encode("utf-8", "surrogatepass")).digest()
