"""Phase `run`: one Job or JobSet, created once, followed to its end, and never a second time.

What is there decides, not what was remembered: a Job of the fixed name is the run, whoever of us
created it and whenever we died. Its UID is recorded as soon as it was seen. A Job that was recorded
and is gone is a run that was lost or stopped; it is over, not begun again, because its artifacts
are already locked under the experiment's prefix. What a restored cluster forgot, the store knows:
see `earlier_runs.py`.

A run that has begun is followed whatever becomes of everything else; only the start has conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.api.input_status import BrokenInput
from glovebox.controllers.experiment.earlier_runs import (
    NOTE_AGAIN_SECONDS,
    begin,
    note,
    sealed_before,
)
from glovebox.controllers.experiment.given_secrets import is_given_known
from glovebox.controllers.experiment.isolation import Stood, was_changed
from glovebox.controllers.experiment.known_secrets import known_secrets
from glovebox.controllers.experiment.namespace import is_there
from glovebox.controllers.experiment.overdue import RECORD, clear_late
from glovebox.controllers.experiment.queue import (
    QUEUE_AWAY_SECONDS,
    QUEUES_MISSING,
    QUEUES_SECONDS,
    ensure_queue,
    look_at_queue,
    why_not_taken,
)
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.job_pods import pods_in
from glovebox.controllers.job_waits import JobWait, ask_again, look_at_run
from glovebox.controllers.looking import earlier
from glovebox.controllers.run_work import (
    JOB_SETS_MISSING,
    JOB_SETS_SECONDS,
    RunWork,
    find_run,
    work_of,
)
from glovebox.desired.drift import Applied
from glovebox.desired.job_set import needs_job_set
from glovebox.desired.plan import Plan
from glovebox.desired.platform import store_changes
from glovebox.errors import NamespaceGone, Unavailable
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import JOB, JOB_SET, Kind
from glovebox.kube.objects import ObjectKey
from glovebox.status.attempts import with_recorded, with_tenant_pods
from glovebox.status.broken_inputs import (
    describe_broken,
    stops_for_good,
    why_not_started,
    why_run_stopped,
)
from glovebox.status.deliveries import deliveries_of
from glovebox.status.experiment_facts import NamespaceFacts, ProofFacts, RunFacts
from glovebox.status.job_waits import seconds_since
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.status.runs import (
    failed_by_input,
    job_lost,
    without_words,
)

SUSPENDED: Final = "`spec.suspend` is true: the run starts when it is false"
NOT_AS_BOUND: Final = "the run starts when what is declared is again what was bound"
# The phases that have to be done.
_BEFORE_IT: Final = (
    "claim",
    "bind",
    "isolation",
    "pull_secret",
    "stage_secrets",
    "credentials",
    "access",
    "deliver",
)


async def follow_run(  # noqa: PLR0911, C901 - one way out for each state of a run
    scope: Scope, outcomes: Outcomes
) -> Outcome:
    """Start the run when everything is ready for it, and record how far it is.

    Raises:
        Rejected, Forbidden: The API server does not take the Job.
        Unavailable: No answer.
    """
    if not scope.experiment.spec.has_run:
        return done(RunFacts(requested=False))
    recorded = scope.experiment.status.run
    if recorded is not None and recorded.completion_time is not None:
        clear_late(scope.ports, scope.key, RECORD)  # how it ended is in its seal
        return done(RunFacts(requested=True, run=recorded))
    work = await _work(scope)
    known = work is not None or (recorded is not None and recorded.job_uid)
    if known and (sealed := await sealed_before(scope, runs=work is not None)) is not None:
        await _stop(scope, work)
        return _ended(RunFacts(requested=True, run=_as_recorded(sealed, recorded)))
    if work is not None:
        return await _follow(scope, outcomes, work, started=False)
    if recorded is not None and recorded.job_uid:
        lost = job_lost(recorded, scope.now, *_why_gone(scope))
        return _ended(RunFacts(requested=True, run=lost))
    # What is whole again by this look is opened by the next one.
    broken = _broken(scope, outcomes) or scope.experiment.status.broken_inputs
    fails = stops_for_good(broken)
    is_over = scope.experiment.is_deleting or (scope.state == names.STATE_SEALED and not fails)
    if broken and not is_over:
        # Nothing begins on what is found just now either: it is recorded, and closed next.
        pending = why_not_started(broken)
        return done(RunFacts(requested=True, pending=pending, broken="Fail" if fails else "Freeze"))
    if not scope.is_open or scope.experiment.is_deleting:
        clear_late(scope.ports, scope.key, RECORD)
        pending = "the run was not started: nothing may start in this namespace any more"
        return done(RunFacts(requested=True, pending=pending))
    if scope.is_suspended:
        facts = RunFacts(requested=True, pending=SUSPENDED)
        return waiting(reasons.SUSPENDED, SUSPENDED, facts=facts)
    if scope.as_bound is not None:
        # What runs is followed; nothing begins that is not declared as it was bound.
        facts = RunFacts(requested=True, pending=NOT_AS_BOUND)
        return waiting(reasons.RUN_PENDING, NOT_AS_BOUND, facts=facts)
    why = _why_not_yet(scope, outcomes)
    if why:
        return waiting(reasons.RUN_PENDING, why, facts=RunFacts(requested=True, pending=why))
    return await _begin(scope, outcomes)


async def _begin(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Create the run, unless it is known to have been started before."""
    plan = outcomes.need("bind", Plan)
    if plan.run is None:
        raise LookupError("a run is declared, and the plan holds none")
    try:
        await ensure_queue(scope, plan)
    except NamespaceGone:
        raise
    except NotFound:
        # It was there when the Experiment was bound, and was taken away since.
        return _held(reasons.QUEUE_MISSING, QUEUES_MISSING, QUEUES_SECONDS)
    before = await begin(scope, plan, outcomes.need("namespace", NamespaceFacts).uid)
    if before is not None:
        return _ended(RunFacts(requested=True, run=before))
    kind = run_kind(scope)
    try:
        live = await scope.ports.writer.create_once(kind, plan.run)  # another replica may be first
    except NamespaceGone:
        raise
    except NotFound:
        if kind == JOB:
            raise
        # As above.
        return _held(reasons.JOB_SET_MISSING, JOB_SETS_MISSING, JOB_SETS_SECONDS)
    except Unavailable as error:
        why = why_not_taken(plan, error)
        if why is None:
            raise
        return _held(reasons.QUEUE_UNANSWERED, why, QUEUE_AWAY_SECONDS)
    work = await work_of(scope.ports, kind, live)
    return await _follow(scope, outcomes, work, started=True)


