"""What `glovebox ledger` does: opens a ledger in a bucket or a folder, verifies it, proves entries.

It changes nothing and asks no cluster. The store is found as every S3 tool finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, is_digest
from glovebox.errors import InvalidInput
from glovebox.jobs.in_store import in_store
from glovebox.jobs.ledger_folder import FolderSource, checkpoints_with_witnesses, proof_from
from glovebox.ledger import findings as words
from glovebox.ledger.checkpoint import parse_checkpoint
from glovebox.ledger.entry import Entry, decode_entry, digest_of_bytes
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.genesis import read_genesis
from glovebox.ledger.layout import ROOT, Layout, entry_path
from glovebox.ledger.note import parse_note
from glovebox.ledger.proof import Proof
from glovebox.ledger.source import Source
from glovebox.ledger.stated import compare_objects, compare_seals
from glovebox.ledger.verification import LedgerDemand, verify_ledger
from glovebox.store.connection import Stop
from glovebox.store.ledger_init import pause_longer
from glovebox.store.ledger_objects import LedgerPlace, read_oldest
from glovebox.store.ledger_source import BucketSource
from glovebox.store.ledger_stated import find_object, seals_in

T = TypeVar("T")
_SCHEME: Final = "s3://"


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """A ledger to look at: all its epochs, the oldest first.

    Attributes:
        epochs: In a folder there is one.
        place: The bucket; None for a folder.
        stop: Looked at between requests.
    """

    epochs: Sequence[Source]
    place: LedgerPlace | None
    stop: Stop


def with_ledger(where: str, act: Callable[[OpenLedger], T]) -> T:
    """Open a ledger, do something with it, and close what was opened.

    Args:
        where: A folder, or `s3://bucket/organisation`.
        act: What to do. Blocks.

    Raises:
        InvalidInput: There is none.
        GloveboxError: The store does not answer, or denies it.
    """
    if not where.startswith(_SCHEME):
        folder = Path(where)
        if not (folder / "genesis").is_file():
            raise InvalidInput(
                reasons.LEDGER_ABSENT,
                f"{folder} holds no ledger: `glovebox ledger export` makes it",
            )
        return act(OpenLedger([FolderSource(folder)], None, Stop()))
    bucket, organisation = parse_address(where)
    return with_bucket(bucket, lambda place, stop: act(_opened(place, organisation, stop)))


def with_bucket(bucket: str, act: Callable[[LedgerPlace, Stop], T]) -> T:
    """Do something with a bucket, as the environment says where it is."""
    return in_store(lambda store, stop: act(LedgerPlace(store, bucket, pause_longer), stop))


def parse_address(where: str) -> tuple[str, str]:
    """Return bucket and organisation of `s3://bucket/organisation`.

    Raises:
        InvalidInput: It is written otherwise.
    """
    bucket, _, rest = where.removeprefix(_SCHEME).partition("/")
    organisation = rest.strip("/").removeprefix(ROOT)
    if not where.startswith(_SCHEME) or not bucket or not organisation:
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            f"{where!r} is not the address of a ledger: s3://BUCKET/ORGANISATION",
        )
    return bucket, Layout(organisation, 1).organisation


def verify_epochs(
    ledger: OpenLedger, demand: LedgerDemand, *, objects: bool = True, seals: bool = False
) -> list[LedgerReport]:
    """Verify all epochs of a ledger, and that each begins where the one before it ended.

    Args:
        ledger: Which.
        demand: What is asked for; its remembered heads may be of any epoch.
        objects: Compare with the bucket what entries vouch for.
        seals: Demand an entry for each seal in the bucket.
    """
    reports: list[LedgerReport] = []
    for source in ledger.epochs:
        if isinstance(source, BucketSource):
            source.asks_for_locks = demand.locks
        mine = [raw for raw in demand.remembered if _origin(raw) == _origin_of(source)]
        reports.append(verify_ledger(source, replace(demand, remembered=mine)))
    for before, after in pairwise(reports):
        _compare_epochs(before, after)
    known = {_origin_of(source) for source in ledger.epochs}
    for raw in demand.remembered:
        if _origin(raw) not in known:
            message = f"nothing of the log {_origin(raw)!r} is here, and a head of it was seen"
            reports[-1].note(words.WENT_BACK, "remembered head", message)
    _look_at_bucket(ledger, reports, objects=objects, seals=seals)
    return reports


def find_entries(
    source: Source, begin: int = 0, end: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield entries by index; the end is not among them."""
    for index, stored in source.entries():
        if end is not None and index >= end:
            return
        if index >= begin:
            yield index, stored.body


