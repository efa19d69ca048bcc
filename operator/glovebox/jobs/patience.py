"""When to retry, and when to give up: by the time that passed without any progress.

A total time limit would punish big datasets; a number of attempts would punish short outages. As
long as bytes arrive anywhere, nothing is given up; the run as a whole has its own deadline, which
Kubernetes keeps.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, TypeVar

from glovebox.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.store.connection import Stop

T = TypeVar("T")
_FIRST_DELAY: Final = 0.2
_MAX_DELAY: Final = 5.0


class Patience:
    """Shared by all transfers of a delivery; safe to use from many threads.

    Args:
        seconds: How long nothing at all may arrive.
        clock: Monotonic, in seconds.
        stop: Ends every wait at once.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], stop: Stop) -> None:
        self._seconds = seconds
        self._clock = clock
        self._stop = stop
        self._last = clock()

    def progressed(self) -> None:
        """Note that something arrived."""
        self._last = self._clock()

    def attempt(self, work: Callable[[], T]) -> T:
        """Do some work, with backoff while `Unavailable`, until nothing arrived for too long.

        Raises:
            Unavailable: The last one.
            GloveboxError: Any other, at once.
        """
        delay = _FIRST_DELAY
        while True:
            before = self._last
            try:
                return work()
            except Unavailable:
                if self._clock() - self._last > self._seconds:
                    raise
            if self._last > before:
                delay = _FIRST_DELAY
            # Spread, so that the pods of many runs do not come back to a store in step.
            self._stop.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            self._stop.check()
            delay = min(_MAX_DELAY, delay * 2)
