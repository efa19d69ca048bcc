"""The audit log that a real SeaweedFS writes is read, and what is kept of it."""

from __future__ import annotations

import dataclasses
import gzip
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.data.unusual_reads import Reads, Rules, Run, WatchedPin
from glovebox.errors import Conflict, Forbidden, Unavailable
from glovebox.store.arns import sessions_of
from glovebox.store.connection import Credentials, Stop, Store, Stores, StoreSettings
from glovebox.store.credentials import assume_with_policy
from glovebox.store.input_credentials import Readable, input_policy
from glovebox.tasks.access_log import AccessLog, Question, load_state, read_log
from support.audit_log import AuditLog, listening
from support.own_store import ADMIN, READER, ROLE, RunningStore, running_seaweed

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATOR = "arn:aws:iam::000000000000:user/admin"


@pytest.fixture(scope="module")
def audited(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningStore, AuditLog]]:
    base = tmp_path_factory.mktemp("audited")
    with listening() as log, running_seaweed(base, log.configure(base / "audit.json")) as store:
        yield store, log


def question(bucket: str, **more: Any) -> Question:
    pin = WatchedPin("pin", "team-a", 100, 1, prefixes=((bucket, "set/"),))
    run = Run("team-a", "baseline", frozenset({"pin"}), "artifacts", "team-a/baseline/u/")
    rules = Rules(sessions_of(ROLE), {"glovebox-run": run}, (OPERATOR,), "artifacts", 10, 1000)
    values: dict[str, Any] = {
        "rules": rules,
        "pins": (pin,),
        "listed": (),
        "keys": {},
        "now": datetime.now(UTC),
    }
    return Question(**(values | more))


def at(store: Store, logs: str, artifacts: str, *, locked: bool = True) -> AccessLog:
    return AccessLog(store, f"uid-{artifacts}", logs, "log/", artifacts, locked)


def told(reads: Reads) -> dict[tuple[str, str], int]:
    return {(each.kind, each.requester): each.requests for each in reads.findings.values()}


def test_who_reads_is_found_in_what_seaweedfs_writes(
    audited: tuple[RunningStore, AuditLog],
) -> None:
    running, audit = audited
    settings = StoreSettings(endpoint=running.endpoint, credentials=ADMIN)
    stores = Stores(threads=4)
    store = stores.open(settings)
    bucket, artifacts = "data", "artifacts"
    store.s3.create_bucket(Bucket=bucket)
    store.s3.create_bucket(Bucket=artifacts, ObjectLockEnabledForBucket=True)
    store.s3.put_object(Bucket=bucket, Key="set/a b\nü.csv", Body=b"rows")
    store.s3.put_object(Bucket=bucket, Key="other/x", Body=b"rows")
    # A run of the pin, who else may read there, and what nobody may.
    policy = input_policy([Readable(bucket, "set/", is_prefix=True)], ROLE)
    session = assume_with_policy(store, ROLE, policy, "set/", "glovebox-run", 900)
    run = stores.open(dataclasses.replace(settings, credentials=session.as_credentials()))
    reader = stores.open(dataclasses.replace(settings, credentials=READER))
    for client in (store, run, reader, reader):
        client.s3.get_object(Bucket=bucket, Key="set/a b\nü.csv")["Body"].read()
    reader.s3.get_object(Bucket=bucket, Key="other/x")["Body"].read()
    for client in (reader, run):
        with pytest.raises(Exception, match="AccessDenied"):
            client.s3.delete_object(Bucket=bucket, Key="set/a b\nü.csv")
    lines = audit.lines_until(7, "REST.GET.OBJECT", "REST.DELETE.OBJECT")
    store.s3.put_object(Bucket=bucket, Key="log/1.gz", Body=gzip.compress(lines))

    log = at(store, bucket, artifacts)
    found = read_log(log, None, question(bucket), Stop()).state
    assert (found.unparsed, found.repeated, found.read_objects) == (0, 0, 1)
    reads = found.seen.pins["pin"]
    someone = "arn:aws:iam::000000000000:user/reader"
    assert told(reads) == {
        ("NotAnInput", someone): 2,
        ("Denied", someone): 1,
        ("Denied", "team-a/baseline"): 1,
    }
    assert (reads.requests, reads.bytes) == (4, 0), "SeaweedFS does not say how much it sent"
    # Nothing new, and the same once more under another name: nothing counts twice.
    again = read_log(log, None, question(bucket), Stop())
    assert again.state == found
    store.s3.put_object(Bucket=bucket, Key="log/0", Body=lines)
    last = read_log(log, again.state, question(bucket), Stop()).state
    assert told(last.seen.pins["pin"]) == told(reads)
    assert last.repeated > 0


