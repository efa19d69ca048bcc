"""Every way of tampering with a ledger that is known here is found, and by the name it has.

The first tables are the twelve classes that a tamper-evident record is judged by. The last are the
twenty cases that a home-made chain was tested with in public, in the terms of this ledger; `TWENTY`
says which test is which of them, since some are about writers and exports. What is benign must find
nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from glovebox.evidence.signer import LocalSigner
from glovebox.jobs.ledger_checking import OpenLedger, verify_epochs
from glovebox.ledger.checkpoint import Checkpoint, Head, cosign, sign_checkpoint
from glovebox.ledger.cosignatures import Said, signature_in
from glovebox.ledger.entry import Kind, StatedObject, digest_of_bytes, encode_entry
from glovebox.ledger.findings import MEANINGS
from glovebox.ledger.layout import entry_path
from glovebox.ledger.note import parse_note, vkey_of
from glovebox.ledger.pace import end_event
from glovebox.ledger.policy import logs_alone
from glovebox.ledger.source import Lock, Stored
from glovebox.ledger.stated import FoundObject, compare_objects, compare_seals, is_seal
from glovebox.ledger.tiles import Edge
from glovebox.ledger.tree import leaf_hash
from glovebox.ledger.verification import LedgerDemand
from glovebox.store.connection import Stop
from support.ledger_logs import (
    LOG_KEY,
    NOW,
    ORIGIN,
    OTHER,
    POLICY,
    SIGNER,
    WITNESS,
    MemoryLedger,
    event,
    ledger_of,
)

TESTS = Path(__file__).parents[2]
SEAL = ".glovebox/seals/uid-1/attestation.dsse.json"
UNTIL = "2027-11-25T12:00:00Z"
STATED = StatedObject(SEAL, "v1", "ab" * 32, UNTIL)


def at(index: int) -> str:
    return entry_path(index)


# -- the ledger alone


def flip_a_bit(ledger: MemoryLedger) -> None:
    body = bytearray(ledger.stored[3].body)
    body[body.index(b"Requested")] ^= 1
    ledger.replace(3, bytes(body))


def remove_one(ledger: MemoryLedger) -> None:
    del ledger.stored[3]


def swap_two(ledger: MemoryLedger) -> None:
    ledger.stored[3], ledger.stored[4] = ledger.stored[4], ledger.stored[3]


def cut_the_tail(ledger: MemoryLedger) -> None:
    del ledger.stored[6], ledger.stored[7]


def roll_the_head_back(ledger: MemoryLedger) -> None:
    del ledger.heads[8], ledger.stored[6], ledger.stored[7]


def write_a_second_version(ledger: MemoryLedger) -> None:
    ledger.stored[3] = dataclasses.replace(ledger.stored[3], versions=2)


def shorten_a_lock(ledger: MemoryLedger) -> None:
    ledger.stored[3] = dataclasses.replace(
        ledger.stored[3], lock=Lock("Compliance", "2026-12-01T00:00:00Z")
    )


def fork(ledger: MemoryLedger) -> None:
    """Write all from 3 on again, with the log's own key: entries, tiles and heads."""
    again = ledger_of(3, 3)
    again.append(*(event(100 + number) for number in range(5)))
    again.publish()
    ledger.stored, ledger.tiles, ledger.heads = again.stored, again.tiles, again.heads


def everything(ledger: MemoryLedger) -> list[bytes]:
    """Return the head that an auditor remembered before the attack."""
    return [ledger.heads[8].body]


def nothing(_: MemoryLedger) -> list[bytes]:
    return []


Tamper = Callable[[MemoryLedger], None]
Remember = Callable[[MemoryLedger], list[bytes]]


