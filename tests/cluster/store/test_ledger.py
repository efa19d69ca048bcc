"""The ledger on a real store: sixteen writers at once, locks that hold, and what is found."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.errors import InvalidInput
from glovebox.ledger.entry import Kind, StatedObject
from glovebox.ledger.stated import compare_objects, compare_seals
from glovebox.store import ledger_erasure
from glovebox.store.connection import Stop
from glovebox.store.ledger_objects import (
    read_version,
    versions_below,
    versions_of_key,
    write_once,
)
from glovebox.store.ledger_people import ensure_person, find_person, known_people
from glovebox.store.ledger_stated import find_object, seals_in
from support.erasures import erase, erasures, people_bucket
from support.ledger_logs import event
from support.ledger_stores import FIRST, Ledgers

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.store.connection import Store

WRITERS = 16


@pytest.fixture
def ledgers(store: Store, locked_bucket: str) -> Ledgers:
    made = Ledgers(store, locked_bucket)
    made.place = type(made.place)(store, locked_bucket, lambda _: time.sleep(0.02))
    made.init()
    return made


def together(calls: int, act: Callable[[int], int]) -> list[int]:
    """Call from so many threads at the same moment; return what each got."""
    barrier = threading.Barrier(calls)

    def one(number: int) -> int:
        barrier.wait(30)
        return act(number)

    with ThreadPoolExecutor(calls) as pool:
        return list(pool.map(one, range(calls)))


@pytest.mark.slow
def test_sixteen_writers_at_once_write_one_chain_and_lose_nothing(ledgers: Ledgers) -> None:
    writers = [ledgers.writer() for _ in range(WRITERS)]
    found: list[int] = []
    for begin in (0, 100, 200):

        def one(number: int, begin: int = begin) -> int:
            return ledgers.append(writers[number], begin + number)[0]

        found += together(WRITERS, one)
    assert sorted(found) == list(range(3 * WRITERS))
    heads = together(WRITERS, lambda n: writers[n].publish(Stop()).size)
    assert set(heads) == {3 * WRITERS}
    report = ledgers.verify()
    assert (report.findings, report.entries) == ([], 3 * WRITERS)
    assert report.locks.unlocked == 0


def test_somebody_is_forgotten_with_every_version_and_the_ledger_tells_of_it(
    ledgers: Ledgers,
) -> None:
    people = people_bucket(ledgers.store, f"people-{uuid.uuid4().hex[:8]}")
    alice = ensure_person(people, "acme", "alice", Stop())
    bob = ensure_person(people, "acme", "bob", Stop())
    (key,) = [
        each.key
        for each in versions_below(people, "", Stop())
        if b"alice" in read_version(people, each.key, each.ids[0]).body
    ]
    # A copy, and a marker over it, as somebody leaves them who thinks that deletes it.
    people.store.s3.put_object(Bucket=people.bucket, Key=key, Body=b"alice, again")
    people.store.s3.delete_object(Bucket=people.bucket, Key=key)
    erased = erase(ledgers, people, "alice")
    assert erased is not None
    assert (erased.commitment, erased.versions) == (alice.commitment, 2)
    assert not versions_of_key(people, key, Stop()).ids
    assert versions_of_key(people, key, Stop()).markers == 0
    assert list(known_people(people, "acme", Stop())) == [bob]
    (entry,) = erasures(ledgers)
    assert entry.subject.name == alice.commitment
    report = ledgers.verify()
    assert report.findings == []
    assert report.newest is not None
    assert report.newest.opened.head.size == 1
    assert erase(ledgers, people, "alice") is None


@pytest.mark.parametrize("how", ["retained", "held"])
def test_of_whom_a_version_is_locked_by_hand_nothing_is_told(ledgers: Ledgers, how: str) -> None:
    """The bucket locks nothing by itself; its owner locked this one version."""
    s3: Any = ledgers.store.s3
    bucket = f"people-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    people = type(ledgers.place)(ledgers.store, bucket, ledgers.place.pause)
    ensure_person(people, "acme", "alice", Stop())
    (found,) = versions_below(people, "", Stop())
    target = {"Bucket": bucket, "Key": found.key, "VersionId": found.ids[0]}
    if how == "held":
        s3.put_object_legal_hold(**target, LegalHold={"Status": "ON"})
    else:
        until = datetime.now(UTC) + timedelta(minutes=2)
        retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
        s3.put_object_retention(**target, Retention=retention)
    ledgers.clock.now = datetime.now(UTC)
    with pytest.raises(InvalidInput, match="is locked"):
        erase(ledgers, people, "alice")
    assert erasures(ledgers) == []
    if how == "held":
        s3.put_object_legal_hold(**target, LegalHold={"Status": "OFF"})
        assert erase(ledgers, people, "alice") is not None
        assert len(erasures(ledgers)) == 1


def test_an_erasure_that_is_told_again_later_stands_once(ledgers: Ledgers) -> None:
    people = people_bucket(ledgers.store, f"people-{uuid.uuid4().hex[:8]}")
    ensure_person(people, "acme", "alice", Stop())
    ledgers.clock.now = datetime.now(UTC)
    found = find_person(people, "acme", "alice", Stop())
    assert found is not None
    assert found.since is not None
    assert abs(found.since - datetime.now(UTC)) < timedelta(minutes=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_erasure, "forget_person", dies)
        with pytest.raises(KeyboardInterrupt):
            erase(ledgers, people, "alice")
    ledgers.clock.pass_by(days=30)
    erase(ledgers, people, "alice")
    assert len(erasures(ledgers)) == 1
    assert find_person(people, "acme", "alice", Stop()) is None


def dies(*_: object) -> int:
    """Be ended before anything is deleted."""
    raise KeyboardInterrupt


def test_one_event_that_sixteen_writers_tell_at_once_stands_once(ledgers: Ledgers) -> None:
    writers = [ledgers.writer() for _ in range(WRITERS)]
    told = event(7, time=ledgers.clock.now)
    places = together(WRITERS, lambda n: writers[n].append(told, Stop()).index)
    assert set(places) == {0}
    assert len(ledgers.entries()) == 1


def test_one_key_that_sixteen_writers_write_at_once_has_one_winner_whom_all_know(
    ledgers: Ledgers,
) -> None:
    bodies = [str(number).encode() for number in range(WRITERS)]
    found: list[bytes] = []

    def one(number: int) -> int:
        found.append(write_once(ledgers.place, "race", bodies[number], None, Stop()))
        return number

    together(WRITERS, one)
    assert len(set(found)) == 1
    assert found[0] in bodies


def test_nothing_of_a_ledger_can_be_deleted_and_hiding_is_found(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    writer.publish(Stop())
    s3 = ledgers.store.s3
    listed = s3.list_object_versions(Bucket=ledgers.bucket, Prefix=FIRST.prefix)["Versions"]
    assert len(listed) == 5, "genesis, two entries, a tile, a checkpoint"
    for each in listed:
        with pytest.raises(s3.exceptions.ClientError):
            s3.delete_object(Bucket=ledgers.bucket, Key=each["Key"], VersionId=each["VersionId"])
    s3.delete_object(Bucket=ledgers.bucket, Key=FIRST.entry(1))
    s3.put_object(Bucket=ledgers.bucket, Key=FIRST.entry(1), Body=b"forged")
    found = {(each.what, each.where) for each in ledgers.verify().findings}
    where = "entries/000/000/000/001"
    assert found == {("SeveralVersions", where), ("DeleteMarker", where)}
    assert ledgers.append(ledgers.writer(), 1, 2) == [1, 2], "the oldest version counts"


def test_the_seals_that_entries_vouch_for_are_compared_with_the_bucket(ledgers: Ledgers) -> None:
    s3 = ledgers.store.s3
    keys = [f".glovebox/seals/uid-{number}/attestation.dsse.json" for number in range(4)]
    ids = [
        s3.put_object(Bucket=ledgers.bucket, Key=key, Body=b"seal")["VersionId"] for key in keys[:3]
    ]
    right = "c3a3ae6c5ca6ebb0b6b2d6f4f2a0d4d3".ljust(64, "0")
    stated = [
        StatedObject(keys[0], ids[0], right, ""),
        StatedObject(keys[1], ids[0], right, ""),
        StatedObject(keys[3], ids[0], right, ""),
    ]
    writer = ledgers.writer()
    writer.append(event(0, Kind.SEALED, time=ledgers.clock.now, objects=tuple(stated)), Stop())
    writer.publish(Stop())
    report = ledgers.verify()
    compare_objects(report, lambda each: find_object(ledgers.place, each, Stop()))
    compare_seals(report, seals_in(ledgers.place, Stop()))
    assert [each.what for each in report.findings] == [
        "ObjectDiffers",
        "ObjectVersionDiffers",
        "ObjectMissing",
        "ObjectWithoutEntry",
    ]
