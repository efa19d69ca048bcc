"""Who is reconciled when a resource changed, and how a crowd is spread."""

from __future__ import annotations

import asyncio

from glovebox.controllers.enqueueing import CROWD, Enqueueing
from glovebox.engine.key_queue import Priority
from glovebox.kube.resources import Key, Stored
from glovebox.kube.store import Change
from support.virtual_time import now, run

PIN = Key("DatasetPin", "team", "train")
Enqueued = list[tuple[Key, Priority]]


def stored(version: int, generation: int = 1, **metadata: object) -> Stored:
    return Stored("u", version, {"metadata": {"generation": generation, **metadata}, "status": {}})


def users(count: int) -> list[Key]:
    return [Key("Experiment", "team", f"e{number}") for number in range(count)]


def test_a_change_enqueues_the_object_and_whoever_refers_to_it() -> None:
    done: Enqueued = []
    change = Change(PIN, stored(1), stored(2, 2))
    Enqueueing(lambda *it: done.append(it))(change, users(1))
    assert done == [(PIN, Priority.NORMAL), (users(1)[0], Priority.NORMAL)]


def test_an_annotation_enqueues_the_object_alone() -> None:
    done: Enqueued = []
    change = Change(PIN, stored(1), stored(2, annotations={"a": "b"}))
    Enqueueing(lambda *it: done.append(it))(change, users(1))
    assert done == [(PIN, Priority.NORMAL)]


def test_our_own_write_enqueues_those_who_refer_to_it_and_not_the_object() -> None:
    done: Enqueued = []
    change = Change(PIN, stored(1), stored(2, 2), own=True)
    Enqueueing(lambda *it: done.append(it))(change, users(1))
    assert done == [(users(1)[0], Priority.NORMAL)]


def test_an_object_that_we_removed_ourselves_is_reconciled_once_more_to_be_forgotten() -> None:
    done: Enqueued = []
    Enqueueing(lambda *it: done.append(it))(Change(PIN, stored(1), None, own=True), ())
    assert done == [(PIN, Priority.NORMAL)]


def test_a_crowd_is_enqueued_with_the_lowest_priority_and_spread_over_time() -> None:
    done: list[tuple[float, Key, Priority]] = []
    crowd = users(2_000)

    async def main() -> None:
        started = now()
        chances = iter(number / len(crowd) for number in range(len(crowd)))
        enqueueing = Enqueueing(
            lambda key, priority: done.append((now() - started, key, priority)),
            lambda: next(chances),
        )
        enqueueing(Change(PIN, stored(1), stored(2, 2)), crowd)
        await asyncio.sleep(60)

    run(main())
    ours, *theirs = done
    assert ours == (0.0, PIN, Priority.NORMAL)
    assert {priority for _, _, priority in theirs} == {Priority.RESYNC}
    assert {key for _, key, _ in theirs} == set(crowd)
    assert len(crowd) > CROWD
    in_the_first_second = sum(at < 1 for at, _, _ in theirs)
    assert in_the_first_second <= 201
