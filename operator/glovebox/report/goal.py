"""Whether an Experiment has come to where somebody waits for it, or never will. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glovebox import names
from glovebox.api import conditions, reasons
from glovebox.report.goals import Goal, Reached

if TYPE_CHECKING:
    from glovebox.api.experiment import Experiment


def reached(experiment: Experiment, goal: Goal) -> Reached:
    """Return whether an Experiment has come to a goal.

    `Ready` and `Sealed` are the conditions; `Ended` is a run that succeeded: one that failed never
    will. What the operator did not look at since the spec was changed has not come anywhere yet,
    and what is being deleted may still be sealed, and nothing else.
    """
    status = experiment.status
    if goal is not Goal.SEALED and experiment.is_deleting:
        return Reached.NEVER
    if status.observed_generation != experiment.metadata.generation:
        return Reached.NOT_YET
    match goal:
        case Goal.READY:
            found = _ready(experiment)
        case Goal.SEALED:
            found = _sealed(experiment)
        case Goal.ENDED:
            found = _ended(experiment)
    return found


def _is_true(experiment: Experiment, condition_type: str) -> bool:
    condition = experiment.status.condition(condition_type)
    return condition is not None and condition.is_true


def _ready(experiment: Experiment) -> Reached:
    if _is_true(experiment, conditions.STALLED):
        return Reached.NEVER
    return Reached.YES if _is_true(experiment, conditions.READY) else Reached.NOT_YET


def _sealed(experiment: Experiment) -> Reached:
    is_stalled = _is_true(experiment, conditions.STALLED)
    if _is_true(experiment, conditions.SEALED):
        # While the namespace cannot be closed more may be written than the seal says. Ready is
        # False then, and nothing is stalled.
        is_closed = is_stalled or _is_true(experiment, conditions.READY)
        return Reached.YES if is_closed else Reached.NOT_YET
    # What ended, however badly, is sealed: it is stalled before that, and goes on.
    return Reached.NEVER if is_stalled and not _is_over(experiment) else Reached.NOT_YET


def _is_over(experiment: Experiment) -> bool:
    status = experiment.status
    return (
        status.state == names.STATE_SEALED
        or bool(status.run is not None and status.run.outcome)
        or any(each.action == "Fail" for each in status.broken_inputs)
        or (experiment.spec.lifecycle.is_to_be_sealed and bool(status.digest))
    )


def _ended(experiment: Experiment) -> Reached:
    succeeded = experiment.status.condition(conditions.SUCCEEDED)
    if succeeded is not None and succeeded.is_true:
        return Reached.YES
    failed = succeeded is not None and succeeded.status == conditions.FALSE
    is_stopped = succeeded is not None and succeeded.reason == reasons.RUN_STOPPED
    is_out = failed or (is_stopped and experiment.status.state == names.STATE_SEALED)
    if is_out or not experiment.spec.has_run or _is_true(experiment, conditions.STALLED):
        return Reached.NEVER
    return Reached.NOT_YET
