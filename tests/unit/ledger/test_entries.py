"""Entries: one spelling, no names, no free text; commitments; and the bytes that never change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glovebox.data.digest import canonical_json
from glovebox.errors import InvalidInput
from glovebox.ledger.commitments import Person, decode_person, encode_person
from glovebox.ledger.entry import (
    Event,
    Kind,
    StatedObject,
    decode_entry,
    digest_of_bytes,
    encode_entry,
)
from glovebox.ledger.genesis import open_genesis
from glovebox.ledger.note import Note, parse_note, signed, vkey_of
from glovebox.ledger.tree import leaf_hash
from support.ledger_logs import ACTOR, LOG_KEY, NOW, OTHER, event, ledger_of, refused
from unit.ledger.golden import VECTORS, make_vectors

PREVIOUS = digest_of_bytes(b"before")
STATED = StatedObject("k/attestation.dsse.json", "v1", "ab" * 32, "2027-01-01T00:00:00Z")
RAW = encode_entry(event(7, Kind.SEALED, objects=(STATED,)), 7, PREVIOUS, NOW)


def test_an_entry_is_read_back_as_it_was_written() -> None:
    entry, told = decode_entry(RAW), event(7, Kind.SEALED, objects=(STATED,))
    assert (entry.index, entry.previous, entry.written) == (7, PREVIOUS, NOW)
    names = ("id", "kind", "time", "actor", "subject", "document", "objects", "details")
    assert [getattr(entry, name) for name in names] == [getattr(told, name) for name in names]


def test_times_lose_fractions_and_zones_before_they_are_hashed() -> None:
    odd = datetime(2026, 11, 25, 13, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert encode_entry(event(0, time=odd), 0, PREVIOUS, NOW) == encode_entry(
        event(0, time=NOW), 0, PREVIOUS, NOW
    )
    with pytest.raises(InvalidInput, match="no time zone"):
        encode_entry(event(0, time=odd.replace(tzinfo=None)), 0, PREVIOUS, NOW)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("actor", "alice", "a name in the clear"),
        ("actor", "alice@example.com", "an address in the clear"),
        ("details", {"note": "Alice asked for it"}, "free text"),
        ("details", {"mail": "alice@example.com"}, "an address"),
        ("details", {"Note": "x"}, "the name of a detail"),
        ("id", "1", "no UUID"),
        ("id", "00000000-0000-0000-0000-00000000000A", "another spelling of a UUID"),
        ("document", "sha256:abc", "no digest"),
        ("objects", (StatedObject("k", "v", "abc"),), "no SHA-256"),
        ("objects", (StatedObject("", "v", "ab" * 32),), "no key"),
        ("objects", (STATED,) * 400, "more than 65,535 bytes"),
    ],
)
def test_what_has_no_place_in_a_ledger_is_refused(field: str, value: Any, reason: str) -> None:
    made = event(0, **{field: value})
    refused(reason, lambda: encode_entry(made, 0, PREVIOUS, NOW))


def changed(**fields: Any) -> bytes:
    return canonical_json({**json.loads(RAW), **fields})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (RAW + b"\n", "a line feed behind it"),
        (RAW.replace(b'":"', b'": "', 1), "a blank"),
        (b'{"actor":"x",' + RAW[1:], "a key twice"),
        (RAW[:-30], "cut short"),
        (b"", "empty"),
        (b"[]", "no object"),
        (changed(more="x"), "a field more"),
        (changed(format="glovebox.dev/ledger-entry/v2"), "another version"),
        (changed(index=-1), "an index below 0"),
        (changed(index=True), "no number"),
        (changed(index="7"), "a number as text"),
        (changed(time="2026-11-25T12:00:00.5Z"), "a fraction"),
        (changed(time="2026-11-25T12:00:00+00:00"), "another spelling of UTC"),
        (changed(kind="Sealed"), "no kind"),
        (changed(subject={"uid": "x"}), "half a subject"),
        (RAW.replace(b'"index":7', b'"index":7.0'), "a float"),
    ],
)
def test_what_is_not_the_one_spelling_is_refused(raw: bytes, reason: str) -> None:
    assert "cannot be taken" in refused(reason, lambda: decode_entry(raw)).message


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
)


@settings(max_examples=40)
@given(_JSON)
def test_the_fast_check_of_the_spelling_agrees_with_the_format(value: Any) -> None:
    assert orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == canonical_json(value)


def test_a_kind_of_a_later_version_is_read() -> None:
    assert decode_entry(changed(kind="something-new")).kind == "something-new"


# -- commitments


def test_a_commitment_is_one_persons_and_shows_no_name() -> None:
    alice, other = Person("alice", b"a" * 32), Person("alice", b"b" * 32)
    assert alice.commitment != other.commitment
    assert decode_person(encode_person(alice)) == alice
    assert "alice" not in f"{alice} {alice!r} {alice.commitment}"


def test_a_salt_that_is_too_short_commits_to_nothing() -> None:
    with pytest.raises(InvalidInput, match="needs 32"):
        _ = Person("alice", b"short").commitment


def test_an_object_that_says_another_name_for_a_commitment_is_refused() -> None:
    raw = encode_person(Person("alice", b"a" * 32))
    for forged in (raw.replace(b"alice", b"bob"), b"{}", b"no JSON"):
        with pytest.raises(InvalidInput):
            decode_person(forged)


# -- golden vectors: what is stored once must be read for ever


def test_the_vectors_are_what_the_code_writes() -> None:
    assert json.loads(Path(VECTORS).read_text()) == make_vectors()


def test_the_vectors_are_what_the_code_reads() -> None:
    vectors = json.loads(Path(VECTORS).read_text())
    for stored, leaf in zip(vectors["entries"], vectors["leaves"], strict=True):
        decode_entry(stored.encode())
        assert leaf_hash(stored.encode()).hex() == leaf
    assert open_genesis(vectors["genesis"].encode(), [LOG_KEY]).organisation == "acme"
    assert decode_entry(vectors["entries"][0].encode()).actor == ACTOR


def test_the_genesis_is_bound_to_its_key() -> None:
    first = ledger_of(0).first
    assert first is not None
    assert open_genesis(first.body, [LOG_KEY]).created == NOW.astimezone(UTC)
    for raw in (
        first.body.replace(b"acme", b"acne"),
        first.body.replace(b'"epoch":1', b'"epoch":2'),
    ):
        with pytest.raises(InvalidInput, match="genesis cannot be believed"):
            open_genesis(raw, [LOG_KEY])
    with pytest.raises(InvalidInput, match="no trusted key"):
        open_genesis(first.body, [])


def test_a_genesis_that_the_key_of_another_log_signed_is_refused() -> None:
    """Both are trusted: who keeps the one ledger must not begin the other."""
    first, elsewhere = ledger_of(0).first, "ledger.example.com/other/1"
    assert first is not None
    text = parse_note(first.body).text
    raw = Note(text, (signed(text, elsewhere, OTHER),)).encode()
    with pytest.raises(InvalidInput, match="another origin or key"):
        open_genesis(raw, [LOG_KEY, vkey_of(elsewhere, OTHER.public)])


def test_every_kind_that_is_known_can_be_written() -> None:
    for number, kind in enumerate(Kind):
        made = Event(event(number).id, kind, NOW, "system:operator")
        assert decode_entry(encode_entry(made, 0, PREVIOUS, NOW)).kind == kind
