"""The conditions Succeeded and Sealed of an Experiment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.experiment_status import RunStatus
from glovebox.data.counting import counted
from glovebox.status.builder import NOT_LOOKED, StatusBuilder
from glovebox.status.experiment_facts import RunFacts, SealFacts
from glovebox.status.outcome import Outcome, Verdict
from glovebox.status.text import format_time

_NOTHING_YET: Final = "nothing is written before it is provisioned; see Ready"


def mark_run(builder: StatusBuilder, run: Outcome, deliver: Outcome, *, provisioned: bool) -> None:
    """Return Succeeded by how far the run is; a refused delivery keeps it from starting."""
    facts = run.facts if isinstance(run.facts, RunFacts) else None
    if facts is None:
        if run.verdict is Verdict.REFUSED or (run.is_failed and run.definite):
            builder.mark_unknown(types.SUCCEEDED, run.reason, run.message)
        return
    if not facts.requested:
        message = "`spec.stages` is not set: the namespace is for interactive use"
        builder.mark_unknown(types.SUCCEEDED, reasons.RUN_NOT_REQUESTED, message)
        return
    if facts.run is None and facts.broken:
        answer: Answer = types.FALSE if facts.broken == "Fail" else types.UNKNOWN
        builder.mark(types.SUCCEEDED, answer, reasons.INPUT_BROKEN, facts.pending)
        return
    if facts.run is None:
        stopped = provisioned and run.is_done
        reason = reasons.RUN_STOPPED if stopped else run.reason or reasons.RUN_PENDING
        held = reason == reasons.SUSPENDED
        delivering = deliver.verdict is Verdict.WAITING and not held
        message = deliver.message if delivering else facts.pending
        builder.mark_unknown(types.SUCCEEDED, reason, message or facts.pending)
        return
    match facts.run.outcome:
        case "Succeeded":
            builder.mark_true(types.SUCCEEDED, reasons.RUN_SUCCEEDED, facts.run.message)
        case "Failed":
            builder.mark_false(types.SUCCEEDED, facts.run.reason, facts.run.message)
        case _ if facts.pending:
            reason = facts.waits_for or reasons.RUN_PENDING
            builder.mark_unknown(types.SUCCEEDED, reason, facts.pending)
        case _:
            builder.mark_unknown(types.SUCCEEDED, reasons.RUNNING, _running(facts.run))


def _running(run: RunStatus) -> str:
    """Return what of a run is at work."""
    if not run.stages:
        return f"Job `{names.RUN_JOB}` is running"
    going = ", ".join(f"`{each.name}`" for each in run.stages if each.phase == "Running")
    over = sum(each.phase == "Succeeded" for each in run.stages)
    done = f"{over} of {counted(len(run.stages), 'stage')} succeeded"
    return f"JobSet `{names.RUN_JOB}` is running {going or 'no stage at present'}: {done}"


def not_sealed(state: str, *, run: bool) -> str:
    """Return what the seal of something that is not closed waits for.

    Args:
        state: What its namespace is to be: Open or Frozen.
        run: Whether it has a run.
    """
    when = (
        "sealed when the run is over" if run else "sealed when `spec.lifecycle.desired` is Sealed"
    )
    if state == names.STATE_FROZEN:
        when = "not sealed while it is frozen"
    return f"results are locked as they are written, and {when}"


def mark_seal(builder: StatusBuilder, seal: Outcome, *, unseen: str = "") -> None:
    """Answer Sealed: True only with a seal that the store holds.

    Args:
        builder: The status in the making.
        seal: How sealing went.
        unseen: What to say where nobody could look yet; empty for that nothing is written yet.
    """
    facts = seal.facts if isinstance(seal.facts, SealFacts) else None
    if facts is not None:
        words = f"{counted(facts.versions, 'object version')} with {counted(facts.size, 'byte')}"
        doubts = "; ".join(facts.findings[:3])
        # That something is not locked is among the findings.
        whole = f"{words} listed, signed and locked"
        message = f"{words} listed and signed; not vouched for: {doubts}" if doubts else whole
        message = f"{message}; {facts.waits}" if facts.waits else message
        builder.mark_true(types.SEALED, reasons.SEALED, message)
        return
    if builder.status_of(types.SEALED) == types.TRUE:
        return  # made once, and never taken back
    if seal.verdict is Verdict.SKIPPED:
        is_new = builder.current(types.SEALED)[1:] in {
            (reasons.NOT_SEALED, _NOTHING_YET),
            (reasons.NOT_LOOKED, NOT_LOOKED),
        }
        if is_new or not unseen:
            builder.mark_false(types.SEALED, reasons.NOT_SEALED, unseen or _NOTHING_YET)
        return  # what was seen last is as good as it was
    builder.mark_false(types.SEALED, seal.reason, seal.message)


def is_recorded(
    run: RunStatus, recorded: Mapping[str, Any] | None, *, whatever_its_pods: bool = False
) -> bool:
    """Whether the status holds what is known of a run.

    How many pods were started for it is known when it has ended: until then the number goes up
    with each pod that is deleted, and nothing waits for it.

    Args:
        run: As it is known.
        recorded: As the status has it.
        whatever_its_pods: Nothing waits for its pods either: they come as fast as they are ended.
    """
    left_out: tuple[str, ...] = () if run.completion_time is not None else ("attempts",)
    if whatever_its_pods:
        left_out = ("attempts", "pods", "nodes")
    known, held = record_run(run), dict(recorded or {})
    for field in left_out:
        known.pop(field, None)
        held.pop(field, None)
    return known == held


def record_run(run: RunStatus) -> dict[str, Any]:
    """Return a run as the status records it."""
    return plain(run)


def plain(model: BaseModel) -> dict[str, Any]:
    """Return a part of a status as the API server holds it: what is not known is left out."""
    entry: dict[str, Any] = _told(
        model.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    )
    return entry


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Mapping):
        return {name: _told(inner) for name, inner in value.items()}
    return [_told(inner) for inner in value] if isinstance(value, list | tuple) else value
