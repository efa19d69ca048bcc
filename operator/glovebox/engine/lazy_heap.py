"""A heap whose items can be re-ranked and removed: old entries are skipped when they surface.

Every operation is O(log n) amortized. Entries that no longer count never make up more than half,
so a heap that is written to and never read stays as small as its content.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

_SMALL: Final = 32


class LazyHeap(Generic[T]):
    """Items in the order of their rank; of equal ranks the one that was put first."""

    def __init__(self) -> None:
        self._orders = itertools.count()
        self._entries: list[tuple[float, int, T]] = []
        self._current: dict[T, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._current)

    def put(self, item: T, rank: float) -> None:
        """Add an item, or give it another rank; with the same rank it keeps its place."""
        current = self._current.get(item)
        if current is not None and current[0] == rank:
            return
        order = next(self._orders)
        self._current[item] = (rank, order)
        heapq.heappush(self._entries, (rank, order, item))
        if len(self._entries) > 2 * len(self._current) + _SMALL:
            self._compact()

    def remove(self, item: T) -> None:
        """Take an item out, if it is there."""
        self._current.pop(item, None)

    def first(self) -> T | None:
        """Return the item of the lowest rank, or None when there is none."""
        while self._entries:
            rank, order, item = self._entries[0]
            if self._current.get(item) == (rank, order):
                return item
            heapq.heappop(self._entries)
        return None

    def clear(self) -> None:
        """Take everything out."""
        self._entries.clear()
        self._current.clear()

    def _compact(self) -> None:
        self._entries = [(rank, order, item) for item, (rank, order) in self._current.items()]
        heapq.heapify(self._entries)
