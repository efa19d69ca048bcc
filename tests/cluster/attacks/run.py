"""A run on the stage, and the request that says it completed."""

from __future__ import annotations

import time
from typing import Any, Final

from cluster.attacks.attempt import Json, Request, change
from support.api import Api, path_of
from support.waiting import eventually

RUN: Final[Json] = {"image": "trainer", "command": ["train"]}


def now() -> str:
    """Return the time of day as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


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


def complete(api: Api, namespace: str) -> Request:
    """Return the request that says of the run's Job, once it has begun, that it completed."""
    path = path_of("batch/v1", "jobs", namespace=namespace, name="glovebox-run")
    started = eventually(
        lambda: (api.find(path) or {}).get("status", {}).get("startTime"), what="the run's Job"
    )
    moment = now()
    status = {
        "startTime": started,
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
    return change(f"{path}/status", {"status": status})
