"""Keeps profiles, stores and pins from being deleted below what is bound to them.

A finalizer holds the object, and a guard of the chart refuses the deletion of profiles and stores
that bear it; the count of users is an annotation, from which the guard's refusal tells how many
there are. "Used" is believed from the index of references; "unused" is confirmed by a live list
before the finalizer goes, because an index may be older than a user.

A pin that is being deleted is kept for those alone whose snapshot holds it. Who waits for it would
wait for ever otherwise: nobody new may begin to use it, and it would never go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from glovebox import names
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    OBJECT_STORE,
    SPLIT_PIN,
    Kind,
)
from glovebox.kube.resources import Key, references

# Who can refer to a kind, and the field by which the API server finds them. Pins are named in
# lists, where no field selector reaches, or by few: those who may name them are read, in their
# namespace.
_BY_FIELD: Final[Mapping[str, tuple[tuple[Kind, str], ...]]] = {
    ISOLATION_PROFILE.kind: ((EXPERIMENT, "spec.profile"),),
    OBJECT_STORE.kind: (
        (EXPERIMENT, "spec.artifacts.storeRef.name"),
        (DATASET_PIN, "spec.storeRef.name"),
    ),
}
_BY_READING: Final[Mapping[str, tuple[Kind, ...]]] = {
    DATASET_PIN.kind: (EXPERIMENT, FEATURE_SET_PIN, SPLIT_PIN),
    SPLIT_PIN.kind: (DATASET_PIN,),
    FEATURE_SET_PIN.kind: (EXPERIMENT,),
}
PINS: Final = frozenset(_BY_READING)
# Those of whom the status has a digest once they are bound to what they name. Until then they wait
# for it, and keep nothing from going: a split of one of its own parts would hold itself for ever.
_BOUND_BY_DIGEST: Final = frozenset({EXPERIMENT.kind, DATASET_PIN.kind, SPLIT_PIN.kind})
_EXACT: Final = 10


class Reader(Protocol):
    """Lists what is in the cluster now."""

    def pages(
        self, kind: Kind, *, field_selector: str = "", namespace: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the pages of a consistent list."""


class Writer(Protocol):
    """Writes metadata of our own kinds."""

    async def write_finalizers(
        self,
        obj: Mapping[str, Any],
        finalizers: list[str],
        *,
        annotations: Mapping[str, str | None] | None = None,
    ) -> dict[str, Any]:
        """Set finalizers and annotations on the version that was read."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the metadata of an object should say about its use.

    Attributes:
        finalizers: All of them, foreign ones included.
        annotations: What to set with them; None removes one.
    """

    finalizers: tuple[str, ...]
    annotations: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class InUse:
    """How a look at the use of an object ended.

    Attributes:
        users: How many there are; by a live list where the index knew of none.
        obj: The object as the API server holds it now.
        written: Whether its metadata had to change.
    """

    users: int
    obj: Mapping[str, Any]
    written: bool

    @property
    def is_held(self) -> bool:
        """Whether the object is kept for its users, also when it is being deleted."""
        return names.FINALIZER_IN_USE in _finalizers(self.obj)


def count_in_words(users: int) -> str:
    """Return a count that changes seldom.

    Each change of it is a write to an object that many watch.
    """
    if users <= _EXACT:
        return str(users)
    return f"more than {10 ** (len(str(users - 1)) - 1)}"


def compute_marks(obj: Mapping[str, Any], users: int) -> Marks | None:
    """Return what the metadata should become, or None where it is right.

    An object that is being deleted gets no finalizer any more: the API server takes none.
    """
    finalizers = _finalizers(obj)
    is_marked = names.FINALIZER_IN_USE in finalizers
    is_dying = "deletionTimestamp" in obj["metadata"]
    told = (obj["metadata"].get("annotations") or {}).get(names.ANNOTATION_USERS)
    if users == 0:
        if not is_marked and told is None:
            return None
        rest = tuple(entry for entry in finalizers if entry != names.FINALIZER_IN_USE)
        return Marks(rest, {names.ANNOTATION_USERS: None})
    count = count_in_words(users)
    if told == count and (is_marked or is_dying):
        return None
    kept = finalizers if is_marked or is_dying else (*finalizers, names.FINALIZER_IN_USE)
    return Marks(kept, {names.ANNOTATION_USERS: count})