def prove(ledger: OpenLedger, what: str) -> Proof:
    """Return the proof of an entry of the newest epoch that has it.

    Args:
        ledger: Where.
        what: An index of the newest epoch, or a digest that an entry speaks of: of a seal, a
            document, an experiment. Of several entries the newest is taken.

    Raises:
        InvalidInput: No entry is so, or no checkpoint reaches it yet.
    """
    for source in reversed(ledger.epochs):
        found = _find(source, what)
        if found is not None:
            index, body = found
            return proof_from(source, newest_checkpoint(source, index), index, body)
    raise InvalidInput(
        reasons.LEDGER_INVALID, f"no entry of the ledger is {what}, or speaks of that digest"
    )


def newest_checkpoint(source: Source, index: int = -1) -> bytes:
    """Return the newest checkpoint with its cosignatures; it reaches beyond the index.

    Raises:
        InvalidInput: None does.
    """
    heads = checkpoints_with_witnesses(source)
    newest = max(heads, default=0)
    if newest <= index or not heads:
        raise InvalidInput(
            reasons.LEDGER_INVALID,
            f"{entry_path(max(index, 0))} is in no checkpoint yet: wait for the next one",
        )
    return heads[newest]


def speaks_of(entry: Entry, digest: str) -> bool:
    """Whether an entry names a digest: of its subject, its document, or an object."""
    own = {entry.subject.digest, entry.document}
    return digest in own | {DIGEST_PREFIX + each.sha256 for each in entry.objects}


def _find(source: Source, what: str) -> tuple[int, bytes] | None:
    if not is_digest(what):
        wanted = int(what) if what.isascii() and what.isdigit() else -1
        return next(find_entries(source, wanted, wanted + 1), None)
    found = None
    for index, body in find_entries(source):
        with suppress(InvalidInput):
            if digest_of_bytes(body) == what or speaks_of(decode_entry(body), what):
                found = index, body
    return found


def _compare_epochs(before: LedgerReport, after: LedgerReport) -> None:
    stated = after.genesis.previous if after.genesis is not None else None
    newest = before.newest.opened.head if before.newest is not None else None
    if stated is None or stated != newest:
        seen = f"{newest.size} entries" if newest is not None else "nothing that was signed"
        said = f"{stated.size} entries, root {stated.root_text}" if stated is not None else "none"
        message = f"it says that the epoch before it ended with {said}; it ends with {seen}"
        after.note(words.EPOCH_BROKEN, "genesis", message)


def _look_at_bucket(
    ledger: OpenLedger, reports: list[LedgerReport], *, objects: bool, seals: bool
) -> None:
    place = ledger.place
    if place is None:
        reports[-1].unchecked.append(
            "locks, versions, and the objects that entries vouch for: that needs the bucket"
        )
        return
    if objects:
        for report in reports:
            compare_objects(report, lambda each: find_object(place, each, ledger.stop))
    else:
        reports[-1].unchecked.append("the objects that entries vouch for")
    if seals:
        told = LedgerReport(objects=[each for report in reports for each in report.objects])
        compare_seals(told, seals_in(place, ledger.stop))
        reports[-1].findings += told.findings
    else:
        reports[-1].unchecked.append("whether each seal has an entry (--seals)")


def _origin(raw: bytes) -> str:
    try:
        return parse_checkpoint(parse_note(raw).text).origin
    except InvalidInput:
        return ""


def _origin_of(source: Source) -> str:
    genesis = source.genesis()
    try:
        return read_genesis(genesis.body).origin if genesis is not None else ""
    except InvalidInput:
        return ""


def _opened(place: LedgerPlace, organisation: str, stop: Stop) -> OpenLedger:
    layout, epochs = Layout(organisation, 1), list[Source]()
    while read_oldest(place, layout.genesis, stop) is not None:
        epochs.append(BucketSource(place, layout, stop))
        layout = layout.next()
    if not epochs:
        raise InvalidInput(
            reasons.LEDGER_ABSENT,
            f"bucket {place.bucket} holds no ledger of {organisation}: is it the right one, was it"
            " emptied or restored?",
        )
    return OpenLedger(epochs, place, stop)
