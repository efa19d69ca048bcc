"""Measures what is done with data, each step against other ways to the same number.

    make bench-data ARGS="--rows 1000000 --only rows"

list, head, hash and deliver ask a store on the same machine; the others read the local disk. Ratios
are what counts: the machine is shared. `of its speed` is that way's processor time by Glovebox's;
for what asks the store, whose own time is in no column, its seconds by Glovebox's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.data.step import OURS, Gone, Step, go

from support.own_store import running_seaweed

# Where each is: a process has in memory what its own step takes, and nothing of the others.
STEPS = {
    "list": "objects:LIST",
    "head": "objects:HEAD",
    "hash": "objects:HASH",
    "hash small": "objects:SMALL",
    "deliver": "deliver:STEP",
    "pin": "pin:STEP",
    "overlap": "overlap:STEP",
    "rows": "rows:STEP",
    "texts": "texts:STEP",
    "footers": "contract:FOOTERS",
    "contract": "contract:STEP",
    "unique key": "contract:KEY",
    "split": "split:STEP",
    "statistics": "statistics:STEP",
}
# Whose seconds count, since the store works for them.
STORED = frozenset({"list", "head", "hash", "hash small", "deliver"})


def main() -> None:
    """Read the options; do the steps, or one way of one where this is its process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stored", type=int, default=2000, help="objects in the store")
    parser.add_argument("--delivered", type=int, default=100_000, help="objects for a pod")
    parser.add_argument("--mebibytes", type=int, default=512, help="to hash, in the store")
    parser.add_argument("--objects", type=int, default=1_000_000, help="of manifests")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of tables")
    parser.add_argument("--texts", type=int, default=100_000, help="to compare by their words")
    parser.add_argument("--only", choices=tuple(STEPS), action="append")
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        name, count, folder = options.write
        step_of(name).write(Path(folder), int(count))
    elif options.here:
        (name, way), folder = options.here[0].split("/"), Path(options.here[1])
        print(json.dumps(asdict(go(step_of(name), way, folder))))
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Print the table."""
    amounts = dict.fromkeys(STEPS, options.rows)
    amounts |= {"list": options.stored, "head": options.stored, "hash small": options.stored}
    amounts |= {"deliver": options.delivered, "texts": options.texts}
    amounts |= {"hash": options.mebibytes, "overlap": options.objects, "pin": options.objects}
    heads = ("seconds", "cpu s", "in a second", "peak MiB", "reader", "of its speed")
    print(f"{'':28}" + "".join(f"{each:>13}" for each in heads))
    for name in STEPS:
        if options.only and name not in options.only:
            continue
        with ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="glovebox-bench-"))
            )
            if name in STORED:
                (folder / "store").mkdir()
                own = stack.enter_context(running_seaweed(folder / "store"))
                (folder / "endpoint").write_text(own.endpoint, encoding="utf-8")
            # Elsewhere: a process begins with the peak of the one that started it.
            command = [sys.executable, __file__, "--write", name, str(amounts[name]), str(folder)]
            subprocess.run(command, check=True)
            step = step_of(name)
            print(f"{name}: {amounts[name]:,} {step.unit}", flush=True)
            print_ways(name, step, amounts[name], folder)


def print_ways(name: str, step: Step, amount: int, folder: Path) -> None:
    """Print the rows of a step.

    Raises:
        SystemExit: A way came to another number than Glovebox.
    """
    ours: Gone | None = None
    for way in step.ways:
        command = [sys.executable, __file__, "--here", f"{name}/{way}", str(folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        own = Gone(**json.loads(done.stdout))
        ours = ours or own
        if own.number != ours.number:
            raise SystemExit(f"{name}: {way} finds {own.number}, and Glovebox {ours.number}")
        ratio = own.seconds / ours.seconds if name in STORED else own.cpu / ours.cpu
        cells = (
            f"{own.seconds:.1f}",
            f"{own.cpu:.1f}",
            f"{amount / own.seconds:,.0f}",
            str(own.peak),
            str(own.reader or ""),
            "" if way == OURS else f"{ratio:.2f}",
        )
        print(f"  {way:26}" + "".join(f"{each:>13}" for each in cells), flush=True)


def step_of(name: str) -> Step:
    """Return a step, with what it takes to do it."""
    module, _, attribute = STEPS[name].partition(":")
    found: Step = getattr(importlib.import_module(f"bench.data.{module}"), attribute)
    return found


if __name__ == "__main__":
    main()
