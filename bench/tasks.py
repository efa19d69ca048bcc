"""Measures the memory of pinning and sealing very many objects, each in a fresh process.

    python bench/tasks.py --pin 1000000 --seal 100000

The objects are made up by a store in memory (`support.synthetic_store`), whose own writes go to
files: what is measured is the peak of the resident set of the process that does the work, not the
speed of a store. `bench/pins.py` measures speed, on a real store.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from glovebox.data.compare import Findings
from glovebox.store.pins import PrefixSource
from glovebox.tasks.context import TaskContext
from glovebox.tasks.pin import PinRequest, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.seal import seal_experiment
from support.resident import peak_mebibytes
from support.seal_inputs import seal_request
from support.synthetic_store import SyntheticStore

PREFIX = "team/exp/uid/"


def main() -> None:
    """Read the options; measure each amount in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pin", type=int, default=1_000_000)
    parser.add_argument("--seal", type=int, default=100_000)
    parser.add_argument("--here", choices=["pin", "seal"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here is not None:
        with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
            work = pin if options.here == "pin" else seal
            asyncio.run(work(getattr(options, options.here), Path(folder)))
        return
    print(f"{'':<34}{'seconds':>10}{'peak MiB':>10}{'at start':>10}")
    for name in ("pin", "seal"):
        count = getattr(options, name)
        if count:
            subprocess.run(
                [sys.executable, __file__, "--here", name, f"--{name}", str(count)], check=True
            )


async def pin(count: int, folder: Path) -> None:
    """Pin and verify that many objects."""
    store = SyntheticStore("data", PREFIX, count, folder)
    before, started = peak_mebibytes(), time.monotonic()
    source = PrefixSource("data", PREFIX)
    # As often as in the operator: check-points are part of what is measured.
    built = await pin_dataset(TaskContext(), PinRequest("uid", store, source, "artifacts", None))
    assert built.roots.objects == count  # noqa: S101 - a figure of a wrong result is none
    row(f"pin {count:,} objects", started, before)
    started = time.monotonic()
    findings = await verify_dataset(TaskContext(), VerifyRequest(store, source, built.manifest))
    assert findings == Findings()  # noqa: S101 - else the figure is worthless
    row(f"verify {count:,} objects by listing", started, before)
    store.pools.close()


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
