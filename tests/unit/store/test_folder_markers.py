"""Markers of folders: neither listed as progress nor counted where nothing was listed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from glovebox.store import telling
from glovebox.store.connection import Stop, Store
from glovebox.store.pins import build_pin
from glovebox.store.sources import ObjectRef, ObjectsSource, PrefixSource, candidates
from glovebox.store.telling import Progress
from support.ledger_stores import stand_in

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = {"set/": b"", "set/a": b"rows", "set/empty/": b""}


@pytest.fixture
def store() -> Store:
    _, store, bucket = stand_in(lambda: NOW)
    for key, body in KEYS.items():
        store.s3.put_object(Bucket=bucket, Key=key, Body=body)
    return store


async def test_progress_counts_files_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "_EVERY_OBJECTS", 0)
    told: list[Progress] = []
    built = await build_pin(
        store,
        PrefixSource("artifacts", "set/"),
        artifacts_bucket="artifacts",
        lock=None,
        on_progress=told.append,
    )
    await asyncio.sleep(0)
    assert {each.listed for each in told} == {1}
    assert (built.roots.objects, built.folder_markers) == (1, 2)


async def test_of_objects_that_are_named_no_folder_is_listed(store: Store) -> None:
    version = store.s3.head_object(Bucket="artifacts", Key="set/a")["VersionId"]
    source = ObjectsSource((ObjectRef("artifacts", "set/a", version),))
    built = await build_pin(store, source, artifacts_bucket="artifacts", lock=None)
    assert built.folder_markers is None


def test_who_does_not_ask_for_markers_gets_the_files(store: Store) -> None:
    found = candidates(store, PrefixSource("artifacts", "set/"), Stop())
    assert [each.path for each in found] == ["a"]
