"""What a resource of any kind says while the operator fails to look at it. Pure.

Nothing is known then that the look would have found: all other conditions stay, and speak of
before. That they do is said beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.status.builder import StatusBuilder
from glovebox.status.kstatus import condition_of
from glovebox.status.outcome import Grace, Outcome


def has_lasted(outcome: Outcome, grace: Grace) -> bool:
    """Whether looks have failed for longer than is held back, whatever the error is called."""
    return outcome.failing_seconds >= grace.seconds and outcome.attempts >= grace.attempts


def with_failed_look(obj: Mapping[str, Any], outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return the status of a resource with the word that nobody succeeds in looking at it.

    Args:
        obj: The resource.
        outcome: How the look ended.
        now: The present time.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    message = (
        f"the operator fails to look at it, and what else is said here is of before:"
        f" {outcome.message}"
    )
    builder = StatusBuilder(before, obj["metadata"].get("generation", 0), (), now)
    builder.mark_true(types.RECONCILING, reasons.LOOK_FAILED, message)
    (entry,) = builder.render()["conditions"]
    return {**before, "conditions": [*_others(before), entry]}


def without_failed_look(
    obj: Mapping[str, Any], found: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return the status that a look came to that succeeded; None where it leaves what there is.

    Args:
        obj: The resource.
        found: The status that the look came to; None where it leaves what there is.
    """
    # A look that has little to say says it beside what stands, this word included.
    status: Mapping[str, Any] = found if found is not None else obj.get("status") or {}
    said = condition_of(status, types.RECONCILING)
    if said is None or said["reason"] != reasons.LOOK_FAILED:
        return found
    return {**status, "conditions": _others(status)}


def _others(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = status.get("conditions") or ()
    return [each for each in entries if each["type"] != types.RECONCILING]
