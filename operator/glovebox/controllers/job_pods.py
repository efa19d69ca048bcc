"""The pods of a Job of ours, as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import POD
from glovebox.status.runs import is_made_for


async def pods_of(ports: Ports, namespace: str, job_uid: str) -> list[dict[str, Any]]:
    """Return the pods that the Job controller made for a Job of ours, the oldest first."""
    selector = (
        f"batch.kubernetes.io/controller-uid={job_uid},{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    )
    found: list[dict[str, Any]] = []
    async for page in ports.reader.pages(POD, namespace=namespace, label_selector=selector):
        found += (pod for pod in page.get("items") or () if is_made_for(pod, job_uid))
    return sorted(found, key=_age)


async def pods_in(ports: Ports, namespace: str) -> list[dict[str, Any]]:
    """Return all pods of a namespace, whoever made them, the oldest first."""
    found: list[dict[str, Any]] = []
    async for page in ports.reader.pages(POD, namespace=namespace):
        found += page.get("items") or ()
    return sorted(found, key=_age)


def is_of_job(pod: Mapping[str, Any], job_uid: str) -> bool:
    """Return whether the Job controller made a pod for a Job of ours."""
    labels = pod["metadata"].get("labels") or {}
    return (
        labels.get("batch.kubernetes.io/controller-uid") == job_uid
        and labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
        and is_made_for(pod, job_uid)
    )


def _age(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["creationTimestamp"])
