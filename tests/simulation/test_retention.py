"""Data whose retention ends: users are told ahead, and where it is asked nobody new begins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT
from glovebox.status.text import format_time
from simulation.stage import Stage, play
from simulation.test_data_holds import ALL, asking, held, leave
from simulation.test_governance import covered
from simulation.test_leakage import made
from simulation.world import TEAM, pin_spec

Json = dict[str, Any]
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
DEMANDS_IT: Json = {"data": {"withinRetention": True}}
TOLD = {
    reasons.EXPIRES_SOON,
    reasons.EXPIRED,
    reasons.RETENTION_ENDS_SOON,
    reasons.RETENTION_ENDED,
}


def moment(stage: Stage, seconds: float) -> str:
    return format_time(stage.world.clock.now() + timedelta(seconds=seconds))


def kept_until(ends: str) -> Json:
    return {"retention": {"why": "the consent", "untilTime": ends}}


def said(stage: Stage, condition: str = "Retiring") -> tuple[str, str]:
    found = stage.condition(condition, "set", DATASET_PIN)
    return str(found.get("status", "")), str(found.get("reason", ""))


def told(stage: Stage, name: str = "set") -> list[str]:
    """Return what was told of a resource, in a fixed order; each once."""
    found = [
        str(event["reason"])
        for event in stage.world.server.everything(EVENT)
        if event["regarding"]["name"] == name and event["reason"] in TOLD
    ]
    assert len(set(found)) == len(found)
    assert all(
        event["type"] == "Warning"
        for event in stage.world.server.everything(EVENT)
        if event["reason"] in TOLD
    )
    return sorted(found)


async def until(stage: Stage, reason: str) -> None:
    await stage.until(f"it is {reason}", lambda: said(stage)[1] == reason, 2 * HOUR)


async def used(stage: Stage, **more: Any) -> str:
    """Have an Experiment that uses the pin; return its namespace."""
    # No listing is due in the meantime: what is said at an end is said by its own timer.
    rarely = {"verification": {"listIntervalSeconds": 86_400}}
    stage.world.declare(DATASET_PIN, "set", {**pin_spec(), **rarely, **more})
    stage.declare(run=False, pin="set")
    return await stage.provisioned()


async def refused(stage: Stage, name: str, reason: str, words: str) -> None:
    """Declare an Experiment that is refused before anything exists for it."""
    before = made(stage)
    stage.declare(name, run=False, pin="set")
    await stage.until(
        f"{name} is refused", lambda: stage.condition("Ready", name).get("reason") == reason
    )
    for condition in ("Ready", "InputsVerified"):
        found = stage.condition(condition, name)
        assert (found["status"], found["reason"]) == ("False", reason)
        assert words in found["message"]
    assert "digest" not in stage.status(name)
    assert made(stage) == before


def test_users_are_told_ahead() -> None:
    async def scene(stage: Stage) -> None:
        ends = moment(stage, 14 * DAY + HOUR)
        namespace = await used(stage, **kept_until(ends))
        assert said(stage) == ("False", reasons.CURRENT)
        assert covered(stage, namespace)["inputs"][0]["stated"] == {"retention": ends}
        assert told(stage) == []

        await until(stage, reasons.RETENTION_ENDS_SOON)
        assert told(stage) == [reasons.RETENTION_ENDS_SOON]
        await stage.sleep(MINUTE)  # words wait
        verified = stage.condition("InputsVerified")
        assert verified["status"] == "True"
        assert f"DatasetPin 'set': the data may be kept until {ends} alone" in verified["message"]
        # Until then others may use it, too.
        stage.declare("other", run=False, pin="set")
        await stage.provisioned("other")

    play(scene, profile=DEMANDS_IT, sweeps=False)


def test_nobody_new_begins_after_the_end_and_nothing_is_taken_from_who_began() -> None:
    async def scene(stage: Stage) -> None:
        ends = moment(stage, HOUR)
        await used(stage, **kept_until(ends))
        await until(stage, reasons.RETENTION_ENDED)
        assert told(stage) == [reasons.RETENTION_ENDED, reasons.RETENTION_ENDS_SOON]
        await refused(stage, "late", reasons.RETENTION_ENDED, f"untilTime: {ends}`, which is over")
        await stage.sleep(MINUTE)  # words wait
        assert said(stage, "Ready") == said(stage, "Verified") == ("True", reasons.VERIFIED)
        assert stage.condition("Ready")["status"] == "True"
        assert f"its retention ended at {ends}" in stage.condition("InputsVerified")["message"]

    play(scene, profile=DEMANDS_IT, sweeps=False)


def test_a_profile_that_does_not_ask_lets_new_experiments_in_and_the_pin_says_it_all_the_same() -> (
    None
):
    async def scene(stage: Stage) -> None:
        await used(stage, **kept_until("2020-01-01T00:00:00Z"))
        assert said(stage) == ("True", reasons.RETENTION_ENDED)
        assert told(stage) == [reasons.RETENTION_ENDED]
        assert stage.status()["inputs"][0]["stated"]["retention"] == "2020-01-01T00:00:00Z"

    play(scene, sweeps=False)


@pytest.mark.parametrize(
    ("retention", "is_let_in"),
    [(None, False), ({"why": "public record"}, True)],
    ids=["not said", "without an end"],
)
def test_where_it_is_asked_pins_have_to_say_how_long(
    retention: Json | None, *, is_let_in: bool
) -> None:
    async def scene(stage: Stage) -> None:
        spec = pin_spec() | ({"retention": retention} if retention else {})
        stage.world.declare(DATASET_PIN, "set", spec)
        await stage.until("it is Ready", lambda: said(stage, "Ready")[0] == "True")
        assert said(stage) == ("", ""), "there is no end to speak of"
        if is_let_in:
            stage.declare(run=False, pin="set")
            await stage.provisioned()
        else:
            words = "DatasetPin 'set' does not say `spec.retention`"
            await refused(stage, "x", reasons.RETENTION_UNKNOWN, words)

    play(scene, profile=DEMANDS_IT, sweeps=False)


def test_a_hold_that_outlasts_the_retention_says_so_and_is_not_taken_off_for_it() -> None:
    async def scene(stage: Stage) -> None:
        leave(stage)
        ends = moment(stage, HOUR)
        stage.world.declare(DATASET_PIN, "set", asking() | kept_until(ends))
        await stage.until("it is held", lambda: said(stage, "Held")[0] == "True", HOUR)
        await until(stage, reasons.RETENTION_ENDED)
        message = stage.condition("Retiring", "set", DATASET_PIN)["message"]
        assert "its legal hold goes on until the pin is gone, nobody is bound to it" in message
        await stage.sleep(HOUR)
        assert held(stage) == ALL
        assert said(stage, "Held") == ("True", reasons.HELD)
        assert said(stage, "Ready")[0] == "True"

    play(scene)


def test_the_end_of_validity_is_told_ahead_as_well() -> None:
    async def scene(stage: Stage) -> None:
        ends = moment(stage, HOUR)
        await used(stage, validity={"notAfterTime": ends})
        assert said(stage) == ("True", reasons.EXPIRES_SOON)
        await until(stage, reasons.EXPIRED)
        await refused(stage, "late", reasons.EXPIRED, f"expired at {ends}")
        assert told(stage) == [reasons.EXPIRED, reasons.EXPIRES_SOON]
        await stage.sleep(MINUTE)  # words wait
        assert f"it expired at {ends}" in stage.condition("InputsVerified")["message"]

    play(scene, sweeps=False)


def test_nothing_is_told_twice_by_the_next_process() -> None:
    async def scene(stage: Stage) -> None:
        await used(stage, **kept_until(moment(stage, HOUR)))
        await until(stage, reasons.RETENTION_ENDS_SOON)
        for _ in range(2):
            await stage.process.kill()
            stage.process.start()
            await stage.sleep(10 * MINUTE)
        assert told(stage) == [reasons.RETENTION_ENDS_SOON]
        await until(stage, reasons.RETENTION_ENDED)
        assert told(stage) == [reasons.RETENTION_ENDED, reasons.RETENTION_ENDS_SOON]
        assert stage.there(DATASET_PIN, TEAM, "set")

    play(scene)
