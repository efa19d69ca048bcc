"""Proofs of pins on a real store, whose bytes are changed below S3."""

from __future__ import annotations

import base64
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.data.compare import Difference, Findings
from glovebox.data.proof_budget import Cost
from glovebox.data.proof_levels import Level, choose
from glovebox.errors import InvalidInput, Unavailable
from glovebox.store.connection import Stop, Store, Stores, StoreSettings
from glovebox.store.manifests import fetch_manifest
from glovebox.store.pin_proofs import ProofPlan, prove_pin
from glovebox.store.pins import BuiltPin, PrefixSource, build_pin, verify_pin
from glovebox.tasks.context import TaskContext
from glovebox.tasks.pin import PinRequest, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.proof import LockBooks, ProofRequest, prove_dataset
from support.lying_store import Answered, Asked, Liar, lying
from support.rotting import rot

if TYPE_CHECKING:
    from support.own_store import RunningStore

PLENTY = Cost(1 << 40, 1 << 30)


def put(store: Store, bucket: str, key: str, body: bytes, **more: Any) -> str:
    answer = store.s3.put_object(Bucket=bucket, Key=key, Body=body, **more)
    return str(answer["VersionId"])


async def pinned(store: Store, bucket: str, artifacts: str, number: int = 4) -> BuiltPin:
    for place in range(number):
        put(store, bucket, f"set/{place}", f"object number {place}".encode())
    source = PrefixSource(bucket, "set/")
    return await build_pin(store, source, artifacts_bucket=artifacts, lock=None)


def plan(built: BuiltPin, level: Level, **more: Any) -> ProofPlan:
    return ProofPlan(level, built.roots.pin, **{"most": PLENTY, "sample": 299, **more})


