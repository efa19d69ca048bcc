"""Which of several versions of evidence counts, and what is written beside those of others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.data.digest import canonical_json, digest_of
from glovebox.errors import Forbidden, GloveboxError, InvalidInput, Unavailable
from glovebox.evidence.after_seal import (
    CONCLUSION_NAME,
    LAST_LIST_NAME,
    SUPPLEMENT_NAME,
    Supplement,
    supplement,
)
from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import read_bundle
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.standing import Judge, Rule, Standing, Stored
from glovebox.evidence.statement import LIST_NAME, SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.store import evidence_objects
from glovebox.store.connection import Stop
from glovebox.store.evidence_objects import (
    find_by_digest,
    find_seal,
    find_signed,
    find_statement,
    list_key,
    log_key,
    put_document,
    put_log,
    put_signed,
    read_beside,
    read_evidence,
    readable_versions,
    versions_of,
    written_at,
)
from glovebox.store.version_lock import LockHiddenError
from glovebox.store.waits import KEYS_PREFIX
from simulation.object_store import Identity, S3Error, Version
from support.forged_seals import forged_seal
from support.ledger_stores import stand_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FOLDER = ".glovebox/seals/uid/"
KEY = FOLDER + STATEMENT_NAME
SIGNER = LocalSigner.of(new_key_pair().private)
RULE = Rule(read_bundle(SIGNER.public))
DENIED = S3Error(403, "AccessDenied")
ARCHIVED = S3Error(403, "InvalidObjectState")
OF_ITS_WRITER = S3Error(
    400, "InvalidRequest", "The object was stored using a form of Server Side Encryption."
)
BROKEN = S3Error(500, "InternalError")
# What bodies are worth in most of these tests.
WORTH: Mapping[bytes, Standing] = {
    b"ours": Standing.COUNTS,
    b"ours as well": Standing.COUNTS,
    b"former": Standing.FORMER,
    b"former too": Standing.FORMER,
    b"too late": Standing.NOT_COUNTED,
}


def worth(stored: Stored) -> Standing:
    """Judge by the body; what is denied may be ours."""
    if stored.why_unread:
        return Standing.UNKNOWN if stored.why_unread == "Denied" else Standing.FOREIGN
    return WORTH.get(stored.envelope, Standing.FOREIGN)


class Shelf:
    """A bucket of evidence in which anybody may have put anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = NOW
        self.server, self.store, self.bucket = stand_in(lambda: self.time)
        self.hidden: dict[str, S3Error] = {}
        self.read: list[str] = []
        self._get = self.server.get
        monkeypatch.setattr(self.server, "get", self.get)

    def get(self, who: Identity, bucket: str, key: str, version_id: str = "") -> Version:
        self.read.append(version_id)
        if version_id in self.hidden:
            raise self.hidden[version_id]
        return self._get(who, bucket, key, version_id)

    def asks(self) -> list[str]:
        """Return what goes on to be asked of the store."""
        asked: list[str] = []
        self.server.fault = lambda action, *_: asked.append(action)
        return asked

    def counts(self, _: Stored) -> Standing:
        """Judge that all of it counts."""
        return Standing.COUNTS

    def put(self, body: bytes, key: str = KEY) -> str:
        """Write a version, as anybody may; return its id."""
        made: Version = self.server._store(
            self.server.buckets[self.bucket], key, body, "", None, ""
        )
        self.time += timedelta(seconds=1)
        return made.version_id

    def hide(self, error: S3Error, body: bytes = b"hidden", key: str = KEY) -> str:
        """Write a version that cannot be read; return its id."""
        made = self.put(body, key)
        self.hidden[made] = error
        return made

    def lies(self, *bodies: bytes | S3Error, key: str = KEY) -> list[str]:
        """Write versions, the oldest first; an error is of one that cannot be read."""
        return [
            self.hide(each, key=key) if isinstance(each, S3Error) else self.put(each, key)
            for each in bodies
        ]

    def bodies(self, key: str = KEY) -> list[bytes]:
        """Return what lies under a key, the oldest first."""
        return [each.body for each in self.server.buckets[self.bucket].keys.get(key, ())]


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(monkeypatch)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a statement have twenty bytes at most."""
    monkeypatch.setattr(evidence_objects, "_STATEMENT_BYTES", 20)


AT_MOST, TOO_LONG = b"x" * 20, b"x" * 21


# Versions of one key.


def test_versions_are_those_of_the_very_key_and_no_deletions(shelf: Shelf) -> None:
    first, second = shelf.lies(b"1", b"2")
    shelf.put(b"3", KEY + ".beside")
    shelf.store.s3.delete_object(Bucket=shelf.bucket, Key=KEY)
    assert versions_of(shelf.store, shelf.bucket, KEY, Stop()) == [first, second]


@pytest.mark.usefixtures("short")
def test_versions_that_can_be_read_are_found_beside_those_that_cannot(shelf: Shelf) -> None:
    lying = shelf.lies(DENIED, b"1", TOO_LONG, ARCHIVED, AT_MOST)
    found = readable_versions(shelf.store, shelf.bucket, KEY, Stop())
    assert found == [lying[1], lying[4]]
    assert lying[2] not in shelf.read


@pytest.mark.parametrize(
    ("hidden", "is_error"),
    [
        pytest.param(DENIED, True, id="a right may be missing"),
        pytest.param(ARCHIVED, False, id="archived by its writer"),
        pytest.param(OF_ITS_WRITER, False, id="with a key of its writer"),
    ],
)
def test_where_none_can_be_read_a_missing_right_is_an_error(
    shelf: Shelf,
    hidden: S3Error,
    is_error: bool,  # noqa: FBT001 - a table
) -> None:
    first, _ = shelf.lies(hidden, hidden)
    if not is_error:
        assert readable_versions(shelf.store, shelf.bucket, KEY, Stop()) == []
        return
    with pytest.raises(Forbidden, match=first):
        readable_versions(shelf.store, shelf.bucket, KEY, Stop())


# Signed documents.


@pytest.mark.parametrize(
    ("lying", "counts"),
    [
        pytest.param([b"theirs", b"ours", b"ours as well"], 1, id="the oldest of ours"),
        pytest.param([b"former", b"ours"], 1, id="the present key before a former one"),
        pytest.param([b"theirs", b"former", b"former too"], 1, id="a former key before others"),
        pytest.param([b"theirs", b"too late", b"others"], 1, id="signed at the wrong time"),
        pytest.param([b"theirs", b"others"], 0, id="the oldest of others"),
        pytest.param([DENIED, b"ours"], 1, id="ours behind what is denied"),
        pytest.param([DENIED, b"former"], 1, id="a former key's behind what is denied"),
        pytest.param([TOO_LONG, b"ours"], 1, id="behind what is too long"),
        pytest.param([ARCHIVED, b"theirs"], 1, id="what is archived is none"),
    ],
)
@pytest.mark.usefixtures("short")
def test_the_document_that_counts_is_found(
    shelf: Shelf, lying: Sequence[bytes | S3Error], counts: int
) -> None:
    versions = shelf.lies(*lying)
    found = find_signed(shelf.store, shelf.bucket, KEY, worth, Stop())
    assert found is not None
    assert (found.version_id, found.envelope) == (versions[counts], lying[counts])
    assert found.standing is WORTH.get(found.envelope, Standing.FOREIGN)


@pytest.mark.parametrize("lying", [[], [TOO_LONG], [ARCHIVED]], ids=["nothing", "long", "archived"])
@pytest.mark.usefixtures("short")
def test_where_nothing_can_be_a_document_there_is_none(
    shelf: Shelf, lying: Sequence[bytes | S3Error]
) -> None:
    shelf.lies(*lying)
    assert find_signed(shelf.store, shelf.bucket, KEY, worth, Stop()) is None
    assert bool(shelf.read) is (ARCHIVED in lying), "what is too long is not read"


@pytest.mark.parametrize("beside", [[], [b"theirs"], [b"too late"]], ids=["alone", "theirs", "old"])
def test_what_is_denied_and_may_be_ours_is_waited_for(shelf: Shelf, beside: list[bytes]) -> None:
    first, *_ = shelf.lies(DENIED, *beside, DENIED)
    with pytest.raises(Forbidden, match=first):
        find_signed(shelf.store, shelf.bucket, KEY, worth, Stop())


def test_of_what_is_denied_the_list_says_since_when_it_is_there(shelf: Shelf) -> None:
    shelf.hide(DENIED)
    asked: list[datetime | None] = []

    def since(stored: Stored) -> Standing:
        asked.append(stored.written())
        return Standing.FOREIGN

    assert find_signed(shelf.store, shelf.bucket, KEY, since, Stop()) is None
    assert asked == [NOW]


def test_of_what_is_read_the_store_is_asked_since_when_it_is_there(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = shelf.put(b"ours")
    assert written_at(shelf.store, shelf.bucket, KEY, version) == NOW
    earlier = NOW - timedelta(days=1)
    monkeypatch.setattr(evidence_objects, "written_at", lambda *_: earlier)
    asked: list[datetime | None] = []

    def since(stored: Stored) -> Standing:
        asked.append(stored.written())
        return worth(stored)

    assert find_signed(shelf.store, shelf.bucket, KEY, since, Stop())
    assert asked == [earlier]


@pytest.mark.parametrize(
    ("lying", "written"),
    [
        pytest.param([], True, id="nothing is there"),
        pytest.param([b"theirs"], True, id="somebody else's in front"),
        pytest.param([b"too late"], True, id="signed at the wrong time"),
        pytest.param([ARCHIVED], True, id="what nobody can read in front"),
        pytest.param([b"ours as well"], False, id="ours"),
        pytest.param([b"theirs", b"former"], False, id="ours by a former key"),
    ],
)
def test_a_statement_is_written_unless_one_of_ours_is_there(
    shelf: Shelf,
    lying: Sequence[bytes | S3Error],
    written: bool,  # noqa: FBT001 - a table
) -> None:
    shelf.lies(*lying)
    put_signed(shelf.store, shelf.bucket, KEY, b"ours", worth, Stop())
    assert len(shelf.bodies()) == len(lying) + written
    assert (shelf.bodies()[-1] == b"ours") is written


@pytest.mark.parametrize(
    "write",
    [
        lambda store, bucket, key: put_signed(store, bucket, key, b"ours", worth, Stop()),
        lambda store, bucket, key: put_document(store, bucket, key, b"ours", Stop()),
    ],
    ids=["a statement", "a document"],
)
def test_what_is_new_is_written_with_one_request(
    shelf: Shelf, write: Callable[..., object]
) -> None:
    """The store itself compares: of two processes that write at once one writes."""
    asked = shelf.asks()
    write(shelf.store, shelf.bucket, KEY)
    assert asked == ["s3:PutObject"]


# Documents by their digest.


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_the_oldest_version_with_the_bytes_is_found(shelf: Shelf) -> None:
    _, first, _, _ = shelf.lies(b"longer than that", b"document", b"document", b"other")
    found = find_by_digest(shelf.store, shelf.bucket, KEY, digest(b"document"), Stop())
    assert found == first


@pytest.mark.parametrize(
    ("lying", "error"),
    [
        pytest.param([], "", id="nothing is there"),
        pytest.param([b"other"], "", id="other bytes"),
        pytest.param([OF_ITS_WRITER], "", id="with a key of its writer"),
        pytest.param([DENIED, b"other"], "denies", id="it may be what is denied"),
        pytest.param([ARCHIVED], "archived", id="it may be what is archived"),
        pytest.param([ARCHIVED, DENIED], "denies", id="a right is asked for first"),
        pytest.param([DENIED, ARCHIVED], "denies", id="in any order"),
        pytest.param([BROKEN, b"document"], "failed", id="nobody knows what is there"),
        pytest.param([DENIED, b"document"], None, id="found beside what is denied"),
    ],
)
def test_bytes_that_may_be_in_what_cannot_be_read_are_not_said_to_be_missing(
    shelf: Shelf, lying: Sequence[bytes | S3Error], error: str | None
) -> None:
    versions = shelf.lies(*lying)
    wanted = digest(b"document")
    if not error:
        found = find_by_digest(shelf.store, shelf.bucket, KEY, wanted, Stop())
        assert found == (versions[-1] if error is None else None)
        return
    with pytest.raises(GloveboxError, match=error):
        find_by_digest(shelf.store, shelf.bucket, KEY, wanted, Stop())


def test_where_the_size_is_known_nothing_much_longer_is_read(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_objects, "_SLACK", 4)
    edge, long = shelf.lies(b"x" * 20, b"x" * 21)
    where = (shelf.store, shelf.bucket, KEY)
    assert find_by_digest(*where, digest(b"document"), Stop(), size=8) is None
    assert shelf.read == [edge]
    assert find_by_digest(*where, digest(b"x" * 21), Stop()) == long


def test_a_document_is_written_once(shelf: Shelf) -> None:
    for _ in range(2):
        said = put_document(shelf.store, shelf.bucket, KEY, b"document", Stop())
        assert said == digest(b"document")
    assert shelf.bodies() == [b"document"]


@pytest.mark.parametrize("in_front", [b"theirs", ARCHIVED], ids=["read", "archived"])
def test_a_document_is_written_behind_what_somebody_else_put_there(
    shelf: Shelf, in_front: bytes | S3Error
) -> None:
    shelf.lies(in_front)
    assert put_document(shelf.store, shelf.bucket, KEY, b"document", Stop()) == digest(b"document")
    assert shelf.bodies()[1:] == [b"document"]


@pytest.mark.parametrize(
    ("passes", "keys", "is_written"),
    [
        pytest.param(False, b"keys", False, id="it is waited for"),
        pytest.param(True, b"keys", True, id="it was waited for"),
        pytest.param(True, DENIED, False, id="nothing else is given either"),
    ],
)
def test_a_document_is_not_written_with_each_try_where_a_right_is_missing(
    shelf: Shelf,
    passes: bool,  # noqa: FBT001 - a table
    keys: bytes | S3Error,
    is_written: bool,  # noqa: FBT001 - a table
) -> None:
    shelf.lies(keys, key=KEYS_PREFIX + "a.json")
    shelf.lies(DENIED)
    where = (shelf.store, shelf.bucket, KEY)
    if is_written:
        put_document(*where, b"document", Stop(), passes=passes)
    else:
        with pytest.raises(Forbidden):
            put_document(*where, b"document", Stop(), passes=passes)
    assert (shelf.bodies()[-1] == b"document") is is_written


def test_a_long_object_in_front_of_a_document_is_not_read(shelf: Shelf) -> None:
    long = shelf.put(bytes(evidence_objects._SLACK + 17))
    for _ in range(2):
        put_document(shelf.store, shelf.bucket, KEY, b"document", Stop())
    assert long not in shelf.read
    assert shelf.bodies()[1:] == [b"document"], "it is found behind the long one"


def test_a_log_is_named_by_its_digest_and_kept_once(shelf: Shelf) -> None:
    kept = {put_log(shelf.store, shelf.bucket, FOLDER, b"lines", Stop()) for _ in range(2)}
    ((key, said),) = kept
    assert list_key("f/", "sha256:ab") == "f/artifacts.ab.jsonl", "as a list is by its own"
    assert key == f"{FOLDER}log.{digest(b'lines').removeprefix('sha256:')}.txt"
    assert said == digest(b"lines")
    assert shelf.bodies(key) == [b"lines"]


# The statement of a seal.


def statement_of(passes: Sequence[str] = (), number: int = 0) -> bytes:
    """Return the statement of a seal; of each number another one."""
    dated = NOW + timedelta(seconds=number)
    made = forged_seal(SIGNER, "team/exp", "uid", "artifacts", dated, passed_over=tuple(passes))
    return made[KEY]


def judge(**rule: Any) -> Judge:
    return Judge(Rule(RULE.trust, **rule))


def test_a_later_seal_that_says_it_passed_over_the_first_is_on_record(shelf: Shelf) -> None:
    first = shelf.put(statement_of())
    shelf.put(statement_of(number=1))
    last = shelf.put(statement_of([first], 2))
    trusted = judge()
    found = find_statement(shelf.store, shelf.bucket, FOLDER, trusted, Stop())
    assert found is not None
    assert found.version_id == last
    assert list(trusted.passed) == [first]
    assert f"when version {last} was made" in trusted.passed[first]
    assert trusted.unlooked == ""


def test_each_that_was_passed_over_leads_to_the_next(shelf: Shelf) -> None:
    first = shelf.put(statement_of())
    second = shelf.put(statement_of([first], 1))
    third = shelf.put(statement_of([first, second], 2))
    trusted = judge()
    found = find_statement(shelf.store, shelf.bucket, FOLDER, trusted, Stop())
    assert found is not None
    assert (found.version_id, list(trusted.passed)) == (third, [first, second])


def test_a_later_seal_that_passed_over_another_is_none(shelf: Shelf) -> None:
    first = shelf.put(statement_of())
    shelf.put(statement_of(["another"], 1))
    trusted = judge()
    found = find_statement(shelf.store, shelf.bucket, FOLDER, trusted, Stop())
    assert found is not None
    assert (found.version_id, trusted.passed) == (first, {})


def test_what_is_on_record_counts_and_nothing_behind_it_is_read(shelf: Shelf) -> None:
    first = shelf.put(statement_of())
    later = shelf.put(statement_of([first], 1))
    found = find_statement(shelf.store, shelf.bucket, FOLDER, judge(recorded=first), Stop())
    assert found is not None
    assert found.version_id == first
    assert later not in shelf.read


def test_without_a_judge_a_later_seal_counts_as_well(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_objects, "_LATER_MAX", 2)
    first = shelf.put(statement_of())
    last = shelf.put(statement_of([first], 1))
    shelf.put(statement_of([first] * 9, 2))
    shelf.hide(ARCHIVED, b"")
    found = find_statement(shelf.store, shelf.bucket, FOLDER, shelf.counts, Stop())
    assert found is not None
    assert found.version_id == last


def test_behind_a_seal_by_a_former_key_nothing_is_looked_at(shelf: Shelf) -> None:
    first, second = shelf.put(statement_of()), shelf.put(statement_of(number=1))
    found = find_statement(shelf.store, shelf.bucket, FOLDER, lambda _: Standing.FORMER, Stop())
    assert found is not None
    assert (found.version_id, shelf.read.count(second)) == (first, 1)


def test_behind_a_seal_what_others_signed_or_cannot_be_read_is_passed(shelf: Shelf) -> None:
    first = shelf.put(statement_of())
    shelf.lies(b"theirs", ARCHIVED, DENIED)
    last = shelf.put(statement_of([first], 1))
    found = find_statement(shelf.store, shelf.bucket, FOLDER, judge(), Stop())
    assert found is not None
    assert found.version_id == last


def test_behind_a_seal_the_shortest_are_read_and_no_more_than_some(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_objects, "_LATER_MAX", 2)
    shelf.put(statement_of())
    long, one, two = shelf.lies(b"longest", b"1", b"22")
    trusted = judge()
    find_statement(shelf.store, shelf.bucket, FOLDER, trusted, Stop())
    assert long not in shelf.read
    assert {one, two} <= set(shelf.read)
    assert trusted.unlooked.startswith("1 versions behind it were not looked at, because 2 others")


def test_behind_a_seal_no_more_bytes_are_read_than_some(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_objects, "_LATER_BYTES", 5)
    shelf.put(statement_of())
    three, two, four = shelf.lies(b"333", b"22", b"4444")
    trusted = judge()
    find_statement(shelf.store, shelf.bucket, FOLDER, trusted, Stop())
    assert {two, three} <= set(shelf.read)
    assert four not in shelf.read
    assert trusted.unlooked.startswith("1 versions behind it")


def test_behind_a_seal_nothing_is_read_that_is_longer_than_any_statement(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = statement_of()
    monkeypatch.setattr(evidence_objects, "_STATEMENT_BYTES", len(first))
    shelf.put(first)
    edge, long = shelf.lies(b"x" * len(first), b"x" * (len(first) + 1))
    trusted = judge()
    find_statement(shelf.store, shelf.bucket, FOLDER, trusted, Stop())
    assert edge in shelf.read
    assert long not in shelf.read
    assert trusted.unlooked == "", "it is no statement, so none was left out"


def find(shelf: Shelf, recorded: str) -> evidence_objects.Statement | None:
    rule = Rule(RULE.trust, recorded=recorded)
    return find_seal(shelf.store, shelf.bucket, FOLDER, "team/exp", "uid", rule, Stop())


def test_the_seal_that_is_on_record_is_found(shelf: Shelf) -> None:
    first = shelf.put(statement_of())
    second = shelf.put(statement_of(number=1))
    for recorded in (first, second):
        found = find(shelf, recorded)
        assert found is not None
        assert found.version_id == recorded


def test_where_none_is_on_record_there_may_be_none(shelf: Shelf) -> None:
    assert find(shelf, "") is None
    shelf.put(b"theirs")
    found = find(shelf, "")
    assert found is not None
    assert not found.is_trusted


def test_a_seal_that_is_on_record_and_not_there_is_an_error(shelf: Shelf) -> None:
    for lying in ([], [statement_of()]):
        shelf.lies(*lying)
        with pytest.raises(Unavailable, match=r"version v9 of .* is not there; nothing") as error:
            find(shelf, "v9")
        assert error.value.reason == reasons.SEAL_NOT_FOUND


def test_a_seal_that_is_on_record_and_does_not_verify_is_an_error(shelf: Shelf) -> None:
    recorded = shelf.put(b"overwritten")
    with pytest.raises(InvalidInput, match="does not verify; nothing") as error:
        find(shelf, recorded)
    assert error.value.reason == reasons.SEAL_INVALID


# What is read of a seal.


def sealed(shelf: Shelf) -> dict[str, str]:
    """Write a whole seal; return the keys of its objects by name."""
    for key, body in forged_seal(SIGNER, "team/exp", "uid", "artifacts", NOW).items():
        shelf.put(body, key)
    (listed,) = (each for each in shelf.server.buckets[shelf.bucket].keys if "artifacts." in each)
    return {STATEMENT_NAME: KEY, LIST_NAME: listed, SNAPSHOT_NAME: FOLDER + SNAPSHOT_NAME}


Reading = Callable[[], dict[str, evidence_objects.EvidenceObject]]


@pytest.fixture
def reading(shelf: Shelf) -> Reading:
    return lambda: read_evidence(shelf.store, shelf.bucket, FOLDER, Stop(), judge())


def test_of_a_seal_all_that_is_there_is_read(shelf: Shelf, reading: Reading) -> None:
    assert reading() == {}
    keys = sealed(shelf)
    assert {name: each.key for name, each in reading().items()} == keys
    del shelf.server.buckets[shelf.bucket].keys[keys[LIST_NAME]]
    assert set(reading()) == {STATEMENT_NAME, SNAPSHOT_NAME}


def test_what_is_not_as_stated_is_shown_by_its_oldest_version(
    shelf: Shelf, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_objects, "_STATEMENT_BYTES", 1 << 14)
    key = FOLDER + SNAPSHOT_NAME
    first = shelf.put(b"oldest", key)
    sealed(shelf)
    shelf.put(b"later", key)
    assert reading()[SNAPSHOT_NAME].body == b"{}"
    del shelf.server.buckets[shelf.bucket].keys[key][1]
    assert reading()[SNAPSHOT_NAME].version_id == first
    shelf.server.buckets[shelf.bucket].keys[key][0].body = bytes((1 << 14) + 1)
    assert reading()[SNAPSHOT_NAME].body == b"later", "longer than any of ours: not shown"


def test_an_object_is_read_with_its_lock_its_hold_and_its_time(
    shelf: Shelf, reading: Reading
) -> None:
    key = sealed(shelf)[SNAPSHOT_NAME]
    (version,) = shelf.server.buckets[shelf.bucket].keys[key]
    found = reading()[SNAPSHOT_NAME]
    assert (found.version_id, found.body) == (version.version_id, b"{}")
    assert (found.lock_mode, found.is_lock_hidden, found.is_held) == ("Compliance", False, False)
    assert found.retain_until_time.startswith("2027-11-28")
    assert found.written == version.modified
    version.hold = True
    assert reading()[SNAPSHOT_NAME].is_held


def test_a_lock_that_the_store_does_not_show_is_said_to_be_hidden(
    shelf: Shelf, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = sealed(shelf)[SNAPSHOT_NAME]
    (version,) = shelf.server.buckets[shelf.bucket].keys[key]
    version.mode = ""

    def denied(**_: Any) -> None:
        raise LockHiddenError(reasons.STORE_FORBIDDEN, "denied")

    monkeypatch.setattr(evidence_objects, "read_version_lock", lambda *_: denied())
    found = reading()[SNAPSHOT_NAME]
    assert (found.lock_mode, found.retain_until_time, found.is_lock_hidden) == ("", "", True)


def test_what_the_store_does_not_say_of_a_version_is_an_error_of_ours(shelf: Shelf) -> None:
    version = shelf.hide(BROKEN)
    reads: list[Callable[..., object]] = [
        written_at,
        lambda store, bucket, key, version: evidence_objects._read(
            store, bucket, key, version, Stop()
        ),
    ]
    for read in reads:
        with pytest.raises(Unavailable, match=f"look at s3://.* version {version}"):
            read(shelf.store, shelf.bucket, KEY, version)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("Sat, 28 Nov 2026 12:00:00 GMT", NOW, id="as HTTP has it"),
        pytest.param("Sat, 28 Nov 2026 13:00:00 +0100", NOW, id="of another zone"),
        pytest.param("Sat, 28 Nov 2026 12:00:00 -0000", NOW, id="of none: UTC"),
        pytest.param("", None, id="nothing"),
        pytest.param("yesterday", None, id="no time"),
        pytest.param("Sat, 28 Nov 2026 12:00:00 +9999", None, id="of no zone on earth"),
        pytest.param(f"Sat, 28 Nov {10**29} 12:00:00 GMT", None, id="later than any"),
    ],
)
def test_a_time_of_a_store_is_read_or_is_none(text: str, moment: datetime | None) -> None:
    assert evidence_objects._moment(text) == moment


# What lies beside a seal.


def beside(shelf: Shelf, *logs: str) -> dict[str, bytes]:
    """Return what is read beside a seal, by name."""
    found = read_beside(
        shelf.store,
        shelf.bucket,
        FOLDER,
        Stop(),
        logs=logs,
        supplement=judge(),
        conclusion=worth,
    )
    return {name: each.body for name, each in found.items()}


def signed_supplement(of: bytes, signer: LocalSigner = SIGNER) -> bytes:
    about = Supplement("team/exp", "uid", digest_of({}), digest(of), "", "", 0, 0, 0, ())
    return sign(canonical_json(supplement(about)), signer)


def test_logs_are_read_by_their_digests_and_shown_where_they_differ(shelf: Shelf) -> None:
    said = [digest(each) for each in (b"one", b"two", b"gone")]
    names = [log_key("", each) for each in said]
    shelf.lies(b"theirs", b"one", key=FOLDER + names[0])
    shelf.lies(b"edited", key=FOLDER + names[1])
    assert beside(shelf, *said) == {names[0]: b"one", names[1]: b"edited"}


def test_a_supplement_is_read_with_its_list_and_a_conclusion_by_itself(shelf: Shelf) -> None:
    assert beside(shelf) == {}
    shelf.put(b"ours", FOLDER + CONCLUSION_NAME)
    assert beside(shelf) == {CONCLUSION_NAME: b"ours"}
    made = signed_supplement(b"last list")
    shelf.put(made, FOLDER + SUPPLEMENT_NAME)
    whole = {CONCLUSION_NAME: b"ours", SUPPLEMENT_NAME: made}
    assert beside(shelf) == whole, "its list is not there"
    shelf.put(b"last list", list_key(FOLDER, digest(b"last list")))
    assert beside(shelf) == whole | {LAST_LIST_NAME: b"last list"}


def test_the_list_of_a_supplement_of_somebody_else_is_not_read(shelf: Shelf) -> None:
    made = signed_supplement(b"theirs", LocalSigner.of(new_key_pair().private))
    shelf.put(made, FOLDER + SUPPLEMENT_NAME)
    shelf.put(b"theirs", list_key(FOLDER, digest(b"theirs")))
    assert beside(shelf) == {SUPPLEMENT_NAME: made}
