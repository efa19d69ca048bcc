"""How a reconcile ends: finished until the next event, or to be repeated after some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from glovebox.engine.key_queue import Priority
from glovebox.errors import GloveboxError


@dataclass(frozen=True, slots=True)
class Result:
    """How a reconcile ended.

    Attributes:
        retry_seconds: When to requeue even if nothing happens; None waits for the next event or
            resync.
        priority: How urgent that later reconcile is. None goes on as deletion when this reconcile
            was one, and as an ordinary change otherwise: a finished repair is no reason to keep
            everybody else waiting for the next rotation.
        error: What kept a part of it from being done: it is requeued with backoff, and not later
            than `retry_seconds`.
    """

    retry_seconds: float | None = None
    priority: Priority | None = None
    error: GloveboxError | None = None


DONE: Final = Result()
