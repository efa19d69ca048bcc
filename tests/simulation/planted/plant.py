"""Plant each bug of `bugs.py` in turn, and see which seed finds it: `make plant`.

A seed counts only when the unchanged product keeps every promise in it. The outcome is written to
docs/reference/simulation.md; the program fails when a bug was not found. Bugs of which that page
tells the seed are looked for there first.

Nothing on the disk is changed: each bug gets a process of its own, in which the text of a module is
replaced while it is imported.
"""

# ruff: noqa: T201 - a program that prints

from __future__ import annotations

import argparse
import importlib
import itertools
import multiprocessing
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from simulation.planted.bugs import BUGS, Bug
from simulation.planted.importing import plant, read_finds

# Imported once, for all the processes that are forked from this one: most of what a start takes.
_HEAVY = ("pydantic", "structlog", "boto3", "kopf", "prometheus_client", "cryptography.x509")


@dataclass(frozen=True, slots=True)
class Broken:
    """A seed in which a promise was broken."""

    seed: int
    promise: str
    what: str


class Product:
    """A process that plays seeds with the product, with a bug or without.

    Args:
        pipe: To it.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def play(self, seed: int, focus: str = "") -> Broken | None:
        """Play a seed; None when all promises held, or when `focus` is not said of its scenario.

        Raises:
            RuntimeError: The product does not run at all.
        """
        self._pipe.send((seed, focus))
        found = self._pipe.recv()
        if isinstance(found, str):
            raise RuntimeError(found)  # noqa: TRY004
        return found[1] if found is not None else None

    def first_in(self, seeds: Iterator[int], count: int, focus: str) -> Iterator[Broken]:
        """Yield the broken ones of so many seeds in whose scenario something is said."""
        played = 0
        while played < count:
            self._pipe.send((next(seeds), focus))
            found = self._pipe.recv()
            if isinstance(found, str):
                raise RuntimeError(found)  # noqa: TRY004
            if found is None:
                continue
            played += 1
            if found[1] is not None:
                yield found[1]


def _serve(pipe: Connection, bug: Bug | None) -> None:
    """Play the seeds that are asked for, in a process of its own."""
    try:
        if bug is not None:
            plant(bug)
        from simulation.bugs_told import silence  # noqa: PLC0415
        from simulation.schedules import Scenario, run  # noqa: PLC0415 - after it was planted

        silence()
        while True:
            seed, focus = pipe.recv()
            scenario = Scenario.drawn(seed)
            if focus not in str(scenario):
                pipe.send(None)
                continue
            broken = run(scenario).broken
            wanted = [each for each in broken if bug is None or each.promise == bug.promise]
            first = Broken(seed, wanted[0].promise, str(wanted[0])[:300]) if wanted else None
            pipe.send((seed, first))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - told to who asked
        pipe.send(f"{bug.name if bug else 'no bug'}: {type(error).__name__}: {error}")


@contextmanager
def product(bug: Bug | None) -> Iterator[Product]:
    """Start a process that plays seeds."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    process = fork.Process(target=_serve, args=(there, bug), daemon=True)
    process.start()
    there.close()
    try:
        yield Product(here)
    finally:
        here.close()
        process.terminate()
        process.join()


def find(bug: Bug, known: int | None, clean: Product) -> Broken | None:
    """Return the first seed in which a bug breaks its promise, and that is clean without it."""
    with product(bug) as planted:
        first = planted.play(known) if known is not None else None
        if first is not None and _is_clean(clean, first.seed):
            return first
        for broken in planted.first_in(itertools.count(1), bug.seeds, bug.focus):
            if _is_clean(clean, broken.seed):
                return broken
    return None


def _is_clean(clean: Product, seed: int) -> bool:
    broken = clean.play(seed)
    if broken is not None:
        print(f"  seed {seed} is broken without any bug: {broken.what}", flush=True)
    return broken is None


def main() -> int:
    """Plant all, or those whose name holds a word; return how many were not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only bugs whose name holds it")
    parser.add_argument("--fresh", action="store_true", help="forget the seeds of the page")
    parser.add_argument("--only", type=int, nargs="*", help="only those of these numbers")
    options = parser.parse_args()
    for name in _HEAVY:
        importlib.import_module(name)
    chosen = [BUGS[number - 1] for number in options.only] if options.only else list(BUGS)
    finds: dict[str, Broken | None] = {}
    with product(None) as clean:
        known = {} if options.fresh else read_finds()
        try:
            for bug in chosen:
                if options.word in bug.name:
                    finds[bug.name] = _tell(bug, known.get(bug.name, (None, ""))[0], clean)
        finally:
            _write(finds)
    return sum(broken is None for broken in finds.values())


def _tell(bug: Bug, known: int | None, clean: Product) -> Broken | None:
    started = time.monotonic()
    broken = find(bug, known, clean)
    seconds = time.monotonic() - started
    told = f"seed {broken.seed:>5}: {broken.what}" if broken else "NOT FOUND"
    print(f"{bug.name:<62} {seconds:6.0f} s  {told[:120]}", flush=True)
    return broken


def _write(finds: Mapping[str, Broken | None]) -> None:
    """Write the page; what this run did not look for stays as it was."""
    # Not before: whoever is forked from this process must not find the product imported.
    from simulation.planted.page import write_page  # noqa: PLC0415

    rows: dict[str, tuple[int, str]] = read_finds()
    for name, broken in finds.items():
        rows.pop(name, None)
        if broken is not None:
            rows[name] = (broken.seed, re.sub(r"^\S+ ", "", broken.promise))
    write_page(rows)


if __name__ == "__main__":
    sys.exit(main())
