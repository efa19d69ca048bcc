"""What a process knows of the access logs that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glovebox.data.log_state import LogState
from glovebox.errors import GloveboxError
from glovebox.status.reads import LogDoubt
from glovebox.tasks.access_log import Keys


@dataclass(slots=True)
class ReadLog:
    """What this process knows of one log.

    Attributes:
        uid: Of the ObjectStore.
        state: How far it was read; None while a task has it, and before the first pass.
        due: When it is to be read again, by the monotonic clock.
        keys: The objects of pins that list them in a manifest, by pin root; None for too many.
        reads: What pins say of their reads, by UID; None before the first pass.
        unreported: New findings of which no Event tells yet, by UID of the pin.
        told: `status.accessLog`; None before the first pass.
        doubt: What keeps `AccessLogRead` from being True although the last pass succeeded.
        silence: Why a pin of which nothing was found cannot be said to be read by nobody else.
        error: Why the last pass failed; None where it did not.
        failing_since: Since when none succeeds, by the monotonic clock; None where the last did.
        is_through: Whether this process has once read all that there was.
        unwatched: UIDs of the pins whose objects are too many to be looked for.
    """

    uid: str
    state: LogState | None = None
    due: float = 0.0
    keys: dict[str, Keys | None] = field(default_factory=dict)
    reads: Mapping[str, dict[str, Any]] | None = None
    unreported: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    told: dict[str, Any] | None = None
    doubt: LogDoubt | None = None
    silence: str = ""
    error: GloveboxError | None = None
    failing_since: float | None = None
    is_through: bool = False
    unwatched: frozenset[str] = frozenset()
