"""Removes, by UID, pods that came in past the guards, as while a namespace's labels were off.

A namespace without its Pod Security labels, or without the mark that the guards select it by,
admits what it never should; so does a closed one whose state label says Open for a moment.
Restoring the labels does not end such a pod. What somebody started beside a run behind the broken
glass looks like one, and goes as well.

Each that is found is drift of isolation, told once by a process: it may take a while to end, and
the answer to its removal may be lost.

Whose a pod is, is told by the Job that owns it and not by a label, which such a pod may bear as
well. A pod of our own Jobs runs what its Job's template says, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.absent import read_or_absent
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.job_pods import pods_in
from glovebox.desired.drift import Applied, Drift
from glovebox.desired.intruders import images_of, job_behind, why_inadmissible
from glovebox.desired.job_set import needs_job_set
from glovebox.desired.plan import Plan
from glovebox.errors import Conflict, GloveboxError
from glovebox.kube.kinds import JOB, POD
from glovebox.kube.objects import key_of

log = structlog.get_logger(__name__)
_BESIDE_A_RUN: Final = "it was made by hand, and nothing runs beside the run of an Experiment"
_OURS: Final = (names.RUN_JOB, names.PROBE_JOB)


@dataclass(frozen=True, slots=True)
class Search:
    """What a search for such pods came to.

    Attributes:
        failures: What kept a pod in, or from being looked at; the next look tries again.
        is_clear: Whether there was none, but for such as had been asked to end before. What an
            answer says of a deletion may be wrong.
        removed: Each pod that was asked to end, and was not told of before.
        told: The UIDs of all that were asked to end, by now or before.
    """

    failures: tuple[GloveboxError, ...]
    is_clear: bool
    removed: tuple[Applied, ...] = ()
    told: frozenset[str] = frozenset()


async def remove_intruders(scope: Scope, plan: Plan, told: frozenset[str]) -> Search:
    """Delete every pod that should not be there; each is tried, whatever becomes of the others.

    Args:
        scope: The look.
        plan: What is to be there.
        told: The UIDs of pods that were told of as removed before.
    """
    failures: list[GloveboxError] = []
    removed: list[Applied] = []
    ending: set[str] = set()
    is_clear = True
    try:
        pods = await pods_in(scope.ports, scope.namespace)
        jobs = await _templates(scope, pods)
    except GloveboxError as error:
        return Search((error,), is_clear=False, told=told)
    for pod in pods:
        why = _why(scope, plan, pod, jobs)
        if not why:
            continue
        is_clear = is_clear and _is_asked_to_end(pod)
        try:
            await _remove(scope, pod, why)
        except GloveboxError as error:
            failures.append(error)
            if not _is_asked_to_end(pod):
                continue
        uid = pod["metadata"]["uid"]
        ending.add(uid)
        if uid not in told and not _is_recorded(scope, pod):
            removed.append(_as_drift(pod))
    is_clear = is_clear and not failures
    return Search(tuple(failures), is_clear, tuple(removed), frozenset(ending))


def _is_recorded(scope: Scope, pod: Mapping[str, Any]) -> bool:
    """Whether the process before this one told of a pod that is still ending, as of its last."""
    drift = scope.experiment.status.drift
    last = drift.last if drift is not None else None
    known = (last.kind, last.name) if last is not None else ("", "")
    return _is_asked_to_end(pod) and known == (POD.kind, key_of(POD, pod).name)


def _as_drift(pod: Mapping[str, Any]) -> Applied:
    key, made = key_of(POD, pod), pod["metadata"]
    writer = made.get("createdBy", "")
    manager = f"{writer} at {made['creationTimestamp']}" if writer else ""
    return Applied(key, "removed", Drift(key, "unexpected", manager=manager))


async def _templates(
    scope: Scope, pods: Sequence[Mapping[str, Any]]
) -> dict[str, frozenset[str] | None]:
    """Return the images of our own Jobs by UID; None of a Job that is recorded and gone.

    They are read after the pods, so none is missing that has made one of these.
    """
    status = scope.experiment.status
    recorded = (
        status.run.job_uid if status.run is not None else "",
        status.isolation.job_uid if status.isolation is not None else "",
    )
    found: dict[str, frozenset[str] | None] = {uid: None for uid in recorded if uid}
    behind = dict(job_behind(pod) for pod in pods)
    for name in (*_OURS, *_of_stages(scope)):
        if name not in behind:
            continue
        job = await read_or_absent(scope.ports, JOB, scope.namespace, name)
        if job is None:
            if name not in _OURS:
                # JobSet's controller takes Jobs away, and their pods after them.
                found.setdefault(behind[name], None)
            continue
        found[job["metadata"]["uid"]] = images_of(job["spec"]["template"]["spec"])
    return found


def _of_stages(scope: Scope) -> tuple[str, ...]:
    """Return the names of the Jobs that JobSet's controller makes; nobody else makes any there."""
    stages = scope.experiment.spec.stages
    return tuple(names.stage_job(stage.name) for stage in stages) if needs_job_set(stages) else ()


def _why(
    scope: Scope,
    plan: Plan,
    pod: Mapping[str, Any],
    jobs: Mapping[str, frozenset[str] | None],
) -> str:
    """Return why a pod should not be there, or an empty text."""
    _, uid = job_behind(pod)
    if uid in jobs:
        # With its Job gone it goes as well, and what it should run nobody knows any more.
        own = jobs[uid]
        images = images_of(pod.get("spec") or {}) if own is None else own
        return why_inadmissible(pod, images | set(plan.images))
    # While it is being closed, or opened, pods may be there that came in by the door.
    recorded = scope.experiment.status.state
    state = recorded if recorded == scope.state else names.STATE_OPEN
    why = why_inadmissible(pod, plan.images, state=state or names.STATE_OPEN)
    return why or (_BESIDE_A_RUN if plan.run is not None else "")


async def _remove(scope: Scope, pod: Mapping[str, Any], why: str) -> None:
    name = key_of(POD, pod).name
    try:
        await scope.ports.writer.stop(pod)
    except Conflict:
        return  # gone, or another pod by now
    if _is_asked_to_end(pod):
        return  # told when it was asked to end
    log.warning("removed a pod that came in through a gap", pod=name, why=why)
    scope.ports.events.warning(
        scope.obj,
        reasons.PODS_REMOVED,
        f"pod `{name}` came in past the guards and was removed: {why}",
        action="Remove",
    )


def _is_asked_to_end(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))
