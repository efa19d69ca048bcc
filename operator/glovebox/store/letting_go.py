"""Takes the legal holds off the versions of a manifest that nobody uses. Goes on where it was left.

Nothing is taken off that another manifest of ours holds, nor what somebody held before us. First it
is said that it is about to be done; then it is looked whether somebody uses the manifest after all,
and who holds the same versions: whoever comes later reads what was said, and waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.hold_states import RELEASED, TAKING_OFF, Term, kept, releasing
from glovebox.errors import InvalidInput
from glovebox.store.hold_records import HoldRecord, HoldRecords
from glovebox.store.holding import segments
from glovebox.store.manifests import fetch_manifest
from glovebox.store.reading import in_order
from glovebox.store.version_hold import set_hold
from glovebox.store.version_index import VersionIndex, version_index

if TYPE_CHECKING:
    from glovebox.data.manifest import Entry
    from glovebox.store.connection import Stop, Store

# What a store says of a version that has gone, or never could be held: there is nothing to take.
_NOTHING_THERE: Final = frozenset({reasons.OBJECT_NOT_FOUND, reasons.HOLD_REFUSED})


def let_go(
    store: Store,
    bucket: str,
    digest: str,
    *,
    is_unused: Callable[[], bool],
    narrow: Callable[[HoldRecord], Store],
    time: str,
    most: int,
    stop: Stop,
) -> bool:
    """Let the versions of a manifest go, or go on with that. Blocks.

    Args:
        store: Of the bucket of artifacts.
        bucket: The bucket of artifacts.
        digest: Of the manifest.
        is_unused: Looks again whether nobody uses the manifest.
        narrow: Returns the store through sessions that set legal holds where a term has them.
        time: The present time, RFC 3339.
        most: How many segments are let go by one call.
        stop: Looked at between requests.

    Returns:
        Whether nothing of it is held any more. Where it is not, the next call goes on.

    Raises:
        GloveboxError: The store does not answer or denies it.
    """
    records = HoldRecords(store, bucket, stop)
    term = records.latest(digest)
    if term is None or term.state == "Released":
        return True
    term = _say(records, term, time)
    if not term.is_taking_off:
        if not is_unused():
            records.note(term, kept(term.open_intent), time=time)
            return False
        records.note(term, TAKING_OFF, time=time)
    with version_index() as index:
        if not _take_off(store, records, term, narrow, index, most, stop):
            return False
    records.free(term)
    records.note(term, RELEASED, time=time)
    return True


def _say(records: HoldRecords, term: Term, time: str) -> Term:
    """Put on record that the term is about to end, unless it is."""
    if term.is_taking_off or term.open_intent:
        return term
    name = releasing(term.next_intent)
    records.note(term, name, time=time)
    return Term(term.manifest, term.number, term.names | {name})


def _take_off(
    store: Store,
    records: HoldRecords,
    term: Term,
    narrow: Callable[[HoldRecord], Store],
    index: VersionIndex,
    most: int,
    stop: Stop,
) -> bool:
    """Take the holds off, segment after segment; return whether that was all."""
    record = records.record(term)
    began, gone = records.segments(term), records.let_go(term)
    left = began - gone
    if not left:
        return True
    # Behind what was said: a record that is not there by now waits for us.
    others = _others(store, records, term, record, index, stop)
    session = narrow(record)
    for number, segment in enumerate(segments(fetch_manifest(store, record.manifest, stop))):
        if number not in left:
            continue
        if most <= 0:
            return False
        bits = records.segment(term.manifest, term.number, number) or 0
        free = [
            entry
            for place, entry in enumerate(segment)
            if not bits >> place & 1 and not (others and index.owners(entry))
        ]
        for _ in in_order(store, lambda entry: _off(session, entry), free, stop):
            pass
        records.note_let_go(term, number)
        most -= 1
    return True


def _others(
    store: Store,
    records: HoldRecords,
    term: Term,
    record: HoldRecord,
    index: VersionIndex,
    stop: Stop,
) -> int:
    """Read what other manifests hold in the same places; return how many these are."""
    number = 0
    for manifest, (*_, last) in records.terms().items():
        if manifest == term.manifest or last.state == "Released":
            continue
        other = records.record(last)
        if other.meets(record.locations):
            index.add(number, fetch_manifest(store, other.manifest, stop))
            number += 1
    return number


def _off(session: Store, entry: Entry) -> None:
    try:
        set_hold(session, entry, on=False)
    except InvalidInput as error:
        if error.reason not in _NOTHING_THERE:
            raise
