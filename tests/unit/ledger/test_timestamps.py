"""Timestamps of heads: whose they are, of what, and between which times an entry was written."""

from __future__ import annotations

import dataclasses
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from glovebox.errors import InvalidInput, Unavailable
from glovebox.jobs.ledger_folder import FolderSource, export_whole
from glovebox.ledger.entry import encode_entry, time_text
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.note import vkey_of
from glovebox.ledger.policy import logs_alone
from glovebox.ledger.timestamps import (
    Stamp,
    StampedHead,
    Stamps,
    authority_id,
    read_root_file,
    read_roots,
    request_timestamp,
    stated_time,
    verified_time,
)
from glovebox.ledger.verification import LedgerDemand, verify_ledger
from glovebox.store.connection import Stop
from glovebox.store.ledger_timestamps import ask_authority
from support.ledger_logs import NOW, POLICY, SIGNER, MemoryLedger, event
from support.ledger_stores import BASE, FIRST, Ledgers, locks_below, stand_in
from support.timestamp_authority import Authority, needs_openssl

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("index", "after", "before"),
    [
        (0, None, 1),
        (2, None, 1),
        (3, 1, 2),
        (7, 1, 2),
        (8, 2, None),
        (900, 2, None),
    ],
)
def test_an_entry_lies_between_two_stamps(
    index: int, after: int | None, before: int | None
) -> None:
    stamps = Stamps([Stamp(8, NOW + 2 * HOUR), Stamp(3, NOW + HOUR)])

    def hours(count: int | None) -> datetime | None:
        return NOW + count * HOUR if count is not None else None

    assert stamps.bounds(index) == (hours(after), hours(before))


def test_the_tightest_of_several_stamps_binds() -> None:
    # A head that was known early was known early, whatever is said of a smaller one later.
    stamps = Stamps([Stamp(3, NOW + 5 * HOUR), Stamp(8, NOW + 2 * HOUR), Stamp(8, NOW + 9 * HOUR)])
    assert stamps.bounds(2) == (None, NOW + 2 * HOUR)
    assert stamps.bounds(8) == (NOW + 9 * HOUR, None)
    # And one that was not there yet was not there yet, whatever is said of a larger one.
    backwards = Stamps([Stamp(3, NOW + 5 * HOUR), Stamp(8, NOW + 2 * HOUR)])
    assert backwards.bounds(8) == (NOW + 5 * HOUR, None)


def test_without_stamps_nothing_is_said() -> None:
    assert Stamps(()).bounds(4) == (None, None)


# -- what an authority answers


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@needs_openssl
def test_an_answer_of_openssl_is_believed_and_openssl_believes_what_is_kept(
    authority: Authority, tmp_path: Path
) -> None:
    request = request_timestamp(b"a checkpoint")
    before = datetime.now(UTC) - timedelta(seconds=2)
    response = authority.respond(request.body)
    assert before < stated_time(response, b"a checkpoint", request.nonce) <= datetime.now(UTC)
    head = StampedHead("timestamps/x", 1, b"a checkpoint", response)
    assert verified_time(head, authority.roots) >= before
    (tmp_path / "checkpoint").write_bytes(b"a checkpoint")
    (tmp_path / "kept").write_bytes(response)
    arguments = f"ts -verify -data checkpoint -in kept -CAfile {authority.root}"
    shown = subprocess.run(
        ["openssl", *arguments.split()], cwd=tmp_path, capture_output=True, check=False, timeout=30
    )
    assert b"Verification: OK" in shown.stdout + shown.stderr


@needs_openssl
def test_what_is_no_answer_to_the_request_is_refused(authority: Authority) -> None:
    request = request_timestamp(b"a checkpoint")
    response = authority.respond(request.body)
    for raw, data, nonce, said in (
        (b"", b"a checkpoint", request.nonce, "no answer of RFC 3161"),
        (response[:-9], b"a checkpoint", request.nonce, "no answer of RFC 3161"),
        (response, b"another", request.nonce, "something else"),
        (response, b"a checkpoint", 7, "another request"),
        (authority.respond(b"nonsense"), b"a checkpoint", None, "refused"),
    ):
        with pytest.raises(InvalidInput, match=said):
            stated_time(raw, data, nonce)


@needs_openssl
def test_a_timestamp_of_the_same_bytes_under_another_hash_is_refused(authority: Authority) -> None:
    """Other hashes have as many bytes: what has those bytes under one of them is not known."""
    request = request_timestamp(b"a checkpoint")
    sha256, sha3 = (bytes.fromhex(f"06096086480165030402{last}") for last in ("01", "08"))
    assert sha256 in request.body
    response = authority.respond(request.body.replace(sha256, sha3))
    with pytest.raises(InvalidInput, match="another hash than SHA-256"):
        stated_time(response, b"a checkpoint", request.nonce)


