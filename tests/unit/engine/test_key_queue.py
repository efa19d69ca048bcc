"""The queue's promises: each key once, never twice at a time, fair, ageing, nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from glovebox.engine.fairness import FairShare
from glovebox.engine.key_queue import KeyQueue, Priority
from support.virtual_time import run

RUNNING: set[asyncio.Task[None]] = set()


def queue(workers: int = 8, reserved: int = 0) -> KeyQueue[str]:
    """Return a queue whose keys are `namespace/name`, or belong to nobody."""
    return KeyQueue(lambda key: key.partition("/")[0], workers=workers, reserved=reserved)


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an asynchronous test on a loop whose clock jumps from timer to timer."""

    def wrapped() -> None:
        run(test())

    wrapped.__name__, wrapped.__doc__ = test.__name__, test.__doc__
    return wrapped


async def serve(q: KeyQueue[str], *keys: str) -> None:
    """Take exactly these keys, in this order, each until the next one."""
    for key in keys:
        taken, _ = await asyncio.wait_for(q.take(), 1)
        assert taken == key
        q.done(key)


async def nothing_to_take(q: KeyQueue[str]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(q.take(), 0.02)


@in_virtual_time
async def test_a_key_that_is_added_often_is_taken_once() -> None:
    q = queue()
    for _ in range(100):
        q.add("a")
    assert len(q) == 1
    await serve(q, "a")
    assert q.idle


@in_virtual_time
async def test_repairs_go_before_deletion_before_changes_before_resync() -> None:
    q = queue(workers=1)
    q.add("t/swept", Priority.RESYNC)
    q.add("t/new")
    q.add("t/newer")
    q.add("t/going", Priority.DELETION)
    q.add("t/broken", Priority.REPAIR)
    await serve(q, "t/broken", "t/going", "t/new", "t/newer", "t/swept")


@in_virtual_time
async def test_a_waiting_key_moves_up_but_never_down() -> None:
    q = queue(workers=1)
    q.add("t/other")
    q.add("t/a", Priority.RESYNC)
    q.add("t/a", Priority.REPAIR)
    q.add("t/a", Priority.RESYNC)
    await serve(q, "t/a", "t/other")
    assert len(q) == 0
    await nothing_to_take(q)


@pytest.mark.parametrize(
    ("waited", "first"),
    [
        pytest.param(9.0, "t/fresh", id="a level is worth more than nine seconds"),
        pytest.param(11.0, "t/old", id="eleven seconds are worth more than a level"),
    ],
)
def test_ten_seconds_of_waiting_are_worth_a_level(waited: float, first: str) -> None:
    async def test() -> None:
        q = queue()
        q.add("t/old", Priority.RESYNC)
        await asyncio.sleep(waited)
        q.add("t/fresh", Priority.NORMAL)
        assert (await q.take())[0] == first

    run(test())


@in_virtual_time
async def test_resync_is_not_starved_by_a_permanent_load_of_changes() -> None:
    q = queue(workers=1)
    q.add("t/swept", Priority.RESYNC)
    taken = ""
    for number in range(100):
        q.add(f"t/{number}")
        taken, _ = await q.take()
        await asyncio.sleep(0.5)
        q.add(f"t/{number}b")
        q.done(taken)
        if taken == "t/swept":
            break
    assert taken == "t/swept"
    assert asyncio.get_running_loop().time() < 1_100


@in_virtual_time
async def test_a_key_in_work_is_not_handed_out_again_until_done_and_then_once() -> None:
    q = queue()
    q.add("a")
    assert await q.take() == ("a", Priority.NORMAL)
    q.add("a")
    q.add("a", Priority.REPAIR)
    await nothing_to_take(q)
    q.done("a")
    assert await q.take() == ("a", Priority.REPAIR)
    q.done("a")
    assert q.idle


@in_virtual_time
async def test_the_priority_stays_with_the_timer() -> None:
    q = queue()
    q.add_after("a", 5, Priority.REPAIR)
    assert await q.take() == ("a", Priority.REPAIR)


@in_virtual_time
async def test_an_event_makes_a_delayed_key_ready_and_keeps_its_priority() -> None:
    q = queue()
    q.add_after("a", 3600, Priority.REPAIR)
    q.add("a", Priority.NORMAL)
    assert await asyncio.wait_for(q.take(), 1) == ("a", Priority.REPAIR)
    assert q.delayed == 0


@in_virtual_time
async def test_of_two_delays_the_shorter_counts_and_of_two_priorities_the_better() -> None:
    q = queue()
    q.add_after("a", 3600, Priority.DELETION)
    q.add_after("a", 0.01, Priority.RESYNC)
    q.add_after("a", 3600, Priority.NORMAL)
    assert await asyncio.wait_for(q.take(), 1) == ("a", Priority.DELETION)


@in_virtual_time
async def test_a_retry_of_a_key_that_changed_meanwhile_keeps_its_priority() -> None:
    q = queue()
    q.add("a", Priority.REPAIR)
    await q.take()
    q.add("a", Priority.NORMAL)
    q.add_after("a", 60, Priority.REPAIR)
    q.done("a")
    assert await asyncio.wait_for(q.take(), 1) == ("a", Priority.REPAIR)


@pytest.mark.parametrize("seconds", [1e300, float("inf")])
def test_any_delay_is_taken(seconds: float) -> None:
    async def test() -> None:
        q = queue()
        q.add_after("a", seconds)
        assert (await q.take())[0] == "a"

    run(test())


@in_virtual_time
async def test_a_forgotten_key_never_comes_back_by_its_timer() -> None:
    q = queue()
    q.add_after("a", 0.01)
    q.forget("a")
    await nothing_to_take(q)


@in_virtual_time
async def test_a_cleared_queue_holds_nothing_and_can_be_used_again() -> None:
    q = queue()
    q.add("a")
    q.add("b", Priority.REPAIR)
    q.add_after("c", 0.01)
    q.add("d", Priority.REPAIR)
    taken, _ = await q.take()
    q.add(taken)
    q.clear()
    q.done(taken)
    await nothing_to_take(q)
    q.add("a")
    await serve(q, "a")


@pytest.mark.parametrize(
    "overtakes",
    [
        pytest.param(lambda q: q.add("a"), id="it is ready now"),
        pytest.param(lambda q: q.add_after("a", 0.5), id="it is ready sooner"),
        pytest.param(lambda q: q.forget("a"), id="it is gone"),
        pytest.param(lambda q: q.clear(), id="another replica leads"),
    ],
)
def test_a_delay_that_was_overtaken_shortens_no_later_one(
    overtakes: Callable[[KeyQueue[str]], None],
) -> None:
    async def test() -> tuple[tuple[int, int], tuple[int, int]]:
        q = queue()
        q.add_after("a", 2.0)
        overtakes(q)
        await asyncio.sleep(1.0)
        if len(q):
            await serve(q, "a")
        q.add_after("a", 10.0)
        await asyncio.sleep(5.0)
        early = len(q), q.delayed
        await asyncio.sleep(6.0)
        return early, (len(q), q.delayed)

    assert run(test()) == ((0, 1), (1, 0))


@in_virtual_time
async def test_a_key_that_was_handed_to_a_cancelled_worker_goes_to_the_next() -> None:
    q = queue()
    taker = asyncio.create_task(q.take())
    await asyncio.sleep(0)
    q.add("a", Priority.REPAIR)
    taker.cancel()
    assert await asyncio.wait_for(q.take(), 1) == ("a", Priority.REPAIR)


@in_virtual_time
async def test_a_busy_tenant_does_not_delay_the_key_of_another() -> None:
    q = queue(workers=4)
    for number in range(1_000):
        q.add(f"busy/{number}")
    busy = [await q.take() for _ in range(4)]
    q.add("calm/only")
    q.done(busy[0][0])
    assert (await asyncio.wait_for(q.take(), 1))[0] == "calm/only"


@in_virtual_time
async def test_a_tenant_gets_at_most_half_of_the_workers_while_others_wait() -> None:
    q = queue(workers=4)
    for tenant in ("busy", "other"):
        for number in range(10):
            q.add(f"{tenant}/{number}")
    taken = [(await q.take())[0].partition("/")[0] for _ in range(4)]
    assert sorted(taken) == ["busy", "busy", "other", "other"]


@in_virtual_time
async def test_a_tenant_alone_gets_all_workers() -> None:
    q = queue(workers=4)
    for number in range(4):
        q.add(f"busy/{number}")
    assert len([await asyncio.wait_for(q.take(), 1) for _ in range(4)]) == 4


@in_virtual_time
async def test_tenants_get_equal_time_whatever_their_work_takes() -> None:
    q = queue(workers=2)
    used = {"slow": 0.0, "fast": 0.0}
    cost = {"slow": 1.0, "fast": 0.1}

    async def work() -> None:
        while True:
            key, _ = await q.take()
            tenant = key.partition("/")[0]
            await asyncio.sleep(cost[tenant])
            used[tenant] += cost[tenant]
            q.add(key)
            q.done(key)

    for tenant in cost:
        for number in range(10):
            q.add(f"{tenant}/{number}")
    workers = [asyncio.create_task(work()) for _ in range(2)]
    await asyncio.sleep(200)
    for worker in workers:
        worker.cancel()
    assert abs(used["slow"] - used["fast"]) <= 10


async def work(q: KeyQueue[str], seconds: dict[str, float], used: Counter[str]) -> None:
    """Work for ever; every key takes what its tenant takes, and comes back as `loop` names do."""
    while True:
        key, _ = await q.take()
        tenant = key.partition("/")[0]
        await asyncio.sleep(seconds.get(key, seconds.get(tenant, 1.0)))
        used[tenant] += 1
        if "loop" in key:
            q.add(key)
        q.done(key)


async def load(q: KeyQueue[str], workers: int, tenants: str, **seconds: float) -> Counter[str]:
    """Start workers, and for each tenant (a letter) more looping keys than there are workers."""
    used: Counter[str] = Counter()
    for tenant in tenants:
        for number in range(workers + 1):
            q.add(f"{tenant}/loop{number}")
    for _ in range(workers):
        RUNNING.add(asyncio.create_task(work(q, dict(seconds), used)))
    return used


@in_virtual_time
async def test_a_tenant_of_long_work_never_gets_beyond_the_half_while_others_wait() -> None:
    q = queue(workers=4)
    await load(q, 4, "ab", a=100.0, b=0.01)
    await asyncio.sleep(50)
    assert sum(key.startswith("a/") for key, _ in q.running()) == 2


@in_virtual_time
async def test_one_very_long_reconcile_does_not_lock_its_tenant_out() -> None:
    q = queue(workers=2)
    q.add("slow/first")
    await q.take()
    await load(q, 1, "abcdefghij")
    await asyncio.sleep(7_200)
    q.add("slow/next")
    q.done("slow/first")
    began = asyncio.get_running_loop().time()
    while "slow/next" not in dict(q.running()):  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(1)
    # Ten seconds of each of eleven tenants on one worker, and what is running already.
    assert asyncio.get_running_loop().time() - began <= 115


@in_virtual_time
async def test_a_tenant_saves_nothing_up_while_it_asks_for_nothing() -> None:
    q = queue(workers=8)
    q.add("a/long")
    used = await load(q, 8, "bcd", **{"a/long": 100.0})
    await asyncio.sleep(60)
    for number in range(100):
        q.add(f"a/{number}")
    await asyncio.sleep(12)
    # Seven workers for twelve seconds, shared by four.
    assert used["a"] <= 7 * 12 / 4 + 5


@in_virtual_time
async def test_a_worker_is_kept_for_repairs() -> None:
    q = queue(workers=3, reserved=1)
    for number in range(10):
        q.add(f"{number}/new")
    await q.take()
    await q.take()
    third = asyncio.create_task(q.take())
    await asyncio.sleep(1)
    assert not third.done()
    q.add("0/broken", Priority.REPAIR)
    assert await asyncio.wait_for(third, 1) == ("0/broken", Priority.REPAIR)


@in_virtual_time
async def test_repairs_take_at_most_half_of_the_workers_while_others_wait() -> None:
    q = queue(workers=4, reserved=1)
    for number in range(10):
        q.add(f"t/broken{number}", Priority.REPAIR)
        q.add(f"t/new{number}")
    taken = [(await q.take())[1] for _ in range(4)]
    assert taken.count(Priority.REPAIR) == 2


@in_virtual_time
async def test_repairs_alone_take_all_workers() -> None:
    q = queue(workers=4, reserved=1)
    for number in range(4):
        q.add(f"t/broken{number}", Priority.REPAIR)
    assert len([await asyncio.wait_for(q.take(), 1) for _ in range(4)]) == 4


@in_virtual_time
async def test_ages_are_told_of_the_oldest_waiting_and_the_longest_running() -> None:
    q = queue()
    assert (q.oldest_seconds(), q.running()) == (0, [])
    q.add("a", Priority.RESYNC)
    await asyncio.sleep(2)
    q.add("b", Priority.RESYNC)
    q.add("a")
    assert q.oldest_seconds() == 2
    await q.take()
    await asyncio.sleep(3)
    assert (q.oldest_seconds(), q.running()) == (3, [("a", 3)])


def test_idle_tenants_are_not_remembered() -> None:
    share: FairShare[str] = FairShare(workers=2, reserved=0)
    for number in range(1_000):
        share.put("key", f"tenant{number}", 0.0, repair=False)
        chosen = share.choose()
        assert chosen is not None
        share.finished(chosen, 0.001)
    assert share.tenants < 100


@pytest.mark.parametrize(("workers", "reserved"), [(0, 0), (1, 1), (2, -1)])
def test_workers_that_could_do_nothing_but_repairs_are_refused(workers: int, reserved: int) -> None:
    with pytest.raises(ValueError, match="cannot be reserved"):
        queue(workers, reserved)


def test_what_is_due_at_once_may_be_asked_for_again_on_the_loop_of_the_operator() -> None:
    uvloop = pytest.importorskip("uvloop", reason="not on every platform")

    async def ask() -> None:
        q = queue()
        # All in one turn of the loop, as a sweep does that meets a key which is due.
        q.add_after("a", 0.0, Priority.RESYNC)
        q.add_after("a", 0.0)
        q.add_after("a", 60.0, Priority.RESYNC)
        assert await asyncio.wait_for(q.take(), 5) == ("a", Priority.NORMAL)
        q.done("a")
        assert q.idle

    uvloop.run(ask())
