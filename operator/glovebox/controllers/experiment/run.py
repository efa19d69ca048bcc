"""The run of an experiment: one Job, created once, followed to its end, and never a second time.

What is there decides, not what was remembered: a Job of the fixed name is the run, whoever of us
    created it and
whenever we died. Its UID is recorded as soon as it was seen. A Job that was recorded and is gone is
a run that was lost or stopped; it is over, not begun again, because its artifacts are already
locked under the experiment's prefix.
"""

from __future__ import annotations

from typing import Any

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.experiment_status import RunStatus
from glovebox.controllers.world import World
from glovebox.kube.kinds import JOB, POD
from glovebox.kube.objects import ObjectKey
from glovebox.status.draft import Draft, format_time
from glovebox.status.runs import is_made_for, job_ended, job_lost, why_waiting


async def ensure_run(
    world: World,
    experiment: Experiment,
    job: dict[str, Any] | None,
    draft: Draft,
    *,
    may_start: bool,
) -> RunStatus | None:
    """Start the run unless it was started before, record how far it is, and answer Succeeded.

    Args:
        world: The operator's world.
        experiment: Whose run.
        job: The Job as it should be; None when no run was asked for.
        draft: Its status.
        may_start: False where nothing may start any more (frozen, or to be sealed).

    Returns:
        The run as it is now; None when there is none.
    """
    if job is None:
        draft.unknown(
            types.SUCCEEDED,
            reasons.RUN_NOT_REQUESTED,
            "`spec.run` is not set: the namespace is for interactive use",
        )
        return None
    recorded = experiment.status.run
    if recorded is not None and recorded.completion_time is not None:
        _conclude(draft, recorded)
        return recorded
    namespace = job["metadata"]["namespace"]
    live = await world.applier.read(JOB, ObjectKey(JOB.kind, namespace, names.RUN_JOB))
    if live is None and recorded is not None and recorded.job_uid:
        return _record(draft, job_lost(recorded, world.now(), stopped=not may_start))
    if live is None and not may_start:
        draft.unknown(
            types.SUCCEEDED,
            reasons.RUN_STOPPED,
            "the run was not started: nothing may start in this namespace any more",
        )
        return None
    if live is None:
        live = await world.client.create_or_get(JOB, job)  # another operator may have been first
        world.metrics.runs.labels("started").inc()
    pods = await pods_of(world, namespace, live["metadata"]["uid"])
    return _record(draft, job_ended(live, pods), waiting=why_waiting(pods))


def _record(draft: Draft, run: RunStatus, waiting: str = "") -> RunStatus:
    entry = run.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    for field in ("startTime", "completionTime"):
        if field in entry:
            entry[field] = format_time(entry[field])
    draft.set(run=entry)
    _conclude(draft, run, waiting)
    return run


def _conclude(draft: Draft, run: RunStatus, waiting: str = "") -> None:
    match run.outcome:
        case "Succeeded":
            draft.yes(types.SUCCEEDED, reasons.RUN_SUCCEEDED, run.message)
        case "Failed":
            draft.no(types.SUCCEEDED, run.reason, run.message)
        case _ if waiting:
            draft.unknown(types.SUCCEEDED, reasons.RUN_PENDING, waiting)
        case _:
            draft.unknown(types.SUCCEEDED, reasons.RUNNING, f"Job `{names.RUN_JOB}` is running")


async def pods_of(world: World, namespace: str, job_uid: str) -> list[dict[str, Any]]:
    """Return the pods that the Job controller made for a Job of ours, the oldest first."""
    selector = (
        f"batch.kubernetes.io/controller-uid={job_uid},{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    )
    found: list[dict[str, Any]] = []
    async for page in world.client.pages(POD, namespace=namespace, label_selector=selector):
        found += (pod for pod in page.get("items") or () if is_made_for(pod, job_uid))
    return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
