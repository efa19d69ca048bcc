"""Threads of jobs wait while the event loop is at work, and are never kept for good."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from glovebox.store.connection import Pools, Stop, Store, StoreSettings
from glovebox.store.loop_first import PATIENCE_SECONDS, TURN_SECONDS, LoopFirst

if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """Keeps what it is asked for until it rests."""

    def __init__(self, *, closed: bool = False) -> None:
        self.asked: list[Callable[[], None]] = []
        self._closed = closed

    def call_soon_threadsafe(self, call: Callable[[], None]) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        self.asked.append(call)

    def rest(self) -> None:
        for call in self.asked:
            call()
        self.asked.clear()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def deferring_to(loop: Loop, clock: Clock) -> LoopFirst:
    first = LoopFirst(clock)
    first.serve(cast("Any", loop))
    return first


def in_a_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_thread_waits_until_the_loop_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glovebox.store.loop_first.PATIENCE_SECONDS", 30.0)
    loop, clock = Loop(), Clock()
    first = deferring_to(loop, clock)
    waiting = [in_a_thread(first.give_way) for _ in range(3)]
    waiting[0].join(0.05)
    assert all(each.is_alive() for each in waiting)
    assert len(loop.asked) == 1  # whoever waits, it is asked once
    loop.rest()
    for each in waiting:
        each.join(10)
        assert not each.is_alive()


def test_after_a_rest_threads_have_their_turn_before_they_ask_again() -> None:
    loop, clock = Loop(), Clock()
    first = deferring_to(loop, clock)
    waiting = in_a_thread(first.give_way)
    while not loop.asked:
        waiting.join(0.001)
    loop.rest()
    waiting.join(10)
    first.give_way()
    assert loop.asked == []
    clock.now += 2 * TURN_SECONDS
    first.give_way()
    assert len(loop.asked) == 1


def test_of_a_loop_that_never_rests_threads_get_their_turn_all_the_same() -> None:
    loop, clock = Loop(), Clock()
    first = deferring_to(loop, clock)
    first.give_way()  # waits its time, and goes on
    assert len(loop.asked) == 1
    first.give_way()
    assert len(loop.asked) == 1  # its turn: it does not ask
    clock.now += 2 * TURN_SECONDS
    first.give_way()
    assert len(loop.asked) == 2
    assert TURN_SECONDS < PATIENCE_SECONDS


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "none"])
def test_without_a_loop_nobody_waits(*, closed: bool) -> None:
    clock = Clock()
    first = deferring_to(Loop(closed=True), clock) if closed else LoopFirst(clock)
    first.give_way()
    first.give_way()


async def test_a_job_lets_the_loop_go_first_whenever_it_looks_whether_to_stop() -> None:
    pools = Pools(control=1, jobs=1, reads=1)
    store = Store(StoreSettings("http://nowhere"), pools)
    asked: list[asyncio.AbstractEventLoop] = []
    pools.loop_first.serve = asked.append  # type: ignore[method-assign, assignment]
    gave_way = threading.Event()
    pools.loop_first.give_way = gave_way.set  # type: ignore[method-assign]
    try:
        await store.run_job(Stop.check)
        assert gave_way.is_set()
        assert asked == [asyncio.get_running_loop()]
    finally:
        pools.close()
