"""Holds the entries' hashes against the heads that the log signed, while both go by.

The tree grows with each entry. Where a signed head fits, all before it is settled, and the tiles up
to there are compared. Where one does not, its tiles may lead to the root that was signed, and then
they say which entries differ; the tree goes on with what was signed. A head that fits nothing stays
open until a later one fits: then the log signed two histories.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from glovebox.errors import InvalidInput
from glovebox.ledger import findings as words
from glovebox.ledger.checkpoint import Head
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.layout import entry_path
from glovebox.ledger.policy import Accepted
from glovebox.ledger.tiles import WIDTH, Edge, Tile, TileNodes


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head that a trusted key signed.

    Attributes:
        where: How findings call it.
        accepted: The checkpoint.
        is_remembered: Whether it does not lie beside the entries, but was kept elsewhere.
    """

    where: str
    accepted: Accepted
    is_remembered: bool = False

    @property
    def head(self) -> Head:
        """What was signed."""
        return self.accepted.opened.head


class History:
    """The tree over the entries so far.

    Args:
        read: Returns the bytes of a tile, at least as wide as asked for, or None.
        report: Gets the findings.

    Attributes:
        settled: Up to which size a signed head fits.
    """

    def __init__(self, read: Callable[[Tile], bytes | None], report: LedgerReport) -> None:
        self._read, self._report = read, report
        # Up to the last head that fitted; and from there to the last entry, None behind a gap.
        self._edge = Edge()
        self._tip: Edge | None = Edge()
        self._leaves: list[bytes | None] = []
        self._tiles: list[tuple[Tile, bytes]] = []
        self._open: list[SignedHead] = []

    @property
    def settled(self) -> int:
        """Up to which size a signed head fits."""
        return self._edge.size

    def add(self, leaf: bytes | None) -> None:
        """Take the hash of the next entry; None where it is missing."""
        self._leaves.append(leaf)
        if leaf is None:
            self._tip = None
        elif self._tip is not None:
            self._tiles += self._tip.add(leaf)

    def compare(self, heads: Sequence[SignedHead]) -> None:
        """Compare heads of the present size with the entries."""
        root = self._tip.root() if self._tip is not None else None
        fitting = [each for each in heads if each.head.root == root]
        if not fitting:
            fitting = [each for each in heads if self._is_repaired_by(each.head)][:1]
        self._open += [each for each in heads if each not in fitting]
        if fitting:
            self._settle(fitting)

    def finish(self) -> None:
        """Name the heads that fitted nothing."""
        for each in self._open:
            message = (
                f"the entries up to {each.head.size} do not have its root; up to"
                f" {self.settled} they fit what was signed"
            )
            what = words.FORKED if each.is_remembered else words.ROOT_DIFFERS
            self._report.note(what, each.where, message)

    def _settle(self, fitting: list[SignedHead]) -> None:
        assert self._tip is not None  # noqa: S101 - a head fitted it
        for tile, body in (*self._tiles, *self._tip.partial()):
            found = self._read(tile)
            if found is None or found[: len(body)] != body:
                message = "it is missing" if found is None else "it holds other hashes"
                self._report.note(words.TILE_DIFFERS, tile.path, message)
        self._edge, self._leaves, self._tiles = self._tip.copy(), [], []
        for each in self._open:
            message = (
                f"a head of size {each.head.size} was signed that is not of these entries, and"
                f" {fitting[0].where} is"
            )
            self._report.note(words.FORKED, each.where, message)
        self._open = []
        for each in fitting:
            if not each.is_remembered:
                self._report.checkpoints += 1
                self._report.newest = each.accepted

    def _is_repaired_by(self, head: Head) -> bool:
        """Take the leaves from the tiles, when these lead to the root that was signed."""
        proven = self._proven_leaves(head)
        if proven is None:
            return False
        tip, tiles = self._edge.copy(), list[tuple[Tile, bytes]]()
        for place, leaf in enumerate(proven):
            own = self._leaves[place]
            if own is not None and own != leaf:
                message = "its bytes are not those whose hash the log signed"
                where = entry_path(self._edge.size + place)
                self._report.note(words.ENTRY_DIFFERS, where, message)
            tiles += tip.add(leaf)
        self._tip, self._tiles = tip, tiles
        return True

    def _proven_leaves(self, head: Head) -> list[bytes] | None:
        def read(tile: Tile) -> bytes:
            return self._read(tile) or b""

        begin, end = self._edge.size, head.size
        leaves: list[bytes] = []
        try:
            if Edge.load(end, read).root() != head.root:
                return None
            nodes = TileNodes(end, read)
            for number in range(begin // WIDTH, (end + WIDTH - 1) // WIDTH):
                proven = nodes.proven(number)
                if proven is None:
                    return None
                leaves += proven[max(0, begin - number * WIDTH) :]
        except InvalidInput:
            return None
        # What was settled before must be its beginning: else it is of another history.
        tip = self._edge.copy()
        for leaf in leaves:
            tip.add(leaf)
        return leaves if tip.root() == head.root else None
