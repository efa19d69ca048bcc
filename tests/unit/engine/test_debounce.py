"""Many calls make one piece of work, a call during it another, and a failure is tried again."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from glovebox.engine.backoff import LONGEST_SECONDS
from glovebox.engine.debounce import Debounced
from glovebox.errors import GloveboxError, Unavailable
from support.virtual_time import now, run

LOST = Unavailable("ApiUnavailable", "no answer")


def test_many_calls_make_one_piece_of_work_and_a_call_during_it_another() -> None:
    done = 0

    async def scene() -> None:
        nonlocal done

        async def work() -> None:
            nonlocal done
            done += 1
            if done == 1:
                begin()  # it has looked already, and did not see what this call is about
            await asyncio.sleep(0.1)

        begin = Debounced(work, "sweep")
        begin()
        begin()
        await asyncio.sleep(60)
        assert done == 2
        begin()
        await asyncio.sleep(60)
        assert done == 3

    run(scene())


@pytest.mark.parametrize("error", [LOST, RuntimeError("a bug")], ids=["lost", "a bug"])
def test_what_fails_is_done_again_until_it_succeeds(error: Exception) -> None:
    times: list[float] = []

    async def scene() -> None:
        async def work() -> None:
            times.append(now())
            if len(times) < 9:
                raise error

        Debounced(work, "sweep")()
        await asyncio.sleep(3_600)

    run(scene())
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 9
    assert waits[0] <= 2.0
    assert LONGEST_SECONDS <= max(waits) <= LONGEST_SECONDS + 1.0


def test_a_call_does_not_wait_for_the_end_of_a_pause() -> None:
    times: list[float] = []

    async def scene() -> None:
        async def work() -> float | None:
            times.append(now())
            return 500.0 if len(times) == 1 else None

        begin = Debounced(work, "sweep")
        begin()
        await asyncio.sleep(10)
        begin()
        await asyncio.sleep(5)
        assert len(times) == 2

    run(scene())


def test_nothing_is_done_once_it_is_closed() -> None:
    tried = 0

    async def scene() -> None:
        async def work() -> None:
            nonlocal tried
            tried += 1
            raise GloveboxError("X", "again")

        begin = Debounced(work, "sweep")
        begin()
        await asyncio.sleep(1.5)
        await begin.close()
        await asyncio.sleep(600)

    run(scene())
    assert tried == 1
