"""What a Job of ours waits for while none of its pods runs, and what to do about it. Pure.

Most of it stands in the pod's status. That the API server refused the pod, or that the kubelet
cannot mount a volume, is told by Events alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from glovebox.api import reasons
from glovebox.data.redaction import redact
from glovebox.status.runs import undelivered_words

# What a run says that waits: which of these it is changes by itself, and back.
WAITS: Final = frozenset(
    {
        reasons.RUN_PENDING,
        reasons.QUOTA_EXCEEDED,
        reasons.POD_REFUSED,
        reasons.UNSCHEDULABLE,
        reasons.IMAGE_NOT_PULLED,
        reasons.CONTAINER_NOT_STARTED,
        reasons.VOLUME_NOT_MOUNTED,
        reasons.JOB_SUSPENDED,
        reasons.QUEUED,
        reasons.EVICTED,
        reasons.QUEUE_UNANSWERED,
    }
)
_FETCH: Final = "fetch"
_WORDS_MAX: Final = 700
# Who says what keeps a pod away; who else may write Events here is no witness.
_JOB_CONTROLLER: Final = frozenset({"job-controller"})
_OF_PODS: Final = frozenset({"kubelet", "attachdetach-controller"})
_MOUNTING: Final = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"})
_IMAGE: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "ImageInspectError",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_GOING_ON: Final = frozenset({"Pulled", "Created", "Started"})
_USUAL: Final = frozenset({None, "PodInitializing", "ContainerCreating"})
# Each attempt of the Job controller has another name for its pod.
_POD_NAME: Final = re.compile(r'(?:Error creating: )?pods "[^"]*"')
# How long ago a kubelet says so changes by itself.
_COUNTED: Final = re.compile(r"\b(?:back-off|in) \d[\d.]*m?s\b")
# What a profile names, and only the API server knows.
_CLASS_OF_PODS: Final = re.compile(r"\b(?:PriorityClass|RuntimeClass)\b")
# What a scheduler says of claims (`volume_binding.go`).
_UNCLAIMED: Final = "waiting for ephemeral volume controller to create the persistentvolumeclaim"
_UNBOUND: Final = "unbound immediate PersistentVolumeClaims"
_BEING_PREPARED: Final = "the pod is being prepared"


@dataclass(frozen=True, slots=True)
class Wait:
    """What a Job waits for.

    Attributes:
        reason: One of `api/reasons/`.
        message: What Kubernetes says, and the next step.
        by_event: Whether more may be known from Events.
    """

    reason: str
    message: str
    by_event: bool = False


_NEXT: Final = Wait(reasons.RUN_PENDING, "the Job controller has not made its next pod")


def why_waiting(pods: Sequence[Mapping[str, Any]]) -> Wait | None:
    """Return what keeps the newest pod of a Job from running; None when it runs.

    Args:
        pods: The Job's, the oldest first; at least one.
    """
    status = pods[-1].get("status") or {}
    if status.get("phase") != "Pending":
        return None
    inits = status.get("initContainerStatuses") or ()
    for entry in inits:
        if entry["name"] == _FETCH and "running" in (entry.get("state") or {}):
            return Wait(reasons.RUN_PENDING, "the inputs are being fetched and hashed")
    for entry in (*inits, *(status.get("containerStatuses") or ())):
        state = (entry.get("state") or {}).get("waiting") or {}
        if state.get("reason") not in _USUAL:
            return _container(entry["name"], state["reason"], str(state.get("message", "")))
    for entry in status.get("conditions") or ():
        if entry["type"] == "PodScheduled" and entry["status"] == "False":
            return _unscheduled(entry)
    return Wait(reasons.RUN_PENDING, _BEING_PREPARED, by_event=True)


def is_suspended(job: Mapping[str, Any]) -> bool:
    """Return whether somebody keeps a Job from having pods."""
    return bool((job.get("spec") or {}).get("suspend"))


def why_no_job(job_set: Mapping[str, Any]) -> Wait:
    """Return what is known of a JobSet of which no Job is at work."""
    if is_suspended(job_set):
        return Wait(
            reasons.JOB_SUSPENDED,
            f"JobSet `{job_set['metadata']['name']}` is suspended by somebody else"
            " (`spec.suspend`): a run begins when it no longer is",
        )
    return Wait(
        reasons.RUN_PENDING,
        "JobSet's controller has not made the Job of the next stage: see the Events of JobSet"
        f" `{job_set['metadata']['name']}`, and whether that controller runs",
    )


def why_no_pod(job: Mapping[str, Any]) -> Wait:
    """Return what is known of a Job that has no pod, from the Job alone."""
    if is_suspended(job):
        return Wait(
            reasons.JOB_SUSPENDED,
            f"Job `{job['metadata']['name']}` is suspended by somebody else (`spec.suspend`): a"
            " queue such as Kueue, or a policy that changes Jobs. It goes on when that one resumes"
            " it; exempt the namespaces of experiments there if nobody is meant to",
        )
    return Wait(
        reasons.RUN_PENDING,
        "the Job was created, and the Job controller has not made its pod",
        by_event=True,
    )


def ended_last(pods: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the newest pod of a Job failed, so that the next one is the Job's to make."""
    return bool(pods) and (pods[-1].get("status") or {}).get("phase") == "Failed"


