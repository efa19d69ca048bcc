"""Pins are proven on their schedules, within budgets, whatever fails; in virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT, NAMESPACE, OBJECT_STORE
from glovebox.status.text import format_time
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.api_transport import Fault
from simulation.object_store import NoAnswerError, S3Error, Version
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_leakage import made
from simulation.world import LOADER, SOURCE, TEAM, pin_spec

Json = dict[str, Any]
MINUTE = 60.0
HOUR = 3_600.0
DAY = 24 * HOUR
FILES = 6
NEVER = 315360000


def put(stage: Stage, folder: str = "good", files: int = FILES) -> None:
    """Write objects of ten bytes each."""
    for at in range(files):
        stage.world.store.put(LOADER, SOURCE, f"{folder}/{at}", f"object no{at}".encode())


def declare(stage: Stage, name: str = "good", **verification: int) -> None:
    rules = {
        "listIntervalSeconds": 31536000,
        "headIntervalSeconds": NEVER,
        "sampleIntervalSeconds": NEVER,
        "fullIntervalSeconds": NEVER,
    }
    spec = pin_spec(f"{name}/") | {"verification": rules | verification}
    stage.world.declare(DATASET_PIN, name, spec)


def budget(stage: Stage, **changes: int) -> None:
    spec = {"spec": {"verification": {"budget": changes}}}
    assert stage.world.edit(OBJECT_STORE, None, "primary", spec)


def status(stage: Stage, name: str = "good") -> Json:
    return (stage.world.server.peek(DATASET_PIN, TEAM, name) or {}).get("status") or {}


def level(stage: Stage, which: str, name: str = "good") -> Json:
    entries = status(stage, name).get("verification") or ()
    return next((each for each in entries if each["level"] == which), {})


async def pinned(stage: Stage, name: str = "good") -> None:
    await stage.until(f"{name} is pinned", lambda: status(stage, name).get("manifest"), HOUR)


def version(stage: Stage, at: int, name: str = "good") -> Version:
    return stage.world.store.bucket(SOURCE).keys[f"{name}/{at}"][-1]


def counting(stage: Stage) -> list[str]:
    """Return a list to which each read of a pinned object is added."""
    read: list[str] = []

    def count(action: str, bucket: str, key: str) -> None:
        if bucket == SOURCE and action.startswith("s3:GetObject"):
            read.append(key)

    stage.world.store.fault = count
    return read


def told(stage: Stage) -> list[str]:
    return [
        event["note"]
        for event in stage.world.server.everything(EVENT)
        if event["reason"] == reasons.PROOF_FOUND
    ]


def test_a_pin_is_proven_as_often_as_it_says_and_reads_no_more_than_that() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, sampleIntervalSeconds=3600, sampleObjects=2, fullIntervalSeconds=6 * 3600)
        await pinned(stage)
        assert level(stage, "Full")["lastTime"] == status(stage)["verifiedTime"]
        read, seeds = counting(stage), set()
        for hour in range(1, 6):
            await stage.sleep(HOUR)
            assert len(read) == hour * 2
            seeds.add(level(stage, "Sample")["seed"])
        assert len(seeds) == 5
        await stage.sleep(HOUR + MINUTE)
        # Whoever has read everything needs no sample.
        assert 10 + FILES <= len(read) <= 12 + FILES
        assert level(stage, "Full")["objects"] == FILES
        assert status(stage)["verifiedTime"] == level(stage, "Full")["lastTime"]
        assert stage.metric("glovebox_pin_proofs_total", level="Full", result="passed") == 1
        assert stage.condition("ProofsCurrent", "good", DATASET_PIN)["status"] == "True"

    play(scene, sweeps=False)


def test_what_a_sample_found_is_read_in_full_and_stands_until_that_finds_nothing() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, sampleIntervalSeconds=3600, listIntervalSeconds=600)
        await pinned(stage)
        whole = version(stage, 2).body
        version(stage, 2).body = b"object noX"
        version(stage, 3).checksum = ""
        await stage.until("it is found", lambda: told(stage), 2 * HOUR)
        await stage.until(
            "it was read in full", lambda: level(stage, "Full").get("result") == "Found", HOUR
        )
        (found,) = level(stage, "Full")["findings"]["objects"]
        assert (found["path"], found["what"]) == ("2", "changed")
        assert "expected sha256:" in told(stage)[0]
        # Listings go on, and take nothing of it back; nobody new uses it.
        before = made(stage)
        inputs = {"datasets": [{"name": "fit", "pinRef": {"name": "good"}, "role": "train"}]}
        stage.declare(run=False, inputs=inputs)
        await stage.sleep(HOUR)
        assert stage.condition("Ready", "good", DATASET_PIN)["reason"] == reasons.OBJECTS_CHANGED
        assert stage.condition("Ready")["reason"] == reasons.PIN_NOT_READY
        assert made(stage) == before
        version(stage, 2).body = whole
        await stage.until(
            "it is Ready again",
            lambda: stage.condition("Ready", "good", DATASET_PIN)["status"] == "True",
            2 * DAY,
        )
        assert level(stage, "Full")["result"] == "Passed"
        assert "findings" not in level(stage, "Sample")
        await stage.provisioned()

    play(scene)


def test_an_experiment_that_is_bound_goes_on_and_says_that_its_pin_is_broken() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, fullIntervalSeconds=3600)
        await pinned(stage)
        inputs = {"datasets": [{"name": "fit", "pinRef": {"name": "good"}, "role": "train"}]}
        stage.declare(run=False, inputs=inputs)
        namespace = await stage.provisioned()
        version(stage, 2).body = b"object noX"
        await stage.until(
            "it says so",
            lambda: stage.condition("InputsVerified").get("reason") == reasons.OBJECTS_CHANGED,
            2 * HOUR,
        )
        await stage.sleep(MINUTE)
        assert stage.condition("InputsVerified")["status"] == "False"
        events = [
            event["note"]
            for event in stage.world.server.everything(EVENT)
            if event["regarding"]["kind"] == "Experiment"
            and event["reason"] == reasons.OBJECTS_CHANGED
        ]
        assert len(events) == 1
        assert "input `fit`" in events[0]
        assert stage.status()["state"] == "Open"
        assert stage.there(NAMESPACE, "", namespace)

    play(scene)


def test_a_store_that_does_not_answer_is_no_finding_and_is_told_when_a_proof_is_overdue() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, sampleIntervalSeconds=3600)
        await pinned(stage)

        def away(action: str, bucket: str, key: str) -> None:
            del key
            if bucket == SOURCE and action.startswith("s3:GetObject"):
                raise NoAnswerError

        stage.world.store.fault = away
        await stage.sleep(1.2 * HOUR)
        assert stage.condition("ProofsCurrent", "good", DATASET_PIN)["status"] == "True"
        await stage.sleep(0.5 * HOUR)
        late = stage.condition("ProofsCurrent", "good", DATASET_PIN)
        assert (late["status"], late["reason"]) == ("False", reasons.PROOF_OVERDUE)
        assert "does not answer" in late["message"]
        ready = stage.condition("Ready", "good", DATASET_PIN)
        assert (ready["status"], ready["reason"]) == ("True", reasons.VERIFIED)
        assert told(stage) == []
        stage.world.store.fault = lambda *_: None
        await stage.until(
            "it is proven",
            lambda: stage.condition("ProofsCurrent", "good", DATASET_PIN)["status"] == "True",
            HOUR,
        )
        assert level(stage, "Sample")["result"] == "Passed"

    play(scene, sweeps=False)


def test_a_budget_is_shared_by_days_the_oldest_first_and_survives_the_process() -> None:
    async def scene(stage: Stage) -> None:
        budget(stage, bytesPerDay=40)
        for name in ("older", "newer"):
            put(stage, name)
            declare(stage, name, fullIntervalSeconds=6 * 3600)
            await pinned(stage, name)
            await stage.sleep(MINUTE)
        read = counting(stage)
        # Sixty bytes of each are due at 18:00, and forty may be read in a day.
        now = stage.world.clock.now()
        await stage.sleep(20 * HOUR - now.hour * HOUR)
        assert read == [f"older/{at}" for at in range(4)]
        for name in ("older", "newer"):
            waiting = stage.condition("ProofsCurrent", name, DATASET_PIN)
            assert waiting["reason"] == reasons.WAITING_FOR_BUDGET
            assert "T00:00:00Z" in waiting["message"]
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(3.5 * HOUR)
        assert len(read) == 4
        await stage.sleep(HOUR)
        # What the older one still needs, and what is left.
        assert sorted(read[4:]) == ["newer/0", "newer/1", "older/4", "older/5"]
        assert level(stage, "Full", "older")["objects"] == FILES
        assert level(stage, "Full", "newer")["current"]["objects"] == 2

    play(scene, sweeps=False)


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_what_a_proof_found_is_recorded_whatever_becomes_of_the_write(fault: Fault) -> None:
    faults = FailingStatus(DATASET_PIN, fault)

    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, fullIntervalSeconds=3600)
        await pinned(stage)
        version(stage, 4).body = b"object noX"
        await stage.sleep(50 * MINUTE)
        faults.left = 1 if fault.name == "unanswered" else 4
        await stage.until(
            "it is recorded", lambda: level(stage, "Full").get("result") == "Found", 2 * HOUR
        )
        assert not faults.left
        assert level(stage, "Full")["findings"]["changed"] == 1
        assert level(stage, "Full")["objects"] == FILES
        assert stage.condition("Ready", "good", DATASET_PIN)["reason"] == reasons.OBJECTS_CHANGED

    play(scene, faults=faults)


def test_a_proof_in_full_that_reads_is_not_ended_for_a_sample_that_is_due() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, fullIntervalSeconds=3600, sampleIntervalSeconds=4000)
        await pinned(stage)
        asked: list[tuple[str, str]] = []
        process = stage.process.operator
        assert process is not None
        tasks = process.ports.tasks
        ensure = tasks.ensure

        def never_ending(key: Any, basis: str, start: Any, **more: Any) -> Any:
            async def wait(context: Any) -> Any:
                await asyncio.sleep(HOUR)
                return await start(context)

            asked.append((key.name, basis))
            return ensure(key, basis, wait if key.name == "prove" else start, **more)

        tasks.ensure = never_ending  # type: ignore[method-assign]
        await stage.until("it began", lambda: level(stage, "Full").get("current"), 2 * HOUR)
        await stage.sleep(0.9 * HOUR)
        assert "current" not in level(stage, "Sample")
        first = level(stage, "Full")["current"]["startedTime"]
        await stage.sleep(0.2 * HOUR)
        assert level(stage, "Full")["lastTime"] > first
        assert level(stage, "Full")["result"] == "Passed"
        assert len({basis for name, basis in asked if name == "prove"}) == 1

    play(scene)


def test_a_pin_that_is_deleted_ends_its_proof() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, fullIntervalSeconds=3600)
        await pinned(stage)

        def away(action: str, bucket: str, key: str) -> None:
            del key
            if bucket == SOURCE and action.startswith("s3:GetObject"):
                raise NoAnswerError

        stage.world.store.fault = away
        await stage.until("it began", lambda: level(stage, "Full").get("current"), 2 * HOUR)
        assert stage.world.remove(DATASET_PIN, TEAM, "good")
        await stage.until("it is gone", lambda: not status(stage), HOUR)
        read = counting(stage)
        await stage.sleep(HOUR)
        assert read == []

    play(scene)


def test_an_experiment_that_demands_a_proof_has_it_made_and_waits_for_it() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage)
        await pinned(stage)
        await stage.sleep(2 * HOUR)
        budget(stage, bytesPerDay=20)
        before = made(stage)
        entry = {"name": "fit", "pinRef": {"name": "good"}, "role": "train"}
        demand = {"maxProofAge": {"fullSeconds": 3600}}
        stage.declare(run=False, inputs={"datasets": [entry | demand]})
        await stage.until(
            "it waits", lambda: stage.condition("Ready").get("reason") == reasons.PROOF_TOO_OLD
        )
        await stage.until(
            "the pin says why",
            lambda: (
                stage.condition("ProofsCurrent", "good", DATASET_PIN).get("reason")
                == reasons.WAITING_FOR_BUDGET
            ),
        )
        assert (
            "`maxProofAge` demands one of the last 3600 seconds"
            in (stage.condition("Ready")["message"])
        )
        assert made(stage) == before
        budget(stage, bytesPerDay=1000)
        await stage.provisioned()
        assert level(stage, "Full")["lastTime"] > status(stage)["listedTime"]
        # Once it is bound, it demands nothing more.
        read = counting(stage)
        await stage.sleep(3 * HOUR)
        assert [key for key in read if key.startswith("good/")] == []

    play(scene)


def held_up(stage: Stage, name: str) -> None:
    """Let proofs of a pin take a day before they read."""
    process = stage.process.operator
    assert process is not None
    tasks = process.ports.tasks
    ensure = tasks.ensure

    def never_ending(key: Any, basis: str, start: Any, **more: Any) -> Any:
        async def wait(context: Any) -> Any:
            await asyncio.sleep(DAY)
            return await start(context)

        is_held = key.name == "prove" and key.owner.name == name
        return ensure(key, basis, wait if is_held else start, **more)

    tasks.ensure = never_ending  # type: ignore[method-assign]


def test_what_a_deleted_pin_was_to_take_is_there_for_others() -> None:
    async def scene(stage: Stage) -> None:
        budget(stage, bytesPerDay=60)
        for name in ("older", "newer"):
            put(stage, name)
            declare(stage, name, fullIntervalSeconds=3600)
            await pinned(stage, name)
            await stage.sleep(10 * MINUTE)
        held_up(stage, "older")
        await stage.until(
            "the other one waits",
            lambda: (
                stage.condition("ProofsCurrent", "newer", DATASET_PIN).get("reason")
                == reasons.WAITING_FOR_BUDGET
            ),
            2 * HOUR,
        )
        assert level(stage, "Full", "older")["current"]
        assert stage.world.remove(DATASET_PIN, TEAM, "older")
        read = counting(stage)
        await stage.sleep(HOUR)
        assert sorted(read) == [f"newer/{at}" for at in range(FILES)]

    play(scene, sweeps=False)


def test_what_a_pin_was_to_take_that_may_not_be_read_any_more_is_there_for_others() -> None:
    async def scene(stage: Stage) -> None:
        budget(stage, bytesPerDay=60)
        for name in ("older", "newer"):
            put(stage, name)
            declare(stage, name, fullIntervalSeconds=3600)
            await pinned(stage, name)
            await stage.sleep(10 * MINUTE)

        def denied(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and key.startswith("older/") and action.startswith("s3:GetObject"):
                # While it reads, what it reads is withdrawn.
                access = [
                    {
                        "namespaces": [TEAM],
                        "sources": [{"bucket": SOURCE, "prefix": "newer/"}],
                        "artifacts": True,
                    }
                ]
                stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
                raise NoAnswerError

        stage.world.store.fault = denied
        await stage.until(
            "it is withdrawn",
            lambda: (
                stage.condition("Ready", "older", DATASET_PIN).get("reason") == reasons.NOT_GRANTED
            ),
            2 * HOUR,
        )
        await stage.until(
            "the other one is proven",
            lambda: (
                level(stage, "Full", "newer")["lastTime"] > status(stage, "newer")["listedTime"]
            ),
            HOUR,
        )

    play(scene, sweeps=False)


def test_what_attempts_took_that_came_to_nothing_is_taken_of_the_budget() -> None:
    async def scene(stage: Stage) -> None:
        budget(stage, bytesPerDay=100)
        put(stage)
        declare(stage, fullIntervalSeconds=3600)
        await pinned(stage)
        read: list[str] = []

        def away(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and action.startswith("s3:GetObject"):
                if key == "good/5":
                    raise NoAnswerError
                read.append(key)

        stage.world.store.fault = away
        now = stage.world.clock.now()
        await stage.sleep(23 * HOUR - now.hour * HOUR)
        assert 5 <= len(read) <= 20
        assert status(stage)["budgetSpent"]["bytes"] >= 50
        assert stage.condition("Ready", "good", DATASET_PIN)["status"] == "True"

    play(scene, sweeps=False)


def test_a_sample_of_objects_larger_than_most_is_read_in_few_parts() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, files=12)
        stage.world.store.put(LOADER, SOURCE, "good/0", b"0" * 10_000)
        declare(stage, sampleIntervalSeconds=3600, sampleObjects=11)
        await pinned(stage)
        process = stage.process.operator
        assert process is not None
        tasks = process.ports.tasks
        ensure, parts = tasks.ensure, set()

        def counted(key: Any, basis: str, start: Any, **more: Any) -> Any:
            if key.name == "prove":
                parts.add(basis)
            return ensure(key, basis, start, **more)

        tasks.ensure = counted  # type: ignore[method-assign]
        read = counting(stage)
        await stage.sleep(1.5 * HOUR)
        assert level(stage, "Sample")["objects"] == len(read) == 11
        assert len(parts) <= 3

    play(scene, sweeps=False)


def test_a_store_that_fails_at_every_object_is_no_finding() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, fullIntervalSeconds=3600)
        await pinned(stage)

        def failing(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and key and action.startswith("s3:GetObject"):
                raise S3Error(500, "InternalError")

        stage.world.store.fault = failing
        await stage.sleep(1.2 * HOUR)
        assert level(stage, "Full")["current"]
        assert stage.condition("Ready", "good", DATASET_PIN)["status"] == "True"
        assert told(stage) == []
        # One object of several is.
        stage.world.store.fault = lambda action, bucket, key: (
            failing(action, bucket, key) if key == "good/3" else None
        )
        await stage.until("it is found", lambda: told(stage), HOUR)
        assert level(stage, "Full")["findings"]["unreadable"] == 1

    play(scene, sweeps=False)


def test_a_lock_that_is_not_seen_once_is_compared_with_what_was_seen_before() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        for at in range(FILES):
            version(stage, at).mode = "GOVERNANCE"
            version(stage, at).until = stage.world.clock.now() + timedelta(days=9000)
        declare(stage, headIntervalSeconds=3600)
        await pinned(stage)
        await stage.sleep(1.2 * HOUR)
        assert level(stage, "Head")["result"] == "Passed"

        def hidden(action: str, bucket: str, key: str) -> None:
            if bucket == SOURCE and key == "good/2" and action.startswith("s3:GetObject"):
                raise S3Error(500, "InternalError")

        stage.world.store.fault = hidden
        await stage.sleep(HOUR)
        assert level(stage, "Head")["findings"]["unreadable"] == 1
        stage.world.store.fault = lambda *_: None
        version(stage, 2).until = stage.world.clock.now() + timedelta(days=8000)
        await stage.sleep(1.1 * HOUR)
        (found,) = level(stage, "Head")["findings"]["objects"]
        assert (found["path"], found["what"]) == ("2", "weakened")

    play(scene, sweeps=False)


def test_a_namespace_with_many_pins_leaves_another_one_its_half_of_the_day() -> None:
    async def scene(stage: Stage) -> None:
        asked = Asked(ADMINISTRATOR, "create", NAMESPACE, "", "team-b")
        stage.world.server.create(asked, {"metadata": {"name": "team-b"}})
        access = [
            {"namespaces": [TEAM, "team-b"], "sources": [{"bucket": SOURCE}], "artifacts": True}
        ]
        stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
        budget(stage, bytesPerDay=40)
        many = [f"many{at}" for at in range(4)]
        for name in many:
            put(stage, name)
            declare(stage, name, fullIntervalSeconds=6 * 3600)
            await pinned(stage, name)
        await stage.sleep(MINUTE)
        put(stage, "lone")
        spec = pin_spec("lone/") | {"verification": {"fullIntervalSeconds": 6 * 3600}}
        spec["verification"] |= {"sampleIntervalSeconds": NEVER, "headIntervalSeconds": NEVER}
        stage.world.declare(DATASET_PIN, "lone", spec, namespace="team-b")
        await stage.sleep(6.5 * HOUR)
        read = counting(stage)
        now = stage.world.clock.now()
        await stage.sleep(24 * HOUR - now.hour * HOUR + HOUR)
        # Forty bytes a day, of which each namespace has half; the other one's pins are older.
        assert sorted(each for each in read if each.startswith("lone/")) == ["lone/0", "lone/1"]
        assert len(read) == 4

    play(scene, sweeps=False)


@pytest.mark.parametrize("which", ["Head", "Sample", "Full", "List"])
def test_a_proof_that_somebody_asks_for_is_made_at_once_and_once(which: str) -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, sampleObjects=2)
        await pinned(stage)
        await stage.sleep(2 * HOUR)
        now = stage.world.clock.now()
        key = f"glovebox.dev/prove-{which.lower()}"

        def ask(value: str) -> None:
            wanted = {"metadata": {"annotations": {key: value}}}
            assert stage.world.edit(DATASET_PIN, TEAM, "good", wanted)

        ask("today")
        await stage.sleep(MINUTE)
        assert key in stage.condition("ProofsCurrent", "good", DATASET_PIN)["message"]
        assert level(stage, which).get("lastTime", "") < format_time(now)
        read = counting(stage)
        ask(format_time(stage.world.clock.now()))
        await stage.until(
            "it is made", lambda: level(stage, which).get("lastTime", "") >= format_time(now), 60.0
        )
        assert key not in stage.condition("ProofsCurrent", "good", DATASET_PIN)["message"]
        await stage.process.kill()
        stage.process.start()
        before = level(stage, which)["lastTime"]
        await stage.sleep(2 * HOUR)
        assert level(stage, which)["lastTime"] == before
        assert len(read) <= {"List": 0, "Head": 2 * FILES, "Sample": 2, "Full": FILES}[which]

    play(scene, sweeps=False)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_moment_that_is_none_in_utc_asks_for_nothing_and_harms_nothing(moment: str) -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage)
        await pinned(stage)
        keys = [f"glovebox.dev/prove-{each}" for each in ("head", "sample", "full", "list")]
        wanted = {"metadata": {"annotations": dict.fromkeys(keys, moment)}}
        assert stage.world.edit(DATASET_PIN, TEAM, "good", wanted)
        await stage.sleep(5 * MINUTE)
        said = stage.condition("ProofsCurrent", "good", DATASET_PIN)
        assert said["status"] == "True"
        assert all(f"`{key}`" in said["message"] for key in keys)
        assert not level(stage, "Head")

    play(scene, sweeps=False)


def test_a_proof_that_is_asked_for_as_of_long_ago_is_not_late_before_it_has_begun() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, headIntervalSeconds=3600)
        await pinned(stage)
        budget(stage, requestsPerDay=1)
        wanted = {"metadata": {"annotations": {"glovebox.dev/prove-head": "2020-01-01T00:00:00Z"}}}
        assert stage.world.edit(DATASET_PIN, TEAM, "good", wanted)
        said = []

        def saying() -> bool:
            said.append(stage.condition("ProofsCurrent", "good", DATASET_PIN)["reason"])
            return bool(said[-1] == reasons.WAITING_FOR_BUDGET)

        await stage.until("it waits", saying, HOUR)
        assert reasons.PROOF_OVERDUE not in said
        budget(stage, requestsPerDay=1000)

        def fails(action: str, bucket: str, key: str) -> None:
            del action, key
            if bucket == SOURCE:
                raise NoAnswerError

        stage.world.store.fault = fails
        await stage.until(
            "it is late",
            lambda: (
                stage.condition("ProofsCurrent", "good", DATASET_PIN)["reason"]
                == reasons.PROOF_OVERDUE
            ),
            2 * HOUR,
        )
        assert "2020" not in stage.condition("ProofsCurrent", "good", DATASET_PIN)["message"]

    play(scene, sweeps=False)


def test_who_asks_without_an_end_keeps_no_other_level_waiting() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage)
        await pinned(stage)
        await stage.sleep(HOUR)

        def ask(*levels: str) -> None:
            moment = format_time(stage.world.clock.now())
            wanted = {f"glovebox.dev/prove-{each}": moment for each in levels}
            assert stage.world.edit(
                DATASET_PIN, TEAM, "good", {"metadata": {"annotations": wanted}}
            )

        now = format_time(stage.world.clock.now())
        ask("full")
        lists, heads = set(), set()
        for _ in range(120):
            ask("head", "list")
            await stage.sleep(5.0)
            lists.add(level(stage, "List")["lastTime"])
            heads.add(level(stage, "Head").get("lastTime"))
        assert level(stage, "Full")["lastTime"] >= now
        # Of ten minutes.
        assert 5 <= len(lists) <= 12
        assert 5 <= len(heads) <= 12

    play(scene, sweeps=False)


def test_what_is_asked_for_waits_for_the_budget_as_all_proofs_do() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage)
        await pinned(stage)
        await stage.sleep(HOUR)
        budget(stage, bytesPerDay=20)
        now = format_time(stage.world.clock.now())
        wanted = {"metadata": {"annotations": {"glovebox.dev/prove-full": now}}}
        assert stage.world.edit(DATASET_PIN, TEAM, "good", wanted)
        await stage.until(
            "it waits",
            lambda: (
                stage.condition("ProofsCurrent", "good", DATASET_PIN)["reason"]
                == reasons.WAITING_FOR_BUDGET
            ),
            HOUR,
        )
        assert level(stage, "Full")["current"]["objects"] == 2
        await stage.until("it is made", lambda: "current" not in level(stage, "Full"), 3 * DAY)

    play(scene, sweeps=False)


def test_a_sample_reads_no_more_bytes_than_the_pin_says() -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, sampleIntervalSeconds=3600, sampleBytes=25)
        await pinned(stage)
        read = counting(stage)
        await stage.sleep(1.5 * HOUR)
        assert len(read) == 2
        assert level(stage, "Sample")["objects"] == 2
        assert level(stage, "Sample")["result"] == "Passed"

    play(scene, sweeps=False)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_pin_that_was_found_broken_is_not_whole_because_it_is_created_again(
    restarts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def scene(stage: Stage) -> None:
        put(stage)
        declare(stage, fullIntervalSeconds=3600)
        await pinned(stage)
        whole = version(stage, 2).body
        version(stage, 2).body = b"object noX"
        await stage.until("it is found", lambda: told(stage), 2 * HOUR)
        assert stage.world.remove(DATASET_PIN, TEAM, "good")
        await stage.until("it is gone", lambda: not status(stage), HOUR)
        if restarts:
            await stage.process.kill()
            stage.process.start()
        declare(stage, fullIntervalSeconds=3600)
        await stage.until(
            "it is judged",
            lambda: (
                stage.condition("Ready", "good", DATASET_PIN).get("reason")
                in {reasons.PINNED_DIFFERENTLY, reasons.VERIFIED}
            ),
            HOUR,
        )
        ready = stage.condition("Ready", "good", DATASET_PIN)
        assert (ready["status"], ready["reason"]) == ("False", reasons.PINNED_DIFFERENTLY)
        assert "manifest" not in status(stage)
        version(stage, 2).body = whole
        await stage.until(
            "it is whole",
            lambda: stage.condition("Ready", "good", DATASET_PIN)["status"] == "True",
            DAY,
        )

    play(scene, sweeps=False)
