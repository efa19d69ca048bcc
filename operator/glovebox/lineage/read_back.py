"""Whether a destination has what it took: of one run an hour it is asked. Pure.

A consumer may answer 200 and drop what it does not know. So the end of a run that it took is a
canary: after a minute it is asked for that run, and when it does not know it, twice more, since
many consumers work through a queue of their own. What it does not know then, it does not keep.
Nothing depends on that but what is said of the destination: the record is in the store.

What is remembered is in memory: the next process waits for the next end of a run.
"""

from __future__ import annotations

from typing import Final, Literal

from glovebox.lineage.events import START

Kept = Literal["found", "missing", "unknown"]
# After so long it is asked, each counted from the one before.
_WAITS: Final = (60.0, 300.0, 1800.0)
# Another run, or the same one that was missing.
_EVERY_SECONDS: Final = 3600.0


class ReadBack:
    """What is asked of one destination.

    Attributes:
        is_kept: Whether it had the last run of which it is known; None before the first answer.
    """

    def __init__(self) -> None:
        self.is_kept: bool | None = None
        self._run = ""
        self._asked = 0
        self._due = 0.0
        self._rests_until = 0.0

    def delivered(self, run: str, event_type: str, now: float) -> None:
        """Say that a destination took an event.

        Args:
            run: Id of the run.
            event_type: Of the event. A run that goes on may not be shown everywhere.
            now: Monotonic seconds.
        """
        is_under_way = bool(self._run) and self._asked < len(_WAITS)
        if event_type == START or is_under_way or now < self._rests_until:
            return
        self._run, self._asked = run, 0
        self._due = now + _WAITS[0]

    def next(self, now: float) -> str:
        """Return the run to ask for; empty for none by now."""
        return self._run if self._run and now >= self._due else ""

    def wait_seconds(self, now: float) -> float | None:
        """Return after how many seconds it is asked; None when not at all."""
        return max(0.0, self._due - now) if self._run else None

    def answered(self, kept: Kept, now: float) -> bool:
        """Note what it answered; return whether it was found to lack the run, for the first time.

        Args:
            kept: The answer. One that says nothing is no answer: it is asked again.
            now: Monotonic seconds.
        """
        if kept == "found":
            self.is_kept = True
            self._run = ""
            self._rests_until = now + _EVERY_SECONDS
            return False
        if kept == "missing":
            self._asked += 1
        if self._asked < len(_WAITS):
            self._due = now + _WAITS[max(1, self._asked)]
            return False
        # It may come to it yet; and so may the next run that it is told of.
        is_news = self.is_kept is not False
        self.is_kept = False
        self._due = now + _EVERY_SECONDS
        return is_news
