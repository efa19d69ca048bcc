"""Hands progress from a job's thread to the event loop, now and then."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_OBJECTS: Final = 100
_EVERY_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come.

    Attributes:
        objects: Objects done.
        bytes: Their size.
        listed: Objects that the listing has shown so far; all of them once `objects` grows.
        listed_bytes: Their size.
        read_bytes: What was read of objects, also of those that are not done.
    """

    objects: int = 0
    bytes: int = 0
    listed: int = 0
    listed_bytes: int = 0
    read_bytes: int = 0


class Telling:
    """Counts in the job's thread and calls on the event loop, about every 100 objects or 64 MiB.

    Args:
        on_progress: Called on the event loop; None counts only.
    """

    def __init__(self, on_progress: Callable[[Progress], None] | None) -> None:
        self._tell = on_progress
        self._loop = asyncio.get_running_loop()
        self.now = self._told = Progress()
        # Pieces are read by several threads at once.
        self._lock = threading.Lock()
        self._read = self._read_told = 0

    def add(self, size: int) -> None:
        """Count one object that is done."""
        self.now = replace(self.now, objects=self.now.objects + 1, bytes=self.now.bytes + size)
        if (
            self.now.objects - self._told.objects >= _EVERY_OBJECTS
            or self.now.bytes - self._told.bytes >= _EVERY_BYTES
        ):
            self._hand_over()

    def read(self, size: int) -> None:
        """Count a piece of an object that is being read; in any thread."""
        with self._lock:
            self._read += size
            is_due = self._read - self._read_told >= _EVERY_BYTES
            if is_due:
                self._read_told = self._read
        if is_due:
            self._hand_over()

    def list(self, objects: int, size: int) -> None:
        """Count a page of the listing."""
        listed, listed_bytes = self.now.listed + objects, self.now.listed_bytes + size
        self.now = replace(self.now, listed=listed, listed_bytes=listed_bytes)
        if listed - self._told.listed >= _EVERY_OBJECTS * 10:
            self._hand_over()

    def _hand_over(self) -> None:
        self._told = now = self.now
        if self._tell is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                told = replace(now, read_bytes=self._read)
                self._loop.call_soon_threadsafe(self._tell, told)
