"""The cache of everything inside experiments' namespaces: who it is, and whether it is still as intended.

Of each object only its UID, resource version and a fingerprint of the content that we own are kept
(about 300 bytes), so a thousand experiments fit in a few MiB. The cache decides one thing: whether
an event is news. An object that looks as the last reconcile wanted it is no news, so our own writes
wake nobody; everything else wakes the experiment it belongs to.

Which experiment owns a namespace is told by `claim`, from the Experiment's own status and UID,
never by labels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glovebox.desired.difference import fingerprint
from glovebox.kube.kinds import ADDITIVE_KINDS, CHILD_KINDS, NAMESPACE, Kind
from glovebox.kube.objects import ObjectKey, key_of

NAMESPACE_PREFIX = "gbx-"


@dataclass(frozen=True, slots=True)
class Child:
    """What is remembered of an object."""

    uid: str
    resource_version: int
    fingerprint: bytes


class Children:
    """Remembers the objects of all experiments' namespaces.

    Args:
        wake: Called with the owner of a namespace when something in it is not as its last reconcile
            wanted it.
    """

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._by_namespace: dict[str, dict[ObjectKey, Child]] = {}
        self._wanted: dict[ObjectKey, bytes] = {}
        self._owners: dict[str, str] = {}
        self._primed: set[str] = set()
        self._all_primed = asyncio.Event()

    @property
    def primed(self) -> bool:
        """Whether every kind has been listed once; before that, absence means nothing."""
        return self._all_primed.is_set()

    async def wait_until_primed(self) -> None:
        """Wait until every kind has been listed once."""
        await self._all_primed.wait()

    def claim(self, namespace: str, owner: str) -> None:
        """Say which experiment (its key) is woken by what happens in a namespace."""
        self._owners[namespace] = owner

    def owner(self, namespace: str) -> str | None:
        """Return the experiment (its key) that owns a namespace, if one has claimed it."""
        return self._owners.get(namespace)

    def release(self, namespace: str) -> None:
        """Forget the owner of a namespace and what was wanted there."""
        self._owners.pop(namespace, None)
        for key in [key for key in self._wanted if key.namespace == namespace]:
            del self._wanted[key]

    def want(self, key: ObjectKey, content: bytes | None) -> None:
        """Say how an object should look from now on (None: it should not be there)."""
        if content is None:
            self._wanted.pop(key, None)
        else:
            self._wanted[key] = content

    def wanted(self, key: ObjectKey) -> bytes | None:
        """Return the fingerprint that an object should have, when a reconcile said so."""
        return self._wanted.get(key)

    def get(self, key: ObjectKey) -> Child | None:
        """Return what is known of an object, or None when there is none."""
        return self._by_namespace.get(key.namespace, {}).get(key)

    def in_namespace(self, namespace: str) -> dict[ObjectKey, Child]:
        """Return all that is known in a namespace, the namespace itself included."""
        return dict(self._by_namespace.get(namespace, {}))

    def namespaces(self) -> Iterable[str]:
        """Return the namespaces in which something is known."""
        return tuple(self._by_namespace)

    def wrote(self, kind: Kind, answer: Mapping[str, Any]) -> Child:
        """Remember the server's answer to a write of ours; the watch will only repeat it."""
        return self._remember(key_of(kind, answer), answer)

    def forgot(self, key: ObjectKey) -> None:
        """Remember that an object is gone."""
        objects = self._by_namespace.get(key.namespace)
        if objects is None:
            return
        objects.pop(key, None)
        if not objects:
            del self._by_namespace[key.namespace]

    # What reflectors tell.

    def seen(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Take in an object that was added or changed."""
        key = key_of(kind, obj)
        if not key.namespace.startswith(NAMESPACE_PREFIX):
            return
        known = self.get(key)
        if known is not None and _version(obj) < known.resource_version:
            return  # an event from before our own last write
        child = self._remember(key, obj)
        if (
            known is not None
            and known.fingerprint == child.fingerprint
            and known.uid == child.uid
            and kind is not NAMESPACE
        ):
            return
        wanted = self._wanted.get(key)
        drifted = child.fingerprint != wanted and (wanted is not None or kind in ADDITIVE_KINDS)
        leaving = kind is NAMESPACE and obj["metadata"].get("deletionTimestamp")
        if drifted or leaving:
            self._rouse(key.namespace)

    def gone(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Take in that an object was deleted, or no longer carries our label."""
        key = key_of(kind, obj)
        known = self.get(key)
        if known is None or known.uid != obj["metadata"]["uid"]:
            return  # another object of that name is there by now
        if _version(obj) < known.resource_version:
            return
        self.forgot(key)
        if key in self._wanted or kind is NAMESPACE:
            self._rouse(key.namespace)

    def listed(self, kind: Kind, seen: set[ObjectKey]) -> None:
        """Take in that a complete list of a kind held just these: whatever else we remember is gone."""
        self._primed.add(kind.kind)
        if len(self._primed) == len(CHILD_KINDS):
            self._all_primed.set()
        for namespace in tuple(self._by_namespace):
            for key in [
                key
                for key in self._by_namespace.get(namespace, {})
                if key.kind == kind.kind and key not in seen
            ]:
                self.forgot(key)
                if key in self._wanted or kind is NAMESPACE:
                    self._rouse(namespace)

    def _remember(self, key: ObjectKey, obj: Mapping[str, Any]) -> Child:
        child = Child(obj["metadata"]["uid"], _version(obj), fingerprint(obj))
        self._by_namespace.setdefault(key.namespace, {})[key] = child
        return child

    def _rouse(self, namespace: str) -> None:
        owner = self._owners.get(namespace)
        if owner is not None:
            self._wake(owner)


def _version(obj: Mapping[str, Any]) -> int:
    # Resource versions of one resource are comparable as numbers (KEP-5504).
    return int(obj["metadata"]["resourceVersion"])
