"""Hashing a dataset as a task, on a real store: it resumes, reports progress, and is cancelled."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.engine.tasks import TaskKey, TaskRunner
from glovebox.errors import InvalidInput, Unavailable
from glovebox.store.connection import Stop
from glovebox.store.listing import list_versions
from glovebox.store.pins import (
    BuiltPin,
    ManifestLock,
    ObjectRef,
    ObjectsSource,
    PrefixSource,
)
from glovebox.store.source_access import Location, SourceAccess
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.pin import PinRequest, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.short_lived import PREFIX
from support.lying_store import Answered, Asked, Liar, lying
from support.own_store import ADMIN

if TYPE_CHECKING:
    from glovebox.store.connection import Store, Stores, StoreSettings


def request(store: Store, data: str, artifacts: str, **changes: Any) -> PinRequest:
    source = PrefixSource(data, "set/")
    fields: dict[str, Any] = {"source": source, "lock": ManifestLock()}
    return PinRequest("uid", store, artifacts_bucket=artifacts, **fields | changes)


def fill(store: Store, bucket: str, count: int) -> None:
    for number in range(count):
        key = f"set/{number:03d}"
        store.s3.put_object(Bucket=bucket, Key=key, Body=str(number).encode())


def checkpoints(store: Store, bucket: str) -> list[str]:
    return [row.key for row in list_versions(store.wire, bucket, PREFIX, Stop())]


class Outage:
    """A store that cannot give one object, and counts who reads what."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.read: list[str] = []

    def __call__(self, asked: Asked, _: Liar) -> Answered | None:
        if asked.method == "GET" and "versionId" in asked.query and "/set/" in asked.path:
            if asked.path.endswith(self.at):
                return Answered(503, b"<Error><Code>SlowDown</Code></Error>")
            self.read.append(asked.path[-3:])
        return None


async def test_a_pin_that_was_interrupted_goes_on_where_it_was_and_is_the_same_pin(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 30)
    outage = Outage("/020")
    with lying(settings.endpoint, ADMIN, outage) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        wanted = request(through, data_bucket, locked_bucket)
        with pytest.raises(Unavailable, match="slow down"):
            await pin_dataset(TaskContext(checkpoint_seconds=0), wanted)
        assert len(checkpoints(store, locked_bucket)) >= 20
        outage.at, outage.read = "never", []
        # Meanwhile somebody overwrote one that was read already, and added one before it.
        for key, body in (("set/005", b"x"), ("set/000a", b"new")):
            store.s3.put_object(Bucket=data_bucket, Key=key, Body=body)
        resumed = await pin_dataset(TaskContext(), wanted)
    assert sorted(outage.read) == ["005", "00a", *(f"{number:03d}" for number in range(20, 30))]
    afresh = await pin_dataset(
        TaskContext(), request(store, data_bucket, locked_bucket, source=wanted.source)
    )
    assert resumed.roots == afresh.roots
    assert resumed.roots.objects == 31


async def test_a_failure_keeps_what_was_hashed_before_it(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 10)
    outage = Outage("/008")
    with lying(settings.endpoint, ADMIN, outage) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        wanted = request(through, data_bucket, locked_bucket)
        with pytest.raises(Unavailable):
            await pin_dataset(TaskContext(), wanted)
        assert len(checkpoints(store, locked_bucket)) == 1
        outage.at, outage.read = "never", []
        await pin_dataset(TaskContext(), wanted)
    assert sorted(outage.read) == ["008", "009"]


async def test_a_short_task_leaves_no_checkpoint(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 5)
    await pin_dataset(TaskContext(), request(store, data_bucket, locked_bucket))
    assert checkpoints(store, locked_bucket) == []


async def test_checkpoints_are_deleted_when_the_task_is_done(
    store: Store, data_bucket: str
) -> None:
    fill(store, data_bucket, 5)
    wanted = request(store, data_bucket, data_bucket, lock=None)
    await pin_dataset(TaskContext(checkpoint_seconds=0), wanted)
    assert checkpoints(store, data_bucket) == []


async def test_a_damaged_checkpoint_costs_work_and_nothing_else(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 5)
    wanted = request(store, data_bucket, locked_bucket)
    expected = await pin_dataset(TaskContext(), wanted)

    class Damaged:
        def load(self) -> Any:
            return iter([b"no gzip", b""])

        def save(self, segment: bytes) -> str:
            del segment
            return ""

        def clear(self) -> None:
            pass

    assert await pin_dataset(TaskContext(checkpoint=Damaged()), wanted) == expected


