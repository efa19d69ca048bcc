"""What a process knows of the access logs that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glovebox.data.log_state import LogState
from glovebox.errors import GloveboxError
from glovebox.tasks.access_log import Keys


@dataclass(slots=True)
class ReadLog:
    """What this process knows of one log.

    Attributes:
        state: How far it was read; None while a task has it, and before the first pass.
        due: When it is to be read again, by the monotonic clock.
        keys: The objects of pins that list them in a manifest, by pin root; None for too many.
        reads: What pins say of their reads, by UID; None before the first pass.
        unreported: New findings of which no Event tells yet, by UID of the pin.
        told: `status.accessLog`; None before the first pass.
        is_understood: Whether what was read is an access log.
        error: Why the last pass failed; None where it did not.
        unwatched: UIDs of the pins whose objects are too many to be looked for.
    """

    state: LogState | None = None
    due: float = 0.0
    keys: dict[str, Keys | None] = field(default_factory=dict)
    reads: Mapping[str, dict[str, Any]] | None = None
    unreported: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    told: dict[str, Any] | None = None
    is_understood: bool = True
    error: GloveboxError | None = None
    unwatched: frozenset[str] = frozenset()
