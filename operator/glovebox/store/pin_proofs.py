"""Looks at pinned objects again, one by one: asks for them, or reads and hashes them. A stream.

One call does as much as it may take of the store and says how far it came: the next goes on behind
the last object. A loss is definite when that very version was asked for; what could not be read is
asked for once more at the end. A store that as a whole does not answer is an error, never a
finding: what was seen before that counts, and the next call begins where it did not answer.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from glovebox.api import reasons
from glovebox.data.compare import Difference, Tally
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.proof_budget import Cost
from glovebox.data.proof_levels import Level, ProofSlice, choose
from glovebox.errors import GloveboxError, Unavailable
from glovebox.store.answers import AnswerError
from glovebox.store.errors import translated
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.pin_checks import granted, is_store_wide
from glovebox.store.reading import digest_version, in_order, require_version
from glovebox.store.telling import Progress, Telling
from glovebox.store.version_lock import Lock, LockHiddenError, VersionLocks, lock_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from glovebox.store.connection import Stop, Store
    from glovebox.store.source_access import SourceAccess

_CHECKSUM: Final = {"x-amz-checksum-mode": "ENABLED"}
# How a HEAD says that there is no such version; see `listing.head_version`.
_ABSENT: Final = (400, 404, 405)
# A HEAD, and the question for a lock that it does not show.
_HEAD_REQUESTS: Final = 2
# So many that could not be read are asked for again; beyond that the store is in trouble.
_MOST_AGAIN: Final = 1000
_STRENGTH: Final = {"": 0, "Governance": 1, "Compliance": 2}


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """What of a pin is looked at, and how.

    Attributes:
        level: `Head`, `Sample` or `Full`.
        pin_root: Of the pin; with `seed` it decides which objects a sample reads.
        most: What this call may take.
        seed: Of a sample.
        sample: How many objects a sample reads.
        sample_bytes: How many bytes of them at most; 0 for any.
        after: Path of the last object that was looked at; empty at the beginning.
        is_first: Whether one object is looked at, however large it is.
    """

    level: Level
    pin_root: str
    most: Cost
    seed: str = ""
    sample: int = 0
    sample_bytes: int = 0
    after: str = ""
    is_first: bool = False


class Locks(Protocol):
    """What was seen of the locks of the pinned versions, by path. All of it blocks."""

    def of(self, path: str) -> Lock | None:
        """Return what was recorded of an object; they are asked for in the order of their paths."""

    def add(self, path: str, lock: Lock) -> None:
        """Record what the next proof compares with."""

    def finish(self) -> None:
        """Keep what was added."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came of looking at one object."""

    requests: int
    difference: Difference | None = None
    lock: Lock | None = None
    hides_lock: bool = False
    # Why the store as a whole did not answer: nothing is known of the object.
    failure: GloveboxError | None = None


