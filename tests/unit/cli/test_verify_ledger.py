"""`glovebox verify --ledger`: an entry vouches for the seal, and an authority says since when."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from glovebox.data.digest import canonical_json
from glovebox.evidence.after_seal import CONCLUSION_NAME, Conclusion, conclusion
from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import TrustBundle, encode_bundle, trusted
from glovebox.evidence.signer import LocalSigner
from glovebox.jobs.ledger_folder import FolderSource, export_whole
from glovebox.ledger.entry import Event, Kind, StatedObject, time_text
from glovebox.ledger.source import Stored
from glovebox.ledger.timestamps import StampedHead, request_timestamp
from support.ledger_logs import LOG_KEY, MemoryLedger, event
from support.ledger_logs import NOW as LEDGER_CREATED
from support.ledger_stores import FIRST
from support.timestamp_authority import Authority, needs_openssl
from unit.cli.test_verify import bundle, verify
from unit.evidence.test_verification import ARTIFACTS, PAIR

KEY = ".glovebox/seals/u1/attestation.dsse.json"
HOUR = timedelta(hours=1)
# The seals are of now, and the locks of their artifacts are not.
ALLOW = "--allow-unlocked"


class Told:
    """A seal of now, a ledger that may tell of it, and an authority that dates heads."""

    def __init__(self, folder: Path, sealed: datetime, created: datetime | None = None) -> None:
        self.folder = folder
        self.seal = folder / "seal"
        self.seal.mkdir()
        bundle(self.seal, ARTIFACTS, sealed=time_text(sealed))
        self.ledger = MemoryLedger(created=created or LEDGER_CREATED)
        self.authority = Authority(folder / "authority")

    @property
    def sha256(self) -> str:
        return hashlib.sha256((self.seal / "attestation.dsse.json").read_bytes()).hexdigest()

    def tell(self, moment: datetime, key: str = KEY, sha256: str = "") -> None:
        stated = StatedObject(key, "v1", sha256 or self.sha256)
        self._append(moment, Kind.SEALED, objects=(stated,))

    def pass_by(self, moment: datetime) -> None:
        self._append(moment, Kind.BIND)

    def _append(self, moment: datetime, kind: Kind, **changes: Any) -> None:
        made: Event = event(len(self.ledger.stored), kind, time=moment, **changes)
        self.ledger.append(made)

    def date(self, authority: Authority | None = None) -> None:
        """Sign a head, and have it dated."""
        head = self.ledger.publish()
        response = (authority or self.authority).respond(request_timestamp(head).body)
        size = len(self.ledger.stored)
        where = FIRST.timestamp(size, "0" * 8).removeprefix(FIRST.prefix)
        self.ledger.stamps.append(StampedHead(where, size, head, response))

    def end_key(self, moment: datetime) -> None:
        """Have the key of the seal replaced, so that nothing counts that it signs later."""
        key = replace(trusted(PAIR.public), valid_until=moment)
        (self.seal / "keys.pem").write_bytes(encode_bundle(TrustBundle((key,))))

    def retire_key(self, told: datetime, until: datetime | str) -> None:
        """Have the ledger told that the key of the seal was replaced; the list of keys is older."""
        at = until if isinstance(until, str) else time_text(until)
        key_id = trusted(PAIR.public).key_id
        details = {"change": "retired", "keyId": key_id, "validUntil": at}
        self._append(told, Kind.KEY_CHANGED, details=details)

    def conclude(self, signed: datetime) -> str:
        """Sign a conclusion beside the seal; return its SHA-256."""
        said = Conclusion(
            "team/exp", "u1", f"sha256:{self.sha256}", "Confirmed", "", "erin", time_text(signed)
        )
        envelope = sign(canonical_json(conclusion(said)), LocalSigner.of(PAIR.private))
        (self.seal / CONCLUSION_NAME).write_bytes(envelope)
        return hashlib.sha256(envelope).hexdigest()

    def verify(self, *, dated: bool = True) -> tuple[int, dict[str, Any]]:
        if not self.ledger.heads:
            self.ledger.publish()
        shutil.rmtree(self.folder / "ledger", ignore_errors=True)
        export_whole(self.ledger, self.folder / "ledger")
        policy = self.folder / "policy"
        policy.write_text(f"log {LOG_KEY.text}\nquorum none\n")
        roots = ("--timestamp-roots", str(self.authority.root)) if dated else ()
        where = ("--ledger", str(self.folder / "ledger"), "--policy", str(policy))
        code, output = verify(self.seal, "-o", "json", ALLOW, *where, *roots)
        return code, json.loads(output)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def told(tmp_path: Path, now: datetime) -> Told:
    return Told(tmp_path, now)


def found(answer: dict[str, Any]) -> list[str]:
    return [each["what"] for each in answer["findings"]]


@needs_openssl
def test_a_seal_lies_between_two_dated_heads(told: Told, now: datetime) -> None:
    told.pass_by(now)
    told.date()
    told.tell(now)
    told.date()
    code, answer = told.verify()
    assert (code, found(answer), answer["ledger"]["index"]) == (0, [], 1)
    after, by = (
        datetime.fromisoformat(answer["ledger"][name]) for name in ("notBeforeTime", "knownByTime")
    )
    assert now - HOUR < after <= by < now + HOUR
    assert "the ledger, whole" in answer["checked"]


def test_each_entry_is_read_once(
    told: Told, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    entries = FolderSource.entries

    def counted(source: FolderSource) -> Iterator[tuple[int, Stored]]:
        for index, stored in entries(source):
            read.append(index)
            yield index, stored

    monkeypatch.setattr(FolderSource, "entries", counted)
    for _ in range(3):
        told.pass_by(now)
    told.tell(now)
    code, answer = told.verify(dated=False)
    assert (code, answer["ledger"]["index"]) == (0, 3)
    assert answer["ledger"]["writtenTime"] == time_text(now)
    assert read == [0, 1, 2, 3]


@needs_openssl
def test_people_are_told_the_time(told: Told, now: datetime) -> None:
    told.tell(now)
    told.date()
    told.verify()
    policy = str(told.folder / "policy")
    roots = str(told.authority.root)
    where = ("--ledger", str(told.folder / "ledger"), "--policy", policy)
    code, output = verify(told.seal, ALLOW, *where, "--timestamp-roots", roots)
    assert code == 0
    assert f"entry 0, written on {time_text(now)}" in output
    assert "a trusted timestamp authority knew it on 20" in output


@needs_openssl
@pytest.mark.parametrize(
    ("key", "sha256"),
    [(KEY, "0" * 64), (KEY.replace("u1", "u2"), "")],
    ids=["other bytes", "the same bytes, elsewhere"],
)
def test_a_seal_that_no_entry_vouches_for_is_found(
    told: Told, now: datetime, key: str, sha256: str
) -> None:
    told.tell(now, key, sha256)
    told.date()
    code, answer = told.verify()
    assert (code, found(answer), answer["ledger"]) == (1, ["NotInLedger"], None)


@needs_openssl
@pytest.mark.parametrize("dated", [True, False])
def test_an_entry_that_is_in_no_signed_head_vouches_for_nothing(
    told: Told, now: datetime, *, dated: bool
) -> None:
    told.pass_by(now)
    told.date()
    told.tell(now)
    code, answer = told.verify(dated=dated)
    assert (code, found(answer), answer["ledger"]) == (1, ["NotInLedger"], None)
    assert "nobody signed a head with that entry yet" in answer["findings"][0]["message"]
    told.date()
    assert told.verify(dated=dated)[0] == 0


@needs_openssl
def test_a_date_that_is_demanded_and_not_there_is_found(told: Told, now: datetime) -> None:
    told.pass_by(now)
    told.date()
    told.tell(now)
    told.ledger.publish()
    code, answer = told.verify()
    assert (code, found(answer)) == (1, ["NotTimestamped"])


@needs_openssl
def test_a_stranger_s_date_is_none(told: Told, now: datetime, tmp_path: Path) -> None:
    told.tell(now)
    told.date(Authority(tmp_path / "stranger"))
    code, answer = told.verify()
    assert (code, found(answer)) == (1, ["LedgerInvalid"])
    assert "TimestampInvalid" in answer["findings"][0]["message"]


@needs_openssl
def test_without_roots_the_entry_counts_and_nobody_dates_it(told: Told, now: datetime) -> None:
    told.tell(now)
    told.date()
    code, answer = told.verify(dated=False)
    assert (code, found(answer), answer["ledger"]["knownByTime"]) == (0, [], None)
    assert "of the ledger: 1 timestamp (--timestamp-roots)" in answer["unchecked"]
    assert not any("--seals" in each for each in answer["unchecked"])


@needs_openssl
def test_a_seal_from_the_future_is_found(tmp_path: Path, now: datetime) -> None:
    told = Told(tmp_path, now + 5 * HOUR)
    told.tell(now)
    told.date()
    assert found(told.verify()[1]) == ["TimeDiffers"]


@needs_openssl
def test_a_seal_that_was_dated_back_is_remarked_with_when_it_was_told(
    tmp_path: Path, now: datetime
) -> None:
    told = Told(tmp_path, now - timedelta(days=365))
    told.pass_by(now)
    told.date()
    told.tell(now)
    told.date()
    code, answer = told.verify()
    assert (code, found(answer)) == (0, [])
    assert any("dated back" in each and time_text(now) in each for each in answer["remarks"])


@needs_openssl
@pytest.mark.parametrize(
    ("days", "expected"),
    [(0, []), (365, ["LedgerInvalid"])],
    ids=["when it was", "a year before"],
)
def test_dated_heads_bound_a_seal_from_below_where_a_timestamp_of_its_own_could_not(
    tmp_path: Path, now: datetime, days: int, expected: list[str]
) -> None:
    """Whoever has both keys dates seal and entry alike; a timestamp only says when it was known."""
    said = now - timedelta(days=days)
    told = Told(tmp_path, said, created=now - SEALED)
    told.pass_by(now)
    told.date()
    told.tell(said)
    told.date()
    code, answer = told.verify()
    assert (code, found(answer)) == (bool(expected), expected)
    assert (
        not expected or "TimeDiffers at entries/000/000/000/001" in answer["findings"][0]["message"]
    )
    # Nobody who trusts no authority finds out.
    assert told.verify(dated=False)[0] == 0


# What a key of a year ago does for whoever stole it, once it was replaced half a year ago.
SEALED, ENDED = timedelta(days=365), timedelta(days=180)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (SEALED, []),
        (ENDED, []),
        (ENDED - timedelta(seconds=1), ["KeyNotValid"]),
        (timedelta(), ["KeyNotValid"]),
    ],
    ids=["as it was sealed", "as the key ended", "a second later", "now"],
)
def test_what_a_key_signed_has_to_be_told_before_the_key_ended(
    tmp_path: Path, now: datetime, entry: timedelta, expected: list[str]
) -> None:
    told = Told(tmp_path, now - SEALED, created=now - SEALED)
    told.end_key(now - ENDED)
    told.tell(now - entry)
    code, answer = told.verify(dated=False)
    assert (code, found(answer)) == (bool(expected), expected)
    assert not expected or time_text(now - entry) in answer["findings"][0]["message"]


@pytest.mark.parametrize(
    ("until", "retired_first", "expected"),
    [
        (ENDED, True, ["KeyNotValid"]),
        (-HOUR, True, []),
        (SEALED, False, []),
        ("long-ago", True, []),
        ("2026-01-01T00:00:00", True, []),
    ],
    ids=[
        "the ledger had told that the key was replaced",
        "the key counted for an hour more",
        "what is told of the key later takes nothing back",
        "no time",
        "a time of nowhere",
    ],
)
def test_a_copy_of_the_keys_from_before_a_rotation_does_not_let_a_former_key_sign(
    tmp_path: Path,
    now: datetime,
    until: timedelta | str,
    expected: list[str],
    *,
    retired_first: bool,
) -> None:
    """The key is trusted without an end, as a PEM is, or a list that somebody kept."""
    told = Told(tmp_path, now - SEALED, created=now - SEALED)
    at = until if isinstance(until, str) else now - until
    if retired_first:
        told.retire_key(now - ENDED - HOUR, at)
    told.tell(now)
    if not retired_first:
        told.retire_key(now, at)
    code, answer = told.verify(dated=False)
    assert (code, found(answer)) == (bool(expected), expected)


def test_a_conclusion_that_a_former_key_signed_needs_an_entry_by_any_copy_of_the_keys(
    tmp_path: Path, now: datetime
) -> None:
    told = Told(tmp_path, now - SEALED, created=now - SEALED)
    told.tell(now - SEALED)
    told.retire_key(now - ENDED, now - ENDED + HOUR)
    told.conclude(now - SEALED)
    code, answer = told.verify(dated=False)
    assert (code, found(answer)) == (1, ["NotInLedger"])


@pytest.mark.parametrize("bound", ["an entry before it", "the genesis"])
def test_an_entry_that_was_dated_back_is_no_older_than_what_lies_before_it(
    tmp_path: Path, now: datetime, bound: str
) -> None:
    early, late = now - SEALED, now - timedelta(days=1)
    told = Told(tmp_path, early, created=late if bound == "the genesis" else early)
    told.end_key(now - ENDED)
    if bound != "the genesis":
        told.pass_by(late)
    told.tell(now - SEALED)
    code, answer = told.verify(dated=False)
    assert (code, found(answer)) == (1, ["KeyNotValid"])
    assert time_text(late) in answer["findings"][0]["message"]


@needs_openssl
def test_an_authority_that_knew_the_ledger_without_it_is_believed(
    tmp_path: Path, now: datetime
) -> None:
    """The clock of whoever wrote the entry was ten minutes behind."""
    behind = timedelta(minutes=10)
    told = Told(tmp_path, now - SEALED, created=now - SEALED)
    told.end_key(now - behind + timedelta(minutes=1))
    told.pass_by(now - behind)
    told.date()
    told.tell(now - behind)
    told.date()
    assert told.verify(dated=False)[0] == 0
    assert found(told.verify()[1]) == ["KeyNotValid"]


def test_the_first_statement_that_is_told_of_an_experiment_is_its_seal(
    told: Told, now: datetime
) -> None:
    told.tell(now, sha256="0" * 64)
    told.tell(now)
    code, answer = told.verify(dated=False)
    assert (code, found(answer), answer["ledger"]) == (1, ["OtherInLedger"], None)
    assert "entry 0 of the ledger recorded another" in answer["findings"][0]["message"]


def test_that_another_statement_is_told_of_is_said(told: Told, now: datetime) -> None:
    told.tell(now, sha256="0" * 64)
    _, answer = told.verify(dated=False)
    assert found(answer) == ["NotInLedger"]
    assert "entry 0 records another one of this very" in answer["findings"][0]["message"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [(ENDED, []), (timedelta(), ["KeyNotValid"]), (None, ["NotInLedger"])],
    ids=["told in time", "told when the key had ended", "told nowhere"],
)
def test_a_conclusion_is_held_to_the_same(
    tmp_path: Path, now: datetime, entry: timedelta | None, expected: list[str]
) -> None:
    told = Told(tmp_path, now - SEALED, created=now - SEALED)
    told.end_key(now - ENDED)
    told.tell(now - SEALED)
    sha256 = told.conclude(now - SEALED)
    if entry is not None:
        told.tell(now - entry, KEY.replace("attestation", "conclusion"), sha256)
    code, answer = told.verify(dated=False)
    assert (code, found(answer)) == (bool(expected), expected)
    assert {each["where"] for each in answer["findings"]} <= {CONCLUSION_NAME}


def test_a_conclusion_of_a_key_that_signs_now_needs_no_entry_and_is_remarked(
    told: Told, now: datetime
) -> None:
    """One of an Experiment that took over another one's results has none."""
    told.tell(now)
    told.conclude(now)
    code, answer = told.verify(dated=False)
    assert (code, found(answer)) == (0, [])
    assert any(each.startswith(f"{CONCLUSION_NAME}: no entry") for each in answer["remarks"])


