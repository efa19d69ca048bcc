"""What a Job of ours waits for, looked up where it is told: in its pod, or in Events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog

from glovebox.controllers.ports import Ports
from glovebox.controllers.run_work import RunWork
from glovebox.errors import GloveboxError
from glovebox.kube.kinds import EVENT
from glovebox.status.job_waits import (
    Wait,
    after_undelivered,
    ended_last,
    is_suspended,
    lacks_workers,
    seconds_since,
    waiting_pod,
    why_by_events,
    why_no_job,
    why_no_next_pod,
    why_no_pod,
    why_not_delivered,
    why_waiting,
)
from glovebox.status.runs import is_made_for, job_end

log = structlog.get_logger(__name__)
# The Job controller and the kubelet get this long before anybody asks what keeps them.
_PATIENCE_SECONDS: Final = 1.0
_SOONEST_SECONDS, _LATEST_SECONDS = 2.0, 60.0
# Of one object; Kubernetes counts what repeats in one Event.
_EVENTS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class JobWait:
    """What a Job waits for.

    Attributes:
        wait: None when a pod of it runs.
        retry_seconds: When to ask again, as no watch tells; None when one does.
    """

    wait: Wait | None
    retry_seconds: float | None = None

    @property
    def message(self) -> str:
        """What it waits for; empty when it does not."""
        return self.wait.message if self.wait is not None else ""


async def look_at_job(
    ports: Ports, job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]
) -> JobWait:
    """Return what keeps a Job that is not over from running.

    Events are read where nothing else says why, and less and less often.

    Args:
        ports: The outside world.
        job: As it is now.
        pods: Its pods, the oldest first.
    """
    held = waiting_pod(pods)
    lacks = held is None and (ended_last(pods) or lacks_workers(job, pods))
    if lacks and is_suspended(job):
        return JobWait(why_no_pod(job))
    if lacks:
        # The next pod may be refused as the first one may.
        again = ask_again(seconds_since(pods[-1], ports.now()))
        refused = why_no_next_pod(await _events_of(ports, job))
        return JobWait(refused or why_not_delivered(pods), again)
    if held is None and pods:
        return JobWait(None)
    wait = why_waiting([held]) if held is not None else why_no_pod(job)
    wait = after_undelivered(wait, pods) if wait is not None else None
    if wait is None or not wait.by_event:
        return JobWait(wait)
    about = held or job
    age = seconds_since(about, ports.now())
    if age < _PATIENCE_SECONDS:
        return JobWait(wait, _PATIENCE_SECONDS)
    return JobWait(why_by_events(wait, await _events_of(ports, about)), ask_again(age))


async def look_at_run(ports: Ports, work: RunWork, pods: Sequence[Mapping[str, Any]]) -> JobWait:
    """Return what keeps a run that is not over from running: of several stages, any that waits.

    Args:
        ports: The outside world.
        work: The run, as it is now.
        pods: Its pods, the oldest first.
    """
    going = {stage: job for stage, job in work.jobs.items() if job_end(job) is None}
    if not going:
        # Between two stages too, where the next Job is to come. The watch tells of it, and of a
        # JobSet that somebody resumes; of one whose controller is away nothing does.
        return JobWait(why_no_job(work.live), ask_again(_idle_seconds(ports, work)))
    found: list[JobWait] = []
    for stage, job in going.items():
        own = [pod for pod in pods if is_made_for(pod, job["metadata"]["uid"])]
        wait = await look_at_job(ports, job, own)
        if wait.wait is not None and stage:
            named = replace(wait.wait, message=f"stage `{stage}`: {wait.message}")
            wait = JobWait(named, wait.retry_seconds)
        found.append(wait)
    first = next((each for each in found if each.wait is not None), found[0])
    seconds = [each.retry_seconds for each in found if each.retry_seconds is not None]
    return JobWait(first.wait, min(seconds, default=None))


def _idle_seconds(ports: Ports, work: RunWork) -> float:
    """Return for how long no Job of a run has been at work."""
    begun = [seconds_since(work.live, ports.now())]
    ends = [end["lastTransitionTime"] for job in work.jobs.values() if (end := job_end(job))]
    since = [(ports.now() - datetime.fromisoformat(end)).total_seconds() for end in ends]
    return max(0.0, min(begun + since))


def ask_again(age: float) -> float:
    """Return in how many seconds to ask again about what is as old as that."""
    return min(max(age / 4, _SOONEST_SECONDS), _LATEST_SECONDS)


async def _events_of(ports: Ports, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the Events of an object; none where they cannot be read: they only explain."""
    metadata = about["metadata"]
    found: list[dict[str, Any]] = []
    try:
        async for page in ports.reader.pages(
            EVENT,
            namespace=metadata["namespace"],
            field_selector=f"regarding.uid={metadata['uid']}",
        ):
            found += page.get("items") or ()
            if len(found) >= _EVENTS_MAX:
                break
    except GloveboxError as error:
        log.warning("Events cannot be read", namespace=metadata["namespace"], error=error.message)
    return found
