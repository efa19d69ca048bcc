"""Writes a ledger: `append`, exactly once for each event, and `publish`, which signs its head.

Any number of writers may write at once; the conditional PUT of the next index is their only lock.
Each of them knows every entry up to that index, so it neither tells an event twice nor leaves a
hole:

- Before it claims an index it has read all entries back to the time of the event, and further by
  what clocks may differ. The same event (`Event.id`, and what it says) is found and not written
  again, whoever wrote it, and whether or not the answer came. An entry that has its id and says
  something else suppresses nothing: the event is written beside it, and names it.
- It goes on to the next index only when it has seen who has this one.

What is read back below the newest signed head has to be what was signed there: nothing is written
behind an entry whose bytes were replaced. A stranger's entry behind the head suppresses nothing,
and is left to `glovebox ledger verify`: it stays, and would stop the ledger for ever.

A head is signed only when it continues the newest one that lies there *and* the one that the caller
remembers: a bucket that was restored, emptied or swapped is refused, not continued.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import Conflict, InvalidInput
from glovebox.ledger.checkpoint import EMPTY, Checkpoint, Head, sign_checkpoint
from glovebox.ledger.entry import (
    Entry,
    Event,
    contradicting,
    contradicting_id,
    decode_entry,
    digest_of_bytes,
    encode_entry,
    says,
)
from glovebox.ledger.genesis import Genesis, open_genesis, read_genesis
from glovebox.ledger.layout import Layout
from glovebox.ledger.note import VerifierKey, vkey_of
from glovebox.ledger.pace import CLOCKS, Due, compute_due, compute_wait, ends_epoch, idle_event
from glovebox.store.connection import Stop
from glovebox.store.ledger_objects import LedgerPlace, read_oldest, write_once
from glovebox.store.ledger_tail import find_size
from glovebox.store.ledger_tree import LedgerTree

if TYPE_CHECKING:
    from glovebox.evidence.signer import Signer

# How many entries are remembered by id; others are read again when an old event comes.
_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an event stands."""

    epoch: int
    index: int


