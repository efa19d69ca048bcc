"""The net under the watches: everything is listed and compared on an interval, whatever the watches say.

kopf never tells a deletion that was missed in a gap of its watch, so the list is also compared with
what is remembered. Keys are woken with the lowest priority and spread over the interval.
"""

from __future__ import annotations

import asyncio
import random
import time

import structlog

from glovebox.controllers.experiment.caches import free_caches
from glovebox.controllers.world import World
from glovebox.engine.key_queue import Priority
from glovebox.engine.workers import Workers
from glovebox.errors import GloveboxError
from glovebox.kube.answers import Expired, NotFound
from glovebox.kube.kinds import CUSTOM_KINDS, Kind
from glovebox.kube.resources import Key

_PRIME_RETRY_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Resync:
    """Lists our own kinds again and again.

    Args:
        world: The operator's world.
        workers: Whose queues get the keys.
        seconds: The interval; each round is up to 20 % shorter or longer.
    """

    def __init__(self, world: World, workers: Workers, seconds: float) -> None:
        self._world = world
        self._workers = workers
        self._seconds = seconds
        self.primed = False
        self.last_success_times = {kind.kind: 0.0 for kind in CUSTOM_KINDS}

    async def prime(self) -> None:
        """List every kind once, however often it takes: before that, an Experiment's profile may only seem to be missing.

        kopf lists the kinds in no order and never says when it is done with one.
        """
        for kind in CUSTOM_KINDS:
            while True:
                try:
                    await self.sweep(kind)
                    break
                except (GloveboxError, NotFound, Expired) as error:
                    log.warning(
                        "our own kinds cannot be listed yet, trying again",
                        kind=kind.kind,
                        error=str(error),
                    )
                    await asyncio.sleep(_PRIME_RETRY_SECONDS)
        self.primed = True

    async def run(self) -> None:
        """List until cancelled; a failure is logged and tried again in the next round."""
        while True:
            await asyncio.sleep(self._seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            try:
                for kind in CUSTOM_KINDS:
                    await self.sweep(kind)
                await free_caches(self._world)
            except (GloveboxError, NotFound, Expired) as error:
                log.warning("the sweep failed; the next round tries again", error=str(error))

    async def sweep(self, kind: Kind) -> None:
        """Compare one complete list with the cache."""
        before = {key for key in self._world.resources.all_keys() if key.kind == kind.kind}
        seen: set[Key] = set()
        async for page in self._world.client.pages(kind):
            for item in page.get("items") or ():
                obj = {"apiVersion": kind.api_version, "kind": kind.kind, **item}
                key = Key.of(obj)
                seen.add(key)
                news = self._world.resources.seen(obj)
                if news:
                    self._world.wake(key)
                else:
                    self._workers.queue_of(key).add_after(key, random.uniform(0, self._seconds / 2))  # noqa: S311 - jitter
        for key in before - seen:
            # Only what was known before the list began: what came since is not in it.
            if self._world.resources.gone(key):
                self._wake_gone(key)
        self.last_success_times[kind.kind] = time.time()

    def _wake_gone(self, key: Key) -> None:
        self._world.wake(key, Priority.NORMAL)
        for user in self._world.resources.users_of(key):
            self._world.wake(user)
