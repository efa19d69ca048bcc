"""What waits for one destination, and when it may be tried again: order, backoff, breaker. Pure.

Nothing here sends. Whoever does asks `next`, and says how it went:

    delivered   it goes
    failed      the destination is down, or not what was configured: it rests, and everything waits
    refused     the event is not taken; the third time, when others were taken meanwhile, it is a
                dead letter
    postpone    the event itself cannot be read now: others go first
    unread      nothing can be read of its bucket now: that rests, and what lies elsewhere goes on

The events of a run keep their order. A destination that refuses everything judges no event: a
mistake in its configuration must not cost them, so nothing is given up, and soon it rests like one
that is down.

Teams take turns, and no run keeps another one waiting: whatever went wrong with one, however often,
those of which nothing is known to be wrong go first. A destination may fail over one event alone,
and a team can choose the names in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from glovebox.lineage.events import START

# A destination that does not answer rests so long, doubled each time.
_REST_SECONDS: Final = 1.0
REST_MOST_SECONDS: Final = 300.0
# An event that is refused is tried again after a while: whoever has the destination may correct it.
_REFUSED_SECONDS: Final = 60.0
_REFUSED_MOST: Final = 600.0
REFUSALS: Final = 3
# So many refusals in a row, of whatever events, are no judgement of an event.
_ALL_REFUSED: Final = 10
_UNREADABLE_SECONDS: Final = 30.0
_UNREADABLE_MOST: Final = 600.0


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event on its way to one destination.

    Attributes:
        name: Of its note, a ConfigMap.
        note_uid: UID of the note.
        destination: Name of the destination.
        team: Namespace of the Experiment.
        experiment: Its name.
        uid: Its UID.
        type: Of the event.
        time: Of the event, RFC 3339.
        store: Name of the ObjectStore with its record.
        bucket: The bucket.
        key: The key.
        digest: SHA-256 of the event.
        noted: Since when it waits, as Unix time.
    """

    name: str
    note_uid: str
    destination: str
    team: str
    experiment: str
    uid: str
    type: str
    time: str
    store: str
    bucket: str
    key: str
    digest: str
    noted: float

    @property
    def place(self) -> tuple[bool, str, str]:
        """Where it comes in its run."""
        return (self.type != START, self.time, self.name)


@dataclass(slots=True)
class _Run:
    events: list[PendingEvent] = field(default_factory=list)
    rests_until: float = 0.0
    refusals: int = 0
    # How many events the destination had taken when it refused this run's first.
    taken_before: int = 0
    unreadable: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """Where the record of its next event lies: store and bucket."""
        return self.events[0].store, self.events[0].bucket


@dataclass(slots=True)
class _Away:
    """A bucket of which nothing could be read."""

    rests_until: float
    times: int = 1


