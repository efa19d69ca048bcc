"""Runs long work on data beside the reconciles: bounded, fair, cancellable, retried.

A reconcile asks for a task with `ensure` and gets the state as it is now; it never waits. The owner
is woken when the task ends, when a failed one may be tried again, and now and then while it
progresses. One task exists for each key; another basis (other inputs) replaces it. No tenant holds
more than half of a class, so that two large datasets of one team never keep a small one of another
team waiting. Whatever a task raises becomes its state, and never ends the process.

How long a failed one rests is said by its error. What does not answer is tried again within a
minute, and what is waited for when it says so. What the store refuses, by what it holds or how it
is set up, is tried seldom and ever more seldom, up to an hour. What the pinned bytes themselves
refuse is tried once more, and then only for another basis: nothing else can make them say
otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

import structlog

from glovebox import traces
from glovebox.api import reasons
from glovebox.engine.backoff import LONGEST_SECONDS, MOST_DOUBLINGS, Backoff
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Unavailable, UnfitData
from glovebox.tasks.context import Checkpoint, Progress, TaskContext
from glovebox.tasks.disk import full_disk

__all__ = ["Checkpoint", "Progress", "TaskContext", "TaskKey", "TaskRunner", "TaskState"]

T = TypeVar("T")
TaskPhase = Literal["Waiting", "Running", "Done", "Failed"]
log = structlog.get_logger(__name__)

# How often an owner is woken by progress alone.
PROGRESS_SECONDS: Final = 10.0
# What the store refuses is looked at again seldom: somebody has to change something there first,
# and nobody tells of it. The rest doubles up to the longest, which is how often a pin is compared
# with its store: where tasks are Jobs, each try is one.
REFUSED_SECONDS: Final = 600.0
REFUSED_LONGEST_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class TaskKey:
    """Which task: of which owner (its reconcile key and UID), and which of its tasks."""

    owner: Hashable
    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class TaskState(Generic[T]):
    """A task as it stands now.

    Attributes:
        phase: `Waiting` for a free place, `Running`, `Done`, or `Failed` until it is tried again.
        progress: How far the latest attempt has come; all zero until it reports.
        result: Of a task that is done.
        error: Why the latest attempt failed; stays while the next one runs.
        started_time: When the first attempt began.
        attempts: How many attempts began.
        failures: How many attempts failed.
        failing_since: When the first of them failed.
        advanced_time: When an attempt last came further than any before.
        retry_seconds: How long a failed task rests before `ensure` starts it again; the owner is
            woken then. None of one that is never started again on this basis.
    """

    phase: TaskPhase
    progress: Progress
    result: T | None
    error: GloveboxError | None
    started_time: datetime | None
    attempts: int
    failures: int = 0
    failing_since: datetime | None = None
    advanced_time: datetime | None = None
    retry_seconds: float | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing comes of it unless asked for: it is done, or failed and has rested."""
        return self.phase == "Done" or (self.phase == "Failed" and self.retry_seconds == 0.0)

    @property
    def standing_error(self) -> GloveboxError | None:
        """What the latest attempt met; it stands until the next one reports.

        Whoever takes it back when the next one merely begins says two things by turns, with a write
        each, for as long as it fails.
        """
        reports = self.phase == "Running" and self.progress.phase != ""
        return None if reports else self.error


@dataclass(slots=True, eq=False)
class _Task:
    key: TaskKey
    basis: str
    start: Callable[[TaskContext], Awaitable[Any]]
    tenant: str
    work_class: str
    checkpoint: Checkpoint | None
    discard: Callable[[], Awaitable[None]] | None
    phase: TaskPhase = "Waiting"
    progress: Progress = field(default_factory=Progress)
    result: Any = None
    error: GloveboxError | None = None
    started_time: datetime | None = None
    attempts: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    # How often in a row the store refused it, or the bytes did, and in which words.
    refusals: int = 0
    unfit: tuple[str, str] | None = None
    is_settled: bool = False
    furthest: int = 0
    advanced_time: datetime | None = None
    due: float = 0.0
    context: TaskContext | None = None
    running: asyncio.Task[None] | None = None
    retry: asyncio.TimerHandle | None = None
    # What the owner was last woken with: moment, and bytes for the rate.
    woken_at: float = 0.0
    woken_bytes: int | None = None
    announced: bool = False


