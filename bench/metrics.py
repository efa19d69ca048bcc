"""Measures what 10,000 Experiments cost the loop: a scrape, an event, a deletion, the queue.

    python bench/metrics.py --experiments 10000

Needs no server: a synthetic cache is filled in this process, and processor time is measured, which
does not grow when the machine is shared. What counts are ratios: a scrape beside one scan of all
objects, an event beside parsing its JSON, and everything beside itself at a hundredth of the size.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, generate_latest

from glovebox.engine.key_queue import KeyQueue, Priority
from glovebox.kube.kinds import EXPERIMENT
from glovebox.kube.resources import Key, Resources, Stored
from glovebox.kube.store import Change
from glovebox.metrics.engine import EngineMetrics
from glovebox.metrics.state import StateCollector
from glovebox.metrics.tally import StateTally
from glovebox.status.kstatus import kstatus

REPEATS = 5
DELETED = 1_000
CONDITIONS = (
    "Ready",
    "NamespaceReady",
    "QuotaApplied",
    "Isolated",
    "InputsVerified",
    "CredentialsFresh",
    "DriftDetected",
    "Completed",
    "Sealed",
)


@dataclass(frozen=True)
class Figures:
    """Seconds, at one size."""

    scrape: float
    scan: float
    event: float
    parse: float
    deletion: float
    queue: float


def main() -> None:
    """Read the options, measure at two sizes, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiments", type=int, default=10_000)
    number = parser.parse_args().experiments
    small, large = measure(number // 100), measure(number)
    print(f"{'':<34}{'ms':>10}   ratio")
    row(f"/metrics at {number:,}", large.scrape, large.scrape / large.scan, "of one scan of all")
    row(f"/metrics at {number // 100:,}", small.scrape, large.scrape / small.scrape, "grown")
    row("an event", large.event, large.event / large.parse, "of parsing its JSON")
    row("", small.event, large.event / small.event, "grown")
    row(f"{DELETED:,} deletions", large.deletion * DELETED, large.deletion / large.event, "events")
    row("", small.deletion * DELETED, large.deletion / small.deletion, "grown")
    row("a key through the queue", large.queue, large.queue / large.parse, "of parsing its JSON")
    row("", small.queue, large.queue / small.queue, "grown")


def measure(number: int) -> Figures:
    """Fill a cache with so many Experiments and measure it."""
    tally: StateTally[Key] = StateTally()

    def on_change(change: Change[Key, Stored]) -> None:
        if change.after is not None:
            tally.upsert(change.key, change.after.obj)
        else:
            tally.delete(change.key)

    resources = Resources(on_change)
    registry = CollectorRegistry()
    EngineMetrics(registry)
    registry.register(
        StateCollector(tally, queues=dict, reflectors=dict, sweeps=dict, drifting=lambda: ())
    )
    for one in range(number):
        resources.seen(experiment(one, 1))
    scrape = best(lambda: generate_latest(registry))
    scan = best(lambda: [kstatus(obj) for obj in resources.of_kind(EXPERIMENT)])
    changed = [experiment(one, 2) for one in range(min(number, 2_000))]
    with timed() as event:
        for obj in changed:
            resources.seen(obj)
    texts = [orjson.dumps(obj) for obj in changed]
    with timed() as parse:
        for text in texts:
            orjson.loads(text)
    keys = [Key.of(obj) for obj in changed[:DELETED]]
    with timed() as deletion:
        for key in keys:
            resources.gone(key)
    queue = asyncio.run(through_the_queue(number))
    return Figures(
        scrape,
        scan,
        event[0] / len(changed),
        parse[0] / len(changed),
        deletion[0] / len(keys),
        queue / number,
    )


async def through_the_queue(number: int) -> float:
    """Add so many keys of 100 tenants, raise every tenth, and hand all of them out."""
    queue: KeyQueue[tuple[str, int]] = KeyQueue(lambda key: key[0], workers=17, reserved=1)
    with timed() as spent:
        for one in range(number):
            queue.add((f"team-{one % 100}", one), Priority.RESYNC)
        for one in range(0, number, 10):
            queue.add((f"team-{one % 100}", one), Priority.REPAIR)
        for _ in range(number):
            key, _priority = await queue.take()
            queue.done(key)
    return spent[0]


def experiment(number: int, version: int) -> dict[str, Any]:
    """Return an Experiment as the API server shows it; every hundredth is not Ready."""
    ready = "False" if number % 100 == version else "True"
    conditions = [
        {
            "type": name,
            "status": ready if name == "Ready" else "True",
            "reason": "Provisioned",
            "message": "it is as declared, and was checked against what the API server holds",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        for name in CONDITIONS
    ]
    return {
        "apiVersion": EXPERIMENT.api_version,
        "kind": EXPERIMENT.kind,
        "metadata": {
            "name": f"e{number}",
            "namespace": f"team-{number % 100}",
            "uid": f"00000000-0000-4000-8000-{number:012}",
            "resourceVersion": str(number + version * 1_000_000),
            "generation": 1,
        },
        "spec": {"profile": "standard"},
        "status": {
            "observedGeneration": 1,
            "conditions": conditions,
            "artifacts": {"credentialsExpireTime": f"2026-01-01T00:{number % 60:02}:00Z"},
        },
    }


@contextmanager
def timed() -> Iterator[list[float]]:
    """Time a block in processor seconds, which others on the machine do not change."""
    spent: list[float] = []
    started = time.process_time()
    yield spent
    spent.append(time.process_time() - started)


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some repeats."""
    times = []
    for _ in range(REPEATS):
        with timed() as spent:
            work()
        times += spent
    return min(times)


def row(name: str, seconds: float, ratio: float, of: str) -> None:
    """Print one line of the table."""
    print(f"{name:<34}{seconds * 1_000:>10.3f}   {ratio:.2f} {of}")


if __name__ == "__main__":
    main()
