"""Which Experiments have series of their own: those at work first, and of them the newest.

A bound that depends on nothing but their number, and an order in which one moves twice in its life:
when it appears and when it is sealed. So series come and go as slowly as Experiments do.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Mapping, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

from glovebox.metrics.moments import unix

K = TypeVar("K", bound=Hashable)
# The number is of the key alone, so that no two are at one place.
_Rank = tuple[bool, float, str, str, int]


class Newest(Generic[K]):
    """Experiments in the order in which they are shown; a scrape looks at the first alone."""

    def __init__(self) -> None:
        self._numbers = count()
        self._ranks: dict[K, _Rank] = {}
        self._objects: dict[_Rank, Mapping[str, Any]] = {}
        self._order: list[_Rank] = []

    def put(self, key: K, obj: Mapping[str, Any] | None) -> None:
        """Take an Experiment in as it is now, or out."""
        before, rank = self._ranks.get(key), None
        if obj is not None:
            rank = _rank(obj, next(self._numbers) if before is None else before[-1])
        if before != rank:
            if before is not None:
                del self._ranks[key]
                del self._objects[before]
                del self._order[bisect_left(self._order, before)]
            if rank is not None:
                self._ranks[key] = rank
                insort(self._order, rank)
        if rank is not None and obj is not None:
            self._objects[rank] = obj

    def first(self, most: int) -> Sequence[Mapping[str, Any]]:
        """Return so many at most."""
        return [self._objects[rank] for rank in self._order[:most]]

    def __len__(self) -> int:
        return len(self._order)


def _rank(obj: Mapping[str, Any], number: int) -> _Rank:
    metadata = obj["metadata"]
    created = unix(metadata.get("creationTimestamp")) or 0.0
    is_sealed = bool((obj.get("status") or {}).get("seal"))
    return is_sealed, -created, metadata.get("namespace", ""), metadata["name"], number
