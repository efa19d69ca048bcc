"""Read this first: what happens to an Experiment, in which order.

    claim -> lock_up -> resolve -> authorise -> gate -> bind -> namespace -> isolation
          -> credentials -> access -> prove -> deliver -> run -> seal
    and, when it is deleted: seal -> retire

Each phase returns an outcome and never raises through another one. A phase runs when those that it
needs are done, and nothing else keeps it from running: a run is followed, credentials are renewed
and results are sealed whatever a profile, a store or a pin has become. The status is computed from
the outcomes alone (`status/experiment.py`), on every way out. Killing the process anywhere in here
loses nothing: names are derived from UIDs, every write is conditional, and the next look starts
from what is there.

`spec.suspend` keeps from beginning, never from going on: what is not bound is not bound, and a run
that has not started does not start. What stands is kept, and what ends is recorded and sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.apply.managed import MANAGED
from glovebox.controllers.experiment import report
from glovebox.controllers.experiment.access import ensure_access
from glovebox.controllers.experiment.artifact_credentials import (
    ensure_credentials,
    prefetch_credentials,
)
from glovebox.controllers.experiment.authorise import authorise
from glovebox.controllers.experiment.bind import bind
from glovebox.controllers.experiment.claim import claim
from glovebox.controllers.experiment.deliver import ensure_delivery
from glovebox.controllers.experiment.gate import check_gate
from glovebox.controllers.experiment.isolation import ensure_isolation
from glovebox.controllers.experiment.lock_up import lock_up
from glovebox.controllers.experiment.namespace import ensure_namespace
from glovebox.controllers.experiment.prove import prove_isolation
from glovebox.controllers.experiment.resolve import Resolved, resolve
from glovebox.controllers.experiment.retire import SEAL_WAIT, Retiring, close_first, retire
from glovebox.controllers.experiment.run import follow_run
from glovebox.controllers.experiment.scope import Outcomes, Phase, Scope
from glovebox.controllers.experiment.seal import CLOSE_WAIT, CLOSING, ensure_seal
from glovebox.controllers.experiment.unread import seal_unread
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal
from glovebox.engine.key_queue import Priority
from glovebox.errors import Conflict, InvalidInput
from glovebox.kube.kinds import EXPERIMENT
from glovebox.kube.resources import Key
from glovebox.status.drift import RECORD_SECONDS
from glovebox.status.experiment import Seen, compute_status, held_back
from glovebox.status.experiment_facts import RunFacts
from glovebox.status.experiment_work import record_run
from glovebox.status.outcome import Outcome, of_error, skipped, waiting

KIND: Final = EXPERIMENT.kind
log = structlog.get_logger(__name__)

PHASES: Final = (
    Phase("claim", claim),
    Phase("lock_up", lock_up, needs=("claim",)),
    Phase("resolve", resolve, needs=("claim",)),
    Phase("authorise", authorise, needs=("resolve",)),
    Phase("gate", check_gate, needs=("authorise",)),
    Phase("bind", bind, needs=("gate",)),
    Phase("namespace", ensure_namespace, needs=("bind",)),
    Phase("isolation", ensure_isolation, needs=("bind",)),
    Phase("credentials", ensure_credentials, needs=("bind",)),
    Phase("access", ensure_access, needs=("bind",)),
    Phase("prove", prove_isolation, needs=("namespace",)),
    Phase("deliver", ensure_delivery, needs=("namespace",)),
    Phase("run", follow_run, needs=("claim",)),
    Phase("seal", ensure_seal, needs=("bind", "run")),
)
# A run that was begun is sealed before its Experiment goes, as far as it had come.
FOLLOW_FIRST: Final = (Phase("run", follow_run),)
SEAL_FIRST: Final = (
    Phase("lock_up", close_first),
    Phase("resolve", resolve),
    Phase("bind", bind, needs=("resolve",)),
    Phase("seal", ensure_seal, needs=("bind",)),
)
# The task wakes us when it ends; this is for what nobody tells.
_SEAL_LOOK_SECONDS: Final = 10.0
# A request hangs for half a minute at most; a phase that takes longer than this is cut.
_PHASE_SECONDS: Final = 300.0
# What took longer is not recorded when its namespace was changed meanwhile; but so often in a row
# at most, so that a status is recorded however slow the API server and busy a foreign writer is.
_LONG_LOOK_SECONDS: Final = 5.0
_MOST_OUTDATED: Final = 3


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Look at one Experiment once: run its phases, and return the status that it should show."""
    if obj["metadata"].get("deletionTimestamp"):
        return await _reconcile_deletion(ports, obj)
    try:
        experiment = Experiment.model_validate(obj)
    except ValidationError as error:
        return _look(ports, obj, Outcomes(resolve=of_error(invalid_spec(error))))
    scope = Scope(ports, obj, experiment, ports.now())
    ports.children.claim(scope.namespace, str(scope.key))
    if ports.namespaces.get(scope.key, scope.namespace) != scope.namespace:
        ports.suspect_orphans()  # another Experiment had this name a moment ago
    ports.namespaces[scope.key] = scope.namespace
    if experiment.spec.suspend and not scope.is_bound:
        return _look(ports, obj, Outcomes(), suspended=True)
    started, news = _clock(), ports.children.news_of(scope.namespace)
    try:
        scope, outcomes = await run_phases(scope, PHASES)
    finally:
        for cleanup in scope.cleanups:
            cleanup()
    changed = ports.children.news_of(scope.namespace) != news
    in_a_row = ports.outdated.pop(scope.key, 0)
    if changed and _clock() > started + _LONG_LOOK_SECONDS and in_a_row < _MOST_OUTDATED:
        # A request hung, and what had been seen before it is so no more.
        ports.outdated[scope.key] = in_a_row + 1
        return Look(obj=scope.obj, status=None, error=_outdated(scope))
    return _look(ports, scope.obj, outcomes)


