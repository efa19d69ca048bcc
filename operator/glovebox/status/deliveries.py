"""How long the fetcher of a pod of the run took, as the pod shows it. Pure.

The fetcher is in the sealed namespace and reaches the stores of its inputs, no collector of traces:
what is known of it is what its kubelet says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glovebox.desired.pods import FETCH_CONTAINER


@dataclass(frozen=True, slots=True)
class Delivery:
    """A fetcher that has ended.

    Attributes:
        name: Name of its pod.
        began: When its container started, as Kubernetes writes a time.
        ended: When that ended.
        exit_code: How.
    """

    name: str
    began: str
    ended: str
    exit_code: int


def deliveries_of(pods: Iterable[Mapping[str, Any]]) -> tuple[Delivery, ...]:
    """Return the fetchers of these pods that have ended, and say when."""
    found = []
    for pod in pods:
        for entry in (pod.get("status") or {}).get("initContainerStatuses") or ():
            ended = (entry.get("state") or {}).get("terminated") or {}
            if entry["name"] != FETCH_CONTAINER or not ended.get("startedAt"):
                continue
            times, code = (ended["startedAt"], ended["finishedAt"]), int(ended.get("exitCode", 0))
            found.append(Delivery(pod["metadata"]["name"], *times, code))
    return tuple(found)
