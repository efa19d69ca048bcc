"""A queue of keys: each key once, never by two workers at a time, repairs before new work, retries with growing waits.

A key that is added while it is being worked on is worked on again afterwards, so no change is ever
missed and nothing is done twice at once. Dropping the queue at any moment is safe: keys carry no
facts, the next list brings them again.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Priority(IntEnum):
    """Smaller goes first."""

    REPAIR = 0
    NORMAL = 1
    RESYNC = 2


class KeyQueue(Generic[K]):
    """A de-duplicating, delaying priority queue for one event loop.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._ready: list[tuple[int, int, K]] = []
        self._waiting: dict[K, Priority] = {}
        self._added: dict[K, float] = {}
        self._working: dict[K, float] = {}
        self._again: dict[K, Priority] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def delayed(self) -> int:
        """How many keys wait for a later moment."""
        return len(self._timers)

    @property
    def idle(self) -> bool:
        """Whether nothing is ready and nothing is being worked on."""
        return not self._waiting and not self._working

    def oldest_seconds(self) -> float:
        """How long the oldest ready key has been waiting; 0 when none is."""
        return max((self._clock() - added for added in self._added.values()), default=0.0)

    def longest_seconds(self) -> float:
        """How long the longest running work has been running; 0 when none is."""
        return max((self._clock() - started for started in self._working.values()), default=0.0)

    def add(self, key: K, priority: Priority = Priority.NORMAL) -> None:
        """Make a key ready; a waiting key keeps its place unless the new priority is better."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._working:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        if key in self._waiting and self._waiting[key] <= priority:
            return
        self._waiting[key] = priority
        self._added.setdefault(key, self._clock())
        heapq.heappush(self._ready, (priority, next(self._order), key))
        self._wakeup.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Make a key ready later, unless it is ready before; of two delays the shorter counts."""
        if key in self._waiting or key in self._again:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key, Priority.RESYNC)

    async def take(self, least: Priority = Priority.RESYNC) -> tuple[K, Priority]:
        """Wait for the next key and mark it as being worked on; `done` must follow.

        Args:
            least: Keys that are less urgent than this are left to others.
        """
        while True:
            while self._ready and self._ready[0][0] <= least:
                priority, _, key = heapq.heappop(self._ready)
                if self._waiting.get(key) != priority:
                    continue  # it went up in priority and was taken by that entry
                del self._waiting[key]
                self._added.pop(key, None)
                self._working[key] = self._clock()
                return key, Priority(priority)
            self._wakeup.clear()
            await self._wakeup.wait()

    def done(self, key: K) -> None:
        """Say that the work on a key has ended; if it was added meanwhile it is ready again."""
        del self._working[key]
        priority = self._again.pop(key, None)
        if priority is not None:
            self.add(key, priority)

    def forget(self, key: K) -> None:
        """Drop a key and its timer, for an object that is gone."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
