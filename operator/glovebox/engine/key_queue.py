"""A queue of keys: each key once, never by two workers at a time, fair between tenants, ageing.

A key that is added while it is being worked on is worked on again afterwards, so no change is ever
missed and nothing is done twice at once. Dropping the queue at any moment is safe: keys carry no
facts, the next list brings them again.

A level of priority is worth ten seconds of waiting. So the order within a tenant is the time of
arrival minus ten seconds a level; it never changes while a key waits, and nothing has to be sorted
again as time goes by. All times are those of the running event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, TypeVar

from glovebox.engine.fairness import Chosen, FairShare

K = TypeVar("K", bound=Hashable)

AGEING_SECONDS: Final = 10.0
# Event loops do not take any number; whoever has to be reconciled later than that is asked again.
_LONGEST_DELAY_SECONDS: Final = 86_400.0


class Priority(IntEnum):
    """Smaller goes first, here and at the gate of the API server's connections."""

    REPAIR = 0
    DELETION = 1
    NORMAL = 2
    RESYNC = 3


@dataclass(frozen=True, slots=True)
class _Ready:
    priority: Priority
    since: float


@dataclass(frozen=True, slots=True)
class _Timer:
    # What is due at once is no timer in uvloop, and its handle does not know when.
    handle: asyncio.Handle
    when: float
    priority: Priority


@dataclass(frozen=True, slots=True)
class _Work(Generic[K]):
    chosen: Chosen[K]
    priority: Priority
    started: float


class KeyQueue(Generic[K]):
    """A de-duplicating, delaying, fair priority queue for one event loop.

    Args:
        tenant: Whose a key is; tenants share the workers.
        workers: How many keys may be worked on at once.
        reserved: How many of the workers are kept for repairs.
    """

    def __init__(self, tenant: Callable[[K], str], *, workers: int, reserved: int = 0) -> None:
        self._tenant = tenant
        self._share: FairShare[K] = FairShare(workers, reserved)
        self._ready: OrderedDict[K, _Ready] = OrderedDict()
        self._working: dict[K, _Work[K]] = {}
        self._again: dict[K, Priority] = {}
        self._timers: dict[K, _Timer] = {}
        self._takers: deque[asyncio.Future[tuple[K, Priority]]] = deque()

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def delayed(self) -> int:
        """How many keys wait for a later moment."""
        return len(self._timers)

    @property
    def idle(self) -> bool:
        """Whether nothing is ready and nothing is being worked on."""
        return not self._ready and not self._working

    def oldest_seconds(self) -> float:
        """How long the oldest ready key has been waiting; 0 when none is."""
        for ready in self._ready.values():
            return _now() - ready.since
        return 0.0

    def running(self) -> Iterable[tuple[K, float]]:
        """Return what is being worked on, and for how many seconds."""
        return [(key, _now() - work.started) for key, work in self._working.items()]

    def add(self, key: K, priority: Priority = Priority.NORMAL) -> None:
        """Make a key ready; a waiting key may gain priority and never loses any.

        A key that waits for a later moment becomes ready now, with the better of both priorities.
        """
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.handle.cancel()
            priority = min(priority, timer.priority)
        if key in self._working:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        waiting = self._ready.get(key)
        if waiting is not None and waiting.priority <= priority:
            return
        since = _now() if waiting is None else waiting.since
        self._ready[key] = _Ready(priority, since)
        self._share.put(
            key,
            self._tenant(key),
            since + AGEING_SECONDS * priority,
            repair=priority is Priority.REPAIR,
        )
        self._hand_out()

    def add_after(self, key: K, seconds: float, priority: Priority = Priority.NORMAL) -> None:
        """Make a key ready later, unless it is ready before.

        Of two delays the shorter counts, and of all priorities asked for the best.
        """
        if key in self._ready:
            if priority < self._ready[key].priority:
                self.add(key, priority)
            return
        if key in self._again:
            self._again[key] = min(priority, self._again[key])
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, min(seconds, _LONGEST_DELAY_SECONDS))
        timer = self._timers.get(key)
        if timer is not None:
            timer.handle.cancel()
            when = min(when, timer.when)
            priority = min(priority, timer.priority)
        self._timers[key] = _Timer(loop.call_at(when, self._due, key), when, priority)

    async def take(self) -> tuple[K, Priority]:
        """Wait for the next key and mark it as being worked on; `done` must follow."""
        taken = self._next()
        if taken is not None:
            return taken
        taker: asyncio.Future[tuple[K, Priority]] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        try:
            return await taker
        except asyncio.CancelledError:
            # Handed a key and cancelled at the same moment: the key goes to the next.
            if taker.done() and not taker.cancelled():
                self.give_back(*taker.result())
            raise

    def done(self, key: K) -> None:
        """Note that the work on a key has ended; if it was added meanwhile it is ready again."""
        work = self._working.pop(key)
        self._share.finished(work.chosen, _now() - work.started)
        again = self._again.pop(key, None)
        if again is not None:
            self.add(key, again)
        self._hand_out()

    def give_back(self, key: K, priority: Priority) -> None:
        """Note that the work on a key was broken off: it is ready again, as urgent as before."""
        self._again[key] = min(priority, self._again.get(key, priority))
        self.done(key)

    def forget(self, key: K) -> None:
        """Drop the timer of a key, for an object that is gone."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.handle.cancel()

    def clear(self) -> None:
        """Drop all ready and delayed keys; what is being worked on is left to its worker."""
        for timer in self._timers.values():
            timer.handle.cancel()
        self._timers.clear()
        self._ready.clear()
        self._again.clear()
        self._share.clear()

    def _due(self, key: K) -> None:
        timer = self._timers.pop(key)
        self.add(key, timer.priority)

    def _next(self) -> tuple[K, Priority] | None:
        chosen = self._share.choose()
        if chosen is None:
            return None
        ready = self._ready.pop(chosen.key)
        self._working[chosen.key] = _Work(chosen, ready.priority, _now())
        return chosen.key, ready.priority

    def _hand_out(self) -> None:
        while self._takers:
            if self._takers[0].done():
                self._takers.popleft()
                continue
            taken = self._next()
            if taken is None:
                return
            self._takers.popleft().set_result(taken)


def _now() -> float:
    return asyncio.get_running_loop().time()
