"""Whatever is lost, late or dead: each event is in the ledger once, in order, none is missing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Any

import pytest

from glovebox.kube.kinds import EXPERIMENT, Kind
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.object_store import NoAnswerError
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, ends_after
from simulation.world import TEAM
from support.told_ledgers import LIFE, Reports, entries, told, told_twice, verify, with_ledger
from support.unreliable_store import Unreliable

StoreFault = Callable[[str, str, str], Callable[[], None] | None]
# Entries, tiles and checkpoints of one life: there are more of them than these.
WRITES = 8
# Status writes of one life.
STATUSES = 11


async def live(stage: Stage) -> str:
    """Play one life from declaration to deletion; return its UID."""
    reports = Reports(stage)
    ends_after(stage, MINUTE)
    uid = str(stage.declare()["metadata"]["uid"])
    await stage.until(
        "it is sealed", lambda: stage.condition("Sealed").get("status") == "True", HOUR
    )
    assert stage.world.remove(EXPERIMENT, TEAM, "x")
    await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR / 2)
    assert reports.seen > 5
    assert reports.too_early == []
    await stage.sleep(2 * MINUTE)  # until it is signed
    return uid


def check(stage: Stage, uid: str, besides: Collection[str] = ()) -> None:
    """Hold the ledger to what happened, and to nothing besides."""
    stage.world.store.fault = lambda *_: None
    assert [kind for kind in told(stage, uid) if kind not in besides] == list(LIFE)
    assert told_twice(stage) == []
    report = verify(stage)
    assert report.findings == []
    assert report.newest is not None
    assert report.newest.opened.head.size == len(entries(stage))


class Deaths:
    """Kills the operator in the midst of a request, and starts it again a moment later."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.is_dead = False
        self.died = 0

    def die(self) -> None:
        """Let no request arrive from now on, and end the process."""
        self.is_dead = True
        self.died += 1
        self._dying = asyncio.get_running_loop().create_task(self._again())

    async def _again(self) -> None:
        await self._stage.process.kill()
        await asyncio.sleep(3.0)
        self.is_dead = False
        self._stage.process.start()

    def after_status_write(self, kind: Kind, number: int) -> None:
        """Die after the write of that number of a status of this kind."""
        writes = 0

        def see(change: Any) -> None:
            nonlocal writes
            if change.served.kind != kind or not change.old:
                return
            if change.old.get("status") != change.last.get("status"):
                writes += 1
                if writes == number:
                    self.die()

        def fault(*_: str) -> None:
            if self.is_dead:
                raise NoAnswerError

        self._stage.world.server.on_change.append(see)
        self._stage.world.store.fault = fault


def dies_at_write(deaths: Deaths, number: int, *, arrives: bool) -> StoreFault:
    """Die at the write of that number below the ledger."""
    writes = 0

    def unanswered() -> None:
        raise NoAnswerError

    def fault(action: str, bucket: str, key: str) -> Callable[[], None] | None:
        del bucket
        nonlocal writes
        if deaths.is_dead:
            raise NoAnswerError
        if action != "s3:PutObject" or "/ledger/" not in key:
            return None
        writes += 1
        if writes != number:
            return None
        deaths.die()
        if arrives:
            return unanswered
        raise NoAnswerError

    return fault


@pytest.mark.parametrize("arrives", [True, False], ids=["arrived", "never arrived"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_process_that_dies_at_a_write_of_the_ledger_loses_and_doubles_nothing(
    number: int,
    arrives: bool,  # noqa: FBT001 - a column of the table
) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        deaths = Deaths(stage)
        stage.world.store.fault = dies_at_write(deaths, number, arrives=arrives)
        uid = await live(stage)
        assert deaths.died == 1
        check(stage, uid)

    play(scene)


@pytest.mark.parametrize("number", range(1, STATUSES + 1))
def test_a_process_that_dies_after_a_write_of_the_status_loses_and_doubles_nothing(
    number: int,
) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        deaths = Deaths(stage)
        deaths.after_status_write(EXPERIMENT, number)
        uid = await live(stage)
        assert deaths.died == 1
        check(stage, uid)

    play(scene)


@pytest.mark.parametrize("seed", range(6))
def test_answers_that_are_lost_refused_or_late_lose_and_double_nothing(seed: int) -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        fault = Unreliable(seed, "/ledger/", 0.2)
        stage.world.store.fault = fault
        uid = await live(stage)
        assert fault.failed > 5
        stage.world.store.fault = lambda *_: None
        await stage.sleep(2 * MINUTE)
        check(stage, uid)

    play(scene)


class Unsteady(NoFaults):
    """Answers a share of the writes to Experiments badly, from a moment on."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self.begun = False
        self.failed = 0

    def request(self, asked: Asked) -> Fault:
        """Refuse, lose or delay some."""
        is_own = asked.kind == EXPERIMENT and asked.verb in ("update", "patch")
        if not (self.begun and is_own and self._chance.random() < 0.3):
            return NOTHING
        self.failed += 1
        return self._chance.choice(
            (
                Fault("refused", 409),
                Fault("refused", 500),
                Fault("lost", seconds=5.0),
                Fault("unanswered"),
                Fault("late", seconds=1.0),
            )
        )


@pytest.mark.parametrize("seed", range(6))
def test_an_api_server_that_answers_badly_loses_and_doubles_nothing(seed: int) -> None:
    faults = Unsteady(seed)

    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        faults.begun = True
        uid = await live(stage)
        assert faults.failed > 1
        check(stage, uid)

    play(scene, faults=faults)


def test_a_life_that_is_led_by_two_in_turn_is_told_once() -> None:
    async def scene(stage: Stage) -> None:
        second = stage.world.process("operator-1", elects=True)
        second.start()
        await with_ledger(stage)
        ends_after(stage, 5 * MINUTE)
        uid = str(stage.declare()["metadata"]["uid"])
        await stage.until("it runs", lambda: told(stage, uid) == ["bind", "run-started"])
        await stage.process.kill()
        await stage.until(
            "it is sealed", lambda: stage.condition("Sealed").get("status") == "True", HOUR
        )
        stage.process.start()
        await stage.sleep(MINUTE)
        await second.kill()
        assert stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR)
        await stage.sleep(2 * MINUTE)
        check(stage, uid)

    play(scene, elects=True)


def test_two_that_both_lead_tell_each_event_once() -> None:
    async def scene(stage: Stage) -> None:
        await with_ledger(stage)
        second = stage.world.process("operator-1")
        second.start()
        uid = await live(stage)
        # Each may take what the other does for drift, and says so; leases keep it from happening.
        check(stage, uid, besides={"isolation-drift"})

    play(scene)
