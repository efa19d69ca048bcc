"""Verifies one epoch of a ledger from its objects alone, in one pass over its entries.

Three things have to agree: the entries, the chain of hashes in them, and the heads that the log
signed (those that lie beside the entries, and those that somebody remembered elsewhere).

It answers with findings (see `findings`). Benign things are none: whoever is warned of nothing
stops listening.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from glovebox.errors import InvalidInput
from glovebox.evidence.locks import defect_of_lock
from glovebox.ledger import findings as words
from glovebox.ledger.cosignatures import judge_apart, signature_in
from glovebox.ledger.entry import CONTRADICTS, Entry, Kind, decode_entry, digest_of_bytes, time_text
from glovebox.ledger.findings import LedgerReport, RetiredKey, VouchedFor
from glovebox.ledger.genesis import open_genesis
from glovebox.ledger.history import History, SignedHead
from glovebox.ledger.key_events import retired_key
from glovebox.ledger.layout import checkpoint_path, entry_path
from glovebox.ledger.note import parse_vkey
from glovebox.ledger.pace import CLOCKS, ends_epoch
from glovebox.ledger.policy import Accepted, Policy
from glovebox.ledger.source import Lock, Source, Stored
from glovebox.ledger.timestamps import Stamp, Stamps, verified_time
from glovebox.ledger.tree import leaf_hash

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from glovebox.ledger.note import Signature

# For how long entries may wait for a checkpoint without a word.
_WAITING: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LedgerDemand:
    """What a verification asks for.

    Attributes:
        policy: Which logs and witnesses count.
        now: When locks have to hold.
        remembered: Checkpoints (signed notes) that somebody kept elsewhere.
        locks: Whether an object that nothing protects is a finding.
        timestamp_roots: Certificates of authorities that are trusted; without any, timestamps are
            not looked at.
    """

    policy: Policy
    now: datetime
    remembered: Sequence[bytes] = ()
    locks: bool = True
    timestamp_roots: Sequence[Certificate] = ()


def verify_ledger(source: Source, demand: LedgerDemand) -> LedgerReport:
    """Verify an epoch of a ledger. Blocks as its source does."""
    return _Verification(source, demand).run()


class _Verification:
    def __init__(self, source: Source, demand: LedgerDemand) -> None:
        self._source, self._demand = source, demand
        self._report = LedgerReport()
        self._history = History(source.tile, self._report)
        self._heads: list[SignedHead] = []
        self._ids: set[str] = set()
        self._previous = ""
        self._ended = False
        self._waiting_since: datetime | None = None
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._stamps = Stamps(())

    def run(self) -> LedgerReport:
        self._look_at_genesis()
        # The smallest last: they are taken off the end.
        self._heads = sorted(self._signed_heads(), key=lambda each: -each.head.size)
        self._stamps = Stamps(self._verified_stamps())
        for path in self._source.strangers():
            self._report.note(words.STRANGER, path, words.MEANINGS[words.STRANGER])
        index = 0
        for found, stored in self._source.entries():
            if found > index:
                self._miss(index, found)
            self._compare_heads(found)
            self._take_entry(found, stored)
            index = found + 1
        self._compare_heads(index)
        self._history.finish()
        self._report.entries = index
        self._look_at_end(index)
        return self._report

    # -- what is signed

    def _look_at_genesis(self) -> None:
        stored = self._source.genesis()
        if stored is None:
            message = "there is none: no ledger begins here"
            self._report.note(words.GENESIS_INVALID, "genesis", message)
            return
        self._previous = digest_of_bytes(stored.body)
        try:
            self._report.genesis = open_genesis(stored.body, self._demand.policy.logs)
        except InvalidInput as error:
            self._report.note(words.GENESIS_INVALID, "genesis", error.message)
        else:
            self._latest = self._report.genesis.created
        self._look_at_object("genesis", stored)

    def _signed_heads(self) -> Iterable[SignedHead]:
        said = self._signatures_of_witnesses()
        for size, stored in self._source.checkpoints():
            where = checkpoint_path(size)
            self._look_at_object(where, stored)
            own = said.pop(size, [])
            for body in (stored.body, *stored.others):
                accepted = self._judged(where, body, own if body is stored.body else [])
                if accepted is not None:
                    head = SignedHead(where, accepted)
                    if head.head.size != size:
                        message = f"it is of size {head.head.size}, and lies at {size}"
                        self._report.note(words.CHECKPOINT_INVALID, where, message)
                    yield head
        for number, raw in enumerate(self._demand.remembered, 1):
            where = f"remembered head {number}"
            accepted = self._judged(where, raw)
            if accepted is not None:
                yield SignedHead(where, accepted, is_remembered=True)

    def _signatures_of_witnesses(self) -> dict[int, list[tuple[str, Signature]]]:
        """Return by size what can be a witness's signature; anything else is a finding."""
        found: dict[int, list[tuple[str, Signature]]] = {}
        for each in self._source.said_of_heads():
            signature = signature_in(each)
            if signature is None:
                message = "it is not the one signature of the key that its name says; left out"
                self._report.note(words.COSIGNATURE_INVALID, each.where, message)
            else:
                found.setdefault(each.size, []).append((each.where, signature))
        return found

    def _verified_stamps(self) -> list[Stamp]:
        stamps: list[Stamp] = []
        unread = 0
        for each in self._source.stamped_heads():
            if not self._demand.timestamp_roots:
                unread += 1
                continue
            try:
                moment = verified_time(each, self._demand.timestamp_roots)
            except InvalidInput as error:
                self._report.note(words.TIMESTAMP_INVALID, each.where, error.message)
            else:
                stamps.append(Stamp(each.size, moment))
        if unread:
            noun = "timestamp" if unread == 1 else "timestamps"
            self._report.unchecked.append(f"{unread:,} {noun} (--timestamp-roots)")
        self._report.dated = stamps
        return stamps

    def _judged(
        self, where: str, raw: bytes, said: Sequence[tuple[str, Signature]] = ()
    ) -> Accepted | None:
        try:
            judged = judge_apart(raw, said, self._demand.policy, where)
        except InvalidInput as error:
            self._report.note(words.CHECKPOINT_INVALID, where, error.message)
            return None
        for place, message in judged.refused:
            self._report.note(words.COSIGNATURE_INVALID, place, message)
        accepted = judged.accepted
        genesis = self._report.genesis
        if genesis is not None and accepted.opened.checkpoint.origin != genesis.origin:
            message = f"it is of the log {accepted.opened.checkpoint.origin}"
            self._report.note(words.CHECKPOINT_INVALID, where, message)
            return None
        return accepted

    def _compare_heads(self, size: int) -> None:
        here: list[SignedHead] = []
        while self._heads and self._heads[-1].head.size <= size:
            here.append(self._heads.pop())
        if here:
            self._history.compare(here)
            if self._history.settled == size:
                self._waiting_since = None

    # -- entries, one after the other

    def _miss(self, begin: int, end: int) -> None:
        which = f"index {begin}" if end == begin + 1 else f"indexes {begin} to {end - 1}"
        self._report.note(words.ENTRY_MISSING, entry_path(begin), f"nothing lies at {which}")
        self._previous = ""
        for index in range(begin, end):
            self._compare_heads(index)
            self._history.add(None)

    def _take_entry(self, index: int, stored: Stored) -> None:
        where = entry_path(index)
        self._history.add(leaf_hash(stored.body))
        if self._ended:
            message = words.MEANINGS[words.ENTRY_AFTER_END]
            self._report.note(words.ENTRY_AFTER_END, where, message)
        entry = self._decoded(where, index, stored.body)
        self._look_at_object(where, stored, entry)
        if stored.lock is not None:
            self._count_lock(stored.lock)
        self._previous = digest_of_bytes(stored.body)
        if self._waiting_since is None and entry is not None:
            self._waiting_since = entry.written

    def _decoded(self, where: str, index: int, body: bytes) -> Entry | None:
        try:
            entry = decode_entry(body)
        except InvalidInput as error:
            self._report.note(words.ENTRY_INVALID, where, error.message)
            return None
        if entry.index != index:
            message = f"it says that its index is {entry.index}"
            self._report.note(words.INDEX_DIFFERS, where, message)
        if self._previous and entry.previous != self._previous:
            message = f"it follows on {entry.previous}, and before it lies {self._previous}"
            self._report.note(words.CHAIN_BROKEN, where, message)
        if entry.id in self._ids:
            message = f"an earlier entry has its id {entry.id}"
            self._report.note(words.ID_REPEATED, where, message)
        self._ids.add(entry.id)
        if CONTRADICTS in entry.details:
            self._report.remarks.append(
                f"{where} records the same event as entry {entry.details[CONTRADICTS]}, and says"
                " something else of it: somebody else wrote one of them, or it was written again"
                " after a crash or a restore"
            )
        self._compare_with_stamps(where, entry)
        self._report.kinds[entry.kind] = self._report.kinds.get(entry.kind, 0) + 1
        self._latest = after = max(self._latest, entry.written)
        self._report.objects += [
            VouchedFor(index, each, entry.written, after) for each in entry.objects
        ]
        if (key := retired_key(entry)) is not None:
            self._report.retired.setdefault(key[0], RetiredKey(index, key[1]))
        if entry.kind == Kind.EPOCH_ENDED:
            self._look_at_end_of_epoch(where, entry)
        return entry

    def _look_at_end_of_epoch(self, where: str, entry: Entry) -> None:
        genesis = self._report.genesis
        if genesis is None or ends_epoch(entry, parse_vkey(genesis.log_key)):
            self._ended = True
        else:
            self._report.remarks.append(
                f"{where} says that the epoch ended, and has no signature of the log over that"
            )

    def _compare_with_stamps(self, where: str, entry: Entry) -> None:
        after, before = self._stamps.bounds(entry.index)
        written = time_text(entry.written)
        if before is not None and entry.written > before + CLOCKS:
            message = f"it says that it was written at {written}, and was known at"
            self._report.note(words.TIME_DIFFERS, where, f"{message} {time_text(before)}")
        elif after is not None and entry.written < after - CLOCKS:
            message = f"it says that it was written at {written}, and was not there at"
            self._report.note(words.TIME_DIFFERS, where, f"{message} {time_text(after)}")

    def _look_at_object(self, where: str, stored: Stored, entry: Entry | None = None) -> None:
        if stored.versions > 1:
            message = f"{stored.versions} versions have this key; the oldest was looked at"
            self._report.note(words.SEVERAL_VERSIONS, where, message)
        if stored.markers:
            message = words.MEANINGS[words.DELETE_MARKER]
            self._report.note(words.DELETE_MARKER, where, message)
        lock = stored.lock
        if lock is None or lock.is_held or not self._demand.locks:
            return
        defect = defect_of_lock(lock.mode, lock.until, self._demand.now)
        if defect:
            self._report.note(words.UNLOCKED, where, defect)
        elif entry is not None:
            self._compare_with_stated(where, lock, entry)

    def _compare_with_stated(self, where: str, lock: Lock, entry: Entry) -> None:
        days = self._report.genesis.lock_days if self._report.genesis is not None else 0
        stated = entry.written + timedelta(days=days)
        if days and (lock.mode != "Compliance" or datetime.fromisoformat(lock.until) < stated):
            message = (
                f"it is locked until {lock.until} in {lock.mode} mode, and the genesis states"
                f" Compliance until {time_text(stated)}"
            )
            self._report.note(words.LOCK_SHORTENED, where, message)

    def _count_lock(self, lock: Lock) -> None:
        count = self._report.locks
        if not lock.is_held and defect_of_lock(lock.mode, lock.until, self._demand.now):
            count.unlocked += 1
            return
        if lock.is_held or lock.mode == "Compliance":
            count.locked += 1
        else:
            count.governance += 1
        if lock.until and (not count.until or lock.until < count.until):
            count.until = lock.until

    # -- the end

    def _look_at_end(self, size: int) -> None:
        for each in reversed(self._heads):
            message = f"it is of {each.head.size} entries, and {size} are here"
            self._report.note(words.WENT_BACK, each.where, message)
        largest = max((each.head.size for each in self._heads if not each.is_remembered), default=0)
        if largest:
            message = f"nothing lies at indexes {size} to {largest - 1}"
            self._report.note(words.ENTRY_MISSING, entry_path(size), message)
        self._look_at_newest(size)

    def _look_at_newest(self, size: int) -> None:
        newest = self._report.newest
        covered = newest.opened.head.size if newest is not None else 0
        if covered < self._history.settled:
            message = (
                f"no checkpoint here reaches the {self._history.settled} entries that were seen"
                " signed"
            )
            self._report.note(words.WENT_BACK, checkpoint_path(self._history.settled), message)
        if newest is not None and not newest.is_met:
            signed = ", ".join(newest.cosigned) or "none"
            message = f"the policy asks for {self._demand.policy.quorum}; signed by: {signed}"
            self._report.note(words.NOT_WITNESSED, checkpoint_path(covered), message)
        if covered < size:
            since = self._waiting_since
            is_late = since is not None and self._demand.now - since > _WAITING
            age = f", the first since {time_text(since)}" if is_late and since is not None else ""
            self._report.remarks.append(
                f"{size - covered} entries are in no checkpoint yet{age}: their end could be cut"
                " off unnoticed"
            )
