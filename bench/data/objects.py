"""Objects in a store on the same machine: listed, asked for by HEAD, and hashed."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from bench.data.step import OURS, Step

from glovebox.data.proof_budget import Cost
from glovebox.data.proof_levels import Level
from glovebox.store.connection import Stop, Store, Stores, StoreSettings
from glovebox.store.listing import list_versions
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pin_proofs import ProofPlan, prove_pin
from glovebox.store.pins import PrefixSource, build_pin
from support.own_store import ADMIN

MEBIBYTE = 1 << 20
DATA, ARTIFACTS, PREFIX = "bench-data", "bench-artifacts", "set/"
SOURCE = PrefixSource(DATA, PREFIX)
SMALL_BYTES = 4096
BIG_MEBIBYTES = 64
THREADS = 8
PLENTY = Cost(1 << 40, 1 << 30)


def with_store(folder: Path, work: Callable[[Store], Coroutine[Any, Any, int]]) -> int:
    """Do some work with the store whose endpoint the folder says."""

    async def done() -> int:
        stores = Stores()
        endpoint = (folder / "endpoint").read_text(encoding="utf-8")
        try:
            return await work(stores.open(StoreSettings(endpoint, credentials=ADMIN)))
        finally:
            await stores.close()

    return asyncio.run(done())


def put(folder: Path, bodies: Callable[[int], bytes], count: int) -> None:
    """Write objects into the store, pin them, and keep what the pin is."""

    async def work(store: Store) -> int:
        store.s3.create_bucket(Bucket=DATA)
        store.s3.put_bucket_versioning(Bucket=DATA, VersioningConfiguration={"Status": "Enabled"})
        store.s3.create_bucket(Bucket=ARTIFACTS, ObjectLockEnabledForBucket=True)

        def one(number: int) -> None:
            store.s3.put_object(Bucket=DATA, Key=f"{PREFIX}{number:06d}", Body=bodies(number))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, range(count)))
        built = await build_pin(store, SOURCE, artifacts_bucket=ARTIFACTS, lock=None)
        roots, manifest = asdict(built.roots), asdict(built.manifest)
        pinned = {"root": built.roots.pin, "roots": roots, "manifest": manifest}
        (folder / "pinned").write_bytes(orjson.dumps(pinned))
        return 0

    with_store(folder, work)


def put_small(folder: Path, count: int) -> None:
    """Write small objects."""
    put(folder, lambda number: str(number).encode().ljust(SMALL_BYTES), count)


def put_big(folder: Path, mebibytes: int) -> None:
    """Write large objects into the store, and the same bytes as files."""
    (folder / "files").mkdir()

    def body(number: int) -> bytes:
        found = bytes([number % 256]) * (BIG_MEBIBYTES * MEBIBYTE)
        (folder / "files" / str(number)).write_bytes(found)
        return found

    put(folder, body, max(1, mebibytes // BIG_MEBIBYTES))


def list_ours(folder: Path) -> int:
    """List as a pin is listed."""

    async def work(store: Store) -> int:
        return sum(1 for _ in list_versions(store.wire, DATA, PREFIX, Stop()))

    return with_store(folder, work)


def list_raw(folder: Path) -> int:
    """List by boto3."""

    async def work(store: Store) -> int:
        pages = store.s3.get_paginator("list_object_versions").paginate(Bucket=DATA, Prefix=PREFIX)
        return sum(len(page.get("Versions", ())) for page in pages)

    return with_store(folder, work)


def head_ours(folder: Path) -> int:
    """Prove a pin by HEAD: each version, its size, and its lock."""

    async def work(store: Store) -> int:
        pinned = orjson.loads((folder / "pinned").read_bytes())
        plan = ProofPlan(Level.HEAD, pinned["root"], most=PLENTY, sample=1)
        part = await prove_pin(store, ManifestLocation(**pinned["manifest"]), plan)
        return part.objects if part.findings.intact else 0

    return with_store(folder, work)


def head_raw(folder: Path) -> int:
    """Ask for each key by boto3, in as many threads."""

    async def work(store: Store) -> int:
        def one(key: str) -> int:
            return int(store.s3.head_object(Bucket=DATA, Key=key)["ContentLength"] > 0)

        keys = [each.key for each in list_versions(store.wire, DATA, PREFIX, Stop())]
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(one, keys))

    return with_store(folder, work)


def hash_ours(folder: Path) -> int:
    """Pin: list, read and hash."""

    async def work(store: Store) -> int:
        built = await build_pin(store, SOURCE, artifacts_bucket=ARTIFACTS, lock=None)
        return built.roots.bytes

    return with_store(folder, work)


def hash_raw(folder: Path) -> int:
    """Read and hash each key with nothing around it, in as many threads."""

    async def work(store: Store) -> int:
        def one(key: str) -> int:
            response, size = store.wire.get(DATA, key, {}), 0
            digest = hashlib.sha256()
            for chunk in response.stream(MEBIBYTE, decode_content=False):
                digest.update(chunk)
                size += len(chunk)
            response.release_conn()
            return size

        keys = [each.key for each in list_versions(store.wire, DATA, PREFIX, Stop())]
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(one, keys))

    return with_store(folder, work)


def hash_files(folder: Path) -> int:
    """Hash the same bytes on the local disk by `sha256sum`."""
    files = sorted((folder / "files").iterdir())
    subprocess.run(["sha256sum", *files], check=True, capture_output=True)
    return sum(each.stat().st_size for each in files)


LIST = Step("objects", put_small, {OURS: list_ours, "boto3": list_raw})
HEAD = Step("objects", put_small, {OURS: head_ours, "boto3, 8 threads": head_raw})
HASH = Step(
    "MiB",
    put_big,
    {OURS: hash_ours, "GET and sha256, 8 threads": hash_raw, "sha256sum": hash_files},
)
SMALL = Step("objects", put_small, {OURS: hash_ours, "GET and sha256, 8 threads": hash_raw})