class LedgerWriter:
    """One writer of the present epoch; made by `open_ledger`. Threads may share it.

    Args:
        place: Where.
        layout: Which epoch.
        genesis: Of that epoch, and its stored bytes.
        signer: The log's key. It is not the key of seals.
        known: The newest head that the caller ever saw of this epoch, from a place of its own.
        now: Time of day.
    """

    def __init__(
        self,
        place: LedgerPlace,
        layout: Layout,
        genesis: tuple[Genesis, bytes],
        signer: Signer,
        known: Head,
        now: Callable[[], datetime],
    ) -> None:
        self.genesis, self.layout = genesis[0], layout
        self._place, self._signer, self._known, self._now = place, signer, known, now
        self._first = digest_of_bytes(genesis[1])
        self._alone = threading.Lock()
        self._tree = LedgerTree(place, layout, vkey_of(self.genesis.origin, signer.public))
        self._size = -1
        self._previous = self._first
        self._last: datetime = self.genesis.created
        self._waiting_since: datetime | None = None
        self._is_ended = False
        # Entries by id, from `_horizon` (epoch, index) on; read backwards as far as was needed.
        self._ids: dict[str, Placed] = {}
        # And by what they say.
        self._told: dict[tuple[str, str], Placed] = {}
        self._behind: Iterator[tuple[Placed, Entry | None]] = iter(())
        # Of the call that goes on: what is read back was begun by an earlier one, which may have
        # been told to stop since.
        self._stop = Stop()
        self._horizon: datetime | None = None

    def append(
        self,
        event: Event,
        stop: Stop,
        retain_until: datetime | None = None,
        *,
        since: datetime | None = None,
    ) -> Placed:
        """Write an event, unless it is written; return where it stands. Blocks.

        Args:
            event: With an id that is the same in each attempt.
            stop: Looked at between requests.
            retain_until: The end of the longest lock that the entry speaks of.
            since: When it may have been told first, where each attempt has another `event.time`.

        Raises:
            InvalidInput: The event has no place in a ledger, or the bucket holds less than was
                seen before.
            Conflict: The epoch has ended: open the ledger again.
            GloveboxError: The store does not answer, or denies it. Call again with the same event.
        """
        with self._alone:
            self._begin(stop)
            found = self._find(event, since)
            while found is None:
                if self._is_ended:
                    raise self._closed()
                index, written = self._size, self._now()
                body = encode_entry(self._worded(event), index, self._previous, written)
                until = self._until(written, retain_until)
                key = self.layout.entry(index)
                stored = write_once(self._place, key, body, until, stop)
                self._take(stored)
                own = Placed(self.layout.epoch, index) if stored == body else None
                found = self._told_at(event) or own
            return found

    def publish(self, stop: Stop) -> Head:
        """Sign the present head, unless that was done; return it. Blocks.

        Whoever calls keeps the head that is returned, and gives it to `open_ledger` from then on.

        Raises:
            InvalidInput: The bucket holds less, or another ledger, than was seen before; or an
                entry is missing. Nothing is signed.
            GloveboxError: The store does not answer, or denies it. Calling again is safe.
        """
        with self._alone:
            self._begin(stop)
            self._catch_up(stop)
            head = self._tree.head(self._size, self._known, stop)
            if self._tree.published is None or self._tree.published.size < head.size:
                # What this process remembers is worth nothing if the bucket was emptied meanwhile.
                self._require_head(self._tree.published, stop)
                until = self._until(self._now(), None)
                self._tree.write(until, stop)
                checkpoint = Checkpoint(self.genesis.origin, head)
                raw = sign_checkpoint(checkpoint, self._signer)
                key = self.layout.checkpoint(head.size)
                self._tree.accept(write_once(self._place, key, raw, until, stop), head)
            self._known, self._waiting_since = head, None
            return head

    def newest(self) -> Head | None:
        """Return the newest head that is known to be signed; None before anything was read."""
        with self._alone:
            return self._tree.published

    @property
    def key(self) -> VerifierKey:
        """What checks the signatures of the log."""
        return vkey_of(self.genesis.origin, self._signer.public)

    def retain_until(self) -> datetime | None:
        """Return until when what is written now is locked; None: as the bucket does."""
        return self._until(self._now(), None)

    def wait(self) -> timedelta:
        """Return for how long nothing is due, as far as this writer knows."""
        with self._alone:
            return compute_wait(self._waiting_since, self._last, self._now())

    def tend(self, stop: Stop) -> Head | None:
        """Do what is due: sign what was written, or tell that nothing happened. Blocks.

        Returns:
            The head, when one was signed.
        """
        with self._alone:
            self._begin(stop)
            self._catch_up(stop)
            due = compute_due(self._waiting_since, self._last, self._now())
            event = idle_event(self.genesis.origin, self._previous, self._now())
        if due is Due.IDLE and not self._is_ended:
            self.append(event, stop)
        return None if due is Due.NOTHING else self.publish(stop)

    # -- where it ends

    def _begin(self, stop: Stop) -> None:
        """Find the end, once; and again when more was read than is to be remembered."""
        self._stop = stop
        if self._size >= 0 and len(self._ids) <= _REMEMBERED:
            return
        try:
            self._find_end(stop)
        except BaseException:
            # Half of it is nothing: an index below the end must never be claimed.
            self._size = -1
            raise

    def _find_end(self, stop: Stop) -> None:
        size = find_size(self._place, self.layout, self._known.size, stop)
        if size < self._known.size:
            raise InvalidInput(
                reasons.LEDGER_WENT_BACK,
                f"s3://{self._place.bucket}/{self.layout.prefix} holds {size} entries, and"
                f" {self._known.size} were seen signed with root {self._known.root_text}: find out"
                " who restored or replaced the bucket",
            )
        self._require_head(self._known, stop)
        self._ids, self._told, self._horizon, self._waiting_since = {}, {}, None, None
        self._size = begin = self._tree.load(size, stop)
        self._previous = self._tree.digest_of(begin - 1, stop) if begin else self._first
        self._behind = self._backwards(self.layout, begin)
        if begin:
            last = self._look_behind()
            self._last = last.written if last is not None else self._last
            self._is_ended = last is not None and ends_epoch(last, self.key)
        while self._size < size:
            body = read_oldest(self._place, self.layout.entry(self._size), stop)
            if body is None:
                self._tree.miss(self._size)
                self._size += 1
            else:
                self._take(body)

    def _require_head(self, head: Head | None, stop: Stop) -> None:
        """Refuse a bucket that lost a head that was signed in it."""
        if head is None or not head.size:
            return
        if read_oldest(self._place, self.layout.checkpoint(head.size), stop) is None:
            raise InvalidInput(
                reasons.LEDGER_WENT_BACK,
                f"the checkpoint over {head.size} entries with root {head.root_text} is not in"
                f" s3://{self._place.bucket}/{self.layout.prefix} any more: find out who restored"
                " or replaced the bucket",
            )

    def _catch_up(self, stop: Stop) -> None:
        while (body := read_oldest(self._place, self.layout.entry(self._size), stop)) is not None:
            self._take(body)

    def _take(self, body: bytes) -> None:
        """Go on behind an entry that lies at the end."""
        entry = _read(body)
        self._tree.add(self._size, body)
        self._remember(Placed(self.layout.epoch, self._size), entry)
        self._size, self._previous = self._size + 1, digest_of_bytes(body)
        if entry is not None:
            self._last = entry.written
            self._is_ended = self._is_ended or ends_epoch(entry, self.key)
        self._waiting_since = self._waiting_since or self._last

    # -- what was told before

    def _find(self, event: Event, since: datetime | None) -> Placed | None:
        """Return where an event stands, reading back to the time at which it happened."""
        if event.time > self._now() + CLOCKS:
            raise InvalidInput(
                reasons.LEDGER_INVALID,
                f"the event {event.id} has a time that is still to come: correct the clock that"
                " gave it",
            )
        # The event's clock may be ahead of its writer's, and that one ahead of a later writer's.
        earliest = min(event.time, since or event.time) - 2 * CLOCKS
        while self._horizon is None or self._horizon >= earliest:
            if (found := self._told_at(event)) is not None:
                return found
            try:
                self._look_behind()
            except StopIteration:
                break
        return self._told_at(event)

    def _told_at(self, event: Event) -> Placed | None:
        """Return where an event stands as it is: its id alone may be on somebody else's entry."""
        said = says(event)
        found = (self._told.get((each, said)) for each in (event.id, contradicting_id(event)))
        return next((placed for placed in found if placed is not None), None)

    def _worded(self, event: Event) -> Event:
        """Return an event as it is written: beside an entry that says something else of it."""
        other = self._ids.get(event.id)
        return event if other is None else contradicting(event, f"{other.epoch}/{other.index}")

    def _look_behind(self) -> Entry | None:
        """Read one entry further back; return it, or None where none can be read.

        Raises:
            StopIteration: There is no further one.
        """
        try:
            placed, entry = next(self._behind)
        except StopIteration:
            raise
        except BaseException:
            # A generator that failed says from then on that there is no further entry: the next
            # call begins again, or it would tell an event twice.
            self._size = -1
            raise
        self._remember(placed, entry)
        self._horizon = entry.written if entry is not None else self._horizon
        return entry

    def _backwards(self, layout: Layout, size: int) -> Iterator[tuple[Placed, Entry | None]]:
        for index in range(size - 1, -1, -1):
            self._stop.check()
            body = read_oldest(self._place, layout.entry(index), self._stop)
            if body is not None and layout == self.layout:
                self._tree.require_signed(index, body, self._stop)
            yield Placed(layout.epoch, index), _read(body) if body is not None else None
        if layout.epoch > 1:
            former = Layout(layout.organisation, layout.epoch - 1)
            size = find_size(self._place, former, 0, self._stop)
            yield from self._backwards(former, size)

    def _remember(self, placed: Placed, entry: Entry | None) -> None:
        if entry is not None:
            # The first place counts, should an event have been told twice.
            self._ids[entry.id] = _first(self._ids.get(entry.id, placed), placed)
            told = entry.id, says(entry)
            self._told[told] = _first(self._told.get(told, placed), placed)

    # -- small things

    def _until(self, written: datetime, retain_until: datetime | None) -> datetime | None:
        days = self.genesis.lock_days
        # A minute more: the store counts by its own clock.
        own = written + timedelta(days=days, minutes=1) if days else None
        return max((each for each in (own, retain_until) if each is not None), default=None)

    def _closed(self) -> Conflict:
        return Conflict(
            reasons.LEDGER_CLOSED,
            f"epoch {self.layout.epoch} of the ledger of {self.layout.organisation} has ended; open"
            " it again, it goes on in the next epoch",
        )


