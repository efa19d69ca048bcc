"""Takes keys from the queues and reconciles them: retries, backoff, counting, and the log line for each outcome that is news."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

import structlog

from glovebox.controllers.reconcile import reconcile
from glovebox.controllers.world import Result, World
from glovebox.engine.backoff import Backoff
from glovebox.engine.key_queue import KeyQueue, Priority
from glovebox.errors import Conflict, Forbidden, Unavailable
from glovebox.kube.gate import urgency
from glovebox.kube.kinds import EXPERIMENT, ISOLATION_PROFILE
from glovebox.kube.resources import Key

# Work of the cluster never waits for work of the data, which may read bytes for minutes.
CLUSTER_QUEUE: Final = "cluster"
DATA_QUEUE: Final = "data"
_CLUSTER_KINDS = frozenset({EXPERIMENT.kind, ISOLATION_PROFILE.kind})
# These take nothing but repairs, so that a burst of new work never occupies everybody.
_REPAIRERS = 2
_CONFLICT_SECONDS = 0.05
log = structlog.get_logger(__name__)


class Workers:
    """The queues of one operator and those who work on them.

    Args:
        cluster: How many work on experiments and profiles at once.
        data: How many work on pins and stores at once.
    """

    def __init__(self, cluster: int, data: int) -> None:
        self.queues = {name: KeyQueue[Key](time.monotonic) for name in (CLUSTER_QUEUE, DATA_QUEUE)}
        self._sizes = {CLUSTER_QUEUE: cluster, DATA_QUEUE: data}
        self._backoff = Backoff(random.random)

    def queue_of(self, key: Key) -> KeyQueue[Key]:
        """Return the queue in which keys of that kind wait."""
        return self.queues[CLUSTER_QUEUE if key.kind in _CLUSTER_KINDS else DATA_QUEUE]

    def wake(self, key: Key, priority: Priority = Priority.NORMAL) -> None:
        """Make a key be reconciled."""
        self.queue_of(key).add(key, priority)

    async def run(self, world: World) -> None:
        """Work until cancelled; waits first until the cache knows everything, because absence means nothing before."""
        await world.children.wait_until_primed()
        async with asyncio.TaskGroup() as group:
            for name, queue in self.queues.items():
                for _ in range(self._sizes[name]):
                    group.create_task(self._work(world, queue, Priority.RESYNC))
            for _ in range(_REPAIRERS):
                group.create_task(self._work(world, self.queues[CLUSTER_QUEUE], Priority.REPAIR))

    async def _work(self, world: World, queue: KeyQueue[Key], least: Priority) -> None:
        while True:
            key, priority = await queue.take(least)
            urgency.set(priority)
            try:
                await self._once(world, queue, key)
            finally:
                queue.done(key)

    async def _once(self, world: World, queue: KeyQueue[Key], key: Key) -> None:
        controller = key.kind.lower()
        started = time.perf_counter()
        world.metrics.in_progress.labels(controller).inc()
        structlog.contextvars.bind_contextvars(**_about(world, key))
        try:
            result = await reconcile(world, key)
        except Conflict:
            world.metrics.errors.labels(controller, "conflict").inc()
            world.metrics.reconciles.labels(controller, "error").inc()
            queue.add_after(
                key,
                min(
                    _CONFLICT_SECONDS * 2 ** self._backoff.failures(key), self._backoff.failed(key)
                ),
            )
        except Unavailable as error:
            reason = "forbidden" if isinstance(error, Forbidden) else "unavailable"
            self._failed(world, queue, key, reason, error.message)
        except Exception:
            log.exception("a bug: reconciling failed unexpectedly")
            self._failed(world, queue, key, "internal", "see the log")
        else:
            self._succeeded(world, queue, key, result)
        finally:
            structlog.contextvars.clear_contextvars()
            world.metrics.in_progress.labels(controller).dec()
            world.metrics.duration.labels(controller).observe(time.perf_counter() - started)

    def _failed(
        self, world: World, queue: KeyQueue[Key], key: Key, reason: str, message: str
    ) -> None:
        controller = key.kind.lower()
        world.metrics.errors.labels(controller, reason).inc()
        world.metrics.reconciles.labels(controller, "error").inc()
        wait = self._backoff.failed(key)
        log.warning(
            "reconciling failed, trying again",
            reason=reason,
            error=message,
            wait_seconds=round(wait, 1),
        )
        queue.add_after(key, wait)

    def _succeeded(self, world: World, queue: KeyQueue[Key], key: Key, result: Result) -> None:
        self._backoff.succeeded(key)
        obj = world.resources.get(key)
        world.metrics.reconciles.labels(key.kind.lower(), _result(obj)).inc()
        if obj is None:
            queue.forget(key)
        elif result.retry_seconds is not None:
            queue.add_after(key, result.retry_seconds)


def _about(world: World, key: Key) -> dict[str, object]:
    obj = world.resources.get(key)
    metadata = obj["metadata"] if obj is not None else {}
    return {
        "resource": str(key),
        "uid": metadata.get("uid", ""),
        "generation": metadata.get("generation", 0),
    }


def _result(obj: dict[str, object] | None) -> str:
    status = obj.get("status") if obj is not None else None
    if not isinstance(status, dict):
        return "success"
    answers = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    if answers.get("Stalled") == "True":
        return "stalled"
    return "success" if answers.get("Ready") == "True" else "waiting"
