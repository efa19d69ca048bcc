"""Many calls for a sweep make one, and a call during a sweep makes another."""

from __future__ import annotations

import asyncio

import pytest

from glovebox.controllers import operator
from glovebox.errors import Fenced, Unavailable


def test_a_call_while_the_work_is_done_calls_for_it_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operator, "_SUSPECT_SECONDS", 0.0)
    done = 0

    async def story() -> None:
        nonlocal done

        async def work() -> None:
            nonlocal done
            done += 1
            if done == 1:
                begin()  # it has looked already, and did not see what this call is about
            await asyncio.sleep(0)

        begin = operator._debounced(work)
        begin()
        begin()
        for _ in range(10):
            await asyncio.sleep(0)
        assert done == 2
        begin()
        for _ in range(10):
            await asyncio.sleep(0)
        assert done == 3

    asyncio.run(story())


def test_work_that_failed_is_done_again_until_it_succeeds_or_may_not_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operator, "_SUSPECT_SECONDS", 0.0)
    done = 0

    async def story() -> None:
        nonlocal done
        answers: list[Exception | None] = [
            Unavailable("NotNow", "refused"),
            Unavailable("NotNow", "refused again"),
            None,
            Fenced("NotLeading", "another replica leads"),
        ]

        async def work() -> None:
            nonlocal done
            answer = answers[done]
            done += 1
            if answer is not None:
                raise answer

        begin = operator._debounced(work)
        begin()
        for _ in range(20):
            await asyncio.sleep(0)
        assert done == 3, "two failures, and a success after which nobody called"
        begin()
        for _ in range(20):
            await asyncio.sleep(0)
        assert done == 4, "a replica that may not write does not try again"

    asyncio.run(story())
