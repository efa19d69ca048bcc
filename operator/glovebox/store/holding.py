"""Puts legal holds on the versions of a pin. A stream, which goes on where it was left.

Of each version it is asked first whether somebody holds it already, and that is on record before
any of its segment is held. What others hold is theirs: it is left as it is, now and when ours is
let go. What is held for another manifest of ours is ours as well (see `data/hold_states.py`,
`store/hold_records.py`, `store/letting_go.py`).

A hold is one bit of the store. Whoever else may set it can take it off behind our back, and who
sets it while it is set leaves no trace. So of what is on record as held a few versions are looked
at each time; where one is not held, all are held again.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.hold_states import HELD, Term
from glovebox.errors import NotReady, Refused, Unavailable
from glovebox.store.hold_records import SEGMENT, HoldRecord, HoldRecords, hex_of
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.reading import in_order
from glovebox.store.version_hold import is_held, require_lock, set_hold
from glovebox.store.version_index import VersionIndex, version_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from glovebox.data.manifest import Entry
    from glovebox.store.connection import Stop, Store
    from glovebox.store.source_access import Location, SourceAccess

_AGAIN_SECONDS: Final = 60.0
# So many versions are looked at of what is held.
_SAMPLE: Final = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be held.

    Attributes:
        holder: `<cluster>.<uid of the pin>`.
        words: Who that is, for a person.
        manifest: Where the versions are listed.
        locations: Where they lie.
        access: Where the platform lets versions be held.
        time: RFC 3339.
    """

    holder: str
    words: str
    manifest: ManifestLocation
    locations: tuple[Location, ...]
    access: SourceAccess
    time: str


@dataclass(frozen=True, slots=True)
class Held:
    """Versions that are held.

    Attributes:
        term: Which term of the manifest's hold it is.
        objects: How many.
        others: How many of them somebody else held before.
        time: Since when, RFC 3339.
        taken_off: Of how many of those that were looked at somebody had taken the hold off; all are
            held again.
    """

    term: int
    objects: int
    others: int
    time: str
    taken_off: int = 0


def require_leave(access: SourceAccess, bucket: str, key: str) -> None:
    """Accept that a version is held, or all below a prefix.

    Raises:
        Refused: `HoldNotGranted`.
    """
    try:
        access.check(bucket, key)
    except Refused:
        raise Refused(
            reasons.HOLD_NOT_GRANTED, no_leave(access, f"on s3://{bucket}/{key}")
        ) from None


def no_leave(access: SourceAccess, where: str) -> str:
    """Return how it is said that nothing may be held somewhere, with the cure."""
    return (
        f"`spec.hold`: `spec.access` of ObjectStore '{access.store}' lets no legal hold be put"
        f" {where} for namespace '{access.namespace}'; ask the platform's owner for `hold: true` in"
        " the entry that grants the data, or create the pin without `spec.hold`"
    )


def hold_versions(
    store: Store,
    narrow: Store,
    wanted: Wanted,
    now: Callable[[], str],
    tell: Callable[[int], None],
    stop: Stop,
) -> Held:
    """Hold every version of a manifest, on record. Blocks; safe to repeat, and at once by two.

    Args:
        store: Of the bucket of artifacts.
        narrow: Sees and sets legal holds on the versions; see `hold_sessions`.
        wanted: What to hold.
        now: The time of day, RFC 3339.
        tell: Called with how many versions are held.
        stop: Looked at between requests.

    Raises:
        Refused: `HoldNotGranted`: a version lies where the platform gives no leave.
        InvalidInput: `HoldRefused`: a bucket has no object lock. `ObjectNotFound`: a version is
            gone.
        NotReady: `HoldReleasing`: these versions, or some of them, are being let go.
        GloveboxError: The store does not answer or denies it.
    """
    records = HoldRecords(store, wanted.manifest.bucket, stop)
    term = _term(records, narrow, wanted, store, stop)
    if term.state == "Held":
        return _looked_at(store, narrow, records, term, wanted, tell, stop)
    # Read again behind the record: whoever lets go reads records once it said so.
    terms = records.terms()
    term = terms[term.manifest][-1]
    if term.state == "Held":
        return _held(records, term)
    beside = _beside(records, terms, term.manifest, wanted.locations)
    for each in (term, *beside):
        if each.state == "Releasing":
            raise _being_let_go(each, wanted)
    with version_index() as index:
        ours = _Ours(records, store, index, term, wanted, stop)
        objects, others = _hold_all(store, narrow, records, term, wanted, ours, tell, stop)
    records.note(term, HELD, objects=objects, others=others, time=now())
    return _held(records, term)


