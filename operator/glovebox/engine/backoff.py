"""How long to wait before a failing key is retried: doubling, bounded, with jitter."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 60.0
# 2.0 ** 1024 is an OverflowError, and a store that is down for a day brings a key there.
MOST_DOUBLINGS: Final = 10


class Backoff:
    """Remembers how often each key failed in a row.

    Args:
        jitter: Returns a number from 0 to 1, for example `random.random`; keys that fail together
            are not retried together.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures: dict[Hashable, int] = {}

    def failed(
        self, key: Hashable, *, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS
    ) -> float:
        """Count a failure and return the seconds to wait: half to the whole of the doubled time."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        doubled = min(first * 2.0 ** min(failures, MOST_DOUBLINGS), longest)
        return doubled * (0.5 + self._jitter() / 2)

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def failures(self, key: Hashable) -> int:
        """How often the key failed in a row."""
        return self._failures.get(key, 0)
