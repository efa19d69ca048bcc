"""How long to wait before the next try of a failing key: doubling, bounded, with jitter so that a thousand do not come at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 60.0
# After this many doublings the bound is reached; counting further would only overflow.
_MOST_DOUBLINGS = 10


class Backoff:
    """Remembers how often each key failed in a row.

    Args:
        jitter: Returns a number from 0 to 1, for example `random.random`.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures: dict[Hashable, int] = {}

    def failed(self, key: Hashable) -> float:
        """Count a failure and return the seconds to wait, between half and the whole of the doubled time."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest = min(FIRST_SECONDS * 2.0 ** min(failures, _MOST_DOUBLINGS), LONGEST_SECONDS)
        return longest * (0.5 + self._jitter() / 2)

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def failures(self, key: Hashable) -> int:
        """How often the key failed in a row."""
        return self._failures.get(key, 0)
