"""Whether the store has caught up with what we wrote ourselves.

For each owner it is remembered up to which version this process has written objects of a kind. The
store has caught up when list and watch have told everything up to that version: by events, or by
bookmarks. A version always arrives, unlike the event of one object, which a foreign deletion can
make impossible. A deletion has no version: it is confirmed by absence or by another UID.

It refuses to wait for ever: what is not confirmed within half a minute is given up and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import structlog

from glovebox.kube.store import Table

LONGEST_SECONDS = 30.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Expected:
    table: Table[Any, Any]
    version: int
    epoch: int
    deleted: set[Hashable]
    behind_since: float | None = None

    def met(self) -> bool:
        if self.table.epoch != self.epoch:
            return True  # versions from before a restore mean nothing now
        self.deleted = {key for key in self.deleted if self.table.deleting(key)}
        return self.table.reached >= self.version and not self.deleted


class Expectations:
    """What is still to be told of our own writes, by owner.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._owners: dict[Hashable, dict[str, _Expected]] = {}
        # How many expectations were given up because nothing came for too long.
        self.overdue = 0

    def written(self, owner: Hashable, table: Table[Any, Any], version: int) -> None:
        """Expect that a version of a kind is reached."""
        self._tidy()
        if table.reached < version:
            expected = self._of(owner, table)
            expected.version = max(expected.version, version)

    def deleted(self, owner: Hashable, table: Table[Any, Any], key: Hashable) -> None:
        """Expect that the absence of an object is confirmed."""
        self._of(owner, table).deleted.add(key)

    def caught_up(self, owner: Hashable) -> bool:
        """Return whether the store has reached everything that was written for an owner."""
        kinds = self._owners.get(owner)
        if kinds is None:
            return True
        for name, expected in tuple(kinds.items()):
            if expected.met() or self._given_up(owner, expected):
                del kinds[name]
        if kinds:
            return False
        del self._owners[owner]
        return True

    def forget(self, owner: Hashable) -> None:
        """Drop what is expected for an owner that is gone."""
        self._owners.pop(owner, None)

    def _tidy(self) -> None:
        """Drop what is met of the oldest owner, so that only who is behind is remembered."""
        owner = next(iter(self._owners), None)
        if owner is None:
            return
        kinds = self._owners.pop(owner)
        left = {name: expected for name, expected in kinds.items() if not expected.met()}
        if left:
            self._owners[owner] = left

    def __len__(self) -> int:
        return len(self._owners)

    def _of(self, owner: Hashable, table: Table[Any, Any]) -> _Expected:
        kinds = self._owners.setdefault(owner, {})
        expected = kinds.get(table.kind.kind)
        if expected is None or expected.epoch != table.epoch:
            expected = kinds[table.kind.kind] = _Expected(table, 0, table.epoch, set())
        return expected

    def _given_up(self, owner: Hashable, expected: _Expected) -> bool:
        now = self._clock()
        if expected.behind_since is None:
            expected.behind_since = now
        if now - expected.behind_since < LONGEST_SECONDS:
            return False
        self.overdue += 1
        log.warning(
            "the watch has not told our own write for too long, going on without it",
            owner=str(owner),
            kind=expected.table.kind.kind,
            version=expected.version,
            reached=expected.table.reached,
        )
        return True
