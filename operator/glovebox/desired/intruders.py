"""Which pods an experiment's namespace would never have admitted, had its labels been on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from glovebox import names

_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")


def why_inadmissible(
    pod: Mapping[str, Any], images: Collection[str], *, state: str = names.STATE_OPEN
) -> str:
    """Return why a pod should not be there, or an empty text.

    Args:
        pod: The pod as the API server holds it.
        images: The references that the snapshot allows.
        state: What the namespace was closed as: where it is not Open, nobody's pod starts.
    """
    if state != names.STATE_OPEN:
        return f"the namespace is {state}, and nothing may run there any more"
    spec = pod.get("spec") or {}
    for field in _HOST:
        if spec.get(field):
            return f"it uses the node's own ({field})"
    for volume in spec.get("volumes") or ():
        if "hostPath" in volume:
            return f"it mounts a folder of the node (volume `{volume.get('name')}`)"
    for group in _CONTAINERS:
        for container in spec.get(group) or ():
            name = container.get("name")
            if (container.get("securityContext") or {}).get("privileged"):
                return f"container `{name}` is privileged"
            if container.get("image") not in images:
                return f"container `{name}` runs an image that is not in the snapshot"
    return ""


def images_of(pod_spec: Mapping[str, Any]) -> frozenset[str]:
    """Return the images that a pod, or a template of pods, names."""
    containers = (each for group in _CONTAINERS for each in pod_spec.get(group) or ())
    return frozenset(str(each.get("image", "")) for each in containers)


def job_behind(pod: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and UID of the Job that a pod says it was made for; empty texts without one.

    Anybody may write that where no guard looks: it counts only if that Job is one of ours.
    """
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner.get("kind") == "Job":
            return str(owner.get("name", "")), str(owner.get("uid", ""))
    return "", ""
