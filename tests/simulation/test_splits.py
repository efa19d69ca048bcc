"""A split is made once and stays, whatever fails while it is made, and is held while it is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import orjson
import pytest

from glovebox.api import reasons
from glovebox.api.split_pin_status import MAX_NESTED
from glovebox.data.row_keys import canonical_key
from glovebox.data.splits import ByShare, hash_of
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    DATASET_PIN,
    EVENT,
    EXPERIMENT,
    SPLIT_PIN,
)
from glovebox.kube.resources import Key
from glovebox.store.manifests import PREFIX
from glovebox.store.source_access import SPLITS
from simulation.api_transport import Fault
from simulation.object_store import NoAnswerError, S3Error
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_leakage import made, sheet
from simulation.world import BUCKET, LOADER, SOURCE, TEAM, pin_spec, split_of_a_pin
from support.grants import DATA, grant_spec, lent, ready, reason_of, records, with_data

Json = dict[str, Any]
MINUTE = 60.0
HOUR = 3_600.0
FLIGHTS = 60
SHARES = (3000, 7000)
PARTS: list[Json] = [
    {"name": "test", "role": "test", "share": SHARES[0]},
    {"name": "train", "role": "train", "share": SHARES[1]},
]
ROWS: Json = {
    "granularity": "Rows",
    "rule": {"by": "Key", "columns": [{"name": "flight"}], "salt": "flights"},
}
OBJECTS: Json = {"granularity": "Objects", "rule": {"by": "Key", "salt": "flights"}}


def split_spec(how: Json = OBJECTS, **changes: Any) -> Json:
    return {"source": {"pinRef": {"name": "all"}}, "parts": PARTS, **how, **changes}


def part_spec(part: str, split: str = "parts") -> Json:
    return {**pin_spec(), "source": {"split": {"name": split, "part": part}}}


def declare(stage: Stage, how: Json = OBJECTS) -> None:
    """Declare a pin of tables, a split of it, and a pin of each part, all at once."""
    declare_split(stage, how)
    declare_all(stage)


def declare_split(stage: Stage, how: Json) -> None:
    for part in ("test", "train"):
        stage.world.declare(DATASET_PIN, part, part_spec(part))
    stage.world.declare(SPLIT_PIN, "parts", split_spec(how))


def undeclare(stage: Stage) -> None:
    for kind, name in ((DATASET_PIN, "test"), (DATASET_PIN, "train"), (SPLIT_PIN, "parts")):
        stage.world.remove(kind, TEAM, name)


def declare_all(stage: Stage) -> None:
    for first in range(0, FLIGHTS, 3):
        rows = ({"flight": f"UA{at}", "delay": 1} for at in range(first, first + 3))
        body = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        stage.world.store.put(LOADER, SOURCE, f"all/{first:03}.jsonl", body)
    stage.world.declare(DATASET_PIN, "all", pin_spec("all/"))


def status(stage: Stage, kind: Any = SPLIT_PIN, name: str = "parts") -> Json:
    return (stage.world.server.peek(kind, TEAM, name) or {}).get("status") or {}


def is_ready(stage: Stage, kind: Any, name: str) -> bool:
    return stage.condition("Ready", name, kind).get("status") == "True"


def is_gone(stage: Stage, kind: Any, name: str) -> bool:
    return not stage.there(kind, TEAM, name)


async def parts_ready(stage: Stage, seconds: float = HOUR) -> None:
    for kind, name in ((SPLIT_PIN, "parts"), (DATASET_PIN, "test"), (DATASET_PIN, "train")):
        ready = partial(is_ready, stage, kind, name)
        await stage.until(f"{name} is Ready", ready, seconds)


def written(stage: Stage) -> dict[str, int]:
    """Return the objects of parts, with how many versions each has."""
    keys = stage.world.store.buckets[BUCKET].keys
    return {key: len(held) for key, held in keys.items() if key.startswith(SPLITS)}


def wanted() -> dict[str, int]:
    """Return how many flights each part has, by the rule and nothing else."""
    found = {"test": 0, "train": 0}
    for at in range(FLIGHTS):
        key = canonical_key((f"UA{at}",))
        found[("test", "train")[ByShare(SHARES).part_of(hash_of("flights", key))]] += 1
    return found


def roles(train: str = "train", test: str = "test") -> Json:
    return {
        "datasets": [
            {"name": "fit", "pinRef": {"name": train}, "role": "train"},
            {"name": "final", "pinRef": {"name": test}, "role": "test"},
        ]
    }


def test_parts_are_pinned_and_used_in_their_roles_alone() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, ROWS)
        await parts_ready(stage)
        rows = {part["name"]: part["rows"] for part in status(stage)["parts"]}
        assert rows == wanted()
        assert stage.metric("glovebox_split_total", granularity="Rows", result="part") == FLIGHTS
        assert stage.metric("glovebox_split_total", granularity="Rows", result="none") == 0
        (told,) = (
            event
            for event in stage.world.server.everything(EVENT)
            if event["regarding"]["kind"] == SPLIT_PIN.kind
        )
        assert (told["type"], told["reason"]) == ("Normal", reasons.SPLIT_DONE)
        assert f"{rows['test']} rows in `test`" in told["note"]
        stage.declare(run=False, inputs=roles())
        await stage.provisioned()
        assert sheet(stage)["SharedRows"]["level"] == "Proved"
        for name, pins, reason in (
            ("wrong", roles("test", "train"), reasons.ROLE_NOT_ALLOWED),
            ("whole", roles("all"), reasons.LEAKAGE_FOUND),
        ):
            before = made(stage)
            stage.declare(name, run=False, inputs=pins)
            await stage.until("it is Stalled", partial(stage.condition, "Stalled", name))
            assert stage.condition("Ready", name)["reason"] == reason
            assert made(stage) == before

    play(scene, sweeps=False)


@pytest.mark.parametrize("how", [OBJECTS, ROWS], ids=["objects", "rows"])
def test_a_split_is_the_same_after_each_death_while_it_is_made(how: Json) -> None:
    found: list[Json] = []

    def life(deaths: int) -> None:
        async def scene(stage: Stage) -> None:
            left = [deaths]

            def fault(action: str, bucket: str, key: str) -> Callable[[], None] | None:
                """Let one write in three take effect without an answer, and the rest fail."""
                is_ours = key.startswith((SPLITS, PREFIX)) and bucket == BUCKET
                if not is_ours or not action.startswith("s3:PutObject") or not left[0]:
                    return None
                left[0] -= 1
                if left[0] % 3:
                    raise NoAnswerError

                def lost() -> None:
                    raise NoAnswerError

                return lost

            declare_all(stage)
            await stage.until("it is pinned", lambda: is_ready(stage, DATASET_PIN, "all"), HOUR)
            stage.world.store.fault = fault
            declare_split(stage, how)
            for _ in range(2 if deaths else 0):
                await stage.sleep(3.0)
                await stage.process.kill()
                stage.process.start()
            await parts_ready(stage)
            assert not left[0]
            found.append(
                {
                    part["name"]: (part["digest"], part.get("rows"))
                    for part in status(stage)["parts"]
                }
            )
            # Whatever was tried again, nothing was written twice.
            assert set(written(stage).values()) <= {1}

        play(scene)

    for deaths in (0, 12):
        life(deaths)
    assert found[0] == found[1]


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_what_a_split_came_to_is_recorded_whatever_becomes_of_the_write(fault: Fault) -> None:
    faults = FailingStatus(SPLIT_PIN, fault, left=3)

    async def scene(stage: Stage) -> None:
        declare(stage)
        await parts_ready(stage)
        assert not faults.left
        before = status(stage)
        await stage.sleep(HOUR)
        assert status(stage) == before

    play(scene, faults=faults)


def test_what_is_recorded_is_not_made_again_by_the_next_process() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, ROWS)
        await parts_ready(stage)
        before, objects = status(stage), written(stage)
        asked: list[str] = []

        def count(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and action.startswith("s3:GetObject"):
                asked.append(key)

        stage.world.store.fault = count
        await stage.process.kill()
        stage.process.start()
        stage.world.edit(SPLIT_PIN, TEAM, "parts", {"metadata": {"labels": {"a": "b"}}})
        await stage.sleep(HOUR)
        assert status(stage) == before
        assert written(stage) == objects
        assert asked == []

    play(scene)


def test_a_split_that_is_declared_again_is_the_same() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, ROWS)
        await parts_ready(stage)
        before, objects = status(stage), written(stage)
        undeclare(stage)
        await stage.until("it is gone", lambda: not stage.there(SPLIT_PIN, TEAM, "parts"))
        stage.world.declare(SPLIT_PIN, "parts", split_spec(ROWS))
        for part in ("test", "train"):
            stage.world.declare(DATASET_PIN, part, part_spec(part))
        await parts_ready(stage)
        assert status(stage)["parts"] == before["parts"]
        assert written(stage) == objects

    play(scene)


@pytest.mark.parametrize("what", ["rows", "manifests"])
def test_what_was_lost_of_a_split_is_made_again_when_it_is_declared_again(what: str) -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, ROWS)
        await parts_ready(stage)
        before = status(stage)["parts"]
        undeclare(stage)
        await stage.until("it is gone", lambda: not stage.there(SPLIT_PIN, TEAM, "parts"))
        keys = stage.world.store.buckets[BUCKET].keys
        made = {each["manifest"]["key"] for each in before} if what == "manifests" else set()
        for key in set(keys):
            if key in made or (what == "rows" and key.startswith(SPLITS) and "/train/" in key):
                del keys[key]
        declare_split(stage, ROWS)
        await parts_ready(stage)
        assert [each["digest"] for each in status(stage)["parts"]] == [
            each["digest"] for each in before
        ]
        again, objects = status(stage)["parts"], written(stage)
        undeclare(stage)
        await stage.until("it is gone", lambda: not stage.there(SPLIT_PIN, TEAM, "parts"))
        declare_split(stage, ROWS)
        await parts_ready(stage)
        assert status(stage)["parts"] == again
        assert written(stage) == objects

    play(scene)


def test_a_split_is_held_while_its_parts_are_used_and_nobody_new_begins() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage)
        await parts_ready(stage)
        stage.declare(run=False, inputs=roles())
        await stage.provisioned()
        for kind, name in (
            (DATASET_PIN, "all"),
            (SPLIT_PIN, "parts"),
            (DATASET_PIN, "test"),
            (DATASET_PIN, "train"),
        ):
            stage.world.remove(kind, TEAM, name)
        stage.world.declare(DATASET_PIN, "late", part_spec("train"))
        await stage.sleep(HOUR)
        assert stage.condition("Ready", "parts", SPLIT_PIN)["reason"] == reasons.IN_USE
        assert stage.condition("Ready", "late", DATASET_PIN)["reason"] == reasons.SPLIT_NOT_READY
        stage.world.remove(EXPERIMENT, TEAM, "x")
        for kind, name in ((SPLIT_PIN, "parts"), (DATASET_PIN, "all")):
            await stage.until(f"{name} is gone", partial(is_gone, stage, kind, name), HOUR)

    play(scene)


def test_what_is_divided_too_often_says_where_to_divide_it() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage)
        await parts_ready(stage)
        former = "train"
        for depth in range(2, MAX_NESTED + 2):
            parts = [{**each, "role": "train"} for each in PARTS]
            rule = {"by": "Key", "salt": f"salt {depth}"}
            spec = split_spec(source={"pinRef": {"name": former}}, parts=parts, rule=rule)
            stage.world.declare(SPLIT_PIN, f"split-{depth}", spec)
            former = f"train-{depth}"
            stage.world.declare(DATASET_PIN, former, part_spec("train", f"split-{depth}"))
            if depth <= MAX_NESTED:
                ready = partial(is_ready, stage, DATASET_PIN, former)
                await stage.until(f"{former} is Ready", ready, HOUR)
        refused = partial(stage.condition, "Stalled", f"split-{depth}", SPLIT_PIN)
        await stage.until("it is refused", lambda: refused().get("status") == "True", HOUR)
        assert refused()["reason"] == reasons.NESTED_TOO_DEEP

    play(scene)


def test_a_split_of_its_own_part_waits_and_goes() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "all", part_spec("train"))
        stage.world.declare(SPLIT_PIN, "parts", split_spec())
        await stage.sleep(10 * MINUTE)
        assert stage.condition("Ready", "parts", SPLIT_PIN)["reason"] == reasons.PIN_NOT_READY
        assert stage.condition("Ready", "all", DATASET_PIN)["reason"] == reasons.SPLIT_NOT_READY
        for kind, name in ((SPLIT_PIN, "parts"), (DATASET_PIN, "all")):
            stage.world.remove(kind, TEAM, name)
        await stage.sleep(10 * MINUTE)
        assert not stage.there(SPLIT_PIN, TEAM, "parts")
        assert not stage.there(DATASET_PIN, TEAM, "all")

    play(scene)


@pytest.mark.parametrize("tasks", ["InProcess", "Jobs"])
def test_a_part_that_is_lost_is_not_pinned_until_it_is_there_again(
    tasks: Literal["InProcess", "Jobs"],
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.process.kill()
        stage.world.tasks = tasks
        process = stage.world.process("operator-1")
        process.start()

        def missed() -> float:
            assert process.operator is not None
            name, which = "glovebox_digest_checks_total", {"kind": "DatasetPin", "result": "error"}
            return process.operator.registry.get_sample_value(name, which) or 0.0

        declare(stage)
        await stage.until("it is divided", lambda: is_ready(stage, SPLIT_PIN, "parts"), HOUR)
        for part in ("test", "train"):
            stage.world.remove(DATASET_PIN, TEAM, part)
        await stage.sleep(MINUTE)
        keys = stage.world.store.buckets[SOURCE].keys
        lost = {key: list(held) for key, held in keys.items() if key.startswith("all/")}
        for key in lost:
            del keys[key]
        for part in ("test", "train"):
            stage.world.declare(DATASET_PIN, part, part_spec(part))
        await stage.sleep(10 * MINUTE)
        ready = stage.condition("Ready", "train", DATASET_PIN)
        assert (ready["status"], ready["reason"]) == ("False", reasons.PART_LOST)
        assert "Restore these versions" in ready["message"]
        tried = missed()
        await stage.sleep(4 * HOUR)
        assert 4 <= missed() - tried <= 16, "each of the two is tried ever more seldom"
        keys.update(lost)
        await parts_ready(stage, 2 * HOUR)

    play(scene)


@pytest.mark.parametrize("lasts", [0.0, 4 * HOUR], ids=["a-moment", "hours"])
def test_a_part_of_which_an_object_cannot_be_read_for_a_while_is_not_lost(lasts: float) -> None:
    async def scene(stage: Stage) -> None:
        refused: list[float] = []

        def refuses(action: str, bucket: str, key: str) -> None:
            if (bucket, key) == (SOURCE, "all/000.jsonl") and action.startswith("s3:GetObject"):
                refused.append(stage.world.loop.time())
                if refused[-1] - refused[0] <= lasts:
                    raise S3Error(500, "InternalError")

        def unready() -> list[str]:
            return [part for part in ("test", "train") if not is_ready(stage, DATASET_PIN, part)]

        declare(stage)
        await stage.until("it is divided", lambda: is_ready(stage, SPLIT_PIN, "parts"), HOUR)
        for part in ("test", "train"):
            stage.world.remove(DATASET_PIN, TEAM, part)
        await stage.sleep(MINUTE)
        stage.world.store.fault = refuses
        for part in ("test", "train"):
            stage.world.declare(DATASET_PIN, part, part_spec(part))
        if lasts:
            await stage.sleep(HOUR)
            (part,) = unready()
            reason = stage.condition("Ready", part, DATASET_PIN)["reason"]
            assert reason == reasons.OBJECTS_UNREADABLE
            assert stage.condition("Stalled", part, DATASET_PIN).get("status") != "True"
            before = len(refused)
            await stage.sleep(2 * HOUR)
            assert 6 <= len(refused) - before <= 20, "seldom, in the end"
            await stage.sleep(HOUR)
        await stage.until("both are pinned", lambda: not unready(), HOUR if lasts else 10.0)
        assert refused

    play(scene)


def test_a_store_that_is_away_and_comes_back() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage)
        await stage.until("it is pinned", lambda: is_ready(stage, DATASET_PIN, "all"), HOUR)

        def away(*_: str) -> None:
            raise NoAnswerError

        stage.world.store.fault = away
        await stage.sleep(10 * MINUTE)
        for kind, name in ((SPLIT_PIN, "parts"), (DATASET_PIN, "train")):
            assert stage.condition("Stalled", name, kind).get("status") != "True"
        stage.world.store.fault = lambda *_: None
        await parts_ready(stage)

    play(scene)


def test_a_split_that_is_deleted_while_it_is_made_leaves_no_task() -> None:
    async def scene(stage: Stage) -> None:
        pinned: list[str] = []

        def stuck(action: str, bucket: str, key: str) -> None:
            """Let nobody read the tables once they are pinned."""
            if action.startswith("s3:PutObject") and key.startswith(PREFIX):
                pinned.append(key)
            if bucket == SOURCE and action.startswith("s3:GetObject") and pinned:
                raise NoAnswerError

        stage.world.store.fault = stuck
        declare(stage, ROWS)
        await stage.until("it is pinned", lambda: is_ready(stage, DATASET_PIN, "all"), HOUR)
        await stage.sleep(MINUTE)
        assert stage.process.operator is not None
        key, tasks = Key(SPLIT_PIN.kind, TEAM, "parts"), stage.process.operator.tasks
        assert tasks.names(key) == ("split",)
        assert stage.condition("Ready", "parts", SPLIT_PIN)["status"] == "False"
        stage.world.remove(SPLIT_PIN, TEAM, "parts")
        await stage.until("it is gone", partial(is_gone, stage, SPLIT_PIN, "parts"), HOUR)
        await stage.sleep(MINUTE)
        assert not tasks.names(key)
        assert stage.condition("Ready", "test", DATASET_PIN)["reason"] == reasons.SPLIT_NOT_FOUND

    play(scene)


BY_TIME: Json = {
    "granularity": "Rows",
    "rule": {
        "by": "Time",
        "time": {"column": "at", "boundaries": ["2013-02-01T00:00:00Z"], "embargoSeconds": 86400},
    },
    "parts": [{"name": "train", "role": "train"}, {"name": "test", "role": "test"}],
}


def test_parts_by_time_follow_each_other_and_say_from_when_to_when() -> None:
    async def scene(stage: Stage) -> None:
        days = [f"2013-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 29)]
        body = b"".join(orjson.dumps({"at": day}) + b"\n" for day in (*days, "2013-01-31"))
        stage.world.store.put(LOADER, SOURCE, "all/a.jsonl", body)
        stage.world.declare(DATASET_PIN, "all", pin_spec("all/"))
        stage.world.declare(SPLIT_PIN, "parts", split_spec(BY_TIME))
        for part in ("test", "train"):
            stage.world.declare(DATASET_PIN, part, part_spec(part))
        await parts_ready(stage)
        train, test = status(stage)["parts"]
        assert (train["rows"], test["rows"], status(stage)["leftOut"]) == (28, 28, 1)
        assert (train["firstTime"], train["lastTime"]) == (
            "2013-01-01T00:00:00Z",
            "2013-01-28T00:00:00Z",
        )
        assert test["firstTime"] == "2013-02-01T00:00:00Z"
        assert "keys" not in train
        assert "1 row in none" in stage.condition("Ready", "parts", SPLIT_PIN)["message"]
        stage.declare(run=False, inputs=roles())
        await stage.provisioned()
        rows = sheet(stage)
        assert (rows["TimeOrder"]["level"], rows["SharedRows"]["level"]) == ("Proved", "Unknown")
        # It is read again from its record by whoever comes next.
        before = status(stage)["parts"]
        stage.world.edit(SPLIT_PIN, TEAM, "parts", {"status": None}, subresource="status")
        stage.world.edit(SPLIT_PIN, TEAM, "parts", {"metadata": {"labels": {"a": "b"}}})
        await parts_ready(stage)
        assert status(stage)["parts"] == before

    play(scene)


@pytest.mark.parametrize("same_size", [True, False])
def test_other_bytes_under_the_name_of_a_part_are_neither_taken_nor_in_the_way(
    same_size: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, ROWS)
        await parts_ready(stage)
        before = status(stage)["parts"]
        for kind, name in ((DATASET_PIN, "test"), (DATASET_PIN, "train"), (SPLIT_PIN, "parts")):
            stage.world.remove(kind, TEAM, name)
        await stage.until("it is gone", partial(is_gone, stage, SPLIT_PIN, "parts"))
        # As if all of it had been lost, and somebody had been first under each name.
        keys = stage.world.store.buckets[BUCKET].keys
        names = [key for key in written(stage) if key.endswith(".parquet")]
        sizes = {key: len(keys[key][0].body) for key in names}
        for key in written(stage):
            del keys[key]
        for key, size in sizes.items():
            body = b"x" * size if same_size else b"something else"
            stage.world.store.put(LOADER, BUCKET, key, body)
        stage.world.declare(SPLIT_PIN, "parts", split_spec(ROWS))
        for part in ("test", "train"):
            stage.world.declare(DATASET_PIN, part, part_spec(part))
        await parts_ready(stage)
        after = status(stage)["parts"]
        assert [part["digest"] for part in after] == [part["digest"] for part in before]
        assert {written(stage)[key] for key in names} == {2}

    play(scene)


def test_a_part_is_not_lent_although_its_content_was_granted() -> None:
    async def scene(stage: Stage) -> None:
        await with_data(stage)
        for kind, name, spec in split_of_a_pin():
            stage.world.declare(kind, name, spec, namespace=DATA)
        await stage.until("the part is Ready", lambda: ready(stage, DATASET_PIN, "more"), HOUR)
        stage.world.declare(
            ACCESS_GRANT, "loan", grant_spec(pinRef={"name": "more"}), namespace=DATA
        )
        await stage.until(
            "the grant is refused", lambda: reason_of(stage) == reasons.STORE_NOT_LENDING, HOUR
        )
        pin = stage.world.server.peek(DATASET_PIN, DATA, "more")
        assert pin is not None
        by_content = grant_spec(
            contentRoot=pin["status"]["digest"], storeRef={"name": "primary"}, pinRef=None
        )
        by_content.pop("pinRef")
        stage.world.declare(ACCESS_GRANT, "other", by_content, namespace=DATA)
        stage.declare(inputs=lent(name="more"))
        await stage.until(
            "it is refused",
            lambda: stage.condition("Ready").get("reason") == reasons.STORE_NOT_LENDING,
            HOUR,
        )
        assert "declare the Experiment in 'data'" in stage.condition("Ready")["message"]
        assert not stage.status().get("digest")
        assert records(stage) == {}

    play(scene)
