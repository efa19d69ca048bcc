"""A contract is compared with that of the superseded pin once, whatever becomes of either pin."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EVENT, ISOLATION_PROFILE
from simulation.api_transport import Fault
from simulation.stage import Stage, play
from simulation.status_faults import OF_A_STATUS, FailingStatus, named
from simulation.test_contracts import CONTRACT, HOUR, MINUTE, declare, put, status, until
from simulation.test_leakage import made
from simulation.world import TEAM, pin_spec

Json = dict[str, Any]
FLIGHT, DELAY = CONTRACT["columns"]
# What each pin changes of the older one's contract, and what that comes to.
CHANGED: dict[str, tuple[list[Json], str]] = {
    "same": ([FLIGHT, DELAY], "Full"),
    "narrower": ([{**FLIGHT, "allowed": [f"UA{at}" for at in range(15)]}, DELAY], "Forward"),
    "wider": ([FLIGHT, {**DELAY, "maxNullShare": 10000}], "Backward"),
    "fewer": ([FLIGHT], "Backward"),
}
NEWER: Json = {"supersedes": {"name": "older"}}


def successor(stage: Stage, name: str, columns: list[Json], **more: Any) -> None:
    spec = pin_spec("good/") | {"contract": {**CONTRACT, "columns": columns}} | NEWER | more
    stage.world.declare(DATASET_PIN, name, spec)


def breaking(stage: Stage, name: str, **more: Any) -> None:
    """Declare a pin whose contract fits its data, and neither way that of the older one."""
    put(stage, name, delay=7)
    columns = [FLIGHT, {"name": "delay", "type": "Number", "maxNullShare": 0}]
    spec = pin_spec(f"{name}/") | {"contract": {**CONTRACT, "columns": columns}} | NEWER | more
    stage.world.declare(DATASET_PIN, name, spec)


def evolution(stage: Stage, name: str) -> Json:
    found: Json = status(stage, name).get("evolution") or {}
    return found


def compatibility(stage: Stage, name: str) -> str:
    return str(evolution(stage, name).get("compatibility"))


def told(stage: Stage, name: str) -> list[tuple[str, str]]:
    return [
        (event["type"], event["reason"])
        for event in stage.world.server.everything(EVENT)
        if event["regarding"]["name"] == name
        and event["reason"] in {reasons.CONTRACT_BREAKS, reasons.CONTRACT_COMPATIBLE}
    ]


def use(stage: Stage, pin: str) -> None:
    inputs = {"datasets": [{"name": "fit", "pinRef": {"name": pin}, "role": "train"}]}
    stage.declare(run=False, inputs=inputs)


async def older(stage: Stage) -> None:
    put(stage, "good")
    declare(stage, "older", "good")
    await until(stage, "older", reasons.VERIFIED)


def test_each_class_is_recorded_counted_and_told_once() -> None:
    async def scene(stage: Stage) -> None:
        await older(stage)
        for name, (columns, _) in CHANGED.items():
            successor(stage, name, columns)
        breaking(stage, "breaking")
        for name in (*CHANGED, "breaking"):
            await until(stage, name, reasons.VERIFIED)
        found = {name: compatibility(stage, name) for name in CHANGED}
        assert found == {name: wanted for name, (_, wanted) in CHANGED.items()}
        assert compatibility(stage, "breaking") == "Breaking"
        (change,) = evolution(stage, "narrower")["first"]
        assert (change["column"], change["rule"], change["breaks"]) == (
            "flight",
            "Allowed",
            "Backward",
        )
        assert (
            evolution(stage, "same")["againstContract"]
            == status(stage, "older")["contract"]["digest"]
        )
        before = {name: evolution(stage, name) for name in found}
        stage.world.remove(DATASET_PIN, TEAM, "older")
        await stage.until("it is gone", lambda: not stage.there(DATASET_PIN, TEAM, "older"))
        # Another one takes its name, and promises nothing.
        stage.world.declare(DATASET_PIN, "older", pin_spec("good/"))
        await until(stage, "older", reasons.VERIFIED)
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(HOUR)
        assert {name: evolution(stage, name) for name in before} == before
        assert told(stage, "same") == [("Normal", reasons.CONTRACT_COMPATIBLE)]
        assert told(stage, "breaking") == [("Warning", reasons.CONTRACT_BREAKS)]
        for wanted, number in (("Full", 1), ("Backward", 2), ("Breaking", 1), ("None", 1)):
            assert stage.metric("glovebox_pins_by_compatibility", compatibility=wanted) == number

    play(scene)


def test_what_is_superseded_may_come_later_and_without_a_contract_says_nothing() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "good")
        successor(stage, "newer", [FLIGHT, DELAY])
        await until(stage, "newer", reasons.VERIFIED)
        assert evolution(stage, "newer")["message"] == (
            "there is no DatasetPin 'older' in this namespace"
        )
        stage.world.declare(DATASET_PIN, "older", pin_spec("good/"))
        await stage.until(
            "it is seen", lambda: "no `contract`" in evolution(stage, "newer").get("message", "")
        )
        assert compatibility(stage, "newer") == "Unknown"
        stage.world.remove(DATASET_PIN, TEAM, "older")
        await stage.until("it is gone", lambda: not stage.there(DATASET_PIN, TEAM, "older"))
        # Whether its own data were looked at does not matter: there are none of these.
        declare(stage, "older", "nowhere")
        await stage.until("it is compared", lambda: compatibility(stage, "newer") == "Full", HOUR)
        assert told(stage, "newer") == [("Normal", reasons.CONTRACT_COMPATIBLE)]
        stage.world.declare(DATASET_PIN, "bare", pin_spec("good/") | NEWER)
        await until(stage, "bare", reasons.VERIFIED)
        assert compatibility(stage, "bare") == "Breaking"

    play(scene)


@pytest.mark.parametrize("fault", OF_A_STATUS, ids=named)
def test_it_is_recorded_whatever_becomes_of_the_write(fault: Fault) -> None:
    faults = FailingStatus(DATASET_PIN, fault)

    async def scene(stage: Stage) -> None:
        await older(stage)
        breaking(stage, "newer")
        faults.left = 1 if fault.name == "unanswered" else 4
        await until(stage, "newer", reasons.VERIFIED)
        assert not faults.left
        assert compatibility(stage, "newer") == "Breaking"
        await stage.sleep(10 * MINUTE)
        assert len(told(stage, "newer")) <= 1

    play(scene, faults=faults)


def test_a_profile_refuses_what_breaks_until_its_users_are_told() -> None:
    async def scene(stage: Stage) -> None:
        await older(stage)
        breaking(stage, "newer")
        breaking(stage, "noted", migration={"notes": "no delay is left out any more"})
        for name in ("newer", "noted"):
            await until(stage, name, reasons.VERIFIED)
        before = made(stage)
        use(stage, "newer")
        await stage.until("it is Stalled", lambda: stage.condition("Stalled"))
        await stage.sleep(HOUR)
        for condition in ("Ready", "InputsVerified"):
            found = stage.condition(condition)
            assert (found["status"], found["reason"]) == ("False", reasons.CONTRACT_INCOMPATIBLE)
            assert "DatasetPin 'newer' supersedes DatasetPin 'older'" in found["message"]
            assert "`delay` (Type)" in found["message"]
        assert made(stage) == before
        stage.world.edit(ISOLATION_PROFILE, None, "standard", {"spec": {"data": None}})
        await stage.provisioned()
        assert stage.status()["inputs"][0]["stated"]["compatibility"] == "Breaking"

    play(scene, profile={"data": {"compatibility": "Forward"}}, sweeps=False)


def test_what_is_told_of_a_migration_is_bound_with_the_input() -> None:
    async def scene(stage: Stage) -> None:
        await older(stage)
        breaking(stage, "noted", migration={"notes": "no delay is left out any more"})
        await until(stage, "noted", reasons.VERIFIED)
        use(stage, "noted")
        await stage.provisioned()
        stated = stage.status()["inputs"][0]["stated"]
        assert stated["compatibility"] == "Breaking"
        assert stated["migration"].startswith("sha256:")

    play(scene, profile={"data": {"compatibility": "Full"}}, sweeps=False)


def test_an_experiment_waits_for_a_predecessor_and_goes_on_when_it_comes() -> None:
    async def scene(stage: Stage) -> None:
        put(stage, "good")
        successor(stage, "newer", [FLIGHT, DELAY])
        await until(stage, "newer", reasons.VERIFIED)
        use(stage, "newer")
        await stage.until(
            "it waits",
            lambda: stage.condition("Ready").get("reason") == reasons.CONTRACT_INCOMPATIBLE,
        )
        assert stage.condition("Stalled").get("status") != "True"
        declare(stage, "older", "good")
        await stage.provisioned()

    play(scene, profile={"data": {"compatibility": "Full"}}, sweeps=False)