def tells_its_users(obj: Mapping[str, Any], users: int) -> bool:
    """Return whether an object needs no look for having so many users now.

    What many use says so in words that change seldom: a thousand Experiments of one pin are no
    thousand looks at it, each of which reads all of them. What few use is looked at again, because
    a look that is under way may be letting it go; what is being deleted says who they are.
    """
    is_dying = "deletionTimestamp" in obj["metadata"]
    is_crowd = users > _EXACT and (obj["kind"] in _BY_FIELD or obj["kind"] in PINS)
    return is_crowd and not is_dying and compute_marks(obj, users) is None


def holds(kind: str, user: Mapping[str, Any], used: Mapping[str, Any]) -> bool:
    """Return whether one of a kind that refers to an object keeps it from going."""
    waits = kind in _BOUND_BY_DIGEST and not (user.get("status") or {}).get("digest")
    is_dying = "deletionTimestamp" in used["metadata"]
    return not (waits and is_dying and used["kind"] in _BY_READING)


def is_user(user: Mapping[str, Any], used: Key) -> bool:
    """Return whether one that names a pin uses it: in its own namespace, or bound by a grant.

    Whoever merely names a pin in another namespace neither holds it nor is counted there.
    """
    metadata = user.get("metadata") or {}
    if metadata.get("namespace", used.namespace) == used.namespace:
        return True
    return bool((user.get("status") or {}).get("digest"))


async def count_live_users(reader: Reader, used: Mapping[str, Any]) -> int:
    """Return how many objects keep one from going now, by lists that bypass every cache."""
    key, users = Key.of(used), 0
    for kind, field in _BY_FIELD.get(key.kind, ()):
        async for page in reader.pages(kind, field_selector=f"{field}={key.name}"):
            users += len(page["items"])
    for kind in _BY_READING.get(key.kind, ()):
        for namespace in await _namespaces_of_users(reader, kind, key):
            async for page in reader.pages(kind, namespace=namespace):
                users += sum(
                    _names_pin(kind, obj, key) and is_user(obj, key) and holds(kind.kind, obj, used)
                    for obj in page["items"]
                )
    return users


async def _namespaces_of_users(reader: Reader, kind: Kind, pin: Key) -> tuple[str, ...]:
    """Return where users of a pin can be: in its namespace, and where it was lent to."""
    found = {pin.namespace: None}
    if kind.kind == EXPERIMENT.kind:
        async for page in reader.pages(ACCESS_GRANT, namespace=pin.namespace):
            for grant in page["items"]:
                named = (grant.get("spec") or {}).get("namespaces") or ()
                found |= dict.fromkeys(str(each) for each in named)
    return tuple(found)


async def ensure_in_use(
    reader: Reader, writer: Writer, obj: Mapping[str, Any], *, users: int
) -> InUse:
    """Make the object say whether it is used.

    Args:
        reader: Confirms that nothing uses it before it is let go.
        writer: Writes its metadata.
        obj: The profile, store or pin as it was read.
        users: How many refer to it and hold it, as the index of references has it.

    Raises:
        Conflict: The object changed since it was read: look again.
        NotFound: It is gone.
        GloveboxError: The API server could not be asked; nothing was let go.
    """
    if users == 0 and compute_marks(obj, 0) is not None:
        users = await count_live_users(reader, obj)
    marks = compute_marks(obj, users)
    if marks is None:
        return InUse(users, obj, written=False)
    answer = await writer.write_finalizers(
        obj, list(marks.finalizers), annotations=marks.annotations
    )
    return InUse(users, answer, written=True)


def _finalizers(obj: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(obj["metadata"].get("finalizers") or ())


def _names_pin(kind: Kind, obj: Mapping[str, Any], pin: Key) -> bool:
    """Return whether a user names the pin, so that it is kept from going."""
    own = (obj.get("metadata") or {}).get("namespace", pin.namespace)
    return pin in references(Key(kind.kind, own, ""), obj.get("spec") or {}, holding=True)
