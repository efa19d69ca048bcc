"""The cache of the operator's own Jobs and Pods in experiments' namespaces: how far each has come.

Unlike the objects in `children.py` these are not kept as declared: a Job is created once, runs, and
ends. What is news is therefore the
progress: a change of phase or of an end wakes the experiment; heartbeats and counters do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from glovebox.apply.children import NAMESPACE_PREFIX
from glovebox.kube.kinds import Kind
from glovebox.kube.objects import ObjectKey, key_of


class Workloads:
    """Remembers what of each workload would matter to its experiment.

    Args:
        wake: Called with a namespace in which a workload came, went or got further.
    """

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._progress: dict[ObjectKey, tuple[str, ...]] = {}

    def seen(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Take in a workload that was added or changed."""
        key = key_of(kind, obj)
        if not key.namespace.startswith(NAMESPACE_PREFIX):
            return
        progress = _progress(obj)
        if self._progress.get(key) != progress:
            self._progress[key] = progress
            self._wake(key.namespace)

    def gone(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Take in that a workload was deleted."""
        self._forget(key_of(kind, obj))

    def listed(self, kind: Kind, seen: set[ObjectKey]) -> None:
        """Take in that a complete list held just these."""
        for key in [key for key in self._progress if key.kind == kind.kind and key not in seen]:
            self._forget(key)

    def _forget(self, key: ObjectKey) -> None:
        if self._progress.pop(key, None) is not None:
            self._wake(key.namespace)


def _progress(obj: Mapping[str, Any]) -> tuple[str, ...]:
    status = obj.get("status") or {}
    ends = sorted(
        entry["type"] for entry in status.get("conditions") or () if entry.get("status") == "True"
    )
    counts = (str(status.get("failed", 0)), str(status.get("active", 0)))
    return (obj["metadata"]["uid"], status.get("phase", ""), *counts, *ends)
