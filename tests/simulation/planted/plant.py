"""Plant each bug of `bugs.py` in a copy of the product, and see which seed finds it: `make plant`.

A seed counts only when the unchanged product keeps every promise in it. The outcome is written to
docs/reference/simulation.md; the program fails when a bug was not found. Bugs of which that page
tells the seed are looked for there first.
"""

# ruff: noqa: T201 - a program that prints

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from simulation.planted.bugs import BUGS, Bug
from simulation.planted.page import PAGE, Find, read_finds, write_page

REPOSITORY = Path(__file__).parents[3]
PRODUCT = REPOSITORY / "operator" / "glovebox"
SIMULATE = REPOSITORY / "tests" / "simulation" / "simulate.py"


@dataclass(frozen=True, slots=True)
class Broken:
    """A seed in which a promise was broken."""

    seed: int
    promise: str
    what: str


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


def first_broken(product: Path, *, first: int, seeds: int, focus: str = "") -> Broken | None:
    """Play seeds with one product until a promise is broken; None when none is.

    Raises:
        RuntimeError: It does not run at all.
    """
    command = [sys.executable, str(SIMULATE), "--until-broken", "--focus", focus]
    command += ["--first", str(first), "--seeds", str(seeds)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={
            **{name: value for name, value in os.environ.items() if name != "GLOVEBOX_SEED"},
            "PYTHONPATH": str(product),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    if done.returncode == 0:
        return None
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise RuntimeError(done.stderr[-500:]) from None
    return Broken(found["seed"], found["promise"], found["what"])


def find(bug: Bug, known: int | None) -> Broken | None:
    """Return the first seed that shows a bug and is clean without it; the known one is tried first."""
    with tempfile.TemporaryDirectory() as folder:
        path = planted(bug, Path(folder))
        if known is not None:
            broken = first_broken(path, first=known, seeds=1)
            if broken is not None and _is_clean(known):
                return broken
        first, left = 1, bug.seeds
        while left > 0:
            broken = first_broken(path, first=first, seeds=left, focus=bug.focus)
            if broken is None:
                return None
            if _is_clean(broken.seed):
                return broken
            first, left = broken.seed + 1, left - 1
    return None


def _is_clean(seed: int) -> bool:
    broken = first_broken(PRODUCT.parent, first=seed, seeds=1)
    if broken is not None:
        print(f"  seed {seed} is broken without any bug: {broken.promise}: {broken.what}")
    return broken is None


def main() -> int:
    """Plant all, or those whose name holds a word; return how many were not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only bugs whose name holds it")
    parser.add_argument("--anew", action="store_true", help="forget the seeds of the page")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the outcome goes")
    options = parser.parse_args()
    finds = {} if options.anew else read_finds(options.page)
    missed = 0
    for bug in BUGS:
        if options.word not in bug.name:
            continue
        started = time.monotonic()
        known = finds.get(bug.name)
        broken = find(bug, known.seed if known is not None else None)
        seconds = time.monotonic() - started
        if broken is None:
            finds.pop(bug.name, None)
            missed += 1
        else:
            finds[bug.name] = Find(broken.seed, re.sub(r"^\S+ ", "", broken.promise))
        told = f"seed {broken.seed:>5}: {broken.promise}" if broken else "NOT FOUND"
        print(f"{bug.name:<62} {seconds:6.0f} s  {told}", flush=True)
    write_page(options.page, finds)
    return missed


if __name__ == "__main__":
    sys.exit(main())
