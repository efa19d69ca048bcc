"""How far the operator's own Jobs and Pods in experiments' namespaces have come.

A Job is created once, runs, and ends. What is news is therefore the progress: a change of phase, of
an end, or of what a container waits for (an image that cannot be pulled, inputs that are fetched)
wakes the experiment; heartbeats and counters do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glovebox import names
from glovebox.kube.kinds import JOB, POD, Kind
from glovebox.kube.objects import ObjectKey, key_of
from glovebox.kube.store import Change, Table, version_of

WORKLOAD_KINDS = (JOB, POD)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is remembered of a workload: what would matter to its experiment."""

    uid: str
    resource_version: int
    steps: tuple[str, ...]


class Workloads:
    """Remembers the progress of each workload.

    Args:
        wake: Called with a namespace in which a workload came, went or got further.
    """

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._tables = {kind.kind: self._table(kind) for kind in WORKLOAD_KINDS}

    def table(self, kind: Kind) -> Table[ObjectKey, Progress]:
        """Return the objects of one kind, to be fed by list and watch."""
        return self._tables[kind.kind]

    def uid_of(self, kind: Kind, key: ObjectKey) -> str | None:
        """Return the UID of a workload as the watch has it, or None where none is known."""
        known = self._tables[kind.kind].get(key)
        return known.uid if known is not None else None

    def _table(self, kind: Kind) -> Table[ObjectKey, Progress]:
        return Table(
            kind,
            key=lambda obj: key_of(kind, obj),
            keep=_progress,
            changed=self._changed,
            belongs=lambda key: names.is_experiment_namespace(key.namespace),
        )

    def _changed(self, change: Change[ObjectKey, Progress]) -> None:
        if _steps(change.before) != _steps(change.after):
            self._wake(change.key.namespace)


def _steps(progress: Progress | None) -> tuple[str, tuple[str, ...]] | None:
    return (progress.uid, progress.steps) if progress is not None else None


def _progress(obj: Mapping[str, Any]) -> Progress:
    status = obj.get("status") or {}
    ends = sorted(
        entry["type"] for entry in status.get("conditions") or () if entry.get("status") == "True"
    )
    counts = (str(status.get("failed", 0)), str(status.get("active", 0)))
    # Whoever ends it early takes its log away with it: that is news as well.
    leaving = "leaving" if obj["metadata"].get("deletionTimestamp") else ""
    steps = (status.get("phase", ""), leaving, *counts, *ends, *_containers(status))
    return Progress(obj["metadata"]["uid"], version_of(obj), steps)


def _containers(status: Mapping[str, Any]) -> Iterable[str]:
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            for state, details in (container.get("state") or {}).items():
                words = (str(details[word]) for word in ("reason", "exitCode") if word in details)
                yield "/".join((container["name"], state, *words))
