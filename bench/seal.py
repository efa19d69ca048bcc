"""Measures the memory of sealing very many artifacts, in a fresh process.

    python bench/seal.py --artifacts 100000

The artifacts are made up by a store in memory (`support.synthetic_store`), whose own writes go to
files: what is measured is the peak of the resident set of the process that does the work, not the
speed of a store. Pins are measured by `bench/data`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import seal_experiment
from support.resident import peak_mebibytes
from support.seal_inputs import seal_request
from support.synthetic_store import SyntheticStore

PREFIX = "team/exp/uid/"


def main() -> None:
    """Read the option; seal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artifacts", type=int, default=100_000)
    options = parser.parse_args()
    print(f"{'':<34}{'seconds':>10}{'peak MiB':>10}{'at start':>10}")
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        asyncio.run(seal(options.artifacts, Path(folder)))


async def seal(count: int, folder: Path) -> None:
    """Seal that many artifacts."""
    store = SyntheticStore("artifacts", PREFIX, count, folder)
    request = seal_request(store, "artifacts", PREFIX)
    before, started = peak_mebibytes(), time.monotonic()
    result = await seal_experiment(TaskContext(), request)
    assert (result.versions, result.findings) == (count, ())  # noqa: S101 - else the figure is worthless
    row(f"seal {count:,} artifacts", started, before)
    store.pools.close()


def row(name: str, started: float, before: float) -> None:
    """Print one row."""
    seconds = time.monotonic() - started
    print(f"{name:<34}{seconds:>10.1f}{peak_mebibytes():>10.0f}{before:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
