"""One store for all kinds, with one set of rules for what is newer.

A table holds one kind. It is fed by list and watch and by the answers to our own writes, in
whatever order they come, and these rules decide:

- Resource versions of one kind are compared as integers. What is older than what is known under a
  name is dropped, whether it is the same object or an earlier one of that name; another UID with a
  higher version replaces.
- A deletion counts only for the UID that is known.
- A complete list replaces: what it does not hold is gone, unless it was written after the list was
  taken.
- Whoever was asked later knows better: what a list or a read holds is there, whatever an earlier
  list left out or a watch said to be deleted. One answer that was wrong is so put right by the next
  one, and not believed until the object changes.
- A list that is older than what was known before it was asked for means that the API server went
  back in time (its database was restored): from then on the list is the truth, whatever its
  versions.
- What we deleted is forgotten at once, unless it is known in a newer state than the one that was
  known when the deletion was sent. What the watch still tells of it from before is dropped, until
  its absence is confirmed: by an event, a list, or another UID under its name. It is still there
  when it shows up with a deletion timestamp (a finalizer holds it), and when it was read by a
  request that was sent after the deletion was answered (the answer was wrong).

A table keeps of an object only what its `keep` makes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog

from glovebox.kube.kinds import Kind

log = structlog.get_logger(__name__)


class Record(Protocol):
    """The least that is kept of any object."""

    @property
    def uid(self) -> str:
        """Which object it is, whatever its name."""
        raise NotImplementedError

    @property
    def resource_version(self) -> int:
        """Which state of it."""
        raise NotImplementedError


K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class _Deletion(Generic[R]):
    """A deletion of ours: of which object, in which state of it, and at which moment."""

    record: R
    moment: int


@dataclass(frozen=True, slots=True)
class _Absence:
    """That something was not there: at which version, and at which moment that was told."""

    version: int
    moment: int


_NEVER: Final = _Absence(0, 0)


@dataclass(frozen=True, slots=True)
class Change(Generic[K, R]):
    """What became of one name.

    Attributes:
        key: The name.
        before: What was known, if anything.
        after: What is known now; None when it is gone.
        own: Whether the change is the answer to a write of ours.
    """

    key: K
    before: R | None
    after: R | None
    own: bool = False


class Intake(Protocol):
    """What takes in one complete list, page by page."""

    def page(self, version: int, items: Iterable[Mapping[str, Any]]) -> object:
        """Take in one page of the list of that version."""
        raise NotImplementedError

    def end(self, version: int) -> object:
        """Take in that the list is complete."""
        raise NotImplementedError


class Feed(Protocol):
    """What a reflector fills: a table, seen from the watch."""

    @property
    def kind(self) -> Kind:
        """The kind to list and watch."""
        raise NotImplementedError

    def listing(self) -> Intake:
        """Begin to take in a complete list; call it before the list is asked for."""
        raise NotImplementedError

    def seen(self, obj: Mapping[str, Any]) -> object:
        """Take in an object that was added or changed."""
        raise NotImplementedError

    def gone(self, obj: Mapping[str, Any]) -> object:
        """Take in that an object was deleted."""
        raise NotImplementedError

    def bookmark(self, version: int) -> None:
        """Take in that everything up to a version has been told."""
        raise NotImplementedError


def _everything(_: object) -> bool:
    return True


class Table(Generic[K, R]):
    """The objects of one kind.

    Args:
        kind: Which.
        key: The name under which an object is remembered.
        keep: What is remembered of it.
        changed: Called after each change, unless somebody only repeated what was known.
        belongs: Whether an object of that name is of interest at all.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        key: Callable[[Mapping[str, Any]], K],
        keep: Callable[[Mapping[str, Any]], R],
        changed: Callable[[Change[K, R]], None],
        belongs: Callable[[K], bool] = _everything,
    ) -> None:
        self.kind = kind
        # Set by the first complete list: before it, absence means nothing.
        self.first_list = asyncio.Event()
        self._key = key
        self._keep = keep
        self._changed = changed
        self._belongs = belongs
        self._records: dict[K, R] = {}
        # What we deleted, until its absence is confirmed.
        self._deleted: dict[K, _Deletion[R]] = {}
        # How often something was said to be absent: what orders that and what is asked for.
        self._moment = 0
        # What others deleted since the last complete list.
        self._gone: dict[K, _Absence] = {}
        # That list: what is older, and was not in it, had gone by then.
        self._listed = _NEVER
        # The highest version known by whatever way, answers to our own writes included.
        self._highest = 0
        # Up to which version the watch itself has told everything; an answer is no such word.
        self.told = 0
        # How often the API server went back in time: a version may come twice then.
        self.restores = 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[K]:
        return iter(self._records)

    def get(self, key: K) -> R | None:
        """Return what is known under a name, or None."""
        return self._records.get(key)

    @property
    def listed(self) -> bool:
        """Whether there was a complete list."""
        return self.first_list.is_set()

    def records(self) -> Iterable[R]:
        """Return everything that is known."""
        return tuple(self._records.values())

    def deleting(self, key: K) -> bool:
        """Whether the absence of an object that we deleted is not confirmed yet."""
        return key in self._deleted

    # What list and watch tell.

    def moment(self) -> int:
        """Return the present moment, to be taken before a read is sent; see `seen`."""
        return self._moment

    def seen(self, obj: Mapping[str, Any], *, asked: int | None = None) -> Change[K, R] | None:
        """Take in an object that was added or changed; return the change, if it was one.

        Args:
            obj: The object.
            asked: The moment at which it was asked for, where it was read besides the watch: what
                was deleted or absent before and is there all the same was not.
        """
        self._reach(version_of(obj))
        return self._take(obj, asked=asked)

    def gone(self, obj: Mapping[str, Any]) -> Change[K, R] | None:
        """Take in that an object was deleted (or no longer matches the selector)."""
        version = version_of(obj)
        self._reach(version)
        key, uid = self._key(obj), _uid(obj)
        deleted = self._deleted.get(key)
        if deleted is not None and deleted.record.uid == uid:
            del self._deleted[key]
        known = self._records.get(key)
        if known is not None and (known.uid != uid or version < known.resource_version):
            return None
        if self._belongs(key):
            # An answer or a page that is still on its way is older than that.
            self._note_absence(key, version)
        return self._remove(key) if known is not None else None

    def absent(self, key: K, version: int) -> Change[K, R] | None:
        """Take in that an object was not there at a version."""
        known = self._records.get(key)
        if known is None or known.resource_version > version:
            return None
        self._note_absence(key, version)
        return self._remove(key)

    def bookmark(self, version: int) -> None:
        """Take in that everything up to a version has been told."""
        self._reach(version)
        self.told = max(self.told, version)

    def listing(self) -> Listing[K, R]:
        """Begin to take in a complete list; call it before the list is asked for."""
        return Listing(self)

    # What we did ourselves.

    def record_write(self, answer: Mapping[str, Any], *, asked: int | None = None) -> R:
        """Remember the answer to a write of ours; the watch will only repeat it.

        Args:
            answer: The object.
            asked: As in `seen`, where it was found to be as intended, and only read.

        Returns:
            What is kept of the answer, even if something newer is known by now.
        """
        self._highest = max(self._highest, version_of(answer))
        change = self._take(answer, own=True, asked=asked)
        if change is not None and change.after is not None:
            return change.after
        return self._keep(answer)

    def record_delete(
        self, key: K, uid: str | None = None, version: int | None = None
    ) -> Change[K, R] | None:
        """Remember that the server took a deletion of ours, of the object with that UID.

        Args:
            key: Its name.
            uid: Which object; None for the one that is known.
            version: The state of it that was known when the deletion was sent. A newer one that is
                known by now stays: it may be the object that a finalizer holds. None: any.
        """
        known = self._records.get(key)
        if known is None or uid not in (None, known.uid):
            return None
        if version is not None and known.resource_version > version:
            return None
        self._moment += 1
        self._deleted[key] = _Deletion(known, self._moment)
        return self._remove(key, own=True)

    # The rules.

    def _take(
        self,
        obj: Mapping[str, Any],
        *,
        own: bool = False,
        newer: bool = False,
        asked: int | None = None,
    ) -> Change[K, R] | None:
        """Take in an object.

        `newer` says that its version counts for nothing: it is of a list after a restore. `asked`
        is as in `seen`.
        """
        key = self._key(obj)
        if not self._belongs(key):
            return None
        uid, version = _uid(obj), version_of(obj)
        before = self._records.get(key)
        if before is not None:
            if not newer and version <= before.resource_version:
                return None
            if (before.uid, before.resource_version) == (uid, version):
                return None
        deleted = self._deleted.get(key)
        ours = deleted if deleted is not None and deleted.record.uid == uid else None
        stayed = ours is not None and asked is not None and asked >= ours.moment
        if before is None and not newer and not stayed and version <= self._absent_at(key, asked):
            return None  # from before its deletion
        if ours is not None and not newer and not stayed:
            held = is_leaving(obj) and version > ours.record.resource_version
            if not held:
                return None  # from before our own deletion
        self._gone.pop(key, None)
        if deleted is not None:
            del self._deleted[key]
        after = self._records[key] = self._keep(obj)
        change = Change(key, before, after, own)
        self._changed(change)
        return change

    def _remove(self, key: K, *, own: bool = False) -> Change[K, R]:
        change: Change[K, R] = Change(key, self._records.pop(key), None, own)
        self._changed(change)
        return change

    def _absent_at(self, key: K, asked: int | None) -> int:
        """Return at which version it was last absent, by what was told since it was asked for."""
        told = (self._listed, self._gone.get(key, _NEVER))
        return max(
            (each.version for each in told if asked is None or asked < each.moment), default=0
        )

    def _note_absence(self, key: K, version: int) -> None:
        self._moment += 1
        version = max(version, self._gone.get(key, _NEVER).version)
        self._gone[key] = _Absence(version, self._moment)

    def _was_listed(self, version: int) -> None:
        self._moment += 1
        self._listed = _Absence(version, self._moment)
        self._gone = {key: each for key, each in self._gone.items() if each.version > version}

    def _reach(self, version: int) -> None:
        self._highest = max(self._highest, version)


