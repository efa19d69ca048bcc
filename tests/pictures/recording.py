"""An hour of the operator's own metrics: its real code in the simulation, scraped every 15 seconds.

What happens is planted: a store that is away, policies that somebody takes away, runs that fail, a
declaration that is refused. No number is made up: each is what the operator's registry said.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from glovebox import names
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, NETWORK_POLICY
from glovebox.settings import Lineage, LineageDestination
from simulation.loop import virtual_loop
from simulation.object_store import S3Error
from simulation.world import BUCKET, TEAM, World, experiment_spec, pin_spec

Json = dict[str, Any]
SCRAPE_SECONDS: Final = 15
_MINUTE: Final = 60.0
_MINUTES: Final = 75
_EXPERIMENTS: Final = 32
_AWAY: Final = (28 * _MINUTE, 35 * _MINUTE)
_LEFT_OUT: Final = ("process_", "python_")
_LABELS: Final = 'job="glovebox",instance="glovebox-operator-0"'


def record(seed: int) -> tuple[list[str], float, float]:
    """Play the story of a seed.

    Returns:
        Lines of OpenMetrics, and when they begin and end (Unix time).
    """
    lines: list[str] = []
    times: list[float] = []
    with virtual_loop(seed) as (loop, clock):
        world = World(seed, loop, clock, slowest=0.5)
        world.lineage = Lineage(
            enabled=True,
            destinations=(
                LineageDestination(name="catalogue", url="https://catalogue.example/lineage"),
            ),
        )
        dice = random.Random(f"pictures {seed}")  # noqa: S311 - a simulation

        async def story() -> None:
            world.prepare()
            world.actors.run_ends = lambda _: (dice.uniform(1, 12) * _MINUTE, dice.random() > 0.15)
            world.actors.run_writes = lambda pod: _write(world, pod)
            process = world.process("operator-0", elects=True)
            process.start()
            group = [asyncio.create_task(each) for each in _happenings(world, dice)]
            for _ in range(_MINUTES * 60 // SCRAPE_SECONDS):
                await asyncio.sleep(SCRAPE_SECONDS)
                if process.operator is not None:
                    times.append(clock.now().timestamp())
                    lines.extend(_page(process.operator.registry, times[-1]))
            for task in group:
                if task.done():
                    task.result()
                task.cancel()
            world.actors.stop()
            await process.kill()

        loop.run_until_complete(story())
    return lines, times[0], times[-1]


def _happenings(world: World, dice: random.Random) -> Iterator[Any]:
    world.declare(DATASET_PIN, "months", pin_spec())
    world.declare(DATASET_PIN, "later-months", pin_spec("later/"))
    for number in range(_EXPERIMENTS):
        yield _one(world, f"run-{number:02}", dice.uniform(1, 62) * _MINUTE, dice)
    yield _refused(world)
    yield _meddling(world, dice)
    yield _outage(world)


async def _one(world: World, name: str, begins: float, dice: random.Random) -> None:
    await asyncio.sleep(begins)
    world.declare(EXPERIMENT, name, experiment_spec(**_inputs(dice)))
    if dice.random() < 0.25:
        await asyncio.sleep(dice.uniform(4, 14) * _MINUTE)
        world.remove(EXPERIMENT, TEAM, name)


def _inputs(dice: random.Random) -> dict[str, Any]:
    """Return what one reads: some nothing, and a few learn from what others are judged by."""
    drawn = dice.random()
    if drawn < 0.1:
        return {"pin": "later-months"}
    return {"pin": "months", "test_pin": "later-months"} if drawn < 0.7 else {}


async def _refused(world: World) -> None:
    await asyncio.sleep(12 * _MINUTE)
    stages = [{"name": "train", "image": "trainer", "command": ["true"], "retries": 99}]
    world.declare(EXPERIMENT, "greedy", experiment_spec(stages=stages))
    await asyncio.sleep(30 * _MINUTE)
    world.remove(EXPERIMENT, TEAM, "greedy")


async def _meddling(world: World, dice: random.Random) -> None:
    await asyncio.sleep(15 * _MINUTE)
    for _ in range(18):
        await asyncio.sleep(dice.uniform(0.5, 3) * _MINUTE)
        spaces = [
            each["metadata"]["namespace"]
            for each in world.server.everything(NETWORK_POLICY)
            if each["metadata"]["name"] == names.NETWORK_POLICY_DEFAULT_DENY
        ]
        if spaces:
            where = dice.choice(spaces)
            world.remove(NETWORK_POLICY, where, names.NETWORK_POLICY_DEFAULT_DENY)


async def _outage(world: World) -> None:
    def away(*_: str) -> None:
        raise S3Error(503, "ServiceUnavailable")

    begins, ends = _AWAY
    await asyncio.sleep(begins)
    world.store.fault = away
    await asyncio.sleep(ends - begins)
    world.store.fault = lambda *_: None


def _write(world: World, pod: Json) -> None:
    """Let a run write a result below its prefix."""
    namespace = pod["metadata"]["namespace"]
    for each in world.server.everything(EXPERIMENT):
        status = each.get("status") or {}
        if status.get("namespace") == namespace:
            prefix = status["artifacts"]["uri"].removeprefix(f"s3://{BUCKET}/")
            bucket = world.store.buckets[BUCKET]
            world.store._store(bucket, f"{prefix}model.bin", b"weights", "", None, "")


def _page(registry: CollectorRegistry, time: float) -> Iterator[str]:
    for family in registry.collect():
        for sample in family.samples:
            # Memory and processor would be those of the simulation.
            if not sample.name.startswith(_LEFT_OUT) and not sample.name.endswith("_created"):
                yield f"{sample.name}{{{_labels(sample)}}} {sample.value} {time:.3f}"


def _labels(sample: Sample) -> str:
    own = "".join(f',{name}="{_escaped(value)}"' for name, value in sample.labels.items())
    return f"{_LABELS}{own}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
