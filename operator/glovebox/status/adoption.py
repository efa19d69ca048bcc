"""The conditions of an Experiment that took over what a former one has done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment_status import RunStatus
from glovebox.api.input_status import InputStatus
from glovebox.api.leakage_status import LeakStatus
from glovebox.desired.leakage import recorded_sheet
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment import CONDITIONS
from glovebox.status.experiment_facts import ConclusionFacts, SealFacts
from glovebox.status.experiment_seen import Late
from glovebox.status.experiment_work import mark_seal, record_run
from glovebox.status.ledger import record_entries
from glovebox.status.outcome import Outcome, Verdict
from glovebox.status.overdue import mark_overdue, overdue_of


def compute_adopted_status(
    obj: Mapping[str, Any],
    outcome: Outcome,
    now: datetime,
    *,
    fields: Mapping[str, Any],
    run: RunStatus | None,
) -> dict[str, Any]:
    """Return the status of an Experiment with `spec.adopts`.

    Args:
        obj: As it was read.
        outcome: How the look at what is to be taken over ended.
        now: The present time.
        fields: What is recorded of it; empty until it is taken over, and once it was.
        run: How the run ended; None until it is taken over.
    """
    metadata = obj["metadata"]
    builder = StatusBuilder(obj.get("status"), metadata.get("generation", 0), CONDITIONS, now)
    if run is None:
        _mark_unfinished(builder, outcome)
        return builder.render()
    builder.set(**fields, state=names.STATE_SEALED, run=record_run(run))
    former = (obj.get("spec") or {}).get("adopts", "")
    message = f"the results of the Experiment with the UID {former} were taken over"
    mark_seal(builder, outcome)
    if run.outcome == "Succeeded":
        builder.mark_true(types.SUCCEEDED, reasons.RUN_SUCCEEDED, run.message)
        builder.mark_true(types.READY, reasons.ADOPTED, message)
    else:
        builder.mark_false(types.SUCCEEDED, run.reason, run.message)
        builder.mark_false(types.READY, run.reason, message)
        builder.mark_true(types.STALLED, run.reason, message)
    return builder.render()


def compute_after_adoption(
    obj: Mapping[str, Any],
    outcomes: Mapping[str, Outcome],
    now: datetime,
    *,
    ledger: bool = False,
    late: Sequence[Late] = (),
) -> dict[str, Any]:
    """Return the status of an Experiment with `spec.adopts` that took over all there was.

    Args:
        obj: As it was read.
        outcomes: Of the phases `seal`, `conclude` and `record`.
        now: The present time.
        ledger: Whether a ledger is told; what it was not told yet is no news to hold back, as it
            is said to be the former Experiment's.
        late: What of the evidence could not be written.
    """
    generation = obj["metadata"].get("generation", 0)
    overdue = overdue_of(obj.get("status"), late)
    lasting = (*CONDITIONS, *((types.EVIDENCE_WRITTEN,) if overdue else ()))
    builder = StatusBuilder(obj.get("status"), generation, lasting, now)
    mark_overdue(builder, overdue)
    run = (obj.get("status") or {}).get("run") or {}
    for condition in (types.READY, types.SUCCEEDED):
        builder.mark(condition, *builder.current(condition))
    if run.get("outcome") != "Succeeded":
        builder.mark_true(types.STALLED, *builder.current(types.READY)[1:])
    sealed, concluded = outcomes["seal"], outcomes["conclude"]
    mark_seal(builder, sealed)
    if isinstance(sealed.facts, SealFacts) and sealed.facts.supplement is not None:
        builder.set(sealSupplement=dict(sealed.facts.supplement))
    if isinstance(concluded.facts, ConclusionFacts):
        builder.set(conclusion=dict(concluded.facts.record))
    elif not concluded.is_done:
        refused = concluded.verdict is Verdict.REFUSED
        also = types.STALLED if refused else types.RECONCILING
        builder.mark_true(also, concluded.reason, concluded.message)
    if ledger:
        record_entries(builder, obj, outcomes["record"])
    return builder.render()


def adopted_fields(
    digest: str,
    platform: str,
    inputs: tuple[InputStatus, ...],
    leakage: tuple[LeakStatus, ...],
    seal: SealFacts,
) -> dict[str, Any]:
    """Return what the status records of the former Experiment."""
    dumped = [
        entry.model_dump(by_alias=True, mode="json", exclude_defaults=True) for entry in inputs
    ]
    return {
        "digest": digest,
        "platform": platform,
        "inputs": dumped,
        "leakage": recorded_sheet(leakage) or None,
        "seal": dict(seal.record or {}),
    }


def _mark_unfinished(builder: StatusBuilder, outcome: Outcome) -> None:
    reason = outcome.reason or reasons.ADOPTING
    builder.mark_false(types.READY, reason, outcome.message)
    also = types.STALLED if outcome.verdict is Verdict.REFUSED else types.RECONCILING
    builder.mark_true(also, reason, outcome.message)
