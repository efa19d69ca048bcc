"""Measures pinning and verifying against hashing in memory and bare reads in the same run.

    python bench/pins.py --objects 2000 --size 4096 --big 4 --big-mebibytes 64

Starts a store of its own on loopback and prints one table. Ratios are what counts: the machine is
shared.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.store.connection import Stop, Store, Stores, StoreSettings
from glovebox.store.listing import list_versions
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin, verify_pin
from support.own_store import ADMIN, running_seaweed

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE = 1 << 20
DATA, ARTIFACTS = "bench-data", "bench-artifacts"


def main() -> None:
    """Read the options, start a store, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--big", type=int, default=4)
    parser.add_argument("--big-mebibytes", type=int, default=64)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder,
        running_seaweed(Path(folder)) as running,
    ):
        asyncio.run(measure(running.endpoint, options))


async def measure(endpoint: str, options: argparse.Namespace) -> None:
    """Print one table for many small and one for few big objects."""
    stores = Stores()
    store = stores.open(StoreSettings(endpoint, credentials=ADMIN))
    seed(store, options)
    row("", "seconds", "cpu s", "per second")
    for prefix, count, size in (
        ("small/", options.objects, options.size),
        ("big/", options.big, options.big_mebibytes * MEBIBYTE),
    ):
        if not count:
            continue
        source, mebibytes = PrefixSource(DATA, prefix), count * size / MEBIBYTE
        print(f"{prefix} {count} objects, {mebibytes:.0f} MiB")
        timed("  raw: sha256 in memory", lambda: hash_in_memory(count, size), count, mebibytes)  # noqa: B023 - called at once
        timed(
            "  raw: GET by key + sha256, 8 threads",
            lambda: bare_reads(store, prefix, count),  # noqa: B023 - called at once
            count,
            mebibytes,
        )
        timed(
            "  list all versions",
            lambda: sum(1 for _ in list_versions(store.wire, DATA, prefix, Stop())),  # noqa: B023 - called at once
            count,
            mebibytes,
        )
        start = clock()
        built = await build_pin(store, source, artifacts_bucket=ARTIFACTS, lock=ManifestLock())
        report("  build pin", start, count, mebibytes)
        for full in (False, True):
            start = clock()
            findings = await verify_pin(store, source, built.manifest, full=full)
            report(f"  verify pin, {'every byte' if full else 'listing'}", start, count, mebibytes)
            assert findings.clean  # noqa: S101 - a figure of a wrong result is none
    print(
        "peak memory of this process:"
        f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )
    await stores.close()


def seed(store: Store, options: argparse.Namespace) -> None:
    """Write the objects that are pinned."""
    store.s3.create_bucket(Bucket=DATA)
    store.s3.put_bucket_versioning(Bucket=DATA, VersioningConfiguration={"Status": "Enabled"})
    store.s3.create_bucket(Bucket=ARTIFACTS, ObjectLockEnabledForBucket=True)
    with ThreadPoolExecutor(16) as pool:
        list(
            pool.map(
                lambda i: store.s3.put_object(
                    Bucket=DATA, Key=f"small/{i:06d}", Body=str(i).encode().ljust(options.size)
                ),
                range(options.objects),
            )
        )
    for number in range(options.big):
        store.s3.put_object(
            Bucket=DATA,
            Key=f"big/{number:06d}",
            Body=bytes([number]) * options.big_mebibytes * MEBIBYTE,
        )


def hash_in_memory(count: int, size: int) -> None:
    """Hash as many bytes as the objects hold, without any store."""
    chunk = b"x" * min(size, MEBIBYTE)
    for _ in range(count):
        digest = hashlib.sha256()
        for _ in range(max(1, size // MEBIBYTE)):
            digest.update(chunk)


def bare_reads(store: Store, prefix: str, count: int) -> None:
    """Read and hash every object with nothing around it: the ceiling of a pin."""

    def read(number: int) -> str:
        response = store.wire.get(DATA, f"{prefix}{number:06d}", {})
        digest = hashlib.sha256()
        for chunk in response.stream(MEBIBYTE, decode_content=False):
            digest.update(chunk)
        response.release_conn()
        return digest.hexdigest()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(count)))


def clock() -> tuple[float, float]:
    """Return elapsed and processor time."""
    return time.perf_counter(), time.process_time()


def timed(name: str, work: Callable[[], object], count: int, mebibytes: float) -> None:
    """Do some work and print its row."""
    start = clock()
    work()
    report(name, start, count, mebibytes)


def report(name: str, start: tuple[float, float], count: int, mebibytes: float) -> None:
    """Print the row of work that began at `start`."""
    seconds, cpu = (now - then for now, then in zip(clock(), start, strict=True))
    row(
        name,
        f"{seconds:.2f}",
        f"{cpu:.2f}",
        f"{count / seconds:,.0f} objects, {mebibytes / seconds:,.0f} MiB",
    )


def row(name: str, *cells: str) -> None:
    """Print one aligned row."""
    print(
        f"{name:<40}" + "".join(f"{cell:>12}" for cell in cells[:2]) + f"   {cells[2]}", flush=True
    )


if __name__ == "__main__":
    main()
