"""Which texts of datasets of different roles are nearly the same, by their signatures.

A signature (`near_texts.py`) is cut into 32 bands of four components. Of two texts that are near at
most 25 components differ, so that at least seven bands are the same: whoever looks at all texts
that have one band in common, band by band, misses none. Each band is as long as
a row's hash, and is parted on a disk as these are (`row_pieces.py`); the memory needed does not
grow with the datasets.

Texts that have much in common (a letter with another name in each) have bands in common, and to
compare each with each takes the square of their number. So of the texts with one band in common at
most a hundred different ones of each input are looked at, and the bands that are cut in this way
are counted: fewer than seven of them hide nothing.

No text is kept or shown, only where it stands: texts may be personal.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final

from glovebox.data.near_texts import BANDS, NEEDED, SIGNATURE_BYTES, agreeing
from glovebox.data.overlap import MAX_EXAMPLES, Shared
from glovebox.data.row_overlap import InBoth, Keyed, pairs_of, shared_by
from glovebox.data.row_pieces import MAX_SPILLED, PIECES, ROW_BYTES, Files, Pieces

# So many different texts of an input are looked at that have one band in common.
MOST_ALIKE: Final = 100
MAX_TEXTS: Final = MAX_SPILLED // (SIGNATURE_BYTES + BANDS * ROW_BYTES)


@dataclass(slots=True)
class NearTexts:
    """What was found.

    Attributes:
        near: Of each pair of inputs with texts that are near, in the order of the inputs: how many
            of the one are near to any of the other.
        texts: How many rows each input has, by name.
        wordless: How many of them have no word and were compared with none, by name.
        crowded: How many bands were cut.
    """

    near: tuple[Shared, ...] = ()
    texts: dict[str, int] = field(default_factory=dict)
    wordless: dict[str, int] = field(default_factory=dict)
    crowded: int = 0


def find_near_texts(inputs: Iterable[Keyed], going: Callable[[], None] = lambda: None) -> NearTexts:
    """Return which texts of inputs of different roles are near. Blocks, and reads each input once.

    Args:
        inputs: Each with another name; of each row the signature.
        going: Called now and then; what it raises ends this.

    Raises:
        InvalidInput: `TooManyObjects`: they do not fit into the temporary files.
    """
    asked = tuple(inputs)
    with (
        tempfile.TemporaryFile(prefix="glovebox-texts-") as of_bands,
        tempfile.TemporaryFile(prefix="glovebox-texts-") as of_names,
        tempfile.TemporaryFile(prefix="glovebox-texts-") as of_signatures,
    ):
        pieces = Pieces(of_bands, _too_many(), MAX_TEXTS * BANDS * ROW_BYTES)
        signatures = _Signatures(of_signatures)
        found = NearTexts()
        places = [Files(of_names) for _ in asked]
        for place, each in enumerate(asked):
            rows = wordless = 0
            signatures.begin()
            for path, parts in each.files:
                places[place].add(path, rows)
                for part in parts:
                    going()
                    # Each band is a row of its own there: that of a text is found by dividing.
                    wordless += pieces.add(place, part, rows * BANDS) // BANDS
                    signatures.add(part)
                    rows += len(part) // SIGNATURE_BYTES
            found.texts[each.name] = rows
            if wordless:
                found.wordless[each.name] = wordless
        search = _Search(pieces, signatures, pairs_of(asked), going)
        for piece in range(PIECES):
            search.look(piece)
        found.crowded = search.crowded
        found.near = tuple(
            shared_by(asked, places, pair, "Texts", near.in_both)
            for pair, near in sorted(search.counted.items())
        )
    return found


def _too_many() -> str:
    return (
        "the datasets of different roles have too many texts together to be compared (more"
        f" than {MAX_TEXTS:,}): use fewer inputs in one Experiment, or pins without"
        " `spec.coverage.texts`"
    )


class _Signatures:
    """The signatures of all inputs, on a disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._starts: list[int] = []
        self._is_written = True

    def begin(self) -> None:
        """Begin an input."""
        self._starts.append(self._file.seek(0, os.SEEK_END))

    def add(self, part: bytes) -> None:
        """Add rows of the input that was begun last."""
        self._file.write(part)
        self._is_written = False

    def of(self, place: int, row: int) -> bytes:
        """Return the signature of a row."""
        if not self._is_written:
            self._file.flush()
            self._is_written = True
        at = self._starts[place] + row * SIGNATURE_BYTES
        return os.pread(self._file.fileno(), SIGNATURE_BYTES, at)


