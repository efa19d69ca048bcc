"""How often a status may be written that differs in words alone (`status/words.py`).

The first new message waits for five seconds, in which most are over: a Job without a pod, a pod
that is being prepared. Where messages go on changing, each next write waits twice as long as the
one before. What waits is computed again by the look that writes it, so the newest are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from glovebox.kube.resources import Key

FIRST_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 300.0


@dataclass(slots=True)
class _Pace:
    """The messages of one resource: when the newest is due, and the gap after the last one."""

    due: float | None = None
    written: float | None = None
    gap: float = FIRST_SECONDS


class MessagePace:
    """Remembers which messages wait; a restart forgets it, and they wait once more.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._paces: dict[Key, _Pace] = {}

    def seconds_to_wait(self, key: Key) -> float:
        """Return how long new words of a resource still wait; 0 when they are to be written."""
        now, pace = self._clock(), self._paces.setdefault(key, _Pace())
        if pace.due is None:
            pace.due = now + FIRST_SECONDS
            if pace.written is not None:
                pace.due = max(pace.due, pace.written + pace.gap)
        return max(0.0, pace.due - now)

    def note_words(self, key: Key) -> None:
        """Say that new words are being written: the next ones wait longer."""
        pace = self._paces.setdefault(key, _Pace())
        pace.gap = min(pace.gap * 2, LONGEST_SECONDS)
        pace.due, pace.written = None, self._clock()

    def note_same(self, key: Key) -> None:
        """Say that the words are again those that are shown: nothing waits."""
        pace = self._paces.get(key)
        if pace is not None:
            pace.due = None

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone, or that said something new."""
        self._paces.pop(key, None)
