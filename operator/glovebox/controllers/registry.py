"""Who has which content: pins and Experiments by content root, so that other names do not hide it.

Fed with every change of our own resources; nothing is asked of anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from glovebox.kube.kinds import ACCESS_GRANT, DATASET_PIN, EXPERIMENT, FEATURE_SET_PIN
from glovebox.kube.resources import Key, Stored
from glovebox.kube.store import Change

# More users of a content than these are told roughly, by the next check of its pins.
_TOLD: Final = 11


class Registry:
    """Pins and their users by content root, grants by namespace; in the order of their coming."""

    def __init__(self) -> None:
        self._pins = _ByValue()
        self._successors = _ByValue()
        self._users = _ByValue()
        self._grants = _ByValue()
        self._let_in = _ByValue()
        self._comparing = _ByValue()
        self._teams = _ByValue()

    def changed(self, change: Change[Key, Stored]) -> Iterator[Key]:
        """Take in what became of a resource; yield the pins with other users or successors now.

        It is taken in before the first one is yielded, and whether anybody asks or not.
        """
        key = change.key
        before, replaced = self._users.values_of(key), self._successors.values_of(key)
        self._take_in(change)
        after = self._users.values_of(key)
        roots = [root for root in (*before, *after) if (root in before) != (root in after)]
        older = dict.fromkeys((*replaced, *self._successors.values_of(key)))
        pins = [Key(key.kind, *each.split("/", 1)) for each in older]
        pins += [pin for root in roots for pin in self._pins.of(root) if self._is_told(root)]
        return iter(pins)

    def _is_told(self, root: str) -> bool:
        """Whether one user more or less shows: large counts are told roughly."""
        return len(self._users.of(root)) <= _TOLD

    def _take_in(self, change: Change[Key, Stored]) -> None:
        key, obj = change.key, change.after.obj if change.after is not None else {}
        status = obj.get("status") or {}
        if key.kind == DATASET_PIN.kind:
            self._pins.put(key, _given(status.get("digest")))
            against = ((obj.get("spec") or {}).get("distribution") or {}).get("against") or {}
            self._comparing.put(key, _given(against.get("namespace")))
        elif key.kind == FEATURE_SET_PIN.kind:
            self._pins.put(key, _given(status.get("digest")))
            older = ((obj.get("spec") or {}).get("supersedes") or {}).get("name")
            self._successors.put(key, {f"{key.namespace}/{older}": None} if older else {})
        elif key.kind == EXPERIMENT.kind:
            inputs = status.get("inputs") or ()
            roots = (entry.get("digest") for entry in inputs)
            self._users.put(key, {str(root): None for root in roots if root})
            # A part is let in by a grant of what it is a part of.
            lent = (
                grant.get("contentRoot") for entry in inputs for grant in entry.get("grants") or ()
            )
            self._let_in.put(key, {str(root): None for root in lent if root})
            self._teams.put(key, {key.namespace: None} if obj else {})
        elif key.kind == ACCESS_GRANT.kind:
            self._grants.put(key, {key.namespace: None} if obj else {})

    def pins_of(self, root: str) -> tuple[Key, ...]:
        """Return the DatasetPins with that content, wherever they are."""
        return tuple(pin for pin in self._pins.of(root) if pin.kind == DATASET_PIN.kind)

    def successors_of(self, pin: Key) -> tuple[Key, ...]:
        """Return the FeatureSetPins that supersede one of their namespace."""
        return self._successors.of(f"{pin.namespace}/{pin.name}")

    def users_of(self, root: str) -> tuple[Key, ...]:
        """Return the Experiments that are bound to that content, by whatever pin."""
        return self._users.of(root)

    def grants_in(self, namespace: str) -> tuple[Key, ...]:
        """Return the AccessGrants of a namespace."""
        return self._grants.of(namespace)

    def concerned_by(self, change: Change[Key, Stored]) -> Iterator[Key]:
        """Yield who may be let in, or not any more, by a change of a grant.

        Those are Experiments, and DatasetPins that compare themselves with one of its namespace.
        """
        states = [each.obj for each in (change.before, change.after) if each is not None]
        teams = {team for obj in states for team in _namespaces(obj)}
        roots = {(obj.get("status") or {}).get("contentRoot") for obj in states}
        for team in sorted(teams):
            for key in self._teams.of(team):
                bound = (*self._users.values_of(key), *self._let_in.values_of(key))
                if not bound or not roots.isdisjoint(bound):
                    yield key
        for key in self._comparing.of(change.key.namespace):
            if key.namespace in teams:
                yield key


class _ByValue:
    """Keys by the values that they have."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[Key, None]] = {}
        self._values: dict[Key, dict[str, None]] = {}

    def of(self, value: str) -> tuple[Key, ...]:
        return tuple(self._keys.get(value, ()))

    def values_of(self, key: Key) -> tuple[str, ...]:
        return tuple(self._values.get(key, ()))

    def put(self, key: Key, values: dict[str, None]) -> None:
        before = self._values.pop(key, {})
        for value in before:
            if value not in values:
                keys = self._keys[value]
                del keys[key]
                if not keys:
                    del self._keys[value]
        for value in values:
            self._keys.setdefault(value, {})[key] = None
        if values:
            self._values[key] = values


def _given(root: Any) -> dict[str, None]:
    return {root: None} if isinstance(root, str) and root else {}


def _namespaces(obj: Mapping[str, Any]) -> list[str]:
    named = (obj.get("spec") or {}).get("namespaces")
    return [each for each in named if isinstance(each, str)] if isinstance(named, list) else []
