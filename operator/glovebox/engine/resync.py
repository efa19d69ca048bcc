"""The net under the watches: every source is listed and compared on an interval.

A deletion that was missed in a gap of a watch is never reported, so each list is also compared with
what is remembered. Keys are enqueued with the lowest priority and spread over the interval.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import structlog

from glovebox.engine.key_queue import Priority
from glovebox.errors import GloveboxError

K = TypeVar("K", bound=Hashable)
K_contra = TypeVar("K_contra", contravariant=True)

_PRIME_RETRY_SECONDS: Final = 1.0
log = structlog.get_logger(__name__)


class Enqueue(Protocol[K_contra]):
    """Makes a key be reconciled."""

    def __call__(self, key: K_contra, priority: Priority, after: float, /) -> None:
        """Put the key into its queue, now or after some seconds."""


@dataclass(frozen=True, slots=True)
class Source(Generic[K]):
    """What is listed as a whole.

    Attributes:
        name: What it is called in metrics and logs.
        known: Returns the keys that are remembered, with the UID of each object.
        list: Lists the source, remembers what it finds, and yields each key with whether the object
            was news.
        gone: Forgets an object, unless another UID is remembered by now, and enqueues its users.
    """

    name: str
    known: Callable[[], Mapping[K, str]]
    list: Callable[[], AsyncIterator[tuple[K, bool]]]
    gone: Callable[[K, str], None]


class Resync(Generic[K]):
    """Lists all sources again and again.

    Args:
        sources: What is listed, in this order.
        enqueue: Takes the keys.
        seconds: The interval; each round is up to 20 % shorter or longer.
        hooks: What else is done once a round, by name; a failure of one keeps nothing from being
            done.
        jitter: Returns a number from 0 to 1.
        now: Unix time.
    """

    def __init__(
        self,
        sources: Iterable[Source[K]],
        enqueue: Enqueue[K],
        seconds: float,
        *,
        hooks: Mapping[str, Callable[[], Awaitable[object]]] | None = None,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sources = {source.name: source for source in sources}
        self._enqueue = enqueue
        self._seconds = seconds
        self._hooks = dict(hooks or {})
        self._jitter = jitter
        self._now = now
        self.primed = False
        self.last_success_times = dict.fromkeys(self._sources, 0.0)

    async def prime(self) -> None:
        """List every source once, however often it takes.

        Before that, an Experiment's profile may only seem to be missing: watches start in no order,
        and none says when it has told everything.
        """
        for name in self._sources:
            listed = await self._try(name, self.sweep(name))
            while not listed:
                await asyncio.sleep(_PRIME_RETRY_SECONDS)
                listed = await self._try(name, self.sweep(name))
        self.primed = True

    async def run(self) -> None:
        """List until cancelled; a failure is logged and tried again in the next round."""
        while True:
            await asyncio.sleep(self._seconds * (0.8 + 0.4 * self._jitter()))
            for name in self._sources:
                await self._try(name, self.sweep(name))
            for name, hook in self._hooks.items():
                await self._try(name, hook())

    async def sweep(self, name: str) -> None:
        """Compare one complete list with what is remembered."""
        source = self._sources[name]
        before = dict(source.known())
        async for key, news in source.list():
            before.pop(key, None)
            if news:
                self._enqueue(key, Priority.NORMAL, 0.0)
            else:
                self._enqueue(key, Priority.RESYNC, self._jitter() * self._seconds / 2)
        # Only what was known before the list began: what came since is not in it.
        for key, uid in before.items():
            source.gone(key, uid)
        self.last_success_times[name] = self._now()

    async def _try(self, name: str, work: Awaitable[object]) -> bool:
        """Return whether it succeeded; nothing that it raises ends the resync."""
        try:
            await work
        except GloveboxError as error:
            log.warning("a resync failed; it is tried again", source=name, error=str(error))
            return False
        except Exception:
            log.exception("a resync failed unexpectedly; it is tried again", source=name)
            return False
        return True
