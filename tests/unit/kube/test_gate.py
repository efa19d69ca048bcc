"""The most urgent goes next, nobody is lost, and a cancelled waiter leaves no hole."""

from __future__ import annotations

import asyncio

import pytest

from glovebox.kube.gate import Gate, urgency


async def through(
    gate: Gate, name: str, urgent: int, log: list[str], *, leave: asyncio.Event | None = None
) -> None:
    urgency.set(urgent)
    async with gate:
        log.append(name)
        if leave is not None:
            await leave.wait()


async def test_the_most_urgent_goes_next_and_equals_keep_their_order() -> None:
    gate, log, leave = Gate(1), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(through(gate, "inside", 1, log, leave=leave))]
    await asyncio.sleep(0)
    for name, urgent in (("new", 1), ("swept", 2), ("repair", 0), ("newer", 1)):
        tasks.append(asyncio.create_task(through(gate, name, urgent, log)))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(*tasks)
    assert log == ["inside", "repair", "new", "newer", "swept"]


@pytest.mark.parametrize(
    "after_its_turn",
    [pytest.param(False, id="while it waits"), pytest.param(True, id="at the moment it is let in")],
)
async def test_a_cancelled_waiter_gives_its_place_to_the_next(*, after_its_turn: bool) -> None:
    gate, log, leave = Gate(1), list[str](), asyncio.Event()
    first = asyncio.create_task(through(gate, "first", 1, log, leave=leave))
    await asyncio.sleep(0)
    gone = asyncio.create_task(through(gate, "gone", 0, log))
    last = asyncio.create_task(through(gate, "last", 1, log))
    await asyncio.sleep(0)
    if after_its_turn:
        leave.set()
        await asyncio.sleep(0)  # `first` leaves and lets `gone` in, which has not run yet
    gone.cancel()
    leave.set()
    async with asyncio.timeout(1):
        await asyncio.gather(first, last)
        await asyncio.gather(gone, return_exceptions=True)
    assert log[-1] == "last"
    async with asyncio.timeout(1), gate:
        pass
