"""An Experiment without a run: what pods made by hand read with, for as long as it is open."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, POD, SECRET
from simulation import process
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.process import RESYNC_SECONDS
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, outcome_of, statements, store_is_away
from simulation.test_ends import store_is_back as back
from simulation.test_late_creations import INPUTS, comes_late
from simulation.test_pins_bound import ready_pin
from simulation.world import IMAGE, TEAM

Json = dict[str, Any]
DELIVERED = {"status": "True", "reason": reasons.INPUTS_DELIVERED}


def told(stage: Stage, condition: str) -> Json:
    found = stage.condition(condition)
    return {part: found.get(part) for part in ("status", "reason")}


def session(stage: Stage, namespace: str) -> str:
    """Return when the session of the inputs ends; an empty text when there is none."""
    found = stage.world.server.peek(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET)
    notes = found["metadata"]["annotations"] if found is not None else {}
    return str(notes.get(names.ANNOTATION_CREDENTIALS_EXPIRE_TIME, ""))


async def opened(stage: Stage, **changes: Any) -> str:
    """Declare one with an input, and return its namespace once it is Ready."""
    await ready_pin(stage)
    stage.declare(run=False, pin="set", **changes)
    await stage.until("it is Ready", lambda: told(stage, "Ready")["status"] == "True", SOON)
    return str(stage.status()["namespace"])


def desire(stage: Stage, desired: str) -> None:
    stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"lifecycle": {"desired": desired}}})


def test_ready_means_that_the_inputs_are_there() -> None:
    ready: list[bool] = []

    async def scene(stage: Stage) -> None:
        def note(change: Change) -> None:
            if change.served.kind == EXPERIMENT and change.new is not None:
                conditions = (change.new.get("status") or {}).get("conditions") or ()
                if any(e["type"] == "Ready" and e["status"] == "True" for e in conditions):
                    ready.append(bool(session(stage, change.new["status"]["namespace"])))

        stage.world.server.on_change.append(note)
        await opened(stage)
        assert told(stage, "InputsDelivered") == DELIVERED
        assert told(stage, "Succeeded")["reason"] == reasons.RUN_NOT_REQUESTED
        assert ready
        assert all(ready)

    play(scene)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("suspended", [False, True])
def test_the_session_is_renewed_for_as_long_as_it_is_open(
    restarts: bool,  # noqa: FBT001 - a parameter of the test
    suspended: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        if suspended:  # what stands is kept
            stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": True}})
        if restarts:
            await stage.process.kill()
            stage.process.start()
        seen = {session(stage, namespace)}
        for _ in range(6):
            await stage.sleep(25 * MINUTE)  # a session of 30 minutes is renewed after 20
            seen.add(session(stage, namespace))
            assert told(stage, "InputsDelivered") == DELIVERED
        assert len(seen) == 7

    play(scene, sweeps=False)


def test_it_is_renewed_by_a_timer_of_its_own() -> None:
    """What else is looked at when it is due may be due at another time."""

    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        await stage.sleep(10 * MINUTE)
        stage.world.remove(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"labels": {"a": "b"}}})
        await stage.until("it is issued again", lambda: session(stage, namespace), SOON)
        issued = session(stage, namespace)
        # The session of the artifacts is renewed after 20 and 40 minutes; this one ends then.
        await stage.sleep(25 * MINUTE)
        assert session(stage, namespace) > issued

    play(scene, sweeps=False)


@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_what_is_closed_has_no_session_any_more(desired: str) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        desire(stage, desired)
        await stage.until("it is gone", lambda: not session(stage, namespace), SOON)
        await stage.sleep(2 * HOUR)
        assert not session(stage, namespace)
        assert told(stage, "InputsDelivered") == {"status": "False", "reason": desired}
        if desired == "Frozen":
            desire(stage, "Active")
            await stage.until("it is back", lambda: session(stage, namespace), SOON)
            await stage.sleep(SOON)
            assert told(stage, "InputsDelivered") == DELIVERED

    play(scene, sweeps=False)


@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_a_session_that_comes_in_after_it_was_closed_is_taken(desired: str) -> None:
    """A process that died had asked for it."""

    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        desire(stage, desired)
        await stage.until("it is closed", lambda: stage.status().get("state") == desired, SOON)
        await stage.sleep(SOON)
        comes_late(stage, namespace, *INPUTS)
        await stage.until(
            "it is gone", lambda: not stage.there(SECRET, namespace, INPUTS[1]), 2 * RESYNC_SECONDS
        )

    play(scene)


def test_a_sweep_leaves_what_is_open_alone() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        taken: list[Change] = []
        stage.world.server.on_change.append(
            lambda change: (
                taken.append(change)
                if change.new is None and change.key == (namespace, INPUTS[1])
                else None
            )
        )
        await stage.sleep(3 * RESYNC_SECONDS)
        assert session(stage, namespace)
        assert taken == []

    play(scene)


def test_a_store_that_is_away_is_said_when_it_lasts_and_not_before() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        await stage.sleep(18 * MINUTE)
        before = session(stage, namespace)
        store_is_away(stage)
        await stage.sleep(4 * MINUTE)  # it is due after 20
        assert told(stage, "InputsDelivered") == DELIVERED
        await stage.sleep(15 * MINUTE)
        assert session(stage, namespace) == before
        assert told(stage, "InputsDelivered")["status"] == "Unknown"
        assert told(stage, "Ready")["status"] != "True"
        back(stage)
        await stage.until("it is back", lambda: session(stage, namespace) > before, 10 * MINUTE)
        await stage.until("and said", lambda: told(stage, "InputsDelivered") == DELIVERED, SOON)

    play(scene)


def test_without_an_image_that_delivers_there_is_no_session_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody could use it, and what opens data lies nowhere without need."""
    monkeypatch.setattr(process, "PLATFORM_IMAGE", "")

    async def scene(stage: Stage) -> None:
        await ready_pin(stage)
        stage.declare(run=False, pin="set")
        namespace = await stage.provisioned()
        await stage.sleep(SOON)
        expected = {"status": "False", "reason": reasons.DELIVERY_UNAVAILABLE}
        assert told(stage, "InputsDelivered") == expected
        assert "operator.image.digest" in stage.condition("InputsDelivered")["message"]
        assert not session(stage, namespace)

    play(scene)


def test_its_seal_says_of_no_run_and_who_had_pods() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await opened(stage)
        pod: Json = {
            "metadata": {"name": "look"},
            "spec": {"containers": [{"name": "look", "image": IMAGE}]},
        }
        stage.world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "look"), pod)
        await stage.sleep(5.0)
        desire(stage, "Sealed")
        await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
        (statement,) = statements(stage)[:1]
        assert outcome_of(statement) == ("", "")
        predicate = statement["predicate"]
        assert "stages" not in predicate["buildDefinition"]["externalParameters"]["snapshot"]
        metadata = predicate["runDetails"]["metadata"]
        assert metadata["glovebox_tenantPods"] == {"seen": 1, "more": False, "names": ["look"]}
        assert not {"glovebox_attempts", "startedOn"} & set(metadata)
        assert "run" not in stage.status()
        assert stage.world.experiment() is not None
        assert stage.there(DATASET_PIN, TEAM, "set")

    play(scene)
