"""Random lives of the queue against a model of it, and its fairness under random loads."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from glovebox.engine.key_queue import AGEING_SECONDS, KeyQueue, Priority
from support.virtual_time import VirtualLoop, now, run

T = TypeVar("T")

WORKERS, RESERVED = 5, 1
HALF = WORKERS // 2
KEYS = st.sampled_from(("a/0", "a/1", "a/2", "b/0", "b/1", "c/0"))
PRIORITIES = st.sampled_from(Priority)


def tenant(key: str) -> str:
    """Return the namespace of a key."""
    return key.partition("/")[0]


class QueueMachine(RuleBasedStateMachine):
    """Does what callers, timers and workers do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.queue: KeyQueue[str] = KeyQueue(tenant, workers=WORKERS, reserved=RESERVED)
        self.ready: dict[str, tuple[Priority, float]] = {}
        self.delayed: dict[str, tuple[float, Priority]] = {}
        self.working: dict[str, Priority] = {}
        self.again: dict[str, Priority] = {}

    def teardown(self) -> None:
        """Close the loop."""
        self.loop.close()

    def on_loop(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a step, and what it made ready, on the machine's own loop."""
        return self.loop.run_until_complete(main)

    @rule(key=KEYS, priority=PRIORITIES)
    def add(self, key: str, priority: Priority) -> None:
        """An event."""

        async def step() -> None:
            self.queue.add(key, priority)

        self.on_loop(step())
        self.model_add(key, priority)

    @rule(key=KEYS, seconds=st.integers(1, 30), priority=PRIORITIES)
    def add_after(self, key: str, seconds: int, priority: Priority) -> None:
        """A timer."""

        async def step() -> None:
            self.queue.add_after(key, seconds, priority)

        self.on_loop(step())
        self.model_add_after(key, seconds, priority)

    @rule()
    def take(self) -> None:
        """A worker is free."""

        async def step() -> tuple[str, Priority] | None:
            taker = asyncio.create_task(self.queue.take())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if taker.done():
                return taker.result()
            taker.cancel()
            return None

        taken = self.on_loop(step())
        if taken is None:
            self.expect_nothing_may_start()
        else:
            self.expect_rightly_taken(*taken)

    @precondition(lambda self: self.working)
    @rule(data=st.data(), outcome=st.sampled_from(("done", "retry", "broken off")))
    def end(self, data: st.DataObject, outcome: str) -> None:
        """A reconcile ends."""
        key = data.draw(st.sampled_from(sorted(self.working)))
        priority = self.working[key]

        async def step() -> None:
            if outcome == "broken off":
                self.queue.give_back(key, priority)
                return
            if outcome == "retry":
                self.queue.add_after(key, 3, priority)
            self.queue.done(key)

        self.on_loop(step())
        if outcome == "retry":
            self.model_add_after(key, 3, priority)
        if outcome == "broken off":
            self.again[key] = min(priority, self.again.get(key, priority))
        del self.working[key]
        if key in self.again:
            self.model_add(key, self.again.pop(key))

    @rule(seconds=st.integers(1, 20))
    def time_goes_by(self, seconds: int) -> None:
        """Timers become due, keys age."""
        until = self.loop.time() + seconds
        for key, (when, priority) in sorted(self.delayed.items(), key=lambda one: one[1][0]):
            if when <= until:
                del self.delayed[key]
                self.model_add(key, priority, when)
        self.on_loop(asyncio.sleep(seconds + 0.001))

    @invariant()
    def nothing_is_lost(self) -> None:
        """What the model holds, the queue holds."""
        assert len(self.queue) == len(self.ready)
        assert self.queue.delayed == len(self.delayed)
        assert {key for key, _ in self.on_loop(self.running())} == set(self.working)

    async def running(self) -> list[tuple[str, float]]:
        """Return what the queue says is being worked on."""
        return list(self.queue.running())

    def model_add(self, key: str, priority: Priority, at: float | None = None) -> None:
        """Make a key of the model ready."""
        if key in self.delayed:
            priority = min(priority, self.delayed.pop(key)[1])
        if key in self.working:
            self.again[key] = min(priority, self.again.get(key, priority))
            return
        since = self.loop.time() if at is None else at
        known = self.ready.get(key, (priority, since))
        self.ready[key] = (min(priority, known[0]), known[1])

    def model_add_after(self, key: str, seconds: int, priority: Priority) -> None:
        """Make a key of the model ready later."""
        if key in self.ready:
            self.ready[key] = (min(priority, self.ready[key][0]), self.ready[key][1])
        elif key in self.again:
            self.again[key] = min(priority, self.again[key])
        else:
            when = self.loop.time() + seconds
            known = self.delayed.get(key, (when, priority))
            self.delayed[key] = (min(when, known[0]), min(priority, known[1]))

    def expect_nothing_may_start(self) -> None:
        """Nobody was handed a key: nothing was ready, or the workers were full."""
        repairs = [key for key, (priority, _) in self.ready.items() if not priority]
        out = Counter(priority is Priority.REPAIR for priority in self.working.values())
        if len(self.working) >= WORKERS or not self.ready:
            return
        assert not repairs or out[True] >= HALF
        assert len(repairs) == len(self.ready) or out[False] >= WORKERS - RESERVED

    def expect_rightly_taken(self, key: str, priority: Priority) -> None:
        """The key that was handed out was ready, with that priority, and was the one to go next."""
        assert key not in self.working
        assert key in self.ready
        assert self.ready[key][0] is priority
        repairs = {one for one, (level, _) in self.ready.items() if level is Priority.REPAIR}
        others = set(self.ready) - repairs
        out = Counter(level is Priority.REPAIR for level in self.working.values())
        if repairs and out[True] < HALF:
            assert key in repairs
        if key in repairs:
            assert out[True] < HALF or not others
        else:
            assert out[False] < WORKERS - RESERVED
            self.expect_share(key, others)
        rank = self.rank(key)
        same = (repairs if key in repairs else others) - {key}
        assert all(self.rank(one) >= rank for one in same if tenant(one) == tenant(key))
        del self.ready[key]
        self.working[key] = priority

    def expect_share(self, key: str, others: set[str]) -> None:
        """A tenant goes beyond the half only when all who wait are there as well."""
        running = Counter(tenant(one) for one in self.working)
        if running[tenant(key)] >= HALF:
            assert all(running[tenant(one)] >= HALF for one in others)

    def rank(self, key: str) -> float:
        """Return the time of arrival, less ten seconds a level."""
        priority, since = self.ready[key]
        return round(since + AGEING_SECONDS * priority, 6)


QueueMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestQueueMachine = QueueMachine.TestCase


@settings(max_examples=20, deadline=None)
@given(
    workers=st.integers(1, 6),
    costs=st.lists(st.floats(0.05, 2.0), min_size=2, max_size=5),
    burst=st.integers(4, 50),
)
def test_tenants_that_always_have_work_get_equal_time(
    workers: int, costs: list[float], burst: int
) -> None:
    used = [0.0] * len(costs)

    async def test() -> None:
        q: KeyQueue[tuple[int, int]] = KeyQueue(lambda key: str(key[0]), workers=workers)

        async def work() -> None:
            while True:
                key, _ = await q.take()
                await asyncio.sleep(costs[key[0]])
                used[key[0]] += costs[key[0]]
                q.add(key)
                q.done(key)

        for number, _ in enumerate(costs):
            # Each has as many keys as it could use, and the first one a burst of them.
            for key in range(max(workers + 1, burst if number == 0 else 0)):
                q.add((number, key))
        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        await asyncio.sleep(30)
        for task in tasks:
            task.cancel()

    run(test())
    assert max(used) - min(used) <= 2 * (workers + 1) * max(costs)


@settings(max_examples=20, deadline=None)
@given(
    repairs=st.integers(1, 12),
    load=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=8),
    at=st.floats(0.0, 5.0),
)
def test_a_repair_starts_within_the_length_of_the_repairs_before_it_whatever_the_load(
    repairs: int, load: list[float], at: float
) -> None:
    async def test() -> float:
        q: KeyQueue[str] = KeyQueue(tenant, workers=WORKERS, reserved=RESERVED)
        asked = 0.0
        latest = 0.0

        async def work() -> None:
            nonlocal latest
            while True:
                key, priority = await q.take()
                if priority is Priority.REPAIR:
                    latest = now()
                    await asyncio.sleep(1.0)
                    q.done(key)
                    continue
                await asyncio.sleep(load[int(key.partition("/")[2]) % len(load)])
                q.add(key)
                q.done(key)

        for number in range(40):
            q.add(f"{number % 7}/{number}")
        tasks = [asyncio.create_task(work()) for _ in range(WORKERS)]
        await asyncio.sleep(at)
        asked = now()
        for number in range(repairs):
            q.add(f"{number % 3}/broken{number}", Priority.REPAIR)
        await asyncio.sleep(30)
        for task in tasks:
            task.cancel()
        return latest - asked

    # The first starts at once on the reserved worker, the second within one job of the load.
    assert run(test()) <= math.ceil(repairs / HALF) + 0.001
