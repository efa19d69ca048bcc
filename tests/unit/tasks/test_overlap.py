"""Comparing inputs as a task: what its result depends on, and that it ends with whoever waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from glovebox.data.overlap import Overlap
from glovebox.store.connection import JobStoppedError, Pools, Store, StoreSettings
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import PrefixSource
from glovebox.tasks import overlap
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.overlap import ComparedDataset, OverlapRequest, compare_datasets
from glovebox.tasks.rows import Rows

MANIFEST = ManifestLocation("artifacts", ".glovebox/manifests/x", "v1", "sha256:" + "a" * 64, 7)


@pytest.fixture
def store() -> Iterator[Store]:
    pools = Pools(control=1, jobs=1, reads=1)
    yield Store(StoreSettings("http://192.0.2.1:8333"), pools)
    pools.close()


def test_a_result_is_of_these_manifests_roles_and_groups_alone(store: Store) -> None:
    one = ComparedDataset("train", "train", store, MANIFEST, "tail", ("1", "2"))
    other = ComparedDataset("test", "test", store, MANIFEST)
    basis = OverlapRequest(store, (one, other), 7).basis
    moved = replace(MANIFEST, bucket="elsewhere", key="y", version_id="v2", bytes=8)
    # The same bytes elsewhere are the same.
    assert OverlapRequest(store, (replace(one, manifest=moved), other)).basis == basis
    source = PrefixSource("data", "")
    access = SourceAccess("team", "primary", (Location("data", ""),), "artifacts")
    others = (
        replace(one, name="fit"),
        replace(one, role="validation"),
        replace(one, manifest=replace(MANIFEST, digest="sha256:" + "b" * 64)),
        replace(one, column="city"),
        replace(one, values=("1",)),
        replace(one, values=("12",)),
        replace(one, rows=Rows(("a",), source, access)),
        replace(one, rows=Rows(("a", "b"), source, access)),
        # What was granted then may be withdrawn now.
        replace(one, rows=Rows(("a",), source, replace(access, locations=()))),
    )
    found = {OverlapRequest(store, (each, other)).basis for each in others}
    assert len(found | {basis}) == len(others) + 1


async def test_a_comparison_that_nobody_waits_for_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[object] = []

    def compare(inputs: object, tell: Callable[[int], None]) -> Overlap:
        del inputs
        try:
            for number in range(2000):  # long after everything was read
                tell(number)
                time.sleep(0.001)
        except JobStoppedError as error:
            ends.append(error)
            raise
        ends.append(None)
        return Overlap()

    monkeypatch.setattr(overlap, "find_overlap", compare)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def report(progress: Progress) -> None:
        del progress
        loop.call_soon_threadsafe(begun.set)

    context = TaskContext(report=report)
    running = asyncio.create_task(compare_datasets(context, OverlapRequest(store, ())))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await store.run_job(lambda _: None)  # the pool has one thread
    assert [type(end) for end in ends] == [JobStoppedError]
