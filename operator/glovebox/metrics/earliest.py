"""The earliest of many times, for a scrape that is to look at none of them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Earliest(Generic[K]):
    """The earliest of many times, of which one changes now and then."""

    def __init__(self) -> None:
        self._times: dict[K, float] = {}
        self._first: float | None = None

    def put(self, key: K, time: float | None) -> None:
        """Set the time of a key, or take it out."""
        before = self._times.pop(key, None)
        if time is not None:
            self._times[key] = time
        if before is not None and before == self._first:
            self._first = None  # found again when somebody asks
        elif time is not None and self._first is not None:
            self._first = min(self._first, time)

    def first(self) -> float | None:
        """Return the earliest time, or None when there is none."""
        if self._first is None and self._times:
            self._first = min(self._times.values())
        return self._first
