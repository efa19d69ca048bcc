"""Whether the process is alive: its event loop beats and all its workers run.

The length of a reconcile is no question of liveness. A restart would only begin the same work
again; a reconcile that is stuck is a metric and a log line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

BEAT_SECONDS: Final = 5.0
STALE_SECONDS: Final = 30.0


class Liveness:
    """The heartbeat of an event loop.

    Args:
        dead: Returns the names of tasks that ended although they should run.
    """

    def __init__(self, dead: Callable[[], Sequence[str]]) -> None:
        self._dead = dead
        self._beat = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._beat = asyncio.get_running_loop().time()
            await asyncio.sleep(BEAT_SECONDS)

    def problem(self) -> str:
        """Return why the process should be restarted, or an empty text."""
        age = asyncio.get_running_loop().time() - self._beat
        if age > STALE_SECONDS:
            return f"the event loop has not run for {age:.0f} s"
        dead = self._dead()
        return f"workers ended: {', '.join(dead)}" if dead else ""