class DeliveryQueue:
    """The events for one destination.

    Args:
        jitter: Returns a number from 0 to 1.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._runs: dict[str, _Run] = {}
        # Whose turn it is: UIDs of runs of which nothing is known to be wrong, by team; and of the
        # others. Whoever had a turn goes to the end.
        self._sound: dict[str, dict[str, None]] = {}
        self._troubled: dict[str, None] = {}
        self._away: dict[tuple[str, str], _Away] = {}
        self._known: dict[str, PendingEvent] = {}
        self._failures = 0
        self._refused_in_a_row = 0
        self._taken = 0
        self._rests_until = 0.0

    def __len__(self) -> int:
        """Return how many events wait."""
        return len(self._known)

    @property
    def is_up(self) -> bool:
        """Whether the last attempt found the destination to be there."""
        return self._failures == 0

    @property
    def oldest(self) -> float | None:
        """Since when the oldest event waits, as Unix time; None when none does."""
        return min((event.noted for event in self._known.values()), default=None)

    def add(self, event: PendingEvent) -> bool:
        """Take in an event; return whether it was not known."""
        if event.name in self._known:
            return False
        self._known[event.name] = event
        run = self._runs.setdefault(event.uid, _Run())
        run.events.append(event)
        run.events.sort(key=lambda each: each.place)
        if event.uid not in self._troubled:
            self._sound.setdefault(event.team, {})[event.uid] = None
        return True

    def next(self, now: float) -> PendingEvent | None:
        """Return the event whose turn it is; None when nothing may be tried now.

        Args:
            now: Monotonic seconds.
        """
        if now < self._rests_until:
            return None
        for uid in self._in_turn():
            run = self._runs[uid]
            if self._ready_at(run) <= now:
                return run.events[0]
        return None

    def wait_seconds(self, now: float) -> float | None:
        """Return after how many seconds something may be tried; None when nothing waits."""
        first = min((self._ready_at(run) for run in self._runs.values()), default=None)
        return None if first is None else max(0.0, first - now, self._rests_until - now)

    def answered(self) -> None:
        """Say that the destination takes events."""
        self._failures = self._refused_in_a_row = 0
        self._taken += 1
        self._rests_until = 0.0

    def drop(self, event: PendingEvent) -> None:
        """Say that an event is delivered, or given up."""
        self._known.pop(event.name, None)
        run = self._runs.get(event.uid)
        if run is None:
            return
        run.events = [each for each in run.events if each.name != event.name]
        run.refusals = run.unreadable = 0
        run.rests_until = 0.0
        self._leave(event)
        if run.events:
            self._sound.setdefault(event.team, {})[event.uid] = None
        else:
            del self._runs[event.uid]

    def failed(self, event: PendingEvent, now: float, at_least: float = 0.0) -> float:
        """Say that the destination did not take an event, whatever the event; return its rest.

        Args:
            event: The event. It may be the cause, so others go first when the destination is back.
            now: Monotonic seconds.
            at_least: What the destination asked for, in seconds.
        """
        self._trouble(event)
        self._failures += 1
        rest = min(_REST_SECONDS * 2.0 ** min(self._failures, 16), REST_MOST_SECONDS)
        rest = max(rest * (0.75 + self._jitter() / 2), min(at_least, REST_MOST_SECONDS))
        self._rests_until = now + rest
        return rest

    def refused(self, event: PendingEvent, now: float) -> bool:
        """Say that this event is not taken; return whether it is a dead letter by now."""
        run = self._trouble(event)
        if not run.refusals:
            run.taken_before = self._taken
        run.refusals += 1
        rest = min(_REFUSED_SECONDS * run.refusals, _REFUSED_MOST)
        run.rests_until = now + rest * (0.75 + self._jitter() / 2)
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= _ALL_REFUSED:
            self.failed(event, now)
        else:
            self._failures = 0
        return run.refusals >= REFUSALS and self._taken > run.taken_before

    def postpone(self, event: PendingEvent, now: float) -> None:
        """Say that an event could not be read, or its note not be taken away: others go first."""
        run = self._trouble(event)
        run.unreadable += 1
        rest = min(_UNREADABLE_SECONDS * run.unreadable, _UNREADABLE_MOST)
        run.rests_until = now + rest * (0.75 + self._jitter() / 2)

    def unread(self, event: PendingEvent, now: float) -> None:
        """Say that the record of an event cannot be read, and why lies with its store."""
        self._trouble(event)
        before = self._away.get((event.store, event.bucket))
        times = before.times + 1 if before is not None else 1
        rest = min(_UNREADABLE_SECONDS * times, REST_MOST_SECONDS)
        until = now + rest * (0.75 + self._jitter() / 2)
        self._away[event.store, event.bucket] = _Away(until, times)

    def was_read(self, event: PendingEvent) -> None:
        """Say that the store of an event answers."""
        self._away.pop((event.store, event.bucket), None)

    def _in_turn(self) -> Iterator[str]:
        """Yield the runs in the order of their turns: of each team the first, then the next."""
        sound = [iter(runs) for runs in self._sound.values()]
        while sound:
            heads = [(runs, uid) for runs in sound if (uid := next(runs, None)) is not None]
            yield from (uid for _, uid in heads)
            sound = [runs for runs, _ in heads]
        yield from self._troubled

    def _ready_at(self, run: _Run) -> float:
        away = self._away.get(run.place)
        return max(run.rests_until, away.rests_until if away is not None else 0.0)

    def _trouble(self, event: PendingEvent) -> _Run:
        """Put a run behind all others, and its team behind all others."""
        self._leave(event)
        self._troubled[event.uid] = None
        return self._runs[event.uid]

    def _leave(self, event: PendingEvent) -> None:
        self._troubled.pop(event.uid, None)
        runs = self._sound.pop(event.team, {})
        runs.pop(event.uid, None)
        if runs:
            self._sound[event.team] = runs
