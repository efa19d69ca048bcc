"""A clock was ahead for a while: what was recorded then keeps nothing from being checked again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from glovebox.kube.kinds import DATASET_PIN, OBJECT_STORE, Kind
from simulation.loop import START
from simulation.stage import Stage, play
from simulation.test_ends import HOUR
from simulation.world import SOURCE, TEAM, is_true, pin_spec

Json = dict[str, Any]
DAY = 24 * HOUR
# A clock that was set to another month.
AHEAD = 40 * DAY


def recorded(stage: Stage, kind: Kind, name: str, field: str) -> datetime:
    live = stage.world.server.peek(kind, TEAM if kind.namespaced else None, name)
    assert live is not None
    return datetime.fromisoformat(live["status"][field])


async def was_ahead(stage: Stage) -> None:
    """Let the clock be ahead until everything that is checked was checked once meanwhile."""
    stage.world.clock.jump(AHEAD)
    await stage.sleep(2 * HOUR)
    stage.world.clock.jump(-AHEAD)


def test_a_store_is_proven_again_and_a_pin_compared() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        await stage.sleep(HOUR)
        await was_ahead(stage)
        future = START + timedelta(seconds=AHEAD)
        assert recorded(stage, OBJECT_STORE, "primary", "lastVerifiedTime") > future
        assert recorded(stage, DATASET_PIN, "set", "listedTime") > future
        await stage.sleep(2 * HOUR)
        assert recorded(stage, OBJECT_STORE, "primary", "lastVerifiedTime") < future
        assert recorded(stage, DATASET_PIN, "set", "listedTime") < future

    play(scene)


def test_what_is_lost_is_found_although_the_last_check_lies_in_the_future() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        await stage.sleep(HOUR)
        await was_ahead(stage)
        del stage.world.store.buckets[SOURCE].keys["set/part-0"]
        await stage.sleep(HOUR)
        assert stage.condition("Verified", "set", DATASET_PIN)["status"] == "False"

    play(scene)


def test_isolation_is_checked_daily_although_the_last_check_lies_in_the_future() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("it was checked", lambda: stage.status().get("isolation"))
        stage.world.clock.jump(AHEAD)
        await stage.sleep(3 * HOUR)
        stage.world.clock.jump(-AHEAD)
        future = START + timedelta(seconds=AHEAD)
        assert datetime.fromisoformat(stage.status()["isolation"]["verifiedTime"]) > future
        await stage.sleep(3 * HOUR)
        assert datetime.fromisoformat(stage.status()["isolation"]["verifiedTime"]) < future
        assert is_true(stage.world.experiment(), "Isolated")

    play(scene, profile={"probe": {"schedule": "Daily"}})


def test_an_experiment_that_demands_a_recent_check_is_not_given_one_of_the_future() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        await stage.sleep(HOUR)
        await was_ahead(stage)
        del stage.world.store.buckets[SOURCE].keys["set/part-0"]
        train = {"name": "train", "pinRef": {"name": "set"}, "role": "train"}
        train["maxProofAge"] = {"listSeconds": 3600}
        stage.declare(run=False, inputs={"datasets": [train]})
        await stage.sleep(HOUR)
        assert not stage.status().get("digest")

    play(scene)
