"""The cache of our own custom resources, and who refers to whom.

Filled by kopf's events and by the answers to our own writes, corrected by resync. It answers two
questions: what is declared, and which resources have to look again when another one changes (a pin
that becomes Ready wakes the Experiments that wait for it, without any polling).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from glovebox.kube.kinds import (
    CUSTOM_KINDS,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    OBJECT_STORE,
    Kind,
)

R = TypeVar("R", bound=BaseModel)
_KINDS = {kind.kind: kind for kind in CUSTOM_KINDS}


@dataclass(frozen=True, slots=True)
class Key:
    """Names one custom resource; the namespace of a cluster-scoped one is empty."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return (
            f"{self.kind}/{self.namespace}/{self.name}"
            if self.namespace
            else f"{self.kind}/{self.name}"
        )

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> Key:
        """Return the key of a whole object."""
        return cls(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    @classmethod
    def parse(cls, text: str) -> Key:
        """Return the key that was written by `str`."""
        kind, *rest = text.split("/")
        return cls(kind, rest[0] if len(rest) > 1 else "", rest[-1])

    @property
    def resource(self) -> Kind:
        """Where this kind lives in the API."""
        return _KINDS[self.kind]


class Observer(Protocol):
    """Is told each change of the cache."""

    def upsert(self, key: Key, obj: Mapping[str, Any]) -> None:
        """Take note of an object that is new or changed."""

    def delete(self, key: Key) -> None:
        """Take note that an object is gone."""


class Resources:
    """All known custom resources, as the API server last told them (without managed fields).

    Args:
        observer: Is told each change.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer
        self._objects: dict[Key, dict[str, Any]] = {}
        self._users: dict[Key, set[Key]] = {}
        self._uses: dict[Key, frozenset[Key]] = {}
        self._written: dict[Key, str] = {}
        self._parsed: dict[Key, Any] = {}

    def get(self, key: Key) -> dict[str, Any] | None:
        """Return an object, or None when it is not known; the caller must not change it."""
        return self._objects.get(key)

    def parsed(self, key: Key, model: type[R]) -> R | None:
        """Return an object as its model, or None when it is not known. A profile that a thousand Experiments read is parsed once.

        Raises:
            pydantic.ValidationError: The object is not as the model says.
        """
        obj = self._objects.get(key)
        if obj is None:
            return None
        known: R | None = self._parsed.get(key)
        if known is None:
            known = self._parsed[key] = model.model_validate(obj)
        return known

    def of_kind(self, kind: Kind) -> list[dict[str, Any]]:
        """Return all objects of a kind."""
        return [obj for key, obj in self._objects.items() if key.kind == kind.kind]

    def all_keys(self) -> Iterable[Key]:
        """Return the keys of everything known."""
        return tuple(self._objects)

    def users_of(self, key: Key) -> frozenset[Key]:
        """Return those whose spec refers to an object, whether it exists or not."""
        return frozenset(self._users.get(key, ()))

    def seen(self, obj: Mapping[str, Any]) -> bool:
        """Take in an object; return whether this is news to a reconciler (not an echo of our own write, not out of date)."""
        key = Key.of(obj)
        version = obj["metadata"]["resourceVersion"]
        known = self._objects.get(key)
        if (
            known is not None
            and known["metadata"]["uid"] == obj["metadata"]["uid"]
            and int(version) <= int(known["metadata"]["resourceVersion"])
        ):
            return False
        self._keep(key, obj)
        return bool(self._written.get(key) != version)

    def wrote(self, obj: Mapping[str, Any]) -> None:
        """Take in the server's answer to a write of ours."""
        key = Key.of(obj)
        self._written[key] = obj["metadata"]["resourceVersion"]
        self._keep(key, obj)

    def gone(self, key: Key) -> bool:
        """Forget an object; return whether it was known."""
        self._written.pop(key, None)
        self._parsed.pop(key, None)
        for used in self._uses.pop(key, frozenset()):
            users = self._users[used]
            users.discard(key)
            if not users:
                del self._users[used]
        known = self._objects.pop(key, None) is not None
        if known and self._observer is not None:
            self._observer.delete(key)
        return known

    def _keep(self, key: Key, obj: Mapping[str, Any]) -> None:
        metadata = {
            name: value for name, value in obj["metadata"].items() if name != "managedFields"
        }
        self._objects[key] = {**obj, "metadata": metadata}
        self._parsed.pop(key, None)
        if self._observer is not None:
            self._observer.upsert(key, obj)
        uses = frozenset(_references(key, obj.get("spec") or {}))
        before = self._uses.get(key, frozenset())
        for used in before - uses:
            self._users[used].discard(key)
        for used in uses - before:
            self._users.setdefault(used, set()).add(key)
        self._uses[key] = uses


def _references(key: Key, spec: Mapping[str, Any]) -> Iterable[Key]:
    """Yield what a spec refers to; tolerant, because a spec may be older than the schema."""
    store = spec.get("storeRef") or (spec.get("artifacts") or {}).get("storeRef")
    if store:
        yield Key(OBJECT_STORE.kind, "", store["name"])
    if key.kind == EXPERIMENT.kind:
        yield Key(ISOLATION_PROFILE.kind, "", spec.get("profile", ""))
        inputs = spec.get("inputs") or {}
        for field, kind in (("datasets", DATASET_PIN), ("features", FEATURE_SET_PIN)):
            for entry in inputs.get(field) or ():
                yield Key(kind.kind, key.namespace, entry["pinRef"]["name"])
    if key.kind == FEATURE_SET_PIN.kind:
        for entry in spec.get("inputs") or ():
            yield Key(DATASET_PIN.kind, key.namespace, entry["pinRef"]["name"])