def why_not_delivered(pods: Sequence[Mapping[str, Any]]) -> Wait | None:
    """Return why the newest pod of a Job ended before its program began; None where it did not.

    Args:
        pods: The Job's, the oldest first.
    """
    words = undelivered_words(pods[-1]) if pods else ""
    if not words:
        return None
    return Wait(
        reasons.RUN_PENDING,
        f"the inputs could not be delivered: {words}. It is tried again by itself, which costs no"
        " retry, until the deadline of the run",
    )


def after_undelivered(wait: Wait, pods: Sequence[Mapping[str, Any]]) -> Wait:
    """Return what a pod waits for, with why the one that failed before it had no inputs, if so.

    Args:
        wait: Of the pod.
        pods: The Job's, the oldest first.
    """
    failed = [pod for pod in pods if ended_last([pod])]
    words = undelivered_words(failed[-1]) if failed else ""
    if not words or wait.reason != reasons.RUN_PENDING:
        return wait
    return replace(
        wait, message=f"{wait.message}; before, the inputs could not be delivered: {words}"
    )


def waiting_pod(pods: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the pod of a Job that waits, of several at once the oldest; None when none does.

    Args:
        pods: The Job's, the oldest first.
    """
    return next((pod for pod in pods if why_waiting([pod]) is not None), None)


def lacks_workers(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a Job of several pods at once has fewer than it is to have by now."""
    most = int((job.get("spec") or {}).get("parallelism") or 1)
    if most == 1 or not pods:
        return False
    phases = [(pod.get("status") or {}).get("phase") for pod in pods]
    succeeded = int((job.get("status") or {}).get("succeeded") or 0)
    left = most - max(succeeded, phases.count("Succeeded"))
    return len([phase for phase in phases if phase not in {"Succeeded", "Failed"}]) < left


def why_no_next_pod(events: Iterable[Mapping[str, Any]]) -> Wait | None:
    """Return why a Job has no pod after one that failed; None when Events do not say.

    Args:
        events: Of the Job (`events.k8s.io/v1`).
    """
    said = why_by_events(_NEXT, events)
    return None if said is _NEXT else said


def why_by_events(wait: Wait, events: Iterable[Mapping[str, Any]]) -> Wait:
    """Return what Events say about what a Job waits for; what is known already when they do not.

    Args:
        wait: What is known without them.
        events: Of the Job without a pod, or of its newest pod (`events.k8s.io/v1`).
    """
    for event in sorted(events, key=_moment, reverse=True):
        said = str(event.get("note") or "")
        if event.get("reason") == "FailedCreate" and _writer(event) in _JOB_CONTROLLER:
            return _refused(said)
        if _went_on(event):
            return wait
        if _writer(event) not in _OF_PODS:
            continue
        if event.get("reason") == "Pulling":
            return Wait(
                reasons.RUN_PENDING, f"the node pulls an image: {quoted(said)}", by_event=True
            )
        if event.get("reason") in _MOUNTING:
            return Wait(
                reasons.VOLUME_NOT_MOUNTED,
                f"a volume of the pod cannot be mounted: {quoted(said)}. The kubelet tries again by"
                " itself; the platform's operators look at the storage class, its driver and the"
                " node",
            )
        if event.get("reason") == "FailedCreatePodSandBox":
            return Wait(
                reasons.CONTAINER_NOT_STARTED,
                f"the node cannot start the pod: {quoted(said)}. The kubelet tries again by itself;"
                " the platform's operators look at the node's runtime and network plugin",
            )
    return wait


def _went_on(event: Mapping[str, Any]) -> bool:
    """Whether what failed before an Event does not any more."""
    by, reason = _writer(event), event.get("reason")
    return (by in _OF_PODS and reason in _GOING_ON) or (
        by in _JOB_CONTROLLER and reason == "SuccessfulCreate"
    )


def seconds_since(made: Mapping[str, Any], now: datetime) -> float:
    """Return for how many seconds an object has been there."""
    created = datetime.fromisoformat(made["metadata"]["creationTimestamp"])
    return (now - created).total_seconds()


def _refused(said: str) -> Wait:
    words = quoted(said)
    if "exceeded quota" in said or ("must specify" in said and "quota" in said):
        return Wait(
            reasons.QUOTA_EXCEEDED,
            f"the quota of the namespace admits no pod for it: {words}. End other pods there, or"
            " create a new Experiment that asks for less",
        )
    if missing := _CLASS_OF_PODS.search(said):
        return Wait(
            reasons.POD_REFUSED,
            f"the API server refuses its pod: {words}. The platform puts the {missing[0]} in order"
            " that the IsolationProfile names, or names another one there for new Experiments",
        )
    return Wait(
        reasons.POD_REFUSED,
        f"the API server refuses its pod: {words}. Something in this cluster differs from what was"
        " bound: a policy that forbids it, or one that changes pods (a sidecar, another registry)."
        " The platform's operators exempt the namespaces of experiments there",
    )


def _container(name: str, reason: str, said: str) -> Wait:
    words = f"container `{name}` waits: {reason}: {quoted(said)}"
    if reason in _IMAGE:
        return Wait(
            reasons.IMAGE_NOT_PULLED,
            f"{words}. The kubelet tries again by itself: check that the registry has the image"
            " under this digest, and that nodes or `spec.imagePullSecrets` of the IsolationProfile"
            " may pull it",
        )
    return Wait(reasons.CONTAINER_NOT_STARTED, words)


def _unscheduled(condition: Mapping[str, Any]) -> Wait:
    words = quoted(str(condition.get("message", "")))
    if condition.get("reason") == "SchedulingGated":
        return Wait(
            reasons.UNSCHEDULABLE,
            f"the pod is held back from scheduling: {words}. It goes on when whoever put the gate"
            " there (a queue such as Kueue) takes it away",
        )
    if _UNCLAIMED in words:
        return Wait(
            reasons.UNSCHEDULABLE,
            f"the volume of the pod's scratch has no claim yet: {words}. It starts when the quota"
            " has room for it (`requests.storage`), which volumes of pods that ended take as well;"
            " else create a new Experiment that asks for less",
        )
    if _UNBOUND in words:
        return Wait(
            reasons.UNSCHEDULABLE,
            f"a claim of the pod has no volume yet: {words}. It starts when the StorageClass gives"
            " one; the platform's operators look at the class that the profile names, and its"
            " provisioner",
        )
    return Wait(
        reasons.UNSCHEDULABLE,
        f"no node takes the pod: {words}. It starts when one has room; else create a new Experiment"
        " that asks for less, or choose a profile for other nodes",
    )


def quoted(said: str) -> str:
    """Return what Kubernetes says, without what changes with each attempt."""
    plain = _COUNTED.sub("a while", _POD_NAME.sub("the pod", said.strip()))
    return redact(plain)[0][:_WORDS_MAX].rstrip(". \n") or "Kubernetes does not say why"


def _writer(event: Mapping[str, Any]) -> str:
    source = event.get("deprecatedSource") or {}
    return str(event.get("reportingController") or source.get("component") or "")


def _moment(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("deprecatedLastTimestamp")
        or event.get("eventTime")
        or ""
    )
