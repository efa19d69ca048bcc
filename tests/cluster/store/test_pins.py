"""Pins on a real store: what is resolved, refused, found again, and told apart."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import gzip
import hashlib
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.data.compare import Findings
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import Forbidden, InvalidInput, Unavailable
from glovebox.store import listing, reading
from glovebox.store.connection import Credentials, JobStoppedError, Stop, Stores
from glovebox.store.manifests import fetch_manifest, manifest_key
from glovebox.store.pins import (
    BuiltPin,
    ManifestLock,
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PrefixSource,
    Progress,
    build_pin,
    verify_pin,
)
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import READER

if TYPE_CHECKING:
    from collections.abc import Callable

    from glovebox.store.connection import Store, StoreSettings
    from glovebox.store.pins import Source

PIN_AND_VERIFY = Path(__file__).parents[2] / "support" / "pin_and_verify.py"
# Names on which listings of real stores are known to go wrong: a folder beside names that begin
# alike, spaces, plus, percent, umlauts.
NASTY = ("Z", "a!", "a-b", "a.b/c", "a/b", "a/c", "x y+%25&<", "ä", "日本/\U0001f600")


def put(store: Store, bucket: str, key: str, body: bytes = b"x") -> str:
    return store.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]


def fill(store: Store, bucket: str, count: int) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(
            pool.map(
                lambda number: put(
                    store, bucket, f"set/{number % 7}/{number:06d}", str(number).encode()
                ),
                range(count),
            )
        )


async def pin(store: Store, source: Source, artifacts: str, **options: Any) -> BuiltPin:
    return await build_pin(
        store, source, artifacts_bucket=artifacts, lock=ManifestLock(), **options
    )


def entries_of(store: Store, built: BuiltPin) -> list[Entry]:
    return list(fetch_manifest(store, built.manifest, Stop()))


async def refused(store: Store, source: Source, artifacts: str, **options: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        await pin(store, source, artifacts, **options)
    return error.value


async def test_a_prefix_becomes_exact_versions_with_the_digest_of_their_bytes(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    for name in NASTY:
        put(store, data_bucket, f"set/{name}", b"old")
        put(store, data_bucket, f"set/{name}", name.encode())
    put(store, data_bucket, "set2/other")
    put(store, data_bucket, "set/deleted")
    store.s3.delete_object(Bucket=data_bucket, Key="set/deleted")
    built = await pin(store, PrefixSource(data_bucket, "set/"), locked_bucket)
    found = entries_of(store, built)
    assert [entry.path for entry in found] == sorted(NASTY, key=str.encode)
    for entry in found:
        assert entry.sha256 == hashlib.sha256(entry.path.encode()).hexdigest()
        assert entry.source is DigestSource.COMPUTED
        assert (
            entry.version_id == store.s3.head_object(Bucket=data_bucket, Key=entry.key)["VersionId"]
        )
    assert (built.roots.objects, built.roots.bytes) == (
        len(NASTY),
        sum(len(name.encode()) for name in NASTY),
    )


@pytest.mark.parametrize("page", [1, 2, 3, 5])
async def test_no_key_is_lost_between_the_pages_of_a_listing(
    page: int, store: Store, data_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's own paged version listing loses `a-b` and `a.b/c` beside `a/`; ours must not."""
    for name in NASTY:
        put(store, data_bucket, f"set/{name}")
    monkeypatch.setattr(listing, "PAGE", page)
    listed = [
        version.key for version in listing.list_versions(store.wire, data_bucket, "set/", Stop())
    ]
    assert listed == [f"set/{name}" for name in sorted(NASTY, key=str.encode)]


async def test_pinning_again_gives_the_same_pin_and_one_manifest(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 30)
    source = PrefixSource(data_bucket, "set/")
    first = await pin(store, source, locked_bucket)
    assert await pin(store, source, locked_bucket) == first
    assert len(store.s3.list_object_versions(Bucket=locked_bucket)["Versions"]) == 1


