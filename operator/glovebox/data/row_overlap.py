"""Which rows datasets of different roles have in common, by the hashes of their keys.

The memory needed does not grow with the datasets: hashes are parted into pieces in an unnamed
file, and equal ones are in the same piece. Each piece is then looked at alone. Tenants choose the
keys, and with them the hashes: so the pieces are not parted by anything that they can compute,
equal ones are counted and not held, and the file has a bound.

No key is kept or shown, only where it stands: keys may be personal.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from glovebox.data.overlap import MAX_EXAMPLES, Kind, Shared
from glovebox.data.row_pieces import MAX_SPILLED, PIECES, ROW_BYTES, WIDTH, Files, Pieces


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
        pieces = Pieces(of_rows, _too_many(), MAX_SPILLED)
        found = SharedRows()
        places = [Files(of_names) for _ in asked]
        for place, each in enumerate(asked):
            rows = keyless = 0
            for path, parts in each.files:
                places[place].add(path, rows)
                for part in parts:
                    tell()
                    keyless += pieces.add(place, part, rows)
                    rows += len(part) // WIDTH
            found.rows[each.name] = rows
            if keyless:
                found.keyless[each.name] = keyless
        pairs = pairs_of(asked)
        shared: dict[tuple[int, int], InBoth] = defaultdict(InBoth)
        for piece in range(PIECES):
            tell()
            _compare(pieces, piece, pairs, shared)
        found.shared = tuple(
            shared_by(asked, places, pair, "Rows", in_both)
            for pair, in_both in sorted(shared.items())
        )
    return found


@dataclass(slots=True)
class InBoth:
    """What two inputs have in common: how much of each, and the first rows of both."""

    first: int = 0
    second: int = 0
    examples: list[tuple[int, int]] = field(default_factory=list)


def _too_many() -> str:
    return (
        "the datasets of different roles have too many rows together to be compared (more"
        f" than {MAX_SPILLED // ROW_BYTES:,}): use fewer inputs in one Experiment, or"
        " pins without `spec.coverage.rows`"
    )


def shared_by(
    asked: Sequence[Keyed],
    places: Sequence[Files],
    pair: tuple[int, int],
    kind: Kind,
    found: InBoth,
) -> Shared:
    """Return what two inputs have in common.

    Args:
        asked: The inputs.
        places: Where their rows stand.
        pair: Which two, by their places.
        kind: What they have in common.
        found: How much.
    """
    one, other = pair
    return Shared(
        asked[one].name,
        asked[other].name,
        kind,
        found.first,
        found.second,
        tuple((places[one].told(row), places[other].told(same)) for row, same in found.examples),
    )


def pairs_of(asked: tuple[Keyed, ...]) -> list[tuple[int, int]]:
    """Return the places of the inputs that are compared with each other."""
    places = range(len(asked))
    return [
        (one, other)
        for one in places
        for other in places[one + 1 :]
        if asked[one].role != asked[other].role
    ]


def _compare(
    pieces: Pieces,
    piece: int,
    pairs: list[tuple[int, int]],
    shared: Mapping[tuple[int, int], InBoth],
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
    pieces: Pieces, piece: int, place: int, alike: Mapping[tuple[int, int], set[bytes]]
) -> Counter[bytes]:
    """Return how often each hash that is shared occurs in an input."""
    wanted = set().union(*(same for pair, same in alike.items() if place in pair))
    return Counter(found for found, _ in pieces.rows(piece, place) if found in wanted)
