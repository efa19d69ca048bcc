"""What a profile does about Experiments that go on when a bound pin is found broken."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    DATASET_PIN,
    EVENT,
    EXPERIMENT,
    JOB,
    NAMESPACE,
    POD,
    ROLE_BINDING,
    SECRET,
)
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, Fault, NoFaults
from simulation.object_store import NoAnswerError, S3Error
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_ends import ends_after, findings_of, outcome_of, statements
from simulation.test_pin_proofs import DAY, HOUR, MINUTE, declare, pinned, put, version
from simulation.world import SOURCE, TEAM

Json = dict[str, Any]
FAIL: Json = {"data": {"onBrokenInput": "Fail"}}
FREEZE: Json = {"data": {"onBrokenInput": "Freeze"}}


class NothingIsRemoved(NoFaults):
    """Refuses to remove workloads for as long as a test wants."""

    on = False

    def request(self, asked: Asked) -> Fault:
        """Return what becomes of a request."""
        is_removal = asked.kind in {JOB, POD} and asked.verb in {"delete", "patch"}
        return Fault("refused", 500) if self.on and is_removal else NOTHING


class NoRunIsCreated(NoFaults):
    """Refuses the Job of the run, as an API server that fails."""

    on = True

    def request(self, asked: Asked) -> Fault:
        """Return what becomes of a request."""
        is_run = asked.kind == JOB and asked.name == names.RUN_JOB
        return Fault("refused", 500) if self.on and is_run and asked.verb == "create" else NOTHING


async def pins(stage: Stage, *of: str) -> None:
    for name in of:
        put(stage, name)
        declare(stage, name, fullIntervalSeconds=3600)
        await pinned(stage, name)


def inputs(*of: str) -> Json:
    """Return inputs that are called as their pins."""
    return {
        "datasets": [
            {"name": f"in-{name}", "pinRef": {"name": name}, "role": "train"} for name in of
        ]
    }


async def running(stage: Stage, *of: str, seconds: float = 10 * DAY) -> str:
    """Let a run of these pins begin; return its namespace."""
    await pins(stage, *of)
    ends_after(stage, seconds)
    stage.declare(inputs=inputs(*of))
    await stage.until("the run is recorded", lambda: stage.status().get("run"))
    return str(stage.status()["namespace"])


async def found(stage: Stage, name: str = "good", *, within: float = 3 * HOUR) -> None:
    await stage.until(
        f"{name} is found broken",
        lambda: any(each["pinRef"] == name for each in stage.status().get("brokenInputs") or ()),
        within,
    )


def jobs(stage: Stage, namespace: str) -> list[str]:
    return [
        each["metadata"]["name"]
        for each in stage.world.server.everything(JOB)
        if each["metadata"]["namespace"] == namespace and each["metadata"]["name"] == names.RUN_JOB
    ]


def events(stage: Stage, reason: str) -> list[str]:
    return [
        event["note"] for event in stage.world.server.everything(EVENT) if event["reason"] == reason
    ]


@pytest.mark.parametrize("killed", [False, True], ids=["", "and the operator dies meanwhile"])
def test_a_run_whose_input_is_broken_is_ended_sealed_with_that_finding_and_never_begins_again(
    killed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage, "good")
        whole = version(stage, 2).body
        version(stage, 2).body = b"object noX"
        await found(stage)
        if killed:
            await stage.process.kill()
            await stage.sleep(MINUTE)
            stage.process.start()
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        run = stage.status()["run"]
        assert (run["outcome"], run["reason"]) == ("Failed", reasons.INPUT_BROKEN)
        assert "DatasetPin 'good'" in run["message"]
        ready = stage.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("False", reasons.INPUT_BROKEN)
        assert stage.condition("Stalled")["reason"] == reasons.INPUT_BROKEN
        (statement,) = [each for each in statements(stage) if findings_of(each)]
        assert outcome_of(statement) == ("Failed", reasons.INPUT_BROKEN)
        assert any(
            "input `in-good`: DatasetPin 'good'" in each and "it was stopped for that" in each
            for each in findings_of(statement)
        )
        assert jobs(stage, namespace) == []
        # That the pin is whole again takes nothing back.
        version(stage, 2).body = whole
        await stage.until(
            "the pin is whole",
            lambda: stage.condition("Verified", "good", DATASET_PIN)["status"] == "True",
            3 * HOUR,
        )
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(HOUR)
        assert jobs(stage, namespace) == []
        assert stage.status()["state"] == "Sealed"
        assert stage.status()["brokenInputs"][0]["action"] == "Fail"
        assert stage.condition("Ready")["reason"] == reasons.INPUT_BROKEN

    play(scene, profile=FAIL)


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_whatever_becomes_of_the_record_the_run_is_ended_once_and_for_that_reason(
    fault: Fault,
) -> None:
    failing = FailingStatus(EXPERIMENT, fault)

    async def scene(stage: Stage) -> None:
        namespace = await running(stage, "good")
        version(stage, 2).body = b"object noX"
        failing.left = 3
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 4 * HOUR)
        assert failing.left == 0
        assert stage.status()["run"]["reason"] == reasons.INPUT_BROKEN
        assert jobs(stage, namespace) == []

    play(scene, profile=FAIL, faults=failing)


def test_a_run_that_ends_well_before_it_could_be_ended_claims_no_success() -> None:
    kept = NothingIsRemoved()

    async def scene(stage: Stage) -> None:
        await running(stage, "good", seconds=2 * HOUR)
        version(stage, 2).body = b"object noX"
        kept.on = True
        await found(stage)
        await stage.until(
            "its end is recorded", lambda: stage.status()["run"].get("completionTime"), 2 * HOUR
        )
        kept.on = False
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 2 * HOUR)
        run = stage.status()["run"]
        assert (run["outcome"], run["reason"]) == ("Failed", reasons.INPUT_BROKEN)
        assert "its program ended well" in run["message"]
        assert stage.condition("Succeeded")["status"] == "False"

    play(scene, profile=FAIL, faults=kept)


def test_without_a_run_it_is_closed_and_sealed_and_nobody_takes_it_for_health() -> None:
    async def scene(stage: Stage) -> None:
        await pins(stage, "good")
        stage.declare(run=False, inputs=inputs("good"))
        namespace = await stage.provisioned()
        version(stage, 2).body = b"object noX"
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        assert stage.condition("Sealed")["status"] == "True"
        assert stage.condition("Ready")["reason"] == reasons.INPUT_BROKEN
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        told = [each for each in events(stage, reasons.INPUT_BROKEN) if each.startswith("Fail: ")]
        assert len(told) == 1
        (statement,) = [each for each in statements(stage) if findings_of(each)]
        assert "DatasetPin 'good'" in findings_of(statement)[0]

    play(scene, profile=FAIL)


def test_what_is_frozen_for_a_broken_input_opens_when_the_pin_is_whole_again() -> None:
    async def scene(stage: Stage) -> None:
        await pins(stage, "good")
        stage.declare(run=False, inputs=inputs("good"))
        namespace = await stage.provisioned()
        whole = version(stage, 2).body
        version(stage, 2).body = b"object noX"
        await stage.until("it is frozen", lambda: stage.status()["state"] == "Frozen", 3 * HOUR)
        await stage.sleep(MINUTE)
        assert not stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        assert stage.there(NAMESPACE, "", namespace)
        ready = stage.condition("Ready")
        assert ready["reason"] == reasons.INPUT_BROKEN
        assert "DatasetPin 'good'" in ready["message"]
        assert stage.condition("CredentialsFresh")["message"].startswith("an input is broken")
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(MINUTE)
        assert stage.status()["state"] == "Frozen"
        version(stage, 2).body = whole
        await stage.until("it is open", lambda: stage.status()["state"] == "Open", 3 * HOUR)
        await stage.until(
            "it is Ready", lambda: stage.condition("Ready")["status"] == "True", 5 * MINUTE
        )
        assert "brokenInputs" not in stage.status()
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene, profile=FREEZE)


def test_a_run_that_is_frozen_is_over_and_is_sealed_when_the_pin_is_whole_again() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await running(stage, "good")
        whole = version(stage, 2).body
        version(stage, 2).body = b"object noX"
        await found(stage)
        await stage.until(
            "it is stopped", lambda: stage.status()["run"].get("completionTime"), HOUR
        )
        await stage.sleep(10 * MINUTE)
        assert stage.status()["state"] == "Frozen"
        assert "seal" not in stage.status()
        assert jobs(stage, namespace) == []
        version(stage, 2).body = whole
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 3 * HOUR)
        assert stage.status()["run"]["reason"] == reasons.INPUT_BROKEN
        assert jobs(stage, namespace) == []

    play(scene, profile=FREEZE)


def test_of_two_broken_pins_both_have_to_be_whole_again() -> None:
    async def scene(stage: Stage) -> None:
        await pins(stage, "good", "other")
        stage.declare(run=False, inputs=inputs("good", "other"))
        await stage.provisioned()
        whole = {name: version(stage, 2, name).body for name in ("good", "other")}
        for name in whole:
            version(stage, 2, name).body = b"object noX"
            await found(stage, name)
        assert {each["name"] for each in stage.status()["brokenInputs"]} == {"in-good", "in-other"}
        version(stage, 2, "good").body = whole["good"]
        await stage.until(
            "one is whole again", lambda: len(stage.status()["brokenInputs"]) == 1, 3 * HOUR
        )
        await stage.sleep(HOUR)
        assert stage.status()["state"] == "Frozen"
        assert "'other'" in stage.condition("Ready")["message"]
        version(stage, 2, "other").body = whole["other"]
        await stage.until("it is open", lambda: stage.status()["state"] == "Open", 3 * HOUR)
        assert len(events(stage, reasons.INPUT_BROKEN)) == 2

    play(scene, profile=FREEZE)


def test_when_the_broken_pin_is_deleted_it_stays_frozen_until_it_is_sealed_on_request() -> None:
    async def scene(stage: Stage) -> None:
        await pins(stage, "good")
        stage.declare(run=False, inputs=inputs("good"))
        await stage.provisioned()
        whole = version(stage, 2).body
        version(stage, 2).body = b"object noX"
        await found(stage)
        stage.world.edit(DATASET_PIN, TEAM, "good", {"metadata": {"finalizers": None}})
        stage.world.remove(DATASET_PIN, TEAM, "good")
        version(stage, 2).body = whole
        # Another one of its name is another pin.
        declare(stage)
        await pinned(stage)
        await stage.sleep(HOUR)
        assert stage.status()["state"] == "Frozen"
        wanted = {"spec": {"lifecycle": {"desired": "Sealed"}}}
        assert stage.world.edit(EXPERIMENT, TEAM, "x", wanted)
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        (statement,) = [each for each in statements(stage) if findings_of(each)]
        assert any("DatasetPin 'good' was found broken" in each for each in findings_of(statement))

    play(scene, profile=FREEZE)


@pytest.mark.parametrize("profile", [FAIL, FREEZE], ids=["Fail", "Freeze"])
@pytest.mark.parametrize("objects", ["all", "one"])
def test_a_store_that_does_not_answer_stops_nothing(profile: Json, objects: str) -> None:
    async def scene(stage: Stage) -> None:
        await running(stage, "good")

        def away(action: str, bucket: str, key: str) -> None:
            if bucket != SOURCE or not action.startswith("s3:GetObject"):
                return
            if objects == "all":
                raise NoAnswerError
            if key.endswith("/2"):
                # Its disk is away: of this one the pin says that it cannot be read.
                raise S3Error(500, "InternalError")

        stage.world.store.fault = away
        await stage.sleep(4 * HOUR)
        said = stage.condition("Verified", "good", DATASET_PIN)["reason"]
        assert said == (reasons.VERIFIED if objects == "all" else reasons.OBJECTS_UNREADABLE)
        assert "brokenInputs" not in stage.status()
        assert "completionTime" not in stage.status()["run"]
        assert stage.status()["state"] == "Open"

    play(scene, profile=profile)


@pytest.mark.parametrize("wanted", ["Fail", "Freeze", "Sealed"])
def test_a_run_that_has_not_begun_says_what_becomes_of_it(wanted: str) -> None:
    kept = NoRunIsCreated()

    async def scene(stage: Stage) -> None:
        await pins(stage, "good")
        ends_after(stage, HOUR)
        stage.declare(inputs=inputs("good"))
        namespace = await stage.provisioned()
        whole = version(stage, 2).body
        version(stage, 2).body = b"object noX"
        await found(stage)
        kept.on = False
        if wanted == "Freeze":
            await stage.until("frozen", lambda: stage.status()["state"] == "Frozen", HOUR)
            assert stage.condition("Succeeded")["reason"] == reasons.INPUT_BROKEN
            version(stage, 2).body = whole
            said = set()

            def begins() -> bool:
                said.add(stage.condition("Succeeded")["reason"])
                return bool(stage.status().get("run"))

            await stage.until("it begins", begins, 3 * HOUR)
            assert reasons.RUN_STOPPED not in said
            return
        if wanted == "Sealed":
            assert stage.world.edit(
                EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": "Sealed"}}}
            )
        await stage.until("it is sealed", lambda: stage.status().get("seal"), HOUR)
        await stage.sleep(MINUTE)
        assert jobs(stage, namespace) == []
        (statement,) = [each for each in statements(stage) if findings_of(each)]
        told = stage.condition("Succeeded")
        if wanted == "Fail":
            assert outcome_of(statement) == ("Failed", reasons.INPUT_BROKEN)
            assert (told["status"], told["reason"]) == ("False", reasons.INPUT_BROKEN)
            assert "never is" in told["message"]
        else:
            assert told["reason"] == reasons.RUN_STOPPED
            assert "whole again" not in told["message"]

    play(scene, profile=FAIL if wanted == "Fail" else FREEZE, faults=kept)
