"""The pods of a namespace, or of a Job of ours, as they are now.

A pod may be as large as the API server takes, and a namespace may hold hundreds that have ended. So
a page is read at a time, and of each pod only what anybody here uses is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final

from glovebox import names
from glovebox.controllers.ports import Ports
from glovebox.kube.kinds import POD
from glovebox.status.runs import is_made_for

_CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"
_LABELS: Final = (names.LABEL_MANAGED_BY, names.LABEL_STAGE, _CONTROLLER_UID)
_OF_METADATA: Final = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp")
_OF_SPEC: Final = (
    "nodeName",
    "terminationGracePeriodSeconds",
    "hostNetwork",
    "hostPID",
    "hostIPC",
)
_OF_STATUS: Final = ("phase", "reason", "message", "startTime", "conditions")
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")
_STATUSES: Final = ("initContainerStatuses", "containerStatuses")
# A run's pod has fewer. A pod of the team may have thousands, which run a few images.
_CONTAINERS_MAX: Final = 16


async def pods_of(ports: Ports, namespace: str, job_uid: str) -> list[dict[str, Any]]:
    """Return the pods that the Job controller made for a Job of ours, the oldest first."""
    selector = f"{_CONTROLLER_UID}={job_uid},{names.MANAGED_SELECTOR}"
    found = [
        pod
        async for pod in each_pod(ports, namespace, label_selector=selector)
        if is_made_for(pod, job_uid)
    ]
    return sorted(found, key=_age)


async def pods_in(
    ports: Ports, namespace: str, *, label_selector: str = "", field_selector: str = ""
) -> list[dict[str, Any]]:
    """Return the pods of a namespace, whoever made them, the oldest first."""
    pods = each_pod(ports, namespace, label_selector=label_selector, field_selector=field_selector)
    return sorted([pod async for pod in pods], key=_age)


async def each_pod(
    ports: Ports, namespace: str, *, label_selector: str = "", field_selector: str = ""
) -> AsyncIterator[dict[str, Any]]:
    """Yield what is used of each pod of a namespace, as `used_of` says."""
    async for page in ports.reader.pages(
        POD, namespace=namespace, label_selector=label_selector, field_selector=field_selector
    ):
        # The page goes before the next one comes.
        kept = [used_of(pod) for pod in page.get("items") or ()]
        del page
        for pod in kept:
            yield pod


def used_of(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod with what is used of it, and as small as that is.

    Who made it (`createdBy`: the field manager, a name that clients give themselves; empty where
    none is recorded), what tells whether it may be there (images, what it uses of its node), how
    far it is, and what its containers ended with. Of more than 16 containers only one is kept for
    each image. Environment, arguments, annotations and everything else is left out.
    """
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    labels = metadata.get("labels") or {}
    return {
        "metadata": {
            **_picked(metadata, _OF_METADATA),
            "createdBy": _creator(metadata),
            "labels": _picked(labels, _LABELS),
            "ownerReferences": [
                _picked(owner, ("kind", "name", "uid", "controller"))
                for owner in metadata.get("ownerReferences") or ()
                if owner.get("controller")
            ],
        },
        "spec": {
            **_picked(spec, _OF_SPEC),
            "volumes": [
                {"name": volume.get("name"), "hostPath": {}}
                for volume in spec.get("volumes") or ()
                if "hostPath" in volume
            ][:1],
            **{group: list(_told_apart(spec.get(group) or ())) for group in _CONTAINERS},
        },
        "status": {
            **_picked(status, _OF_STATUS),
            **{
                group: [
                    _picked(entry, ("name", "state", "imageID"))
                    for entry in (status.get(group) or ())[:_CONTAINERS_MAX]
                ]
                for group in _STATUSES
            },
        },
    }


def is_of_job(pod: Mapping[str, Any], job_uid: str) -> bool:
    """Return whether the Job controller made a pod for a Job of ours."""
    labels = pod["metadata"].get("labels") or {}
    return (
        labels.get(_CONTROLLER_UID) == job_uid
        and labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
        and is_made_for(pod, job_uid)
    )


def _creator(metadata: Mapping[str, Any]) -> str:
    own = (
        (str(entry.get("time") or ""), str(entry["manager"]))
        for entry in metadata.get("managedFields") or ()
        if not entry.get("subresource") and entry.get("manager")
    )
    return min(own, default=("", ""))[1]


def _told_apart(containers: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    known: set[tuple[Any, bool]] = set()
    for place, container in enumerate(containers):
        privileged = bool((container.get("securityContext") or {}).get("privileged"))
        what = container.get("image"), privileged
        if place < _CONTAINERS_MAX or what not in known:
            known.add(what)
            kept = _picked(container, ("name", "image"))
            yield kept | {"securityContext": {"privileged": True}} if privileged else kept


def _picked(of: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: of[field] for field in fields if field in of}


def _age(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["creationTimestamp"])
