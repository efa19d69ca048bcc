"""Damages objects of experiments and sees by a watch when each is as it was."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path

from bench.provisioning.raw import Json, Raw, spread

from glovebox.kube.kinds import NETWORK_POLICY, RESOURCE_QUOTA, Kind

_MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Sight:
    """One state of an object, and when the watch told it."""

    at: float
    version: int
    uid: str
    spec: Json | None


class Sights:
    """The last states of all objects of a kind, as a watch tells them."""

    def __init__(self, raw: Raw, kind: Kind) -> None:
        self._raw = raw
        self._kind = kind
        self._seen: dict[tuple[str, str], list[Sight]] = {}
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch, from what is there now."""
        version = await self._raw.version(self._kind.path())
        self._task = asyncio.create_task(self._follow(version))

    def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()

    async def _follow(self, version: str) -> None:
        async for event in self._raw.watch(self._kind.path(), version):
            metadata = event["object"]["metadata"]
            spec = None if event["type"] == "DELETED" else event["object"]["spec"]
            sight = Sight(time.monotonic(), int(metadata["resourceVersion"]), metadata["uid"], spec)
            async with self._news:
                self._seen.setdefault((metadata["namespace"], metadata["name"]), []).append(sight)
                self._news.notify_all()

    def forget(self, obj: Json) -> None:
        """Forget what was seen of an object before it is damaged (again)."""
        self._seen.pop((obj["metadata"]["namespace"], obj["metadata"]["name"]), None)

    async def restored(self, before: Json, version: int, wait_seconds: float) -> float | None:
        """Return when an object was first seen restored, after that version; None: not in time."""
        metadata = before["metadata"]
        key = (metadata["namespace"], metadata["name"])

        def found() -> float | None:
            return next(
                (
                    one.at
                    for one in self._seen.get(key, ())
                    if one.version > version and one.spec == before["spec"]
                ),
                None,
            )

        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: found() is not None), wait_seconds
                )
            except TimeoutError:
                return None
            return found()


async def objects_in(raw: Raw, kind: Kind, namespaces: set[str]) -> list[Json]:
    """Return the objects of a kind in these namespaces."""
    items: list[Json] = (await raw.send("GET", kind.path()))["items"]
    return [item for item in items if item["metadata"]["namespace"] in namespaces]


async def repairs(
    raw: Raw,
    watcher: Raw,
    namespaces: set[str],
    *,
    count: int,
    pause: float,
    seed: int,
    wait_seconds: float,
    while_pid: int | None = None,
) -> Json:
    """Delete a NetworkPolicy or edit a quota, at random, one after the other.

    Measured from sending the damage to seeing the repair.

    Args:
        raw: Who does the damage.
        watcher: Who sees the repair.
        namespaces: Where.
        count: How often, at most.
        pause: Seconds between a repair and the next damage.
        seed: Of the choice.
        wait_seconds: Seconds after which a repair counts as missing.
        while_pid: Stop when this process has ended: what it does is the burst that these repairs
            compete with.
    """
    chance = random.Random(seed)  # noqa: S311 - which objects are damaged is no secret
    policies = await objects_in(raw, NETWORK_POLICY, namespaces)
    quotas = await objects_in(raw, RESOURCE_QUOTA, namespaces)
    seen = {kind.kind: Sights(watcher, kind) for kind in (NETWORK_POLICY, RESOURCE_QUOTA)}
    for sights in seen.values():
        await sights.start()
    times: dict[str, list[float]] = {"deleted": [], "edited": []}
    missing = 0
    for number in range(count):
        if while_pid is not None and _ended(while_pid):
            break
        delete = number % 2 == 0
        victim = chance.choice(policies if delete else quotas)
        sights = seen[(NETWORK_POLICY if delete else RESOURCE_QUOTA).kind]
        sights.forget(victim)
        started = time.monotonic()
        version = await (_delete(raw, victim) if delete else _edit(raw, victim))
        back = await sights.restored(victim, version, wait_seconds)
        if back is None:
            missing += 1
        else:
            times["deleted" if delete else "edited"].append(back - started)
        await asyncio.sleep(pause)
    for sights in seen.values():
        sights.stop()
    every = times["deleted"] + times["edited"]
    return {
        "times": spread(every),
        "missing": missing,
        **{name: spread(values) for name, values in times.items()},
    }


def _ended(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


async def _delete(raw: Raw, victim: Json) -> int:
    metadata = victim["metadata"]
    await raw.send("DELETE", NETWORK_POLICY.path(metadata["namespace"], metadata["name"]))
    return int(metadata["resourceVersion"])


async def _edit(raw: Raw, victim: Json) -> int:
    metadata = victim["metadata"]
    path = RESOURCE_QUOTA.path(metadata["namespace"], metadata["name"])
    answer = await raw.send("PATCH", path, {"spec": {"hard": {"pods": "777"}}}, _MERGE)
    return int(answer["metadata"]["resourceVersion"])


async def delete_some(raw: Raw, namespaces: list[str], count: int, seed: int) -> list[Json]:
    """Delete one NetworkPolicy in each of so many experiments and return what was deleted."""
    chance = random.Random(seed)  # noqa: S311 - as above
    chosen = set(chance.sample(sorted(namespaces), min(count, len(namespaces))))
    victims = {
        item["metadata"]["namespace"]: item
        for item in await objects_in(raw, NETWORK_POLICY, chosen)
    }
    for victim in victims.values():
        await _delete(raw, victim)
    return list(victims.values())


async def wait_back(victims: list[Json], sights: Sights, wait_seconds: float) -> list[float]:
    """Return the moments at which the deleted objects were seen again."""
    found = await asyncio.gather(
        *(
            sights.restored(one, int(one["metadata"]["resourceVersion"]), wait_seconds)
            for one in victims
        )
    )
    return [at for at in found if at is not None]
