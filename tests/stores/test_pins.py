"""Pins: odd names, more objects than a page of a listing has, and what verification finds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from glovebox.data.compare import Findings
from glovebox.store.connection import Stop
from glovebox.store.listing import PAGE
from glovebox.store.manifests import fetch_manifest
from glovebox.store.pins import BuiltPin, ManifestLock, PrefixSource, build_pin, verify_pin

if TYPE_CHECKING:
    from glovebox.store.connection import Store

# Names on which listings of real stores are known to go wrong: a folder beside names that begin
# alike, spaces, plus, percent, umlauts; and folders that some stores keep things of their own in.
ODD = (
    "Z",
    "a!",
    "a-b",
    "a.b/c",
    "a/b",
    "a/c",
    "x y+%25&<",
    "ä",
    "日本/\U0001f600",
    "(1)/[2]/{3}",
    "quote'd",
)
MORE_THAN_A_PAGE = PAGE + 100


def put(store: Store, bucket: str, key: str, body: bytes = b"x") -> str:
    return store.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]


async def pin(store: Store, data: str, artifacts: str) -> BuiltPin:
    return await build_pin(
        store, PrefixSource(data, "set/"), artifacts_bucket=artifacts, lock=ManifestLock()
    )


async def test_odd_names_are_pinned_by_the_versions_that_are_current_and_verify(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    for name in ODD:
        put(store, data_bucket, f"set/{name}", b"old")
        put(store, data_bucket, f"set/{name}", name.encode())
    put(store, data_bucket, "set2/other")
    put(store, data_bucket, "set/deleted")
    store.s3.delete_object(Bucket=data_bucket, Key="set/deleted")
    built = await pin(store, data_bucket, locked_bucket)
    entries = list(fetch_manifest(store, built.manifest, Stop()))
    assert [entry.path for entry in entries] == sorted(ODD, key=str.encode)
    assert sum(entry.size for entry in entries) == sum(len(name.encode()) for name in ODD)
    source = PrefixSource(data_bucket, "set/")
    assert await verify_pin(store, source, built.manifest, full=True) == Findings()


async def test_more_objects_than_a_page_are_pinned_once_each_and_what_is_lost_is_found(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    def fill(number: int) -> str:
        return put(store, data_bucket, f"set/{number % 7}/{number:06d}", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(fill, range(MORE_THAN_A_PAGE)))
    built = await pin(store, data_bucket, locked_bucket)
    assert built.roots.objects == MORE_THAN_A_PAGE
    source = PrefixSource(data_bucket, "set/")
    assert await verify_pin(store, source, built.manifest, full=True) == Findings()
    store.s3.delete_object(Bucket=data_bucket, Key="set/0/000000")
    put(store, data_bucket, "set/1/000001", b"newer")
    store.s3.delete_object(Bucket=data_bucket, Key="set/2/000002", VersionId=versions[2])
    put(store, data_bucket, "set/9/extra")
    assert await verify_pin(store, source, built.manifest, full=True) == Findings(
        missing=1,
        hidden=2,
        extra=1,
        samples=("hidden 0/000000", "hidden 1/000001", "missing 2/000002", "extra set/9/extra"),
    )


async def test_pinning_again_gives_the_same_manifest(
    store: Store, data_bucket: str, locked_bucket: str
) -> None:
    put(store, data_bucket, "set/a")
    first = await pin(store, data_bucket, locked_bucket)
    assert await pin(store, data_bucket, locked_bucket) == first
