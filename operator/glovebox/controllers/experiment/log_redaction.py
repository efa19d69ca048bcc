"""Takes secrets out of a log while everything else goes on.

A hostile log of a megabyte takes a second of processor. On the event loop that is a second in which
no lease is renewed and no probe is answered: a few runs that end together would cost the operator
its life. It is done in a thread, in pieces that hold the interpreter for a moment each, with a
pause after each in which the loop gets through what came meanwhile; and one log at a time in the
whole process, however many runs end at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from glovebox.data.redaction import redact_log

_PAUSE_SECONDS: Final = 0.002


async def redact_beside(
    turn: asyncio.Lock, raw: bytes, known: Iterable[str], most: int
) -> tuple[bytes, int, bool]:
    """Return what `redact_log` returns.

    Args:
        turn: One for the whole process.
        raw: As in `redact_log`.
        known: As in `redact_log`.
        most: As in `redact_log`.
    """
    async with turn:
        return await asyncio.to_thread(redact_log, raw, known, most, _pause)


def _pause() -> None:
    """Let go of the interpreter: a thread that only is asked for it gives it up for a moment."""
    time.sleep(_PAUSE_SECONDS)
