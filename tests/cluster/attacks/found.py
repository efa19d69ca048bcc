"""What the tests of found attacks share: a promise that did not hold, and a node that is none."""

from __future__ import annotations

import time
from typing import Any

from cluster.attacks.attempt import Json
from support.api import Api, path_of
from support.waiting import eventually

RUN: Json = {"image": "trainer", "command": ["train"]}


class PromiseBroken(Exception):  # noqa: N818 - what it says is the finding
    """The attack went through; nothing else that fails a test says so."""


def now() -> str:
    """Return the time of day as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def stand_in_node(api: Api, name: str) -> None:
    """Have a Node that says it is ready for a while; no kubelet runs there."""
    labels = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name}
    api.create(
        "/api/v1/nodes",
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}},
    )
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "1Ti"}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "ready",
        "lastHeartbeatTime": now(),
        "lastTransitionTime": now(),
    }
    status = {"capacity": capacity, "allocatable": capacity, "conditions": [ready]}
    api.patch(f"/api/v1/nodes/{name}/status", {"status": status})


def run_pod(api: Api, namespace: str) -> Json:
    """Wait for a pod of the run that is not being deleted."""

    def look() -> Json | None:
        found: list[Any] = [
            pod
            for pod in api.list(
                path_of("v1", "pods", namespace=namespace),
                labelSelector="batch.kubernetes.io/job-name=glovebox-run",
            )
            if not pod["metadata"].get("deletionTimestamp")
        ]
        return found[0] if found else None

    return eventually(look, what="a pod of the run")


def say_complete(api: Api, namespace: str) -> None:
    """Write into the status of the run's Job that it completed."""
    path = path_of("batch/v1", "jobs", namespace=namespace, name="glovebox-run")
    eventually(
        lambda: (api.find(path) or {}).get("status", {}).get("startTime"), what="the run's Job"
    )
    moment = now()
    status = {
        "startTime": moment,
        "completionTime": moment,
        "active": 0,
        "ready": 0,
        "succeeded": 1,
        "uncountedTerminatedPods": {},
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": moment}
            for kind in ("SuccessCriteriaMet", "Complete")
        ],
    }
    api.patch(f"{path}/status", {"status": status})
