"""Measures what a seal costs the other work of the same process, and its memory.

    python bench/seal_beside.py --artifacts 100000 --gigabytes 300

Each in a process of its own: very many small artifacts, and few large ones whose bytes a store in
memory makes up. Beside the seal, which works in threads as in the operator, the event loop renders
all objects of an Experiment every 50 ms; how long that takes from when it is due is the latency of
other work. It is measured in turns with and without a seal, so that whatever else runs on the
machine counts in both.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import seal_experiment
from glovebox.tasks.seal_request import SealResult
from golden.cases import Case, discover
from support.resident import peak_mebibytes
from support.seal_inputs import seal_request
from support.synthetic_store import SyntheticStore

PREFIX = "team/exp/uid/"
EVERY_SECONDS = 0.05
ALONE_SECONDS = 10.0
LARGE_BYTES = 5 * 10**9


def main() -> None:
    """Read the options; measure each amount in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artifacts", type=int, default=100_000, help="small ones")
    parser.add_argument("--gigabytes", type=int, default=300, help="in objects of 5 GB")
    parser.add_argument("--here", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here is not None:
        with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
            asyncio.run(measure(options.here[0], options.here[1], Path(folder)))
        return
    columns = ("alone p50", "p95 ms", "beside p50", "p95 ms", "p50 x", "p95 x", "seconds", "MiB")
    print(f"{'':<26}" + "".join(f"{each:>11}" for each in columns))
    large = options.gigabytes * 10**9 // LARGE_BYTES
    for count, size in ((options.artifacts, 0), (large, LARGE_BYTES)):
        if count:
            command = [sys.executable, __file__, "--here", str(count), str(size)]
            subprocess.run(command, check=True)


async def measure(count: int, size: int, folder: Path) -> None:
    """Seal so many artifacts of a size, and look at others' latency before, meanwhile, after."""
    case = discover()[0]
    alone = await latencies(case, asyncio.create_task(asyncio.sleep(ALONE_SECONDS)))
    started = time.monotonic()
    sealing = asyncio.create_task(seal(count, size, folder))
    beside = await latencies(case, sealing)
    seconds = time.monotonic() - started
    result = sealing.result()
    assert (result.versions, result.findings) == (count, ())  # noqa: S101 - else it is worthless
    alone += await latencies(case, asyncio.create_task(asyncio.sleep(ALONE_SECONDS)))
    what = f"{count:,} small" if not size else f"{count * size / 1e9:,.0f} GB in {count}"
    one, other = summary(alone), summary(beside)
    figures = [*one, *other, other[0] / one[0], other[1] / one[1], seconds, peak_mebibytes()]
    print(f"{what:<26}" + "".join(f"{each:>11.1f}" for each in figures), flush=True)


async def latencies(case: Case, until: asyncio.Task[object]) -> list[float]:
    """Return how long each piece of other work took from when it was due, until a task ends."""
    found: list[float] = []
    due = time.monotonic()
    while not until.done():
        await asyncio.sleep(max(due - time.monotonic(), 0))
        list(case.objects())
        found.append(time.monotonic() - due)
        due = max(due + EVERY_SECONDS, time.monotonic())
    return found


def summary(found: list[float]) -> tuple[float, float]:
    """Return median and 95th percentile in milliseconds."""
    return statistics.median(found) * 1e3, statistics.quantiles(found, n=20)[-1] * 1e3


async def seal(count: int, size: int, folder: Path) -> SealResult:
    """Seal so many artifacts of a size."""
    store = SyntheticStore("artifacts", PREFIX, count, folder, size)
    request = seal_request(store, "artifacts", PREFIX)
    try:
        return await seal_experiment(TaskContext(), request)
    finally:
        store.pools.close()


if __name__ == "__main__":
    main()
