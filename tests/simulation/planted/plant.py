"""Plant each bug of `bugs.py` in a copy of the product, and see whether some seed finds it.

`python plant.py` prints a table.

Whatever breaks a promise without any bug planted would be found with it as well; so the unchanged
product must pass the same seeds first (`make simulate`).
"""

# ruff: noqa: T201 - a program that prints

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from simulation.planted.bugs import BUGS, Bug

REPOSITORY = Path(__file__).parents[3]
PRODUCT = REPOSITORY / "operator" / "glovebox"
SIMULATE = REPOSITORY / "tests" / "simulation" / "simulate.py"


def planted(bug: Bug, folder: Path) -> Path:
    """Copy the product into a folder and plant a bug; return what belongs on the path.

    Raises:
        LookupError: A text is not there, or not once.
    """
    target = folder / "glovebox"
    shutil.copytree(PRODUCT, target, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in ((bug.file, bug.old, bug.new), *bug.also):
        path = target / file
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise LookupError(f"{bug.name}: {file} holds {text.count(old)} times: {old!r}")
        path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def found(bug: Bug, *, first: int = 1) -> dict[str, object]:
    """Return which seed found a bug, by which promise; empty when none did."""
    with tempfile.TemporaryDirectory() as folder:
        path = planted(bug, Path(folder))
        command = [sys.executable, str(SIMULATE), "--until-broken"]
        command += ["--first", str(first), "--seeds", str(bug.seeds)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        if done.returncode == 0:
            return {}
        try:
            return dict(json.loads(done.stdout.splitlines()[-1]))
        except (IndexError, ValueError):
            return {"seed": "-", "promise": "it does not run", "what": done.stderr[-300:]}


def main() -> int:
    """Plant all, or those whose name holds a word; return how many were not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only bugs whose name holds it")
    parser.add_argument("--only", type=int, nargs="*", help="only those of these numbers")
    options = parser.parse_args()
    missed = 0
    print(f"{'bug':<58} {'seed':>5} of {'most':>4}  {'seconds':>7}  promise")
    chosen = options.only or range(1, len(BUGS) + 1)
    for number in chosen:
        bug = BUGS[number - 1]
        if options.word not in bug.name:
            continue
        started = time.monotonic()
        seen = found(bug)
        missed += not seen
        seconds = time.monotonic() - started
        promise = seen.get("promise", "NOT FOUND")
        print(
            f"{bug.name:<58} {seen.get('seed', '-'):>5} of {bug.seeds:>4}"
            f"  {seconds:7.1f}  {promise}",
            flush=True,
        )
        if promise == "it does not run":
            print(seen["what"])
    return missed


if __name__ == "__main__":
    sys.exit(main())
