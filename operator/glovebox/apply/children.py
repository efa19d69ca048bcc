"""Everything inside experiments' namespaces: who it is, and whether it is still as intended.

Of each object only its UID, resource version and a fingerprint of the content that we own are kept
(about 300 bytes), so a thousand experiments fit in a few MiB. One thing is decided here: whether a
change is news. An object that looks as the last reconcile wanted it is no news, so our own writes
wake nobody; everything else wakes the experiment it belongs to.

Which experiment owns a namespace is said by `claim`, from the Experiment's own status and UID,
never by labels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glovebox import names
from glovebox.desired.difference import fingerprint
from glovebox.desired.session_secret import intact_until
from glovebox.kube.kinds import ADDITIVE_KINDS, CHILD_KINDS, NAMESPACE, Kind
from glovebox.kube.objects import ObjectKey, key_of
from glovebox.kube.store import Change, Table, holders_of, is_leaving, version_of

_ADDITIVE = frozenset(kind.kind for kind in ADDITIVE_KINDS)


@dataclass(frozen=True, slots=True)
class Child:
    """What is remembered of an object.

    Attributes:
        uid: Which object.
        resource_version: Which state of it.
        fingerprint: Of the content that we own.
        leaving: Whether it is being deleted. A namespace then does not count as being there any
            more; a policy or a binding that a finalizer holds is in force until it is gone.
        finalizers: What holds it while it is being deleted.
        good_until: Of a Secret with credentials that is as it was issued: when they end.
    """

    uid: str
    resource_version: int
    fingerprint: bytes
    leaving: bool = False
    finalizers: tuple[str, ...] = ()
    good_until: datetime | None = None


class Children:
    """Remembers the objects of all experiments' namespaces.

    Args:
        wake: Called with the owner of a namespace when something in it is not as its last reconcile
            wanted it.
        clock: Monotonic seconds.
    """

    def __init__(self, wake: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._wake = wake
        self._clock = clock
        self._tables = {kind.kind: self._table(kind) for kind in CHILD_KINDS}
        # In the order in which they came: who repeats a look makes its requests in the same order.
        self._in_namespace: dict[str, dict[ObjectKey, None]] = {}
        self._wanted: dict[str, dict[ObjectKey, bytes]] = {}
        # What its owner was woken for, and has not been seen as wanted since: from when on.
        self._differing: dict[str, dict[ObjectKey, float]] = {}
        self._owners: dict[str, str] = {}
        # How often something in a namespace was seen to be other than wanted.
        self._news: dict[str, int] = {}
        # Of each namespace, the UID that was known last, also after it was deleted.
        self._uids: dict[str, str] = {}

    def table(self, kind: Kind) -> Table[ObjectKey, Child]:
        """Return the objects of one kind, to be fed by list and watch."""
        return self._tables[kind.kind]

    @property
    def primed(self) -> bool:
        """Whether every kind has been listed once; before that, absence means nothing."""
        return all(table.listed for table in self._tables.values())

    async def wait_until_primed(self) -> None:
        """Wait until every kind has been listed once."""
        for table in self._tables.values():
            await table.first_list.wait()

    # Who owns a namespace, and how it should look.

    def claim(self, namespace: str, owner: str) -> None:
        """Say which experiment (its key) is woken by what happens in a namespace."""
        self._owners[namespace] = owner

    def owner(self, namespace: str) -> str | None:
        """Return the experiment (its key) that owns a namespace, if one has claimed it."""
        return self._owners.get(namespace)

    def release(self, namespace: str) -> None:
        """Forget the owner of a namespace and what was wanted there."""
        self._owners.pop(namespace, None)
        self._uids.pop(namespace, None)
        self._news.pop(namespace, None)
        self._wanted.pop(namespace, None)
        self._differing.pop(namespace, None)

    def news_of(self, namespace: str) -> int:
        """Return a number that is another one once the owner was woken by something in there."""
        return self._news.get(namespace, 0)

    def want(self, key: ObjectKey, content: bytes | None) -> None:
        """Say how an object should look from now on (None: it should not be there)."""
        known = self.get(key)
        if (known.fingerprint if known is not None else None) == content:
            self._settle(key)  # it is as it should be, whoever made it so
        if content is not None:
            self._wanted.setdefault(key.namespace, {})[key] = content
            return
        wanted = self._wanted.get(key.namespace)
        if wanted is not None and wanted.pop(key, None) is not None and not wanted:
            del self._wanted[key.namespace]

    def wanted(self, key: ObjectKey) -> bytes | None:
        """Return the fingerprint that an object should have, when a reconcile said so."""
        return self._wanted.get(key.namespace, {}).get(key)

    def differing_since(self, key: ObjectKey) -> float | None:
        """Return when it was noticed that an object is not as wanted; None when that is no news."""
        return self._differing.get(key.namespace, {}).get(key)

    def any_differing_since(self, namespace: str, kinds: Collection[Kind]) -> float | None:
        """Return when it was first noticed that one of some kinds is not as wanted, likewise."""
        wanted = {kind.kind for kind in kinds}
        differing = self._differing.get(namespace, {}).items()
        return min((since for key, since in differing if key.kind in wanted), default=None)

    # What is there.

    def get(self, key: ObjectKey) -> Child | None:
        """Return what is known of an object, or None when there is none."""
        table = self._tables.get(key.kind)
        return table.get(key) if table is not None else None

    def in_namespace(self, namespace: str) -> dict[ObjectKey, Child]:
        """Return all that is known in a namespace, the namespace itself included."""
        found = ((key, self.get(key)) for key in self._in_namespace.get(namespace, ()))
        return {key: child for key, child in found if child is not None}

    def version_of(self, namespace: str) -> tuple[int, int] | None:
        """Return which version a namespace has, and after how many restores; None without it."""
        child = self.get(ObjectKey(NAMESPACE.kind, namespace, namespace))
        return (self.table(NAMESPACE).restores, child.resource_version) if child else None

    def namespaces(self) -> Iterable[str]:
        """Return the namespaces in which something is known."""
        return tuple(self._in_namespace)

    def is_as_wanted(self, namespace: str, kind: Kind) -> bool:
        """Whether all that is known of a kind in a namespace is what was wanted, and no more."""
        keys = {*self._wanted.get(namespace, ()), *self._in_namespace.get(namespace, ())}
        return not any(self._is_wrong(key, self.get(key)) for key in keys if key.kind == kind.kind)

    def told(self, kind: Kind) -> int:
        """Return up to which version the watch of a kind has told everything."""
        return self._tables[kind.kind].told

    def has_told_since(self, kind: Kind, namespace: str, before: int) -> bool:
        """Whether the watch has told of the last write that is known of a kind in a namespace.

        Args:
            kind: The kind.
            namespace: The namespace.
            before: What `told` was at some moment. That write must be a later one: a watch that was
                silent ever since has told nothing of what others did.
        """
        known = self.in_namespace(namespace).items()
        last = max(
            (child.resource_version for key, child in known if key.kind == kind.kind), default=0
        )
        return before < last <= self.told(kind)

    def moment(self, kind: Kind) -> int:
        """Return the present moment, to be taken before a read is sent; see `listed`."""
        return self._tables[kind.kind].moment()

    def listed(
        self,
        kind: Kind,
        namespace: str,
        items: Iterable[Mapping[str, Any]],
        version: int,
        *,
        asked: int,
    ) -> None:
        """Take in all objects of a kind that a namespace held at a version, besides the watch.

        Args:
            kind: The kind.
            namespace: The namespace.
            items: Its objects of that kind.
            version: The version of the list.
            asked: The moment at which it was asked for.
        """
        table = self._tables[kind.kind]
        found = set()
        for item in items:
            table.seen(item, asked=asked)
            found.add(key_of(kind, item))
        for key in self.in_namespace(namespace):
            if key.kind == kind.kind and key not in found:
                table.absent(key, version)

    # What we did ourselves.

    def wrote(self, kind: Kind, answer: Mapping[str, Any], *, asked: int | None = None) -> Child:
        """Remember the answer to a write of ours; the watch will only repeat it.

        Args:
            kind: The kind.
            answer: The object.
            asked: The moment at which it was asked for, where it was as intended and only read.
        """
        return self._tables[kind.kind].record_write(answer, asked=asked)

    def forgot(self, key: ObjectKey, uid: str, version: int) -> None:
        """Remember that the server took a deletion of ours; of a kind nobody watches, nothing.

        Args:
            key: Its name.
            uid: Which object.
            version: The state of it that was known when the deletion was sent.
        """
        table = self._tables.get(key.kind)
        if table is not None:
            table.record_delete(key, uid, version)

    def lose(self, key: ObjectKey) -> None:
        """Forget an object of which an answer shows that it is not there: it is read again."""
        known = self.get(key)
        if known is not None:
            self.forgot(key, known.uid, known.resource_version)

    def stayed(self, kind: Kind, answer: Mapping[str, Any]) -> None:
        """Remember that a finalizer holds what we deleted.

        What is not known is not remembered: no watch may follow it, and tell when it is gone.
        """
        if self.get(key_of(kind, answer)) is not None:
            self.wrote(kind, answer)

    # What is news.

    def _table(self, kind: Kind) -> Table[ObjectKey, Child]:
        return Table(
            kind,
            key=lambda obj: key_of(kind, obj),
            keep=_child,
            changed=self._changed,
            belongs=lambda key: names.is_experiment_namespace(key.namespace),
        )

    def _changed(self, change: Change[ObjectKey, Child]) -> None:
        key = change.key
        self._index(change)
        if key.kind == NAMESPACE.kind and change.after is not None:
            self._drop_former(key.namespace, change.after)
        if self._is_news(change) and (owner := self._owners.get(key.namespace)) is not None:
            self._news[key.namespace] = self.news_of(key.namespace) + 1
            self._wake(owner)

    def _drop_former(self, namespace: str, child: Child) -> None:
        """Forget what was known of a namespace that was deleted, when one of its name is there.

        The watches of other kinds may be behind: what they told last was in the former namespace,
        and whoever believed it would take isolation for complete where there is none.
        """
        before, self._uids[namespace] = self._uids.get(namespace), child.uid
        if before in {None, child.uid}:
            return
        for key, known in self.in_namespace(namespace).items():
            if key.kind != NAMESPACE.kind and known.resource_version < child.resource_version:
                self._tables[key.kind].record_delete(key, known.uid)

    def _index(self, change: Change[ObjectKey, Child]) -> None:
        key = change.key
        if change.after is not None:
            self._in_namespace.setdefault(key.namespace, {})[key] = None
            return
        keys = self._in_namespace.get(key.namespace)
        if keys is None:
            return
        keys.pop(key, None)
        if not keys:
            del self._in_namespace[key.namespace]

    def _is_news(self, change: Change[ObjectKey, Child]) -> bool:
        key, before, after = change.key, change.before, change.after
        if key.kind == NAMESPACE.kind:
            return self._is_news_of_namespace(key, after, own=change.own)
        differed = key in self._differing.get(key.namespace, ())
        if not change.own and _differs(before, after) and self._is_wrong(key, after):
            self._note(key)
            return True
        if change.own or _differs(before, after):
            self._settle(key)
        # As wanted again, by another hand: a difference that was only reported is over, also of
        # what a finalizer held: the answer to our own deletion is no news, so it did not differ.
        held = before is not None and before.leaving and key.kind in _ADDITIVE
        return (differed or held) and not change.own and _differs(before, after)

    def _is_news_of_namespace(self, key: ObjectKey, after: Child | None, *, own: bool) -> bool:
        """It goes, or is gone, or is not as wanted."""
        news = not own and (after is None or after.leaving or self._is_wrong(key, after))
        if news:
            self._note(key)
        else:
            self._settle(key)
        return news

    def _is_wrong(self, key: ObjectKey, after: Child | None) -> bool:
        wanted = self.wanted(key)
        if after is None:
            return wanted is not None
        if wanted is None:
            return key.kind in _ADDITIVE
        return after.fingerprint != wanted

    def _note(self, key: ObjectKey) -> None:
        if key.namespace in self._owners:
            self._differing.setdefault(key.namespace, {}).setdefault(key, self._clock())

    def _settle(self, key: ObjectKey) -> None:
        differing = self._differing.get(key.namespace)
        if differing is None:
            return
        differing.pop(key, None)
        if not differing:
            del self._differing[key.namespace]


def _differs(before: Child | None, after: Child | None) -> bool:
    if before is None or after is None:
        return before is not after
    return (before.uid, before.fingerprint) != (after.uid, after.fingerprint)


def _child(obj: Mapping[str, Any]) -> Child:
    return Child(
        obj["metadata"]["uid"],
        version_of(obj),
        fingerprint(obj),
        is_leaving(obj),
        holders_of(obj),
        intact_until(obj) if "data" in obj else None,
    )
