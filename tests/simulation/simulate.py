"""Run seeds: `tests/simulation/simulate.py --seeds 200`; GLOVEBOX_SEED=7 replays one story."""

# ruff: noqa: T201 - a program that prints

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from simulation.bugs_told import silence
from simulation.classes import count_classes
from simulation.schedules import Result, Scenario, run

# In so many seeds each class of faults is injected.
_ALL_CLASSES = 2_000
# What was played last, for docs/reference/simulation.md.
PLAYED = Path(__file__).with_name("played.json")


def main() -> int:
    """Run the seeds that were asked for; return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first one")
    parser.add_argument("--stories", type=int, default=1, help="how many failures are told whole")
    parser.add_argument(
        "--until-broken", action="store_true", help="stop at the first seed that fails"
    )
    parser.add_argument(
        "--record", action="store_true", help=f"write what was played to {PLAYED.name}"
    )
    parser.add_argument("--focus", default="", help="only seeds in whose scenario this is said")
    options = parser.parse_args()
    silence()
    # A tenth of the time, otherwise: see tests/conftest.py.
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    if seed := os.environ.get("GLOVEBOX_SEED"):
        result = run(Scenario.drawn(int(seed)))
        print(result.told(last=None))
        return bool(result.broken)
    seeds = range(options.first, options.first + options.seeds)
    if options.until_broken:
        return first_broken(seeds, options.focus)
    return report(seeds, options.stories, record=options.record)


def focused(first: int, count: int, focus: str) -> Iterator[Scenario]:
    """Yield so many scenarios, from a seed on, in which something is said."""
    drawn = (Scenario.drawn(seed) for seed in itertools.count(first))
    return itertools.islice((each for each in drawn if focus in str(each)), count)


def first_broken(seeds: range, focus: str = "") -> int:
    """Print the first seed that fails and its first broken promise, as JSON; return 1 then."""
    for scenario in focused(seeds.start, len(seeds), focus):
        seed = scenario.seed
        result = run(scenario)
        if result.broken:
            found = {"seed": seed, "promise": result.broken[0].promise}
            print(json.dumps(found | {"what": str(result.broken[0])[:300]}))
            return 1
    return 0


def report(seeds: range, stories: int, *, record: bool = False) -> int:
    """Run seeds and print what came of them; write it down on request."""
    started, cpu = time.perf_counter(), time.process_time()
    faults: Counter[str] = Counter()
    failed: dict[str, list[Result]] = defaultdict(list)
    requests, virtual = 0, 0.0
    for seed in seeds:
        result = run(Scenario.drawn(seed))
        faults.update(result.story.faults)
        requests += result.requests
        virtual += result.virtual_seconds
        for broken in result.broken:
            failed[broken.promise].append(result)
        if result.broken:
            # At once: thousands of seeds take an hour.
            print(f"BROKEN by seed {seed}: {result.broken[0]}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    busy = time.process_time() - cpu
    print(
        f"{len(seeds)} seeds in {seconds:.1f} s ({busy:.1f} s of one core,"
        f" {len(seeds) / busy:.1f} seeds a second of it),"
        f" {requests} requests, {virtual / 3600:.0f} virtual hours,"
        f" {sum(faults.values())} faults"
    )
    for name, count in count_classes(faults):
        print(f"{count:>9,}  {name}")
    if record:
        broken_seeds = {each.scenario.seed for results in failed.values() for each in results}
        write_played(seeds, requests, virtual, faults, broken=len(broken_seeds))
    told: set[int] = set()
    for promise, results in sorted(failed.items()):
        numbers = ", ".join(str(each.scenario.seed) for each in results[:12])
        print(f"BROKEN {promise}: {len(results)} seeds: {numbers}")
        first = next(each for each in results[0].broken if each.promise == promise)
        print(f"    seed {results[0].scenario.seed}: {first}")
    for results in failed.values():
        seed = results[0].scenario.seed
        if len(told) < stories and seed not in told:
            told.add(seed)
            print(f"\n{results[0].told()}\nreplay: GLOVEBOX_SEED={results[0].scenario.seed}")
    never = [name for name, count in count_classes(faults) if not count]
    if never and len(seeds) >= _ALL_CLASSES:
        print(f"NEVER INJECTED: {', '.join(never)}")
        return 1
    return bool(failed)


def write_played(
    seeds: range, requests: int, virtual: float, faults: Counter[str], *, broken: int
) -> None:
    """Write down what was played."""
    played = {
        "first": seeds.start,
        "last": seeds.stop - 1,
        "requests": requests,
        "virtualHours": round(virtual / 3600),
        "broken": broken,
        "faults": dict(count_classes(faults)),
    }
    PLAYED.write_text(json.dumps(played, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
