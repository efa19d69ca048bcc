"""Seals where somebody else writes to the bucket, or where the store itself lies or answers oddly.

Whatever is signed has to be so, and whoever verifies is told what is not.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.data.digest import canonical_json, digest_of
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import GloveboxError, Unavailable
from glovebox.evidence.after_seal import SUPPLEMENT_NAME, Supplement, envelope_digest, supplement
from glovebox.evidence.artifacts import decode_artifacts, encode_artifacts, list_digest
from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import TrustBundle, read_bundle
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import SNAPSHOT_NAME, STATEMENT_NAME
from glovebox.evidence.verification import Expected
from glovebox.jobs.verifying import Demand, Verified, verify_seal
from glovebox.status.text import format_time
from glovebox.store.connection import Credentials, Stop, Store
from glovebox.store.evidence_objects import list_key
from glovebox.store.uploads import COULD_NOT_END
from glovebox.tasks.after_seal import SealPlace, SupplementResult, list_once_more
from glovebox.tasks.area import TaskArea
from glovebox.tasks.checkpoints import StoredCheckpoint, checkpoint_prefix
from glovebox.tasks.context import TaskContext
from glovebox.tasks.journal import HashJournal
from glovebox.tasks.seal import SEAL, seal_experiment
from glovebox.tasks.seal_request import SealRequest, SealResult
from simulation.object_store import ObjectStoreServer, S3Error, Version
from support.ledger_stores import stand_in
from support.seal_inputs import seal_keys, seal_request

PAIR = new_key_pair()
TRUST = read_bundle(PAIR.public)
SEALED = datetime(2026, 11, 27, tzinfo=UTC)
LATER = SEALED + timedelta(hours=2)
PREFIX = "team/exp/uid/"
FOLDER = ".glovebox/seals/uid/"


@dataclass
class Bucket:
    """A bucket of artifacts, and what is done with it."""

    server: ObjectStoreServer
    store: Store
    name: str

    def put(self, key: str, body: bytes) -> Version:
        """Write a version, as anybody who may write to the bucket."""
        bucket = self.server.buckets[self.name]
        made: Version = self.server._store(bucket, key, body, "", None, "")
        return made

    def request(self, **about: Any) -> SealRequest:
        """Return the request for a seal."""
        made = seal_request(self.store, self.name, PREFIX)
        changes = {"digest": digest_of({}), **about}
        return replace(made, about=replace(made.about, **changes), keys=seal_keys(PAIR.private))

    def seal(self, **about: Any) -> SealResult:
        """Seal what lies there."""
        wanted = self.request(**about)
        return asyncio.run(seal_experiment(TaskContext(), wanted, now=lambda: SEALED))

    def list_once_more(self) -> SupplementResult:
        """Make the last listing."""
        keys = seal_keys(PAIR.private)
        place = SealPlace(
            "uid", "team/exp", self.store, self.name, PREFIX, FOLDER, locked=True, keys=keys
        )
        return asyncio.run(list_once_more(TaskContext(), place, now=lambda: LATER))

    def verify(self, **options: Any) -> Verified:
        """Verify the seal, as somebody with the public key."""
        demand = Demand(options.pop("trust", TRUST), options.pop("expected", Expected()))
        return verify_seal(self.store, self.name, FOLDER, demand, Stop(), now=LATER, **options)

    def found(self, **options: Any) -> list[tuple[str, str]]:
        """Return what a verification finds."""
        return [(each.what, each.where) for each in self.verify(**options).report.findings]

    def versions(self, key: str) -> list[Version]:
        """Return the versions of a key, the oldest first."""
        return self.server.buckets[self.name].keys[key]


@pytest.fixture
def bucket() -> Bucket:
    server, store, name = stand_in(lambda: SEALED)
    return Bucket(server, store, name)


def test_it_holds_where_nobody_does_anything(bucket: Bucket) -> None:
    bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.seal()
    bucket.list_once_more()
    assert bucket.found() == []


# -- a seal of another experiment in the own folder


def test_an_older_seal_of_the_uid_that_is_of_another_experiment_hides_none(bucket: Bucket) -> None:
    """A record in the bucket says under which UID an adopted run is sealed."""
    bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.seal(experiment="mallory/exp")
    made = bucket.seal()
    assert [each.version_id for each in bucket.versions(FOLDER + STATEMENT_NAME)][-1] == (
        made.attestation_version
    )
    bucket.list_once_more()
    assert bucket.found(expected=Expected("team/exp")) == []
    other = bucket.found(expected=Expected("mallory/exp"))
    assert ("OtherSeal", SUPPLEMENT_NAME) in other


# -- a store that gives other bytes the second time


Answer = Callable[[bytes, int], bytes]


def answering(bucket: Bucket, part: str, answer: Answer) -> None:
    """Have the store answer reads of keys with that part in other bytes.

    Args:
        bucket: Whose store.
        part: Of the key.
        answer: Returns the bytes, given those that lie there and how often they were read before.
    """
    wire: Any = bucket.store.wire
    seen, plain = [0], wire.get

    def get(name: str, key: str, query: Mapping[str, str], headers: Any = None) -> Any:
        response = plain(name, key, query, headers)
        if part in key and key:
            body = answer(b"".join(response.stream(1 << 20, decode_content=False)), seen[0])
            seen[0] += 1
            response = type(response)(body, dict(response.headers))
        return response

    wire.get = get


@pytest.mark.parametrize("honest", range(6))
def test_a_sealed_list_that_reads_otherwise_later_gets_into_no_last_listing(
    bucket: Bucket, honest: int
) -> None:
    first = bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.seal()
    bucket.put(f"{PREFIX}late.bin", b"came later")
    true = digest_bytes(first.body)

    def lie(body: bytes, times: int) -> bytes:
        return body.replace(true, b"f" * 64) if times >= honest else body

    answering(bucket, "/artifacts.", lie)
    try:
        bucket.list_once_more()
    except GloveboxError:
        return
    for key in list(bucket.server.buckets[bucket.name].keys):
        if "/artifacts." in key:
            for version in bucket.versions(key):
                _, artifacts = decode_artifacts(version.body)
                hashes = {each.sha256 for each in artifacts if each.key.endswith("model.bin")}
                assert hashes == {true.decode()}, "it was signed with a hash that nobody computed"


def digest_bytes(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


# -- what came after the seal, and is in its signed last listing


@pytest.mark.parametrize(
    ("happens", "what"),
    [
        ("gone", "VersionMissing"),
        ("other bytes", "BytesDiffer"),
        ("unlocked", "LockShortened"),
    ],
)
def test_what_came_after_the_seal_is_verified_like_what_was_sealed(
    bucket: Bucket, happens: str, what: str
) -> None:
    bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.seal()
    late = bucket.put(f"{PREFIX}late.bin", b"came later")
    bucket.list_once_more()
    assert bucket.found() == []
    if happens == "gone":
        bucket.versions(late.key).remove(late)
    elif happens == "other bytes":
        late.body = b"came-later"
    else:
        late.mode, late.until = "", None
    assert (what, late.key) in bucket.found()


def test_a_last_listing_that_contradicts_the_seal_is_told(bucket: Bucket) -> None:
    """Signed by an operator that believed the store when it read the sealed list again."""
    bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.seal()
    bucket.put(f"{PREFIX}late.bin", b"came later")
    write_contradiction(bucket)
    assert ("SupplementDiffers", SUPPLEMENT_NAME) in bucket.found()


def write_contradiction(bucket: Bucket) -> None:
    """Sign a last list that says another hash of a sealed version."""
    (key,) = [key for key in bucket.server.buckets[bucket.name].keys if "/artifacts." in key]
    prefix, sealed = decode_artifacts(bucket.versions(key)[0].body)
    other = [each.model_copy(update={"sha256": "f" * 64}) for each in sealed]
    raw = encode_artifacts(prefix, other)
    bucket.put(list_key(FOLDER, list_digest(raw)), raw)
    seal = envelope_digest(bucket.versions(FOLDER + STATEMENT_NAME)[0].body)
    said = Supplement(
        "team/exp", "uid", seal, list_digest(raw), format_time(LATER), format_time(LATER), 0, 0
    )
    envelope = sign(canonical_json(supplement(said)), LocalSigner.of(PAIR.private))
    bucket.put(FOLDER + SUPPLEMENT_NAME, envelope)


# -- odd answers


def with_headers(bucket: Bucket, part: str, **changes: str) -> None:
    """Have the store answer about keys with that part with other headers."""
    wire: Any = bucket.store.wire
    head, get = wire.head, wire.get
    named = {name.replace("_", "-"): value for name, value in changes.items()}

    def changed_head(name: str, key: str, query: Mapping[str, str], headers: Any = None) -> Any:
        return {**head(name, key, query, headers), **(named if part in key else {})}

    def changed_get(name: str, key: str, query: Mapping[str, str], headers: Any = None) -> Any:
        response = get(name, key, query, headers)
        if key and part in key:
            for each, value in named.items():
                response.headers[each] = value
        return response

    wire.head, wire.get = changed_head, changed_get


@pytest.mark.parametrize(
    "until",
    ["never", "", "2027-11-27", "2027-11-27T00:00:00", "Sat, 27 Nov 2027 00:00:00 GMT", "\x1b[2J"],
)
@pytest.mark.parametrize("part", ["model.bin", "/seals/"])
def test_an_end_of_a_lock_that_is_no_time_breaks_nothing(
    bucket: Bucket, until: str, part: str
) -> None:
    bucket.put(f"{PREFIX}model.bin", b"weights")
    with_headers(
        bucket,
        part,
        **{"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": until},
    )
    made = bucket.seal()
    assert "\x1b" not in str(made)
    bucket.list_once_more()
    verified = bucket.verify()
    assert "\x1b" not in str(verified.report)


@pytest.mark.parametrize("moment", ["", "now", "Fri, 27 Nov 2026 00:00:00 -0000", "0", "Fri, 99"])
def test_a_time_of_writing_that_is_none_breaks_nothing(bucket: Bucket, moment: str) -> None:
    bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.seal()
    bucket.list_once_more()
    with_headers(bucket, "/seals/", **{"Last-Modified": moment})
    bounded = TrustBundle((replace(TRUST.keys[0], valid_from=SEALED, valid_until=LATER),))
    assert not bucket.found(trust=bounded)


@pytest.mark.parametrize("size", ["-1", "many", "1e3", "9" * 40, "٣"])
def test_a_size_that_is_none_is_an_answer_that_is_not_believed(bucket: Bucket, size: str) -> None:
    bucket.put(f"{PREFIX}model.bin", b"weights")
    wire: Any = bucket.store.wire
    get = wire.get

    def odd(name: str, key: str, query: Mapping[str, str], headers: Any = None) -> Any:
        response = get(name, key, query, headers)
        if not key:
            text = response.read().decode()
            response = type(response)(re.sub("<Size>7<", f"<Size>{size}<", text).encode(), {})
        return response

    wire.get = odd
    with pytest.raises(Unavailable, match="an invalid size"):
        bucket.seal()


# -- somebody else's check-points and results


class Captured:
    """A place for check-points that keeps them for the test."""

    def __init__(self) -> None:
        self.segments: list[bytes] = []

    def load(self) -> Iterator[bytes]:
        return iter(self.segments)

    def save(self, segment: bytes) -> str:
        self.segments.append(segment)
        return ""

    def clear(self) -> None:
        self.segments.clear()


def test_a_check_point_of_somebody_else_gets_no_digest_into_a_seal(bucket: Bucket) -> None:
    """What an attempt reads back of an earlier one is signed without another look at the bytes."""
    written = bucket.put(f"{PREFIX}model.bin", b"weights")
    kept = Captured()
    journal = HashJournal(kept, every_seconds=0)
    forged = Entry(
        written.key,
        7,
        "f" * 64,
        bucket.name,
        written.key,
        written.version_id,
        DigestSource.COMPUTED,
    )
    journal.add(forged)
    evidence = bucket.request().evidence
    prefix = checkpoint_prefix("uid", SEAL, evidence.basis)
    bucket.put(f"{prefix}000000-{'0' * 16}", kept.segments[0])
    mallory = bucket.store.with_credentials(Credentials("mallory", "another secret"))
    bucket.server.users.add("mallory")
    StoredCheckpoint(mallory, bucket.name, prefix, locked=True, stop=Stop()).save(kept.segments[0])
    bucket.seal()
    bucket.list_once_more()
    assert bucket.found() == []


def test_a_result_of_somebody_else_is_none(bucket: Bucket) -> None:
    bucket.server.users.add("mallory")
    mallory = bucket.store.with_credentials(Credentials("mallory", "another secret"))
    own, other = (
        TaskArea(store, bucket.name, "uid", SEAL, locked=True) for store in (bucket.store, mallory)
    )
    other.put_result("job", b"{}")
    assert own.result("job") is None
    own.put_result("job", b"{}")
    assert own.result("job") == b"{}"
    assert own.result("another") is None
    (stored,) = [each.body for each in bucket.versions(".glovebox/tasks/uid/seal/jobs/job/result")][
        1:
    ]
    bucket.put(".glovebox/tasks/uid/seal/jobs/another/result", stored)
    assert own.result("another") is None, "it was of another Job"


# -- somebody else's objects under the names of the evidence


def test_no_long_object_of_somebody_else_is_read_for_a_seal(bucket: Bucket) -> None:
    """Who copies an object of terabytes to its name makes the seal wait for its last byte."""
    for name in (SNAPSHOT_NAME, STATEMENT_NAME):
        bucket.put(FOLDER + name, bytes(65 << 20))
    bucket.put(f"{PREFIX}model.bin", b"weights")
    read: list[int] = []
    wire: Any = bucket.store.wire
    get = wire.get

    def counting(name: str, key: str, query: Mapping[str, str], headers: Any = None) -> Any:
        response = get(name, key, query, headers)
        read.append(int(response.headers.get("Content-Length", 0)))
        return response

    wire.get = counting
    bucket.seal()
    bucket.list_once_more()
    assert bucket.found() == []
    assert max(read) < 1 << 20


# -- names that act on a terminal


def test_no_name_in_a_finding_acts_on_the_terminal_of_who_reads_the_status(bucket: Bucket) -> None:
    key = f"{PREFIX}\x9b2J\u202emodel"
    unlocked = bucket.put(key, b"weights")
    unlocked.mode, unlocked.until = "", None
    (said,) = bucket.seal().findings
    assert said.startswith(f"`{PREFIX}\\x9b2J\\u202emodel`: no lock")


# -- an upload that the store does not end


@pytest.mark.parametrize(
    ("status", "code"), [(400, "InvalidRequest"), (500, "InternalError"), (403, "AccessDenied")]
)
def test_an_upload_that_the_store_does_not_end_keeps_no_seal_from_being_made(
    bucket: Bucket, status: int, code: str
) -> None:
    """A run chooses the key of an upload, and a store may fail over that one alone."""
    bucket.put(f"{PREFIX}model.bin", b"weights")
    for name in ("odd", "plain"):
        bucket.store.s3.create_multipart_upload(Bucket=bucket.name, Key=f"{PREFIX}{name}")

    def fault(action: str, _: str, key: str) -> None:
        if "Abort" in action and key.endswith("odd"):
            raise S3Error(status, code)

    bucket.server.fault = fault
    assert COULD_NOT_END in bucket.seal().findings
    last = bucket.list_once_more().said
    assert last.findings == (COULD_NOT_END,)
    assert [each.key for each in bucket.server.buckets[bucket.name].uploads.values()] == [
        f"{PREFIX}odd"
    ]
    bucket.server.fault = lambda *_: None
    assert bucket.found() == []


def test_an_upload_over_which_the_store_fails_is_tried_again_for_a_while(bucket: Bucket) -> None:
    bucket.put(f"{PREFIX}model.bin", b"weights")
    bucket.store.s3.create_multipart_upload(Bucket=bucket.name, Key=f"{PREFIX}odd")

    def fault(action: str, _: str, __: str) -> None:
        if "Abort" in action:
            raise S3Error(503, "SlowDown")

    bucket.server.fault = fault
    wanted = bucket.request()
    patient = replace(wanted.evidence, patient_until=LATER)
    with pytest.raises(Unavailable):
        asyncio.run(
            seal_experiment(TaskContext(), replace(wanted, evidence=patient), now=lambda: SEALED)
        )
