"""Ledgers on a store: the stand-in of the simulation or a real one, written by the real writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from glovebox.evidence.signer import LocalSigner
from glovebox.ledger.checkpoint import EMPTY, Head
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.layout import Layout
from glovebox.ledger.note import vkey_of
from glovebox.ledger.policy import Policy, logs_alone
from glovebox.ledger.verification import LedgerDemand, verify_ledger
from glovebox.store.connection import Credentials, Stop, Store, StoreSettings
from glovebox.store.ledger_init import init_ledger
from glovebox.store.ledger_objects import LedgerPlace, read_version, versions_below
from glovebox.store.ledger_source import BucketSource
from glovebox.store.ledger_writer import LedgerWriter, open_ledger
from simulation.object_store import ObjectStoreServer
from simulation.object_store_faces import SimStores
from support.ledger_logs import NOW, SIGNER, event

BASE = "ledger.example.com/acme"
FIRST = Layout("acme", 1)


class Clock:
    """Time of day, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **parts: float) -> None:
        """Move it."""
        self.now += timedelta(**parts)


class Ledgers:
    """A bucket with a ledger, and as many writers of it as a test wants."""

    def __init__(self, store: Store, bucket: str, lock_days: int = 0) -> None:
        self.clock = Clock()
        self.store, self.bucket, self.lock_days = store, bucket, lock_days
        self.pauses: list[int] = []
        self.place = LedgerPlace(store, bucket, self.pauses.append)

    def init(self) -> None:
        """Make the ledger."""
        init_ledger(
            self.place, "acme", BASE, SIGNER, self.clock.now, Stop(), lock_days=self.lock_days
        )

    def writer(self, signer: LocalSigner = SIGNER, known: Head = EMPTY) -> LedgerWriter:
        """Return a writer that has read nothing yet."""
        return open_ledger(self.place, "acme", signer, self.clock, Stop(), known=known)

    def append(self, writer: LedgerWriter, *numbers: int) -> list[int]:
        """Append events; return their indexes."""
        return [
            writer.append(event(number, time=self.clock.now), Stop()).index for number in numbers
        ]

    def source(self, epoch: int = 1) -> BucketSource:
        """Return the objects of an epoch."""
        return BucketSource(self.place, Layout("acme", epoch), Stop())

    def verify(self, *remembered: bytes, policy: Policy | None = None) -> LedgerReport:
        """Verify the first epoch."""
        policy = policy or logs_alone(vkey_of(f"{BASE}/1", SIGNER.public))
        return verify_ledger(self.source(), LedgerDemand(policy, self.clock.now, remembered))

    async def store_call(self, act: Callable[[], object]) -> object:
        """Do what blocks in a thread, as the operator does."""
        return await asyncio.to_thread(act)

    def entries(self) -> list[str]:
        """Return the keys below `entries/` of which there is a version."""
        rows = self.store.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{FIRST.prefix}entries/")
        return [row["Key"] for row in rows.get("Contents", [])]


def locks_below(place: LedgerPlace, prefix: str) -> list[tuple[str, datetime]]:
    """Return mode and end of the lock of each version below a prefix."""
    locks = [
        read_version(place, each.key, version).lock
        for each in versions_below(place, prefix, Stop())
        for version in each.ids
    ]
    return [(each.mode, datetime.fromisoformat(each.until)) for each in locks]


def stand_in(now: Callable[[], datetime]) -> tuple[ObjectStoreServer, Store, str]:
    """Return a stand-in store with a bucket that locks for a year."""
    server = ObjectStoreServer(now, "role")
    server.users.add("operator")
    settings = StoreSettings("http://store.invalid", credentials=Credentials("operator", "x"))
    store = SimStores(server).open(settings)
    store.s3.create_bucket(Bucket="artifacts", ObjectLockEnabledForBucket=True)
    store.s3.put_object_lock_configuration(
        Bucket="artifacts",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 365}},
        },
    )
    return server, store, "artifacts"
