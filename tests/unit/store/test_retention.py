"""Evidence is kept as long and as strongly as what it lists, and never for less than it was."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import Forbidden
from glovebox.store.connection import Stop, Store
from glovebox.store.evidence_objects import put_document
from glovebox.store.putting import measured
from glovebox.store.retention import retain
from glovebox.store.version_lock import Lock, LockHiddenError, VersionLocks
from simulation.object_store import ObjectStoreServer, S3Error, Version
from support.ledger_stores import stand_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SOON, LATE = NOW + timedelta(days=3), NOW + timedelta(days=9)
KEY = "evidence"


@pytest.fixture
def place() -> tuple[ObjectStoreServer, Store, str]:
    return stand_in(lambda: NOW)


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def kept(place: tuple[ObjectStoreServer, Store, str], mode: str, until: datetime) -> Version:
    """Write evidence with a lock of its own."""
    server, store, bucket = place
    locked: dict[str, Any] = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}
    store.s3.put_object(Bucket=bucket, Key=KEY, Body=b"x", **locked)
    (made,) = server.buckets[bucket].keys[KEY]
    return made


@pytest.mark.parametrize(
    ("own", "needed", "then"),
    [
        (("GOVERNANCE", LATE), ("Compliance", SOON), ("COMPLIANCE", LATE)),
        (("GOVERNANCE", SOON), ("Compliance", LATE), ("COMPLIANCE", LATE)),
        (("COMPLIANCE", SOON), ("Governance", LATE), ("COMPLIANCE", LATE)),
        (("GOVERNANCE", SOON), ("Governance", LATE), ("GOVERNANCE", LATE)),
        (("COMPLIANCE", LATE), ("Governance", SOON), ("COMPLIANCE", LATE)),
        (("COMPLIANCE", LATE), ("Compliance", SOON), ("COMPLIANCE", LATE)),
    ],
)
def test_a_lock_becomes_longer_and_stronger_and_never_the_reverse(
    place: tuple[ObjectStoreServer, Store, str],
    own: tuple[str, datetime],
    needed: tuple[str, datetime],
    then: tuple[str, datetime],
) -> None:
    _, store, bucket = place
    made = kept(place, *own)
    lock = Lock(needed[0], text(needed[1]))
    assert retain(store, bucket, [(KEY, made.version_id)], lock, Stop(), final=True) == ""
    assert (made.mode, made.until) == then


def test_a_missing_right_is_an_answer_in_the_end_and_an_error_before(
    place: tuple[ObjectStoreServer, Store, str],
) -> None:
    server, store, bucket = place
    made = kept(place, "GOVERNANCE", SOON)

    def denied(action: str, bucket: str, key: str) -> None:
        del bucket, key
        if action == "s3:PutObjectRetention":
            raise S3Error(403, "AccessDenied")

    server.fault = denied
    named, lock = [(KEY, made.version_id)], Lock("Compliance", text(LATE))
    with pytest.raises(Forbidden):
        retain(store, bucket, named, lock, Stop(), final=False)
    assert "could not be locked until" in retain(store, bucket, named, lock, Stop(), final=True)
    assert made.until == SOON


@pytest.mark.parametrize(
    ("first", "second", "longest"),
    [
        (("Compliance", SOON), ("Governance", LATE), ("Compliance", LATE)),
        (("Governance", LATE), ("Compliance", SOON), ("Compliance", LATE)),
        (("Compliance", LATE), ("Governance", SOON), ("Compliance", LATE)),
        (("Governance", SOON), ("Governance", LATE), ("Governance", LATE)),
    ],
)
def test_of_two_locks_counts_the_later_end_and_the_stronger_mode(
    first: tuple[str, datetime], second: tuple[str, datetime], longest: tuple[str, datetime]
) -> None:
    found = Lock(first[0], text(first[1])).longest(second[0], text(second[1]))
    assert found == Lock(longest[0], text(longest[1]))


def test_where_it_is_not_told_whether_a_bucket_locks_each_version_is_asked_for(
    place: tuple[ObjectStoreServer, Store, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store, bucket = place
    made = kept(place, "COMPLIANCE", LATE)

    def denied(**_: Any) -> None:
        raise LockHiddenError("StoreForbidden", "denied")

    monkeypatch.setattr(store.s3, "get_object_lock_configuration", denied)
    found = VersionLocks(store, bucket).read(KEY, made.version_id, {})
    assert found == Lock("Compliance", text(LATE))


def test_a_document_comes_whole_behind_what_somebody_else_put_in_its_place(
    place: tuple[ObjectStoreServer, Store, str],
) -> None:
    server, store, bucket = place
    store.s3.put_object(Bucket=bucket, Key=KEY, Body=b"of somebody else")
    own = b"the list of artifacts\n" * 100
    digest = put_document(store, bucket, KEY, io.BytesIO(own), Stop())
    assert digest == DIGEST_PREFIX + measured(own)[0].hex()
    assert [each.body for each in server.buckets[bucket].keys[KEY]] == [b"of somebody else", own]
    assert put_document(store, bucket, KEY, io.BytesIO(own), Stop()) == digest
    assert len(server.buckets[bucket].keys[KEY]) == 2
