"""Lets the event loop go first: Python in the threads of jobs waits, briefly, while it is at work.

The interpreter runs one thread at a time and divides its time evenly among all that want it, so
that a seal of very many small objects takes most of it from whatever else the process does. The
loop is asked now and then for a sign; while it is owed, threads of jobs wait. They are never kept
for good: of a loop that does not come to rest they get a sixth of the time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# How long threads work before they ask again, and for how long one waits for the answer.
TURN_SECONDS: Final = 0.002
PATIENCE_SECONDS: Final = 0.010


class LoopFirst:
    """The event loop of one process, before which its threads give way.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rested = threading.Event()
        self._rested.set()
        self._asking = threading.Lock()
        self._turn_ends = 0.0

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give way to this loop from now on."""
        if loop is not self._loop:
            self._loop = loop
            self._rested.set()

    def give_way(self) -> None:
        """Wait while the loop is at work, for so long at most; for threads of jobs. Blocks."""
        if self._rested.is_set() and not self._ask():
            return
        if not self._rested.wait(PATIENCE_SECONDS):
            with self._asking:
                # It works without rest: the threads get their share all the same.
                self._rested.set()
                self._turn_ends = self._clock() + TURN_SECONDS

    def _ask(self) -> bool:
        """Ask the loop for a sign when the threads' turn is over; return whether one is owed."""
        if self._clock() < self._turn_ends:
            return False
        with self._asking:
            loop = self._loop
            if not self._rested.is_set():
                return True
            if loop is None or self._clock() < self._turn_ends:
                return False
            self._rested.clear()
            try:
                loop.call_soon_threadsafe(self._answer)
            except RuntimeError:  # it is closed
                self._rested.set()
                return False
            return True

    def _answer(self) -> None:
        self._turn_ends = self._clock() + TURN_SECONDS
        self._rested.set()
