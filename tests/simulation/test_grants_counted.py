"""A grant is used as often as it says, whatever is lost, dies, races, or is restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.data.digest import canonical_json
from glovebox.kube.kinds import ACCESS_GRANT, EXPERIMENT
from glovebox.store.grant_uses import FORMAT
from simulation.object_store import NoAnswerError
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.test_grants import is_bound, refused, why
from simulation.test_ledger_cuts import Deaths
from simulation.test_restore import restore
from simulation.world import LOADER, TEAM
from support.grants import DATA, grant, grant_spec, granted, lent, takers, with_data
from support.unreliable_store import Unreliable


@pytest.mark.parametrize("operators", [1, 2])
def test_two_that_race_for_the_last_use_and_one_gets_it(operators: int) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage, uses=2)
        if operators > 1:
            stage.world.process("operator-1").start()
        for name in "abcde":
            stage.declare(name, run=False, inputs=lent())
        everybody = list("abcde")
        await stage.until(
            "all are decided",
            lambda: all(is_bound(stage, n) or why(stage, n) == "GrantUsedUp" for n in everybody),
        )
        assert sum(is_bound(stage, name) for name in everybody) == 2
        assert len(takers(stage)) == 2
        assert {each["grants"][0]["use"] for n in everybody for each in used_by(stage, n)} == {1, 2}

    play(scene)


def used_by(stage: Stage, name: str) -> list[dict[str, Any]]:
    return [each for each in stage.status(name).get("inputs") or () if each.get("grants")]


def check_uses(stage: Stage, most: int) -> None:
    """Hold the records, the statuses and the grant to each other."""
    taken = takers(stage)
    assert len(taken) == len(set(taken)) <= most
    bound = [
        stage.status(name)["inputs"][0]["grants"][0]["use"]
        for name in "xy"
        if is_bound(stage, name)
    ]
    assert len(set(bound)) == len(bound) <= most


@pytest.mark.parametrize("uses", [1, 2])
def test_somebody_else_takes_the_number_between_looking_and_writing(uses: int) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage, uses=uses)
        rival = {
            "format": FORMAT,
            "grantUid": "u",
            "grantDigest": "sha256:1",
            "experiment": "team-b/rival",
            "uid": "rival",
            "digest": "sha256:2",
            "time": "2026-03-01T12:00:00Z",
        }
        came: list[str] = []

        def fault(action: str, bucket: str, key: str) -> None:
            if action == "s3:PutObject" and ".glovebox/grants/" in key and not came:
                came.append(key)
                stage.world.store.put(LOADER, bucket, key, canonical_json(rival))

        stage.world.store.fault = fault
        stage.declare(inputs=lent())
        if uses == 1:
            message = await refused(stage, reasons.GRANT_USED_UP)
            assert "by an Experiment of another namespace" in message
            assert "rival" not in message
            assert takers(stage) == ["rival"]
            return
        await stage.until("x is bound", lambda: is_bound(stage))
        assert stage.status()["inputs"][0]["grants"][0]["use"] == 2
        assert set(takers(stage)) == {"rival", stage.world.experiment()["metadata"]["uid"]}  # type: ignore[index]

    play(scene)


# Where a use is written, and read back; with room.
_STORE_REQUESTS = 8


@pytest.mark.parametrize("arrives", [True, False], ids=["arrived", "never arrived"])
@pytest.mark.parametrize("number", range(1, _STORE_REQUESTS + 1))
def test_a_process_that_dies_at_a_request_about_uses_takes_one(
    number: int,
    arrives: bool,  # noqa: FBT001 - a column of the table
) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage)
        deaths, seen = Deaths(stage), 0

        def unanswered() -> None:
            raise NoAnswerError

        def fault(action: str, bucket: str, key: str) -> Callable[[], None] | None:
            del action, bucket
            nonlocal seen
            if deaths.is_dead:
                raise NoAnswerError
            if ".glovebox/grants/" not in key:
                return None
            seen += 1
            if seen != number:
                return None
            deaths.die()
            if arrives:
                return unanswered
            raise NoAnswerError

        stage.world.store.fault = fault
        stage.declare(inputs=lent())
        await stage.until("x is bound", lambda: is_bound(stage))
        stage.world.store.fault = lambda *_: None
        stage.declare("y", inputs=lent())
        await refused(stage, reasons.GRANT_USED_UP, "y")
        check_uses(stage, 1)

    play(scene)


@pytest.mark.parametrize("number", range(1, 7))
def test_a_process_that_dies_after_a_write_of_a_status_takes_one(number: int) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        deaths = Deaths(stage)
        kind = EXPERIMENT if number <= 3 else ACCESS_GRANT
        deaths.after_status_write(kind, (number - 1) % 3 + 1)
        stage.world.declare(ACCESS_GRANT, "loan", grant_spec(), namespace=DATA)
        stage.declare(inputs=lent())
        await stage.until("x is bound", lambda: is_bound(stage))
        stage.declare("y", inputs=lent())
        await refused(stage, reasons.GRANT_USED_UP, "y")
        check_uses(stage, 1)

    play(scene)


@pytest.mark.parametrize("seed", range(4))
def test_answers_that_are_lost_or_refused_take_no_use_twice(seed: int) -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage)
        stage.world.store.fault = Unreliable(seed, ".glovebox/grants/", 0.4)
        stage.declare(inputs=lent())
        stage.declare("y", inputs=lent())
        await stage.until("one is bound", lambda: is_bound(stage) or is_bound(stage, "y"), HOUR)
        await stage.sleep(10 * MINUTE)
        check_uses(stage, 1)

    play(scene)


def test_a_cluster_that_was_restored_gives_no_use_back_and_takes_none_twice() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        await granted(stage)
        stage.declare(inputs=lent(), suspend=True)
        await stage.sleep(10)
        backup = stage.world.server.backup()
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": False}})
        await stage.until("it is bound", lambda: is_bound(stage))
        await stage.until("it is counted", lambda: grant(stage)["status"]["used"] == 1)
        await restore(stage, backup)
        assert not grant(stage)["status"].get("used")
        stage.declare("y", inputs=lent())
        await refused(stage, reasons.GRANT_USED_UP, "y")
        await stage.until("the grant says so", lambda: grant(stage)["status"].get("used") == 1)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": False}})
        await stage.until("x is bound again", lambda: is_bound(stage))
        assert stage.status()["inputs"][0]["grants"][0]["use"] == 1
        check_uses(stage, 1)

    play(scene)
