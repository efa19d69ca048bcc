"""Does a piece of work a moment after it was asked for, once for many calls, until it succeeds.

What it looks for may be told by nobody again, so one lost request is no reason to give up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from glovebox.engine.backoff import Backoff
from glovebox.errors import GloveboxError

log = structlog.get_logger(__name__)
# Several calls may come at once; what fails waits so long, and twice as long each time.
SOON_SECONDS: Final = 1.0


class Debounced:
    """One piece of work that anybody may ask for.

    A call while the work is being done calls for it once more: it may have looked already. A call
    while a failure is waited out does not wait for longer than a first one.

    Args:
        work: Returns after how many seconds it is to be done again; None when it is through.
        what: What it does, for the log.
    """

    def __init__(self, work: Callable[[], Awaitable[float | None]], what: str) -> None:
        self._work = work
        self._what = what
        # The whole of each wait: there is no other piece of work beside which it would fail.
        self._backoff = Backoff(jitter=lambda: 1.0)
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        """Ask for it."""
        self._asked.set()
        if self._task is None:
            self._task = asyncio.create_task(self._until_done())

    async def close(self) -> None:
        """Give up what is under way."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _until_done(self) -> None:
        try:
            while self._asked.is_set():
                await asyncio.sleep(SOON_SECONDS)
                self._asked.clear()
                again = await self._once()
                if again is not None:
                    await self._asked_or_after(again)
        finally:
            # Here, and not by a callback: that would come later, and a call before it be lost.
            self._task = None

    async def _once(self) -> float | None:
        """Do it; return after how many seconds it is to be done again, if at all."""
        try:
            again = await self._work()
        except GloveboxError as error:
            problem = error.message
        except Exception:
            log.exception("a bug: what was asked for failed unexpectedly", what=self._what)
            problem = "see the log"
        else:
            self._backoff.succeeded(self._what)
            return again
        wait = self._backoff.failed(self._what, first=SOON_SECONDS)
        log.warning("failed, trying again", what=self._what, error=problem, wait_seconds=wait)
        return wait

    async def _asked_or_after(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            self._asked.set()
