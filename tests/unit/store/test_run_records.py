"""Records of runs: the first of a key counts, and what is none of that key counts for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from glovebox.errors import Unavailable
from glovebox.store.connection import Stop, Store
from glovebox.store.run_records import (
    RunRecord,
    begin_run,
    note_start,
    read_run,
    read_runs,
    started_key,
)
from simulation.object_store import ObjectStoreServer
from support.ledger_stores import stand_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RECORD = RunRecord(
    team="team-a",
    name="x",
    uid="u1",
    digest="sha256:" + "a" * 64,
    declared="sha256:" + "b" * 64,
    version=7,
    begun="2026-11-28T12:00:00Z",
    snapshot={"snapshot.json": "{}"},
)
Place = tuple[ObjectStoreServer, Store, str]


@pytest.fixture
def place() -> Place:
    return stand_in(lambda: NOW)


def begin(place: Place, record: RunRecord = RECORD) -> RunRecord | None:
    return begin_run(place[1], place[2], record, Stop())


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


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b" " * (5 << 20)])
def test_a_record_that_cannot_be_read_begins_no_run(place: Place, body: bytes) -> None:
    """Somebody wrote it: that no run was begun is more than anybody knows."""
    _, store, bucket = place
    store.s3.put_object(Bucket=bucket, Key=RECORD.key, Body=body)
    with pytest.raises(Unavailable, match="cannot be read as the record of a run"):
        begin(place)


def test_a_record_of_another_run_that_was_copied_counts_for_nothing(place: Place) -> None:
    server, store, bucket = place
    other = replace(RECORD, name="y", uid="u9")
    assert begin(place, other) is None
    (made,) = server.buckets[bucket].keys[other.key]
    store.s3.put_object(Bucket=bucket, Key=RECORD.key, Body=made.body)
    assert read_run(store, bucket, RECORD.key, Stop()) is None
    assert read_runs(store, bucket, "team-a", "x", Stop()) == []


def test_a_start_is_that_of_the_experiment_that_began(place: Place) -> None:
    _, store, bucket = place
    assert begin(place) is None
    key = RECORD.key
    note_start(store, bucket, key, uid="u2", job_uid="of another", time="2026-11-28T12:00:01Z")
    assert read_run(store, bucket, key, Stop()) == RECORD
    start = b'{"format":"glovebox.dev/run/v1","uid":"u1","jobUid":"j1","startTime":"now"}'
    store.s3.put_object(Bucket=bucket, Key=started_key(key), Body=start)
    found = read_run(store, bucket, key, Stop())
    assert found is not None
    assert (found.job_uid, found.started) == ("j1", "now")


def test_a_record_that_is_longer_than_any_is_none(place: Place) -> None:
    server, store, bucket = place
    assert begin(place) is None
    (made,) = server.buckets[bucket].keys[RECORD.key]
    padded = made.body[:-1] + b" " * (5 << 20) + b"}"
    later = replace(RECORD, declared="sha256:" + "c" * 64)
    own = padded.replace(b"b" * 64, b"c" * 64)
    store.s3.put_object(Bucket=bucket, Key=later.key, Body=own)
    assert read_run(store, bucket, later.key, Stop()) is None
