"""Records of runs: the first of a key counts, and what is none of that key counts for nothing."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from glovebox.errors import Refused
from glovebox.evidence.envelope import sign
from glovebox.evidence.keys import read_bundle
from glovebox.evidence.signer import LocalSigner
from glovebox.store.connection import Stop, Store
from glovebox.store.run_records import (
    PAYLOAD_TYPE,
    RunRecord,
    begin_run,
    has_artifacts,
    note_start,
    read_run,
    read_runs,
    run_key,
    run_keys,
    started_key,
)
from simulation.object_store import ObjectStoreServer
from support.ledger_logs import pem_of
from support.ledger_stores import stand_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MOMENT = "2026-11-28T12:00:05Z"
RECORD = RunRecord(
    team="team-a",
    name="x",
    uid="u1",
    digest="sha256:" + "a" * 64,
    declared="sha256:" + "b" * 64,
    version=7,
    begun="2026-11-28T12:00:00Z",
    snapshot={"snapshot.json": "{}"},
    namespace_uid="n1",
)
SIGNER = LocalSigner.of(pem_of(1))
STRANGER = LocalSigner.of(pem_of(2))
TRUST = read_bundle(SIGNER.public)
Place = tuple[ObjectStoreServer, Store, str]


@pytest.fixture
def place() -> Place:
    return stand_in(lambda: NOW)


def begin(
    place: Place, record: RunRecord = RECORD, signer: LocalSigner = SIGNER
) -> RunRecord | None:
    return begin_run(place[1], place[2], record, signer, read_bundle(signer.public), Stop())


def start(place: Place, record: RunRecord = RECORD, signer: LocalSigner = SIGNER) -> None:
    trust = read_bundle(signer.public)
    note_start(place[1], place[2], record, f"job of {record.uid}", MOMENT, signer, trust, Stop())


def read(place: Place, record: RunRecord = RECORD) -> RunRecord | None:
    return read_run(place[1], place[2], record.key, TRUST, Stop())


def body_of(place: Place, key: str) -> bytes:
    """Return the newest version of a key."""
    return bytes(place[0].buckets[place[2]].keys[key][-1].body)


def write(place: Place, key: str, body: bytes) -> None:
    place[1].s3.put_object(Bucket=place[2], Key=key, Body=body)


def test_the_first_to_begin_is_told_so_and_everybody_else_who_it_was(place: Place) -> None:
    assert begin(place) is None
    assert begin(place, replace(RECORD, uid="u2")) == RECORD
    assert begin(place) == RECORD, "also who was told nothing the first time"


def test_where_a_store_writes_over_what_it_should_leave_the_oldest_record_counts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store, _ = place
    put = store.s3.put_object

    def forgetful(**options: Any) -> Any:
        options.pop("IfNoneMatch", None)
        return put(**options)

    monkeypatch.setattr(store.s3, "put_object", forgetful)
    assert begin(place) is None
    assert begin(place, replace(RECORD, uid="u2")) == RECORD


def alike(number: int, record: RunRecord = RECORD) -> bytes:
    """Return what looks like a record, as whoever has no key of ours writes it."""
    server, store, bucket = stand_in(lambda: NOW)
    assert begin((server, store, bucket), record, STRANGER) is None
    body = body_of((server, store, bucket), record.key)
    return base64.b64decode(orjson.loads(body)["payload"]) if number else body


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b" " * (7 << 20), alike(0), alike(1)],
    ids=["cut", "a list", "empty", "too long", "signed by somebody else", "not in an envelope"],
)
def test_what_no_key_of_ours_signed_begins_no_run_and_is_no_record(
    place: Place, body: bytes
) -> None:
    """Somebody wrote it: that no run was begun is more than anybody knows."""
    write(place, RECORD.key, body)
    with pytest.raises(Refused, match="no published key signed it as the record of a run"):
        begin(place, replace(RECORD, uid="u2"))
    assert read(place) is None
    assert len(place[0].buckets[place[2]].keys[RECORD.key]) == 1, "nothing is written over it"


def test_what_somebody_wrote_before_or_over_a_record_counts_for_nothing(place: Place) -> None:
    server, store, bucket = place
    assert begin(place) is None
    genuine = body_of(place, RECORD.key)
    write(place, RECORD.key, alike(0, replace(RECORD, uid="u2")))
    assert read(place) == RECORD
    server.buckets[bucket].keys.pop(RECORD.key)
    write(place, RECORD.key, alike(0, replace(RECORD, uid="u2")))
    write(place, RECORD.key, genuine)
    assert begin(place, replace(RECORD, uid="u3")) == RECORD
    assert read_runs(store, bucket, [RECORD.key], TRUST, Stop()) == [RECORD]


def test_where_no_key_can_sign_a_run_begins_and_nobody_else_of_its_name(place: Place) -> None:
    _, store, bucket = place
    assert begin_run(store, bucket, RECORD, None, TRUST, Stop()) is None
    assert read(place) is None
    assert begin(place) == replace(RECORD, is_signed=False), "it knows its own again"
    with pytest.raises(Refused, match="no published key signed it"):
        begin(place, replace(RECORD, uid="u2"))


def test_who_only_looks_is_shown_what_is_there(place: Place) -> None:
    write(place, RECORD.key, alike(0))
    assert read_run(place[1], place[2], RECORD.key, None, Stop()) == RECORD


def test_the_runs_of_a_name_are_found_by_their_keys(place: Place) -> None:
    _, store, bucket = place
    assert begin(place) is None
    start(place)
    write(place, run_key("team-a", "x", "sha256:" + "c" * 64), b"foreign")
    keys = run_keys(store, bucket, "team-a", "x", Stop())
    assert len(keys) == 2
    (found,) = read_runs(store, bucket, keys, TRUST, Stop())
    assert (found.uid, found.job_uid) == ("u1", "job of u1")


def test_a_record_of_another_run_that_was_copied_counts_for_nothing(place: Place) -> None:
    other = replace(RECORD, name="y", uid="u9")
    assert begin(place, other) is None
    write(place, RECORD.key, body_of(place, other.key))
    assert read(place) is None


def test_a_start_is_that_of_the_experiment_that_began(place: Place) -> None:
    assert begin(place) is None
    start(place, replace(RECORD, uid="u2"))
    assert read(place) == RECORD
    start(place)
    found = read(place)
    assert found is not None
    assert (found.job_uid, found.started) == ("job of u1", MOMENT)
    start(place)
    assert len(place[0].buckets[place[2]].keys[started_key(RECORD.key)]) == 2, "written once"


@pytest.mark.parametrize("signer", [None, STRANGER], ids=["rubbish", "a start that looks right"])
def test_a_start_that_somebody_wrote_before_is_none_and_hides_none(
    place: Place, signer: LocalSigner | None
) -> None:
    """Else a restored cluster would take the run for one that was never started."""
    assert begin(place) is None
    if signer is None:
        write(place, started_key(RECORD.key), b"rubbish")
    else:
        start(place, replace(RECORD, uid="u1"), signer)
    assert read(place) == RECORD
    start(place)
    found = read(place)
    assert found is not None
    assert found.job_uid == "job of u1"


def test_a_start_of_another_run_that_was_copied_is_none(place: Place) -> None:
    other = replace(RECORD, declared="sha256:" + "c" * 64)
    assert begin(place) is None
    assert begin(place, other) is None
    start(place, other)
    write(place, started_key(RECORD.key), body_of(place, started_key(other.key)))
    assert read(place) == RECORD


@pytest.mark.parametrize("key", ["team-a/x/u1/model.bin", "team-a/x/u1/deep/er", "team-a/x/u12/m"])
def test_whether_a_run_wrote_anything_is_seen_by_what_lies_below_its_prefix(
    place: Place, key: str
) -> None:
    write(place, key, b"1")
    is_own = key.startswith("team-a/x/u1/")
    assert has_artifacts(place[1], place[2], RECORD, Stop()) == is_own


def test_what_is_longer_than_a_record_can_be_is_not_read(place: Place) -> None:
    assert begin(place, replace(RECORD, snapshot={"snapshot.json": " " * (4 << 20)})) is None
    assert read(place) is None


@pytest.mark.parametrize("key", [RECORD.key, started_key(RECORD.key)])
def test_what_another_version_of_the_operator_signed_in_another_format_is_not_guessed_at(
    place: Place, key: str
) -> None:
    assert begin(place) is None
    start(place)
    said = orjson.loads(base64.b64decode(orjson.loads(body_of(place, key))["payload"]))
    place[0].buckets[place[2]].keys.pop(key)
    body = orjson.dumps({**said, "format": "glovebox.dev/run/v2"})
    write(place, key, sign(body, SIGNER, PAYLOAD_TYPE))
    assert read(place) == (None if key == RECORD.key else RECORD)


def test_a_marker_under_a_name_is_no_run(place: Place) -> None:
    """Whoever may delete there can put one; the version below it stays, and so does its run."""
    _, store, bucket = place
    other = replace(RECORD, declared="sha256:" + "c" * 64)
    assert begin(place) is None
    for each in (RECORD, other):
        store.s3.delete_object(Bucket=bucket, Key=each.key)
    assert run_keys(store, bucket, "team-a", "x", Stop()) == (RECORD.key,)
