"""Logs that were read and that their store has not taken yet, held in memory for the next look.

What may be held is bounded in bytes, by store and by Experiment: a store that takes no logs costs
those of other stores nothing, and one Experiment does not take all of a store's part. A log that a
store takes at once needs no place here.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from glovebox.kube.resources import Key

STORE_MOST: Final = 16 << 20
EXPERIMENT_MOST: Final = 4 << 20
# Of an empty log, so that their number has a bound as well.
_LEAST: Final = 4 << 10


class HeldLog(NamedTuple):
    """A log without secrets, as it is put into the store."""

    store: str
    body: bytes
    redactions: int
    truncated: bool  # false: not known
    final: bool


class Place(NamedTuple):
    """Whose log it is."""

    experiment: Key
    pod_uid: str
    container: str


class HeldLogs:
    """The logs that this process holds."""

    def __init__(self) -> None:
        self._held: dict[Place, HeldLog] = {}
        self._of_store: Counter[str] = Counter()
        self._of_experiment: Counter[Key] = Counter()

    def get(self, place: Place) -> HeldLog | None:
        """Return the log that is held there."""
        return self._held.get(place)

    def hold(self, place: Place, log: HeldLog) -> bool:
        """Hold a log, unless there is no room for it; return whether it is held."""
        if place in self._held:
            return True
        if not self.has_room(place.experiment, log.store, len(log.body)):
            return False
        self._held[place] = log
        self._count(place, log, _size(log))
        return True

    def has_room(self, experiment: Key, store: str, size: int) -> bool:
        """Whether one more log of that many bytes may be held."""
        needed = max(size, _LEAST)
        return (
            self._of_store[store] + needed <= STORE_MOST
            and self._of_experiment[experiment] + needed <= EXPERIMENT_MOST
        )

    def drop(self, place: Place) -> None:
        """Let go of a log, whether it is held or not."""
        log = self._held.pop(place, None)
        if log is not None:
            self._count(place, log, -_size(log))

    def forget(self, experiment: Key) -> None:
        """Let go of all logs of an Experiment that is gone."""
        for place in [each for each in self._held if each.experiment == experiment]:
            self.drop(place)

    def _count(self, place: Place, log: HeldLog, size: int) -> None:
        self._of_store[log.store] += size
        self._of_experiment[place.experiment] += size
        if not self._of_experiment[place.experiment]:
            del self._of_experiment[place.experiment]


def _size(log: HeldLog) -> int:
    return max(len(log.body), _LEAST)
