"""The condition Ready of an Experiment, with Reconciling and Stalled. Pure.

Ready is about what stands; Reconciling and Stalled are there only while they are true, and never
both.
"""

from __future__ import annotations

from typing import Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.status.broken_inputs import (
    broken_of,
    describe_broken,
    stops_for_good,
    why_frozen,
)
from glovebox.status.builder import StatusBuilder
from glovebox.status.delivery import delivers_to_people
from glovebox.status.experiment_facts import RunFacts
from glovebox.status.experiment_seen import (
    Seen,
    cannot_close,
    completes,
    first_unfinished,
    first_with,
    is_closed,
    is_held_back,
    state_of,
)
from glovebox.status.ledger import HeldBack
from glovebox.status.outcome import Outcome, Verdict

_LIVED_WITH: Final = {
    reasons.DRIFT_IGNORED,
    reasons.DRIFT_DETECTED,
    # Of an operator without an image, where only runs are refused.
    reasons.DELIVERY_UNAVAILABLE,
    # Of a grant that ended: what was delivered by it stays.
    reasons.GRANT_REVOKED,
    reasons.GRANT_EXPIRED,
}
# What has to be True for Ready.
REQUIRED: Final = (
    types.INPUTS_VERIFIED,
    types.NAMESPACE_READY,
    types.QUOTA_APPLIED,
    types.ARTIFACTS_PROTECTED,
    types.CREDENTIALS_FRESH,
)


def mark_ready(builder: StatusBuilder, seen: Seen, held: HeldBack) -> None:
    """Answer Ready, and say what goes on or needs a person.

    Args:
        builder: The status in the making; the other conditions are in it.
        seen: The look.
        held: What is not reported before the ledger tells of it.
    """
    run = seen.facts("run", RunFacts)
    sealed = builder.status_of(types.SEALED) == types.TRUE
    state = state_of(seen)
    ended = run.run if run is not None else None
    told = ended if types.SUCCEEDED not in held.conditions else None
    if state == names.STATE_SEALED and told is not None and told.outcome == "Failed":
        # Nothing that a waiting program should take for health, and nothing that heals by itself.
        builder.mark_false(types.READY, told.reason, told.message)
        builder.mark_true(types.STALLED, told.reason, told.message)
        return
    broken = broken_of(seen.previous)
    if stops_for_good(broken):
        # Without a run, or before it: it ended all the same, and not well.
        message = f"the experiment was ended: {describe_broken(broken)}"
        builder.mark_false(types.READY, reasons.INPUT_BROKEN, message)
        builder.mark_true(types.STALLED, reasons.INPUT_BROKEN, message)
        return
    refused = first_with(seen, Verdict.REFUSED)
    if refused is not None:
        builder.mark_false(types.READY, refused.reason, refused.message)
        builder.mark_true(types.STALLED, refused.reason, refused.message)
        return
    if not seen.is_provisioned and not completes(seen):
        outcome = first_unfinished(seen)
        reason = outcome.reason or reasons.PROVISIONING
        builder.mark_false(types.READY, reason, outcome.message)
        builder.mark_true(types.RECONCILING, reason, outcome.message)
        return
    _mark_ready_of_what_stands(builder, seen, state, sealed=sealed)


def _mark_ready_of_what_stands(
    builder: StatusBuilder, seen: Seen, state: str, *, sealed: bool
) -> None:
    lasting = _lasting_failure(seen)
    if lasting is not None:
        builder.mark_true(types.RECONCILING, lasting.reason, lasting.message)
    if state == names.STATE_SEALED and cannot_close(seen, sealed=sealed):
        _mark_open_still(builder, seen)
        return
    refusal = _refusal_of_the_start(seen)
    if refusal is not None:
        builder.mark_false(types.READY, refusal.reason, refusal.message)
        return
    if state == names.STATE_FROZEN and not is_closed(seen):
        outcome = first_unfinished(seen)
        message = f"is being frozen: {outcome.message}"
        builder.mark_false(types.READY, outcome.reason or reasons.PROVISIONING, message)
        builder.mark_true(types.RECONCILING, outcome.reason or reasons.PROVISIONING, message)
        return
    if state == names.STATE_FROZEN:
        builder.mark_false(types.READY, *_frozen(seen))
        return
    if state == names.STATE_SEALED and sealed:
        builder.mark_true(types.READY, reasons.SEALED, "the results are sealed")
        return
    if not _mark_what_lacks(builder, seen):
        message = "the experiment's namespace is provisioned"
        builder.mark_true(types.READY, reasons.PROVISIONED, message)


def _mark_what_lacks(builder: StatusBuilder, seen: Seen) -> bool:
    """Answer Ready with the first condition that it needs and that is not True, if there is one."""
    # Whoever waits for Ready to work by hand finds the inputs.
    delivered = (types.INPUTS_DELIVERED,) if delivers_to_people(seen.obj) else ()
    for condition in (*REQUIRED, *delivered):
        answer, reason, message = builder.current(condition)
        # The platform chose to live with these; the condition itself says what differs, or lacks.
        if answer == types.TRUE or reason in _LIVED_WITH:
            continue
        builder.mark(types.READY, answer, reason, message)
        return True
    return False


def _frozen(seen: Seen) -> tuple[str, str]:
    broken = broken_of(seen.previous)
    if broken:
        return reasons.INPUT_BROKEN, why_frozen(broken)
    return (
        reasons.FROZEN,
        "frozen on request: no pod may start, nothing was deleted but workloads and credentials",
    )


def _mark_open_still(builder: StatusBuilder, seen: Seen) -> None:
    """Answer Ready of what is to be closed and cannot be; by then Sealed may be True.

    The seal has its doubt, but more may be written that it does not say: nobody should take that
    for the end.
    """
    closing = seen.outcome("lock_up")
    if is_held_back(seen, closing):
        # Why it cannot be closed may pass; what is known to be other than declared is told.
        _mark_what_lacks(builder, seen)
        return
    message = f"the namespace cannot be closed: {closing.message}"
    builder.mark_false(types.READY, closing.reason, message)
    builder.mark_true(types.RECONCILING, closing.reason, message)


def _lasting_failure(seen: Seen) -> Outcome | None:
    return next(
        (each for each in seen.outcomes.values() if each.is_lasting(seen.grace) or each.definite),
        None,
    )


def _refusal_of_the_start(seen: Seen) -> Outcome | None:
    """Return what the API server does not take of what the run needs to start."""
    return next(
        (outcome for outcome in (seen.outcome("deliver"), seen.outcome("run")) if outcome.definite),
        None,
    )
