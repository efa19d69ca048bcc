"""The process is alive while its loop beats and its workers run, however long a reconcile takes."""

from __future__ import annotations

import asyncio

from glovebox.engine.liveness import STALE_SECONDS, Liveness
from support.virtual_time import VirtualLoop, run


def test_a_loop_that_beats_is_alive_for_hours() -> None:
    async def test() -> str:
        liveness = Liveness(list)
        beat = asyncio.create_task(liveness.run())
        await asyncio.sleep(7_200)
        beat.cancel()
        return liveness.problem()

    assert run(test()) == ""


def test_a_loop_that_is_blocked_is_not() -> None:
    async def test() -> tuple[str, str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        liveness = Liveness(list)
        beat = asyncio.create_task(liveness.run())
        await asyncio.sleep(7)
        loop._now += STALE_SECONDS - 3  # somebody computes on the loop
        soon = liveness.problem()
        loop._now += 3
        late = liveness.problem()
        beat.cancel()
        return soon, late

    assert run(test()) == ("", "the event loop has not run for 32 s")


def test_a_worker_that_ended_is_a_reason_to_restart() -> None:
    async def test() -> str:
        return Liveness(lambda: ["cluster-3"]).problem()

    assert run(test()) == "workers ended: cluster-3"
