"""Many calls for a sweep make one, and a call during a sweep makes another."""

from __future__ import annotations

import asyncio

import pytest

from glovebox.controllers import operator


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
