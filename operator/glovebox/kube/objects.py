"""How any object of the cluster is named in memory: kind, namespace, name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from glovebox.kube.kinds import Kind


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """Names one object: kind, namespace (of a Namespace: its own name) and name."""

    kind: str
    namespace: str
    name: str


def key_of(kind: Kind, obj: Mapping[str, Any]) -> ObjectKey:
    """Return the key under which an object is remembered."""
    metadata = obj["metadata"]
    # One string for each name, however many events repeat it: keys are most of what a store holds.
    namespace = intern(metadata.get("namespace") or metadata["name"])
    return ObjectKey(kind.kind, namespace, intern(metadata["name"]))
