"""Takes keys from the queues and reconciles them: retries, backoff, counting, logging of failures.

Nothing that a reconcile raises ends a worker, also not from inside the handling of an error. What
is not an answer of the API server or of a store is a bug: it is counted, logged with its traceback,
and retried like any failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import structlog

from glovebox.engine.backoff import LONGEST_SECONDS, Backoff
from glovebox.engine.key_queue import KeyQueue, Priority
from glovebox.engine.result import Result
from glovebox.errors import Conflict, Forbidden, Unavailable
from glovebox.kube.gate import urgency

K = TypeVar("K", bound=Hashable)
K_contra = TypeVar("K_contra", contravariant=True)

# Somebody else wrote first: the next look finds what they wrote.
CONFLICT_SECONDS: Final = 0.05
# Isolation that cannot be repaired just now is looked at again sooner than anything else.
REPAIR_LONGEST_SECONDS: Final = 10.0
STUCK_SECONDS: Final = 600.0
_STUCK_CHECK_SECONDS: Final = 30.0
log = structlog.get_logger(__name__)


class WorkMetrics(Protocol):
    """What workers count."""

    def reconcile_started(self, controller: str) -> None:
        """Count a reconcile as running."""

    def reconcile_ended(self, controller: str, result: str, seconds: float) -> None:
        """Count a reconcile as ended: `error`, or what the object shows."""

    def reconcile_failed(self, controller: str, reason: str) -> None:
        """Count a failure: `conflict`, `forbidden`, `unavailable` or `internal`."""

    def reconciles_stuck(self, queue: str, number: int) -> None:
        """Set how many reconciles have been running for too long."""


class Traits(Protocol[K_contra]):
    """What the engine has to know of a key, and cannot because it knows no kind."""

    def work_class(self, key: K_contra) -> str:
        """Return which queue a key waits in."""

    def tenant(self, key: K_contra) -> str:
        """Return with whom the key shares its part of the workers, usually its namespace."""

    def controller(self, key: K_contra) -> str:
        """Return the value of the `controller` label, from a short fixed list."""

    def describe(self, key: K_contra) -> Mapping[str, object]:
        """Return what each log line of a reconcile says about its object."""

    def outcome(self, key: K_contra) -> str | None:
        """Return what the object shows after a reconcile; None when it is gone."""


@dataclass(frozen=True, slots=True)
class WorkClass:
    """How much of one kind of work is done at once.

    Attributes:
        workers: How many keys at once.
        reserved: How many of these workers are kept for repairs.
    """

    workers: int
    reserved: int = 0


class Workers(Generic[K]):
    """The queues of one operator and those who work on them.

    Args:
        reconcile: Moves the world towards what the object of a key declares.
        classes: The work classes by name; work of one never waits for work of another.
        traits: What is to be known of a key.
        metrics: Where it is counted.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        reconcile: Callable[[K], Awaitable[Result]],
        classes: Mapping[str, WorkClass],
        traits: Traits[K],
        metrics: WorkMetrics,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.queues: dict[str, KeyQueue[K]] = {
            name: KeyQueue(traits.tenant, workers=one.workers, reserved=one.reserved)
            for name, one in classes.items()
        }
        self._classes = dict(classes)
        self._reconcile = reconcile
        self._traits = traits
        self._metrics = metrics
        self._backoff = Backoff(jitter)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reported: set[tuple[str, K]] = set()

    def queue_of(self, key: K) -> KeyQueue[K]:
        """Return the queue in which a key waits."""
        return self.queues[self._traits.work_class(key)]

    def wake(self, key: K, priority: Priority = Priority.NORMAL, after: float = 0.0) -> None:
        """Enqueue a key, now or after some seconds."""
        if after > 0.0:
            self.queue_of(key).add_after(key, after, priority)
        else:
            self.queue_of(key).add(key, priority)

    def clear(self) -> None:
        """Drop all ready and delayed keys, for a replica that follows and will list again."""
        for queue in self.queues.values():
            queue.clear()

    def dead(self) -> list[str]:
        """Return the names of workers that ended although they should run."""
        return [name for name, task in self._tasks.items() if task.done()]

    async def run(self) -> None:
        """Work until cancelled; it can be run again.

        Absence of an object means something only once all kinds were listed: call it after that.
        While nobody works, the queues go on collecting; what was broken off is ready again.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for name, one in self._classes.items():
                    for number in range(one.workers):
                        title = f"{name}-{number}"
                        self._tasks[title] = group.create_task(
                            self._work(self.queues[name]), name=f"worker {title}"
                        )
                self._tasks["watch"] = group.create_task(self._watch(), name="worker watch")
        finally:
            self._tasks.clear()

    async def _work(self, queue: KeyQueue[K]) -> None:
        while True:
            key, priority = await queue.take()
            urgency.set(priority)
            try:
                await self._once(queue, key, priority)
            except asyncio.CancelledError as error:
                if _being_cancelled():
                    queue.give_back(key, priority)
                    raise
                self._last_resort(queue, key, priority, error)
            except Exception as error:  # noqa: BLE001 - a bug in handling errors ends no worker
                self._last_resort(queue, key, priority, error)
            queue.done(key)
            if _being_cancelled():
                # The reconcile swallowed it; whoever lost the lead must not begin another one.
                raise asyncio.CancelledError

    async def _once(self, queue: KeyQueue[K], key: K, priority: Priority) -> None:
        controller = self._traits.controller(key)
        clock = asyncio.get_running_loop().time
        started = clock()
        outcome = "error"
        self._metrics.reconcile_started(controller)
        try:
            with structlog.contextvars.bound_contextvars(**self._traits.describe(key)):
                outcome = await self._attempt(queue, key, priority, controller)
        finally:
            self._metrics.reconcile_ended(controller, outcome, clock() - started)

    async def _attempt(
        self, queue: KeyQueue[K], key: K, priority: Priority, controller: str
    ) -> str:
        longest = REPAIR_LONGEST_SECONDS if priority is Priority.REPAIR else LONGEST_SECONDS
        try:
            result = await self._reconcile(key)
        except Conflict:
            self._metrics.reconcile_failed(controller, "conflict")
            wait = self._backoff.failed(key, first=CONFLICT_SECONDS, longest=longest)
            queue.add_after(key, wait, priority)
            return "error"
        except Unavailable as error:
            reason = "forbidden" if isinstance(error, Forbidden) else "unavailable"
            message = error.message
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            reason, message = "internal", "something that the reconcile waited for was cancelled"
            log.exception("a bug: a reconcile was cancelled from inside")
        except Exception:
            reason, message = "internal", "see the log"
            log.exception("a bug: reconciling failed unexpectedly")
        else:
            if result.error is None:
                return self._succeeded(queue, key, priority, result)
            return self._partly(queue, key, priority, controller, result)
        self._metrics.reconcile_failed(controller, reason)
        wait = self._backoff.failed(key, longest=longest)
        queue.add_after(key, wait, priority)
        log.warning(
            "reconciling failed, trying again",
            reason=reason,
            error=message,
            wait_seconds=round(wait, 1),
        )
        return "error"

    def _succeeded(self, queue: KeyQueue[K], key: K, priority: Priority, result: Result) -> str:
        self._backoff.succeeded(key)
        outcome = self._traits.outcome(key)
        if outcome is None:
            queue.forget(key)
            return "success"
        if result.retry_seconds is not None:
            later = result.priority
            if later is None:
                deletion = priority is Priority.DELETION
                later = Priority.DELETION if deletion else Priority.NORMAL
            queue.add_after(key, result.retry_seconds, later)
        return outcome

    def _partly(
        self, queue: KeyQueue[K], key: K, priority: Priority, controller: str, result: Result
    ) -> str:
        """Requeue a key of which a part failed: with backoff, and not later than the rest wants."""
        error = result.error
        conflict = isinstance(error, Conflict)
        reason = (
            "conflict"
            if conflict
            else "forbidden"
            if isinstance(error, Forbidden)
            else "unavailable"
            if isinstance(error, Unavailable)
            else "internal"
        )
        self._metrics.reconcile_failed(controller, reason)
        longest = REPAIR_LONGEST_SECONDS if priority is Priority.REPAIR else LONGEST_SECONDS
        wait = (
            self._backoff.failed(key, first=CONFLICT_SECONDS, longest=longest)
            if conflict
            else self._backoff.failed(key, longest=longest)
        )
        # At once is for what goes well; what fails waits at least as long as its backoff says.
        due = wait if not result.retry_seconds else min(wait, result.retry_seconds)
        urgent = priority if result.priority is None else min(priority, result.priority)
        queue.add_after(key, due, urgent)
        log.warning(
            "a part of a reconcile failed, trying again",
            reason=reason,
            error=error.message if error is not None else "",
            wait_seconds=round(due, 1),
        )
        return "error"

    def _last_resort(
        self, queue: KeyQueue[K], key: K, priority: Priority, error: BaseException
    ) -> None:
        """Requeue a key whose failure could not even be handled."""
        queue.add_after(key, LONGEST_SECONDS, priority)
        # It may be logging or counting itself that fails: then there is nobody left to tell.
        with contextlib.suppress(Exception):
            self._metrics.reconcile_failed(self._traits.controller(key), "internal")
        with contextlib.suppress(Exception):
            log.error(
                "a bug: the failure of a reconcile could not be handled",
                resource=str(key),
                exc_info=error,
            )

    async def _watch(self) -> None:
        """Report what has been running for too long: it is a reason to look, not to restart."""
        while True:
            await asyncio.sleep(_STUCK_CHECK_SECONDS)
            try:
                for name, queue in self.queues.items():
                    self._report_stuck(name, queue)
            except Exception:
                log.exception("a bug: the running reconciles could not be checked")

    def _report_stuck(self, name: str, queue: KeyQueue[K]) -> None:
        stuck = {key: seconds for key, seconds in queue.running() if seconds > STUCK_SECONDS}
        self._metrics.reconciles_stuck(name, len(stuck))
        self._reported -= {(q, key) for q, key in self._reported if q == name and key not in stuck}
        for key, seconds in stuck.items():
            if (name, key) not in self._reported:
                self._reported.add((name, key))
                log.warning(
                    "a reconcile is stuck", queue=name, resource=str(key), seconds=round(seconds)
                )


def _being_cancelled() -> bool:
    """Return whether this task is to end; else a CancelledError came out of what it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
