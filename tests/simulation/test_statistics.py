"""Columns are described and compared once, whatever fails; only what moved is called moved."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import orjson
import pytest

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT
from glovebox.kube.resources import Key
from glovebox.store.pin_documents import PREFIX
from simulation.api_transport import Fault
from simulation.object_store import NoAnswerError
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_contracts import (
    HOUR,
    MINUTE,
    has,
    reason,
    status,
    unreadable_once_pinned,
    until,
)
from simulation.test_holds import WINDOW, sweep, unpinned
from simulation.world import LOADER, SOURCE, TEAM, pin_spec

Json = dict[str, Any]
ROWS = 3000
FILES = 3
STATISTICS: Json = {
    "columns": [
        {"name": "carrier", "type": "Text", "shown": True},
        {"name": "delay", "type": "Number", "shown": True},
        {"name": "tail", "type": "Text"},
    ]
}
STABLE = "DistributionStable"
COMPUTED = "StatisticsComputed"


def put(stage: Stage, folder: str, seed: int, mean: float = 0.0) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    size = ROWS // FILES
    for number in range(FILES):
        rows = (
            {
                "carrier": chance.choice(("UA", "UA", "B6", "DL")),
                "delay": chance.gauss(mean, 10),
                "tail": f"N{chance.randrange(500)}",
            }
            for _ in range(size)
        )
        body = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        stage.world.store.put(LOADER, SOURCE, f"{folder}/{number}.jsonl", body)


def declare(stage: Stage, name: str, folder: str, **more: Any) -> None:
    spec = pin_spec(f"{folder}/") | {"statistics": STATISTICS} | more
    stage.world.declare(DATASET_PIN, name, spec)


def against(name: str, **more: Any) -> Json:
    return {"distribution": {"against": {"name": name}, **more}}


def told(stage: Stage, name: str) -> list[tuple[str, str]]:
    events = [
        event
        for event in stage.world.server.everything(EVENT)
        if event["regarding"]["name"] == name
        and event["reason"].startswith(("Statistics", "Distribution"))
    ]
    # Their names say nothing of their order.
    events.sort(key=lambda event: str(event["eventTime"]))
    return [(event["type"], event["reason"]) for event in events]


def document(stage: Stage, at: Json) -> Json:
    found = stage.world.store.bucket(at["bucket"]).keys[at["key"]]
    (version,) = found
    assert (version.version_id, len(version.body)) == (at["versionId"], at["bytes"])
    assert version.hold
    return dict(orjson.loads(version.body))


async def described(stage: Stage, name: str) -> Json:
    await until(stage, name, reasons.STATISTICS_COMPUTED, COMPUTED)
    return dict(status(stage, name)["statistics"])


def test_what_moved_is_told_and_decides_only_where_that_is_asked() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        put(stage, "same", 2)
        put(stage, "later", 3, mean=9.0)
        declare(stage, "old", "old")
        declare(stage, "same", "same", **against("old", required=True))
        declare(stage, "told", "later", **against("old"))
        declare(stage, "judged", "later", **against("old", required=True))
        await until(stage, "same", reasons.DISTRIBUTION_STABLE, STABLE)
        await until(stage, "told", reasons.DISTRIBUTION_MOVED, STABLE)
        await until(stage, "judged", reasons.DISTRIBUTION_MOVED)
        for name in ("old", "same", "told"):
            await until(stage, name, reasons.VERIFIED)
        assert stage.condition("Ready", "judged", DATASET_PIN)["status"] == "False"
        assert reason(stage, "judged", "Stalled") == reasons.DISTRIBUTION_MOVED
        assert stage.condition("Verified", "judged", DATASET_PIN)["status"] == "True"
        found = status(stage, "told")["distribution"]
        assert (found["verdict"], found["moved"], found["stable"]) == ("moved", 1, 1)
        assert (found["columns"][0]["name"], found["columns"][0]["reason"]) == ("delay", "PSI")
        assert found["againstContent"] == status(stage, "old")["digest"]
        message = stage.condition(STABLE, "told", DATASET_PIN)["message"]
        assert "1 moved, 1 stable, 1 unknown: column `delay` (PSI, PSI " in message
        assert ("Normal", reasons.DISTRIBUTION_STABLE) in told(stage, "same")
        assert ("Warning", reasons.DISTRIBUTION_MOVED) in told(stage, "told")
        assert stage.metric("glovebox_pins_by_distribution", state="Moved") == 2
        assert stage.metric("glovebox_pins_by_distribution", state="Stable") == 1
        assert stage.metric("glovebox_pins_by_distribution", state="None") == 1
        assert stage.metric("glovebox_distribution_columns_total", verdict="moved") == 2
        # Drawn is what is shown: `tail` is not, and no name of a plane is anywhere.
        assert [each["name"] for each in found["drawn"]] == ["delay", "carrier"]
        parts = {each["name"]: each for each in found["drawn"][1]["parts"]}
        assert set(parts) == {"UA", "B6", "DL"}
        assert abs(parts["UA"]["before"] - 5000) < 500
        assert [each["name"] for each in status(stage, "old")["statistics"]["drawn"]] == [
            "carrier",
            "delay",
        ]
        assert stage.process.operator is not None
        psi = stage.process.operator.registry.get_sample_value(
            "glovebox_distribution_worst_psi", {"resource_namespace": TEAM, "name": "told"}
        )
        assert psi == found["worstPsi"] / 1e4
        assert psi is not None
        assert psi > 0.2

    play(scene, sweeps=False)


def test_times_that_are_in_neither_pin_are_told() -> None:
    async def scene(stage: Stage) -> None:
        days = {"columns": [{"name": "day", "type": "Date", "shown": True}]}
        for month in ("01", "03"):
            rows = ({"day": f"2013-{month}-{1 + at % 31:02}"} for at in range(ROWS))
            body = b"".join(orjson.dumps(row) + b"\n" for row in rows)
            stage.world.store.put(LOADER, SOURCE, f"{month}/days.jsonl", body)
        declare(stage, "january", "01", statistics=days)
        declare(stage, "march", "03", statistics=days, **against("january"))
        declare(stage, "again", "01", statistics=days, **against("january"))
        await until(stage, "march", reasons.DISTRIBUTION_MOVED, STABLE)
        await until(stage, "again", reasons.DISTRIBUTION_STABLE, STABLE)
        (day,) = status(stage, "march")["distribution"]["columns"]
        assert (day["name"], day["gapSeconds"]) == ("day", 28 * 86_400)  # all of February
        assert "gapSeconds" not in status(stage, "again")["distribution"]["columns"][0]

    play(scene, sweeps=False)


def test_the_statistics_lie_beside_the_manifest_and_tell_of_nobody() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        declare(stage, "old", "old")
        found = await described(stage, "old")
        manifest = status(stage, "old")["manifest"]["digest"].removeprefix("sha256:")
        assert found["document"]["key"].startswith(f"{PREFIX}{manifest}/")
        said = document(stage, found["document"])
        assert (said["rows"], found["rows"], found["files"]) == (ROWS, ROWS, FILES)
        assert (found["columns"], found["shown"]) == (3, 2)
        carrier, delay, tail = said["columns"]
        assert [each["value"] for each in carrier["values"]] == ["UA", "B6", "DL"]
        assert min(delay["counts"]) >= 20
        assert (tail["withheld"], tail["values"], tail["distinct"]) == ("NotShown", [], 499)
        assert stage.metric("glovebox_statistics_rows_total") == ROWS
        assert stage.condition(STABLE, "old", DATASET_PIN) == {}

    play(scene, sweeps=False)


def test_a_pin_whose_reference_comes_later_is_described_first_and_compared_then() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        put(stage, "new", 2)
        declare(stage, "new", "new", **against("old", required=True))
        first = await described(stage, "new")
        await until(stage, "new", reasons.REFERENCE_GONE)
        assert stage.condition("Stalled", "new", DATASET_PIN).get("status") != "True"
        await stage.sleep(10 * MINUTE)
        assert reason(stage, "new") == reasons.REFERENCE_GONE
        # One that asks for no statistics is none.
        stage.world.declare(DATASET_PIN, "old", pin_spec("old/"))
        await until(stage, "old", reasons.VERIFIED)
        await stage.sleep(2 * MINUTE)
        assert "asks for no `statistics`" in stage.condition("Ready", "new", DATASET_PIN)["message"]
        stage.world.remove(DATASET_PIN, TEAM, "old")
        await stage.until("it is gone", lambda: not stage.there(DATASET_PIN, TEAM, "old"))
        declare(stage, "old", "old")
        await until(stage, "new", reasons.VERIFIED)
        assert status(stage, "new")["statistics"] == first
        assert told(stage, "new") == [
            ("Normal", reasons.STATISTICS_COMPUTED),
            ("Normal", reasons.DISTRIBUTION_STABLE),
        ]

    play(scene, sweeps=False)


def test_two_pins_that_name_each_other_are_both_compared() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "a", 1)
        put(stage, "b", 2)
        for one, other in (("a", "b"), ("b", "a")):
            declare(stage, one, one, **against(other, required=True))
        for name in ("a", "b"):
            await until(stage, name, reasons.VERIFIED)
            assert reason(stage, name, STABLE) == reasons.DISTRIBUTION_STABLE

    play(scene, sweeps=False)


def test_without_a_name_the_superseded_pin_is_the_reference() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        put(stage, "new", 2)
        declare(stage, "old", "old")
        await described(stage, "old")
        declare(stage, "new", "new", supersedes={"name": "old"}, distribution={})
        await until(stage, "new", reasons.DISTRIBUTION_STABLE, STABLE)
        assert status(stage, "new")["distribution"]["against"] == "old"

    play(scene, sweeps=False)


def test_what_was_found_stands_without_its_reference_and_through_the_next_process() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        put(stage, "new", 2, mean=9.0)
        declare(stage, "old", "old")
        declare(stage, "new", "new", **against("old"))
        await until(stage, "new", reasons.DISTRIBUTION_MOVED, STABLE)
        before = {name: status(stage, "new")[name] for name in ("statistics", "distribution")}
        stage.world.remove(DATASET_PIN, TEAM, "old")
        await stage.until("it is gone", lambda: not stage.there(DATASET_PIN, TEAM, "old"))
        read: list[str] = []

        def count(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and action.startswith("s3:GetObject"):
                read.append(key)

        stage.world.store.fault = count
        listed = status(stage, "new")["listedTime"]
        await stage.process.kill()
        stage.process.start()
        await stage.until(
            "it was listed again", lambda: status(stage, "new")["listedTime"] != listed, HOUR
        )
        await stage.sleep(MINUTE)
        assert {name: status(stage, "new")[name] for name in before} == before
        assert reason(stage, "new", STABLE) == reasons.DISTRIBUTION_MOVED
        assert reason(stage, "new") == reasons.VERIFIED
        assert read == []

    play(scene)


def test_a_store_that_does_not_answer_moves_nothing() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        put(stage, "new", 2)
        declare(stage, "old", "old")
        await described(stage, "old")
        stage.world.store.fault = unreadable_once_pinned()
        declare(stage, "new", "new", **against("old", required=True))
        await until(stage, "new", reasons.STATISTICS_NOT_COMPUTED)
        assert stage.condition(STABLE, "new", DATASET_PIN)["status"] == "Unknown"
        assert stage.condition("Stalled", "new", DATASET_PIN).get("status") != "True"
        stage.world.store.fault = lambda *_: None
        await until(stage, "new", reasons.VERIFIED)
        assert reason(stage, "new", STABLE) == reasons.DISTRIBUTION_STABLE

    play(scene)


def test_a_file_that_is_no_table_is_named_and_nothing_is_said_of_the_others() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        stage.world.store.put(LOADER, SOURCE, "old/README.txt", b"beside its tables")
        declare(stage, "old", "old")
        assert (await described(stage, "old"))["files"] == FILES
        put(stage, "bad", 2)
        stage.world.store.put(LOADER, SOURCE, "bad/9.jsonl", b"[1]\n")
        declare(stage, "bad", "bad", **against("old", required=True))
        await until(stage, "bad", reasons.STATISTICS_NOT_COMPUTED)
        assert "`9.jsonl` cannot be read" in stage.condition("Ready", "bad", DATASET_PIN)["message"]
        await until(stage, "bad", reasons.STATISTICS_NOT_COMPUTED, "Stalled")
        assert "statistics" not in status(stage, "bad")

    play(scene)


def test_an_attempt_whose_process_dies_is_made_by_the_next_one_to_the_same_bytes() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        declare(stage, "once", "old")
        once = await described(stage, "once")
        lost: list[str] = []

        def fault(action: str, bucket: str, key: str) -> None:
            # Written, and the answer is lost; then nobody answers until the process has died.
            del bucket
            if PREFIX in key and action == "s3:PutObject" and len(lost) < 4:
                lost.append(key)
                raise NoAnswerError

        stage.world.store.fault = fault
        declare(stage, "again", "old")
        for _ in range(2):
            await stage.sleep(20.0)
            await stage.process.kill()
            stage.process.start()
        again = await described(stage, "again")
        assert again["document"]["digest"] == once["document"]["digest"]
        # Both have one manifest, so it is one object.
        assert again["document"] == once["document"]

    play(scene)


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_what_was_found_is_recorded_whatever_becomes_of_the_write(fault: Fault) -> None:
    faults = FailingStatus(DATASET_PIN, fault)

    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        put(stage, "new", 2, mean=9.0)
        declare(stage, "old", "old")
        await described(stage, "old")
        stage.world.store.fault = unreadable_once_pinned()
        declare(stage, "new", "new", **against("old", required=True))
        await until(stage, "new", reasons.STATISTICS_NOT_COMPUTED)
        stage.world.store.fault = lambda *_: None
        # What was written and not answered is there.
        faults.left = 1 if fault.name == "unanswered" else 4
        await until(stage, "new", reasons.DISTRIBUTION_MOVED)
        assert not faults.left
        before = status(stage, "new")["distribution"]
        await stage.sleep(10 * MINUTE)
        assert status(stage, "new")["distribution"] == before

    play(scene, faults=faults)


def test_a_pin_that_is_deleted_meanwhile_leaves_no_task() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.store.fault = unreadable_once_pinned()
        put(stage, "old", 1)
        declare(stage, "old", "old")
        await stage.until(
            "it fails", partial(has, stage, "old", reasons.STATISTICS_NOT_COMPUTED, COMPUTED)
        )
        assert stage.process.operator is not None
        key, tasks = Key(DATASET_PIN.kind, TEAM, "old"), stage.process.operator.tasks
        assert tasks.names(key) == ("statistics",)
        stage.world.remove(DATASET_PIN, TEAM, "old")
        await stage.until("it is gone", lambda: not stage.there(DATASET_PIN, TEAM, "old"))
        await stage.sleep(MINUTE)
        assert not tasks.names(key)

    play(scene)


def test_what_lies_beside_a_manifest_is_let_go_with_it() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        declare(stage, "old", "old")
        at = (await described(stage, "old"))["document"]
        (version,) = stage.world.store.bucket(at["bucket"]).keys[at["key"]]
        await sweep(stage, after=2 * WINDOW)
        assert version.hold, "its pin is there"
        await unpinned(stage, "old")
        await sweep(stage)
        await sweep(stage, after=2 * WINDOW)
        (version,) = stage.world.store.bucket(at["bucket"]).keys[at["key"]]
        assert not version.hold

    play(scene)


def test_a_profile_lets_in_what_is_stable_by_its_thresholds() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "old", 1)
        put(stage, "same", 2)
        put(stage, "later", 3, mean=9.0)
        declare(stage, "old", "old")
        declare(stage, "moved", "later", **against("old"))
        declare(stage, "waits", "later", **against("nobody"))
        declare(stage, "loose", "same", **against("old", thresholds={"psi": 2001}))
        declare(stage, "same", "same", **against("old"))
        for name in ("old", "moved", "waits", "loose", "same"):
            await until(stage, name, reasons.VERIFIED)
        await until(stage, "same", reasons.DISTRIBUTION_STABLE, STABLE)
        # What is compared with nothing is not asked.
        for name in ("moved", "waits", "loose", "same", "old"):
            stage.declare(f"x-{name}", inputs=of(name))
        words = {
            "moved": "`delay` (PSI)",
            "waits": "was not yet",
            "loose": "psi 2001 (at most 2000)",
        }
        for name, word in words.items():
            await stage.until(f"{name} is refused", partial(said, stage, name, word))
            stalled = stage.condition("Stalled", f"x-{name}").get("status") == "True"
            assert stalled == (name != "waits")
        for name in ("same", "old"):
            await stage.provisioned(f"x-{name}")
        stated = stage.status("x-same")["inputs"][0]["stated"]
        assert stated["distribution"] == "stable"

    play(scene, profile={"data": {"distribution": {}}}, sweeps=False)


def of(pin: str) -> Json:
    return {"datasets": [{"name": "train", "role": "train", "pinRef": {"name": pin}}]}


def said(stage: Stage, name: str, word: str) -> bool:
    found = stage.condition("Ready", f"x-{name}")
    is_it = found.get("reason") == reasons.DISTRIBUTION_NOT_STABLE
    return is_it and word in found.get("message", "")
