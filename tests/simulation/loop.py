"""An asyncio event loop on virtual time: nothing waits, and the same seed gives the same order.

There is no selector and there are no threads: when no callback is ready, time jumps to the next
timer. A program in which nothing is ready and nothing is due can never go on; that is an error
which says what everybody was waiting for.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest import mock

START: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# Far from zero: a program that takes 0 for "never" would otherwise seem to work.
_FIRST_SECOND: Final = 1_000.0
# Which simulated process a callback belongs to; inherited by everything that the process starts.
PROCESS: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("process", default="")


class DeadlockError(AssertionError):
    """Nothing is ready and nothing is due."""


class RunawayError(AssertionError):
    """More callbacks ran without any time going by than any sane program needs."""


class _Timer(asyncio.TimerHandle):
    """A timer that compares fast: the loop does little else than order timers."""

    _when: float

    def __lt__(self, other: object) -> bool:
        return self._when < other._when  # type: ignore[attr-defined,no-any-return]


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in order and jumps from timer to timer.

    Args:
        chance: Decides the order of timers that are due at the same moment, and how long a call
            in an executor takes; None keeps the order of their making.
        most_callbacks: That may run at one moment before it is called a runaway.
    """

    # What BaseEventLoop keeps, and its stub does not tell.
    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]
    _stopping: bool

    def __init__(
        self, chance: random.Random | None = None, *, most_callbacks: int = 100_000
    ) -> None:
        super().__init__()
        self._virtual = _FIRST_SECOND
        self._chance = chance
        self._most = most_callbacks
        self._at_this_moment = 0
        # What belongs to processes that are stopped, until they go on.
        self._stopped: dict[str, list[asyncio.Handle]] = {}
        self._stopped_at: dict[str, float] = {}
        # When a process went on last, and for how long it had been stopped.
        self.went_on: tuple[float, float] = (0.0, 0.0)
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        """Return the virtual time in seconds; it never goes back."""
        return self._virtual

    def run_in_executor(  # type: ignore[override]  # the stub wants type variables of its own
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run the call on the loop itself, a moment from now; its answer takes a moment as well."""
        del executor
        answer: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            if answer.cancelled():
                return
            try:
                result, error = func(*args), None
            except Exception as failure:  # noqa: BLE001 - handed to whoever awaits it
                result, error = None, failure
            self.call_later(self._a_moment(), finish, result, error)

        def finish(result: Any, error: Exception | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        self.call_later(self._a_moment(), work)
        return answer

    def stop_process(self, name: str) -> None:
        """Stop a process as SIGSTOP does: its timers go off when it goes on."""
        self._stopped.setdefault(name, [])
        self._stopped_at.setdefault(name, self.time())

    def continue_process(self, name: str) -> None:
        """Let a process go on."""
        self._ready.extend(self._stopped.pop(name, ()))
        if name in self._stopped_at:
            self.went_on = self.time(), self.time() - self._stopped_at.pop(name)

    def _is_stopped(self, handle: asyncio.Handle) -> bool:
        context: contextvars.Context = handle._context  # type: ignore[attr-defined]
        held = self._stopped.get(context.get(PROCESS, ""))
        if held is None:
            return False
        held.append(handle)
        return True

    def _a_moment(self) -> float:
        return 0.005 if self._chance is None else self._chance.uniform(0.001, 0.02)

    def call_at(  # type: ignore[override]  # the stub wants type variables of its own
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call at a moment of virtual time."""
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def _run_once(self) -> None:
        scheduled, ready = self._scheduled, self._ready
        self._drop_cancelled()
        if not ready and not self._stopping:
            if not scheduled:
                raise DeadlockError(_story(self))
            if scheduled[0]._when > self._virtual:
                self._virtual = scheduled[0]._when
                self._at_this_moment = 0
        due, now = [], self._virtual
        while scheduled and scheduled[0]._when <= now:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            if not timer._cancelled:
                due.append(timer)
        if self._chance is not None and len(due) > 1:
            self._chance.shuffle(due)
        ready.extend(due)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled and not (self._stopped and self._is_stopped(handle)):
                self._at_this_moment += 1
                handle._run()
        if self._at_this_moment > self._most:
            raise RunawayError(
                f"{self._at_this_moment} callbacks ran at second {self._virtual:.3f}:\n"
                + _story(self)
            )

    def _drop_cancelled(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False

    # What BaseEventLoop leaves to loops with a selector.

    def _process_events(self, event_list: object) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who had to be woken."""


class WallClock:
    """The time of day of a simulated machine: goes with the loop, and may be set forwards or back.

    Args:
        loop: Whose time it follows.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._offset = 0.0

    def now(self) -> datetime:
        """Return the time of day, UTC."""
        return START + timedelta(seconds=self._loop.time() - _FIRST_SECOND + self._offset)

    def jump(self, seconds: float) -> None:
        """Set the clock forwards, or back with a negative number."""
        self._offset += seconds


class OtherClock(WallClock):
    """The clock of another machine, which is ahead of the first one or behind it.

    Args:
        clock: The first one.
        ahead: By so many seconds.
    """

    def __init__(self, clock: WallClock, ahead: float) -> None:
        self._clock, self._ahead = clock, timedelta(seconds=ahead)

    def now(self) -> datetime:
        """Return the time of day, UTC."""
        return self._clock.now() + self._ahead


@contextlib.contextmanager
def virtual_time(loop: VirtualLoop, clock: WallClock, seed: int) -> Iterator[None]:
    """Let `time` and `random` of the whole process follow the simulation inside the block."""
    state = random.getstate()
    random.seed(seed)
    try:
        with (
            mock.patch.object(time, "monotonic", loop.time),
            mock.patch.object(time, "perf_counter", loop.time),
            # Between threads, of which there are none here.
            mock.patch.object(time, "sleep", return_value=None),
            mock.patch.object(time, "time", lambda: clock.now().timestamp()),  # noqa: PT008 - it moves
        ):
            yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def virtual_loop(seed: int) -> Iterator[tuple[VirtualLoop, WallClock]]:
    """Give a loop and a clock for one run, and close what is left on it afterwards."""
    loop = VirtualLoop(random.Random(seed))  # noqa: S311 - a simulation
    clock = WallClock(loop)
    with virtual_time(loop, clock, seed):
        try:
            yield loop, clock
        finally:
            _end(loop)


def _end(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop._at_this_moment = 0
    with contextlib.suppress(DeadlockError):
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _story(loop: asyncio.AbstractEventLoop) -> str:
    lines = [f"at second {loop.time():.3f} nothing is ready and nothing is due; these wait:"]
    for task in asyncio.all_tasks(loop):
        stack = task.get_stack(limit=1)
        where = f"{stack[-1].f_code.co_filename}:{stack[-1].f_lineno}" if stack else "nowhere"
        lines.append(f"  {task.get_name()} in {where}")
    return "\n".join(lines)
