"""A condition of a pin beside what its data say, which may be a part of Ready. Pure.

What else keeps the pin from being Ready comes first: a gate decides only where the pin is Ready
otherwise, or where it is this gate that keeps it from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

from glovebox.api import conditions as types
from glovebox.api.conditions import Answer
from glovebox.errors import GloveboxError
from glovebox.status.builder import StatusBuilder
from glovebox.status.dataset_pin import READY

R = TypeVar("R")
_PASSING: Final = (types.RECONCILING, types.STALLED)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a condition says.

    Attributes:
        condition: Its type.
        answer: What it says.
        reason: Why.
        message: The same in words.
        passing: What the pin says of itself where it is not Ready for that.
        ours: The reasons with which this gate keeps a pin from being Ready; none where it never
            does.
    """

    condition: str
    answer: Answer
    reason: str
    message: str
    passing: Literal["", "Reconciling", "Stalled"] = ""
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GateFacts(Generic[R]):
    """What is known at one moment of what a gate is about, and a task finds out.

    Attributes:
        recorded: What the status says of it, or says from now on; None before the first answer.
        error: What keeps it from being found out; None while nothing does.
        progress: `status.progress` of the task, while it runs and reports.
        is_early: Whether the data were not pinned yet.
    """

    recorded: R | None = None
    error: GloveboxError | None = None
    progress: dict[str, Any] | None = None
    is_early: bool = False


def put_progress(status: dict[str, Any], progress: dict[str, Any] | None, phase: str) -> None:
    """Have a status say how far a task is; take its phase away once there is nothing to say."""
    if progress is not None:
        status["progress"] = progress
    elif (status.get("progress") or {}).get("phase") == phase:
        del status["progress"]


def with_gate(
    obj: Mapping[str, Any], found: dict[str, Any] | None, gate: Gate, now: datetime
) -> dict[str, Any] | None:
    """Return a status that says what the gate does, and is Ready only where that lets it.

    Args:
        obj: The pin.
        found: The status that was come to so far; None where that leaves what there is.
        gate: What the condition says.
        now: The present time.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    if not status.get("conditions"):
        return found  # not looked at yet: nothing is said of it alone
    own = {one["type"]: one for one in status["conditions"]}
    ready = own.get(types.READY, {})
    is_open = ready.get("status") == types.TRUE or ready.get("reason") in gate.ours
    decides = bool(gate.ours) and is_open
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(before, generation, (gate.condition, types.READY), now)
    builder.mark(gate.condition, gate.answer, gate.reason, gate.message)
    if decides and gate.answer == types.TRUE:
        builder.mark(types.READY, types.TRUE, *READY)
    elif decides:
        builder.mark(types.READY, types.FALSE, gate.reason, gate.message)
        if gate.passing:
            builder.mark(gate.passing, types.TRUE, gate.reason, gate.message)
    marked = {one["type"]: one for one in builder.render()["conditions"]}
    if not decides:
        marked.pop(types.READY, None)
    else:
        own = {name: one for name, one in own.items() if name not in _PASSING}
    passing = [name for name in _PASSING if name in {**own, **marked}]
    order = [name for name in own if name not in _PASSING]
    order += [name for name in (gate.condition,) if name not in own]
    conditions = [(own | marked)[name] for name in (*order, *passing)]
    return {**status, "conditions": conditions}
