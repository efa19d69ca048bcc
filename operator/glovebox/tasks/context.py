"""What a task is given by its runner: how to report progress, a stop, and check-points.

The same for a task inside the operator and in a test. Nothing here knows what the work
is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from glovebox.store.connection import Stop


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task has come.

    Attributes:
        objects_done: Objects that need no more work, including those of earlier attempts.
        objects_total: None while the listing has not ended.
        bytes_done: Bytes of `objects_done`.
        bytes_total: None while the listing has not ended.
        bytes_read: What this attempt read, also of objects that are not done: one of them may take
            hours. Only a seal counts it.
        rate_bytes: Bytes read per second, recently; computed by the runner.
        checkpoint: Where the work would go on after a restart, for a person; empty when nothing
            was saved yet.
        phase: What the task does now, as one CamelCase word; empty when it has only one phase.
    """

    objects_done: int = 0
    objects_total: int | None = None
    bytes_done: int = 0
    bytes_total: int | None = None
    bytes_read: int = 0
    rate_bytes: float = 0.0
    checkpoint: str = ""
    phase: str = ""


class Checkpoint(Protocol):
    """Keeps what a task has done so far, as segments of bytes that it alone understands.

    All of it blocks.

    Segments hold facts ("this version has that digest"), never positions: a segment that is lost,
    repeated or out of order costs work and nothing else.
    """

    def load(self) -> Iterator[bytes]:
        """Yield the segments of earlier attempts, oldest first.

        Raises:
            GloveboxError: The place cannot be read now.
        """

    def save(self, segment: bytes) -> str:
        """Add a segment and return where it lies, for a person.

        Raises:
            GloveboxError: It could not be kept.
        """

    def clear(self) -> None:
        """Drop the segments, as far as the place lets us: the task is done."""


def _unheard(progress: Progress) -> None:
    del progress


@dataclass(slots=True)
class TaskContext:
    """The running task's side of its runner.

    Attributes:
        report: Takes the progress; safe to call from any thread, as often as one likes.
        stop: Set when nobody waits for the task any more.
        checkpoint: Where to keep what is done; None leaves the choice to the task.
        checkpoint_seconds: How much work a restart may lose.
    """

    report: Callable[[Progress], None] = _unheard
    stop: Stop = field(default_factory=Stop)
    checkpoint: Checkpoint | None = None
    checkpoint_seconds: float = 60.0