@pytest.mark.parametrize(
    ("tamper", "remember", "what", "where"),
    [
        (flip_a_bit, nothing, "EntryDiffers", at(3)),
        (remove_one, nothing, "EntryMissing", at(3)),
        (swap_two, nothing, "IndexDiffers", at(3)),
        (cut_the_tail, nothing, "EntryMissing", at(6)),
        (roll_the_head_back, everything, "WentBack", "remembered head 1"),
        (fork, everything, "Forked", "remembered head 1"),
        (shorten_a_lock, nothing, "LockShortened", at(3)),
        (write_a_second_version, nothing, "SeveralVersions", at(3)),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_the_classes_that_concern_the_ledger_are_found(
    tamper: Tamper, remember: Remember, what: str, where: str
) -> None:
    ledger = ledger_of(8, 5, lock_days=365)
    remembered = remember(ledger)
    assert ledger.found(*remembered) == [], "as it was written, it holds"
    tamper(ledger)
    assert (what, where) in ledger.found(*remembered)


# -- what entries say of other objects


@pytest.mark.parametrize(
    ("found", "seals", "what"),
    [
        (False, [SEAL], "ObjectMissing"),
        (FoundObject("ab" * 32, Lock("Compliance", UNTIL)), [SEAL, f"{SEAL}2"], None),
        (True, [SEAL], "ObjectVersionDiffers"),
        (FoundObject("cd" * 32, Lock("Compliance", UNTIL)), [SEAL], "ObjectDiffers"),
        (
            FoundObject("ab" * 32, Lock("Compliance", "2026-12-01T00:00:00Z")),
            [SEAL],
            "LockShortened",
        ),
        (FoundObject("ab" * 32, Lock()), [SEAL], "LockShortened"),
        (
            FoundObject("ab" * 32, Lock("Compliance", UNTIL)),
            [SEAL, SEAL.replace("uid-1", "uid-2")],
            "ObjectWithoutEntry",
        ),
        (FoundObject("ab" * 32, Lock(is_held=True)), [SEAL], None),
    ],
)
def test_the_classes_that_concern_what_entries_vouch_for_are_found(
    found: FoundObject | bool,  # noqa: FBT001 - a column of the table
    seals: list[str],
    what: str | None,
) -> None:
    ledger = MemoryLedger()
    ledger.append(event(0, Kind.SEALED, objects=(STATED,)))
    ledger.publish()
    report = ledger.verify()
    compare_objects(report, lambda _: found)
    compare_seals(report, filter(is_seal, seals))
    assert [each.what for each in report.findings] == ([what] if what else [])


# -- the twenty cases


def resigned(ledger: MemoryLedger, index: int, reason: str, number: int = 77) -> bytes:
    """Return an entry for a place that follows on the one before it, as a forger writes it."""
    forged = event(number, details={"reason": reason})
    before = ledger.stored[index - 1].body
    return encode_entry(forged, index, digest_of_bytes(before), NOW)


def insert_in_the_middle(ledger: MemoryLedger) -> None:
    later = [ledger.stored[index] for index in range(3, 8)]
    ledger.stored[3] = Stored(ledger.stored[0].body)
    for index, stored in enumerate(later, 4):
        ledger.stored[index] = stored


def insert_what_follows_on_the_one_before(ledger: MemoryLedger) -> None:
    later = [ledger.stored[index] for index in range(3, 8)]
    ledger.stored[3] = Stored(resigned(ledger, 3, "Forged"))
    for index, stored in enumerate(later, 4):
        ledger.stored[index] = stored


def delete_the_first(ledger: MemoryLedger) -> None:
    del ledger.stored[0]


def modify_one_field(ledger: MemoryLedger) -> None:
    document = json.loads(ledger.stored[3].body)
    document["kind"] = "granted"
    ledger.replace(3, json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def modify_a_nested_field(ledger: MemoryLedger) -> None:
    document = json.loads(ledger.stored[3].body)
    document["details"]["reason"] = "Approved"
    ledger.replace(3, json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def copy_an_old_one_forward(ledger: MemoryLedger) -> None:
    ledger.replace(5, ledger.stored[2].body)


def write_an_old_one_again_in_its_new_place(ledger: MemoryLedger) -> None:
    """A replay that follows on properly, behind the last checkpoint."""
    before = ledger.stored[7].body
    ledger.stored[8] = Stored(encode_entry(event(2), 8, digest_of_bytes(before), NOW))


def cut_the_last_short(ledger: MemoryLedger) -> None:
    ledger.replace(7, ledger.stored[7].body[:-30])


def sign_with_another_key(ledger: MemoryLedger) -> None:
    ledger.replace(7, resigned(ledger, 7, "Forged"))
    edge = Edge()
    for index in range(8):
        edge.add(leaf_hash(ledger.stored[index].body))
    forged = Checkpoint(ledger.origin, Head(8, edge.root()))
    ledger.heads[8] = Stored(sign_checkpoint(forged, OTHER))


def sign_two_heads_with_the_own_key(ledger: MemoryLedger) -> None:
    """The log signs a head that is of no entries; a later one is of these."""
    forged = Checkpoint(ledger.origin, Head(6, bytes(32)))
    ledger.heads[6] = Stored(sign_checkpoint(forged, ledger.signer))


def empty_an_entry(ledger: MemoryLedger) -> None:
    ledger.replace(3, b"")


def add_a_blank(ledger: MemoryLedger) -> None:
    ledger.replace(3, ledger.stored[3].body + b"\n")


def empty_the_bucket(ledger: MemoryLedger) -> None:
    ledger.first, ledger.stored, ledger.heads, ledger.tiles = None, {}, {}, {}


def edit_the_genesis(ledger: MemoryLedger) -> None:
    assert ledger.first is not None
    ledger.first = Stored(ledger.first.body.replace(b'"lockDays":0', b'"lockDays":9'))


def edit_a_checkpoint(ledger: MemoryLedger) -> None:
    ledger.heads[5] = Stored(ledger.heads[5].body.replace(b"\n5\n", b"\n4\n"))


def change_a_tile(ledger: MemoryLedger) -> None:
    ledger.tiles["tile/0/000.p/5"] = bytes(160)


def hide_a_key(ledger: MemoryLedger) -> None:
    ledger.stored[3] = dataclasses.replace(ledger.stored[3], markers=1)


def drop_a_file_among_them(ledger: MemoryLedger) -> None:
    ledger.others.append("entries/notes.txt")


def go_on_behind_the_end(ledger: MemoryLedger) -> None:
    ledger.append(end_event(ORIGIN, "next", NOW, SIGNER), event(9))


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (insert_in_the_middle, [("IndexDiffers", at(3)), ("EntryDiffers", at(3))]),
        (insert_what_follows_on_the_one_before, [("EntryDiffers", at(3)), ("ChainBroken", at(4))]),
        (remove_one, [("EntryMissing", at(3))]),
        (delete_the_first, [("EntryMissing", at(0))]),
        (modify_one_field, [("EntryDiffers", at(3)), ("ChainBroken", at(4))]),
        (modify_a_nested_field, [("EntryDiffers", at(3)), ("ChainBroken", at(4))]),
        (copy_an_old_one_forward, [("IndexDiffers", at(5)), ("IdRepeated", at(5))]),
        (write_an_old_one_again_in_its_new_place, [("IdRepeated", at(8))]),
        (cut_the_last_short, [("EntryInvalid", at(7)), ("EntryDiffers", at(7))]),
        (sign_with_another_key, [("CheckpointInvalid", "checkpoints/000/000/000/008")]),
        (sign_two_heads_with_the_own_key, [("Forked", "checkpoints/000/000/000/006")]),
        (swap_two, [("IndexDiffers", at(3)), ("IndexDiffers", at(4))]),
        (empty_an_entry, [("EntryInvalid", at(3)), ("EntryDiffers", at(3))]),
        (add_a_blank, [("EntryInvalid", at(3)), ("EntryDiffers", at(3))]),
        (empty_the_bucket, [("GenesisInvalid", "genesis")]),
        (edit_the_genesis, [("GenesisInvalid", "genesis")]),
        (edit_a_checkpoint, [("CheckpointInvalid", "checkpoints/000/000/000/005")]),
        (change_a_tile, [("TileDiffers", "tile/0/000.p/5")]),
        (hide_a_key, [("DeleteMarker", at(3))]),
        (drop_a_file_among_them, [("Stranger", "entries/notes.txt")]),
        (go_on_behind_the_end, [("EntryAfterEnd", at(9))]),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_the_cases_that_broke_other_chains_are_found(
    tamper: Tamper, expected: list[tuple[str, str]]
) -> None:
    ledger = ledger_of(8, 5)
    tamper(ledger)
    found = ledger.found()
    assert [each for each in expected if each not in found] == []
    assert {what for what, _ in found} <= MEANINGS.keys()


def test_what_was_tampered_with_before_a_full_tile_is_found_with_its_index() -> None:
    ledger = ledger_of(600, 300, 512)
    flip_a_bit(ledger)
    assert ("EntryDiffers", at(3)) in ledger.found()
    assert ("EntryDiffers", at(4)) not in ledger.found()


def test_without_tiles_the_head_is_named_that_the_entries_do_not_have() -> None:
    ledger = ledger_of(8, 5)
    flip_a_bit(ledger)
    ledger.tiles = {}
    assert ("RootDiffers", "checkpoints/000/000/000/008") in ledger.found()


def test_tiles_that_were_forged_along_do_not_hide_what_was_changed() -> None:
    ledger = ledger_of(8, 5)
    modify_one_field(ledger)
    edge = Edge()
    for index in range(8):
        edge.add(leaf_hash(ledger.stored[index].body))
    ledger.tiles |= {tile.path: body for tile, body in edge.partial()}
    found = ledger.found()
    assert ("EntryDiffers", at(3)) in found, "the tiles of the earlier head still lead to its root"
    ledger.tiles["tile/0/000.p/5"] = b"".join(
        leaf_hash(ledger.stored[index].body) for index in range(5)
    )
    assert ("RootDiffers", "checkpoints/000/000/000/005") in ledger.found()


def test_a_head_that_was_remembered_shows_that_checkpoints_were_taken_away() -> None:
    ledger = ledger_of(8, 5)
    remembered = ledger.heads.pop(8).body
    assert ledger.found() == []
    assert ledger.found(remembered) == [("WentBack", "checkpoints/000/000/000/008")]


@pytest.mark.parametrize("size", [0, 1, 5, 256, 257, 700])
def test_a_ledger_that_nobody_touched_finds_nothing(size: int) -> None:
    ledger = ledger_of(size, 1, 5, 255, 256)
    report = ledger.verify(*(each.body for each in ledger.heads.values()))
    assert (report.findings, report.entries, report.remarks) == ([], size, [])


def test_what_is_benign_finds_nothing() -> None:
    """A writer that went on behind the last checkpoint, and heads that were signed twice."""
    ledger = ledger_of(8, 5)
    ledger.heads[5] = dataclasses.replace(ledger.heads[5], others=(ledger.heads[5].body,))
    ledger.append(event(8), event(9))
    report = ledger.verify(now=NOW + timedelta(hours=2))
    assert report.findings == []
    (remark,) = report.remarks
    assert remark.startswith("2 entries are in no checkpoint yet, the first since 2026-11-25T12:00")


def test_an_unlocked_entry_is_found_unless_locks_are_not_asked_for() -> None:
    ledger = ledger_of(2)
    ledger.stored[1] = dataclasses.replace(ledger.stored[1], lock=Lock())
    assert ledger.found() == [("Unlocked", at(1))]
    assert ledger.verify().locks.unlocked == 1


# -- what is signed, and is about something else

HEAD = "checkpoints/000/000/000/00"
ELSEWHERE = "ledger.example.com/other/1"


def another_history(size: int, signer: LocalSigner = SIGNER, origin: str = ORIGIN) -> bytes:
    """Return a checkpoint over entries that are not those of `ledger_of`."""
    other = MemoryLedger(signer, origin)
    other.append(*(event(number, Kind.IDLE) for number in range(size)))
    return other.publish()


def test_a_checkpoint_that_lies_under_another_size_is_found() -> None:
    ledger = ledger_of(8, 5)
    ledger.heads[6] = ledger.heads[5]
    assert ledger.found() == [("CheckpointInvalid", f"{HEAD}6")]


def test_a_checkpoint_of_another_log_that_is_trusted_too_is_no_head_of_this_one() -> None:
    ledger = ledger_of(8, 5)
    ledger.heads[6] = Stored(another_history(6, OTHER, ELSEWHERE))
    policy = logs_alone(LOG_KEY, vkey_of(ELSEWHERE, OTHER.public))
    (finding,) = ledger.verify(policy=policy).findings
    assert (finding.what, finding.where) == ("CheckpointInvalid", f"{HEAD}6")
    assert finding.message == f"it is of the log {ELSEWHERE}"


def test_a_second_history_in_a_later_version_of_a_checkpoint_is_found() -> None:
    ledger = ledger_of(8, 5)
    ledger.heads[5] = dataclasses.replace(ledger.heads[5], others=(another_history(5),))
    assert ledger.found() == [("Forked", f"{HEAD}5")]


def test_a_remembered_head_of_another_history_is_a_fork_where_no_later_head_is_there() -> None:
    ledger = ledger_of(8, 5)
    del ledger.heads[8]
    assert ledger.found(another_history(8)) == [("Forked", "remembered head 1")]


def test_a_remembered_head_of_a_log_that_is_not_here_says_that_it_went_back() -> None:
    opened = OpenLedger([ledger_of(3)], None, Stop())
    known = another_history(2, OTHER, ELSEWHERE)
    (report,) = verify_epochs(opened, LedgerDemand(POLICY, NOW, (known,)))
    assert [(each.what, each.where) for each in report.findings] == [
        ("WentBack", "remembered head")
    ]


def test_a_lock_that_may_be_taken_off_is_less_than_the_genesis_states() -> None:
    ledger = ledger_of(3, lock_days=30)
    assert ledger.found() == []
    assert ledger.lock is not None
    weaker = Lock("Governance", ledger.lock.until)
    ledger.stored[1] = dataclasses.replace(ledger.stored[1], lock=weaker)
    assert ledger.found() == [("LockShortened", at(1))]


def test_a_witness_s_signature_counts_in_its_own_place_alone() -> None:
    text = parse_note(another_history(3)).text
    made = cosign(text, "witness.example.com/w1", WITNESS, NOW)
    place, raw = f"cosignatures/000/000/000/003/{made.key_id.hex()}", made.line.encode()
    assert signature_in(Said(place, 3, raw)) == made
    assert signature_in(Said(f"{place[:-8]}00000000", 3, raw)) is None


# What each of the twenty cases is here: a row of the table above, or a test elsewhere.
TWENTY: dict[str, Tamper | tuple[str, str]] = {
    "a forged record inserted in the middle": insert_in_the_middle,
    "one inserted that follows on the one before": insert_what_follows_on_the_one_before,
    "a middle record deleted": remove_one,
    "the first record deleted": delete_the_first,
    "one field modified": modify_one_field,
    "a nested field modified": modify_a_nested_field,
    "a chain that continues across a rotation": (
        "unit/store/test_ledger_writer.py",
        "test_a_ledger_goes_on_in_a_new_epoch_with_another_key",
    ),
    "what lies before a rotation modified": (
        "unit/cli/test_ledger.py",
        "test_what_was_changed_in_an_epoch_that_has_ended_is_found",
    ),
    "a writer that begins again finds the end": (
        "unit/store/test_ledger_writer.py",
        "test_an_event_is_written_once_however_often_it_is_told",
    ),
    "an old record copied forward": copy_an_old_one_forward,
    "the last record cut short": cut_the_last_short,
    "a crash, and a chain that goes on after it": (
        "unit/store/test_ledger_writer.py",
        "test_a_process_that_dies_at_any_request_leaves_nothing_twice",
    ),
    "writers at once lose no record": (
        "cluster/store/test_ledger.py",
        "test_one_event_that_sixteen_writers_tell_at_once_stands_once",
    ),
    "writers at once keep one chain": (
        "cluster/store/test_ledger.py",
        "test_sixteen_writers_at_once_write_one_chain_and_lose_nothing",
    ),
    "signed again with another key": sign_with_another_key,
    "two records swapped": swap_two,
    "an empty place is no ledger that goes on": empty_the_bucket,
    "an empty record": empty_an_entry,
    "a blank added": add_a_blank,
    "an archive that can be read": (
        "unit/cli/test_ledger.py",
        "test_the_exported_folder_is_a_static_log",
    ),
}


@pytest.mark.parametrize("case", TWENTY)
def test_each_of_the_twenty_cases_is_held_by_a_test(case: str) -> None:
    held = TWENTY[case]
    if not isinstance(held, tuple):
        rows = test_the_cases_that_broke_other_chains_are_found.pytestmark[0].args[1]  # type: ignore[attr-defined]
        assert held in [row[0] for row in rows]
        return
    file, name = held
    assert f"def {name}(" in (TESTS / file).read_text()


def test_there_are_twenty_and_the_page_explains_every_finding() -> None:
    assert len(TWENTY) == 20
    page = (TESTS.parent / "docs" / "reference" / "ledger.md").read_text()
    assert [word for word in MEANINGS if f"`{word}`" not in page] == []