class Listing(Generic[K, R]):
    """One complete list as it comes in, page by page; what it says stands even without its end."""

    def __init__(self, table: Table[K, R]) -> None:
        self._table = table
        self._known_before = table._highest  # noqa: SLF001 - the other half of the table
        self._asked = table.moment()
        self._seen: set[K] = set()
        self._restored = False

    def page(self, version: int, items: Iterable[Mapping[str, Any]]) -> dict[K, bool]:
        """Take in one page; return its names, and whether each was news.

        Args:
            version: The version of the whole list, which each page bears.
            items: Its objects.
        """
        self._restored = version < self._known_before
        news: dict[K, bool] = {}
        for item in items:
            key = self._table._key(item)  # noqa: SLF001 - as above
            self._seen.add(key)
            change = self._table._take(item, newer=self._restored, asked=self._asked)  # noqa: SLF001 - as above
            news[key] = change is not None
        return news

    def end(self, version: int) -> bool:
        """Take in that the list is complete; return whether the API server went back in time."""
        table = self._table
        for key in [key for key in table._deleted if key not in self._seen]:  # noqa: SLF001 - as above
            del table._deleted[key]  # noqa: SLF001 - as above
        for key in [key for key in table if key not in self._seen]:
            if self._restored or table._records[key].resource_version <= version:  # noqa: SLF001 - as above
                table._remove(key)  # noqa: SLF001 - as above
        table._was_listed(version)  # noqa: SLF001 - as above
        if self._restored:
            table._highest = version  # noqa: SLF001 - as above
            table._gone.clear()  # noqa: SLF001 - its versions come again, of other objects
            table.restores += 1
            log.error(
                "the API server went back in time: everything known of this kind was replaced",
                kind=table.kind.kind,
                version=version,
                known_before=self._known_before,
            )
        else:
            table._reach(version)  # noqa: SLF001 - as above
        table.told = version
        table.first_list.set()
        return self._restored


def version_of(obj: Mapping[str, Any]) -> int:
    """Return an object's resource version as the integer that it is."""
    return int(obj["metadata"]["resourceVersion"])


def is_leaving(obj: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted."""
    return obj["metadata"].get("deletionTimestamp") is not None


def holders_of(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the finalizers that hold an object that is being deleted; none of any other."""
    return tuple(obj["metadata"].get("finalizers") or ()) if is_leaving(obj) else ()


def _uid(obj: Mapping[str, Any]) -> str:
    uid: str = obj["metadata"]["uid"]
    return uid