@needs_openssl
def test_a_ledger_that_does_not_hold_says_nothing_of_the_seal(told: Told, now: datetime) -> None:
    told.tell(now)
    told.pass_by(now)
    told.date()
    told.ledger.replace(1, told.ledger.stored[0].body)
    code, answer = told.verify(dated=False)
    assert (code, found(answer)) == (1, ["LedgerInvalid"])


def test_of_a_seal_that_does_not_hold_no_ledger_is_asked(tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"log {LOG_KEY.text}\nquorum none\n")
    where = ("--ledger", str(tmp_path / "nowhere"), "--policy", str(policy))
    code, output = verify(bundle(tmp_path, ARTIFACTS), "-o", "json", "--uid", "other", *where)
    answer = json.loads(output)
    assert (code, found(answer)) == (1, ["OtherExperiment"])
    assert "the ledger" in answer["unchecked"]


@pytest.mark.parametrize(
    "arguments",
    [("--ledger", "x"), ("--policy", "x"), ("--timestamp-roots", "x")],
    ids=["a ledger alone", "a policy alone", "roots alone"],
)
def test_what_belongs_together_is_demanded_together(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    code, output = verify(bundle(tmp_path, ARTIFACTS), *arguments)
    assert (code, "give --ledger and --policy" in output) == (2, True)
