"""Values of features are compared once; what a store does not say is no difference."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
import pytest

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT, FEATURE_SET_PIN
from glovebox.kube.resources import Key
from simulation.api_transport import Fault
from simulation.object_store import NoAnswerError
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_contracts import unreadable_once_pinned
from simulation.test_leakage import made
from simulation.world import LOADER, SOURCE, TEAM, pin_spec

Json = dict[str, Any]
MINUTE = 60.0
HOUR = 3_600.0


def put(stage: Stage, folder: str, **changes: Any) -> None:
    """Write four tables of three flights each; the last row of all is changed."""
    rows: list[Json] = [{"flight": at, "hour": at} for at in range(12)]
    rows[-1] |= changes
    for first in range(0, len(rows), 3):
        body = b"".join(orjson.dumps(row) + b"\n" for row in rows[first : first + 3])
        stage.world.store.put(LOADER, SOURCE, f"{folder}/{first:03}.jsonl", body)


def declare(stage: Stage, name: str, **changes: Any) -> None:
    """Pin values, and define the features that they are of."""
    put(stage, name, **changes)
    stage.world.declare(DATASET_PIN, name, pin_spec(f"{name}/"))
    define(stage, name)


def define(stage: Stage, name: str) -> None:
    hour = {"name": "hour", "dtype": "int8", "recipe": {"expression": "time / 100"}}
    spec = {
        "schemaVersion": "1",
        "features": [hour],
        "materialized": {"pinRef": {"name": name}, "keys": ["flight"]},
    }
    stage.world.declare(FEATURE_SET_PIN, name, spec)


def status(stage: Stage, name: str) -> Json:
    return (stage.world.server.peek(FEATURE_SET_PIN, TEAM, name) or {}).get("status") or {}


def reason(stage: Stage, name: str, condition: str = "Ready") -> str:
    return str(stage.condition(condition, name, FEATURE_SET_PIN).get("reason"))


def has(stage: Stage, name: str, wanted: str, condition: str) -> bool:
    return reason(stage, name, condition) == wanted


async def until(stage: Stage, name: str, wanted: str, condition: str = "Ready") -> None:
    await stage.until(f"{name} is {wanted}", partial(has, stage, name, wanted, condition), HOUR)


def told(stage: Stage, name: str) -> list[tuple[str, str]]:
    return [
        (event["type"], event["reason"])
        for event in stage.world.server.everything(EVENT)
        if event["regarding"]["name"] == name and event["reason"].startswith("Schema")
    ]


def test_values_that_differ_are_used_by_nobody() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, "good")
        declare(stage, "bad", hour=128)
        await until(stage, "good", reasons.VERIFIED)
        await until(stage, "bad", reasons.SCHEMA_DIFFERS)
        assert reason(stage, "bad", "Stalled") == reasons.SCHEMA_DIFFERS
        assert stage.condition("Verified", "bad", FEATURE_SET_PIN)["status"] == "True"
        (difference,) = status(stage, "bad")["materialized"]["first"]
        assert difference == {
            "kind": "Type",
            "column": "hour",
            "declared": "int8",
            "found": "something else in row 3",
            "file": "009.jsonl",
            "count": 1,
        }
        assert told(stage, "bad") == [("Warning", reasons.SCHEMA_DIFFERS)]
        assert told(stage, "good") == [("Normal", reasons.SCHEMA_MATCHES)]
        assert stage.metric("glovebox_feature_differences_total", kind="Type") == 1
        before = made(stage)
        inputs = {"features": [{"name": "a", "pinRef": {"name": "bad"}}]}
        stage.declare(run=False, inputs=inputs)
        await stage.sleep(10 * MINUTE)
        assert stage.condition("Ready")["reason"] == reasons.PIN_NOT_READY
        assert made(stage) == before

    play(scene, sweeps=False)


def test_the_answer_stands_and_nothing_is_read_again_by_the_next_process() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, "good")
        declare(stage, "bad", hour=None)
        await until(stage, "good", reasons.VERIFIED)
        await until(stage, "bad", reasons.SCHEMA_DIFFERS)
        before = {name: status(stage, name)["materialized"] for name in ("good", "bad")}
        read: list[str] = []

        def count(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and action.startswith("s3:GetObject"):
                read.append(key)

        stage.world.store.fault = count
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        assert {name: status(stage, name)["materialized"] for name in before} == before
        assert reason(stage, "bad", "Stalled") == reasons.SCHEMA_DIFFERS
        assert read == []

    play(scene)


def test_a_store_that_does_not_answer_is_no_difference() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.store.fault = unreadable_once_pinned()
        declare(stage, "good")
        await until(stage, "good", reasons.SCHEMA_NOT_CHECKED)
        await stage.sleep(2 * MINUTE)
        said = stage.condition("SchemaMatches", "good", FEATURE_SET_PIN)
        assert (said["status"], said["reason"]) == ("Unknown", reasons.SCHEMA_NOT_CHECKED)
        assert stage.condition("Stalled", "good", FEATURE_SET_PIN).get("status") != "True"
        assert "materialized" not in status(stage, "good")
        stage.world.store.fault = lambda *_: None
        await until(stage, "good", reasons.VERIFIED)
        assert told(stage, "good") == [("Normal", reasons.SCHEMA_MATCHES)]

    play(scene)


def test_a_comparison_whose_process_dies_is_made_by_the_next_one() -> None:
    async def scene(stage: Stage) -> None:
        deaths = [3]

        def slow(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and key.endswith("009.jsonl") and action == "s3:GetObjectVersion":
                deaths[0] -= 1
                if deaths[0] >= 0:
                    raise NoAnswerError

        put(stage, "bad", hour="late")
        stage.world.declare(DATASET_PIN, "bad", pin_spec("bad/"))
        pin = partial(stage.world.server.peek, DATASET_PIN, TEAM, "bad")
        await stage.until(
            "it is pinned", lambda: ((pin() or {}).get("status") or {}).get("manifest"), HOUR
        )
        stage.world.store.fault = slow
        define(stage, "bad")
        for _ in range(3):
            await stage.sleep(3.0)
            await stage.process.kill()
            stage.process.start()
        await until(stage, "bad", reasons.SCHEMA_DIFFERS)
        (difference,) = status(stage, "bad")["materialized"]["first"]
        assert (difference["kind"], difference["count"]) == ("Type", 1)

    play(scene)


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_what_was_found_is_recorded_whatever_becomes_of_the_write(fault: Fault) -> None:
    faults = FailingStatus(FEATURE_SET_PIN, fault)

    async def scene(stage: Stage) -> None:
        stage.world.store.fault = unreadable_once_pinned()
        declare(stage, "bad", flight=None)
        await until(stage, "bad", reasons.SCHEMA_NOT_CHECKED)
        stage.world.store.fault = lambda *_: None
        # What was written and not answered is there.
        faults.left = 1 if fault.name == "unanswered" else 4
        await until(stage, "bad", reasons.SCHEMA_DIFFERS)
        assert not faults.left
        before = status(stage, "bad")["materialized"]
        await stage.sleep(10 * MINUTE)
        assert status(stage, "bad")["materialized"] == before

    play(scene, faults=faults)


def test_values_that_are_deleted_while_they_are_compared_leave_no_task() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.store.fault = unreadable_once_pinned()
        declare(stage, "good")
        await until(stage, "good", reasons.SCHEMA_NOT_CHECKED)
        assert stage.process.operator is not None
        key, tasks = Key(FEATURE_SET_PIN.kind, TEAM, "good"), stage.process.operator.tasks
        assert tasks.names(key) == ("features",)
        stage.world.remove(FEATURE_SET_PIN, TEAM, "good")
        await stage.until("it is gone", lambda: not stage.there(FEATURE_SET_PIN, TEAM, "good"))
        await stage.sleep(MINUTE)
        assert not tasks.names(key)

    play(scene)
