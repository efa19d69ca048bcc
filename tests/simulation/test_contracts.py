"""A contract is checked once, whatever fails; what a store does not say violates nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT, EXPERIMENT
from glovebox.kube.resources import Key
from glovebox.store.manifests import PREFIX
from simulation.api_transport import Fault
from simulation.object_store import NoAnswerError
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_ends import statements
from simulation.test_leakage import made
from simulation.world import LOADER, SOURCE, TEAM, pin_spec

Json = dict[str, Any]
MINUTE = 60.0
HOUR = 3_600.0
FILES = 5
CONTRACT: Json = {
    "columns": [
        {"name": "flight", "type": "Text", "maxNullShare": 0, "pattern": "UA[0-9]+"},
        {"name": "delay", "type": "Integer", "minimum": "-60", "maxNullShare": 5000},
    ],
    "unique": [{"columns": ["flight"]}],
    "rows": {"minimumPerFile": 2},
}
PLANES: Json = {"references": [{"columns": ["flight"], "pinRef": {"name": "planes"}}]}


def put(stage: Stage, folder: str, files: int = FILES, **changes: Any) -> None:
    """Write tables of three flights each; the last row of all is changed."""
    rows = [{"flight": f"UA{at}", "delay": at} for at in range(files * 3)]
    rows[-1] |= changes
    for first in range(0, len(rows), 3):
        body = b"".join(orjson.dumps(row) + b"\n" for row in rows[first : first + 3])
        stage.world.store.put(LOADER, SOURCE, f"{folder}/{first:03}.jsonl", body)


def declare(stage: Stage, name: str, folder: str, **more: Any) -> None:
    spec = pin_spec(f"{folder}/") | {"contract": CONTRACT | more}
    stage.world.declare(DATASET_PIN, name, spec)


def status(stage: Stage, name: str) -> Json:
    return (stage.world.server.peek(DATASET_PIN, TEAM, name) or {}).get("status") or {}


def reason(stage: Stage, name: str, condition: str = "Ready") -> str:
    return str(stage.condition(condition, name, DATASET_PIN).get("reason"))


def has(stage: Stage, name: str, wanted: str, condition: str = "Ready") -> bool:
    return reason(stage, name, condition) == wanted


async def until(
    stage: Stage, name: str, wanted: str, condition: str = "Ready", seconds: float = HOUR
) -> None:
    await stage.until(f"{name} is {wanted}", partial(has, stage, name, wanted, condition), seconds)


def unreadable_once_pinned() -> Callable[[str, str, str], None]:
    """Return what lets nobody read the tables once a manifest of them is written."""
    pinned: list[str] = []

    def fault(action: str, bucket: str, key: str) -> None:
        if action.startswith("s3:PutObject") and key.startswith(PREFIX):
            pinned.append(key)
        if bucket == SOURCE and action.startswith("s3:GetObject") and pinned:
            raise NoAnswerError

    return fault


def told(stage: Stage, name: str) -> list[tuple[str, str]]:
    return [
        (event["type"], event["reason"])
        for event in stage.world.server.everything(EVENT)
        if event["regarding"]["name"] == name and event["reason"].startswith("Contract")
    ]


def test_what_breaks_its_contract_is_used_by_nobody() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "good")
        put(stage, "bad", delay="late")
        declare(stage, "good", "good")
        declare(stage, "bad", "bad")
        await until(stage, "good", reasons.VERIFIED)
        await until(stage, "bad", reasons.CONTRACT_VIOLATED)
        assert reason(stage, "bad", "Stalled") == reasons.CONTRACT_VIOLATED
        assert stage.condition("Verified", "bad", DATASET_PIN)["status"] == "True"
        found = status(stage, "bad")["contract"]
        (violation,) = found["first"]
        assert (violation["rule"], violation["file"]) == ("Type", "012.jsonl")
        assert (violation["column"], violation["count"]) == ("delay", 1)
        assert violation["message"] == "row 3 is no Integer"  # it may not be shown
        assert (found["rows"], found["files"], found["violations"]) == (15, 5, 1)
        assert told(stage, "bad") == [("Warning", reasons.CONTRACT_VIOLATED)]
        assert told(stage, "good") == [("Normal", reasons.CONTRACT_MET)]
        assert stage.metric("glovebox_contract_violations_total", rule="Type") == 1
        assert stage.metric("glovebox_contract_rows_total") == 30
        assert stage.metric("glovebox_pins_by_contract", state="Violated") == 1
        assert stage.metric("glovebox_pins_by_contract", state="Met") == 1
        before = made(stage)
        inputs = {"datasets": [{"name": "fit", "pinRef": {"name": "bad"}, "role": "train"}]}
        stage.declare(run=False, inputs=inputs)
        await stage.sleep(10 * MINUTE)
        ready = stage.condition("Ready")
        assert ready["reason"] == reasons.PIN_NOT_READY
        assert "column `delay` of `012.jsonl`: row 3 is no Integer (Type, 1)" in ready["message"]
        assert made(stage) == before

    play(scene, sweeps=False)


def test_the_answer_stands_through_checks_of_the_pin_and_the_next_process() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "good")
        put(stage, "bad", flight="UA0")
        for name in ("good", "bad"):
            declare(stage, name, name)
        await until(stage, "good", reasons.VERIFIED)
        await until(stage, "bad", reasons.CONTRACT_VIOLATED)
        before = {name: status(stage, name)["contract"] for name in ("good", "bad")}
        read: list[str] = []

        def count(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and action.startswith("s3:GetObject"):
                read.append(key)

        stage.world.store.fault = count
        listed = status(stage, "bad")["listedTime"]
        await stage.process.kill()
        stage.process.start()
        await stage.until(
            "it was listed again", lambda: status(stage, "bad")["listedTime"] != listed, HOUR
        )
        await stage.sleep(MINUTE)
        assert {name: status(stage, name)["contract"] for name in before} == before
        assert (reason(stage, "good"), reason(stage, "bad")) == (
            reasons.VERIFIED,
            reasons.CONTRACT_VIOLATED,
        )
        assert reason(stage, "bad", "Stalled") == reasons.CONTRACT_VIOLATED
        assert read == []

    play(scene)


def test_a_store_that_does_not_answer_violates_nothing() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.store.fault = unreadable_once_pinned()
        put(stage, "good")
        declare(stage, "good", "good")
        await until(stage, "good", reasons.CONTRACT_NOT_CHECKED)
        await stage.sleep(2 * MINUTE)
        met = stage.condition("ContractMet", "good", DATASET_PIN)
        assert (met["status"], met["reason"]) == ("Unknown", reasons.CONTRACT_NOT_CHECKED)
        assert stage.condition("Stalled", "good", DATASET_PIN).get("status") != "True"
        assert "contract" not in status(stage, "good")
        stage.world.store.fault = lambda *_: None
        await until(stage, "good", reasons.VERIFIED)
        assert reason(stage, "good", "ContractMet") == reasons.CONTRACT_MET
        assert told(stage, "good") == [("Normal", reasons.CONTRACT_MET)]

    play(scene)


def test_a_check_whose_process_dies_is_made_by_the_next_one() -> None:
    async def scene(stage: Stage) -> None:
        deaths = [3]

        def slow(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and key.endswith("012.jsonl") and action == "s3:GetObjectVersion":
                deaths[0] -= 1
                if deaths[0] >= 0:
                    raise NoAnswerError

        put(stage, "bad", delay=-61)
        declare(stage, "bad", "bad")
        await stage.until("it is pinned", lambda: status(stage, "bad").get("manifest"), HOUR)
        stage.world.store.fault = slow
        for _ in range(3):
            await stage.process.kill()
            stage.process.start()
            await stage.sleep(3.0)
        await until(stage, "bad", reasons.CONTRACT_VIOLATED)
        (violation,) = status(stage, "bad")["contract"]["first"]
        assert (violation["rule"], violation["count"]) == ("Minimum", 1)

    play(scene)


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_what_was_found_is_recorded_whatever_becomes_of_the_write(fault: Fault) -> None:
    faults = FailingStatus(DATASET_PIN, fault)

    async def scene(stage: Stage) -> None:
        stage.world.store.fault = unreadable_once_pinned()
        put(stage, "bad", delay=None, flight=None)
        declare(stage, "bad", "bad")
        await until(stage, "bad", reasons.CONTRACT_NOT_CHECKED)
        stage.world.store.fault = lambda *_: None
        # What was written and not answered is there.
        faults.left = 1 if fault.name == "unanswered" else 4
        await until(stage, "bad", reasons.CONTRACT_VIOLATED)
        assert not faults.left
        before = status(stage, "bad")["contract"]
        await stage.sleep(10 * MINUTE)
        assert status(stage, "bad")["contract"] == before

    play(scene, faults=faults)


def test_a_reference_waits_for_its_pin_and_follows_it() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "good")
        put(stage, "planes", files=4)
        declare(stage, "good", "good", **PLANES)
        await until(stage, "good", reasons.CONTRACT_NOT_CHECKED)
        assert stage.condition("Stalled", "good", DATASET_PIN).get("status") != "True"
        stage.world.declare(DATASET_PIN, "planes", pin_spec("planes/"))
        await until(stage, "good", reasons.CONTRACT_VIOLATED)
        found = status(stage, "good")["contract"]
        (violation,) = found["first"]
        assert (violation["rule"], violation["file"], violation["count"]) == (
            "Reference",
            "012.jsonl",
            3,
        )
        assert found["targets"][0]["digest"] == status(stage, "planes")["digest"]

    play(scene)


def test_two_pins_that_refer_to_each_other_are_ready() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "good")
        for one, other in (("a", "b"), ("b", "a")):
            target = {"references": [{"columns": ["flight"], "pinRef": {"name": other}}]}
            declare(stage, one, "good", **target)
        for name in ("a", "b"):
            await until(stage, name, reasons.VERIFIED)

    play(scene)


def test_a_pin_that_is_deleted_while_it_is_checked_leaves_no_task() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.store.fault = unreadable_once_pinned()
        put(stage, "good")
        declare(stage, "good", "good")
        await until(stage, "good", reasons.CONTRACT_NOT_CHECKED)
        assert stage.process.operator is not None
        key, tasks = Key(DATASET_PIN.kind, TEAM, "good"), stage.process.operator.tasks
        assert tasks.names(key) == ("contract",)
        stage.world.remove(DATASET_PIN, TEAM, "good")
        await stage.until("it is gone", lambda: not stage.there(DATASET_PIN, TEAM, "good"))
        await stage.sleep(MINUTE)
        assert not tasks.names(key)

    play(scene)


def test_what_was_promised_of_an_input_is_recorded_and_sealed() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "good")
        declare(stage, "good", "good")
        await until(stage, "good", reasons.VERIFIED)
        promised = status(stage, "good")["contract"]["digest"]
        inputs = {"datasets": [{"name": "fit", "pinRef": {"name": "good"}, "role": "train"}]}
        stage.declare(run=False, inputs=inputs)
        await stage.provisioned()
        assert stage.status()["inputs"][0]["stated"]["contract"] == promised
        wanted = {"spec": {"lifecycle": {"desired": "Sealed"}}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", wanted)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        (statement,) = statements(stage)
        (fit,) = [
            each
            for each in statement["predicate"]["buildDefinition"]["resolvedDependencies"]
            if each.get("name") == "fit"
        ]
        assert fit["annotations"]["stated"]["contract"] == promised

    play(scene, sweeps=False)
