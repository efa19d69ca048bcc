"""NamespaceReady and QuotaApplied of an Experiment: whether what was declared stands."""

from __future__ import annotations

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.desired.drift import Applied, describe_held
from glovebox.kube.kinds import LIMIT_RANGE, RESOURCE_QUOTA
from glovebox.status.builder import StatusBuilder
from glovebox.status.drift import is_fought_over
from glovebox.status.experiment_seen import (
    Seen,
    is_held_back,
    is_unanswered,
)
from glovebox.status.outcome import Verdict


def mark_namespace(builder: StatusBuilder, seen: Seen) -> None:
    """NamespaceReady and QuotaApplied: True only when every declared object is as declared."""
    parts = [(name, seen.outcome(name)) for name in ("namespace", "isolation", "access")]
    problem = next((each for each in parts if not each[1].is_done), None)
    if problem is not None:
        _, outcome = problem
        if outcome.verdict is Verdict.SKIPPED or is_held_back(seen, outcome):
            return
        answer: Answer = types.UNKNOWN if is_unanswered(seen, outcome) else types.FALSE
        builder.mark(types.NAMESPACE_READY, answer, outcome.reason, outcome.message)
        if problem[0] in {"namespace", "isolation"}:
            builder.mark(types.QUOTA_APPLIED, answer, outcome.reason, outcome.message)
        if problem[0] == "namespace":
            # Whether anything in it is as it was, nobody knows.
            builder.mark_unknown(types.ISOLATED, outcome.reason, outcome.message)
        return
    applied = [one for _, outcome in parts for one in outcome.applied]
    quota = [one for one in applied if one.key.kind in {RESOURCE_QUOTA.kind, LIMIT_RANGE.kind}]
    namespace = seen.previous.get("namespace", "")
    if is_fought_over(seen.previous, seen.now) and all(one.stands for one in applied):
        fought = builder.current(types.NAMESPACE_READY)[1] == reasons.WRITER_FIGHT
        if fought or any(one.drift is not None for one in applied):
            return  # restored just now, as a moment before: conditions do not change with it
    _mark_objects(
        builder,
        types.NAMESPACE_READY,
        applied,
        f"namespace `{namespace}` with every isolation object is as declared",
    )
    _mark_objects(builder, types.QUOTA_APPLIED, quota, "ResourceQuota and LimitRange are in force")


def _mark_objects(
    builder: StatusBuilder, condition: str, applied: list[Applied], as_declared: str
) -> None:
    held = next((one for one in applied if one.held_by), None)
    if held is not None:
        # Whatever the profile lives with: this one is neither declared nor wanted, and in force.
        message = describe_held(held.key, held.held_by)
        builder.mark_false(condition, reasons.DELETION_BLOCKED, message)
        return
    differing = [one for one in applied if not one.stands and one.drift is not None]
    if not differing:
        builder.mark_true(condition, reasons.PROVISIONED, as_declared)
        return
    missing = next((one for one in differing if _is_missing(one)), None)
    first = missing or min(differing, key=lambda one: one.result == "ignored")
    what = first.drift.describe() if first.drift is not None else ""
    if missing is not None:
        # Alert and Ignore are about differences; what is not there isolates nothing.
        message = f"{what}, and the profile says not to repair it"
        builder.mark_false(condition, reasons.ISOLATION_INCOMPLETE, message)
        return
    match first.result:
        case "ignored":
            message = f"{what}; the profile says to ignore it"
            builder.mark_unknown(condition, reasons.DRIFT_IGNORED, message)
        case "contended":
            message = f"{what}; it is being changed again and again"
            builder.mark_false(condition, reasons.WRITER_FIGHT, message)
        case _:
            message = f"{what}; the profile says to alert, not to repair"
            builder.mark_false(condition, reasons.DRIFT_DETECTED, message)


def _is_missing(one: Applied) -> bool:
    return one.drift is not None and one.drift.change == "deleted" and one.result != "contended"
