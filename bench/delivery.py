"""Measures the fetcher against a plain copy from the same store and hashing of the same files.

    python bench/delivery.py --objects 1000 --size 4096 --big 4 --big-mebibytes 128

Starts a store of its own on loopback. The fetcher runs as the process that a pod runs, with its
start included and told apart. What it does is a copy, a hash and a rename, so its ceiling is the
slower of the two raw rows. Ratios are what counts: the machine is shared.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import orjson

from glovebox.store.connection import Store, Stores, StoreSettings
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from support.fetching import Pod, dataset
from support.own_store import ADMIN, running_seaweed

MEBIBYTE = 1 << 20
DATA, ARTIFACTS = "bench-data", "bench-artifacts"
THREADS = 8


def main() -> None:
    """Read the options, start a store, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--big", type=int, default=4)
    parser.add_argument("--big-mebibytes", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3, help="each row is the best of so many")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder,
        running_seaweed(Path(folder)) as running,
    ):
        asyncio.run(measure(running.endpoint, options, Path(folder)))


async def measure(endpoint: str, options: argparse.Namespace, folder: Path) -> None:
    """Print one table for many small and one for few big files."""
    stores = Stores()
    store = stores.open(StoreSettings(endpoint, credentials=ADMIN))
    store.s3.create_bucket(Bucket=DATA)
    store.s3.put_bucket_versioning(Bucket=DATA, VersioningConfiguration={"Status": "Enabled"})
    store.s3.create_bucket(Bucket=ARTIFACTS, ObjectLockEnabledForBucket=True)
    for prefix, count, size in (
        ("small/", options.objects, options.size),
        ("big/", options.big, options.big_mebibytes * MEBIBYTE),
    ):
        seed(store, prefix, count, size)
        built = await build_pin(
            store, PrefixSource(DATA, prefix), artifacts_bucket=ARTIFACTS, lock=ManifestLock()
        )
        mebibytes = count * size / MEBIBYTE
        print(f"{prefix} {count} files, {mebibytes:.0f} MiB, best of {options.rounds}")
        copies, hashes, in_python, fetches, processes = [], [], [], [], []
        for number in range(options.rounds):
            copied = folder / f"copy-{prefix[:-1]}-{number}"
            copies.append(plain_copy(store, prefix, count, copied))
            hashes.append(sha256sum(copied))
            in_python.append(hashlib_sum(copied))
            pod = Pod(folder / f"pod-{prefix[:-1]}-{number}", endpoint)
            pod.plan(dataset(built))
            start = time.perf_counter()
            ended = pod.fetch()
            processes.append(time.perf_counter() - start)
            assert ended.code == 0, ended  # noqa: S101 - a figure of a failure is none
            fetches.append(
                orjson.loads((pod.inputs / ".glovebox/train.json").read_bytes())["seconds"]
            )
            remove(copied, pod.base)
        row("plain copy from the store, no hash", min(copies), count, mebibytes)
        row("sha256sum of the copied files", min(hashes), count, mebibytes)
        row("hashlib of the copied files", min(in_python), count, mebibytes)
        row("fetch: manifest, copy, hash, proof", min(fetches), count, mebibytes)
        row("fetch: with the start of its process", min(processes), count, mebibytes)
        slower = max(min(copies), min(in_python))
        print(
            f"  fetch reaches {slower / min(fetches):.2f} of the slower of copy and hashlib, "
            f"{(min(copies) + min(in_python)) / min(fetches):.2f} of one after the other"
        )
    await stores.close()


def seed(store: Store, prefix: str, count: int, size: int) -> None:
    """Write the objects that are pinned."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(
            pool.map(
                lambda i: store.s3.put_object(
                    Bucket=DATA, Key=f"{prefix}{i:06d}", Body=str(i).encode().ljust(size)
                ),
                range(count),
            )
        )


def plain_copy(store: Store, prefix: str, count: int, target: Path) -> float:
    """Copy every object to a file with the same client and as many threads; nothing around it."""
    target.mkdir()

    def copy(number: int) -> None:
        response = store.wire.get(DATA, f"{prefix}{number:06d}", {})
        with (target / f"{number:06d}").open("wb", buffering=0) as file:
            for chunk in response.stream(1 << 18, decode_content=False):
                file.write(chunk)
        response.release_conn()

    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(copy, range(count)))
    return time.perf_counter() - start


def sha256sum(folder: Path) -> float:
    """Hash the files with coreutils, as many at once as there are processors."""
    start = time.perf_counter()
    listing = "\0".join(str(path) for path in sorted(folder.iterdir())).encode()
    at_once = max(1, len(listing.split(b"\0")) // (os.cpu_count() or 1))
    command = ["xargs", "-0", "-P", str(os.cpu_count() or 1), "-n", str(at_once), "sha256sum"]
    subprocess.run(command, input=listing, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def hashlib_sum(folder: Path) -> float:
    """Hash the files as the fetcher does, in threads.

    coreutils may lack the processor's own instructions.
    """

    def digest(path: Path) -> str:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(digest, folder.iterdir()))
    return time.perf_counter() - start


def remove(*folders: Path) -> None:
    """Take away what was measured; folders of the fetcher are closed even to their owner."""
    for folder in folders:
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        subprocess.run(["rm", "-r", str(folder)], check=True)


def row(name: str, seconds: float, count: int, mebibytes: float) -> None:
    """Print one aligned row."""
    print(
        f"  {name:<40}{seconds:>8.2f} s{count / seconds:>12,.0f}"
        f" files/s{mebibytes / seconds:>10,.0f} MiB/s",
        flush=True,
    )


if __name__ == "__main__":
    main()
