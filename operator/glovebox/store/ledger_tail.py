"""Finds where a ledger ends: its newest entry, and its newest signed head.

Keys of a thousand indexes share a beginning, so the end is found by asking for a few groups and not
by listing all. Never the first index that is free, but the one behind the greatest that is taken:
a hole is damage, and nobody fills it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glovebox.errors import InvalidInput
from glovebox.ledger.checkpoint import Opened, open_checkpoint
from glovebox.ledger.layout import GROUP, Layout, place_of
from glovebox.store.ledger_objects import LedgerPlace, read_version, versions_below

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.ledger.note import VerifierKey
    from glovebox.store.connection import Stop
    from glovebox.store.ledger_objects import Versions


def find_size(place: LedgerPlace, layout: Layout, at_least: int, stop: Stop) -> int:
    """Return how many indexes are taken, holes included. Blocks.

    Args:
        place: Where.
        layout: Which epoch.
        at_least: A size that was seen before.
        stop: Looked at between requests.
    """

    def numbers(group: int) -> list[int]:
        return [number for number, _ in _numbered(place, layout, "entries", group, stop)]

    low = at_least // GROUP
    found = numbers(low)
    if not found:
        # The group before may be full, and this one not begun.
        before = numbers(low - 1) if low else []
        return max(before) + 1 if before else 0
    step = 1
    while further := numbers(low + step):
        low, found, step = low + step, further, step * 2
    # From here on `low` is taken and `low + step` is not.
    while step > 1:
        step //= 2
        further = numbers(low + step)
        if further:
            low, found = low + step, further
    return max(found) + 1


def find_newest(
    place: LedgerPlace, layout: Layout, size: int, keys: Iterable[VerifierKey], stop: Stop
) -> Opened | None:
    """Return the newest checkpoint that a key of the log signed, or None. Blocks.

    Looked for from the group of this size downwards: one that is beyond the size, and signed, is
    returned too, since it says that entries are missing.
    """
    known = tuple(keys)
    for group in range(size // GROUP, -1, -1):
        numbered = _numbered(place, layout, "checkpoints", group, stop)
        for number, versions in sorted(numbered, key=lambda each: -each[0]):
            for version in versions.ids:
                try:
                    raw = read_version(place, versions.key, version, cut=True).body
                    opened = open_checkpoint(raw, known)
                except InvalidInput:
                    continue  # somebody else's, under this name
                if opened.head.size == number:
                    return opened
    return None


def _numbered(
    place: LedgerPlace, layout: Layout, kind: str, group: int, stop: Stop
) -> list[tuple[int, Versions]]:
    found = []
    for versions in versions_below(place, layout.group(kind, group), stop):
        where = place_of(versions.key.removeprefix(layout.prefix))
        if where.kind == kind:
            found.append((where.number, versions))
    return found