def _outdated(scope: Scope) -> Conflict:
    return Conflict(
        reasons.CONFLICT,
        f"namespace `{scope.namespace}` was changed while the look at it went on: looking again",
    )


def _clock() -> float:
    return asyncio.get_running_loop().time()


async def run_phases(scope: Scope, phases: tuple[Phase, ...]) -> tuple[Scope, Outcomes]:
    """Run phases in order; each gets the earlier outcomes, and none keeps a later from running."""
    outcomes = Outcomes()
    for phase in phases:
        missing = next((need for need in phase.needs if not outcomes.is_done(need)), None)
        if missing is not None:
            outcomes[phase.name] = skipped(missing)
            continue
        outcome = await _run_one(scope, phase, outcomes)
        outcomes[phase.name] = outcome
        if outcome.obj is not None:
            scope = scope.with_obj(outcome.obj)
        resolved = outcomes.facts("resolve", Resolved)
        is_new = scope.experiment.status.provisioned is None
        if phase.name == "bind" and outcome.is_done and resolved is not None and is_new:
            prefetch_credentials(scope, resolved)
    return scope, outcomes


async def _run_one(scope: Scope, phase: Phase, outcomes: Outcomes) -> Outcome:
    failures = scope.ports.failures
    try:
        async with asyncio.timeout(_PHASE_SECONDS):
            outcome = await phase.run(scope, outcomes)
    except Exception as error:
        outcome = of_error(error)
        if outcome.reason == reasons.INTERNAL_ERROR and not isinstance(error, InvalidInput):
            log.exception("a bug: a phase failed unexpectedly", phase=phase.name)
    note_refusal(scope.ports, outcome.error)
    if outcome.is_failed:
        return outcome.with_failure(*failures.note(scope.key, phase.name))
    failures.clear(scope.key, phase.name)
    return outcome


def _look(
    ports: Ports, obj: Mapping[str, Any], outcomes: Outcomes, *, suspended: bool = False
) -> Look:
    seen = Seen(
        obj=obj,
        outcomes=outcomes,
        now=ports.now(),
        suspended=suspended,
        grace=ports.grace,
    )
    status = compute_status(seen)
    for failure in held_back(seen):
        ports.metrics.problem_counter(failure.reason, EXPERIMENT.kind.lower()).inc()
    key = Key.of(obj)
    retries = [one.retry_seconds for one in _retries(outcomes) if one.retry_seconds is not None]
    if status.get("provisioned") != (obj.get("status") or {}).get("provisioned"):
        retries.append(0.0)  # runs and the isolation check wait for nothing but this record
    if _closes(status, obj.get("status") or {}):
        retries.append(0.0)  # and the seal for nothing but that one
    if _is_fight(status):
        retries.append(float(RECORD_SECONDS))  # it may be over by then

    def recorded() -> None:
        report.report(ports, key, obj, status, outcomes)
        if status.get("seal"):
            ports.tasks.forget_owner(key)  # and with it what its Job left

    return Look(
        obj=obj,
        status=status,
        retry_seconds=min(retries, default=None),
        priority=Priority.REPAIR if _isolation_pauses(outcomes) else None,
        error=next((one.error for one in outcomes.values() if one.is_failed), None),
        after=recorded,
    )


