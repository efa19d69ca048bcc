"""To forget somebody: told once, signed, and then deleted, whatever is lost or dies in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest

from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.ledger.checkpoint import Head
from glovebox.store.connection import Stop
from glovebox.store.ledger_objects import LedgerPlace
from glovebox.store.ledger_people import ensure_person
from glovebox.store.ledger_writer import LedgerWriter
from simulation.object_store import NoAnswerError, ObjectStoreServer, S3Error
from support.erasures import erase, erasures, left, people_bucket
from support.ledger_stores import Ledgers, stand_in

ALICE = "alice@example.com"


class Place:
    """A ledger, and people, on a stand-in store that can be made to fail."""

    def __init__(self) -> None:
        self.ledgers: Ledgers
        self.server, store, bucket = stand_in(lambda: self.ledgers.clock.now)
        self.ledgers = Ledgers(store, bucket)
        self.ledgers.init()
        self.people = people_bucket(store, "people")

    def alice(self) -> str:
        return ensure_person(self.people, "acme", ALICE, Stop()).commitment


@pytest.fixture
def place() -> Place:
    return Place()


def test_somebody_is_forgotten_when_the_ledger_tells_of_it_and_a_head_is_signed(
    place: Place,
) -> None:
    commitment = place.alice()
    other = ensure_person(place.people, "acme", "bob", Stop())
    erased = erase(place.ledgers, place.people, ALICE)
    assert erased is not None
    assert (erased.commitment, erased.versions) == (commitment, 1)
    (entry,) = erasures(place.ledgers)
    assert (entry.subject.kind, entry.subject.name) == ("Person", commitment)
    assert (entry.actor, dict(entry.details)) == ("system:command", {"reason": "GDPR-17"})
    report = place.ledgers.verify()
    assert report.findings == []
    assert report.newest is not None
    assert report.newest.opened.head.size == 1
    assert left(place.people) == 1
    assert ensure_person(place.people, "acme", "bob", Stop()) == other
    assert erase(place.ledgers, place.people, ALICE) is None
    assert len(erasures(place.ledgers)) == 1


def test_nobody_is_deleted_of_whom_the_ledger_does_not_tell(place: Place) -> None:
    place.alice()

    def away(action: str, bucket: str, key: str) -> None:
        del bucket
        if action == "s3:PutObject" and "/ledger/" in key:
            raise S3Error(503, "ServiceUnavailable")

    place.server.fault = away
    with pytest.raises(GloveboxError):
        erase(place.ledgers, place.people, ALICE)
    place.server.fault = lambda *_: None
    assert left(place.people) == 1
    assert erasures(place.ledgers) == []


def test_nothing_is_told_where_the_bucket_cannot_forget(place: Place) -> None:
    place.alice()
    people = LedgerPlace(place.ledgers.store, place.ledgers.bucket, lambda _: None)
    # Somebody put names into a bucket that locks.
    copied = place.server.buckets["people"].keys
    place.server.buckets[place.ledgers.bucket].keys.update(copied)
    with pytest.raises(InvalidInput, match="could be forgotten"):
        erase(place.ledgers, people, ALICE)
    assert erasures(place.ledgers) == []


@pytest.mark.parametrize("how", ["Compliance", "Governance", "held"])
def test_nothing_is_told_of_whom_a_version_is_locked_by_hand(place: Place, how: str) -> None:
    """The bucket locks nothing by itself, and a copy in it can be locked all the same."""
    place.alice()
    place.server.buckets["people"].can_lock = True
    (versions,) = place.server.buckets["people"].keys.values()
    copy = dataclasses.replace(versions[0], version_id="copied")
    versions.append(copy)
    if how == "held":
        copy.hold = True
    else:
        copy.mode, copy.until = how.upper(), place.ledgers.clock.now + timedelta(days=1)
    with pytest.raises(InvalidInput, match=r"version copied of .* is locked"):
        erase(place.ledgers, place.people, ALICE)
    assert (erasures(place.ledgers), len(versions)) == ([], 2)
    if how != "held":
        place.ledgers.clock.pass_by(days=2)
        assert erase(place.ledgers, place.people, ALICE) is not None
        assert (len(erasures(place.ledgers)), left(place.people)) == (1, 0)


def dying(number: int, *, arrives: bool) -> Callable[[str, str, str], Callable[[], None] | None]:
    """Answer nothing from the request of that number on that changes something."""
    seen, is_dead = 0, False

    def unanswered() -> None:
        raise NoAnswerError

    def fault(action: str, bucket: str, key: str) -> Callable[[], None] | None:
        del bucket, key
        nonlocal seen, is_dead
        if is_dead:
            raise NoAnswerError
        if not action.startswith(("s3:Put", "s3:Delete")):
            return None
        seen += 1
        is_dead = seen == number
        if is_dead and arrives:
            return unanswered
        if is_dead:
            raise NoAnswerError
        return None

    return fault


@pytest.mark.parametrize("arrives", [True, False], ids=["arrived", "never arrived"])
@pytest.mark.parametrize("number", range(1, 6))
def test_a_command_that_is_cut_off_and_run_again_months_later_tells_once(
    place: Place,
    number: int,
    arrives: bool,  # noqa: FBT001 - a column of the table
) -> None:
    commitment = place.alice()
    key = next(iter(place.server.buckets["people"].keys))
    # A second version over it, as a store makes that lets two writers win.
    place.people.store.s3.put_object(Bucket="people", Key=key, Body=b"{}")
    place.server.fault = dying(number, arrives=arrives)
    with pytest.raises(GloveboxError):
        erase(place.ledgers, place.people, ALICE)
    place.server.fault = lambda *_: None
    assert bool(left(place.people)) or bool(erasures(place.ledgers)), "told before it is gone"
    place.ledgers.clock.pass_by(days=300)
    erase(place.ledgers, place.people, ALICE)
    assert left(place.people) == 0
    assert [entry.subject.name for entry in erasures(place.ledgers)] == [commitment]
    assert place.ledgers.verify().findings == []


def test_who_came_back_meanwhile_is_not_forgotten_untold(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one forgets the same person, and they do something again: a new commitment."""
    first = place.alice()
    again: list[str] = []
    publish = LedgerWriter.publish

    def meanwhile(writer: LedgerWriter, stop: Stop) -> Head:
        head = publish(writer, stop)
        if not again:
            again.append("begun")
            erase(place.ledgers, place.people, ALICE)
            again.append(place.alice())
        return head

    with monkeypatch.context() as patched:
        patched.setattr(LedgerWriter, "publish", meanwhile)
        with pytest.raises(Unavailable, match="once more"):
            erase(place.ledgers, place.people, ALICE)
    assert place.alice() == again[1] != first
    assert [entry.subject.name for entry in erasures(place.ledgers)] == [first]
    erase(place.ledgers, place.people, ALICE)
    assert left(place.people) == 0
    assert [entry.subject.name for entry in erasures(place.ledgers)] == [first, again[1]]