async def test_a_rotten_byte_below_s3_is_found_by_reading_and_by_nothing_else(
    seaweed: RunningStore, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    built = await pinned(store, data_bucket, locked_bucket)
    (victim,) = [
        entry for entry in fetch_manifest(store, built.manifest, Stop()) if entry.path == "2"
    ]
    rot(seaweed, data_bucket, "set/2", victim.version_id, b"x" * 15)

    source = PrefixSource(data_bucket, "set/")
    assert (await verify_pin(store, source, built.manifest)).clean
    head = await prove_pin(store, built.manifest, plan(built, Level.HEAD))
    assert head.finished
    assert head.findings.clean

    full = await prove_pin(store, built.manifest, plan(built, Level.FULL))
    assert full.findings == Findings(changed=1, samples=("changed 2",))
    (found,) = full.findings.details
    assert found.path == "2"
    assert victim.sha256 in found.expected
    assert victim.sha256 not in found.found
    assert (full.objects, full.bytes, full.requests) == (4, 60, 4)
    assert full.finished


async def test_a_sample_reads_what_its_seed_chooses(
    seaweed: RunningStore, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    built = await pinned(store, data_bucket, locked_bucket, 8)
    entries = list(fetch_manifest(store, built.manifest, Stop()))
    (chosen,) = choose(entries, "seed", built.roots.pin, 1)
    rot(seaweed, data_bucket, f"set/{chosen.path}", chosen.version_id, b"x" * 15)
    other = next(
        seed
        for seed in map(str, range(99))
        if choose(entries, seed, built.roots.pin, 1) != [chosen]
    )

    hit = await prove_pin(store, built.manifest, plan(built, Level.SAMPLE, seed="seed", sample=1))
    assert hit.findings == Findings(changed=1, samples=(f"changed {chosen.path}",))
    assert (hit.objects, hit.requests, hit.finished) == (1, 1, True)
    miss = await prove_pin(store, built.manifest, plan(built, Level.SAMPLE, seed=other, sample=1))
    assert miss.findings.clean


async def test_a_proof_goes_on_behind_what_its_budget_let_it_read(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    built = await pinned(store, data_bucket, locked_bucket)  # of 15 bytes each
    first = await prove_pin(store, built.manifest, plan(built, Level.FULL, most=Cost(40, 9)))
    assert (first.objects, first.bytes, first.after, first.needs) == (2, 30, "1", 15)
    assert not first.finished
    rest = await prove_pin(
        store, built.manifest, plan(built, Level.FULL, most=Cost(40, 9), after=first.after)
    )
    assert (rest.objects, rest.bytes, rest.after, rest.finished) == (2, 30, "3", True)


async def test_one_object_that_is_larger_than_the_budget_is_read_when_nothing_else_was(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    built = await pinned(store, data_bucket, locked_bucket)
    small = plan(built, Level.FULL, most=Cost(5, 5))
    none = await prove_pin(store, built.manifest, small)
    assert (none.objects, none.needs, none.finished) == (0, 15, False)
    one = await prove_pin(
        store, built.manifest, plan(built, Level.FULL, most=Cost(5, 5), is_first=True)
    )
    assert (one.objects, one.bytes, one.finished) == (1, 15, False)


async def test_asking_for_them_finds_what_is_gone_and_another_stored_checksum(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    body = b"object number 0"
    put(store, data_bucket, "set/0", body, ChecksumAlgorithm="SHA256")
    gone = put(store, data_bucket, "set/1", body)
    built = await build_pin(
        store, PrefixSource(data_bucket, "set/"), artifacts_bucket=locked_bucket, lock=None
    )
    head = plan(built, Level.HEAD)
    assert (await prove_pin(store, built.manifest, head)).findings.clean
    store.s3.delete_object(Bucket=data_bucket, Key="set/1", VersionId=gone)
    found = (await prove_pin(store, built.manifest, head)).findings
    assert found == Findings(missing=1, samples=("missing 1",))
    (named,) = found.details
    assert named == Difference("missing", "1", f"version {gone}", "none")


async def test_another_stored_checksum_is_found_without_reading(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    built = await pinned(store, data_bucket, locked_bucket)
    other = base64.b64encode(bytes(32)).decode()

    def lie(asked: Asked, liar: Liar) -> Answered | None:
        if asked.method != "HEAD" or not asked.path.endswith("/2"):
            return None
        truth = liar.truth(asked)
        return Answered(200, b"", {**truth.headers, "x-amz-checksum-sha256": other})

    assert settings.credentials is not None
    with lying(settings.endpoint, settings.credentials, lie) as endpoint:
        through = stores.open(dataclasses.replace(settings, endpoint=endpoint))
        proof = await prove_pin(
            through, built.manifest, plan(built, Level.HEAD), artifacts_store=store
        )
    assert proof.findings == Findings(changed=1, samples=("changed 2",))
    assert proof.findings.details[0].found == f"stored checksum sha256:{'00' * 32}"


async def test_a_store_that_fails_once_has_lost_nothing_and_one_that_is_away_is_an_error(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    built = await pinned(store, data_bucket, locked_bucket)
    failed: list[str] = []

    def fail(asked: Asked, _: Liar) -> Answered | None:
        is_second = asked.path.endswith("/1") and "versionId" in asked.query
        if not is_second or len(failed) >= 4:  # as often as one read is tried
            return None
        failed.append(asked.path)
        return Answered(500, b"<Error><Code>InternalError</Code></Error>")

    def busy(asked: Asked, _: Liar) -> Answered | None:
        is_data = data_bucket in asked.path
        return Answered(503, b"<Error><Code>SlowDown</Code></Error>") if is_data else None

    assert settings.credentials is not None
    full = plan(built, Level.FULL)
    with lying(settings.endpoint, settings.credentials, fail) as endpoint:
        through = stores.open(dataclasses.replace(settings, endpoint=endpoint))
        proof = await prove_pin(through, built.manifest, full, artifacts_store=store)
    assert len(failed) == 4
    assert proof.findings.clean
    assert proof.finished
    with lying(settings.endpoint, settings.credentials, busy) as endpoint:
        through = stores.open(dataclasses.replace(settings, endpoint=endpoint))
        with pytest.raises(Unavailable):
            await prove_pin(through, built.manifest, full, artifacts_store=store)


def until(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


async def test_a_lock_that_was_shortened_is_named_with_both(
    store: Store, locked_bucket: str
) -> None:
    versions = {
        name: put(
            store,
            locked_bucket,
            f"set/{name}",
            name.encode(),
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=until(5),
        )
        for name in ("a", "b", "c")
    }
    source = PrefixSource(locked_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=None)

    async def proof(before: str, current: str, most: int = 99) -> Findings:
        found = Findings()
        after, done = "", 0
        while True:
            request = ProofRequest(
                "uid",
                store,
                source,
                built.manifest,
                plan(built, Level.HEAD, most=Cost(0, most), after=after),
                "2026-11-27T00:00:00Z",
                done=done,
                locks=LockBooks(before, current, locked_bucket, locked=True),
            )
            part = await prove_dataset(TaskContext(), request)
            found = part.findings if not part.findings.clean else found
            after, done = part.after, done + part.objects
            if part.finished:
                return found

    assert (await proof("", "one", most=2)).clean  # nothing to compare with, in three parts
    shorter = until(2)
    store.s3.put_object_retention(
        Bucket=locked_bucket,
        Key="set/b",
        VersionId=versions["b"],
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": shorter},
        BypassGovernanceRetention=True,
    )
    store.s3.put_object_retention(
        Bucket=locked_bucket,
        Key="set/c",
        VersionId=versions["c"],
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until(9)},
        BypassGovernanceRetention=True,
    )
    found = await proof("one", "two", most=4)
    assert found == Findings(weakened=1, samples=("weakened b",))
    (named,) = found.details
    assert named.expected.startswith("Governance until ")
    assert shorter.strftime("%Y-%m-%d") in named.found
    # It stays found as long as it is not locked as long as before.
    assert await proof("two", "three") == Findings(weakened=1, samples=("weakened b",))
    store.s3.put_object_retention(
        Bucket=locked_bucket,
        Key="set/b",
        VersionId=versions["b"],
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until(6)},
    )
    assert (await proof("three", "four")).clean


def hides_locks(asked: Asked, liar: Liar) -> Answered | None:
    """Answer as to a user without s3:GetObjectRetention."""
    if asked.method == "GET" and "retention" in asked.query:
        return Answered(403, b"<Error><Code>AccessDenied</Code></Error>")
    if asked.method != "HEAD":
        return None
    truth = liar.truth(asked)
    shown = {
        name: value for name, value in truth.headers.items() if "object-lock" not in name.lower()
    }
    return Answered(truth.status, truth.body, shown)


async def test_of_how_many_objects_the_store_does_not_show_the_lock_is_counted(
    store: Store, stores: Stores, settings: StoreSettings, locked_bucket: str
) -> None:
    for name in ("a", "b"):
        put(
            store,
            locked_bucket,
            f"set/{name}",
            name.encode(),
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=until(5),
        )
    source = PrefixSource(locked_bucket, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=None)
    assert settings.credentials is not None
    with lying(settings.endpoint, settings.credentials, hides_locks) as endpoint:
        blind = stores.open(dataclasses.replace(settings, endpoint=endpoint))
        for through, hidden in ((store, 0), (blind, 2)):
            request = ProofRequest(
                "uid",
                through,
                source,
                built.manifest,
                plan(built, Level.HEAD),
                "2026-11-27T00:00:00Z",
                locks=LockBooks("", "one", locked_bucket, locked=True),
            )
            part = await prove_dataset(TaskContext(), request)
            assert (part.hidden_locks, part.objects) == (hidden, 2)
            assert part.findings.clean


async def test_what_was_found_broken_is_read_again_by_whoever_creates_the_pin_again(
    seaweed: RunningStore, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    for place in range(3):
        put(store, data_bucket, f"set/{place}", f"object number {place}".encode())
    source = PrefixSource(data_bucket, "set/")
    wanted = PinRequest("uid", store, source, locked_bucket, None, owner="team/set")
    built = await pin_dataset(TaskContext(), wanted)
    assert (await pin_dataset(TaskContext(), wanted)).recalled
    victim = next(each for each in fetch_manifest(store, built.manifest, Stop()))
    rot(seaweed, data_bucket, victim.key, victim.version_id, b"x" * 15)
    request = ProofRequest(
        "uid",
        store,
        source,
        built.manifest,
        plan(built, Level.FULL),
        "2026-11-27T00:00:00Z",
        locks=LockBooks("", "", locked_bucket, locked=True),
    )
    assert not (await prove_dataset(TaskContext(), request)).findings.intact
    with pytest.raises(InvalidInput, match="was resolved before"):
        await pin_dataset(TaskContext(), wanted)
    part = VerifyRequest(store, source, built.manifest, recorded_root=built.roots.pin)
    assert (await verify_dataset(TaskContext(), part)).changed == 1
    # Of what is pinned already a listing is a listing.
    listed = VerifyRequest(store, source, built.manifest)
    assert (await verify_dataset(TaskContext(), listed)).clean
    rot(seaweed, data_bucket, victim.key, victim.version_id, b"object number 0")
    again = await pin_dataset(TaskContext(), wanted)
    assert (again.roots, again.recalled) == (built.roots, "")
