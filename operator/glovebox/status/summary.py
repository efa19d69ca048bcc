"""Ready, Reconciling and Stalled of a kind whose whole reconcile is one outcome. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Grace, Outcome, Verdict


def holds_back(obj: Mapping[str, Any], outcome: Outcome, grace: Grace) -> bool:
    """Whether a failure may pass unreported yet: the resource was Ready, for this generation."""
    status = obj.get("status") or {}
    if not outcome.is_failed or outcome.definite or outcome.is_lasting(grace):
        return False
    if status.get("observedGeneration") != obj["metadata"].get("generation"):
        return False
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    return conditions.get(types.READY) == types.TRUE


def summarise(
    builder: StatusBuilder,
    outcome: Outcome,
    required: Iterable[str],
    ready: tuple[str, str],
) -> None:
    """Mark Ready by the outcome and the required conditions, with Reconciling or Stalled beside it.

    Args:
        builder: The status, with the other conditions marked.
        outcome: How the reconcile ended.
        required: The conditions that must all be True; the first that is not gives Ready its
            reason.
        ready: Reason and message of Ready when all is well.
    """
    match outcome.verdict:
        case Verdict.REFUSED:
            builder.mark_false(types.READY, outcome.reason, outcome.message)
            builder.mark_true(types.STALLED, outcome.reason, outcome.message)
            return
        case Verdict.WAITING:
            builder.mark_false(types.READY, outcome.reason, outcome.message)
            builder.mark_true(types.RECONCILING, reasons.PENDING, outcome.message)
            return
        case Verdict.FAILED:
            before, why, _ = builder.current(types.READY)
            # Nobody knows any more whether what was Ready still is; what never was, is not.
            never = before == types.FALSE or why == reasons.NOT_LOOKED
            answer: Answer = types.FALSE if never or outcome.definite else types.UNKNOWN
            builder.mark(types.READY, answer, outcome.reason, outcome.message)
            builder.mark_true(types.RECONCILING, outcome.reason, outcome.message)
            return
    for condition in required:
        answer, reason, message = builder.current(condition)
        if answer != types.TRUE:
            builder.mark(types.READY, answer, reason, message)
            return
    builder.mark_true(types.READY, *ready)
