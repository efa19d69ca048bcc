"""How a version is locked is asked for where a HEAD of it does not say."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cluster.store.test_seals import PREFIX, put, seal
from cluster.store.test_verifying import found, sealed, verify
from glovebox.errors import Forbidden
from glovebox.evidence.after_seal import SUPPLEMENT_NAME
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.jobs.ledger_checking import OpenLedger, verify_epochs
from glovebox.ledger.note import vkey_of
from glovebox.ledger.policy import logs_alone
from glovebox.ledger.verification import LedgerDemand
from glovebox.store.artifact_reading import LOCKS_HIDDEN
from glovebox.store.connection import Stop
from glovebox.store.retention import lock_of
from support.ledger_logs import SIGNER
from support.ledger_stores import BASE, Ledgers
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glovebox.store.connection import Store, Stores, StoreSettings


def is_silent(asked: Asked, liar: Liar) -> Answered | None:
    """Leave locks out of what is read, as some do for versions that were superseded."""
    if asked.method not in {"GET", "HEAD"} or "retention" in asked.query:
        return None
    truth = liar.truth(asked)
    kept = {
        name: value for name, value in truth.headers.items() if "object-lock" not in name.lower()
    }
    return Answered(truth.status, truth.body, kept)


def hides(asked: Asked, liar: Liar) -> Answered | None:
    """Answer as to a user without s3:GetObjectRetention."""
    if asked.method == "GET" and "retention" in asked.query:
        return Answered(403, b"<Error><Code>AccessDenied</Code></Error>")
    return is_silent(asked, liar)


@pytest.fixture
def silent(stores: Stores, settings: StoreSettings) -> Iterator[Store]:
    with lying(settings.endpoint, ADMIN, is_silent) as endpoint:
        yield stores.open(type(settings)(endpoint, credentials=ADMIN))


@pytest.fixture
def hiding(stores: Stores, settings: StoreSettings) -> Iterator[Store]:
    with lying(settings.endpoint, ADMIN, hides) as endpoint:
        yield stores.open(type(settings)(endpoint, credentials=ADMIN))


async def test_a_lock_that_a_head_leaves_out_is_the_same_lock(
    store: Store, silent: Store, locked_bucket: str
) -> None:
    version = put(store, locked_bucket, "model.bin")
    shown = lock_of(store, locked_bucket, f"{PREFIX}model.bin", version)
    assert shown.mode == "Compliance"
    assert lock_of(silent, locked_bucket, f"{PREFIX}model.bin", version) == shown
    await sealed(store, locked_bucket)
    assert found(verify(silent, locked_bucket)) == []


async def test_a_version_without_a_lock_has_none_also_when_it_is_asked_for(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    plain = put(store, data_bucket, "model.bin")
    assert lock_of(store, data_bucket, f"{PREFIX}model.bin", plain).mode == ""
    store.s3.put_object_lock_configuration(
        Bucket=locked_bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    unlocked = put(store, locked_bucket, "model.bin")
    assert lock_of(store, locked_bucket, f"{PREFIX}model.bin", unlocked).mode == ""


async def test_a_lock_that_may_not_be_seen_is_not_taken_for_none(
    store: Store, hiding: Store, locked_bucket: str
) -> None:
    version = put(store, locked_bucket, "model.bin")
    with pytest.raises(Forbidden, match="grant s3:GetObjectRetention"):
        lock_of(hiding, locked_bucket, f"{PREFIX}model.bin", version)
    await sealed(store, locked_bucket)
    blinded = verify(hiding, locked_bucket)
    assert found(blinded) == [
        ("LocksHidden", STATEMENT_NAME),
        ("LocksHidden", LIST_NAME),
        ("LocksHidden", SNAPSHOT_NAME),
        ("LocksHidden", SUPPLEMENT_NAME),
        ("LocksHidden", PREFIX),
    ]
    assert (blinded.report.locks.locked, blinded.report.locks.unlocked) == (0, 0)


async def test_what_is_listed_after_the_seal_waits_for_no_right_to_see_locks(
    store: Store, hiding: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    await sealed(hiding, locked_bucket)
    assert found(verify(store, locked_bucket)) == []


async def test_who_demands_no_locks_verifies_without_the_right_to_see_them(
    store: Store, hiding: Store, locked_bucket: str
) -> None:
    put(store, locked_bucket, "model.bin")
    await sealed(store, locked_bucket)
    verified = verify(hiding, locked_bucket, locks=False)
    assert found(verified) == []
    assert sum("s3:GetObjectRetention" in each for each in verified.report.remarks) == 5


async def test_a_seal_waits_for_the_right_to_see_locks_and_then_says_that_it_was_missing(
    hiding: Store, locked_bucket: str
) -> None:
    put(hiding, locked_bucket, "model.bin")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    with pytest.raises(Forbidden, match="grant s3:GetObjectRetention"):
        await seal(hiding, locked_bucket, patient_until=later)
    assert LOCKS_HIDDEN in (await seal(hiding, locked_bucket)).findings


def test_the_locks_of_a_ledger_are_asked_for_where_they_are_demanded(
    store: Store, silent: Store, locked_bucket: str
) -> None:
    ledgers = Ledgers(store, locked_bucket)
    ledgers.init()
    ledgers.append(ledgers.writer(), 0, 1)
    ledgers.writer().publish(Stop())
    seen = Ledgers(silent, locked_bucket)
    opened = OpenLedger([seen.source()], seen.place, Stop())
    policy = logs_alone(vkey_of(f"{BASE}/1", SIGNER.public))
    demand = LedgerDemand(policy, seen.clock.now)
    (report,) = verify_epochs(opened, demand)
    assert (report.findings, report.locks.locked > 0, report.locks.unlocked) == ([], True, 0)
    (report,) = verify_epochs(opened, replace(demand, locks=False))
    assert (report.findings, report.locks.locked) == ([], 0)


async def test_what_has_no_version_is_not_said_to_be_locked_by_its_retention_alone(
    store: Store, locked_bucket: str
) -> None:
    """SeaweedFS keeps keys that end in `/` without a version, and no HEAD shows a lock."""
    key = f"{PREFIX}folder/"
    store.s3.put_object(Bucket=locked_bucket, Key=key)
    said = store.s3.get_object_retention(Bucket=locked_bucket, Key=key, VersionId="null")
    assert said["Retention"]["Mode"] == "COMPLIANCE"
    assert lock_of(store, locked_bucket, key, "null").mode == ""
