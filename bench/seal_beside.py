"""Measures what a seal costs the other work of the same process, and its memory.

    python bench/seal_beside.py --artifacts 100000 --gigabytes 300

Each in a process of its own: very many small artifacts, and few large ones whose bytes a store in
memory makes up. Beside the seal, which works in threads as in the operator, the event loop renders
all objects of an Experiment every 50 ms; how long that takes from when it is due is the latency of
other work. It is measured in turns with and without a seal, so that whatever else runs on the
machine counts in both. What the loop waited for a processor is told apart, where the kernel says
it (`in it`): other programs of a busy machine take that, and not the seal. Nor is it the seal's
where the thread that has the interpreter waits for a processor itself; that is not told apart.

    python bench/seal_beside.py --gigabytes 0 --pairs 3

seals three times as the operator does, and in between by threads that do not let the loop go first.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.store.loop_first import LoopFirst
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
    parser.add_argument("--pairs", type=int, default=0, help="so often, and as often greedily")
    parser.add_argument("--here", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here is not None:
        count, size, greedy = options.here
        if greedy:
            LoopFirst.give_way = lambda _: None  # type: ignore[method-assign, assignment]
        # As the operator's own start does: what is imported is no garbage.
        gc.collect()
        gc.freeze()
        with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
            asyncio.run(measure(count, size, Path(folder), greedy=bool(greedy)))
        return
    columns = (
        *("alone p50", "p95 ms", "beside p50", "p95 ms"),
        *("p50 x", "p95 x", "in it p50", "in it p95", "seconds", "MiB"),
    )
    print(f"{'':<26}" + "".join(f"{each:>11}" for each in columns))
    large = options.gigabytes * 10**9 // LARGE_BYTES
    turns = (0, 1) * options.pairs or (0,)
    for count, size in ((options.artifacts, 0), (large, LARGE_BYTES)):
        for greedy in turns if count else ():
            command = [sys.executable, __file__, "--here", str(count), str(size), str(greedy)]
            subprocess.run(command, check=True)


async def measure(count: int, size: int, folder: Path, *, greedy: bool) -> None:
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
    what += ", greedily" if greedy else ""
    one, other = summary(alone), summary(beside)
    ratios = [beside / before for before, beside in zip(one, other, strict=True)]
    figures = [*one[:2], *other[:2], *ratios, seconds, peak_mebibytes()]
    print(f"{what:<26}" + "".join(f"{each:>11.2f}" for each in figures), flush=True)


async def latencies(case: Case, until: asyncio.Task[object]) -> list[tuple[float, float]]:
    """Return how long each piece of other work took from when it was due, until a task ends.

    And how long without what it waited for a processor.
    """
    found: list[tuple[float, float]] = []
    due = time.monotonic()
    while not until.done():
        await asyncio.sleep(max(due - time.monotonic(), 0))
        waited = seconds_without_processor()
        list(case.objects())
        took = time.monotonic() - due
        found.append((took, took - (seconds_without_processor() - waited)))
        due = max(due + EVERY_SECONDS, time.monotonic())
    return found


def seconds_without_processor() -> float:
    """Return how long this thread was ready and got no processor; 0 where nobody says it."""
    path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    try:
        return int(path.read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def summary(found: list[tuple[float, float]]) -> tuple[float, ...]:
    """Return median and 95th percentile in milliseconds, and both without waiting."""
    return tuple(
        value * 1e3
        for each in zip(*found, strict=True)
        for value in (statistics.median(each), statistics.quantiles(each, n=20)[-1])
    )


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