def open_ledger(
    place: LedgerPlace,
    organisation: str,
    signer: Signer,
    now: Callable[[], datetime],
    stop: Stop,
    *,
    known: Head = EMPTY,
    epoch: int = 0,
) -> LedgerWriter:
    """Return the writer of the newest epoch of a ledger. Blocks.

    Args:
        place: Where.
        organisation: Whose ledger.
        signer: The log's key.
        now: Time of day.
        stop: Looked at between requests.
        known: The newest head ever seen of that epoch, kept by the caller.
        epoch: Another epoch than the newest.

    Raises:
        InvalidInput: There is no such ledger, or another key signs it.
        GloveboxError: The store does not answer, or denies it.
    """
    layout = Layout(organisation, epoch or newest_epoch(place, organisation, stop))
    raw = read_oldest(place, layout.genesis, stop)
    if raw is None:
        raise InvalidInput(
            reasons.LEDGER_ABSENT,
            f"there is no ledger of {organisation} in bucket {place.bucket}: is it the right"
            " bucket, was it emptied or restored? Only for a new one: `glovebox ledger init`",
        )
    origin = read_genesis(raw).origin
    genesis = open_genesis(raw, [vkey_of(origin, signer.public)])
    return LedgerWriter(place, layout, (genesis, raw), signer, known, now)


def newest_epoch(place: LedgerPlace, organisation: str, stop: Stop) -> int:
    """Return the number of the newest epoch; 1 where there is none. Blocks."""
    layout = Layout(organisation, 1)
    while read_oldest(place, layout.next().genesis, stop) is not None:
        layout = layout.next()
    return layout.epoch


def _first(one: Placed, other: Placed) -> Placed:
    return min(one, other, key=lambda each: (each.epoch, each.index))


def _read(body: bytes) -> Entry | None:
    """Return the entry of stored bytes; None for what somebody else put there."""
    try:
        return decode_entry(body)
    except InvalidInput:
        return None
