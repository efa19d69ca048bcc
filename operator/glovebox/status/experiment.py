"""The conditions of an Experiment: outcomes of phases in, status out. Pure.

    InputsVerified, ArtifactsProtected, PlatformChanged  <- resolve
    NamespaceReady, QuotaApplied                         <- namespace, isolation, access
    CredentialsFresh                                     <- credentials, pull_secret, stage_secrets
    InputsDelivered (without a run)                      <- deliver (gate where it refuses)
    Isolated                                             <- prove
    Succeeded                                            <- run (gate and deliver where they refuse)
    Admitted (in a queue)                                <- run
    Sealed                                               <- seal
    DriftDetected                                        <- what was applied
    Ready                                                <- all of these
    what of it is reported                               <- record, where a ledger is told

What stands is judged by what was seen. A failure that may pass by itself changes no condition of an
experiment that is provisioned before the grace time; a definite answer (a refusal, a missing
object) counts at once. Before it is provisioned everything counts at once: nothing stands that
could flap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.input_status import reading_grants_of
from glovebox.status.builder import StatusBuilder
from glovebox.status.delivery import delivers_to_people, mark_delivery
from glovebox.status.drift import mark_drift
from glovebox.status.experiment_credentials import mark_copies, mark_credentials
from glovebox.status.experiment_facts import (
    AttemptFacts,
    ConclusionFacts,
    Finding,
    LineageFacts,
    NamespaceFacts,
    ProofFacts,
    RunFacts,
    SealFacts,
)
from glovebox.status.experiment_namespace import mark_namespace
from glovebox.status.experiment_ready import REQUIRED, mark_ready
from glovebox.status.experiment_released import report_held_back
from glovebox.status.experiment_seen import (
    BUILDING,
    Seen,
    completes,
    is_closed_for_good,
    state_of,
)
from glovebox.status.experiment_work import mark_run, mark_seal, not_sealed, plain, record_run
from glovebox.status.job_waits import WAITS
from glovebox.status.ledger import HeldBack, hold_back, hold_ready, record_entries
from glovebox.status.outcome import Outcome, Verdict
from glovebox.status.overdue import is_shown, mark_overdue, overdue_of
from glovebox.status.queueing import mark_admitted, shows_admission
from glovebox.status.references import AS_BOUND
from glovebox.status.text import format_time, held_by

CONDITIONS: Final = (
    types.READY,
    types.INPUTS_VERIFIED,
    types.NAMESPACE_READY,
    types.ISOLATED,
    types.QUOTA_APPLIED,
    types.ARTIFACTS_PROTECTED,
    types.CREDENTIALS_FRESH,
    types.PLATFORM_CHANGED,
    types.DRIFT_DETECTED,
    types.SUCCEEDED,
    types.SEALED,
)
# Which condition shows a refusal, beside Ready.
_SHOWN_BY: Final = {
    reasons.QUOTA_OUT_OF_RANGE: types.QUOTA_APPLIED,
    reasons.TEAM_BUDGET_EXCEEDED: types.QUOTA_APPLIED,
    reasons.NAMESPACE_TAKEN: types.NAMESPACE_READY,
    reasons.FEATURE_INPUTS_MISSING: types.INPUTS_VERIFIED,
    reasons.LEAKAGE_FOUND: types.INPUTS_VERIFIED,
    reasons.COVERAGE_WRONG: types.INPUTS_VERIFIED,
    reasons.ROWS_NOT_READ: types.INPUTS_VERIFIED,
    reasons.LEAKAGE_UNKNOWN: types.INPUTS_VERIFIED,
    reasons.OVERLAP_NOT_ALLOWED: types.INPUTS_VERIFIED,
    reasons.PROVENANCE_INCOMPLETE: types.INPUTS_VERIFIED,
    reasons.CONTRACT_INCOMPATIBLE: types.INPUTS_VERIFIED,
    reasons.DISTRIBUTION_NOT_STABLE: types.INPUTS_VERIFIED,
    reasons.CLASSIFICATION_NOT_ALLOWED: types.INPUTS_VERIFIED,
    reasons.REGION_NOT_ALLOWED: types.INPUTS_VERIFIED,
    reasons.ORIGIN_NOT_ALLOWED: types.INPUTS_VERIFIED,
    reasons.ENVIRONMENT_NOT_ALLOWED: types.INPUTS_VERIFIED,
    reasons.NOT_PSEUDONYMISED: types.INPUTS_VERIFIED,
    reasons.LICENSE_NOT_ALLOWED: types.INPUTS_VERIFIED,
    reasons.RETENTION_ENDED: types.INPUTS_VERIFIED,
    reasons.RETENTION_UNKNOWN: types.INPUTS_VERIFIED,
    reasons.HOLD_REQUIRED: types.INPUTS_VERIFIED,
    reasons.RETENTION_OUT_OF_RANGE: types.ARTIFACTS_PROTECTED,
    reasons.RUN_OUT_OF_RANGE: types.SUCCEEDED,
    reasons.ALREADY_RAN: types.SUCCEEDED,
    reasons.DELIVERY_UNAVAILABLE: types.SUCCEEDED,
    reasons.INPUTS_REFUSED: types.SUCCEEDED,
    reasons.GRANT_USED_UP: types.INPUTS_VERIFIED,
    reasons.STORE_NOT_FOUND: types.ARTIFACTS_PROTECTED,
    reasons.STORE_NOT_GRANTED: types.ARTIFACTS_PROTECTED,
    reasons.STORE_NOT_READY: types.ARTIFACTS_PROTECTED,
}
# Of an Experiment without a run, which has no use for `Succeeded`.
_SHOWN_WITHOUT_RUN: Final = {
    **_SHOWN_BY,
    reasons.DELIVERY_UNAVAILABLE: types.INPUTS_DELIVERED,
    reasons.INPUTS_REFUSED: types.INPUTS_DELIVERED,
}
# What is looked after until the Experiment is deleted, and by nobody from then on.
_KEPT: Final = frozenset(
    {
        types.NAMESPACE_READY,
        types.QUOTA_APPLIED,
        types.ISOLATED,
        types.CREDENTIALS_FRESH,
        types.INPUTS_DELIVERED,
        types.DRIFT_DETECTED,
        types.ADMITTED,
    }
)
_NOT_KEPT: Final = (
    "the Experiment is being deleted: nothing of its namespace is kept as declared any more"
)
_INPUT_REASONS: Final = frozenset(
    {
        reasons.PIN_NOT_FOUND,
        reasons.PIN_NOT_READY,
        reasons.NOT_YET_VALID,
        reasons.EXPIRED,
        reasons.NOT_GRANTED,
        reasons.GRANT_NOT_READY,
        reasons.GRANT_REVOKED,
        reasons.GRANT_EXPIRED,
        reasons.GRANT_USED_UP,
    }
)


def condition_types(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the conditions that an Experiment always shows, in the order of writing."""
    inputs = (obj.get("status") or {}).get("inputs") or ()
    granted = (types.INPUTS_GRANTED,) if any(map(reading_grants_of, inputs)) else ()
    delivered = (types.INPUTS_DELIVERED,) if delivers_to_people(obj) else ()
    admitted = (types.ADMITTED,) if shows_admission(obj) else ()
    overdue = (types.EVIDENCE_WRITTEN,) if is_shown(obj.get("status")) else ()
    return (*CONDITIONS, *granted, *delivered, *admitted, *overdue)