def test_an_entry_is_found_behind_all_that_was_written_since(place: Place) -> None:
    place.alice()
    place.server.fault = dying(4, arrives=False)  # after the entry, its tile and the head
    with pytest.raises(GloveboxError):
        erase(place.ledgers, place.people, ALICE)
    place.server.fault = lambda *_: None
    assert (left(place.people), len(erasures(place.ledgers))) == (1, 1)
    place.ledgers.clock.pass_by(days=30)
    writer = place.ledgers.writer()
    place.ledgers.append(writer, *range(300))  # more than a tile
    writer.publish(Stop())
    place.ledgers.clock.pass_by(days=30)
    erase(place.ledgers, place.people, ALICE)
    assert (left(place.people), len(erasures(place.ledgers))) == (0, 1)


def test_a_copy_that_was_brought_back_is_forgotten_and_told_again(place: Place) -> None:
    place.alice()
    bucket = place.server.buckets["people"]
    (key,) = bucket.keys
    body = bucket.keys[key][0].body
    erase(place.ledgers, place.people, ALICE)
    place.ledgers.clock.pass_by(days=30)
    place.people.store.s3.put_object(Bucket="people", Key=key, Body=body)
    erase(place.ledgers, place.people, ALICE)
    assert left(place.people) == 0
    first, second = erasures(place.ledgers)
    assert first.subject == second.subject
    assert place.ledgers.verify().findings == []


def test_a_bucket_that_gives_nothing_back_up_is_told(place: Place) -> None:
    place.alice()
    server: ObjectStoreServer = place.server
    keys = server.buckets["people"].keys
    (key,) = keys
    kept = list(keys[key])

    def held(action: str, bucket: str, _: str) -> Callable[[], None] | None:
        if action.startswith("s3:Delete") and bucket == "people":
            return lambda: keys.__setitem__(key, list(kept))
        return None

    server.fault = held
    with pytest.raises(GloveboxError, match="still holds"):
        erase(place.ledgers, place.people, ALICE)
