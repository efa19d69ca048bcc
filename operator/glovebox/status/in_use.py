"""The status of a profile, store or pin whose deletion waits for those who use it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.status.builder import StatusBuilder

_PASSING: Final = frozenset({types.READY, types.RECONCILING, types.STALLED})


def compute_held_status(
    obj: Mapping[str, Any], found: Mapping[str, Any] | None, held: str, now: datetime
) -> dict[str, Any]:
    """Return the status of a resource that stays until nobody uses it.

    Args:
        obj: The resource, which is being deleted.
        found: The status that its own look came to; None where it was not looked at.
        held: By whom it is held, in words.
        now: The present time.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    answers = {entry["type"]: entry for entry in status.get("conditions") or ()}
    shown = (types.READY, *(each for each in answers if each not in _PASSING))
    for entry in before.get("conditions") or ():
        if entry["type"] in {types.READY, types.RECONCILING}:
            answers[entry["type"]] = entry  # since when it waits is no news with each look
    status = {**status, "conditions": list(answers.values())}
    builder = StatusBuilder(status, obj["metadata"].get("generation", 0), shown, now)
    message = f"{held}; it goes when the last of them is deleted, and nothing new may use it"
    builder.mark_false(types.READY, reasons.IN_USE, message)
    builder.mark_true(types.RECONCILING, reasons.IN_USE, message)
    return builder.render()
