"""Our own custom resources as last known, who refers to whom, and whose change matters to whom.

It answers two questions: what is declared, and which resources have to be reconciled when another
one changes (a pin that becomes Ready wakes the Experiments that wait for it, without any polling).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from glovebox import names
from glovebox.kube.kinds import ACCESS_GRANT, CUSTOM_KINDS, REFERENCES, Kind, Reference
from glovebox.kube.store import Change, Table, is_leaving, version_of

R = TypeVar("R", bound=BaseModel)
_KINDS = {kind.kind: kind for kind in CUSTOM_KINDS}
# Of a status these say when, how far, or by whom, never what: nobody who refers to the object reads
# them.
_IRRELEVANT = frozenset({"ledger", "message", "observedGeneration", "progress", "usedBy"})
# Of metadata these are for others; of annotations there are some of ours.
_FOREIGN_METADATA = frozenset({"annotations", "labels", "managedFields", "ownerReferences"})
# Of all fields these say the same in very many objects: conditions, and what a platform gave.
_SAID_BY_MANY = frozenset({"lastTransitionTime", "message", "platform", "reason", "status", "type"})
# A moment or a count: what is longer is neither.
_ANNOTATION_MAX = 64


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


@dataclass(frozen=True, slots=True)
class Stored:
    """One custom resource: the whole object, and of its metadata what the operator reads."""

    uid: str
    resource_version: int
    obj: dict[str, Any]


def _nobody(change: Change[Key, Stored]) -> None:
    """Tell nobody."""


_NOBODY: Final[dict[Key, None]] = {}


class Resources:
    """All known custom resources.

    Args:
        changed: Called after each change, by whomever it was made.
    """

    def __init__(self, changed: Callable[[Change[Key, Stored]], None] = _nobody) -> None:
        self._on_change = changed
        self._tables = {kind.kind: self._table(kind) for kind in CUSTOM_KINDS}
        self._holding = _Index()
        self._referring = _Index()
        self._parsed: dict[Key, Any] = {}

    def table(self, kind: Kind) -> Table[Key, Stored]:
        """Return the objects of one kind, to be fed by list and watch."""
        return self._tables[kind.kind]

    def get(self, key: Key) -> dict[str, Any] | None:
        """Return an object, or None when it is not known; the caller must not change it."""
        stored = self._tables[key.kind].get(key)
        return stored.obj if stored is not None else None

    def parsed(self, key: Key, model: type[R]) -> R | None:
        """Return an object as its model, or None when it is not known.

        A profile that a thousand Experiments read is parsed once.

        Raises:
            pydantic.ValidationError: The object is not as the model says.
        """
        obj = self.get(key)
        if obj is None:
            return None
        known: R | None = self._parsed.get(key)
        if known is None:
            known = self._parsed[key] = model.model_validate(obj)
        return known

    def of_kind(self, kind: Kind) -> list[dict[str, Any]]:
        """Return all objects of a kind."""
        return [stored.obj for stored in self._tables[kind.kind].records()]

    def users_of(self, key: Key) -> AbstractSet[Key]:
        """Return those whose spec holds an object, whether it exists or not, in a fixed order.

        It is a view, because thousands may refer to one profile: whoever goes through it does so
        before anything is awaited.
        """
        return self._holding.users_of(key)

    def referring_to(self, key: Key) -> AbstractSet[Key]:
        """Return the same, and those that refer to it without holding it."""
        return self._referring.users_of(key)

    def seen(self, obj: Mapping[str, Any]) -> bool:
        """Take in an object; return whether it is news: no echo of our own write, not old."""
        return self._tables[obj["kind"]].seen(obj) is not None

    def deleted(self, obj: Mapping[str, Any]) -> bool:
        """Take in that the watch told of a deletion; return whether this is news."""
        return self._tables[obj["kind"]].gone(obj) is not None

    def wrote(self, obj: Mapping[str, Any]) -> None:
        """Take in the server's answer to a write of ours."""
        self._tables[obj["kind"]].record_write(obj)

    def gone(self, key: Key, uid: str | None = None) -> bool:
        """Forget an object that we know to be gone, if it is the one with that UID.

        Returns:
            Whether it was known.
        """
        return self._tables[key.kind].record_delete(key, uid) is not None

    def _table(self, kind: Kind) -> Table[Key, Stored]:
        def key(obj: Mapping[str, Any]) -> Key:
            metadata = obj["metadata"]
            return Key(kind.kind, metadata.get("namespace", ""), metadata["name"])

        def keep(obj: Mapping[str, Any]) -> Stored:
            metadata = _kept_metadata(obj["metadata"])
            whole = _shared({**obj, "metadata": metadata})
            # An item of a list says neither of itself.
            whole |= {"apiVersion": kind.api_version, "kind": kind.kind}
            return Stored(metadata["uid"], version_of(obj), whole)

        return Table(kind, key=key, keep=keep, changed=self._changed)

    def _changed(self, change: Change[Key, Stored]) -> None:
        key = change.key
        self._parsed.pop(key, None)
        spec = (change.after.obj.get("spec") or {}) if change.after is not None else {}
        self._holding.put(key, dict.fromkeys(references(key, spec, holding=True)))
        self._referring.put(key, dict.fromkeys(references(key, spec)))
        self._on_change(change)


