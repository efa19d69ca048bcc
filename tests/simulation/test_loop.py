"""The loop itself: time jumps, order follows the seed, nothing sleeps, deadlocks are reported."""

from __future__ import annotations

import asyncio
import time

import pytest

from simulation.loop import PROCESS, START, DeadlockError, RunawayError, virtual_loop


def test_an_hour_goes_by_at_once_for_every_clock() -> None:
    async def program() -> tuple[float, float]:
        first = time.monotonic()
        await asyncio.sleep(3600)
        return time.monotonic() - first, time.time()

    started = time.perf_counter()
    with virtual_loop(1) as (loop, clock):
        passed, wall = loop.run_until_complete(program())
        assert passed == 3600
        assert wall == clock.now().timestamp() == START.timestamp() + 3600
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_order_and_another_one_another(seed: int) -> None:
    def order(with_seed: int) -> list[int]:
        said: list[int] = []

        async def speak(number: int) -> None:
            await asyncio.sleep(1)
            said.append(number)

        async def program() -> None:
            await asyncio.gather(*(speak(number) for number in range(20)))

        with virtual_loop(with_seed) as (loop, _):
            loop.run_until_complete(program())
        return said

    assert order(seed) == order(seed)
    assert order(seed) != order(seed + 1)
    assert sorted(order(seed)) == list(range(20))


def test_callbacks_that_are_ready_keep_the_order_that_asyncio_promises() -> None:
    said: list[int] = []
    with virtual_loop(3) as (loop, _):
        for number in range(50):
            loop.call_soon(said.append, number)
        loop.run_until_complete(asyncio.sleep(0))
    assert said == list(range(50))


def test_a_deadlock_names_who_waits() -> None:
    async def waits_for_nobody() -> None:
        await asyncio.Event().wait()

    with (
        virtual_loop(1) as (loop, _),
        pytest.raises(DeadlockError, match=r"nothing is due[\s\S]*Task-"),
    ):
        loop.run_until_complete(waits_for_nobody())


def test_a_program_that_spins_without_time_going_by_is_stopped() -> None:
    async def spins() -> None:
        while True:  # noqa: ASYNC110 - that is what it is for
            await asyncio.sleep(0)

    with virtual_loop(1) as (loop, _), pytest.raises(RunawayError):
        loop.run_until_complete(spins())


def test_a_call_in_an_executor_takes_time_and_no_thread() -> None:
    async def program() -> tuple[str, float]:
        before = time.monotonic()
        answer = await asyncio.to_thread(lambda: "done")
        return answer, time.monotonic() - before

    with virtual_loop(1) as (loop, _):
        answer, seconds = loop.run_until_complete(program())
    assert answer == "done"
    assert 0 < seconds < 1


def test_the_wall_clock_jumps_and_the_monotonic_one_does_not() -> None:
    with virtual_loop(1) as (loop, clock):
        before = loop.time()
        clock.jump(-7200)
        assert loop.time() == before
        assert (START - clock.now()).total_seconds() == 7200


def test_a_stopped_process_does_nothing_and_is_late_when_it_goes_on() -> None:
    said: list[tuple[str, float]] = []

    async def tick(name: str) -> None:
        PROCESS.set(name)
        for _ in range(4):
            await asyncio.sleep(1)
            said.append((name, time.monotonic()))

    async def program() -> None:
        begin = time.monotonic()
        both = asyncio.gather(tick("a"), tick("b"))
        await asyncio.sleep(1.5)
        loop.stop_process("a")
        await asyncio.sleep(10)
        loop.continue_process("a")
        await both
        said[:] = [(name, round(at - begin, 3)) for name, at in said]

    with virtual_loop(1) as (loop, _):
        loop.run_until_complete(program())
    assert [at for name, at in said if name == "b"] == [1, 2, 3, 4]
    assert [at for name, at in said if name == "a"] == [1, 11.5, 12.5, 13.5]
