"""What the engine has to know of our kinds' keys: work class, tenant, log context, outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.engine.key_queue import Priority
from glovebox.kube.kinds import EXPERIMENT, ISOLATION_PROFILE, NAMESPACE
from glovebox.kube.resources import Key, Resources
from glovebox.status.kstatus import condition_of

# Work of the cluster never waits for work of the data, nor either of them for a seal.
CLUSTER: Final = "cluster"
DATA: Final = "data"
SEAL: Final = "seal"
_CLUSTER_KINDS: Final = frozenset({EXPERIMENT.kind, ISOLATION_PROFILE.kind, NAMESPACE.kind})


def priority_of(obj: Mapping[str, Any]) -> Priority:
    """Return how urgent a change of an object is: who asked for an end waits for it."""
    deleting = obj["metadata"].get("deletionTimestamp") is not None
    return Priority.DELETION if deleting else Priority.NORMAL


class KeyTraits:
    """The engine's view of our keys.

    Args:
        resources: The cache of custom resources.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def work_class(self, key: Key) -> str:
        """Return which queue a key waits in."""
        return CLUSTER if key.kind in _CLUSTER_KINDS else DATA

    def tenant(self, key: Key) -> str:
        """Return the namespace; what is cluster-scoped shares one part of the workers."""
        return key.namespace

    def controller(self, key: Key) -> str:
        """Return the kind in lower case, as the metrics name controllers."""
        return key.kind.lower()

    def describe(self, key: Key) -> Mapping[str, object]:
        """Return the resource, its UID and its generation."""
        if key.kind == NAMESPACE.kind:
            return {"resource": str(key)}
        obj = self._resources.get(key)
        metadata = obj["metadata"] if obj is not None else {}
        return {
            "resource": str(key),
            "uid": metadata.get("uid", ""),
            "generation": metadata.get("generation", 0),
        }

    def outcome(self, key: Key) -> str | None:
        """Return `stalled`, `success` or `waiting` as the status shows; None when it is gone."""
        if key.kind == NAMESPACE.kind:
            return "success"  # one that lost its Experiment; it has no status of ours
        obj = self._resources.get(key)
        if obj is None:
            return None
        status = obj.get("status") or {}
        if not status:
            return "success"
        stalled, ready = condition_of(status, types.STALLED), condition_of(status, types.READY)
        if stalled is not None and stalled["status"] == types.TRUE:
            return "stalled"
        return "success" if ready is not None and ready["status"] == types.TRUE else "waiting"