def _held(reason: str, why: str, retry_seconds: float) -> Outcome:
    """Return what keeps a run from being created, which nothing tells when it is over."""
    facts = RunFacts(requested=True, pending=why)
    return waiting(reason, why, facts=facts, retry_seconds=retry_seconds)


def run_kind(scope: Scope) -> Kind:
    """Return what the run of an experiment is: a Job or a JobSet."""
    return JOB_SET if needs_job_set(scope.experiment.spec.stages) else JOB


async def _work(scope: Scope) -> RunWork | None:
    recorded = scope.experiment.status.run
    has_begun = recorded is not None and bool(recorded.job_uid)
    # Of what is being closed it is taken away next, and nothing else tells how it ended.
    is_last = not scope.is_open or scope.experiment.is_deleting
    work = await find_run(
        scope.ports, scope.namespace, (run_kind(scope),), is_expected=has_begun or is_last
    )
    if work is None:
        return None
    if recorded is not None and recorded.job_uid == work.uid:
        return work
    # Another one's in a namespace that has the name by now is no run of this experiment.
    return work if await is_there(scope) else None


async def _follow(scope: Scope, outcomes: Outcomes, work: RunWork, *, started: bool) -> Outcome:
    if started:
        scope.ports.unsealed_runs.add(scope.experiment.uid)
    everybody = await pods_in(scope.ports, scope.namespace)
    pods = [pod for pod in everybody if work.owns(pod)]
    known: Iterable[str] = ()
    if work.is_over:
        # What its program said last goes where more people read than may read the pod.
        known = await known_secrets(scope.ports, scope.key, scope.namespace)
        if not await is_given_known(scope):
            pods = [without_words(pod) for pod in pods]
    run = with_recorded(work.ended(pods, known), scope.experiment.status.run)
    broken = _broken(scope, outcomes)
    if stops_for_good(broken):
        run = failed_by_input(run, describe_broken(broken))
    run = await note(scope, run, outcomes.facts("bind", Plan))
    leaving = (pod["metadata"]["uid"] for pod in pods if pod["metadata"].get("deletionTimestamp"))
    has_ended = run.completion_time is not None
    waits = JobWait(None) if has_ended else await look_at_run(scope.ports, work, pods)
    queue = None if has_ended else await look_at_queue(scope, outcomes, work)
    if queue is not None:
        run = run.model_copy(update={"evictions": max(run.evictions, queue.evictions)})
        if queue.wait is not None:
            again = ask_again(seconds_since(work.live, scope.now))
            waits = JobWait(queue.wait, again)
    facts = RunFacts(
        requested=True,
        run=run,
        pending=waits.message,
        waits_for=waits.wait.reason if waits.wait is not None else "",
        started=started,
        leaving=tuple(leaving),
        tenant_pods=with_tenant_pods(scope.experiment.status.tenant_pods, everybody),
        admitted=queue.finding if queue is not None else None,
        deliveries=deliveries_of(pods),
    )
    if has_ended:
        return _ended(facts)
    is_noted = scope.experiment.uid not in scope.ports.start_notes
    noted_next = None if is_noted else NOTE_AGAIN_SECONDS
    return done(facts, retry_seconds=earlier(waits.retry_seconds, noted_next))


