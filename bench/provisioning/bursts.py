"""Creates Experiments and sees by a watch when each is Ready."""

from __future__ import annotations

import asyncio
import time

from bench.provisioning.raw import Json, Raw, spread

from glovebox.kube.kinds import EXPERIMENT

_POSTERS = 8


def is_ready(obj: Json) -> bool:
    """Tell whether a resource is Ready in its newest generation."""
    status = obj.get("status") or {}
    if status.get("observedGeneration") != obj["metadata"]["generation"]:
        return False
    return any(
        entry["type"] == "Ready" and entry["status"] == "True"
        for entry in status.get("conditions") or ()
    )


class ReadyWatch:
    """Knows when each of some Experiments was first seen Ready; no others of their namespace."""

    def __init__(self, raw: Raw, experiments: list[Json]) -> None:
        self._raw = raw
        self._path = EXPERIMENT.path(experiments[0]["metadata"]["namespace"])
        self._names = {experiment["metadata"]["name"] for experiment in experiments}
        self.ready: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Begin to watch, from what is there now."""
        version = await self._raw.version(self._path)
        self._task = asyncio.create_task(self._follow(version))

    async def _follow(self, version: str) -> None:
        async for event in self._raw.watch(self._path, version):
            obj = event["object"]
            name = obj["metadata"]["name"]
            if name in self._names and name not in self.ready and is_ready(obj):
                self.ready[name] = time.monotonic()
                self._news.set()

    async def wait(self, names: set[str], seconds: float) -> bool:
        """Wait until all these are Ready, at most so long; return whether they are."""
        deadline = time.monotonic() + seconds
        while not names <= self.ready.keys():
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.01, deadline - time.monotonic()))
            except TimeoutError:
                return names <= self.ready.keys()
        return True

    def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()


async def burst(user: Raw, watcher: Raw, experiments: list[Json], *, wait_seconds: float) -> Json:
    """Create all at once and wait until the last is Ready."""
    namespace = experiments[0]["metadata"]["namespace"]
    watch = ReadyWatch(watcher, experiments)
    await watch.start()
    posted: dict[str, float] = {}
    waiting = list(reversed(experiments))

    async def post() -> None:
        while waiting:
            experiment = waiting.pop()
            posted[experiment["metadata"]["name"]] = time.monotonic()
            await user.send("POST", EXPERIMENT.path(namespace), experiment)

    started = time.monotonic()
    await asyncio.gather(*(post() for _ in range(_POSTERS)))
    all_posted = time.monotonic()
    complete = await watch.wait(set(posted), wait_seconds)
    watch.stop()
    last = max(watch.ready.values(), default=started)
    return {
        "count": len(experiments),
        "ready": len(watch.ready),
        "complete": complete,
        "seconds": last - started,
        "posting_seconds": all_posted - started,
        "rate": len(watch.ready) / (last - started) if last > started else 0.0,
        "times": spread([at - posted[name] for name, at in watch.ready.items() if name in posted]),
    }


async def one_by_one(
    user: Raw, watcher: Raw, experiments: list[Json], *, pause: float, wait_seconds: float
) -> Json:
    """Create one after the other: each when the last is Ready and the cluster had a rest."""
    namespace = experiments[0]["metadata"]["namespace"]
    watch = ReadyWatch(watcher, experiments)
    await watch.start()
    times: list[float] = []
    for experiment in experiments:
        name = experiment["metadata"]["name"]
        started = time.monotonic()
        await user.send("POST", EXPERIMENT.path(namespace), experiment)
        if await watch.wait({name}, wait_seconds):
            times.append(watch.ready[name] - started)
        await asyncio.sleep(pause)
    watch.stop()
    return {
        "count": len(experiments),
        "ready": len(times),
        "complete": len(times) == len(experiments),
        "times": spread(times),
    }