def _term(records: HoldRecords, narrow: Store, wanted: Wanted, store: Store, stop: Stop) -> Term:
    """Return the term to work on: the one that stands, or a new one."""
    manifest = hex_of(wanted.manifest.digest)
    last = records.latest(wanted.manifest.digest)
    if last is not None and last.state != "Released":
        return last
    # Nothing is put on record where nothing can be held.
    for first in itertools.islice(fetch_manifest(store, wanted.manifest, stop), 1):
        require_leave(wanted.access, first.bucket, first.key)
        require_lock(narrow, first.bucket)
        is_held(narrow, first)
    number = last.number + 1 if last is not None else 1
    beside = _beside(records, records.terms(), manifest, wanted.locations)
    records.begin(
        wanted.manifest.digest,
        number,
        HoldRecord(
            wanted.holder,
            wanted.words,
            wanted.manifest,
            wanted.locations,
            tuple((each.manifest, each.number) for each in beside),
            wanted.time,
        ),
    )
    found = records.latest(wanted.manifest.digest)
    if found is None:
        raise Unavailable(
            reasons.STORE_FAILED,
            f"the record of a hold on the versions of manifest {manifest} was written and is not"
            " listed; the operator retries",
        )
    return found


def _beside(
    records: HoldRecords,
    terms: dict[str, tuple[Term, ...]],
    manifest: str,
    locations: Iterable[Location],
) -> list[Term]:
    """Return the terms of other manifests that may hold some of the versions."""
    places = tuple(locations)
    return [
        last
        for other, (*_, last) in terms.items()
        if other != manifest and last.state != "Released" and records.record(last).meets(places)
    ]


def _held(records: HoldRecords, term: Term) -> Held:
    said = records.said(term, HELD)
    return Held(
        term.number,
        int(said.get("objects", 0)),
        int(said.get("others", 0)),
        str(said.get("time", "")),
    )


