"""Phase `seal`: after the run, with the namespace closed, results are listed, signed and locked.

It begins once an earlier look has recorded that everything is closed (`status.state: Sealed`): from
then on nothing opens it again, so nothing is written that the seal does not say. What cannot be
closed for an hour is sealed all the same, and the signed statement says so.

When the last session has ended that may write below the prefix, it is listed once more, and a
signed supplement says what came meanwhile.

Everything comes from what was bound. How the seal itself is made is in `controllers/bound_seal.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from glovebox import names
from glovebox.api import reasons
from glovebox.api.attempt_status import TenantPods
from glovebox.api.experiment_status import RunStatus
from glovebox.api.seal_status import SealStatus
from glovebox.controllers.bound_seal import (
    MAKING,
    PODS_WAIT,
    BoundSeal,
    doubts_of,
    ensure_bound_seal,
    recorded_outcome,
    unended_pods,
    waits_for,
)
from glovebox.controllers.experiment.freeze import freeze
from glovebox.controllers.experiment.namespace import is_there
from glovebox.controllers.experiment.overdue import LAST_LISTING, clear_late, note_late
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.retire import Retiring
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.last_listings import (
    SealedExperiment,
    drop_seal_tasks,
    ensure_last_listing,
    record_of,
)
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal
from glovebox.data.counting import counted
from glovebox.desired.plan import Plan
from glovebox.engine.tasks import TaskKey
from glovebox.errors import GloveboxError
from glovebox.status.broken_inputs import doubts_of_inputs, stops_for_good
from glovebox.status.experiment_facts import AttemptFacts, RunFacts, SealFacts
from glovebox.status.experiment_work import not_sealed
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.status.text import format_time
from glovebox.tasks.seal import SEAL

# How long the seal waits for a namespace that cannot be closed.
CLOSE_WAIT: Final = timedelta(hours=1)
CLOSING: Final = "closing"
_PODS: Final = "pods"
_LOOK_AGAIN_SECONDS: Final = 1.0
_LOOK_SELDOM_SECONDS: Final = 15.0
_SOON: Final = timedelta(minutes=1)


async def ensure_seal(  # noqa: PLR0911 - one way out for each thing that is waited for
    scope: Scope, outcomes: Outcomes
) -> Outcome:
    """Seal the results unless they are sealed.

    Raises:
        GloveboxError: Something failed; the next look goes on.
    """
    recorded = scope.experiment.status.seal
    if recorded is not None:
        return await _list_once_more(scope, recorded)
    if scope.state != names.STATE_SEALED and not scope.experiment.is_deleting:
        # Of a seal that is not wanted any more.
        drop_seal_tasks(scope.ports, scope.key, scope.experiment.uid)
        return _not_yet(scope)
    run, tenants, pending = _seen(scope, outcomes)
    why_open = _why_open(outcomes)
    if not why_open:
        if not scope.experiment.is_deleting:  # what it took of a deletion is added to its wait
            scope.ports.failures.clear(scope.key, CLOSING)
    elif not _is_given_up(scope, run):
        return waiting(
            reasons.SEALING,
            f"the namespace is not closed yet: {why_open}; then the results are sealed",
            retry_seconds=_LOOK_SELDOM_SECONDS,
        )
    if pending:
        return waiting(
            reasons.SEALING,
            f"{pending}; then the results are sealed",
            retry_seconds=_LOOK_SELDOM_SECONDS,
        )
    # What still runs may still write: the list would not be the last word.
    running = await unended_pods(scope.ports, scope.namespace)
    if running and not await is_there(scope):
        running = []  # of somebody else, whose namespace has the name by now
    until = _waits_until(scope, run, running)
    if running and scope.now <= until and not _stays(scope):
        # What is closed admits no pod, so these were there; ending them again does no harm.
        await freeze(scope.ports, scope.namespace, keep_ended=run is not None)
        long = scope.now > until - PODS_WAIT + _SOON
        return waiting(
            reasons.SEALING,
            f"{counted(len(running), 'pod')} still to end ({running[0]['metadata']['name']}); then"
            " the results are sealed",
            retry_seconds=_LOOK_SELDOM_SECONDS if long else _LOOK_AGAIN_SECONDS,
        )
    recorded_closed = scope.experiment.status.state == names.STATE_SEALED
    if not why_open and not recorded_closed and not scope.experiment.is_deleting:
        return waiting(reasons.SEALING, MAKING)  # with the next look, which finds the record
    doubts = (*doubts_of_closing(why_open), *doubts_of(running))
    made = await ensure_bound_seal(scope.ports, _bound_seal(scope, outcomes, run, tenants, doubts))
    tell_not_counted(scope.ports, scope.obj, made)
    return made


def _not_yet(scope: Scope) -> Outcome:
    """Return that nothing is sealed yet, although there may be what looks like a seal."""
    said = not_sealed(scope.state, run=scope.experiment.spec.has_run)
    uncounted = scope.ports.uncounted_seals.get(scope.experiment.uid)
    if uncounted:
        return waiting(reasons.SEAL_NOT_COUNTED, f"{uncounted}. The run is followed; {said}")
    return waiting(reasons.NOT_SEALED, said)


def tell_not_counted(ports: Ports, about: Mapping[str, Any], made: Outcome) -> None:
    """Tell of statements by former keys that lie in the place of a seal, and are none."""
    if isinstance(made.facts, SealFacts) and made.facts.not_counted:
        message = made.facts.not_counted
        ports.events.warning(about, reasons.SEAL_NOT_COUNTED, message, action="Seal")


async def _list_once_more(scope: Scope, seal: SealStatus) -> Outcome:
    """Have the prefix listed once more when the last session has ended."""
    ports, status = scope.ports, scope.experiment.status
    facts = SealFacts(None, seal.objects, seal.bytes, seal.findings)
    if status.seal_supplement is not None or seal.sessions_end_time is None:
        drop_seal_tasks(ports, scope.key, scope.experiment.uid)
        clear_late(ports, scope.key, LAST_LISTING)
        return done(facts)
    ports.tasks.drop(TaskKey(scope.key, scope.experiment.uid, SEAL))  # it is recorded
    left = (seal.sessions_end_time - scope.now).total_seconds()
    ends = format_time(seal.sessions_end_time)
    if left > 0:
        waits = waits_for(seal.sessions_end_time)
        return done(replace(facts, waits=waits), retry_seconds=left)
    sealed = SealedExperiment.of(scope.experiment)
    try:
        task = await ensure_last_listing(ports, sealed, scope.key)
    except GloveboxError as error:
        note_refusal(ports, error)
        note_late(ports, scope.key, LAST_LISTING, error, since=seal.sessions_end_time)
        waits = f"the prefix could not be listed once more yet: {error.message}"
        return done(replace(facts, waits=waits), retry_seconds=_LOOK_SELDOM_SECONDS)
    if task.result is not None:
        clear_late(ports, scope.key, LAST_LISTING)
        return done(replace(facts, supplement=record_of(task.result)))
    if task.error is not None:
        note_refusal(ports, task.error)
        if task.error.reason != reasons.ARTIFACT_UNREAD:  # which says until when it is waited for
            since = seal.sessions_end_time
            note_late(ports, scope.key, LAST_LISTING, task.error, since=since)
        waits = f"the prefix could not be listed once more yet: {task.error.message}"
    else:
        waits = f"the last session ended at {ends}; the prefix is being listed once more"
    # The task wakes us when it ends, and when it may be tried again.
    return done(replace(facts, waits=waits))


def _seen(scope: Scope, outcomes: Outcomes) -> tuple[RunStatus | None, TenantPods | None, str]:
    """Return the run, who else had pods, and what of that is still to be read."""
    status, run_facts = scope.experiment.status, outcomes.facts("run", RunFacts)
    attempts = outcomes.facts("attempts", AttemptFacts)
    if attempts is not None and attempts.run is not None:
        return attempts.run, attempts.tenant_pods, attempts.pending
    run = run_facts.run if run_facts is not None else status.run
    tenants = attempts.tenant_pods if attempts is not None else status.tenant_pods
    return run, tenants, ""


def _why_open(outcomes: Outcomes) -> str:
    """Return what keeps the namespace from being closed, or an empty text."""
    closing = outcomes.get("lock_up")
    # Where another one has its name, its own is gone with all that was in it.
    if closing is None or closing.is_done or closing.reason == reasons.NAMESPACE_TAKEN:
        return ""
    return closing.message


def _is_given_up(scope: Scope, run: RunStatus | None) -> bool:
    """Whether closing has been tried for so long that it is sealed all the same."""
    ports = scope.ports
    return ports.now() > deadline(ports, scope.key, CLOSING, _ended(scope, run), CLOSE_WAIT)


def doubts_of_closing(why_open: str) -> tuple[str, ...]:
    """Return what a seal says of a namespace that is not closed, if anything."""
    if not why_open:
        return ()
    return (f"the namespace could not be closed before the seal was made: {why_open}",)


def _bound_seal(
    scope: Scope,
    outcomes: Outcomes,
    run: RunStatus | None,
    tenants: TenantPods | None,
    doubts: tuple[str, ...],
) -> BoundSeal:
    experiment = scope.experiment
    resolved, plan = outcomes.need("resolve", Resolved), outcomes.need("bind", Plan)
    images = {image.reference for image in experiment.spec.images}
    artifacts = experiment.status.artifacts
    outcome, reason = (run.outcome, run.reason) if run is not None else ("", "")
    if not outcome and experiment.spec.has_run and stops_for_good(resolved.broken):
        outcome, reason = "Failed", reasons.INPUT_BROKEN
    if experiment.is_deleting and not outcome:
        outcome, reason = _of_the_deletion(scope)
    return BoundSeal(
        owner=scope.key,
        uid=experiment.uid,
        team=experiment.namespace,
        name=experiment.name,
        digest=plan.digest,
        snapshot=plan.snapshot,
        platform=resolved.platform,
        inputs=resolved.bound,
        images=tuple(images | ({experiment.status.platform_image} - {""})),
        run=run,
        outcome=outcome,
        reason=reason,
        doubts=(*doubts_of_inputs(resolved.broken), *doubts),
        ended=_ended(scope, run),
        purpose=experiment.status.purpose,
        leakage=experiment.status.leakage,
        tenant_pods=tenants,
        sessions_end=artifacts.sessions_end_time if artifacts is not None else None,
        stays=True,  # or its deletion leaves a note, once the seal is recorded
        not_before=_was_over(scope),
        closed=experiment.status.closed_time,
        recorded_outcome=recorded_outcome(run, has_run=experiment.spec.has_run),
        goes=experiment.metadata.deletion_timestamp,
    )


def _was_over(scope: Scope) -> datetime | None:
    """Return when the run ended, or without one all was closed: no seal was made before.

    As it is on record: what this look has found is no bound, since one that died before that was
    recorded may have sealed.
    """
    recorded = scope.experiment.status.run
    if scope.experiment.spec.has_run or recorded is not None:
        return recorded.completion_time if recorded is not None else None
    return scope.experiment.status.closed_time


def _stays(scope: Scope) -> bool:
    """Whether pods are left running: then they are not waited for, and the seal names them."""
    return scope.experiment.is_deleting and Retiring.of(scope.obj).leaves_team


def _of_the_deletion(scope: Scope) -> tuple[Literal["", "Failed"], str]:
    """Return outcome and reason of what is deleted without a run that ended."""
    if scope.experiment.spec.has_run:
        return "Failed", reasons.ABANDONED
    return "", "" if Retiring.of(scope.obj).is_closed else reasons.ABANDONED


def _ended(scope: Scope, run: RunStatus | None) -> datetime | None:
    """Return since when the results wait for their seal."""
    experiment = scope.experiment
    ended = run.completion_time if run is not None else None
    return ended or experiment.status.closed_time or experiment.metadata.deletion_timestamp


def _waits_until(scope: Scope, run: RunStatus | None, running: list[dict[str, Any]]) -> datetime:
    """Return until when pods are waited for: from the moment at which each was asked to end."""
    ended, ports = _ended(scope, run), scope.ports
    asked = [_asked(pod) for pod in running]
    if None in asked:
        return deadline(ports, scope.key, _PODS, ended, PODS_WAIT)
    ports.failures.clear(scope.key, _PODS)
    return max((moment for moment in (*asked, ended) if moment), default=scope.now) + PODS_WAIT


def _asked(pod: dict[str, Any]) -> datetime | None:
    """Return when a pod was asked to end; its deletionTimestamp is when its grace is over."""
    metadata = pod["metadata"]
    over = metadata.get("deletionTimestamp")
    if not over:
        return None
    grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return datetime.fromisoformat(str(over)) - grace
