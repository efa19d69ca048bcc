"""Writes what a kubelet would about a pod, on a cluster without one.

The Job controller does all the rest, for real.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from support.api import Api
from support.waiting import eventually

RUN_JOB = "glovebox-run"
# May write the status of pods by RBAC and by the guards, on whatever node they are; a kubelet may
# only for those on its own.
STATUS_WRITER = "system:serviceaccount:kube-system:node-controller"


def write_status(api: Api, pod: dict[str, Any], status: dict[str, Any]) -> None:
    """Merge into the status of a pod."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
    api.acting_as(STATUS_WRITER).patch(path, {"status": status})


def run_pod(api: Api, namespace: str) -> dict[str, Any]:
    """Wait for a pod of the run that has not ended, and return it."""

    def look() -> dict[str, Any] | None:
        pods = api.list(f"/api/v1/namespaces/{namespace}/pods")
        return next((pod for pod in pods if pod["status"].get("phase") == "Pending"), None)

    return eventually(look, what="the run has a pod")


def end_pod(
    api: Api,
    pod: dict[str, Any],
    code: int,
    *,
    container: str = "run",
    message: str = "",
    init: bool = False,
) -> None:
    """Let a container of a pod end with an exit code, and the pod with it."""
    state = {
        "terminated": {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "message": message,
            "finishedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    }
    entry = {
        "name": container,
        "image": "",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }
    status = {
        "phase": "Succeeded" if code == 0 else "Failed",
        "initContainerStatuses" if init else "containerStatuses": [entry],
    }
    write_status(api, pod, status)