def refusal(words: bytes) -> bytes:
    """Return a TimeStampResp that says no, in DER: status 2, and words of at most 65,535 bytes."""

    def encoded(tag: int, content: bytes) -> bytes:
        return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content

    text = encoded(0x30, encoded(0x0C, words))
    return encoded(0x30, encoded(0x30, b"\x02\x01\x02" + text))


def test_of_why_an_authority_refuses_a_few_words_are_repeated() -> None:
    with pytest.raises(InvalidInput, match=r"refused \(status 2\) no x+$") as refused:
        stated_time(refusal(b"no " + b"x" * 9_000), b"a checkpoint", None)
    assert refused.value.message.count("x") == 197


@needs_openssl
def test_a_stranger_s_or_an_edited_timestamp_is_not_believed(
    authority: Authority, tmp_path: Path
) -> None:
    response = authority.respond(request_timestamp(b"a checkpoint").body)
    head = StampedHead("timestamps/x", 1, b"a checkpoint", response)
    stranger = Authority(tmp_path / "stranger")
    with pytest.raises(InvalidInput, match="no authority that is trusted"):
        verified_time(head, stranger.roots)
    # The last bytes are those of the signature.
    edited = response[:-1] + bytes([response[-1] ^ 1])
    with pytest.raises(InvalidInput, match="no authority that is trusted"):
        verified_time(dataclasses.replace(head, response=edited), authority.roots)


# -- a ledger with stamps


class Dated:
    """A ledger in memory whose entries say when they were written, and that is stamped."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.ledger = MemoryLedger()

    def append(self, *written: datetime) -> None:
        for moment in written:
            number = len(self.ledger.stored)
            made = event(number, time=moment)
            self.ledger.append(made)

    def publish(self) -> None:
        checkpoint = self.ledger.publish()
        response = self.authority.respond(request_timestamp(checkpoint).body)
        size = len(self.ledger.stored)
        where = FIRST.timestamp(size, "0" * 8).removeprefix(FIRST.prefix)
        self.ledger.stamps.append(StampedHead(where, size, checkpoint, response))

    def verify(self) -> LedgerReport:
        roots = self.authority.roots
        demand = LedgerDemand(POLICY, datetime.now(UTC), timestamp_roots=roots)
        return verify_ledger(self.ledger, demand)

    def found(self) -> list[str]:
        return [each.what for each in self.verify().findings]


@needs_openssl
def test_what_was_written_when_it_says_so_finds_nothing(authority: Authority) -> None:
    dated, now = Dated(authority), datetime.now(UTC)
    dated.append(now - timedelta(days=30), now)
    dated.publish()
    dated.append(now, now + timedelta(minutes=20))  # clocks differ
    dated.publish()
    report = dated.verify()
    assert (report.findings, report.stamps) == ([], 2)
    assert report.stamped is not None
    assert report.stamped.size == 4


@needs_openssl
@pytest.mark.parametrize("shift", [timedelta(hours=-2), timedelta(days=-365)])
def test_an_entry_that_was_dated_back_is_found(authority: Authority, shift: timedelta) -> None:
    """Its key's owner writes it today: the chain and the tree fit, and the time does not."""
    dated, now = Dated(authority), datetime.now(UTC)
    dated.append(now)
    dated.publish()
    dated.append(now + shift)
    dated.publish()
    (finding,) = dated.verify().findings
    assert (finding.what, finding.where) == ("TimeDiffers", "entries/000/000/000/001")
    assert f"was not there at {time_text(now)[:13]}" in finding.message


@needs_openssl
def test_an_entry_from_the_future_is_found(authority: Authority) -> None:
    dated, now = Dated(authority), datetime.now(UTC)
    dated.append(now + timedelta(hours=3))
    dated.publish()
    assert dated.found() == ["TimeDiffers"]


@needs_openssl
def test_a_timestamp_of_another_head_is_found(authority: Authority) -> None:
    dated, now = Dated(authority), datetime.now(UTC)
    dated.append(now)
    dated.publish()
    dated.append(now)
    dated.publish()
    one, two = dated.ledger.stamps
    dated.ledger.stamps = [one, dataclasses.replace(two, response=one.response)]
    assert dated.found() == ["TimestampInvalid"]
    dated.ledger.stamps = [dataclasses.replace(one, checkpoint=b"")]  # its checkpoint is gone
    assert dated.found() == ["TimestampInvalid"]


@needs_openssl
def test_without_roots_timestamps_are_said_to_be_unchecked(authority: Authority) -> None:
    dated = Dated(authority)
    dated.append(datetime.now(UTC))
    dated.publish()
    report = dated.ledger.verify(now=datetime.now(UTC))
    assert (report.findings, report.stamps) == ([], 0)
    assert "1 timestamp (--timestamp-roots)" in report.unchecked


# -- on a store


@pytest.fixture
def ledgers() -> Ledgers:
    made = Ledgers(*stand_in(lambda: datetime.now(UTC))[1:])
    made.clock.now = datetime.now(UTC)
    made.init()
    return made


