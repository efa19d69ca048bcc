"""Very many small objects delivered as into a pod: by the fetcher, as a process of its own.

The manifest is read as a stream, shard after shard, and each object becomes a file that was hashed
while it was written. What is measured is one pod; a run of several workers has one fetcher in each.
"""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
from bench.data.objects import DATA, PREFIX, THREADS, put_small, with_store
from bench.data.step import OURS, Step

from glovebox.data.roots import Roots
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pins import BuiltPin
from support.fetching import Pod, dataset

_NAME = "train"
# Longer than any measure: the pod's own deadline is not what is measured.
_SECONDS = 86_400


def by_fetcher(folder: Path) -> int:
    """Have the fetcher deliver the pin; return how many files are there."""
    pinned = orjson.loads((folder / "pinned").read_bytes())
    built = BuiltPin(Roots(**pinned["roots"]), ManifestLocation(**pinned["manifest"]))
    endpoint = (folder / "endpoint").read_text(encoding="utf-8")
    pod = Pod(folder / "pod", endpoint, settings={"GLOVEBOX_FETCH_DEADLINE_SECONDS": str(_SECONDS)})
    pod.plan(dataset(built, _NAME))
    with pod.fetching() as process:
        output, _ = process.communicate(timeout=_SECONDS)
    ended = pod.ended(process, output)
    if ended.code:
        raise SystemExit(f"the fetcher ended with {ended.reason}")
    found = sum(1 for _ in (pod.inputs / _NAME).iterdir())
    # Delivered folders are closed, even to their owner.
    subprocess.run(["chmod", "-R", "u+w", str(pod.base)], check=True)
    return found


def by_copying(folder: Path) -> int:
    """Copy each key to a file with the same client in as many threads, and nothing around it."""
    target = folder / "copy"
    target.mkdir()
    objects = orjson.loads((folder / "pinned").read_bytes())["roots"]["objects"]

    async def work(store: Store) -> int:
        def one(number: int) -> None:
            response = store.wire.get(DATA, f"{PREFIX}{number:06d}", {})
            with (target / f"{number:06d}").open("wb", buffering=0) as file:
                for chunk in response.stream(1 << 18, decode_content=False):
                    file.write(chunk)
            response.release_conn()

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, range(objects)))
        return sum(1 for _ in target.iterdir())

    return with_store(folder, work)


STEP = Step("objects", put_small, {OURS: by_fetcher, "GET to files, 8 threads": by_copying})