def compute_bound_status(
    obj: Mapping[str, Any], fields: Mapping[str, Any], inputs: Finding, now: datetime
) -> dict[str, Any]:
    """Return the status that records what was bound, before anything is created."""
    builder = StatusBuilder(obj.get("status"), _generation(obj), condition_types(obj), now)
    builder.set(**fields)
    _mark(builder, types.INPUTS_VERIFIED, inputs)
    message = "the snapshot is recorded; the namespace is being created"
    builder.mark_false(types.READY, reasons.PROVISIONING, message)
    builder.mark_true(types.RECONCILING, reasons.PROVISIONING, message)
    return builder.render()


def compute_recreating_status(obj: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the status before a namespace that is gone is created again: nothing stands in it."""
    status = obj.get("status") or {}
    builder = StatusBuilder(status, _generation(obj), condition_types(obj), now)
    lost = {"uid": status.get("namespaceUid"), "time": format_time(now)}
    builder.set(namespaceUid=None, lostNamespace=lost, isolation=None)
    message = f"namespace `{status.get('namespace')}` is gone; it is being recreated"
    delivered = (types.INPUTS_DELIVERED,) if delivers_to_people(obj) else ()
    for condition in (types.NAMESPACE_READY, types.QUOTA_APPLIED, *delivered):
        builder.mark_false(condition, reasons.PROVISIONING, message)
    if builder.current(types.CREDENTIALS_FRESH)[1] == reasons.CREDENTIALS_ISSUED:
        builder.mark_false(types.CREDENTIALS_FRESH, reasons.PROVISIONING, message)
    builder.mark_unknown(types.ISOLATED, reasons.PROVISIONING, message)
    if builder.status_of(types.SEALED) != types.TRUE:  # of which nothing is taken back
        builder.mark_false(types.READY, reasons.PROVISIONING, message)
    builder.mark_true(types.RECONCILING, reasons.PROVISIONING, message)
    return builder.render()


def compute_released_status(
    obj: Mapping[str, Any], finalizers: Sequence[str], told: Outcome, now: datetime
) -> dict[str, Any]:
    """Return the status of an Experiment that was retired, and that others keep from going.

    Args:
        obj: The Experiment.
        finalizers: The ones that hold it, none of ours.
        told: How telling the ledger went.
        now: The present time.
    """
    builder = StatusBuilder(obj.get("status"), _generation(obj), condition_types(obj), now)
    if told.is_done:
        report_held_back(builder, obj, told)
    _mark_not_kept(builder, obj)
    if builder.current(types.SUCCEEDED)[1] in {reasons.RUNNING, *WAITS}:
        builder.mark_unknown(types.SUCCEEDED, reasons.DELETING, _NOT_KEPT)
    message = held_by(finalizers)
    builder.mark_false(types.READY, reasons.DELETION_BLOCKED, message)
    builder.mark_true(types.RECONCILING, reasons.DELETION_BLOCKED, message)
    return builder.render()


def compute_status(seen: Seen) -> dict[str, Any]:
    """Return the status that one look comes to."""
    overdue = overdue_of(seen.previous, seen.late)
    lasting = [each for each in condition_types(seen.obj) if each != types.EVIDENCE_WRITTEN]
    lasting += [types.EVIDENCE_WRITTEN] if overdue else []
    builder = StatusBuilder(seen.previous, _generation(seen.obj), lasting, seen.now)
    mark_overdue(builder, overdue)
    if seen.suspended:
        message = "`spec.suspend` is true: nothing is bound or created until it is false"
        builder.mark_false(types.READY, reasons.SUSPENDED, message)
        return builder.render()
    if "retire" in seen.outcomes:
        return _retiring(builder, seen)
    if "unkept" in seen.outcomes:
        return _unkept(builder, seen)
    _mark_references(builder, seen)
    mark_namespace(builder, seen)
    mark_credentials(builder, seen)
    mark_copies(builder, seen)
    _mark_isolated(builder, seen)
    mark_run(builder, seen.outcome("run"), seen.outcome("deliver"), provisioned=seen.is_provisioned)
    mark_admitted(builder, seen.outcome("run"))
    mark_delivery(builder, seen)
    mark_seal(builder, seen.outcome("seal"), unseen=_unseen_seal(seen))
    applied = tuple(one for outcome in seen.outcomes.values() for one in outcome.applied)
    looked = all(seen.outcome(phase).is_done for phase in ("namespace", "isolation", "access"))
    mark_drift(builder, seen.previous, applied, seen.now, complete=looked)
    _mark_refusals(builder, seen)
    _set_fields(builder, seen)
    held = _hold_back(builder, seen)
    mark_ready(builder, seen, held)
    hold_ready(builder, held)
    return builder.render()


def _hold_back(builder: StatusBuilder, seen: Seen) -> HeldBack:
    """Record what the ledger was told, and hold back what it was not."""
    if not seen.ledger:
        return HeldBack()
    told = seen.outcome("record")
    record_entries(builder, seen.obj, told)
    return hold_back(builder, seen.obj, told)


def _mark_references(builder: StatusBuilder, seen: Seen) -> None:
    outcome = seen.outcome("resolve")
    facts = outcome.facts
    if outcome.is_done and facts is not None:
        _mark(builder, types.INPUTS_VERIFIED, facts.inputs_verified)
        _mark(builder, types.ARTIFACTS_PROTECTED, facts.artifacts_protected)
        if facts.platform_changed != AS_BOUND or seen.outcome("bind").is_done:
            # Of what was refused nothing is bound that could differ.
            _mark(builder, types.PLATFORM_CHANGED, facts.platform_changed)
        if facts.inputs_granted is not None:
            _mark(builder, types.INPUTS_GRANTED, facts.inputs_granted)
        builder.set(brokenInputs=[plain(each) for each in facts.broken] or None)
    elif outcome.reason in _INPUT_REASONS:
        builder.mark_false(types.INPUTS_VERIFIED, outcome.reason, outcome.message)


def _mark_isolated(builder: StatusBuilder, seen: Seen) -> None:
    facts = seen.facts("prove", ProofFacts)
    if facts is None:
        return
    _mark(builder, types.ISOLATED, facts.finding)
    if facts.recorded is not None:
        entry = facts.recorded.model_dump(by_alias=True, mode="json", exclude_defaults=True)
        time = format_time(facts.recorded.verified_time)
        builder.set(isolation=entry | {"verifiedTime": time})


def _mark_refusals(builder: StatusBuilder, seen: Seen) -> None:
    shown_by = _SHOWN_WITHOUT_RUN if delivers_to_people(seen.obj) else _SHOWN_BY
    for phase, outcome in seen.outcomes.items():
        condition = shown_by.get(outcome.reason)
        # A grant that let inputs share something is over, and nobody reads by it.
        if phase == "leakage" and outcome.reason in _INPUT_REASONS:
            condition = types.INPUTS_VERIFIED
        if condition is not None and outcome.verdict in {Verdict.REFUSED, Verdict.WAITING}:
            builder.mark_false(condition, outcome.reason, outcome.message)


def _set_fields(builder: StatusBuilder, seen: Seen) -> None:
    found = seen.facts("namespace", NamespaceFacts)
    if found is not None:
        known = seen.previous.get("namespaceUid")
        if known and known != found.uid:
            # Between two looks, or under this one: another one of its name and label was put there.
            lost = {"uid": known, "time": format_time(seen.now)}
            builder.set(lostNamespace=lost, isolation=None)  # checked in that one, not in this
        builder.set(namespaceUid=found.uid)
    _record_work(builder, seen)
    if state_of(seen) == names.STATE_SEALED and is_closed_for_good(seen):
        # It is what the seal waits for, and it waits for nothing else.
        closed = seen.previous.get("closedTime") or format_time(seen.now)
        builder.set(state=names.STATE_SEALED, closedTime=closed)
    if not all(seen.outcome(phase).is_done for phase in BUILDING) or found is None:
        return
    builder.set(state=state_of(seen))
    applied = [one for phase in BUILDING for one in seen.outcome(phase).applied]
    if not seen.is_provisioned and all(one.stands for one in applied):
        # The latch: everything was seen in place, in this namespace, for this digest.
        builder.set(
            provisioned={
                "time": format_time(seen.now),
                "namespaceUid": found.uid,
                "digest": seen.previous.get("digest"),
            }
        )


def _record_work(builder: StatusBuilder, seen: Seen) -> None:
    run = seen.facts("run", RunFacts)
    attempts = seen.facts("attempts", AttemptFacts)
    if attempts is not None and attempts.tenant_pods is not None:
        builder.set(tenantPods=plain(attempts.tenant_pods))
    if attempts is not None and attempts.run is not None:
        builder.set(run=record_run(attempts.run))
    elif run is not None and run.run is not None:
        builder.set(run=record_run(run.run))
    seal = seen.facts("seal", SealFacts)
    if seal is not None and seal.record is not None:
        builder.set(seal=dict(seal.record))
    if seal is not None and seal.supplement is not None:
        builder.set(sealSupplement=dict(seal.supplement))
    lineage = seen.facts("lineage", LineageFacts)
    if lineage is not None and lineage.record is not None:
        builder.set(lineage=dict(lineage.record))
    concluded = seen.facts("conclude", ConclusionFacts)
    if concluded is not None:
        builder.set(conclusion=dict(concluded.record))


def _unseen_seal(seen: Seen) -> str:
    """Return what a seal waits for that no look came to; empty while nothing can be written."""
    if not seen.is_provisioned and not completes(seen):
        return ""
    return not_sealed(names.STATE_OPEN, run=bool((seen.obj.get("spec") or {}).get("stages")))


def _retiring(builder: StatusBuilder, seen: Seen) -> dict[str, Any]:
    outcome = seen.outcome("retire")
    _mark_not_kept(builder, seen.obj)
    run = seen.outcome("run")
    if run.verdict is not Verdict.SKIPPED:
        mark_run(builder, run, seen.outcome("deliver"), provisioned=True)
        mark_admitted(builder, run)
    _record_work(builder, seen)
    mark_seal(builder, seen.outcome("seal"), unseen=_unseen_seal(seen))
    _hold_back(builder, seen)
    builder.mark_false(types.READY, outcome.reason, outcome.message)
    builder.mark_true(types.RECONCILING, outcome.reason, outcome.message)
    return builder.render()


def _mark_not_kept(builder: StatusBuilder, obj: Mapping[str, Any]) -> None:
    for condition in condition_types(obj):
        if condition in _KEPT and builder.current(condition)[:2] != (types.TRUE, reasons.SEALED):
            builder.mark_unknown(condition, reasons.DELETING, _NOT_KEPT)


def _unkept(builder: StatusBuilder, seen: Seen) -> dict[str, Any]:
    """Say of what nobody can keep that nobody knows how it is; access to it was taken away.

    That it was open is taken back with it: opening it again is no drift.
    """
    outcome, access = seen.outcome("unkept"), seen.outcome("access")
    closed = "access to it is closed"
    if access.is_failed:
        closed = f"access to it could not be closed yet: {access.message}"
    message = (
        f"{outcome.message}; what was bound cannot be read from the namespace either, so nothing in"
        f" there is looked after, and {closed}"
    )
    delivered = (types.INPUTS_DELIVERED,) if delivers_to_people(seen.obj) else ()
    for condition in (*REQUIRED, types.ISOLATED, types.DRIFT_DETECTED, *delivered):
        builder.mark_unknown(condition, outcome.reason, message)
    run = seen.facts("run", RunFacts)
    if run is not None:
        mark_run(builder, seen.outcome("run"), seen.outcome("deliver"), provisioned=True)
        mark_admitted(builder, seen.outcome("run"))
        _record_work(builder, seen)
    elif not (seen.previous.get("run") or {}).get("completionTime"):
        builder.mark_unknown(types.SUCCEEDED, outcome.reason, message)
    if seen.previous.get("state") == names.STATE_OPEN:
        builder.set(state=None)
    _hold_back(builder, seen)
    builder.mark_false(types.READY, outcome.reason, message)
    builder.mark_true(types.STALLED, outcome.reason, message)
    return builder.render()


def _mark(builder: StatusBuilder, condition: str, finding: Finding) -> None:
    builder.mark(condition, finding.answer, finding.reason, finding.message)


def _generation(obj: Mapping[str, Any]) -> int:
    generation: int = obj["metadata"].get("generation", 0)
    return generation