async def prove_pin(
    store: Store,
    manifest: ManifestLocation,
    plan: ProofPlan,
    *,
    locks: Locks | None = None,
    access: SourceAccess | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    artifacts_store: Store | None = None,
    stop: Stop | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ProofSlice:
    """Look at the pinned objects of a plan, from where the one before ended.

    Args:
        store: Where the data are.
        manifest: As the pin was made.
        plan: What to look at.
        locks: What was seen of locks before, for the level `Head`; None compares none.
        access: Which objects may be looked at; None for all.
        on_progress: As in `build_pin`.
        artifacts_store: Where the manifest is, when that is another store.
        stop: Ends it; one of its own when absent.
        now: The time of day: a lock that has ended by itself was not shortened.

    Raises:
        Refused: `NotGranted`: an object is not, or no longer, granted.
        GloveboxError: The manifest is gone or differs from its digest, or the store as a whole does
            not answer before anything was seen.
    """
    told = Telling(on_progress)

    def job(stop: Stop) -> ProofSlice:
        proof = _Proof(store, artifacts_store or store, manifest, plan, locks, stop, now())
        return proof.run(access, told.add)

    return await store.run_job(job, stop)


class _Proof:
    """One call of `prove_pin`, in its job's thread."""

    def __init__(
        self,
        store: Store,
        artifacts_store: Store,
        manifest: ManifestLocation,
        plan: ProofPlan,
        locks: Locks | None,
        stop: Stop,
        now: datetime,
    ) -> None:
        self._store = store
        self._artifacts = artifacts_store
        self._manifest = manifest
        self._plan = plan
        self._recorded = locks
        self._stop = stop
        self._now = now
        self._locks: dict[str, VersionLocks] = {}
        self._taken = Cost()
        self._needs: int | None = None

    def run(self, access: SourceAccess | None, told: Callable[[int], None]) -> ProofSlice:
        plan, tally = self._plan, Tally()
        entries = self._entries()
        if access is not None:
            entries = granted(entries, access)
        again: list[Entry] = []
        objects = size = requests = hidden = 0
        after = plan.after
        for entry, seen in self._answered(self._within(entries)):
            objects, after = objects + 1, entry.path
            requests += seen.requests
            hidden += seen.hides_lock
            size += entry.size if plan.level is not Level.HEAD else 0
            found = self._compared(entry, seen)
            if found is not None and found.kind == "unreadable":
                _require_few(again, found)
                again.append(entry)
            elif found is not None:
                _note(tally, found)
            told(entry.size)
        # A moment later they may be readable.
        for _, seen in self._answered(again, needs_all=True):
            requests += seen.requests
            if seen.difference is not None:
                _note(tally, seen.difference)
        _require_some(objects, tally.findings().unreadable)
        if self._recorded is not None:
            self._recorded.finish()
        return ProofSlice(
            objects=objects,
            bytes=size,
            requests=requests,
            after=after,
            finished=self._needs is None,
            needs=self._needs or 0,
            findings=tally.findings(),
            hidden_locks=hidden,
        )

    def _answered(
        self, entries: Iterable[Entry], *, needs_all: bool = False
    ) -> Iterator[tuple[Entry, _Seen]]:
        """Yield what was seen of each, up to where the store as a whole did not answer.

        That counts: an attempt that began from the same place each time would take as much of the
        store each time, and none of it would be told of the budget.

        Raises:
            GloveboxError: It answered for none, or not for all where all are needed.
        """
        count, failure = 0, None
        for entry, seen in in_order(self._store, self._look, entries, self._stop):
            failure = failure or seen.failure
            if failure is None:
                count += 1
                yield entry, seen
            else:
                # The rest of the manifest is read as well.
                self._needs = self._needs or 0
        if failure is not None and (needs_all or not count):
            raise failure

    def _compared(self, entry: Entry, seen: _Seen) -> Difference | None:
        """Return what is wrong with an object, its lock included; record that lock."""
        if self._recorded is None:
            return seen.difference
        expected = self._recorded.of(entry.path)
        if seen.lock is None:
            # Not seen this time: what was seen before is still what it is compared with.
            if expected is not None:
                self._recorded.add(entry.path, expected)
            return seen.difference
        self._recorded.add(entry.path, _kept(expected, seen.lock, self._now))
        return seen.difference or _weakened(entry.path, expected, seen.lock, self._now)

    def _entries(self) -> Iterable[Entry]:
        plan = self._plan
        entries: Iterable[Entry] = fetch_manifest(self._artifacts, self._manifest, self._stop)
        if plan.level is Level.SAMPLE:
            entries = choose(entries, plan.seed, plan.pin_root, plan.sample, plan.sample_bytes)
        return entries

    def _within(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield what may be looked at now; the rest is read as well, which proves the manifest."""
        plan = self._plan
        after = plan.after.encode()
        for entry in entries:
            if self._needs is not None or (after and entry.path.encode() <= after):
                continue
            is_head = plan.level is Level.HEAD
            cost = Cost(0, _HEAD_REQUESTS) if is_head else Cost(entry.size, 1)
            total = self._taken + cost
            fits = total.bytes <= plan.most.bytes and total.requests <= plan.most.requests
            if not fits and not (plan.is_first and self._taken == Cost()):
                self._needs = cost.bytes
                continue
            self._taken = total
            yield entry

    def _look(self, entry: Entry) -> _Seen:
        try:
            return self._asked(entry) if self._plan.level is Level.HEAD else self._read(entry)
        except GloveboxError as error:
            if is_store_wide(error):
                return _Seen(1, failure=error)
            is_gone = error.reason == reasons.OBJECT_NOT_FOUND
            kind = "missing" if is_gone else "unreadable"
            expected = f"version {entry.version_id}"
            return _Seen(1, Difference(kind, entry.path, expected, error.message[:512]))

    def _read(self, entry: Entry) -> _Seen:
        hashed = digest_version(
            self._store.wire,
            entry.bucket,
            entry.key,
            entry.version_id,
            minimum=DigestSource.COMPUTED,
            stop=self._stop,
            hashing=self._store.hashing,
        )
        if (hashed.sha256, hashed.size) == (entry.sha256, entry.size):
            return _Seen(1)
        return _Seen(1, _differs(entry, hashed.sha256, hashed.size))

    def _asked(self, entry: Entry) -> _Seen:
        where = f"s3://{entry.bucket}/{entry.key} version {entry.version_id}"
        with translated(f"look for {where}"):
            try:
                headers = self._store.wire.head(
                    entry.bucket, entry.key, {"versionId": entry.version_id}, _CHECKSUM
                )
            except AnswerError as error:
                if error.status not in _ABSENT or not error.code:
                    raise
                gone = Difference("missing", entry.path, f"version {entry.version_id}", "none")
                return _Seen(1, gone)
        require_version(headers.get("x-amz-version-id"), entry.bucket, entry.key, entry.version_id)
        size = int(headers.get("Content-Length") or 0)
        stored = stored_sha256(headers)
        difference = None
        if size != entry.size:
            difference = Difference(
                "changed", entry.path, f"{entry.size} bytes", f"{size} bytes by its headers"
            )
        elif stored is not None and stored != entry.sha256:
            difference = Difference(
                "changed", entry.path, f"sha256:{entry.sha256}", f"stored checksum sha256:{stored}"
            )
        locks = self._locks.setdefault(entry.bucket, VersionLocks(self._store, entry.bucket))
        shown = lock_in(headers)
        try:
            lock = shown if shown.mode else locks.read(entry.key, entry.version_id, headers)
        except LockHiddenError:
            # Not known, so nothing is compared, and that is said.
            return _Seen(_HEAD_REQUESTS, difference, hides_lock=True)
        return _Seen(1 if shown.mode else _HEAD_REQUESTS, difference, lock)


def stored_sha256(headers: Mapping[str, str]) -> str | None:
    """Return the SHA-256 of the whole object that the store has on record, in hex, or None."""
    value, kind = headers.get("x-amz-checksum-sha256"), headers.get("x-amz-checksum-type")
    if not value or "-" in value or kind not in (None, "FULL_OBJECT"):
        return None
    try:
        return base64.b64decode(value, validate=True).hex()
    except binascii.Error:
        return None


def _differs(entry: Entry, sha256: str, size: int) -> Difference:
    return Difference(
        "changed",
        entry.path,
        f"sha256:{entry.sha256} ({entry.size} bytes)",
        f"sha256:{sha256} ({size} bytes)",
    )


def _weakened(path: str, expected: Lock | None, lock: Lock, now: datetime) -> Difference | None:
    """Return how a lock is less than it was; what has ended by itself is not."""
    if expected is None or expected.end is None or expected.end <= now:
        return None
    ends_early = lock.end is None or lock.end < expected.end
    if not ends_early and _STRENGTH[lock.mode] >= _STRENGTH[expected.mode]:
        return None
    return Difference("weakened", path, _in_words(expected), _in_words(lock))


def _kept(expected: Lock | None, lock: Lock, now: datetime) -> Lock:
    """Return what later proofs compare with: a lock that was shortened stays found."""
    if expected is None or expected.end is None or expected.end <= now:
        return lock
    return expected.longest(lock.mode, lock.until)


def _in_words(lock: Lock) -> str:
    return f"{lock.mode} until {lock.until}" if lock.mode else "not locked"


def _require_few(again: list[Entry], found: Difference) -> None:
    """Go on while few objects could not be read; beyond that the store is in trouble.

    Raises:
        Unavailable: They are too many.
    """
    if len(again) >= _MOST_AGAIN:
        raise Unavailable(
            reasons.STORE_FAILED,
            f"more than {_MOST_AGAIN:,} objects could not be read, so nothing is said of any of"
            f" them; the last: {found.found}",
        )


def _require_some(objects: int, unreadable: int) -> None:
    """Go on while anything could be read; where nothing can, the store is in trouble.

    Of a single object nobody can tell.

    Raises:
        Unavailable: None of several could be.
    """
    if objects > 1 and unreadable == objects:
        raise Unavailable(
            reasons.STORE_FAILED,
            f"none of {objects:,} objects could be read, so nothing is said of any of them",
        )


def _note(tally: Tally, found: Difference) -> None:
    tally.note(found.kind, found.path, found.expected, found.found)
