"""What a run of several stages came to, from the Jobs that JobSet's controller made for it. Pure.

The Jobs are what counts: each says for good how its stage ended, and JobSet's own verdict follows
from them. The run has failed with the first stage that failed, and succeeded with the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from glovebox.api import reasons
from glovebox.api.attempt_status import MAX_PODS, RunStage
from glovebox.api.experiment_status import RunStatus
from glovebox.data.counting import counted
from glovebox.status.attempts import attempt_of, over
from glovebox.status.runs import is_made_for, job_ended

_MESSAGE_MAX = 1024


def stages_of(job_set: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the stages of a JobSet of ours."""
    return tuple(each["name"] for each in job_set["spec"]["replicatedJobs"])


def job_set_end(job_set: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the condition by which a JobSet is over: `Completed`, `Failed`, or None until then."""
    conditions = (job_set.get("status") or {}).get("conditions") or ()
    ends = ("Completed", "Failed")
    return next(
        (each for each in conditions if each["type"] in ends and each["status"] == "True"), None
    )


def job_set_ended(
    job_set: Mapping[str, Any],
    jobs: Mapping[str, Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    secrets: Iterable[str] = (),
) -> RunStatus:
    """Return the run as its Jobs and their pods show it; without an outcome while it goes on.

    Args:
        job_set: The JobSet.
        jobs: Its Jobs by stage, as far as they are made.
        pods: Their pods, the oldest first.
        secrets: Values that are known to be in play; nothing that is quoted holds one.
    """
    known = tuple(secrets)
    ended = {
        stage: job_ended(job, [pod for pod in pods if _is_of(pod, job)], known)
        for stage, job in jobs.items()
    }
    run = RunStatus(
        job_uid=job_set["metadata"]["uid"],
        start_time=job_set["metadata"]["creationTimestamp"],
        attempts=len(pods),
        pods=tuple(attempt_of(pod) for pod in pods)[:MAX_PODS],
        stages=tuple(_stage(name, ended.get(name)) for name in stages_of(job_set)),
    )
    failed = [
        (stage, each)
        for stage in stages_of(job_set)
        if (each := ended.get(stage)) is not None and each.outcome == "Failed"
    ]
    if failed:
        stage, first = min(failed, key=lambda pair: str(pair[1].completion_time))
        return _over(run, first, "Failed", f"stage `{stage}`: {first.message}")
    if all(stage.phase == "Succeeded" for stage in run.stages):
        last = max(ended.values(), key=lambda each: str(each.completion_time))
        told = f"{counted(len(ended), 'stage')}, {counted(len(pods), 'pod')}"
        return _over(run, last, "Succeeded", f"the run succeeded: {told}")
    # By Jobs that are gone nobody can tell what became of them.
    end = job_set_end(job_set)
    if end is not None:
        return _by_itself(run, end)
    return run


def _is_of(pod: Mapping[str, Any], job: Mapping[str, Any]) -> bool:
    return is_made_for(pod, job["metadata"]["uid"])


def _stage(name: str, ended: RunStatus | None) -> RunStage:
    if ended is None:
        return RunStage(name=name)
    return RunStage(
        name=name,
        phase=ended.outcome or "Running",
        start_time=ended.start_time,
        completion_time=ended.completion_time,
        attempts=ended.attempts,
        exit_code=ended.exit_code,
        message=ended.message[:_MESSAGE_MAX] if ended.outcome == "Failed" else "",
    )


def _over(run: RunStatus, by: RunStatus, outcome: str, message: str) -> RunStatus:
    return run.model_copy(
        update={
            "stages": over(run.stages),
            "completion_time": by.completion_time,
            "outcome": outcome,
            "reason": by.reason,
            "message": message[:2048],
            "exit_code": by.exit_code,
        }
    )


def _by_itself(run: RunStatus, end: Mapping[str, Any]) -> RunStatus:
    """Return a run whose JobSet says how it ended, where its Jobs do not."""
    is_good = end["type"] == "Completed"
    by = RunStatus(
        completion_time=end["lastTransitionTime"],
        reason=reasons.RUN_SUCCEEDED if is_good else reasons.RUN_FAILED,
    )
    message = f"JobSet says: {end.get('message', end['type'])}"
    return _over(run, by, "Succeeded" if is_good else "Failed", message)