def _ended(facts: RunFacts) -> Outcome:
    # Closed, and then sealed, with the next look.
    return done(replace(facts, pending="", ended=True), retry_seconds=0.0)


async def _stop(scope: Scope, work: RunWork | None) -> None:
    """End a run that a restore brought back: what it writes from now on is in no seal.

    Its namespace is closed with the next look, if what this one found can be recorded.
    """
    if work is None or work.is_over:
        return
    key = ObjectKey(work.kind.kind, scope.namespace, names.RUN_JOB)
    await scope.ports.writer.delete(work.kind, key, uid=work.uid)


def _as_recorded(sealed: RunStatus, recorded: RunStatus | None) -> RunStatus:
    """Return a run as its seal has it, with what the status knows of its Job."""
    if recorded is None:
        return sealed
    return sealed.model_copy(update={"job_uid": recorded.job_uid, "record": recorded.record})


def _why_gone(scope: Scope) -> tuple[str, str]:
    """Return the reason, and what is said of it where that is not always the same."""
    broken = scope.experiment.status.broken_inputs
    if broken:
        return reasons.INPUT_BROKEN, why_run_stopped(broken)
    if not scope.is_open:
        return reasons.RUN_STOPPED, ""
    return reasons.ABANDONED if scope.experiment.is_deleting else reasons.RUN_LOST, ""


def _broken(scope: Scope, outcomes: Outcomes) -> tuple[BrokenInput, ...]:
    """Return the inputs that were found broken, by now or before."""
    resolved = outcomes.facts("resolve", Resolved)
    return resolved.broken if resolved is not None else scope.experiment.status.broken_inputs


def _is_let_be(one: Applied) -> bool:
    """Whether the profile's drift policy says that a difference does not matter."""
    changed_only = one.drift is not None and one.drift.change != "deleted"
    return one.result == "ignored" and changed_only


def _why_store_refused(resolved: Resolved) -> str:
    """Return what is wrong with the store that was bound, by its own latest check.

    What a run writes is locked for good, or is not: it does not begin where the store was refused
    since it was bound. That a proven store does not answer (`Unknown`), that somebody declared
    another one under its name, or that it is being deleted, says nothing of the kind: it stays for
    this very Experiment, and would never be Ready again.
    """
    live, bound = resolved.store, resolved.platform.store
    if live is None or live.is_deleting or store_changes(bound, live):
        return ""
    ready = live.status.condition(types.READY)
    if ready is None or ready.status != types.FALSE:
        return ""
    return f"the run starts when ObjectStore '{live.name}' is Ready again: {ready.message}"


def _why_not_yet(scope: Scope, outcomes: Outcomes) -> str:
    """Return what the start of the run waits for, or an empty text."""
    found = outcomes.facts("namespace", NamespaceFacts)
    if found is None or not found.latched:
        return "the run starts once the namespace is complete"
    for phase in _BEFORE_IT:
        outcome = outcomes.get(phase)
        if outcome is None or not outcome.is_done:
            message = outcome.message if outcome is not None else ""
            return message or f"phase `{phase}` is not done"
    for one in outcomes["isolation"].applied:
        if one.drift and not one.stands and not _is_let_be(one):
            return f"the run starts when isolation is as declared again: {one.drift.describe()}"
    stood = outcomes.facts("isolation", Stood)
    if stood is not None and was_changed(scope, stood):
        return "the run starts when isolation is as declared again: it was changed a moment ago"
    resolved = outcomes.need("resolve", Resolved)
    return _why_store_refused(resolved) or _why_not_proven(resolved, outcomes)


def _why_not_proven(resolved: Resolved, outcomes: Outcomes) -> str:
    profile = resolved.platform.profile
    proof = outcomes.facts("prove", ProofFacts)
    proven = proof is not None and proof.finding.answer == types.TRUE
    if profile.spec.probe.required_for_runs and not proven:
        return (
            "the run starts when isolation is proven, as the profile's `spec.probe.requiredForRuns`"
            " wants; `Isolated` says how far that is"
        )
    return ""