class _Marked:
    """Rows of an input, each counted once: a bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.number = 0

    def add(self, rows: Iterable[int]) -> None:
        """Mark rows."""
        for row in rows:
            at, bit = row >> 3, 1 << (row & 7)
            if at >= len(self._bits):
                self._bits.extend(bytes(at + 1 - len(self._bits)))
            if not self._bits[at] & bit:
                self._bits[at] |= bit
                self.number += 1


@dataclass(slots=True)
class _Counted:
    """What is near in two inputs: rows of each, and the first pairs."""

    first: _Marked = field(default_factory=_Marked)
    second: _Marked = field(default_factory=_Marked)
    examples: list[tuple[int, int]] = field(default_factory=list)

    @property
    def in_both(self) -> InBoth:
        return InBoth(self.first.number, self.second.number, self.examples)


# The rows of an input that have one band in common, by their signatures as numbers.
_Alike = dict[int, "array[int]"]


class _Search:
    """Compares the texts that have a band in common."""

    def __init__(
        self,
        pieces: Pieces,
        signatures: _Signatures,
        pairs: list[tuple[int, int]],
        going: Callable[[], None],
    ) -> None:
        self._pieces, self._signatures, self._pairs = pieces, signatures, pairs
        self._going = going
        self.counted: dict[tuple[int, int], _Counted] = defaultdict(_Counted)
        self.crowded = 0

    def look(self, piece: int) -> None:
        """Compare the texts whose bands are in one piece."""
        self._going()
        for rows in self._common(piece):
            self._going()
            alike, is_cut = self._by_signature(rows)
            self.crowded += is_cut
            for one, other in self._pairs:
                if one in alike and other in alike:
                    self._compare((one, other), alike[one], alike[other])

    def _common(self, piece: int) -> Iterator[dict[int, array[int]]]:
        """Yield the rows of each input that have one band in common, where several inputs do."""
        held: dict[int, set[bytes]] = {
            place: {band for band, _ in self._pieces.rows(piece, place)}
            for place in self._pieces.places(piece)
        }
        common: set[bytes] = set()
        for one, other in self._pairs:
            if one in held and other in held:
                common |= held[one] & held[other]
        places = tuple(held)
        held.clear()
        found: dict[bytes, dict[int, array[int]]] = {band: {} for band in common}
        for place in places:
            for band, row in self._pieces.rows(piece, place):
                if band in common:
                    found[band].setdefault(place, array("Q")).append(row // BANDS)
        yield from found.values()

    def _by_signature(self, rows: Mapping[int, array[int]]) -> tuple[dict[int, _Alike], bool]:
        """Return rows by their signatures, at most `MOST_ALIKE` of an input; and whether it is cut.

        A copy of a text that is looked at is never left out.
        """
        found: dict[int, _Alike] = {}
        is_cut = False
        for place, mine in rows.items():
            alike = found[place] = {}
            for row in mine:
                number = int.from_bytes(self._signatures.of(place, row), "big")
                if number in alike:
                    alike[number].append(row)
                elif len(alike) < MOST_ALIKE:
                    alike[number] = array("Q", (row,))
                else:
                    is_cut = True
        return found, is_cut

    def _compare(self, pair: tuple[int, int], ones: _Alike, others: _Alike) -> None:
        near = [(one, other) for one in ones for other in others if agreeing(one, other) >= NEEDED]
        if not near:
            return
        counted = self.counted[pair]
        # Each set of copies once, and not as often as it is near to something.
        for one in {one for one, _ in near}:
            counted.first.add(ones[one])
        for other in {other for _, other in near}:
            counted.second.add(others[other])
        # The first ones, in whichever order the pieces are looked at.
        examples = {(ones[one][0], others[other][0]) for one, other in near}
        counted.examples = sorted(examples.union(counted.examples))[:MAX_EXAMPLES]