@needs_openssl
def test_a_head_is_dated_and_an_export_takes_that_along(
    authority: Authority, ledgers: Ledgers, tmp_path: Path
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0, 1)
    writer.publish(Stop())
    with authority.serving() as url:
        for _ in range(2):  # asked again after a crash: the first answer stands
            ask_authority(
                ledgers.place, FIRST, 2, url, authority.roots, Stop(), now=datetime.now(UTC)
            )
    keys = logs_alone(vkey_of(f"{BASE}/1", SIGNER.public))
    demand = LedgerDemand(keys, ledgers.clock.now, locks=False, timestamp_roots=authority.roots)
    export_whole(ledgers.source(), tmp_path / "out")
    for source in (ledgers.source(), FolderSource(tmp_path / "out")):
        report = verify_ledger(source, demand)
        assert (report.findings, report.stamps) == ([], 1)


@needs_openssl
def test_each_authority_has_a_place_of_its_own_locked_like_the_rest(
    authority: Authority, ledgers: Ledgers
) -> None:
    ledgers.append(writer := ledgers.writer(), 0)
    writer.publish(Stop())
    now = datetime.now(UTC)
    until = (now + timedelta(days=900)).replace(microsecond=0)
    for _ in range(2):  # at two addresses
        with authority.serving() as url:
            ask_authority(ledgers.place, FIRST, 1, url, authority.roots, Stop(), until, now=now)
    assert len(list(ledgers.source().stamped_heads())) == 2
    locks = locks_below(ledgers.place, f"{FIRST.prefix}timestamps/")
    assert locks == [("Compliance", until)] * 2


@needs_openssl
def test_what_an_authority_says_of_something_else_is_not_kept(
    authority: Authority, ledgers: Ledgers
) -> None:
    writer = ledgers.writer()
    ledgers.append(writer, 0)
    writer.publish(Stop())
    other = authority.respond(request_timestamp(b"another").body)
    for answer, status, error in (
        (lambda _: other, 200, InvalidInput),
        (lambda _: b"<html>", 200, InvalidInput),
        (authority.respond, 404, InvalidInput),
        (authority.respond, 503, Unavailable),
        (authority.respond, 429, Unavailable),
    ):
        authority.answer, authority.status = answer, status
        with authority.serving() as url, pytest.raises(error):
            ask(authority, ledgers, url)
    with pytest.raises(Unavailable):
        ask(authority, ledgers, "http://127.0.0.1:9/")
    assert list(ledgers.source().stamped_heads()) == []


def ask(authority: Authority, ledgers: Ledgers, url: str) -> datetime:
    """Have the first head dated by whoever is at an address, and believe that authority alone."""
    now = datetime.now(UTC)
    return ask_authority(ledgers.place, FIRST, 1, url, authority.roots, Stop(), now=now)


def edited(response: bytes) -> bytes:
    """Return an answer whose signature, which comes last, does not hold."""
    return response[:-1] + bytes([response[-1] ^ 1])


@needs_openssl
def test_what_no_trusted_authority_signed_is_not_kept(
    authority: Authority, ledgers: Ledgers, tmp_path: Path
) -> None:
    """Somebody on the way answers: with hash, nonce and time as they have to be."""
    ledgers.append(writer := ledgers.writer(), 0)
    writer.publish(Stop())
    stranger = Authority(tmp_path / "stranger")
    for answer in (stranger.respond, lambda query: edited(authority.respond(query))):
        authority.answer = answer
        with (
            authority.serving() as url,
            pytest.raises(InvalidInput, match="no authority that is trusted signed it"),
        ):
            ask(authority, ledgers, url)
    assert list(ledgers.source().stamped_heads()) == []


@needs_openssl
def test_a_false_answer_in_an_authority_s_place_is_not_taken_for_its_own(
    authority: Authority, ledgers: Ledgers
) -> None:
    ledgers.append(writer := ledgers.writer(), 0)
    writer.publish(Stop())
    checkpoint = ledgers.store.s3.get_object(Bucket="artifacts", Key=FIRST.checkpoint(1))["Body"]
    false = edited(authority.respond(request_timestamp(checkpoint.read()).body))
    with authority.serving() as url:
        key = FIRST.timestamp(1, authority_id(url))
        ledgers.store.s3.put_object(Bucket="artifacts", Key=key, Body=false)
        with pytest.raises(InvalidInput, match="no authority that is trusted signed it"):
            ask(authority, ledgers, url)


def test_what_is_no_certificate_vouches_for_nobody(tmp_path: Path) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    with pytest.raises(InvalidInput, match="caBundle` holds no certificate"):
        read_roots(pem)
    (tmp_path / "roots.pem").write_text(pem)
    with pytest.raises(InvalidInput, match=r"roots\.pem holds no PEM certificates"):
        read_root_file(tmp_path / "roots.pem")


def test_entries_stay_as_they_are_written() -> None:
    """A stamp binds the time `written`; this holds the test's own way of writing it."""
    made = encode_entry(event(0, time=NOW), 0, "sha256:" + "0" * 64, NOW)
    assert f'"written":"{time_text(NOW)}"'.encode() in made
