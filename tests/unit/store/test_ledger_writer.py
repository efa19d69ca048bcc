"""The writer of the ledger on a store that loses answers: each event once, and no hole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from glovebox.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, Unavailable
from glovebox.ledger.checkpoint import EMPTY, Head
from glovebox.ledger.entry import (
    Kind,
    StatedObject,
    Subject,
    decode_entry,
    digest_of_bytes,
    encode_entry,
)
from glovebox.ledger.layout import checkpoint_path
from glovebox.ledger.note import vkey_of
from glovebox.ledger.pace import end_event
from glovebox.ledger.policy import logs_alone
from glovebox.ledger.stated import SEAL, SEALS
from glovebox.ledger.tiles import Tile
from glovebox.ledger.verification import LedgerDemand, verify_ledger
from glovebox.store.connection import Stop
from glovebox.store.ledger_appending import append_events
from glovebox.store.ledger_init import begin_epoch
from glovebox.store.ledger_objects import ATTEMPTS
from simulation.object_store import NoAnswerError, ObjectStoreServer, S3Error
from support.ledger_logs import NOW, OTHER, SIGNER, event
from support.ledger_stores import BASE, FIRST, Ledgers, locks_below, stand_in

Fault = Callable[[str, str, str], Callable[[], None] | None]


@pytest.fixture
def server_and_ledgers() -> tuple[ObjectStoreServer, Ledgers]:
    clock: list[Ledgers] = []
    server, store, bucket = stand_in(lambda: clock[0].clock.now)
    clock.append(Ledgers(store, bucket, lock_days=30))
    clock[0].init()
    return server, clock[0]


@pytest.fixture
def server(server_and_ledgers: tuple[ObjectStoreServer, Ledgers]) -> ObjectStoreServer:
    return server_and_ledgers[0]


@pytest.fixture
def ledgers(server_and_ledgers: tuple[ObjectStoreServer, Ledgers]) -> Ledgers:
    return server_and_ledgers[1]


def test_what_is_written_is_signed_locked_and_verified(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    assert ledgers.append(writer, 0, 1, 2) == [0, 1, 2]
    head = writer.publish(Stop())
    report = ledgers.verify()
    assert (report.findings, report.entries, report.checkpoints) == ([], 3, 1)
    assert report.newest is not None
    assert report.newest.opened.head == head
    assert (report.locks.locked, report.locks.unlocked) == (3, 0)


def test_an_event_is_written_once_however_often_it_is_told(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    assert ledgers.append(writer, 0, 1, 0, 1, 2) == [0, 1, 0, 1, 2]
    assert ledgers.append(ledgers.writer(), 1, 3) == [1, 3], "a process that began again"
    writer.publish(Stop())
    assert ledgers.append(ledgers.writer(), 0, 4) == [0, 4], "and one that begins at a signed head"


def test_an_event_is_found_that_stands_behind_many_others(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    old = event(0, time=ledgers.clock.now)
    assert writer.append(old, Stop()).index == 0
    for number in range(1, 30):
        ledgers.clock.pass_by(minutes=10)
        ledgers.append(writer, number)
    writer.publish(Stop())
    assert ledgers.writer().append(old, Stop()).index == 0


def test_a_call_that_was_told_to_stop_stops_no_later_one(ledgers: Ledgers) -> None:
    """What is read back was begun by it: whoever waited was gone before its end."""
    writer = ledgers.writer()
    old = event(0, time=ledgers.clock.now)
    writer.append(old, Stop())
    for number in range(1, 15):
        ledgers.clock.pass_by(hours=5)
        ledgers.append(writer, number)
    writer.publish(Stop())
    again, gone = ledgers.writer(), Stop()
    again.append(event(14, time=ledgers.clock.now), gone)
    gone.set()
    assert again.append(old, Stop()).index == 0


@pytest.mark.parametrize("failing", range(1, 30, 4))
def test_an_event_that_could_not_be_looked_for_is_looked_for_again_and_not_told_twice(
    server: ObjectStoreServer, ledgers: Ledgers, failing: int
) -> None:
    writer = ledgers.writer()
    old = event(0, time=ledgers.clock.now)
    writer.append(old, Stop())
    for number in range(1, 15):
        ledgers.clock.pass_by(minutes=10)
        ledgers.append(writer, number)
    writer.publish(Stop())
    again, asked = ledgers.writer(), 0

    def fault(action: str, bucket: str, key: str) -> None:
        del action, bucket, key
        nonlocal asked
        asked += 1
        if asked == failing:
            raise NoAnswerError

    server.fault = fault
    with pytest.raises(Unavailable):
        again.append(old, Stop())
    assert again.append(old, Stop()).index == 0
    assert len(ledgers.entries()) == 15


def every(nth: int, action: str, make: Callable[[], Exception], *, after: bool) -> Fault:
    """Let each nth request of a kind fail, before or after it took effect."""
    count = 0

    def fault(asked: str, bucket: str, key: str) -> Callable[[], None] | None:
        del bucket, key
        nonlocal count
        count += asked == action
        if asked != action or count % nth:
            return None
        if not after:
            raise make()

        def fail() -> None:
            raise make()

        return fail

    return fault


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "make",
    [
        NoAnswerError,
        lambda: S3Error(409, "ConditionalRequestConflict"),
        lambda: S3Error(503, "SlowDown"),
        lambda: S3Error(500, "InternalError"),
    ],
    ids=["no answer", "409", "503", "500"],
)
def test_a_write_whose_answer_is_lost_is_neither_lost_nor_doubled(
    server: ObjectStoreServer,
    ledgers: Ledgers,
    make: Callable[[], Exception],
    after: bool,  # noqa: FBT001 - a column of the table
) -> None:
    writer = ledgers.writer()
    server.fault = every(2, "s3:PutObject", make, after=after)
    assert ledgers.append(writer, *range(6)) == list(range(6))
    writer.publish(Stop())
    server.fault = lambda *_: None
    assert (ledgers.verify().findings, len(ledgers.entries())) == ([], 6)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject", "s3:ListBucketVersions"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("cut", range(1, 9))
def test_a_process_that_dies_at_any_request_leaves_nothing_twice(
    server: ObjectStoreServer,
    ledgers: Ledgers,
    action: str,
    cut: int,
    after: bool,  # noqa: FBT001 - a column of the table
) -> None:
    class Died(BaseException):
        pass

    def die() -> Exception:
        raise Died

    server.fault = every(cut, action, die, after=after)
    try:
        writer = ledgers.writer()
        ledgers.append(writer, 0, 1, 2)
        writer.publish(Stop())
    except Died:
        pass
    server.fault = lambda *_: None
    writer = ledgers.writer()
    assert ledgers.append(writer, 0, 1, 2) == [0, 1, 2]
    writer.publish(Stop())
    assert (ledgers.verify().findings, len(ledgers.entries())) == ([], 3)


def test_a_store_that_never_answers_is_told_and_the_same_event_may_be_tried_again(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0)
    server.fault = every(1, "s3:PutObject", NoAnswerError, after=False)
    with pytest.raises(Unavailable, match=f"after {ATTEMPTS} attempts") as failed:
        ledgers.append(writer, 1)
    assert failed.value.effect_unknown
    assert len(ledgers.pauses) == ATTEMPTS
    server.fault = lambda *_: None
    assert ledgers.append(writer, 1) == [1]


def test_a_denied_write_is_told_at_once(server: ObjectStoreServer, ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    server.fault = every(1, "s3:PutObject", lambda: S3Error(403, "AccessDenied"), after=False)
    with pytest.raises(Forbidden):
        ledgers.append(writer, 0)
    assert ledgers.pauses == []


# -- what others do in between


def test_two_writers_take_turns_without_knowing_of_each_other(ledgers: Ledgers) -> None:
    one, other = ledgers.writer(), ledgers.writer()
    found = [ledgers.append(one if number % 3 else other, number)[0] for number in range(12)]
    assert found == list(range(12))
    assert one.publish(Stop()) == other.publish(Stop())
    assert ledgers.verify().findings == []


def test_a_delete_marker_lets_nobody_take_an_index_twice(ledgers: Ledgers) -> None:
    one, other = ledgers.writer(), ledgers.writer()
    ledgers.append(other, 0)
    ledgers.append(one, 0, 1)
    ledgers.store.s3.delete_object(Bucket=ledgers.bucket, Key=FIRST.entry(1))
    assert ledgers.append(other, 2) == [2], "its write of 1 passed, and was not the oldest"
    assert ledgers.append(ledgers.writer(), 1, 2) == [1, 2]
    one.publish(Stop())
    found = {each.what for each in ledgers.verify().findings}
    assert found == {"DeleteMarker", "SeveralVersions"}


def test_what_somebody_else_writes_at_the_end_keeps_nobody_from_writing(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0)
    ledgers.store.s3.put_object(Bucket=ledgers.bucket, Key=FIRST.entry(1), Body=b"no entry")
    assert ledgers.append(writer, 1) == [2]
    writer.publish(Stop())
    assert [each.what for each in ledgers.verify().findings] == ["EntryInvalid"]


def test_a_hole_is_never_filled_and_nothing_is_signed_over_it(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    ledgers.append(ledgers.writer(), 0, 1, 2)
    del server.buckets[ledgers.bucket].keys[FIRST.entry(1)]
    writer = ledgers.writer()
    assert ledgers.append(writer, 3) == [3]
    with pytest.raises(InvalidInput, match="nothing is signed over a hole"):
        writer.publish(Stop())
    assert "EntryMissing" in {each.what for each in ledgers.verify().findings}


# -- it never signs backwards


def test_a_bucket_that_was_emptied_is_no_ledger_and_is_not_continued(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0)
    writer.publish(Stop())
    server.buckets[ledgers.bucket].keys.clear()
    with pytest.raises(InvalidInput, match="was it emptied or restored") as absent:
        ledgers.writer()
    assert absent.value.reason == "LedgerAbsent"


def test_a_bucket_that_was_restored_to_an_earlier_time_is_refused(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    early = writer.publish(Stop())
    keys = server.buckets[ledgers.bucket].keys
    backup = {key: list(versions) for key, versions in keys.items()}
    ledgers.append(writer, 2, 3)
    late = writer.publish(Stop())
    keys.clear()
    keys.update(backup)
    restored = ledgers.writer(known=late)
    for act in (lambda: ledgers.append(restored, 4), lambda: restored.publish(Stop())):
        with pytest.raises(InvalidInput, match="holds 2 entries, and 4 were seen") as refused:
            act()
        assert refused.value.reason == "LedgerWentBack"
    # Filled up with other events it is as long as it was, and another ledger all the same.
    other = ledgers.writer(known=early)
    ledgers.append(other, 8, 9)
    with pytest.raises(InvalidInput, match=r"over 4 entries .* is not in") as refused:
        ledgers.append(ledgers.writer(known=late), 4)
    assert refused.value.reason == "LedgerWentBack"
    other.publish(Stop())
    with pytest.raises(InvalidInput, match="another root"):
        ledgers.writer(known=late).publish(Stop())


def test_a_writer_whose_bucket_is_emptied_signs_nothing_more(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    head = writer.publish(Stop())
    keys = server.buckets[ledgers.bucket].keys
    for key in [each for each in keys if not each.endswith("/genesis")]:
        del keys[key]
    ledgers.append(writer, 2)
    with pytest.raises(InvalidInput) as refused:
        writer.publish(Stop())
    assert refused.value.reason == "LedgerWentBack"
    assert [key for key in keys if "/checkpoints/" in key] == []
    with pytest.raises(InvalidInput) as refused:
        ledgers.append(ledgers.writer(known=head), 3)
    assert refused.value.reason == "LedgerWentBack"


@pytest.mark.parametrize("size", [1, 3, 5, 6])
def test_a_remembered_head_of_any_age_is_held_against_the_tree(ledgers: Ledgers, size: int) -> None:
    writer, heads = ledgers.writer(), {0: EMPTY}
    for number in range(5):
        ledgers.append(writer, number)
        heads[number + 1] = writer.publish(Stop())
    ledgers.append(writer, 5)
    heads[6] = ledgers.writer(known=heads[size - 1]).publish(Stop())
    ledgers.append(writer, 6)
    assert ledgers.writer(known=heads[size]).publish(Stop()).size == 7
    ledgers.append(writer, 7)
    with pytest.raises(InvalidInput, match="another root"):
        ledgers.writer(known=Head(size, bytes(32))).publish(Stop())


def test_a_signed_head_beyond_the_entries_is_no_end_to_go_on_from(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1, 2)
    writer.publish(Stop())
    del server.buckets[ledgers.bucket].keys[FIRST.entry(2)]
    with pytest.raises(InvalidInput, match="2 entries are there"):
        ledgers.append(ledgers.writer(), 3)


def test_tiles_that_are_gone_are_no_loss(server: ObjectStoreServer, ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1, 2)
    writer.publish(Stop())
    keys = server.buckets[ledgers.bucket].keys
    for key in [key for key in keys if "/tile/" in key]:
        del keys[key]
    again = ledgers.writer()
    ledgers.append(again, 3)
    again.publish(Stop())
    found = [(each.what, each.where) for each in ledgers.verify().findings]
    assert found == [("TileDiffers", "tile/0/000.p/3")], "and it is told which is gone"


def test_a_full_tile_comes_with_its_bundle_and_the_writer_goes_on_behind_it(
    ledgers: Ledgers,
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, *range(250))
    writer.publish(Stop())
    ledgers.append(writer, *range(250, 260))
    writer.publish(Stop())
    assert ledgers.source().bundle(0) is not None
    again = ledgers.writer()
    assert ledgers.append(again, 259, 260) == [259, 260]
    assert again.publish(Stop()).size == 261
    assert ledgers.verify().findings == []


# -- silence


def test_what_was_written_is_signed_after_seconds_and_silence_after_an_hour(
    ledgers: Ledgers,
) -> None:
    writer = ledgers.writer()
    assert writer.tend(Stop()) is None
    ledgers.append(writer, 0)
    assert writer.tend(Stop()) is None, "others may come"
    ledgers.clock.pass_by(seconds=10)
    head = writer.tend(Stop())
    assert head is not None
    assert (head.size, writer.tend(Stop())) == (1, None)
    ledgers.clock.pass_by(hours=1)
    both = [writer.tend(Stop()), ledgers.writer().tend(Stop())]
    assert [each and each.size for each in both] == [2, None], "two who see it tell it once"
    assert ledgers.verify().kinds == {"bind": 1, "idle": 1}


# -- genesis and epochs


def test_a_ledger_is_made_once(ledgers: Ledgers) -> None:
    with pytest.raises(AlreadyExists, match="new epoch"):
        ledgers.init()


def test_another_key_writes_no_ledger(ledgers: Ledgers) -> None:
    with pytest.raises(InvalidInput, match="no trusted key"):
        ledgers.writer(OTHER)


def test_a_ledger_goes_on_in_a_new_epoch_with_another_key(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    genesis = begin_epoch(ledgers.place, "acme", SIGNER, OTHER, ledgers.clock, Stop())
    assert (genesis.epoch, genesis.origin) == (2, f"{BASE}/2")
    assert genesis.previous is not None
    assert genesis.previous.size == 3
    with pytest.raises(Conflict, match="has ended"):
        ledgers.append(writer, 2)
    later = ledgers.writer(OTHER)
    assert ledgers.append(later, 2) == [0]
    placed = later.append(event(1, time=ledgers.clock.now), Stop())
    assert (placed.epoch, placed.index) == (1, 1), "an event of the former epoch is found there"
    later.publish(Stop())
    policy = logs_alone(vkey_of(f"{BASE}/2", OTHER.public))
    demand = LedgerDemand(policy, ledgers.clock.now)
    assert verify_ledger(ledgers.source(2), demand).findings == []
    assert ledgers.verify().findings == []


def test_a_new_epoch_whose_command_was_cut_off_is_made_by_running_it_again(
    ledgers: Ledgers,
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0)
    writer.append(end_event(writer.genesis.origin, "x", ledgers.clock.now, SIGNER), Stop())
    genesis = begin_epoch(ledgers.place, "acme", SIGNER, OTHER, ledgers.clock, Stop())
    assert genesis.previous is not None
    assert genesis.previous.size == 2
    raw = ledgers.store.s3.get_object(Bucket=ledgers.bucket, Key=FIRST.entry(1))["Body"].read()
    assert decode_entry(raw).kind == Kind.EPOCH_ENDED


@pytest.mark.parametrize("details", [{}, {"nextKey": "x", "signature": "AAAA"}])
def test_an_end_that_the_log_did_not_sign_ends_nothing(
    ledgers: Ledgers, details: dict[str, str]
) -> None:
    """Whoever may write to the bucket could else stop a ledger for good with one object."""
    writer, now = ledgers.writer(), ledgers.clock.now
    forged = replace(end_event(writer.genesis.origin, "x", now, OTHER), details=details)
    writer.append(forged, Stop())
    assert ledgers.append(ledgers.writer(), 1) == [1]
    assert ledgers.append(writer, 2) == [2]
    writer.publish(Stop())
    report = ledgers.verify()
    assert report.findings == []
    assert any("no signature of the log" in each for each in report.remarks)
    genesis = begin_epoch(ledgers.place, "acme", SIGNER, OTHER, ledgers.clock, Stop())
    assert genesis.previous is not None
    assert genesis.previous.size == 4
    with pytest.raises(Conflict):
        ledgers.append(writer, 3)


def test_an_epoch_needs_a_key_of_its_own(ledgers: Ledgers) -> None:
    with pytest.raises(InvalidInput, match="another key"):
        begin_epoch(ledgers.place, "acme", SIGNER, SIGNER, ledgers.clock, Stop())


def test_an_event_of_the_future_is_refused(ledgers: Ledgers) -> None:
    later = event(0, time=ledgers.clock.now + timedelta(minutes=31))
    with pytest.raises(InvalidInput, match="still to come"):
        ledgers.writer().append(later, Stop())
    ledgers.clock.pass_by(minutes=1)
    assert ledgers.writer().append(later, Stop()).index == 0


def test_an_event_is_found_behind_writers_whose_clocks_are_behind(ledgers: Ledgers) -> None:
    told = event(0, time=ledgers.clock.now + timedelta(minutes=29))
    ledgers.append(ledgers.writer(), 1)
    assert ledgers.writer().append(told, Stop()).index == 1
    ledgers.clock.pass_by(minutes=-29)
    ledgers.append(ledgers.writer(), 2)
    ledgers.clock.pass_by(minutes=29)
    ledgers.writer().publish(Stop())
    assert ledgers.writer().append(told, Stop()).index == 1


@pytest.mark.parametrize(("versioned", "days"), [(False, 0), (True, 30)])
def test_a_bucket_that_cannot_keep_a_ledger_gets_none(
    ledgers: Ledgers,
    versioned: bool,  # noqa: FBT001 - a column of the table
    days: int,
) -> None:
    s3 = ledgers.store.s3
    s3.create_bucket(Bucket="plain")
    if versioned:
        s3.put_bucket_versioning(Bucket="plain", VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(InvalidInput, match="bucket plain"):
        Ledgers(ledgers.store, "plain", lock_days=days).init()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": Kind.RUN_STARTED},
        {"subject": Subject("Experiment", "uid-other")},
        {"document": digest_of_bytes(b"other")},
        {"details": {"outcome": "Succeeded"}},
        {"objects": (StatedObject("k", "v", "e" * 64),)},
        {"actor": "system:somebody"},
    ],
)
@pytest.mark.parametrize("begins_again", [False, True])
def test_an_entry_of_somebody_else_with_the_id_of_an_event_suppresses_none(
    ledgers: Ledgers, changes: dict[str, Any], *, begins_again: bool
) -> None:
    """Ids follow from UIDs that many people see, so an entry can be there before its event."""
    writer, now = ledgers.writer(), ledgers.clock.now
    true = event(7, Kind.RUN_ENDED, time=now, details={"outcome": "Failed"})
    forged = replace(true, **changes)
    writer.append(event(0, time=now), Stop())
    assert writer.append(forged, Stop()).index == 1
    writer = ledgers.writer() if begins_again else writer
    assert writer.append(true, Stop()).index == 2
    again = ledgers.writer()
    assert [writer.append(true, Stop()).index, again.append(true, Stop()).index] == [2, 2]
    assert again.append(forged, Stop()).index == 1
    writer.publish(Stop())
    report = ledgers.verify()
    assert report.findings == []
    assert [each for each in report.remarks if "same event as entry 1/1" in each]
    told = decode_entry(list(ledgers.source().entries())[2][1].body)
    assert (told.kind, told.details["outcome"]) == (Kind.RUN_ENDED, "Failed")


def test_an_event_whose_lock_or_time_is_another_one_by_now_is_told_once(ledgers: Ledgers) -> None:
    writer, now = ledgers.writer(), ledgers.clock.now
    stated = StatedObject("k", "v", "e" * 64, "2027-01-01T00:00:00Z")
    first = event(7, Kind.SEALED, time=now, objects=(stated,))
    later = replace(stated, retain_until_time="2028-01-01T00:00:00Z")
    assert writer.append(first, Stop()).index == 0
    assert writer.append(replace(first, objects=(later,)), Stop()).index == 0
    assert writer.append(replace(first, time=now + timedelta(seconds=9)), Stop()).index == 0


@pytest.mark.parametrize("kind", ["checkpoints", "entries"])
def test_what_is_longer_than_any_object_is_a_finding_and_stops_no_verification(
    ledgers: Ledgers, kind: str
) -> None:
    """Nor does it keep an operator that begins from finding the newest head."""
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    head = writer.publish(Stop())
    taken = FIRST.checkpoint(2) if kind == "checkpoints" else FIRST.entry(0)
    for key in (taken, FIRST.checkpoint(900)):
        ledgers.store.s3.put_object(Bucket=ledgers.bucket, Key=key, Body=bytes(18 << 20))
    assert ledgers.writer(known=head).publish(Stop()) == head
    found = {(each.what, each.where) for each in ledgers.verify().findings}
    own = taken.removeprefix(FIRST.prefix)
    assert found >= {("SeveralVersions", own), ("CheckpointInvalid", checkpoint_path(900))}


def test_a_statement_that_is_longer_than_any_object_of_a_ledger_is_told(ledgers: Ledgers) -> None:
    """What a run calls its artifacts decides how long the statement of its seal is."""
    key, body = f"{SEALS}u1/{SEAL}", bytes(18 << 20)
    put = ledgers.store.s3.put_object(Bucket=ledgers.bucket, Key=key, Body=body)
    stated = StatedObject(key, put["VersionId"], "")
    told = event(0, Kind.SEALED, time=ledgers.clock.now, objects=(stated,))
    writer = ledgers.writer()
    (placed,) = append_events(writer, ledgers.place, [told], Stop())
    assert placed["index"] == 0
    (entry,) = [decode_entry(stored.body) for _, stored in ledgers.source().entries()]
    assert entry.objects[0].sha256 == hashlib.sha256(body).hexdigest()
    assert entry.objects[0].retain_until_time


def test_an_entry_is_locked_as_long_as_what_it_vouches_for(ledgers: Ledgers) -> None:
    now = ledgers.clock.now
    writer = ledgers.writer()
    for number, days in enumerate((10, 900)):
        writer.append(event(number, time=now), Stop(), now + timedelta(days=days))
    ends = [until for _, until in locks_below(ledgers.place, f"{FIRST.prefix}entries/")]
    assert ends[0] >= now + timedelta(days=30), "as the genesis says, at least"
    assert ends[1] >= now + timedelta(days=900)


def test_of_an_event_that_stands_twice_the_first_place_counts(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    first = ledgers.store.s3.get_object(Bucket=ledgers.bucket, Key=FIRST.entry(0))["Body"].read()
    again = encode_entry(event(0, time=ledgers.clock.now), 2, digest_of_bytes(b""), NOW)
    assert decode_entry(first).id == decode_entry(again).id
    ledgers.store.s3.put_object(Bucket=ledgers.bucket, Key=FIRST.entry(2), Body=again)
    assert ledgers.append(ledgers.writer(), 0, 3) == [0, 3]
    assert ledgers.append(writer, 3, 0) == [3, 0], "and by one that meets it at the end"


def test_a_hole_is_not_filled_by_a_writer_that_could_not_read_all(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    ledgers.append(ledgers.writer(), 0, 1, 2, 3)
    del server.buckets[ledgers.bucket].keys[FIRST.entry(1)]
    writer = ledgers.writer()

    def fault(action: str, bucket: str, key: str) -> None:
        del bucket
        if action == "s3:GetObjectVersion" or key == FIRST.entry(0):
            raise NoAnswerError

    server.fault = fault
    with pytest.raises(Unavailable):
        ledgers.append(writer, 4)
    server.fault = lambda *_: None
    assert ledgers.append(writer, 4) == [4]
    assert FIRST.entry(1) not in ledgers.entries()


def test_what_each_attempt_gives_another_time_is_looked_for_since_it_may_have_been_told(
    ledgers: Ledgers,
) -> None:
    begun = ledgers.clock.now
    ledgers.append(ledgers.writer(), 0)
    for number in range(1, 6):
        ledgers.clock.pass_by(hours=1)
        ledgers.append(ledgers.writer(), number)
    ledgers.writer().publish(Stop())
    again = event(0, time=ledgers.clock.now)
    assert ledgers.writer().append(again, Stop(), since=begun).index == 0


def test_an_epoch_that_has_ended_tells_of_no_silence(ledgers: Ledgers) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0)
    begin_epoch(ledgers.place, "acme", SIGNER, OTHER, ledgers.clock, Stop())
    ledgers.clock.pass_by(hours=2)
    assert writer.tend(Stop()) is not None
    ledgers.clock.pass_by(hours=2)
    assert writer.tend(Stop()) is not None
    assert len(ledgers.entries()) == 2


def test_tiles_that_do_not_lead_to_the_signed_root_are_not_believed(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1, 2)
    writer.publish(Stop())
    kept = server.buckets[ledgers.bucket].keys
    for key in [key for key in kept if "/tile/" in key]:
        body = kept[key][0].body
        kept[key][0] = replace(kept[key][0], body=bytes(len(body)))
    again = ledgers.writer()
    ledgers.append(again, 3)
    head = again.publish(Stop())
    assert {each.what for each in ledgers.verify().findings} == {"TileDiffers"}
    assert ledgers.writer(known=head).publish(Stop()) == head


def test_entries_that_were_edited_below_a_signed_head_are_not_continued(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1, 2)
    writer.publish(Stop())
    kept = server.buckets[ledgers.bucket].keys
    for key in [key for key in kept if "/tile/" in key]:
        del kept[key]
    body = kept[FIRST.entry(1)][0].body.replace(b'"kind":"bind"', b'"kind":"idle"')
    kept[FIRST.entry(1)][0] = replace(kept[FIRST.entry(1)][0], body=body)
    with pytest.raises(InvalidInput, match="have another root") as refused:
        ledgers.append(ledgers.writer(), 3)
    assert refused.value.reason == "LedgerWentBack"


@pytest.mark.parametrize(
    ("index", "entries"),
    [(2, 3), (1, 3), (255, 256), (3, 260)],
    ids=["the last one", "one that is read back", "the last of a tile", "one of a full tile"],
)
def test_nothing_is_written_behind_an_entry_that_is_not_the_one_that_was_signed(
    server: ObjectStoreServer, ledgers: Ledgers, index: int, entries: int
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, *range(entries))
    writer.publish(Stop())
    kept = server.buckets[ledgers.bucket].keys
    (signed,) = kept[FIRST.entry(index)]
    forged = signed.body.replace(b'"kind":"bind"', b'"kind":"idle"')
    assert forged != signed.body
    kept[FIRST.entry(index)][0] = replace(signed, body=forged)
    before = set(kept)
    again = ledgers.writer()
    for _ in range(2):
        with pytest.raises(InvalidInput, match="not the entry that was signed") as refused:
            ledgers.append(again, entries)
        assert refused.value.reason == "LedgerInvalid"
    assert set(kept) == before
    kept[FIRST.entry(index)][0] = signed
    assert ledgers.append(again, entries) == [entries]


@pytest.mark.parametrize("index", [3, 255], ids=["one of a full tile", "the last of it"])
@pytest.mark.parametrize("tile", [None, b"", bytes(32 * 256)], ids=["gone", "empty", "other"])
def test_nothing_is_written_behind_a_forged_entry_whose_tile_is_forged_as_well(
    server: ObjectStoreServer, ledgers: Ledgers, tile: bytes | None, index: int
) -> None:
    """Whoever can put other bytes in the place of an entry can do so to its tile too."""
    writer = ledgers.writer()
    ledgers.append(writer, *range(260))
    writer.publish(Stop())
    kept = server.buckets[ledgers.bucket].keys
    key = FIRST.tile(Tile(0, 0))
    (whole,) = kept[key]
    (signed,) = kept[FIRST.entry(index)]
    forged = signed.body.replace(b'"kind":"bind"', b'"kind":"idle"')
    if tile is None:
        del kept[key]
    else:
        kept[key][0] = replace(whole, body=tile)
    again = ledgers.writer()
    assert ledgers.append(again, 260) == [260], "without its tile it is what was signed"
    kept[FIRST.entry(index)][0] = replace(signed, body=forged)
    before = set(kept)
    with pytest.raises(InvalidInput, match="not the entry that was signed") as refused:
        ledgers.append(ledgers.writer(), 261)
    assert refused.value.reason == "LedgerInvalid"
    assert set(kept) == before


def test_a_full_tile_that_is_gone_keeps_nobody_from_writing_behind_its_entries(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, *range(260))
    writer.publish(Stop())
    del server.buckets[ledgers.bucket].keys[FIRST.tile(Tile(0, 0))]
    assert ledgers.append(ledgers.writer(), 3, 260) == [3, 260]


def test_a_head_that_another_history_took_before_is_not_gone_on_from(
    server: ObjectStoreServer, ledgers: Ledgers
) -> None:
    """Two histories under one key: whoever writes the later one learns of the first."""
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    before = dict(server.buckets[ledgers.bucket].keys)
    ledgers.append(writer, 2)
    writer.publish(Stop())
    key = FIRST.checkpoint(3)
    signed = server.buckets[ledgers.bucket].keys[key]
    server.buckets[ledgers.bucket].keys = before
    other = ledgers.writer()
    ledgers.append(other, 3)

    def slips_in(action: str, bucket: str, wanted: str) -> None:
        if action == "s3:PutObject" and wanted == key:
            server.buckets[bucket].keys.setdefault(key, signed)

    server.fault = slips_in
    with pytest.raises(InvalidInput, match="nothing is signed") as refused:
        other.publish(Stop())
    assert refused.value.reason == "LedgerWentBack"


@pytest.mark.parametrize("body", [b"no checkpoint", None], ids=["junk", "an older one, copied"])
def test_what_lies_under_the_name_of_a_later_checkpoint_keeps_nobody_from_writing(
    ledgers: Ledgers, body: bytes | None
) -> None:
    writer, s3, bucket = ledgers.writer(), ledgers.store.s3, ledgers.bucket
    ledgers.append(writer, 0, 1)
    writer.publish(Stop())
    raw = body or s3.get_object(Bucket=bucket, Key=FIRST.checkpoint(2))["Body"].read()
    ledgers.append(writer, 2, 3)
    head = writer.publish(Stop())
    s3.put_object(Bucket=bucket, Key=FIRST.checkpoint(5), Body=raw)
    later = ledgers.writer()
    assert ledgers.append(later, 4) == [4]
    newest = later.newest()
    assert newest == head, "the newest that is of its own size"


def test_an_entry_is_locked_as_long_as_the_statement_that_it_tells_of(ledgers: Ledgers) -> None:
    until = ledgers.clock.now + timedelta(days=900)
    key = ".glovebox/seals/u1/attestation.dsse.json"
    made = ledgers.store.s3.put_object(
        Bucket=ledgers.bucket,
        Key=key,
        Body=b"signed",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
    )
    stated = StatedObject(key, made["VersionId"], "")
    told = event(0, Kind.SEALED, time=ledgers.clock.now, objects=(stated,))
    (placed,) = append_events(ledgers.writer(), ledgers.place, [told], Stop())
    assert placed["index"] == 0
    ((_, end),) = locks_below(ledgers.place, f"{FIRST.prefix}entries/")
    assert end >= until