def _closes(status: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether this look records that everything is closed for good."""
    return status.get("state") == names.STATE_SEALED != before.get("state")


def _isolation_pauses(outcomes: Outcomes) -> bool:
    """Whether something that isolates is left other than declared, for a second at most."""
    return any(
        one.retry_seconds is not None and not one.stands and MANAGED[one.key.kind].isolates
        for each in outcomes.values()
        for one in each.applied
    )


def _is_fight(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return any(entry["reason"] == reasons.WRITER_FIGHT for entry in conditions)


def _retries(outcomes: Outcomes) -> list[Any]:
    return [*outcomes.values(), *(one for each in outcomes.values() for one in each.applied)]


async def _reconcile_deletion(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Seal what was begun, then do what the deletion policy says. Needs no valid spec."""
    if names.FINALIZER not in (obj["metadata"].get("finalizers") or ()):
        return Look(obj=obj, status=None)
    retiring = Retiring.of(obj)
    try:
        outcomes = await _end(ports, retiring, obj)
    except Conflict as error:
        return Look(obj=obj, status=None, error=error)
    except Exception as error:
        outcome = of_error(error)
        if outcome.reason == reasons.INTERNAL_ERROR:
            log.exception("a bug: deletion failed unexpectedly")
        failing = ports.failures.note(retiring.key, "retire")
        return _look(ports, obj, Outcomes(retire=outcome.with_failure(*failing)))
    ports.failures.clear(retiring.key, "retire")
    if not outcomes.is_done("retire"):
        return _look(ports, obj, outcomes)
    ports.namespaces.pop(retiring.key, None)
    return Look(obj=obj, status=None)


async def _end(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcomes:
    """Return the outcomes of sealing and retiring; nothing goes before the seal is recorded."""
    recorded = (obj.get("status") or {}).get("seal")
    if recorded is None and not _is_sealing_given_up(ports, retiring):
        outcomes = await _seal_first(ports, retiring, obj)
        if outcomes:
            seal = outcomes.get("seal")
            waits = seal is not None and not seal.is_done
            message = seal.message if seal is not None and waits else "it is recorded"
            outcomes["retire"] = waiting(
                reasons.SEALING,
                f"the results are sealed before the Experiment goes: {message}",
                # What was recorded wakes nobody: the next step follows at once.
                retry_seconds=_SEAL_LOOK_SECONDS if waits else 0.0,
            )
            return outcomes
    elif recorded is None and (obj.get("status") or {}).get("run"):
        _tell_unsealed(ports, obj, "it was tried for long enough")
    return Outcomes(retire=await retire(ports, retiring, obj))


def _is_sealing_given_up(ports: Ports, retiring: Retiring) -> bool:
    """Whether a seal has been tried for so long that the deletion goes on without."""
    # What cannot be closed is sealed only after it has been tried for that long.
    wait = SEAL_WAIT + (
        CLOSE_WAIT if ports.failures.is_failing(retiring.key, CLOSING) else timedelta()
    )
    return ports.now() > deadline(ports, retiring.key, "seal first", retiring.deleted, wait)


async def _seal_first(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcomes:
    """Seal the results of a run that was begun; nothing is reported when there is none to seal.

    The run is looked at before anything is closed, so that one that ended is sealed as it ended,
    and one whose start was not recorded yet is not forgotten.
    """
    try:
        experiment = Experiment.model_validate(obj)
    except ValidationError:
        return await _seal_unread_first(ports, retiring, obj)
    if not experiment.status.digest or experiment.spec.run is None:
        return Outcomes()
    scope = Scope(ports, obj, experiment, ports.now())
    _, outcomes = await run_phases(scope, FOLLOW_FIRST)
    facts = outcomes.facts("run", RunFacts)
    if facts is not None and facts.run is None:
        return Outcomes()  # it was never begun
    if facts is None or facts.run is None:
        return outcomes
    if record_run(facts.run) != (obj.get("status") or {}).get("run"):
        return outcomes  # recorded first: closing takes the Job away
    _, sealing = await run_phases(scope, SEAL_FIRST)
    return Outcomes(outcomes | sealing)


async def _seal_unread_first(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcomes:
    """Seal the results of an Experiment that cannot be read; done is done without a record."""
    try:
        outcome = await seal_unread(ports, retiring, obj)
    except InvalidInput as error:
        _tell_unsealed(ports, obj, error.message)
        return Outcomes()
    return Outcomes() if outcome is None or outcome.is_done else Outcomes(seal=outcome)


def _tell_unsealed(ports: Ports, obj: Mapping[str, Any], why: str) -> None:
    message = f"the deletion goes on although what was written could not be sealed: {why}"
    ports.events.warning(obj, reasons.DELETED_UNSEALED, message, action="Seal")
    log.warning("a deletion goes on unsealed", why=why)


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of an Experiment that is gone.

    Its namespace was released when it was retired.
    """
    if ports.namespaces.pop(key, None) is not None:
        # It went without passing by `retire`: somebody took the finalizer off.
        ports.suspect_orphans()
    ports.drifting.pop(key, None)
    ports.inspected.pop(key, None)
    ports.outdated.pop(key, None)
    ports.failures.forget(key)
    del uid
    ports.tasks.forget_owner(key)
