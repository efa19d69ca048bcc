"""Read this first: what happens to an Experiment, in which order.

    claim -> present -> lock_up -> resolve -> authorise -> gate -> leakage -> uses -> bind
          -> namespace -> isolation -> pull_secret -> stage_secrets -> credentials -> access
          -> prove -> deliver -> run -> attempts -> seal -> conclude -> lineage -> record
    and, when it is deleted: seal -> retire -> record

Each phase returns an outcome and never raises through another one. A phase runs when those that it
needs are done, and nothing else keeps it from running: a run is followed, credentials are renewed
and results are sealed whatever a profile, a store or a pin has become, and whoever took the
finalizer off. The status is computed from the outcomes alone (`status/experiment.py`), on every way
out. Killing the process anywhere in here loses nothing: names are derived from UIDs, every write is
conditional, and the next look starts from what is there.

`spec.suspend` keeps from beginning, never from going on: what is not bound is not bound, and a run
that has not started does not start. What stands is kept, and what ends is recorded and sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.access import ensure_access
from glovebox.controllers.experiment.adopt import Adopted, adopt
from glovebox.controllers.experiment.artifact_credentials import (
    ensure_credentials,
)
from glovebox.controllers.experiment.as_bound import close_unkept, kept_as_bound, scope_as_bound
from glovebox.controllers.experiment.attempts import record_attempts
from glovebox.controllers.experiment.authorise import authorise
from glovebox.controllers.experiment.bind import bind
from glovebox.controllers.experiment.claim import check_present, claim
from glovebox.controllers.experiment.conclude import ensure_conclusion
from glovebox.controllers.experiment.deletion import end
from glovebox.controllers.experiment.deliver import ensure_delivery
from glovebox.controllers.experiment.gate import check_gate
from glovebox.controllers.experiment.isolation import ISOLATING, ensure_isolation
from glovebox.controllers.experiment.leakage import check_leakage
from glovebox.controllers.experiment.lineage import ensure_traced, trace
from glovebox.controllers.experiment.lock_up import lock_up
from glovebox.controllers.experiment.looked import is_untold, looked
from glovebox.controllers.experiment.namespace import ensure_namespace
from glovebox.controllers.experiment.overdue import late_of
from glovebox.controllers.experiment.phases import run_one, run_phases
from glovebox.controllers.experiment.prove import prove_isolation
from glovebox.controllers.experiment.pull_secret import ensure_pull_secret
from glovebox.controllers.experiment.record import ensure_recorded, record
from glovebox.controllers.experiment.resolve import resolve
from glovebox.controllers.experiment.retire import Retiring
from glovebox.controllers.experiment.run import follow_run
from glovebox.controllers.experiment.scope import Outcomes, Phase, Scope
from glovebox.controllers.experiment.seal import ensure_seal
from glovebox.controllers.experiment.stage_secrets import ensure_stage_secrets
from glovebox.controllers.experiment.unrecorded import with_earlier
from glovebox.controllers.experiment.uses import take_uses
from glovebox.controllers.ledgers import store_with_ledger
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.errors import Conflict, GloveboxError, InvalidInput, NamespaceGone
from glovebox.kube.kinds import EXPERIMENT, NAMESPACE, ROLE_BINDING
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key
from glovebox.status.adoption import (
    adopted_fields,
    compute_adopted_status,
    compute_after_adoption,
)
from glovebox.status.experiment import compute_released_status
from glovebox.status.outcome import Outcome, Verdict, done, of_error

KIND: Final = EXPERIMENT.kind
log = structlog.get_logger(__name__)

PHASES: Final = (
    Phase("claim", claim),
    Phase("present", check_present),
    Phase("lock_up", lock_up, needs=("present",)),
    Phase("resolve", resolve, needs=("present",)),
    Phase("authorise", authorise, needs=("resolve",)),
    Phase("gate", check_gate, needs=("authorise",)),
    Phase("leakage", check_leakage, needs=("gate",)),
    Phase("uses", take_uses, needs=("leakage",)),
    Phase("bind", bind, needs=("uses",)),
    Phase("namespace", ensure_namespace, needs=("bind",), keeps=(NAMESPACE,)),
    Phase("isolation", ensure_isolation, needs=("bind",), keeps=ISOLATING),
    Phase("pull_secret", ensure_pull_secret, needs=("bind",)),
    Phase("stage_secrets", ensure_stage_secrets, needs=("bind",)),
    Phase("credentials", ensure_credentials, needs=("bind",)),
    Phase("access", ensure_access, needs=("bind",), keeps=(ROLE_BINDING,)),
    Phase("prove", prove_isolation, needs=("namespace",)),
    Phase("deliver", ensure_delivery, needs=("namespace",)),
    Phase("run", follow_run),
    Phase("attempts", record_attempts),
    Phase("seal", ensure_seal, needs=("bind", "run")),
    Phase("conclude", ensure_conclusion),
    Phase("lineage", trace),
    Phase("record", record),
)
AFTER_ADOPTION: Final = (
    Phase("seal", ensure_seal),
    Phase("conclude", ensure_conclusion),
    Phase("record", record),
)
_SNAPSHOT: Final = "snapshot"
_CLOSING: Final = "unkept"
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
        return await _reconcile_as_bound(ports, obj, invalid_spec(error))
    scope = Scope(ports, obj, experiment, ports.now())
    if experiment.spec.adopts:
        return await _reconcile_adopted(scope)
    return await _reconcile_once(scope)


async def _reconcile_as_bound(ports: Ports, obj: Mapping[str, Any], problem: InvalidInput) -> Look:
    """Go on with what was bound: what is declared cannot be read, or is not that."""
    if not (obj.get("status") or {}).get("digest"):
        return looked(ports, obj, Outcomes(resolve=of_error(problem)))
    key = Key.of(obj)
    try:
        scope = await scope_as_bound(ports, obj, problem)
    except Conflict:
        raise
    except GloveboxError as error:
        failed = of_error(error).with_failure(*ports.failures.note(key, _SNAPSHOT))
        if failed.definite or failed.is_lasting(ports.grace):
            return await _leave_unkept(ports, obj, problem, Outcomes(snapshot=failed))
        return looked(ports, obj, Outcomes(resolve=of_error(problem), snapshot=failed))
    ports.failures.clear(key, _SNAPSHOT)
    if scope is not None:
        return await _reconcile_once(scope)
    return await _leave_unkept(ports, obj, problem, Outcomes())


async def _leave_unkept(
    ports: Ports, obj: Mapping[str, Any], problem: GloveboxError, outcomes: Outcomes
) -> Look:
    """Close what nobody can keep, because what was bound cannot be read."""
    key = Key.of(obj)
    try:
        await close_unkept(ports, obj)
        ports.failures.clear(key, _CLOSING)
    except Conflict:
        raise
    except GloveboxError as error:
        outcomes["access"] = of_error(error).with_failure(*ports.failures.note(key, _CLOSING))
    # Whatever changes in there is a reason to look whether it can be kept again.
    ports.children.claim(obj["status"]["namespace"], str(key))
    traced, _ = ensure_traced(ports, key, obj)
    told = ensure_recorded(ports, key, obj)
    outcomes = Outcomes(outcomes, unkept=of_error(problem), lineage=done(traced), record=told)
    return looked(ports, obj, outcomes)


async def _reconcile_once(scope: Scope) -> Look:
    ports, experiment = scope.ports, scope.experiment
    ports.children.claim(scope.namespace, str(scope.key))
    if ports.namespaces.get(scope.key, scope.namespace) != scope.namespace:
        ports.suspect_orphans()  # another Experiment had this name a moment ago
    ports.namespaces[scope.key] = scope.namespace
    if experiment.spec.suspend and not scope.is_bound:
        return looked(ports, scope.obj, Outcomes(), suspended=True)
    started, news = _clock(), ports.children.news_of(scope.namespace)
    try:
        scope, outcomes = await run_phases(scope, PHASES)
    finally:
        for cleanup in scope.cleanups:
            cleanup()
    changed = ports.children.news_of(scope.namespace) != news
    gone = await _is_gone(scope, outcomes)
    if scope.as_bound is not None:
        outcomes["declared"] = kept_as_bound(scope.as_bound)
    elif (refused := outcomes.get("bind")) and refused.reason == reasons.SNAPSHOT_DIFFERS:
        problem = InvalidInput(refused.reason, refused.message)
        return await _reconcile_as_bound(ports, scope.obj, problem)
    unread = outcomes["resolve"]
    if scope.is_bound and unread.verdict is Verdict.REFUSED and unread.error is not None:
        return await _leave_unkept(ports, scope.obj, unread.error, outcomes)
    in_a_row = ports.outdated.pop(scope.key, 0)
    hung = changed and _clock() > started + _LONG_LOOK_SECONDS
    if (hung or gone) and in_a_row < _MOST_OUTDATED:
        # A request hung, and what had been seen before it is so no more.
        ports.outdated[scope.key] = in_a_row + 1
        with_earlier(ports, scope.obj, outcomes)
        return Look(obj=scope.obj, status=None, error=_outdated(scope))
    return looked(ports, scope.obj, outcomes, as_counts=scope.as_counts)


async def _is_gone(scope: Scope, outcomes: Outcomes) -> bool:
    """Whether a phase was answered that the namespace is gone, and nothing says otherwise.

    What was known of it is from before then: a watch that is away tells nothing.
    """
    if not any(_says_gone(each, scope.namespace) for each in outcomes.values()):
        return False
    try:
        live = await read_or_absent(scope.ports, NAMESPACE, None, scope.namespace)
    except GloveboxError:
        return True
    if live is None:
        key = ObjectKey(NAMESPACE.kind, scope.namespace, scope.namespace)
        scope.ports.children.lose(key)
    return live is None


async def _reconcile_adopted(scope: Scope) -> Look:
    """Take over what a former Experiment has done, once; then what comes after any seal."""
    if scope.experiment.status.seal is not None:
        _, outcomes = await run_phases(scope, AFTER_ADOPTION)
        ledger = store_with_ledger(scope.ports, scope.obj) is not None
        after = compute_after_adoption(
            scope.obj,
            outcomes,
            scope.ports.now(),
            ledger=ledger,
            late=late_of(scope.ports, scope.key),
        )
        retries = [*outcomes.retries, *([0.0] if is_untold(scope.obj, after, outcomes) else [])]
        return Look(
            scope.obj, after, retry_seconds=min(retries, default=None), error=outcomes.error
        )
    outcome = await run_one(scope, Phase("adopt", adopt), Outcomes())
    found = outcome.facts
    fields: Mapping[str, Any] = {}
    run: RunStatus | None = None
    if isinstance(found, Adopted):
        fields = adopted_fields(
            found.digest, found.platform, found.inputs, found.leakage, found.seal
        )
        run, outcome = found.run, replace(outcome, facts=found.seal)
    status = compute_adopted_status(scope.obj, outcome, scope.ports.now(), fields=fields, run=run)
    return Look(scope.obj, status, retry_seconds=outcome.retry_seconds, error=outcome.error)


def _says_gone(outcome: Outcome, namespace: str) -> bool:
    """Whether a phase was answered that this very namespace is not there."""
    return isinstance(outcome.error, NamespaceGone) and outcome.error.namespace == namespace


def _outdated(scope: Scope) -> Conflict:
    return Conflict(
        reasons.CONFLICT,
        f"namespace `{scope.namespace}` was changed while the look at it went on: looking again",
    )


def _clock() -> float:
    return asyncio.get_running_loop().time()


async def _reconcile_deletion(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Seal what was begun, then do what the deletion policy says. Needs no valid spec."""
    retiring = Retiring.of(obj)
    is_ours = names.FINALIZER in (obj["metadata"].get("finalizers") or ())
    try:
        # Somebody may have taken the finalizer off, and another one holds it: it is retired alike.
        if not is_ours and retiring.uid in ports.retired:
            return Look(obj=obj, status=_released_status(ports, obj))
        outcomes = await end(ports, retiring, obj)
    except Conflict as error:
        return Look(obj=obj, status=None, error=error)
    except Exception as error:
        outcome = of_error(error)
        if outcome.reason == reasons.INTERNAL_ERROR:
            log.exception("a bug: deletion failed unexpectedly")
        failing = ports.failures.note(retiring.key, "retire")
        return looked(ports, obj, Outcomes(retire=outcome.with_failure(*failing)))
    ports.failures.clear(retiring.key, "retire")
    if not outcomes.is_done("retire"):
        return looked(ports, outcomes.obj or obj, outcomes)
    ports.namespaces.pop(retiring.key, None)
    ports.retired.add(retiring.uid)
    return Look(obj=obj, status=None if is_ours else _released_status(ports, obj))


def _released_status(ports: Ports, obj: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the status of an Experiment that was let go, and that only others keep from going."""
    finalizers = obj["metadata"].get("finalizers") or ()
    if not finalizers or not (obj.get("status") or {}).get("conditions"):
        return None
    told = ensure_recorded(ports, Key.of(obj), obj)
    return compute_released_status(obj, finalizers, told, ports.now())


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of an Experiment that is gone.

    Its namespace was released when it was retired.
    """
    if ports.namespaces.pop(key, None) is not None:
        # It went without passing by `retire`: somebody took the finalizer off.
        ports.suspect_orphans()
    ports.claims.pop(key, None)
    ports.drifting.pop(key, None)
    ports.inspected.pop(key, None)
    ports.unrecorded.pop(key, None)
    ports.outdated.pop(key, None)
    ports.known_secrets.pop(key, None)
    ports.given_secrets.pop(key, None)
    ports.held_logs.forget(key)
    ports.failures.forget(key)
    ports.unsealed_runs.discard(uid)
    ports.retired.discard(uid)
    ports.uncounted_seals.pop(uid, None)
    ports.start_notes.pop(uid, None)
    ports.late.pop(key, None)
    ports.tasks.forget_owner(key)
