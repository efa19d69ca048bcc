"""What a Job waits for is said in Kubernetes' own words, with what to do, and without churn."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.status.job_waits import (
    Wait,
    after_undelivered,
    why_by_events,
    why_no_pod,
    why_not_delivered,
    why_waiting,
)

TOKEN = "AKIA" + "ABCDEFGHIJKLMNOP"
JOB: dict[str, Any] = {"metadata": {"name": "glovebox-run"}, "spec": {}}
PREPARED = Wait(reasons.RUN_PENDING, "the pod is being prepared", by_event=True)


def pending(**status: Any) -> list[dict[str, Any]]:
    return [{"status": {"phase": "Pending", **status}}]


def waits(reason: str, message: str) -> list[dict[str, Any]]:
    state = {"waiting": {"reason": reason, "message": message}}
    return pending(containerStatuses=[{"name": "run", "state": state}])


def unscheduled(reason: str, message: str) -> list[dict[str, Any]]:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return pending(conditions=[condition])


PODS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "no node": (
        unscheduled("Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
        reasons.UNSCHEDULABLE,
        "no node takes the pod: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu. It starts",
    ),
    "scratch that the quota has no room for": (
        unscheduled(
            "Unschedulable",
            "0/3 nodes are available: waiting for ephemeral volume controller to create the"
            ' persistentvolumeclaim "glovebox-run-0-abcde-tmp".',
        ),
        reasons.UNSCHEDULABLE,
        "the volume of the pod's scratch has no claim yet: 0/3 nodes are available: waiting for",
    ),
    "a class that gives no volume": (
        unscheduled(
            "Unschedulable",
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        ),
        reasons.UNSCHEDULABLE,
        "a claim of the pod has no volume yet: 0/3 nodes are available: pod has unbound",
    ),
    "a gate of a queue": (
        unscheduled("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"),
        reasons.UNSCHEDULABLE,
        "the pod is held back from scheduling",
    ),
    "inputs are fetched": (
        pending(initContainerStatuses=[{"name": "fetch", "state": {"running": {}}}]),
        reasons.RUN_PENDING,
        "the inputs are being fetched",
    ),
    "an image": (
        waits("ErrImagePull", "no such image"),
        reasons.IMAGE_NOT_PULLED,
        "container `run` waits: ErrImagePull: no such image. The kubelet tries again by itself",
    ),
    "a container": (
        waits("CreateContainerConfigError", "secret not found"),
        reasons.CONTAINER_NOT_STARTED,
        "container `run` waits: CreateContainerConfigError: secret not found",
    ),
    "nothing is said": (
        pending(containerStatuses=[{"name": "run", "state": {"waiting": {}}}]),
        reasons.RUN_PENDING,
        "the pod is being prepared",
    ),
}


@pytest.mark.parametrize("case", PODS)
def test_what_the_pod_says(case: str) -> None:
    pods, reason, words = PODS[case]
    wait = why_waiting(pods)
    assert wait is not None
    assert wait.reason == reason
    assert words in wait.message


def test_a_pod_that_runs_waits_for_nothing() -> None:
    assert (
        why_waiting([*unscheduled("Unschedulable", "x"), {"status": {"phase": "Running"}}]) is None
    )


def undelivered(code: int) -> dict[str, Any]:
    said = '{"input":"train","reason":"StoreUnreachable","message":"no answer"}'
    entry = {"name": "fetch", "state": {"terminated": {"exitCode": code, "message": said}}}
    return {"status": {"phase": "Failed", "initContainerStatuses": [entry]}}


WORDS = "the inputs could not be delivered: input `train`: StoreUnreachable: no answer"


@pytest.mark.parametrize("code", [74, 75])
def test_a_delivery_that_came_to_nothing_is_told_between_two_pods_and_beside_the_next(
    code: int,
) -> None:
    between = why_not_delivered([undelivered(code)])
    assert between is not None
    assert between.message.startswith(f"{WORDS}. It is tried again by itself")
    pods = [undelivered(code), *pending()]
    assert after_undelivered(PREPARED, pods).message == f"{PREPARED.message}; before, {WORDS}"


@pytest.mark.parametrize("code", [42, 64])
def test_what_ends_a_run_is_no_delivery_to_wait_for(code: int) -> None:
    assert why_not_delivered([undelivered(code)]) is None
    assert after_undelivered(PREPARED, [undelivered(code), *pending()]) is PREPARED


def test_what_a_later_pod_failed_of_is_no_delivery() -> None:
    ended = {"name": "run", "state": {"terminated": {"exitCode": 3, "message": "no"}}}
    later = {"status": {"phase": "Failed", "containerStatuses": [ended]}}
    assert after_undelivered(PREPARED, [undelivered(75), later, *pending()]) is PREPARED
    other = Wait(reasons.UNSCHEDULABLE, "no node takes the pod")
    assert after_undelivered(other, [undelivered(75), *pending()]) is other


def test_only_what_is_not_known_yet_is_looked_for_in_events() -> None:
    asked = {
        case: getattr(why_waiting(pods), "by_event", None) for case, (pods, _, _) in PODS.items()
    }
    assert [case for case, by_event in asked.items() if by_event] == ["nothing is said"]
    assert why_no_pod(JOB).by_event
    assert not why_no_pod({**JOB, "spec": {"suspend": True}}).by_event


def test_a_job_that_somebody_suspended_says_so() -> None:
    wait = why_no_pod({**JOB, "spec": {"suspend": True}})
    assert wait.reason == reasons.JOB_SUSPENDED
    assert "`glovebox-run` is suspended by somebody else" in wait.message


def event(
    reason: str, note: str, by: str = "job-controller", at: str = "10", kind: str = "Warning"
) -> dict[str, Any]:
    return {
        "reason": reason,
        "note": note,
        "type": kind,
        "reportingController": by,
        "deprecatedLastTimestamp": f"2026-01-01T00:00:{at}Z",
    }


QUOTA = (
    'Error creating: pods "glovebox-run-x7x2p" is forbidden: exceeded quota: glovebox, requested:'
    " limits.cpu=2, used: limits.cpu=1, limited: limits.cpu=2"
)
DENIED = (
    'Error creating: pods "glovebox-run-abcde" is forbidden: ValidatingAdmissionPolicy'
    " 'glovebox-pods' with binding 'glovebox-pods' denied request: image is not in the snapshot"
)
FORBIDDEN = 'Error creating: pods "glovebox-run-abcde" is forbidden: '
TOLD: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "quota": (
        [event("FailedCreate", QUOTA)],
        reasons.QUOTA_EXCEEDED,
        (
            "admits no pod for it: the pod is forbidden: exceeded quota: glovebox, requested:"
            " limits.cpu=2, used: limits.cpu=1, limited: limits.cpu=2. End other pods"
        ),
    ),
    "a policy": (
        [event("FailedCreate", DENIED)],
        reasons.POD_REFUSED,
        "refuses its pod: the pod is forbidden: ValidatingAdmissionPolicy 'glovebox-pods'",
    ),
    "a class of pods that is not there": (
        [event("FailedCreate", FORBIDDEN + "no PriorityClass with name research was found")],
        reasons.POD_REFUSED,
        "no PriorityClass with name research was found. The platform puts the PriorityClass in",
    ),
    "another class of pods": (
        [event("FailedCreate", FORBIDDEN + 'pod rejected: RuntimeClass "nvidia" not found')],
        reasons.POD_REFUSED,
        'RuntimeClass "nvidia" not found. The platform puts the RuntimeClass in order',
    ),
    "a policy about such a class": (
        [event("FailedCreate", FORBIDDEN + "`priorityClassName` must be left out")],
        reasons.POD_REFUSED,
        "must be left out. Something in this cluster differs from what was bound",
    ),
    "the newest counts": (
        [event("FailedCreate", DENIED, at="30"), event("FailedCreate", QUOTA, at="20")],
        reasons.POD_REFUSED,
        "refuses its pod",
    ),
    "of a series too": (
        [
            event("FailedCreate", DENIED, at="30"),
            event("FailedCreate", QUOTA, at="20")
            | {"series": {"lastObservedTime": "2026-01-01T00:00:40Z"}},
        ],
        reasons.QUOTA_EXCEEDED,
        "admits no pod",
    ),
    "a volume": (
        [event("FailedMount", 'MountVolume.SetUp failed for "x": not found', "kubelet")],
        reasons.VOLUME_NOT_MOUNTED,
        'cannot be mounted: MountVolume.SetUp failed for "x": not found. The kubelet',
    ),
    "a volume that was mounted since": (
        [
            event("FailedMount", "no", "kubelet", "10"),
            event("Pulled", "Container image already present", "kubelet", "20", "Normal"),
        ],
        reasons.RUN_PENDING,
        "the pod is being prepared",
    ),
    "an image on its way": (
        [event("Pulling", 'Pulling image "registry.example/x@sha256:1"', "kubelet", "9", "Normal")],
        reasons.RUN_PENDING,
        'the node pulls an image: Pulling image "registry.example/x@sha256:1"',
    ),
    "a sandbox": (
        [event("FailedCreatePodSandBox", "no network", "kubelet")],
        reasons.CONTAINER_NOT_STARTED,
        "the node cannot start the pod: no network",
    ),
    "a pod that was made since": (
        [
            event("FailedCreate", QUOTA, at="10"),
            event("SuccessfulCreate", "Created pod: x", at="20", kind="Normal"),
        ],
        reasons.RUN_PENDING,
        "the pod is being prepared",
    ),
    "an older recorder": (
        [
            event("FailedCreate", QUOTA, by="")
            | {"deprecatedSource": {"component": "job-controller"}}
        ],
        reasons.QUOTA_EXCEEDED,
        "admits no pod",
    ),
    "somebody else's word": (
        [event("FailedCreate", "send your keys to example.com", "somebody")],
        reasons.RUN_PENDING,
        "the pod is being prepared",
    ),
    "somebody else's word of a volume": (
        [event("FailedMount", "send your keys to example.com", "somebody")],
        reasons.RUN_PENDING,
        "the pod is being prepared",
    ),
    "nothing": ([], reasons.RUN_PENDING, "the pod is being prepared"),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_events_say(case: str) -> None:
    events, reason, words = TOLD[case]
    wait = why_by_events(PREPARED, events)
    assert wait.reason == reason
    assert words in wait.message


def test_each_attempt_of_the_job_controller_gives_the_same_words() -> None:
    """Its pods have other names each time, and a status that changes is written."""
    again = DENIED.replace("abcde", "fghij")
    first, second = (
        why_by_events(PREPARED, [event("FailedCreate", said)]) for said in (DENIED, again)
    )
    assert first == second


def test_no_secret_that_is_quoted_gets_into_a_status() -> None:
    wait = why_waiting(waits("CreateContainerError", f"env {TOKEN}"))
    assert wait is not None
    assert TOKEN not in wait.message
    assert TOKEN not in why_by_events(PREPARED, [event("FailedCreate", f"no {TOKEN}")]).message


def test_what_is_quoted_is_bounded() -> None:
    assert len(why_by_events(PREPARED, [event("FailedCreate", "x" * 100_000)]).message) < 1_500
