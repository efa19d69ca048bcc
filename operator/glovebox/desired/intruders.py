"""Which pods an experiment's namespace would never have admitted, had its labels been on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")


def why_inadmissible(pod: Mapping[str, Any], images: Collection[str]) -> str:
    """Return why a pod should not be there, or an empty text.

    Args:
        pod: The pod as the API server holds it.
        images: The references that the snapshot allows.
    """
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
