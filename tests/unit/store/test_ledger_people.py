"""Names beside the ledger: one salt for each person, and forgetting that leaves nothing."""

from __future__ import annotations

from hashlib import sha256

import pytest

from glovebox.errors import InvalidInput
from glovebox.ledger.commitments import encode_person
from glovebox.store.connection import Stop
from glovebox.store.ledger_objects import LedgerPlace
from glovebox.store.ledger_people import (
    PREFIX,
    ensure_person,
    find_person,
    forget_person,
    known_people,
)
from simulation.object_store import ObjectStoreServer
from support.ledger_logs import NOW
from support.ledger_stores import stand_in


@pytest.fixture
def stand_in_people() -> tuple[ObjectStoreServer, LedgerPlace]:
    server, store, _ = stand_in(lambda: NOW)
    store.s3.create_bucket(Bucket="people")
    store.s3.put_bucket_versioning(Bucket="people", VersioningConfiguration={"Status": "Enabled"})
    return server, LedgerPlace(store, "people", lambda _: None)


def test_a_person_has_one_salt_and_is_forgotten_without_a_trace(
    stand_in_people: tuple[ObjectStoreServer, LedgerPlace],
) -> None:
    server, place = stand_in_people
    alice = ensure_person(place, "acme", "alice", Stop())
    assert ensure_person(place, "acme", "alice", Stop()) == alice
    bob = ensure_person(place, "acme", "bob", Stop())
    assert set(known_people(place, "acme", Stop())) == {alice, bob}
    # A marker that somebody put over it hides it, and does not forget it.
    (key,) = (
        key for key, held in server.buckets["people"].keys.items() if b"alice" in held[0].body
    )
    place.store.s3.delete_object(Bucket="people", Key=key)
    known = find_person(place, "acme", "alice", Stop())
    assert known is not None
    assert forget_person(place, "acme", known, Stop()) == 1
    assert set(known_people(place, "acme", Stop())) == {bob}
    left = [version.body for held in server.buckets["people"].keys.values() for version in held]
    assert len(left) == 1
    assert b"alice" not in left[0]
    assert ensure_person(place, "other", "alice", Stop()).commitment != alice.commitment
    assert ensure_person(place, "acme", "alice", Stop()).commitment != alice.commitment


def test_another_s_object_in_somebody_s_place_is_not_that_person(
    stand_in_people: tuple[ObjectStoreServer, LedgerPlace],
) -> None:
    _, place = stand_in_people
    alice = ensure_person(place, "acme", "alice", Stop())
    of_bob = f"{PREFIX}acme/{sha256(b'bob').hexdigest()}"
    place.store.s3.put_object(Bucket="people", Key=of_bob, Body=encode_person(alice))
    for look in (ensure_person, find_person):
        with pytest.raises(InvalidInput, match="another person's"):
            look(place, "acme", "bob", Stop())


def test_a_bucket_that_locks_is_refused(
    stand_in_people: tuple[ObjectStoreServer, LedgerPlace],
) -> None:
    _, place = stand_in_people
    locked = LedgerPlace(place.store, "artifacts", place.pause)
    with pytest.raises(InvalidInput, match="could be forgotten"):
        ensure_person(locked, "acme", "alice", Stop())
