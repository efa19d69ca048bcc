"""The load generator: one task in, one result out.

A process of its own, so that it disturbs what is measured as little as can be.

The task is JSON in the file that is its argument, the result JSON on standard output; its processor
time goes along.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import uvloop
from bench.provisioning import bursts, ceiling, damage
from bench.provisioning.raw import Json, Raw

from glovebox.kube.kinds import NETWORK_POLICY


async def _ceiling(task: Json) -> Json:
    async with Raw(Path(task["operator"])) as operator, Raw(Path(task["user"])) as user:
        return await ceiling.measure(
            operator, user, task["ones"], whole=task["whole"], one_by_one=task["one_by_one"]
        )


async def _clear(task: Json) -> Json:
    async with Raw(Path(task["user"])) as user:
        return {"removed": await ceiling.clear(user, task["namespace"])}


async def _burst(task: Json) -> Json:
    async with Raw(Path(task["user"]), 8) as user, Raw(Path(task["user"]), 2) as watcher:
        if task["one_by_one"]:
            return await bursts.one_by_one(
                user,
                watcher,
                task["experiments"],
                pause=task["pause"],
                wait_seconds=task["wait_seconds"],
            )
        return await bursts.burst(
            user, watcher, task["experiments"], wait_seconds=task["wait_seconds"]
        )


async def _damage(task: Json) -> Json:
    async with Raw(Path(task["user"]), 4) as user, Raw(Path(task["user"]), 4) as watcher:
        return await damage.repairs(
            user,
            watcher,
            set(task["namespaces"]),
            count=task["count"],
            pause=task["pause"],
            seed=task["seed"],
            wait_seconds=task["wait_seconds"],
            while_pid=task.get("while_pid"),
        )


async def _absence(task: Json) -> Json:
    """Delete objects while no operator runs, say so in a line, then wait until they are back."""
    async with Raw(Path(task["user"]), 4) as user, Raw(Path(task["user"]), 2) as watcher:
        victims = await damage.delete_some(user, task["namespaces"], task["count"], task["seed"])
        sights = damage.Sights(watcher, NETWORK_POLICY)
        await sights.start()
        print("deleted", flush=True)
        back = await damage.wait_back(victims, sights, task["wait_seconds"])
        sights.stop()
        return {"deleted": len(victims), "back": back}


TASKS: dict[str, Callable[[Json], Awaitable[Json]]] = {
    "ceiling": _ceiling,
    "clear": _clear,
    "burst": _burst,
    "damage": _damage,
    "absence": _absence,
}


async def work(task: Json) -> Json:
    """Do the task; the time that its imports took counts in `cpu_total` alone."""
    before = time.process_time()
    result = await TASKS[task["task"]](task)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result |= {"cpu": time.process_time() - before, "cpu_total": usage.ru_utime + usage.ru_stime}
    return result


def main() -> None:
    """Read the task, print the result."""
    result = uvloop.run(work(orjson.loads(Path(sys.argv[1]).read_bytes())))
    sys.stdout.buffer.write(orjson.dumps(result) + b"\n")


if __name__ == "__main__":
    main()