async def test_the_manifest_is_named_by_its_digest_and_cannot_be_deleted(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 3)
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=2)
    source = PrefixSource(data_bucket, "set/")
    where = (
        await build_pin(
            store, source, artifacts_bucket=locked_bucket, lock=ManifestLock(retain_until=until)
        )
    ).manifest
    body = store.s3.get_object(Bucket=locked_bucket, Key=where.key, VersionId=where.version_id)[
        "Body"
    ].read()
    assert where.digest == "sha256:" + hashlib.sha256(gzip.decompress(body)).hexdigest()
    assert where.key == manifest_key(where.digest)
    assert where.bytes == len(body)
    head = store.s3.head_object(Bucket=locked_bucket, Key=where.key, VersionId=where.version_id)
    assert (
        head["ObjectLockLegalHoldStatus"],
        head["ObjectLockMode"],
        head["ObjectLockRetainUntilDate"],
    ) == ("ON", "COMPLIANCE", until)
    with pytest.raises(store.s3.exceptions.ClientError, match="AccessDenied"):
        store.s3.delete_object(
            Bucket=locked_bucket,
            Key=where.key,
            VersionId=where.version_id,
            BypassGovernanceRetention=True,
        )


async def test_a_manifest_that_is_there_already_is_protected_like_a_new_one(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 3)
    source = PrefixSource(data_bucket, "set/")
    first = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=None)
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=9)
    again = await build_pin(
        store, source, artifacts_bucket=locked_bucket, lock=ManifestLock(retain_until=until)
    )
    assert again == first
    head = store.s3.head_object(
        Bucket=locked_bucket, Key=first.manifest.key, VersionId=first.manifest.version_id
    )
    assert (head["ObjectLockLegalHoldStatus"], head["ObjectLockRetainUntilDate"]) == ("ON", until)


async def test_junk_under_the_name_of_a_manifest_is_not_taken_for_it(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 3)
    source = PrefixSource(data_bucket, "set/")
    first = await pin(store, source, locked_bucket)
    put(store, locked_bucket, first.manifest.key, b"junk")
    assert await pin(store, source, locked_bucket) == first
    # The junk came first, so there is no version of ours to find.
    put(store, data_bucket, "set/new")
    planned = (await build_pin(store, source, artifacts_bucket=data_bucket, lock=None)).manifest
    put(store, locked_bucket, planned.key, b"junk")
    built = await pin(store, source, locked_bucket)
    assert entries_of(store, built)


async def test_a_mirror_has_the_same_content_digest_and_another_pin_digest(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 5)
    for number in range(5):
        put(store, data_bucket, f"mirror/{number % 7}/{number:06d}", str(number).encode())
    here = await pin(store, PrefixSource(data_bucket, "set/"), locked_bucket)
    there = await pin(
        store, PrefixSource(data_bucket, "mirror/"), locked_bucket, expected=here.roots.content
    )
    assert here.roots.content == there.roots.content
    assert here.roots.pin != there.roots.pin


