"""Which request goes next when all connections are busy: the most urgent, then the oldest.

Without it a repair would wait behind every request of a burst that is already queued for the pool.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from typing import Final

# Of the work that is being done: smaller goes first. Set by whoever takes up a piece of work.
urgency: Final = contextvars.ContextVar("urgency", default=0)


class Gate:
    """A semaphore whose waiters are served by urgency, then in order.

    Args:
        slots: How many may be inside at once.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._order = itertools.count()
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []

    async def __aenter__(self) -> None:
        if self._free > 0:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (urgency.get(), next(self._order), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            # Let in and cancelled at the same moment: the place goes to the next.
            if waiter.done() and not waiter.cancelled():
                self._release()
            raise

    async def __aexit__(self, *exc: object) -> None:
        self._release()

    def _release(self) -> None:
        while self._waiters:
            _, _, waiter = heapq.heappop(self._waiters)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1