def _looked_at(
    store: Store,
    narrow: Store,
    records: HoldRecords,
    term: Term,
    wanted: Wanted,
    tell: Callable[[int], None],
    stop: Stop,
) -> Held:
    """Return what is on record as held, after a look at a few of the versions that we hold."""
    held = _held(records, term)
    segment = _pick(wanted.time, max(-(-held.objects // SEGMENT), 1))
    taken_off = 0
    for number, entries in enumerate(segments(fetch_manifest(store, wanted.manifest, stop))):
        if number < segment:
            continue
        own = _own(records, term, number, entries)
        begin = _pick(wanted.time, max(len(own), 1))
        looked_at = (own[begin:] + own[:begin])[:_SAMPLE]
        asked = in_order(store, lambda entry: is_held(narrow, entry), looked_at, stop)
        taken_off = [is_on for _, is_on in asked].count(False)
        break
    if not taken_off:
        return held
    done = 0
    for number, entries in enumerate(segments(fetch_manifest(store, wanted.manifest, stop))):
        own = _own(records, term, number, entries)
        for _ in in_order(store, lambda entry: set_hold(narrow, entry, on=True), own, stop):
            pass
        done += len(entries)
        tell(done)
    return replace(held, taken_off=taken_off)


def _own(records: HoldRecords, term: Term, number: int, entries: Sequence[Entry]) -> list[Entry]:
    """Return the versions of a segment that nobody else held before us; none without a record."""
    bits = records.segment(term.manifest, term.number, number)
    if bits is None:
        return []
    return [entry for place, entry in enumerate(entries) if not bits >> place & 1]


def _pick(time: str, count: int) -> int:
    """Return one of so many places: another one at another time."""
    return int.from_bytes(hashlib.sha256(time.encode()).digest()[:8]) % count


def _being_let_go(term: Term, wanted: Wanted) -> NotReady:
    is_own = term.manifest == hex_of(wanted.manifest.digest)
    whose = "an earlier hold on these versions" if is_own else "a hold on some of these versions"
    return NotReady(
        reasons.HOLD_RELEASING,
        f"{whose} (manifest sha256:{term.manifest[:12]}) is being let go; they are held once that"
        " has ended",
        retry_seconds=_AGAIN_SECONDS,
    )


def _hold_all(
    store: Store,
    narrow: Store,
    records: HoldRecords,
    term: Term,
    wanted: Wanted,
    ours: _Ours,
    tell: Callable[[int], None],
    stop: Stop,
) -> tuple[int, int]:
    """Hold segment after segment; return how many versions that are, and how many are others'."""
    began = records.segments(term)
    done = others = 0
    locked: set[str] = set()
    tell(0)
    for number, segment in enumerate(segments(fetch_manifest(store, wanted.manifest, stop))):
        for entry in segment:
            require_leave(wanted.access, entry.bucket, entry.key)
            if entry.bucket not in locked:
                require_lock(narrow, entry.bucket)
                locked.add(entry.bucket)
        bits = records.segment(term.manifest, term.number, number) if number in began else None
        if bits is None:
            bits = records.note_segment(
                term, number, _others(store, narrow, segment, ours, stop), len(segment)
            )
        # The next one is on record: this one was held to its end.
        if number + 1 not in began:
            free = [entry for place, entry in enumerate(segment) if not bits >> place & 1]
            for _ in in_order(store, lambda entry: set_hold(narrow, entry, on=True), free, stop):
                pass
        done, others = done + len(segment), others + bits.bit_count()
        tell(done)
    return done, others


def segments(entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield the versions of a manifest by the thousand, in its order."""
    waiting = iter(entries)
    while segment := list(itertools.islice(waiting, SEGMENT)):
        yield segment


def _others(store: Store, narrow: Store, segment: Sequence[Entry], ours: _Ours, stop: Stop) -> int:
    """Return which versions of a segment are held, and not by us, as bits."""
    asked = in_order(store, lambda entry: is_held(narrow, entry), segment, stop)
    held = [(1 << place, entry) for place, (entry, is_on) in enumerate(asked) if is_on]
    if not held:
        return 0
    ours.look()
    return sum(bit for bit, entry in held if not ours.has(entry))


class _Ours:
    """Whose a hold is: whether another manifest of ours put it on. For one thread.

    Args:
        records: Of the bucket of artifacts.
        store: Of the manifests.
        index: Takes the versions of the others; empty.
        term: Our own, on record.
        wanted: What we hold.
        stop: Looked at between requests.
    """

    def __init__(
        self,
        records: HoldRecords,
        store: Store,
        index: VersionIndex,
        term: Term,
        wanted: Wanted,
        stop: Stop,
    ) -> None:
        self._records = records
        self._store = store
        self._index = index
        self._term = term
        self._wanted = wanted
        self._stop = stop
        self._kin: list[tuple[str, int]] = []
        self._segments: dict[tuple[int, int], int] = {}

    def look(self) -> None:
        """Read who may hold the same versions by now, where it was not read before.

        Behind the question for the holds: somebody may have begun after us. Who was there when we
        began counts although it has let go since: it left us what we share.
        """
        record = self._records.record(self._term)
        terms = self._records.terms()
        beside = _beside(self._records, terms, self._term.manifest, self._wanted.locations)
        now = {(each.manifest, each.number) for each in beside}
        for key in sorted((now | set(record.beside)) - set(self._kin)):
            manifest = self._records.record(Term(*key, frozenset())).manifest
            entries = fetch_manifest(self._store, manifest, self._stop)
            self._index.add(len(self._kin), entries)
            self._kin.append(key)

    def has(self, entry: Entry) -> bool:
        """Return whether the hold on a version is ours."""
        return any(self._covers(owner, place) for owner, place in self._index.owners(entry))

    def _covers(self, owner: int, place: int) -> bool:
        """Whether that manifest's term put the hold on: it goes on meanwhile, so it is asked."""
        number, bit = divmod(place, SEGMENT)
        if (owner, number) not in self._segments:
            found = self._records.segment(*self._kin[owner], number)
            if found is None:
                return False
            self._segments[owner, number] = found
        return not self._segments[owner, number] >> bit & 1