class TaskRunner:
    """The tasks of one operator process.

    Args:
        wake: Makes an owner be reconciled.
        limits: How many tasks of each work class run at once, one at least; a class that is not
            named gets `default_limit`.
        now: The time of day, for states.
        jitter: Returns a number from 0 to 1, for example `random.random`.
        default_limit: See `limits`.
    """

    def __init__(
        self,
        wake: Callable[[Hashable], None],
        *,
        limits: Mapping[str, int],
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        default_limit: int = 4,
    ) -> None:
        self._wake = wake
        self._limits = dict(limits)
        self._default_limit = default_limit
        self._now = now
        self._jitter = jitter
        self._backoff = Backoff(jitter)
        self._tasks: dict[TaskKey, _Task] = {}
        self._owners: dict[Hashable, dict[TaskKey, _Task]] = {}
        self._waiting: dict[str, dict[str, deque[_Task]]] = defaultdict(dict)
        self._busy: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._ending: set[asyncio.Task[None]] = set()
        self._discarding: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._open = False

    def ensure(
        self,
        key: TaskKey,
        basis: str,
        start: Callable[[TaskContext], Awaitable[T]],
        *,
        tenant: str,
        work_class: str,
        checkpoint: Checkpoint | None = None,
        discard: Callable[[], Awaitable[None]] | None = None,
    ) -> TaskState[T]:
        """Have a task, and return its state as it is now. Never blocks.

        It is started when it is absent, when it failed and may be tried again, and when it was made
        for another basis (that one is cancelled). What is done stays done until `forget`, and so
        does a refusal that the pinned bytes have said twice.

        Args:
            key: Which task. Tasks of the same owner under another UID are dropped.
            basis: Whatever its result depends on, as a text.
            start: Does the work; called in a task of its own.
            tenant: Between whom places are shared fairly.
            work_class: Whose places it takes.
            checkpoint: Handed to the work.
            discard: Takes away what an attempt leaves outside of this process. Called once nobody
                wants the task any more, after its work has ended; never because the process ends,
                since the next one goes on with what is there.
        """
        self._drop(other for other in self._of_owner(key.owner) if other.key.uid != key.uid)
        task = self._tasks.get(key)
        if task is not None and task.basis != basis:
            self._drop([task])
            task = None
        if task is None:
            task = _Task(key, basis, start, tenant, work_class, checkpoint, discard)
            self._tasks[key] = self._owners.setdefault(key.owner, {})[key] = task
            self._enqueue(task)
        elif task.phase == "Waiting" or (
            task.phase == "Failed" and task.retry is None and not task.is_settled
        ):
            # The newest closure: connections and credentials may be others by now.
            task.start, task.checkpoint, task.discard = start, checkpoint, discard
            if task.phase == "Failed":
                self._enqueue(task)
        return self._state(task)

    def get(self, key: TaskKey) -> TaskState[Any] | None:
        """Return the state of a task, or None when there is none."""
        task = self._tasks.get(key)
        return self._state(task) if task is not None else None

    def names(self, owner: Hashable) -> tuple[str, ...]:
        """Return the names of all tasks of an owner."""
        return tuple(task.key.name for task in self._of_owner(owner))

    def drop(self, key: TaskKey) -> None:
        """Cancel and drop one task: its result was recorded, or nobody wants it."""
        task = self._tasks.get(key)
        if task is not None:
            self._drop([task])

    def forget(self, uid: str) -> None:
        """Cancel and drop all tasks of an owner, by its UID."""
        self._drop(task for task in self._tasks.values() if task.key.uid == uid)

    def forget_owner(self, owner: Hashable) -> None:
        """Cancel and drop all tasks of an owner that is gone already, by its reconcile key."""
        self._drop(self._of_owner(owner))

    def counts(self) -> dict[tuple[str, TaskPhase], int]:
        """Return how many tasks of each class are in each phase, for metrics."""
        found: dict[tuple[str, TaskPhase], int] = defaultdict(int)
        for task in self._tasks.values():
            found[task.work_class, task.phase] += 1
        return dict(found)

    async def run(self) -> None:
        """Give places to waiting tasks until cancelled; then cancel what runs, and wait for it.

        A process that may not work any more (another one leads) cancels this; tasks that were
        cancelled so begin again, from their check-points, with the next `ensure`.
        """
        self._open = True
        try:
            while True:
                self._news.clear()
                self._fill()
                await self._news.wait()
        finally:
            self._open = False
            await self.close()

    async def close(self) -> None:
        """Cancel and drop everything, and wait until it has ended.

        What is being discarded is left half-way: a process that must end cannot wait for it.
        """
        self._drop(self._tasks.values(), discard=False)
        for discarding in self._discarding:
            discarding.cancel()
        while ending := self._ending | self._discarding:
            await asyncio.wait(ending)

    def _of_owner(self, owner: Hashable) -> list[_Task]:
        return list(self._owners.get(owner, {}).values())

    def _enqueue(self, task: _Task) -> None:
        task.phase = "Waiting"
        self._waiting[task.work_class].setdefault(task.tenant, deque()).append(task)
        self._news.set()

    def _fill(self) -> None:
        for work_class in self._waiting:
            while (task := self._next(work_class)) is not None:
                self._start(task)

    def _next(self, work_class: str) -> _Task | None:
        """Return whose turn it is in a class.

        The tenant with the fewest running tasks comes first, then the task that waits longest.
        """
        limit = self._limits.get(work_class, self._default_limit)
        busy, waiting = self._busy[work_class], self._waiting[work_class]
        if sum(busy.values()) >= limit:
            return None
        share = max(1, limit // 2)
        allowed = [tenant for tenant in waiting if busy[tenant] < share]
        if not allowed:
            return None
        tenant = min(allowed, key=lambda name: busy[name])
        # Behind the others from now on: tenants take turns.
        tasks = waiting.pop(tenant)
        task = tasks.popleft()
        if tasks:
            waiting[tenant] = tasks
        return task

    def _start(self, task: _Task) -> None:
        loop = asyncio.get_running_loop()
        task.phase, task.attempts = "Running", task.attempts + 1
        task.started_time = task.started_time or self._now()
        task.woken_at = loop.time()
        task.woken_bytes = None
        task.announced = False
        task.progress = Progress()

        def report(progress: Progress) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested
                loop.call_soon_threadsafe(self._reported, task, progress)

        task.context = TaskContext(report=report, checkpoint=task.checkpoint)
        self._busy[task.work_class][task.tenant] += 1
        task.running = loop.create_task(self._execute(task, task.context))
        self._ending.add(task.running)
        task.running.add_done_callback(lambda done: self._ended(task, done))

    async def _execute(self, task: _Task, context: TaskContext) -> None:
        about: dict[str, traces.Attribute] = {
            "glovebox.owner": str(task.key.owner),
            "glovebox.uid": task.key.uid,
            "glovebox.attempt": task.attempts,
        }
        try:
            with traces.span(f"task {task.key.name}", about):
                result = await task.start(context)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is None or current.cancelling():
                raise
            self._failed(task, Unavailable(reasons.INTERRUPTED, "the work was interrupted"))
        except GloveboxError as error:
            self._failed(task, error)
        except Exception as error:
            if (full := full_disk(error, "the operator")) is not None:
                log.warning("no room for a task's temporary files", task=task.key.name)
                self._failed(task, full)
                return
            log.exception("a bug: a task failed unexpectedly", task=task.key.name)
            message = f"the operator could not {task.key.name}: a bug, see the operator's log"
            self._failed(task, Unavailable(reasons.INTERNAL_ERROR, message))
        else:
            if self._tasks.get(task.key) is task:
                task.phase, task.result, task.error = "Done", result, None
                self._backoff.succeeded(task)
                self._tell(task)

    def _failed(self, task: _Task, error: GloveboxError) -> None:
        if self._tasks.get(task.key) is not task:
            return  # cancelled, and failed on its way out
        loop = asyncio.get_running_loop()
        wait = self._rest(task, error)
        task.phase, task.error = "Failed", error
        task.failures += 1
        task.failing_since = task.failing_since or self._now()
        task.is_settled = wait is None
        if wait is not None:
            task.due = loop.time() + wait
            task.retry = loop.call_at(task.due, self._ripen, task)
        log.warning(
            "a task failed",
            task=task.key.name,
            reason=error.reason,
            error=error.message,
            wait_seconds=round(wait, 1) if wait is not None else None,
        )
        self._tell(task)

    def _rest(self, task: _Task, error: GloveboxError) -> float | None:
        """Return for how many seconds a task rests that failed so; None where it ends here."""
        if not isinstance(error, InvalidInput):
            task.refusals, task.unfit = 0, None
            own = error.retry_seconds if isinstance(error, NotReady) else None
            if own is not None and own > LONGEST_SECONDS:
                # It may pass in a moment all the same: such a rest is grown up to.
                return self._backoff.failed(task, longest=own)
            return max(self._backoff.failed(task), own or 0.0)
        self._backoff.succeeded(task)  # what refuses answers
        said = (error.reason, error.message)
        is_repeated, task.unfit = task.unfit == said, None
        if isinstance(error, UnfitData):
            if is_repeated:
                return None
            task.unfit = said
        wait = min(REFUSED_SECONDS * 2.0**task.refusals, REFUSED_LONGEST_SECONDS)
        task.refusals = min(task.refusals + 1, MOST_DOUBLINGS)
        return wait * (0.75 + self._jitter() / 2)

    def _ripen(self, task: _Task) -> None:
        """Let `ensure` start a failed task again.

        The timer alone says so: clocks and timers round differently.
        """
        task.retry = None
        self._tell(task)

    def _ended(self, task: _Task, done: asyncio.Task[None]) -> None:
        self._ending.discard(done)
        busy = self._busy[task.work_class]
        busy[task.tenant] -= 1
        if not busy[task.tenant]:
            del busy[task.tenant]
        self._news.set()
        if not done.cancelled() and done.exception() is not None:
            log.error("a task's end failed", exc_info=done.exception())

    def _reported(self, task: _Task, progress: Progress) -> None:
        if task.phase != "Running" or self._tasks.get(task.key) is not task:
            return
        # What is read of an object counts before it is done: one may take hours.
        reach = progress.objects_done + max(progress.bytes_done, progress.bytes_read)
        if reach > task.furthest:
            task.furthest, task.advanced_time = reach, self._now()
        now = asyncio.get_running_loop().time()
        if task.woken_bytes is None:  # what earlier attempts did is no speed of this one
            task.woken_bytes = progress.bytes_done
        passed = now - task.woken_at
        rate = task.progress.rate_bytes
        if passed >= PROGRESS_SECONDS or (passed >= 1.0 and not task.announced):
            rate = max(0.0, (progress.bytes_done - task.woken_bytes) / passed)
        task.progress = replace(progress, rate_bytes=progress.rate_bytes or rate)
        if passed >= PROGRESS_SECONDS:
            task.woken_at, task.woken_bytes, task.announced = now, progress.bytes_done, True
            self._tell(task)

    def _tell(self, task: _Task) -> None:
        if self._tasks.get(task.key) is task:
            self._wake(task.key.owner)

    def _drop(self, tasks: Iterable[_Task], *, discard: bool = True) -> None:
        for task in list(tasks):
            self._tasks.pop(task.key, None)
            siblings = self._owners.get(task.key.owner, {})
            siblings.pop(task.key, None)
            if not siblings:
                self._owners.pop(task.key.owner, None)
            self._backoff.succeeded(task)
            if task.retry is not None:
                task.retry.cancel()
                task.retry = None
            line = self._waiting[task.work_class].get(task.tenant)
            if line is not None and task in line:
                line.remove(task)
                if not line:
                    del self._waiting[task.work_class][task.tenant]
            if task.context is not None:
                task.context.stop.set()
            if task.running is not None and not task.running.done():
                task.running.cancel()
            if discard and task.discard is not None:
                discarding = asyncio.get_running_loop().create_task(self._discard(task))
                self._discarding.add(discarding)
                discarding.add_done_callback(self._discarding.discard)

    async def _discard(self, task: _Task) -> None:
        if task.running is not None:
            await asyncio.wait((task.running,))
        if task.discard is None:
            return
        try:
            await task.discard()
        except GloveboxError as error:
            log.warning("what a task left is not away yet", task=task.key.name, error=error.message)
        except Exception:
            log.exception("a bug: what a task left is not away", task=task.key.name)

    def _state(self, task: _Task) -> TaskState[Any]:
        resting = task.phase == "Failed" and not task.is_settled
        return TaskState(
            phase=task.phase,
            progress=task.progress,
            result=task.result,
            error=task.error,
            started_time=task.started_time,
            attempts=task.attempts,
            failures=task.failures,
            failing_since=task.failing_since,
            advanced_time=task.advanced_time,
            retry_seconds=(
                max(0.0, task.due - asyncio.get_running_loop().time()) if resting else None
            ),
        )
