"""Measures the fetcher against the raw work in the same run: copying from the same store without hashing, and sha256sum of the same files.

    python bench/delivery.py --objects 2000 --size 4096 --big 8 --big-mebibytes 64

Starts a store of its own on loopback, runs the fetcher as the program that a pod runs, and prints one table. Ratios are what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.pins import ARTIFACTS, DATA, MEBIBYTE, seed

from glovebox.data.delivery import InputPlan, PlannedDataset, PlannedManifest, PlannedStore, render_plan
from glovebox.store.connection import Store, Stores, StoreSettings
from glovebox.store.pins import BuiltPin, ManifestLock, PrefixSource, build_pin
from support.own_store import ADMIN, running_seaweed

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Read the options, start a store, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--big", type=int, default=8)
    parser.add_argument("--big-mebibytes", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder, running_seaweed(Path(folder)) as running:
        asyncio.run(measure(running.endpoint, options, Path(folder)))


async def measure(endpoint: str, options: argparse.Namespace, folder: Path) -> None:
    """Print one table for many small and one for few big objects."""
    stores = Stores()
    store = stores.open(StoreSettings(endpoint, credentials=ADMIN))
    seed(store, options)
    for prefix, count, size in (("small/", options.objects, options.size), ("big/", options.big, options.big_mebibytes * MEBIBYTE)):
        if not count:
            continue
        mebibytes = count * size / MEBIBYTE
        built = await build_pin(store, PrefixSource(DATA, prefix), artifacts_bucket=ARTIFACTS, lock=ManifestLock())
        print(f"{prefix} {count} objects, {mebibytes:.0f} MiB")
        place = folder / prefix.rstrip("/")
        copied = timed("plain copy, 8 threads, no hash", lambda: copy(store, prefix, count, place / "copy"), mebibytes)  # noqa: B023 - called at once
        summed = timed("sha256sum of the same files", lambda: sha256sum(place / "copy"), mebibytes)  # noqa: B023 - as above
        fetched = timed("fetch and hash, as a run's pod does", lambda: fetch(endpoint, built, place), mebibytes)  # noqa: B023 - as above
        again = timed("the same again: all is there", lambda: fetch(endpoint, built, place), mebibytes)  # noqa: B023 - as above
        print(f"  fetch to copy {copied / fetched:.2f}, to copy and then sha256sum {(copied + summed) / fetched:.2f}", flush=True)
        print(f"  again to sha256sum {summed / again:.2f}", flush=True)
    await stores.close()


def copy(store: Store, prefix: str, count: int, target: Path) -> None:
    """Write every object to a file with nothing around it."""
    target.mkdir(parents=True)

    def one(number: int) -> None:
        response = store.wire.get(DATA, f"{prefix}{number:06d}", {})
        with (target / f"{number:06d}").open("wb") as file:
            for chunk in response.stream(MEBIBYTE, decode_content=False):
                file.write(chunk)
        response.release_conn()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(count)))


def sha256sum(folder: Path) -> None:
    """Hash the files with the system's own program, two at a time."""
    command = "find . -type f -print0 | xargs -0 -P 2 -n 200 sha256sum > /dev/null"
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)


def fetch(endpoint: str, built: BuiltPin, place: Path) -> None:
    """Run the fetcher, start of Python included."""
    manifest, roots = built.manifest, built.roots
    dataset = PlannedDataset(
        name="data",
        digest=roots.content,
        pin_digest=roots.pin,
        objects=roots.objects,
        bytes=roots.bytes,
        manifest=PlannedManifest(bucket=manifest.bucket, key=manifest.key, version_id=manifest.version_id, digest=manifest.digest),
        store="bench",
    )
    plan = InputPlan(datasets=(dataset,), stores=(PlannedStore(name="bench", endpoint=endpoint, region="us-east-1", path_style=True),))
    (place / "keys").mkdir(exist_ok=True)
    (place / "keys" / "bench.credentials").write_text(
        f"[default]\naws_access_key_id = {ADMIN.access_key_id}\naws_secret_access_key = {ADMIN.secret_access_key}\n"
    )
    (place / "inputs.json").write_text(render_plan(plan))
    (place / "inputs").mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "GLOVEBOX_INPUTS_PLAN": str(place / "inputs.json"),
        "GLOVEBOX_INPUTS_CREDENTIALS": str(place / "keys"),
        "GLOVEBOX_INPUTS": str(place / "inputs"),
        "GLOVEBOX_TERMINATION_LOG": str(place / "last-words"),
    }
    subprocess.run([sys.executable, "-m", "glovebox.jobs.fetch"], env=environment, check=True, stderr=subprocess.DEVNULL)


def timed(name: str, work: Callable[[], object], mebibytes: float) -> float:
    """Do some work, print its row, and return its seconds."""
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    print(f"  {name:<40}{seconds:>8.2f} s {mebibytes / seconds:>8,.0f} MiB/s", flush=True)
    return seconds


if __name__ == "__main__":
    main()
