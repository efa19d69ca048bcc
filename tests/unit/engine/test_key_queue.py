"""The queue's promises: each key once, never twice at a time, repairs first, nothing lost."""

from __future__ import annotations

import asyncio

import pytest

from glovebox.engine.key_queue import KeyQueue, Priority


def queue() -> KeyQueue[str]:
    return KeyQueue(asyncio.get_running_loop().time)


async def test_a_key_that_is_added_often_is_taken_once() -> None:
    q = queue()
    for _ in range(100):
        q.add("a")
    assert len(q) == 1
    assert (await q.take())[0] == "a"
    q.done("a")
    assert q.idle


async def test_repairs_go_before_new_work_and_new_work_before_resync() -> None:
    q = queue()
    q.add("swept", Priority.RESYNC)
    q.add("new")
    q.add("newer")
    q.add("broken", Priority.REPAIR)
    assert [(await q.take())[0] for _ in range(4)] == ["broken", "new", "newer", "swept"]


async def test_a_waiting_key_moves_up_but_never_down() -> None:
    q = queue()
    q.add("other")
    q.add("a", Priority.RESYNC)
    q.add("a", Priority.REPAIR)
    q.add("a", Priority.RESYNC)
    assert [(await q.take())[0] for _ in range(2)] == ["a", "other"]
    assert len(q) == 0


async def test_a_key_in_work_is_not_handed_out_again_until_done_and_then_once() -> None:
    q = queue()
    q.add("a")
    assert (await q.take())[0] == "a"
    q.add("a")
    q.add("a", Priority.REPAIR)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(q.take(), 0.02)
    q.done("a")
    assert (await q.take())[0] == "a"
    q.done("a")
    assert q.idle


async def test_of_two_delays_the_shorter_counts_and_an_immediate_add_beats_both() -> None:
    q = queue()
    q.add_after("a", 3600)
    q.add_after("a", 0.01)
    q.add_after("a", 3600)
    assert (await asyncio.wait_for(q.take(), 1))[0] == "a"
    q.done("a")
    q.add_after("b", 3600)
    q.add("b")
    assert (await asyncio.wait_for(q.take(), 1))[0] == "b"
    assert q.delayed == 0


async def test_a_forgotten_key_never_comes_back_by_its_timer() -> None:
    q = queue()
    q.add_after("a", 0.01)
    q.forget("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(q.take(), 0.05)


async def test_many_workers_never_hold_one_key_together_and_lose_none() -> None:
    q = queue()
    held: set[str] = set()
    done: list[str] = []

    async def work() -> None:
        while True:
            key, _ = await q.take()
            assert key not in held
            held.add(key)
            await asyncio.sleep(0)
            held.remove(key)
            done.append(key)
            q.done(key)

    workers = [asyncio.create_task(work()) for _ in range(8)]
    for round_ in range(50):
        for number in range(20):
            q.add(f"k{number}", Priority(round_ % 3))
        await asyncio.sleep(0)
    while not q.idle:  # noqa: ASYNC110 - the queue tells its idleness by a property
        await asyncio.sleep(0)
    for worker in workers:
        worker.cancel()
    assert set(done) == {f"k{number}" for number in range(20)}


async def test_a_worker_for_repairs_leaves_everything_else_to_the_others() -> None:
    q = queue()
    repairer = asyncio.create_task(q.take(Priority.REPAIR))
    q.add("new")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not repairer.done()
    assert await asyncio.wait_for(q.take(), 1) == ("new", Priority.NORMAL)
    q.add("broken", Priority.REPAIR)
    assert await asyncio.wait_for(repairer, 1) == ("broken", Priority.REPAIR)
