"""Keys of a contract: those that may occur once, and those that have to occur in another pin.

Only hashes are compared, in pieces on a disk (`row_pieces.py`). No key is kept or shown, only where
it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final, Self

from glovebox.api.contract import RuleName
from glovebox.data.contracts import Judge
from glovebox.data.printable import printable
from glovebox.data.row_pieces import PIECES, ROW_BYTES, WIDTH, Files, Pieces

# Of so many files it is counted how many of their rows are at fault; of others together.
_MAX_FILES: Final = 1000
# A violation names the file: no more than that has room in status, and no key of S3 is longer.
_MAX_PATH: Final = 1024
_OWN: Final = 0
_TARGET: Final = 1


@dataclass(slots=True)
class _Wrong:
    """Rows of one file that are at fault: how many, the first, and what that is equal to."""

    count: int
    row: int
    like: int | None


@dataclass(slots=True)
class KeyCheck:
    """Takes the hashes of one key of all rows, and judges them.

    Attributes:
        rule: What is asked of it.
        columns: Which columns it has.
        target: Name of the other pin.
        room: How many bytes its hashes may take.
    """

    rule: RuleName
    columns: tuple[str, ...]
    target: str
    room: int
    _pieces: Pieces | None = field(default=None, init=False)
    _files: Files | None = field(default=None, init=False)

    @classmethod
    def unique(cls, columns: tuple[str, ...], room: int) -> Self:
        """Return the check of a key that may occur once."""
        return cls("Unique", columns, "", room)

    @classmethod
    def reference(cls, columns: tuple[str, ...], target: str, room: int) -> Self:
        """Return the check of a key that has to occur in another pin."""
        return cls("Reference", columns, target, room)

    @property
    def name(self) -> str:
        """The columns, for a person."""
        return ", ".join(self.columns)

    def open(self, of_rows: IO[bytes], of_names: IO[bytes]) -> None:
        """Begin with two empty files."""
        too_many = (
            f"the keys of `{self.name}` in the contract, and of what they are looked up in, are"
            f" more than fit into the temporary file ({self.room // ROW_BYTES:,}): ask for fewer"
            " keys, or pin fewer rows at once"
        )
        self._pieces, self._files = Pieces(of_rows, too_many, self.room), Files(of_names, _MAX_PATH)

    def begin(self, path: str, row: int) -> None:
        """Begin a file: its first row is this one."""
        self._open_files.add(path, row)

    def add(self, hashes: bytes, row: int) -> int:
        """Take the hashes of rows, of which the first is this one; return how many they are.

        Raises:
            InvalidInput: `TooManyObjects`.
        """
        self._open_pieces.add(_OWN, hashes, row)
        return len(hashes) // WIDTH

    def add_target(self, hashes: bytes) -> None:
        """Take the hashes of rows of the other pin; raises as `add`."""
        self._open_pieces.add(_TARGET, hashes, 0)

    def judge(self, judge: Judge, tell: Callable[[], None]) -> None:
        """Note what is wrong; `tell` is called now and then, and what it raises ends this."""
        wrong: dict[int, _Wrong] = {}
        others: Counter[str] = Counter()
        for piece in range(PIECES):
            tell()
            for row, like in self._wrong(piece):
                number = self._open_files.number(row)
                before = wrong.get(number)
                if before is not None:
                    before.count += 1
                    if row < before.row:
                        before.row, before.like = row, like
                elif len(wrong) < _MAX_FILES:
                    wrong[number] = _Wrong(1, row, like)
                else:
                    others["rows"] += 1
        for _, found in sorted(wrong.items()):
            path, row = self._open_files.place(found.row)
            judge.note(self.rule, path, self.name, found.count, self._told(row, found.like))
        if others:
            judge.note(self.rule, "", self.name, others["rows"], "in other files")

    def _told(self, row: int, like: int | None) -> str:
        if like is None:
            return f"row {row:,} holds what DatasetPin '{self.target}' does not"
        path, number = self._open_files.place(like)
        return f"row {row:,} has the same key as row {number:,} of `{printable(path)}`"

    def _wrong(self, piece: int) -> Iterator[tuple[int, int | None]]:
        pieces = self._open_pieces
        if self.rule == "Unique":
            seen: dict[bytes, int] = {}
            for found, row in pieces.rows(piece, _OWN):
                first = seen.setdefault(found, row)
                if first != row:
                    yield row, first
            return
        known = {found for found, _ in pieces.rows(piece, _TARGET)}
        for found, row in pieces.rows(piece, _OWN):
            if found not in known:
                yield row, None

    @property
    def _open_pieces(self) -> Pieces:
        assert self._pieces is not None  # noqa: S101 - `open` comes first
        return self._pieces

    @property
    def _open_files(self) -> Files:
        assert self._files is not None  # noqa: S101 - `open` comes first
        return self._files
