"""What happens inside a namespace that stands: the run runs, and in the end the seal closes the results."""

from __future__ import annotations

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.experiment.deliver import Prepared, ensure_delivery
from glovebox.controllers.experiment.gather import Surroundings
from glovebox.controllers.experiment.isolation_check import ensure_probe
from glovebox.controllers.experiment.run import ensure_run
from glovebox.controllers.experiment.seal import ensure_seal
from glovebox.controllers.world import World
from glovebox.desired.plan import Plan
from glovebox.status.draft import Draft


async def carry_out(
    world: World,
    experiment: Experiment,
    surroundings: Surroundings,
    plan: Plan,
    draft: Draft,
    state: str,
) -> float | None:
    """Move run and seal on; return after how many seconds to look again, None to wait for what happens."""
    is_open = state == names.STATE_OPEN
    # A namespace that is not bound yet gets its run with the next look: by then the snapshot is
    # recorded, and freezes the spec.
    may_start = is_open and bool(experiment.status.digest)
    waits: list[float | None] = []
    prepared = Prepared()
    if is_open and plan.run is not None:
        prepared = await ensure_delivery(world, experiment, surroundings, plan)
        waits.append(prepared.retry_seconds)
    waits.append(
        await ensure_probe(
            world, experiment, surroundings.profile, plan, draft, may_start=may_start
        )
    )
    waits_for = prepared.waits_for or _unproven(surroundings, draft)
    starts = may_start and not waits_for
    run = await ensure_run(
        world, experiment, plan.run if starts or not is_open else None, draft, may_start=starts
    )
    if is_open and plan.run is not None and not may_start:
        draft.unknown(
            types.SUCCEEDED,
            reasons.RUN_PENDING,
            "the snapshot is being recorded; the run starts right after",
        )
        waits.append(0.0)
    elif is_open and plan.run is not None and not starts:
        draft.unknown(types.SUCCEEDED, reasons.RUN_PENDING, waits_for)
    if run is not None and run.completion_time is not None and is_open:
        world.metrics.runs.labels(run.outcome.lower()).inc()
        waits.append(0.0)  # closed, and then sealed, with the next look
    if state == names.STATE_SEALED:
        waits.append(await ensure_seal(world, experiment, surroundings, plan, run, draft))
    else:
        draft.no(
            types.SEALED,
            reasons.NOT_SEALED,
            "results are locked as they are written, and sealed when the run is over",
        )
    _summarise(run, draft, state)
    found = [seconds for seconds in waits if seconds is not None]
    return min(found) if found else None


def _unproven(surroundings: Surroundings, draft: Draft) -> str:
    """Return what a run waits for whose profile wants isolation proven first, or an empty text."""
    if (
        not surroundings.profile.spec.probe.required_for_runs
        or draft.answer(types.ISOLATED) == types.TRUE
    ):
        return ""
    return (
        "the run starts when isolation is proven, as the profile's `spec.probe.requiredForRuns`"
        " wants; `Isolated` says how far that is"
    )


def _summarise(run: RunStatus | None, draft: Draft, state: str) -> None:
    """A run that failed is nothing that a waiting program should take for health, and nothing that mends itself."""
    if run is not None and run.outcome == "Failed" and state == names.STATE_SEALED:
        draft.no(types.READY, run.reason, run.message)
        draft.yes(types.STALLED, run.reason, run.message)
    elif state == names.STATE_SEALED and draft.answer(types.SEALED) == types.TRUE:
        draft.yes(types.READY, reasons.SEALED, "the results are sealed")