class _Index:
    """Who refers to what.

    Keys are in the order in which they came: whoever is woken first is no matter of chance.
    """

    def __init__(self) -> None:
        self._users: dict[Key, dict[Key, None]] = {}
        self._uses: dict[Key, dict[Key, None]] = {}

    def users_of(self, key: Key) -> AbstractSet[Key]:
        return self._users.get(key, _NOBODY).keys()

    def put(self, key: Key, uses: dict[Key, None]) -> None:
        before = self._uses.get(key, {})
        for used in before:
            if used in uses:
                continue
            users = self._users[used]
            del users[key]
            if not users:
                del self._users[used]
        for used in uses:
            self._users.setdefault(used, {})[key] = None
        if uses:
            self._uses[key] = uses
        else:
            self._uses.pop(key, None)


def _kept_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the operator reads of metadata.

    Labels, owners and annotations of a megabyte are anybody's to write, and `kubectl apply` leaves
    a second copy of the whole spec there. Where an object is written, its status or its finalizers
    are, and the API server leaves the rest alone.
    """
    kept = {name: value for name, value in metadata.items() if name not in _FOREIGN_METADATA}
    annotations = {
        name: str(value)[:_ANNOTATION_MAX]
        for name, value in (metadata.get("annotations") or {}).items()
        if name in names.READ_ANNOTATIONS
    }
    return kept | ({"annotations": annotations} if annotations else {})


def _shared(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of an object with names and texts that all objects share.

    A thousand Experiments say mostly the same; this is half of what each of them takes.
    """
    return {
        sys.intern(name): _shared_value(value, keeps=name in _SAID_BY_MANY)
        for name, value in part.items()
    }


def _shared_value(value: Any, *, keeps: bool) -> Any:
    kind = type(value)
    if kind is str:
        return sys.intern(value) if keeps else value
    if kind is dict:
        return _shared(value)
    if kind is list:
        return [_shared_value(item, keeps=keeps) for item in value]
    return value


def matters_to_users(change: Change[Key, Stored]) -> bool:
    """Return whether those who refer to an object have to be reconciled because of a change.

    An annotation, a repeated check with the same result, progress, and times do not matter; words
    do of a grant alone, whose waiting Experiments repeat them: they change seldom.
    """
    before, after = change.before, change.after
    if before is None or after is None:
        return True
    left_out = _IRRELEVANT - {"message"} if change.key.kind == ACCESS_GRANT.kind else _IRRELEVANT
    return _looked_at(before, left_out) != _looked_at(after, left_out)


def references(key: Key, spec: Mapping[str, Any], *, holding: bool = False) -> Iterable[Key]:
    """Yield what a spec refers to; tolerant, because a spec may be older than the schema.

    Args:
        key: Whose spec it is.
        spec: The spec.
        holding: Whether only what is kept from being deleted is asked for.
    """
    for reference in REFERENCES[_KINDS[key.kind]]:
        if holding and not reference.holds:
            continue
        for value in _values(spec, reference.path.split(".")):
            yield from _referred(key, reference, value)


def _referred(key: Key, reference: Reference, value: Any) -> Iterable[Key]:
    named = value if isinstance(value, Mapping) else {"name": value}
    name = named.get("name")
    if isinstance(name, str) and name:
        namespace = named.get("namespace") or key.namespace
        yield Key(reference.to.kind, namespace if reference.to.namespaced else "", name)


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
        return
    field, rest = path[0].removesuffix("[]"), path[1:]
    found = value.get(field) if isinstance(value, Mapping) else None
    if not path[0].endswith("[]"):
        yield from _values(found, rest)
        return
    for entry in found if isinstance(found, list) else ():
        yield from _values(entry, rest)


def _looked_at(stored: Stored, left_out: AbstractSet[str]) -> Hashable:
    metadata, status = stored.obj["metadata"], stored.obj.get("status") or {}
    generation = metadata.get("generation")
    return (
        stored.uid,
        generation,
        # Users wait for the newest generation to be looked at, even if the answer is the same.
        status.get("observedGeneration") == generation,
        is_leaving(stored.obj),
        tuple(metadata.get("finalizers") or ()),
        _frozen(status, left_out),
    )


def _frozen(value: Any, left_out: AbstractSet[str]) -> Hashable:
    if isinstance(value, Mapping):
        return tuple(
            (name, _frozen(inner, left_out))
            for name, inner in sorted(value.items())
            if name not in left_out and not name.endswith("Time")
        )
    if isinstance(value, list):
        return tuple(_frozen(inner, left_out) for inner in value)
    return value if isinstance(value, Hashable) else repr(value)
