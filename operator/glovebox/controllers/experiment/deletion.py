"""What happens to an Experiment that is deleted: what was written is sealed, then it is retired.

    run -> attempts -> lock_up -> resolve -> bind -> seal
    and then: retire -> record

Nothing goes before the seal is recorded, and the Experiment not before the ledger was told of it.
Either is tried for as long as it comes further, and for a bounded time when it does not. Where what
is declared cannot be read, or is not what was bound, the seal is made from the snapshot alone
(`unread.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.bound_seal import patient_until
from glovebox.controllers.experiment.attempts import record_attempts
from glovebox.controllers.experiment.bind import bind
from glovebox.controllers.experiment.conclude import ensure_conclusion
from glovebox.controllers.experiment.freeze import take
from glovebox.controllers.experiment.issued import is_issued, record_issued
from glovebox.controllers.experiment.lineage import trace_deletion
from glovebox.controllers.experiment.phases import run_phases
from glovebox.controllers.experiment.record import record_deletion
from glovebox.controllers.experiment.resolve import resolve
from glovebox.controllers.experiment.retire import (
    SEAL_WAIT,
    Retiring,
    close_first,
    close_meanwhile,
    let_go,
    own_namespace,
    release,
)
from glovebox.controllers.experiment.run import follow_run
from glovebox.controllers.experiment.scope import Outcomes, Phase, Scope
from glovebox.controllers.experiment.seal import CLOSE_WAIT, CLOSING, ensure_seal
from glovebox.controllers.experiment.unread import (
    NOT_AS_BOUND,
    UNREADABLE,
    UnsealableError,
    seal_unread,
)
from glovebox.controllers.last_listings import leave_note_of
from glovebox.controllers.looking import invalid_spec
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.errors import GloveboxError, InvalidInput, Refused
from glovebox.kube.kinds import ROLE_BINDING
from glovebox.kube.objects import ObjectKey
from glovebox.status.experiment_facts import AttemptFacts, RunFacts
from glovebox.status.experiment_work import is_recorded
from glovebox.status.kstatus import condition_of
from glovebox.status.outcome import Verdict, of_error, waiting

log = structlog.get_logger(__name__)

# A run that was begun is sealed before its Experiment goes, as far as it had come.
FOLLOW_FIRST: Final = (Phase("run", follow_run), Phase("attempts", record_attempts))
# Until it is seen and recorded how far that is, nobody gets in: only the seal waits.
_LOCK_UP: Final = "lock_up"
CLOSE_MEANWHILE: Final = (Phase(_LOCK_UP, close_meanwhile),)
SEAL_FIRST: Final = (
    Phase(_LOCK_UP, close_first),
    Phase("resolve", resolve),
    Phase("bind", bind, needs=("resolve",)),
    Phase("seal", ensure_seal, needs=("bind",)),
)
# What a team keeps is sealed as it is, without credentials.
SEAL_LEFT: Final = (*CLOSE_MEANWHILE, *SEAL_FIRST[1:])
CONCLUDE_FIRST: Final = (Phase("conclude", ensure_conclusion),)
# The task wakes us when it ends; this is for what nobody tells.
_SEAL_LOOK_SECONDS: Final = 10.0
_UNSEALABLE: Final = "unsealable"
_UNSIGNED: Final = "unsigned"
_SEAL_FIRST: Final = "seal first"


async def end(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcomes:
    """Return the outcomes of sealing and retiring; nothing goes before the seal is recorded."""
    recorded = (obj.get("status") or {}).get("seal")
    is_sealable = not ports.failures.is_failing(retiring.key, _UNSEALABLE)
    if recorded is None and is_sealable and not _is_sealing_given_up(ports, retiring):
        noted = await _note_issued(ports, retiring, obj)
        outcomes = noted or await _seal_first(ports, retiring, obj)
        if outcomes:
            return _waiting_for_the_seal(outcomes)
    elif recorded is None and is_sealable and await _may_be_written(ports, retiring):
        shown = condition_of(obj.get("status") or {}, types.SEALED)
        why = f": {shown['message']}" if shown is not None else ""
        _tell_unsealed(ports, retiring, obj, f"it was tried for long enough{why}")
    if recorded is not None:
        concluding = await _conclude_first(ports, retiring, obj)
        if concluding is not None:
            return concluding
    untraced = trace_deletion(ports, retiring, obj)
    if untraced is not None:
        return Outcomes(retire=untraced)
    await leave_note_of(ports, obj)  # of what the seal could not say yet
    held_up = await let_go(ports, retiring)
    if held_up is not None:
        return Outcomes(retire=held_up)
    untold = record_deletion(ports, retiring, obj)
    if untold is not None:
        return Outcomes(record=untold, retire=untold)
    return Outcomes(retire=await release(ports, retiring, obj))


def _waiting_for_the_seal(outcomes: Outcomes) -> Outcomes:
    """Return what a look has come to that seals first, with what the deletion waits for."""
    if "retire" in outcomes:
        return outcomes
    seal, closing = outcomes.get("seal"), outcomes.get(_LOCK_UP)
    waits = seal is not None and not seal.is_done
    message = seal.message if seal is not None and waits else "it is recorded"
    is_held = closing is not None and closing.reason == reasons.DELETION_BLOCKED
    outcomes["retire"] = waiting(
        reasons.DELETION_BLOCKED if is_held else reasons.SEALING,
        f"the results are sealed before the Experiment goes: {message}",
        # What was recorded wakes nobody: the next step follows at once.
        retry_seconds=_SEAL_LOOK_SECONDS if waits else 0.0,
    )
    return outcomes


async def _note_issued(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcomes | None:
    """Record what a look has issued whose status was not taken; None where there is none of it.

    Raises:
        GloveboxError: The API server failed; by then nobody gets in any more.
    """
    if retiring.has_results or await own_namespace(ports, retiring) is None:
        return None
    try:
        noted = await record_issued(ports, obj, retiring.namespace)
    except GloveboxError:
        # The credentials stay: they are all that tells of it.
        if not retiring.leaves_team:
            key = ObjectKey(ROLE_BINDING.kind, retiring.namespace, names.TENANT_ROLE_BINDING)
            await take(ports, ROLE_BINDING, key)
        raise
    if noted is None:
        return None
    message = "the results are sealed before the Experiment goes: credentials were issued"
    waits = waiting(reasons.SEALING, message, retry_seconds=0.0)
    return Outcomes(retire=replace(waits, obj=noted))


async def _may_be_written(ports: Ports, retiring: Retiring) -> bool:
    """Whether there may be something that was to be sealed."""
    if retiring.has_results:
        return True
    live = await own_namespace(ports, retiring)
    return live is not None and await is_issued(ports, retiring.namespace)


async def _conclude_first(
    ports: Ports, retiring: Retiring, obj: Mapping[str, Any]
) -> Outcomes | None:
    """Sign what a person concluded before it goes; None where there is nothing to wait for."""
    said = (obj.get("spec") or {}).get("conclusion")
    if not said or (obj.get("status") or {}).get("conclusion"):
        return None
    if ports.failures.is_failing(retiring.key, _UNSIGNED):
        return None
    # One wait for both: a seal that took most of it leaves the conclusion the rest, and one try.
    until = deadline(ports, retiring.key, _SEAL_FIRST, retiring.deleted, SEAL_WAIT)
    try:
        experiment = Experiment.model_validate(obj)
    except ValidationError as error:
        _tell_unsigned(ports, retiring, obj, invalid_spec(error).message)
        return None
    _, outcomes = await run_phases(Scope(ports, obj, experiment, ports.now()), CONCLUDE_FIRST)
    signed = outcomes["conclude"]
    # What another conclusion keeps from being signed is never signed: no wait changes that.
    is_over = isinstance(signed.error, Refused) or ports.now() > until
    if is_over and not signed.is_done:
        _tell_unsigned(ports, retiring, obj, signed.message)
        return None
    outcomes["retire"] = waiting(
        reasons.SEALING,
        "the conclusion is signed before the Experiment goes: "
        + ("it is recorded" if signed.is_done else signed.message),
        retry_seconds=0.0 if signed.is_done else _SEAL_LOOK_SECONDS,
    )
    return outcomes


def _is_sealing_given_up(ports: Ports, retiring: Retiring) -> bool:
    """Whether a seal has been tried for so long that the deletion goes on without.

    As long as it comes further it is not: much that was written takes its time to be read.
    """
    # What cannot be closed is sealed only after it has been tried for that long.
    wait = SEAL_WAIT + (
        CLOSE_WAIT if ports.failures.is_failing(retiring.key, CLOSING) else timedelta()
    )
    until = deadline(ports, retiring.key, _SEAL_FIRST, retiring.deleted, wait)
    return ports.now() > patient_until(ports, retiring.key, retiring.uid, until, wait)


async def _seal_first(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcomes:
    """Seal what may have been written; nothing is reported when there is nothing to seal.

    The run is looked at before its Job goes, so that one that ended is sealed as it ended, and one
    whose start was not recorded yet is not forgotten.
    """
    try:
        experiment = Experiment.model_validate(obj)
    except ValidationError:
        return await _seal_unread_first(ports, retiring, obj, UNREADABLE)
    if not experiment.status.digest:
        return Outcomes()
    scope = Scope(ports, obj, experiment, ports.now())
    _, outcomes = await run_phases(scope, FOLLOW_FIRST)
    facts = outcomes.facts("run", RunFacts)
    if facts is not None and facts.run is None and not retiring.has_results:
        return Outcomes()  # nobody could write anything
    recorded = (obj.get("status") or {}).get("run")
    seen = outcomes.facts("attempts", AttemptFacts)
    run = facts.run if facts is not None else None
    if seen is not None and seen.run is not None:
        run = seen.run
    # A Job that a policy keeps makes new pods as fast as they are ended: each would be recorded
    # first, and none of these looks would count as a failed one.
    is_failing = ports.failures.is_failing(retiring.key, _LOCK_UP)
    if (
        facts is None
        or not (run is None or is_recorded(run, recorded, whatever_its_pods=is_failing))
        or (not is_failing and await _may_get_pods(ports, retiring, run))
    ):
        # Recorded first: sealing takes the Job away, and the logs with it.
        _, ending = await run_phases(scope, CLOSE_MEANWHILE)
        return Outcomes(outcomes | ending)
    _, ending = await run_phases(scope, SEAL_LEFT if retiring.leaves_team else SEAL_FIRST)
    if any(ending[name].verdict is Verdict.REFUSED for name in ("resolve", "bind")):
        is_unread = ending["resolve"].verdict is Verdict.REFUSED
        doubt = UNREADABLE if is_unread else NOT_AS_BOUND
        ending = await _seal_unread_first(ports, retiring, obj, doubt)
        return Outcomes(outcomes | ending) if ending else ending
    return Outcomes(outcomes | ending)


async def _may_get_pods(ports: Ports, retiring: Retiring, run: RunStatus | None) -> bool:
    """Whether a pod may have come in since the run was looked at: no attempt would tell of it."""
    if run is None or run.completion_time is not None:
        return False
    live = await own_namespace(ports, retiring)
    labels = (live["metadata"].get("labels") or {}) if live is not None else {}
    return live is not None and labels.get(names.LABEL_STATE) != names.STATE_SEALED


async def _seal_unread_first(
    ports: Ports, retiring: Retiring, obj: Mapping[str, Any], doubt: str
) -> Outcomes:
    """Seal from the snapshot alone; nothing is reported when that cannot be, or need not be."""
    try:
        outcome = await seal_unread(ports, retiring, obj, doubt)
    except UnsealableError as error:
        _tell_unsealed(ports, retiring, obj, error.message)
        return Outcomes()
    except InvalidInput as error:
        # Of the store: somebody may correct it, and that is waited for like everything else.
        return Outcomes(seal=of_error(error))
    return Outcomes() if outcome is None else Outcomes(seal=outcome)


def _tell_unsigned(ports: Ports, retiring: Retiring, obj: Mapping[str, Any], why: str) -> None:
    message = f"the deletion goes on although `spec.conclusion` could not be signed: {why}"
    _tell(ports, retiring, obj, _UNSIGNED, message)


def _tell_unsealed(ports: Ports, retiring: Retiring, obj: Mapping[str, Any], why: str) -> None:
    message = f"the deletion goes on although what was written could not be sealed: {why}"
    _tell(ports, retiring, obj, _UNSEALABLE, message)


def _tell(
    ports: Ports, retiring: Retiring, obj: Mapping[str, Any], what: str, message: str
) -> None:
    """Tell it once, and let the deletion go on for as many looks as it takes."""
    ports.failures.note(retiring.key, what)
    ports.events.warning(obj, reasons.DELETED_UNSEALED, message, action="Seal")
    log.warning("a deletion goes on unsealed", why=message)