async def test_a_list_of_objects_pins_old_versions_under_paths_of_its_own(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    old = put(store, data_bucket, "k", b"old")
    new = put(store, data_bucket, "k", b"new")
    source = ObjectsSource(
        (ObjectRef(data_bucket, "k", new), ObjectRef(data_bucket, "k", old, "before"))
    )
    built = await pin(store, source, locked_bucket)
    assert [(entry.path, entry.version_id) for entry in entries_of(store, built)] == [
        ("before", old),
        ("k", new),
    ]
    assert await verify_pin(store, source, built.manifest, full=True) == Findings(
        hidden=1, samples=("hidden before",)
    )


async def test_a_manifest_of_somebody_else_is_checked_against_the_bytes(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    lines = []
    for name in ("a", "b"):
        version = put(store, data_bucket, f"k/{name}", name.encode())
        lines.append(
            {
                "key": f"k/{name}",
                "path": name,
                "versionId": version,
                "sha256": hashlib.sha256(name.encode()).hexdigest(),
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    put(store, data_bucket, "list.jsonl", text.encode())
    source = ManifestSource(data_bucket, "list.jsonl")
    built = await pin(store, source, locked_bucket)
    prefix = await pin(store, PrefixSource(data_bucket, "k/"), locked_bucket)
    assert built == dataclasses.replace(prefix, folder_markers=None), (
        "which a prefix alone can have"
    )
    # Declared digests are kept as such when they suffice, and are then what the pin digest says.
    declared = await pin(store, source, locked_bucket, minimum=DigestSource.DECLARED)
    assert {entry.source for entry in entries_of(store, declared)} == {DigestSource.DECLARED}
    assert declared.roots.content == built.roots.content
    put(
        store,
        data_bucket,
        "list.jsonl",
        gzip.compress(text.replace(lines[0]["sha256"], "0" * 64).encode()),
    )
    assert (await refused(store, source, locked_bucket)).reason == "DigestMismatch"


async def test_a_manifest_of_ours_is_a_source_too(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 9)
    built = await pin(store, PrefixSource(data_bucket, "set/"), locked_bucket)
    where = built.manifest
    assert (
        await pin(store, ManifestSource(where.bucket, where.key, where.version_id), locked_bucket)
    ).roots == built.roots


async def test_the_stores_own_full_checksum_is_used_only_when_it_suffices(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    store.s3.put_object(Bucket=data_bucket, Key="set/sum", Body=b"sum", ChecksumAlgorithm="SHA256")
    put(store, data_bucket, "set/none", b"none")
    source = PrefixSource(data_bucket, "set/")
    relaxed = await pin(store, source, locked_bucket, minimum=DigestSource.S3_FULL)
    assert {entry.path: entry.source for entry in entries_of(store, relaxed)} == {
        "none": DigestSource.COMPUTED,
        "sum": DigestSource.S3_FULL,
    }
    strict = await pin(store, source, locked_bucket)
    assert {entry.source for entry in entries_of(store, strict)} == {DigestSource.COMPUTED}
    assert strict.roots.content == relaxed.roots.content
    assert strict.roots.pin != relaxed.roots.pin


async def test_what_cannot_be_pinned_is_refused_with_the_cure(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    put(store, data_bucket, "good/a")
    put(store, data_bucket, "tree/a")
    store.s3.put_object(Bucket=data_bucket, Key="folder/sub/")
    store.s3.create_bucket(Bucket=f"plain-{data_bucket}")
    put_plain = store.s3.put_object(Bucket=f"plain-{data_bucket}", Key="set/a", Body=b"x")
    assert put_plain.get("VersionId") in (None, "null")
    cases: list[tuple[Source, str, str]] = [
        (PrefixSource(data_bucket, "empty/"), "SourceEmpty", "has no object"),
        (PrefixSource(data_bucket, "good"), "BadPrefix", "add the slash"),
        (PrefixSource(data_bucket, "folder/"), "SourceEmpty", "has no object"),
        (PrefixSource(f"plain-{data_bucket}", "set/"), "VersioningRequired", "enable versioning"),
        (
            ObjectsSource((ObjectRef(data_bucket, "good/a", "null"),)),
            "VersioningRequired",
            "cannot be pinned",
        ),
        (
            ObjectsSource((ObjectRef(data_bucket, "good/a", "0" * 32),)),
            "ObjectNotFound",
            "no such object version",
        ),
        (ObjectsSource(()), "SourceEmpty", "names no object"),
        (ManifestSource(data_bucket, "nowhere.jsonl"), "ObjectNotFound", "upload it"),
        (ManifestSource(data_bucket, "good/a"), "ManifestInvalid", "cut short"),
    ]
    for source, reason, cure in cases:
        error = await refused(store, source, locked_bucket)
        assert error.reason == reason, (source, error)
        assert cure in error.message, (source, error)


async def test_markers_of_folders_are_left_out_and_counted(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    put(store, data_bucket, "set/sub/a")
    put(store, data_bucket, "plain/sub/a")
    store.s3.put_object(Bucket=data_bucket, Key="set/empty/")
    source = PrefixSource(data_bucket, "set/")
    built = await pin(store, source, locked_bucket)
    assert (built.roots.objects, built.folder_markers) == (1, 1)
    without = await pin(store, PrefixSource(data_bucket, "plain/"), locked_bucket)
    assert (built.roots.content, without.folder_markers) == (without.roots.content, 0)
    store.s3.put_object(Bucket=data_bucket, Key="set/later/")
    assert await verify_pin(store, source, built.manifest) == Findings()


async def test_another_digest_than_expected_is_refused_and_nothing_is_written(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 2)
    error = await refused(
        store, PrefixSource(data_bucket, "set/"), locked_bucket, expected="sha256:" + "0" * 64
    )
    assert error.reason == "DigestMismatch"
    assert "Versions" not in store.s3.list_object_versions(Bucket=locked_bucket)


async def test_a_key_that_is_file_and_folder_is_refused(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    versions = [put(store, data_bucket, f"k{number}") for number in range(3)]
    paths = ("a", "a-b", "a/b")
    refs = tuple(
        ObjectRef(data_bucket, f"k{number}", versions[number], paths[number]) for number in range(3)
    )
    assert "lies below 'a'" in (await refused(store, ObjectsSource(refs), locked_bucket)).message


@pytest.mark.parametrize("full", [False, True])
async def test_each_way_to_lose_an_object_is_told_apart(
    *, full: bool, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 8)
    source = PrefixSource(data_bucket, "set/")
    built = await pin(store, source, locked_bucket)
    assert await verify_pin(store, source, built.manifest, full=full) == Findings()
    store.s3.delete_object(Bucket=data_bucket, Key="set/0/000000")
    put(store, data_bucket, "set/1/000001", b"newer")
    gone = {entry.path: entry.version_id for entry in entries_of(store, built)}
    store.s3.delete_object(Bucket=data_bucket, Key="set/2/000002", VersionId=gone["2/000002"])
    put(store, data_bucket, "set/9/extra")
    assert await verify_pin(store, source, built.manifest, full=full) == Findings(
        missing=1,
        hidden=2,
        extra=1,
        samples=("hidden 0/000000", "hidden 1/000001", "missing 2/000002", "extra set/9/extra"),
    )


async def through(
    lie: Callable[[Asked, Liar], Answered | None],
    stores: Stores,
    settings: StoreSettings,
    source: Source,
    built: BuiltPin,
) -> Findings:
    assert settings.credentials is not None
    with lying(settings.endpoint, settings.credentials, lie) as endpoint:
        return await verify_pin(
            stores.open(dataclasses.replace(settings, endpoint=endpoint)),
            source,
            built.manifest,
            full=True,
        )


async def test_bytes_that_rot_below_the_store_are_found_by_reading_them(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 4)
    source = PrefixSource(data_bucket, "set/")
    built = await pin(store, source, locked_bucket)

    def rot(asked: Asked, liar: Liar) -> Answered | None:
        if asked.method != "GET" or "versionId" not in asked.query:
            return None
        if asked.path.endswith("/000001"):
            return Answered(200, b"2", liar.truth(asked).headers)
        return (
            Answered(500, b"<Error><Code>InternalError</Code></Error>")
            if asked.path.endswith("/000002")
            else None
        )

    findings = await through(rot, stores, settings, source, built)
    assert findings == Findings(
        changed=1, unreadable=1, samples=("changed 1/000001", "unreadable 2/000002")
    )


async def test_a_store_that_is_away_is_an_error_and_no_finding(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 2)
    source = PrefixSource(data_bucket, "set/")
    built = await pin(store, source, locked_bucket)

    def busy(asked: Asked, _: Liar) -> Answered | None:
        return (
            Answered(503, b"<Error><Code>SlowDown</Code></Error>")
            if data_bucket in asked.path
            else None
        )

    with pytest.raises(Unavailable, match="slow down"):
        await through(busy, stores, settings, source, built)
    away = stores.open(dataclasses.replace(settings, endpoint="http://127.0.0.1:9"))
    with pytest.raises(Unavailable, match="does not answer") as error:
        await verify_pin(away, source, built.manifest)
    assert error.value.reason == "StoreUnreachable"


async def test_a_gateway_that_knows_no_such_site_is_an_error_and_no_finding(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    made = [ObjectRef(data_bucket, key, put(store, data_bucket, key)) for key in ("a", "b")]
    source = ObjectsSource(tuple(made))
    built = await pin(store, source, locked_bucket)

    def strayed(asked: Asked, _: Liar) -> Answered | None:
        page = Answered(404, b"<html><body>no such site</body></html>")
        return page if f"/{data_bucket}/b" in asked.path else None

    with pytest.raises(Unavailable, match="what answered is not the store") as error:
        await through(strayed, stores, settings, source, built)
    assert error.value.reason == "StoreUnreachable"


async def test_a_manifest_that_was_changed_below_the_store_is_found(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 2)
    source = PrefixSource(data_bucket, "set/")
    built = await pin(store, source, locked_bucket)
    other = await pin(
        store,
        ObjectsSource((ObjectRef(data_bucket, "k", put(store, data_bucket, "k")),)),
        locked_bucket,
    )
    body = store.s3.get_object(Bucket=locked_bucket, Key=other.manifest.key)["Body"].read()

    def swap(asked: Asked, _: Liar) -> Answered | None:
        return (
            Answered(200, body)
            if asked.method == "GET" and asked.path.endswith(built.manifest.key)
            else None
        )

    with pytest.raises(InvalidInput) as error:
        await through(swap, stores, settings, source, built)
    assert error.value.reason == "ManifestDiffers"


async def test_a_user_without_the_right_is_told_so(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    put(store, data_bucket, "set/a")
    reader = stores.open(dataclasses.replace(settings, credentials=READER))
    with pytest.raises(Forbidden, match="grant the operator's user") as error:
        await pin(store, PrefixSource(data_bucket, "set/"), locked_bucket, artifacts_store=reader)
    assert error.value.reason == "StoreForbidden"
    wrong = Credentials("glovebox-admin", "wrong-secret-word")
    with pytest.raises(Forbidden, match="check the Secret") as error:
        await pin(
            stores.open(dataclasses.replace(settings, credentials=wrong)),
            PrefixSource(data_bucket, "set/"),
            locked_bucket,
        )
    assert error.value.reason == "StoreCredentialsRefused"
    assert "wrong-secret-word" not in repr(wrong) + error.value.message


async def test_a_cancelled_pin_stops_soon_and_the_loop_never_waits(
    store: Store, data_bucket: str, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, data_bucket, 40)
    reached, hold = threading.Event(), threading.Event()
    read = reading._read_once

    def slow(*args: Any) -> Any:
        reached.set()
        assert hold.wait(20)
        return read(*args)

    monkeypatch.setattr(reading, "_read_once", slow)
    task = asyncio.create_task(pin(store, PrefixSource(data_bucket, "set/"), locked_bucket))
    assert await asyncio.to_thread(reached.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hold.set()
    assert "Versions" not in store.s3.list_object_versions(Bucket=locked_bucket)


async def test_closing_ends_the_jobs_that_run(settings: StoreSettings) -> None:
    own = Stores(threads=2, jobs=1)
    started = asyncio.Event()

    def job(stop: Stop) -> None:
        loop.call_soon_threadsafe(started.set)
        stop.wait(30)
        stop.check()

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(own.open(settings).run_job(job))
    await started.wait()
    await own.close()
    with pytest.raises(JobStoppedError):
        await task


async def test_progress_is_told_on_the_event_loop(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 250)
    seen: list[tuple[Progress, str]] = []
    source = PrefixSource(data_bucket, "set/")
    await pin(
        store,
        source,
        locked_bucket,
        on_progress=lambda progress: seen.append((progress, threading.current_thread().name)),
    )
    assert [progress.objects for progress, _ in seen] == [100, 200]
    assert {thread for _, thread in seen} == {threading.current_thread().name}


@pytest.mark.slow
async def test_two_thousand_objects_are_pinned_and_verified(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    await asyncio.to_thread(fill, store, data_bucket, 2000)
    source = PrefixSource(data_bucket, "set/")
    built = await pin(store, source, locked_bucket)
    assert built.roots.objects == 2000
    assert await verify_pin(store, source, built.manifest) == Findings()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_ten_thousand_objects_need_little_memory(
    store: Store, settings: StoreSettings, data_bucket: str, locked_bucket: str
) -> None:
    await asyncio.to_thread(fill, store, data_bucket, 10_000)
    keys = settings.credentials
    assert keys
    order = {
        "endpoint": settings.endpoint,
        "keys": [keys.access_key_id, keys.secret_access_key],
        "data": data_bucket,
        "artifacts": locked_bucket,
    }
    # The peak is of a whole process and never falls: in one of its own it is the pin's.
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(PIN_AND_VERIFY), json.dumps(order)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["objects"] == 10_000
    assert 0 < answer["grown"] < 48
