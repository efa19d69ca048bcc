"""The pods of a run as they are recorded: what each showed, kept when it shows it no more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from glovebox import names
from glovebox.api.attempt_status import (
    MAX_PODS,
    MAX_TENANT_PODS,
    RunContainer,
    RunNode,
    RunPod,
    RunStage,
    TenantPod,
    TenantPods,
)
from glovebox.api.experiment_status import RunStatus

_CONTAINERS_MAX: Final = 16
ENDED: Final = frozenset({"Succeeded", "Failed"})
_R = TypeVar("_R", RunPod, RunContainer)
_NODE_FACTS: Final = {
    "architecture": "architecture",
    "kernelVersion": "kernel_version",
    "osImage": "os_image",
    "kubeletVersion": "kubelet_version",
    "containerRuntimeVersion": "container_runtime_version",
}


def attempt_of(pod: Mapping[str, Any]) -> RunPod:
    """Return what a pod of the run shows now."""
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    shown = {
        entry["name"]: entry
        for field in ("initContainerStatuses", "containerStatuses")
        for entry in status.get(field) or ()
    }
    containers = tuple(
        _container(entry, shown.get(entry["name"], {}))
        for field in ("initContainers", "containers")
        for entry in spec.get(field) or ()
    )
    phase = str(status.get("phase", "Unknown"))
    return RunPod(
        name=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        stage=(pod["metadata"].get("labels") or {}).get(names.LABEL_STAGE, ""),
        node=spec.get("nodeName") or "",
        start_time=status.get("startTime"),
        completion_time=_last_end(shown.values()) if phase in ENDED else None,
        phase=_phase(phase),
        reason=str(status.get("reason") or "")[:1024],
        containers=containers[:_CONTAINERS_MAX],
    )


def with_recorded(run: RunStatus, recorded: RunStatus | None) -> RunStatus:
    """Return a run as it is seen now, with what was seen of its pods before.

    What was recorded of a pod and is shown no more (it is gone, or its node was lost) is kept.
    """
    if recorded is None:
        return run
    before = {pod.uid: pod for pod in recorded.pods}
    found = dict(before)
    for pod in run.pods:
        known = before.get(pod.uid)
        found[pod.uid] = _united(known, pod) if known is not None else pod
    return run.model_copy(
        update={
            "stages": _stages(run, recorded),
            "pods": tuple(found.values())[:MAX_PODS],
            "nodes": recorded.nodes,
            "attempts": max(run.attempts, len(found), recorded.attempts),
            "evictions": max(run.evictions, recorded.evictions),
        }
    )


def _stages(run: RunStatus, recorded: RunStatus) -> tuple[RunStage, ...]:
    """Return the stages as they are seen now; what is gone with its Job as it was seen before."""
    before = {stage.name: stage for stage in recorded.stages}
    found = tuple(_later(before.get(stage.name, stage), stage) for stage in run.stages)
    return found if run.completion_time is None else over(found)


def _later(known: RunStage, now: RunStage) -> RunStage:
    if now.phase == "Pending":
        return known
    return now.model_copy(update={"attempts": max(now.attempts, known.attempts)})


def over(stages: Iterable[RunStage]) -> tuple[RunStage, ...]:
    """Return the stages of a run that is over: what was at work is not any more."""
    stopped = {"phase": "Stopped"}
    return tuple(
        each.model_copy(update=stopped) if each.phase == "Running" else each for each in stages
    )


def without_node(run: RunStatus) -> tuple[str, ...]:
    """Return the nodes of a run of which nothing is recorded yet."""
    known = {node.name for node in run.nodes}
    return tuple(dict.fromkeys(pod.node for pod in run.pods if pod.node and pod.node not in known))


def node_of(name: str, node: Mapping[str, Any]) -> RunNode:
    """Return what a Node says of itself."""
    info = (node.get("status") or {}).get("nodeInfo") or {}
    return RunNode(
        name=name,
        **{field: str(info.get(told, ""))[:256] for told, field in _NODE_FACTS.items()},
    )


def with_tenant_pods(
    recorded: TenantPods | None, pods: Iterable[Mapping[str, Any]]
) -> TenantPods | None:
    """Return who else had pods, those that are there now included; None when nobody had any."""
    found = [
        TenantPod(
            name=pod["metadata"]["name"],
            uid=pod["metadata"]["uid"],
            creation_time=pod["metadata"].get("creationTimestamp"),
        )
        for pod in pods
        if is_tenants(pod)
    ]
    if not found:
        return recorded
    more = len(found) > MAX_TENANT_PODS
    return joined(recorded, TenantPods(pods=tuple(found[:MAX_TENANT_PODS]), truncated=more))


def joined(recorded: TenantPods | None, seen: TenantPods) -> TenantPods:
    """Return who had pods by either record."""
    found = {pod.uid: pod for each in (recorded, seen) if each is not None for pod in each.pods}
    return TenantPods(
        pods=tuple(found.values())[:MAX_TENANT_PODS],
        truncated=seen.truncated
        or (recorded is not None and recorded.truncated)
        or len(found) > MAX_TENANT_PODS,
    )


def is_tenants(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod in an experiment's namespace is none of the operator's own.

    Admission keeps the label for the operator.
    """
    labels = pod["metadata"].get("labels") or {}
    return labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY


def _phase(told: str) -> Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]:
    match told:
        case "Pending" | "Running" | "Succeeded" | "Failed":
            return told
    return "Unknown"


def _container(declared: Mapping[str, Any], shown: Mapping[str, Any]) -> RunContainer:
    ended = (shown.get("state") or {}).get("terminated") or {}
    return RunContainer(
        name=declared["name"],
        image=str(declared.get("image", ""))[:512],
        image_id=str(shown.get("imageID") or "")[:512],
        exit_code=ended.get("exitCode"),
    )


def _last_end(shown: Iterable[Mapping[str, Any]]) -> datetime | None:
    ends = [
        ended["finishedAt"]
        for entry in shown
        if (ended := (entry.get("state") or {}).get("terminated") or {}).get("finishedAt")
    ]
    return datetime.fromisoformat(max(ends)) if ends else None


def _united(known: RunPod, now: RunPod) -> RunPod:
    """Return a pod with the newest of each fact that is known of it."""
    before = {container.name: container for container in known.containers}
    containers = tuple(
        _newest(before[container.name], container) if container.name in before else container
        for container in now.containers
    )
    united: RunPod = _newest(known, now)
    return united.model_copy(update={"containers": containers or known.containers})


def _newest(known: _R, now: _R) -> _R:
    said = {
        name: value
        for name in type(now).model_fields
        if (value := getattr(now, name)) not in (None, "", (), "Unknown")
    }
    return known.model_copy(update=said)