def lines(*requesters: str, bucket: str, key: str = "set/1.csv") -> bytes:
    """Return lines as Amazon S3 writes them; no store that runs here does."""
    moment = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return b"".join(
        f"owner {bucket} [{moment}] 192.0.2.3 {who} {secrets.token_hex(8)} REST.GET.OBJECT {key}"
        f' "GET /{bucket}/{key} HTTP/1.1" 200 - 40 100 3 2 "-" "agent" - hostid\n'.encode()
        for who in requesters
    )


def put(store: Store, bucket: str, name: str, body: bytes) -> None:
    store.s3.put_object(Bucket=bucket, Key=f"log/{name}", Body=body)


def test_lines_of_s3_count_once_and_what_is_damaged_is_counted(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    log = at(store, data_bucket, locked_bucket)
    whole = lines("user-1", "user-2", bucket=data_bucket)
    put(store, data_bucket, "1", whole + lines("user-3", bucket=data_bucket)[:120])
    put(store, data_bucket, "2.gz", gzip.compress(whole) + gzip.compress(b"no line\n"))
    put(store, data_bucket, "3.gz", gzip.compress(lines("user-4", bucket=data_bucket))[:-9])
    put(store, data_bucket, "4", b"x" * 200_000 + b"\n" + lines("user-5", bucket=data_bucket))
    asked = question(data_bucket)
    found = read_log(log, None, asked, Stop()).state
    assert (found.unreadable, found.unparsed, found.repeated) == (1, 3, 2)
    reads = found.seen.pins["pin"]
    names = {who for _, who in told(reads)}
    assert {"user-1", "user-2", "user-5"} <= names
    assert "user-3" not in names
    assert reads.bytes == 40 * reads.requests


def test_a_second_process_counts_nothing_that_the_first_has_written(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    log, asked = at(store, data_bucket, locked_bucket), question(data_bucket)
    put(store, data_bucket, "1", lines("user-1", bucket=data_bucket))
    first = read_log(log, None, asked, Stop()).state
    other = load_state(log, Stop())
    assert other == first
    put(store, data_bucket, "2", lines("user-2", bucket=data_bucket))
    read_log(log, first, asked, Stop())
    with pytest.raises(Conflict):
        read_log(log, other, asked, Stop())
    found = read_log(log, None, asked, Stop()).state
    assert told(found.seen.pins["pin"]) == {
        ("NotAnInput", "user-1"): 1,
        ("NotAnInput", "user-2"): 1,
    }
    assert found.number == 2


def test_who_may_not_read_the_log_says_so(
    seaweed: RunningStore, stores: Stores, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    put(store, data_bucket, "1", lines("user-1", bucket=data_bucket))
    nobody = stores.open(
        StoreSettings(endpoint=seaweed.endpoint, credentials=Credentials("nobody", "nothing"))
    )
    log = dataclasses.replace(at(store, data_bucket, locked_bucket), store=nobody)
    with pytest.raises((Forbidden, Unavailable)):
        read_log(log, None, question(data_bucket), Stop())


def test_one_pass_reads_so_much_at_most(
    monkeypatch: pytest.MonkeyPatch, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    monkeypatch.setattr("glovebox.tasks.access_log._MOST_OBJECTS", 2)
    log, asked = at(store, data_bucket, locked_bucket), question(data_bucket)
    for n in range(5):
        put(store, data_bucket, str(n), lines(f"user-{n}", bucket=data_bucket))
    first = read_log(log, None, asked, Stop())
    assert (first.state.read_objects, first.waiting) == (2, 3)
    second = read_log(log, first.state, asked, Stop())
    third = read_log(log, second.state, asked, Stop())
    assert (third.state.read_objects, third.waiting) == (5, 0)
    assert len(told(third.state.seen.pins["pin"])) == 5
