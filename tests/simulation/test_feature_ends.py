"""Features go out of use: their users are warned ahead, and nobody begins with what is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT, FEATURE_SET_PIN
from glovebox.status.text import format_time
from simulation.stage import Stage, play
from simulation.test_leakage import made
from simulation.test_waits import features_spec
from simulation.world import TEAM, pin_spec

Json = dict[str, Any]
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
INPUTS: Json = {
    "datasets": [{"name": "rows", "pinRef": {"name": "set"}, "role": "train"}],
    "features": [{"name": "base", "pinRef": {"name": "v1"}}],
}


def moment(stage: Stage, seconds: float) -> str:
    return format_time(stage.world.clock.now() + timedelta(seconds=seconds))


def reason(stage: Stage, condition: str, name: str = "v1") -> str:
    return str(stage.condition(condition, name, FEATURE_SET_PIN).get("reason"))


def status(stage: Stage, name: str) -> Json:
    return (stage.world.server.peek(FEATURE_SET_PIN, TEAM, name) or {}).get("status") or {}


def told(stage: Stage, name: str) -> set[tuple[str, str]]:
    """Return what was told of a resource; each once, since an Event counts how often."""
    found = [
        (event["type"], event["reason"])
        for event in stage.world.server.everything(EVENT)
        if event["regarding"]["name"] == name
        and event["reason"]
        in {
            reasons.EXPIRES_SOON,
            reasons.EXPIRED,
            reasons.DEPRECATED,
            reasons.TO_BE_DEPRECATED,
        }
    ]
    assert len(set(found)) == len(found)
    return set(found)


async def until(stage: Stage, wanted: str, condition: str = "Retiring", name: str = "v1") -> None:
    await stage.until(
        f"{name} is {wanted}", lambda: reason(stage, condition, name) == wanted, 2 * HOUR
    )


async def used(stage: Stage, **changes: Any) -> None:
    """Have an Experiment that uses features."""
    stage.world.declare(DATASET_PIN, "set", pin_spec())
    stage.world.declare(FEATURE_SET_PIN, "v1", features_spec(**changes))
    stage.declare(run=False, inputs=INPUTS)
    await stage.provisioned()


def test_users_are_warned_ahead() -> None:
    async def scene(stage: Stage) -> None:
        ends = moment(stage, 14 * DAY + HOUR)
        await used(stage, validity={"notAfterTime": ends})
        await stage.sleep(MINUTE)
        assert reason(stage, "Retiring") == reasons.CURRENT
        assert status(stage, "v1")["usedBy"] == {"experiments": "1", "names": [f"{TEAM}/x"]}
        assert told(stage, "v1") == set()

        await until(stage, reasons.EXPIRES_SOON)
        assert stage.condition("Ready", "v1", FEATURE_SET_PIN)["status"] == "True"
        assert told(stage, "v1") == {("Warning", reasons.EXPIRES_SOON)}
        await stage.sleep(MINUTE)
        # Whoever uses them is told while there is time.
        verified = stage.condition("InputsVerified")
        assert verified["status"] == "True"
        assert f"new Experiments may use it until {ends} alone" in verified["message"]

    play(scene, sweeps=False)


def test_nobody_begins_after_the_end_and_who_began_is_told() -> None:
    async def scene(stage: Stage) -> None:
        ends = moment(stage, HOUR)
        await used(stage, validity={"notAfterTime": ends})
        await until(stage, reasons.EXPIRED)
        await stage.sleep(MINUTE)
        assert told(stage, "v1") == {
            ("Warning", reasons.EXPIRES_SOON),
            ("Warning", reasons.EXPIRED),
        }
        await stage.sleep(MINUTE)
        verified = stage.condition("InputsVerified")
        assert (verified["status"], verified["reason"]) == ("False", reasons.EXPIRED)
        assert told(stage, "x") == {("Warning", reasons.EXPIRED)}
        before = made(stage)
        stage.declare("late", run=False, inputs=INPUTS)
        await stage.sleep(MINUTE)
        ready = stage.condition("Ready", "late")
        assert (ready["status"], ready["reason"]) == ("False", reasons.EXPIRED)
        assert f"expired at {ends}" in ready["message"]
        assert made(stage) == before
        assert told(stage, "late") == {("Warning", reasons.EXPIRED)}

    play(scene, sweeps=False)


def test_a_successor_says_when_its_predecessor_is_deprecated_and_what_to_do() -> None:
    async def scene(stage: Stage) -> None:
        await used(stage)
        since = moment(stage, HOUR)
        newer = features_spec(
            schemaVersion="2.0.0",
            supersedes={"name": "v1"},
            migration={"deprecateTime": since, "notes": "late is late by 20 minutes"},
        )
        stage.world.declare(FEATURE_SET_PIN, "v2", newer)
        await until(stage, reasons.TO_BE_DEPRECATED)
        assert status(stage, "v1")["successor"] == {
            "name": "v2",
            "deprecateTime": since,
            "notes": "late is late by 20 minutes",
        }
        await until(stage, reasons.DEPRECATED)
        assert told(stage, "v1") == {
            ("Normal", reasons.TO_BE_DEPRECATED),
            ("Warning", reasons.DEPRECATED),
        }
        await stage.sleep(MINUTE)
        assert stage.condition("Ready", "v1", FEATURE_SET_PIN)["status"] == "True"
        verified = stage.condition("InputsVerified")
        assert verified["status"] == "True"
        assert "'v2' supersedes it: late is late by 20 minutes" in verified["message"]
        # It can be used all the same.
        stage.declare("late", run=False, inputs=INPUTS)
        await stage.until(
            "it is bound", lambda: len(status(stage, "v1")["usedBy"]["names"]) == 2, HOUR
        )

    play(scene, sweeps=False)


def test_what_supersedes_nothing_any_more_deprecates_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await used(stage)
        stage.world.declare(FEATURE_SET_PIN, "v2", features_spec(supersedes={"name": "v1"}))
        await until(stage, reasons.DEPRECATED)
        stage.world.remove(FEATURE_SET_PIN, TEAM, "v2")
        await until(stage, reasons.CURRENT)
        assert "successor" not in status(stage, "v1")

    play(scene, sweeps=False)


def test_nothing_is_told_twice_by_the_next_process() -> None:
    async def scene(stage: Stage) -> None:
        await used(stage, validity={"notAfterTime": moment(stage, DAY)})
        await until(stage, reasons.EXPIRES_SOON)
        for _ in range(2):
            await stage.process.kill()
            stage.process.start()
            await stage.sleep(10 * MINUTE)
        assert told(stage, "v1") == {("Warning", reasons.EXPIRES_SOON)}

    play(scene)