async def test_progress_counts_objects_and_bytes_against_the_whole(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 100)
    told: list[Progress] = []
    context = TaskContext(told.append)
    built = await pin_dataset(context, request(store, data_bucket, locked_bucket))
    assert told[-1].phase == "Hashing"
    assert (told[-1].objects_done, told[-1].objects_total) == (100, 100)
    assert told[-1].bytes_total == built.roots.bytes == told[-1].bytes_done
    told.clear()
    verify = VerifyRequest(
        store, PrefixSource(data_bucket, "set/"), built.manifest, 100, built.roots.bytes
    )
    assert (await verify_dataset(context, verify)).clean
    assert (told[-1].phase, told[-1].objects_done, told[-1].objects_total) == (
        "Verifying",
        100,
        100,
    )


async def test_deleting_the_owner_ends_the_reads(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    fill(store, data_bucket, 200)
    started = asyncio.Event()
    loop = asyncio.get_running_loop()
    reads = 0

    def counting(asked: Asked, _: Liar) -> Answered | None:
        nonlocal reads
        if asked.method == "GET" and "versionId" in asked.query:
            reads += 1
            if reads == 20:
                loop.call_soon_threadsafe(started.set)
        return None

    runner = TaskRunner(
        lambda owner: None,  # noqa: ARG005 - nobody to enqueue
        limits={},
        now=lambda: dt.datetime.now(dt.UTC),
        jitter=random.random,
    )
    running = asyncio.create_task(runner.run())
    with lying(settings.endpoint, ADMIN, counting) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        wanted = request(through, data_bucket, locked_bucket)

        async def start(context: TaskContext) -> BuiltPin:
            return await pin_dataset(context, wanted)

        key = TaskKey("pin", "uid", "hash")
        runner.ensure(key, wanted.basis, start, tenant="team", work_class="data")
        await started.wait()
        runner.forget("uid")
        await runner.close()
        # What was under way may still end: not more than the window of reads.
        await stores.close()
        assert reads < 200
    running.cancel()
    await asyncio.wait([running])
    assert "Versions" not in store.s3.list_object_versions(
        Bucket=locked_bucket, Prefix=".glovebox/manifests/"
    )


async def test_rows_that_a_page_of_a_listing_repeats_are_pinned_once(
    stores: Stores, settings: StoreSettings, store: Store, data_bucket: str, locked_bucket: str
) -> None:
    """As versitygw does: the last row of a page is the first of the next."""
    fill(store, data_bucket, 3)

    def repeated(asked: Asked, liar: Liar) -> Answered | None:
        for tag in (b"Version", b"Contents"):
            if ("versions" if tag == b"Version" else "list-type") in asked.query:
                truth = liar.truth(asked)
                last = truth.body.rfind(b"<" + tag + b">")
                if last < 0:
                    return truth
                end = truth.body.index(b"</" + tag + b">", last) + len(tag) + 3
                row = truth.body[last:end]
                return Answered(200, truth.body[:end] + row + truth.body[end:], truth.headers)
        return None

    with lying(settings.endpoint, ADMIN, repeated) as endpoint:
        through = stores.open(type(settings)(endpoint, credentials=ADMIN))
        wanted = request(through, data_bucket, locked_bucket)
        assert (await pin_dataset(TaskContext(), wanted)).roots.objects == 3


@pytest.mark.parametrize("prefix", ["", ".glovebox/", "other/exp/uid/", "team/", "team/exp/uid/"])
async def test_a_pin_covers_no_artifacts_but_those_of_its_own_team(
    prefix: str, store: Store, locked_bucket: str
) -> None:
    for key in ("team/exp/uid/a", "other/exp/uid/b", ".glovebox/seals/u/c"):
        store.s3.put_object(Bucket=locked_bucket, Key=key, Body=b"x")
    wanted = request(
        store,
        locked_bucket,
        locked_bucket,
        source=PrefixSource(locked_bucket, prefix),
        access=access(locked_bucket, Location(locked_bucket, "")),
    )
    if prefix.startswith("team/"):
        assert (await pin_dataset(TaskContext(), wanted)).roots.objects == 1
        return
    with pytest.raises(InvalidInput, match="is for artifacts") as refused:
        await pin_dataset(TaskContext(), wanted)
    assert refused.value.reason == "NotGranted"


async def test_a_list_of_objects_cannot_name_an_artifact_of_another_team(
    store: Store, locked_bucket: str
) -> None:
    key = "other/exp/uid/b"
    version = store.s3.put_object(Bucket=locked_bucket, Key=key, Body=b"x")["VersionId"]
    source = ObjectsSource((ObjectRef(locked_bucket, key, version),))
    wanted = request(
        store,
        locked_bucket,
        locked_bucket,
        source=source,
        access=access(locked_bucket, Location(locked_bucket, "")),
    )
    with pytest.raises(InvalidInput, match="is for artifacts"):
        await pin_dataset(TaskContext(), wanted)


def access(artifacts: str, *locations: Location) -> SourceAccess:
    return SourceAccess("team", "primary", locations, artifacts)
