"""A ledger with the people that it speaks of, on a stand-in store or on a real one."""

from __future__ import annotations

from datetime import datetime

from glovebox.ledger.entry import Entry, decode_entry
from glovebox.store.connection import Stop, Store
from glovebox.store.ledger_erasure import Erased, erase_person
from glovebox.store.ledger_objects import LedgerPlace, versions_below
from support.ledger_stores import Ledgers


def people_bucket(store: Store, name: str) -> LedgerPlace:
    """Make a bucket that keeps versions and locks nothing."""
    store.s3.create_bucket(Bucket=name)
    store.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return LedgerPlace(store, name, lambda _: None)


def erase(
    ledgers: Ledgers, people: LedgerPlace, name: str, now: datetime | None = None
) -> Erased | None:
    """Forget somebody with a writer that has read nothing yet."""
    details = {"reason": "GDPR-17"}
    return erase_person(
        ledgers.writer(), people, name, "system:command", details, now or ledgers.clock.now, Stop()
    )


def erasures(ledgers: Ledgers) -> list[Entry]:
    """Return the entries that tell of somebody who was forgotten."""
    source = ledgers.source()
    found = [decode_entry(stored.body) for _, stored in source.entries()]
    return [entry for entry in found if entry.kind == "erasure"]


def left(people: LedgerPlace) -> int:
    """Return how many keys of people there are."""
    return sum(bool(each.ids or each.markers) for each in versions_below(people, "", Stop()))
