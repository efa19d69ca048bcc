"""A repair that has to pause is looked at again as urgently as before."""

from __future__ import annotations

import asyncio

from glovebox.engine.key_queue import Priority
from glovebox.engine.result import DONE, Result
from glovebox.engine.workers import WorkClass, Workers


class Nothing:
    def reconcile_started(self, controller): ...
    def reconcile_ended(self, controller, result, seconds): ...
    def reconcile_failed(self, controller, reason): ...
    def reconciles_stuck(self, queue, number): ...


class Traits:
    def work_class(self, key):
        return "cluster"

    def tenant(self, key):
        return key.split("/")[0]

    def controller(self, key):
        return "x"

    def describe(self, key):
        return {}

    def outcome(self, key):
        return "success"


def test_a_repair_that_paused_goes_on_before_a_crowd() -> None:
    async def play():
        loop = asyncio.get_running_loop()
        times = []

        async def reconcile(key):
            if key == "fought/x":
                times.append(loop.time())
                # As a contended policy does: `fight_pause` is a second at most.
                return Result(retry_seconds=1.0) if len(times) == 1 else DONE
            await asyncio.sleep(0.05)
            return DONE

        workers = Workers(
            reconcile,
            {"cluster": WorkClass(9, reserved=1)},
            Traits(),
            Nothing(),
            jitter=lambda: 0.5,
        )
        running = asyncio.create_task(workers.run())
        for number in range(1500):
            workers.wake(f"team-{number}/x", Priority.NORMAL)
        workers.wake("fought/x", Priority.REPAIR)
        while len(times) < 2 and len(workers.queues["cluster"]):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        running.cancel()
        await asyncio.wait([running])
        return times

    times = asyncio.run(play())
    print(times[1] - times[0])
    assert times[1] - times[0] < 2.0
