"""What waits for isolation: sessions before it stood once, a run and access while it is broken."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.controllers.experiment import artifact_credentials
from glovebox.controllers.experiment.isolation import Stood
from glovebox.controllers.experiment.scope import Scope
from glovebox.kube.kinds import (
    DATASET_PIN,
    EVENT,
    EXPERIMENT,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SECRET,
    Kind,
)
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE, SOON
from simulation.test_held import BODIES
from simulation.test_seal_order import Refusing, pin_is_ready, wants
from simulation.world import pin_spec

Json = dict[str, Any]
POLICY = (NETWORK_POLICY, names.NETWORK_POLICY_DEFAULT_DENY)
TIME_TO_READY = "glovebox_experiment_time_to_ready_seconds_count"
BINDING = (ROLE_BINDING, names.TENANT_ROLE_BINDING)


def creation_of(*kinds: Kind) -> Refusing:
    return Refusing(lambda asked: asked.kind in kinds and asked.verb == "create")


def take(stage: Stage, namespace: str, what: tuple[Kind, str]) -> None:
    kind, name = what
    assert stage.world.remove(kind, namespace, name)


@pytest.mark.parametrize("run", [True, False])
def test_the_session_of_the_inputs_is_not_there_before_isolation_stood(
    run: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    faults = creation_of(NETWORK_POLICY)
    faults.in_force = True
    sessions = (names.CREDENTIALS_SECRET, names.INPUTS_CREDENTIALS_SECRET)

    async def scene(stage: Stage) -> None:
        stage.world.declare(DATASET_PIN, "set", pin_spec())
        await stage.until("the pin is Ready", lambda: pin_is_ready(stage))
        stage.declare(run=run, pin="set")
        await stage.until("the namespace is there", lambda: stage.status().get("namespaceUid"))
        await stage.sleep(5 * MINUTE)
        namespace = stage.status()["namespace"]
        assert not [name for name in sessions if stage.there(SECRET, namespace, name)]
        faults.in_force = False
        await stage.until(
            "they are there",
            lambda: all(stage.there(SECRET, namespace, name) for name in sessions),
            2 * SOON,
        )

    play(scene, faults=faults)


def test_no_session_is_written_where_isolation_fell_while_the_store_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was seen of isolation is old by then, and is asked for again."""
    asked: list[str] = []

    async def fell(scope: Scope, stood: Stood) -> bool:
        asked.append(f"{scope.key.name}, which stood: {bool(stood)}")
        return False

    async def scene(stage: Stage) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(artifact_credentials, "still_stands", fell)
            stage.declare(run=False)
            await stage.until("it was asked", lambda: bool(asked))
            await stage.sleep(5 * MINUTE)
            namespace = stage.status()["namespace"]
            assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        await stage.until(
            "it is there",
            lambda: stage.there(SECRET, namespace, names.CREDENTIALS_SECRET),
            2 * SOON,
        )
        assert set(asked) == {"x, which stood: True"}

    play(scene)


@pytest.mark.parametrize(
    "late", [NETWORK_POLICY, RESOURCE_QUOTA, ROLE_BINDING], ids=lambda kind: kind.kind
)
def test_what_never_existed_and_is_created_late_is_no_drift(late: Kind) -> None:
    """Nobody tampered with it: no Event that warns, no record, no count, and no time to Ready."""
    faults = creation_of(late)
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("the namespace is there", lambda: stage.status().get("namespaceUid"))
        await stage.sleep(5 * MINUTE)
        assert stage.metric(TIME_TO_READY) == 0, "it was not Ready yet"
        faults.in_force = False
        await stage.provisioned()
        await stage.until("it is Ready", lambda: stage.condition("Ready").get("status") == "True")
        await stage.sleep(MINUTE)  # an Event comes behind its status
        assert stage.metric(TIME_TO_READY) == 1
        assert not stage.status().get("drift")
        assert drift_counted(stage) == 0
        reasons = events(stage)
        assert "Provisioned" in reasons
        assert not [each for each in reasons if "Drift" in each], reasons
        # The same after it stood: what was looked for above is there to be found.
        kept = {ROLE_BINDING: BINDING, NETWORK_POLICY: POLICY}
        take(stage, stage.status()["namespace"], kept.get(late, (late, names.RESOURCE_QUOTA)))
        await stage.until("it is recorded", lambda: stage.status().get("drift"))
        assert drift_counted(stage) == 1
        await stage.until(
            "it is reported", lambda: [each for each in events(stage) if "Drift" in each]
        )

    play(scene, faults=faults)


def events(stage: Stage) -> list[str]:
    """Return the reasons of all Events."""
    asked = Asked(ADMINISTRATOR, "list", EVENT, "", "")
    return [each["reason"] for each in stage.world.server.list(asked)["items"]]


def drift_counted(stage: Stage) -> float:
    """Return how much drift of whatever kind the operator has counted."""
    running = stage.process.operator
    assert running is not None
    return sum(
        sample.value
        for metric in running.registry.collect()
        for sample in metric.samples
        if sample.name == "glovebox_drift_detected_total"
    )


def test_no_run_starts_while_a_policy_cannot_be_restored() -> None:
    refused: set[Kind] = {JOB}
    faults = Refusing(lambda asked: asked.kind in refused and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare()
        namespace = await stage.provisioned()
        refused.add(NETWORK_POLICY)
        take(stage, namespace, POLICY)
        await stage.sleep(5.0)
        refused.remove(JOB)
        await stage.sleep(5 * MINUTE)
        assert not stage.there(NETWORK_POLICY, namespace, POLICY[1])
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        refused.clear()
        await stage.until("it runs", lambda: stage.there(JOB, namespace, names.RUN_JOB), SOON)

    play(scene, faults=faults)


def test_access_that_was_taken_is_not_given_again_before_isolation_is_restored() -> None:
    faults = creation_of(NETWORK_POLICY)

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        faults.in_force = True
        take(stage, namespace, POLICY)
        await stage.sleep(5.0)
        take(stage, namespace, BINDING)
        await stage.sleep(5 * MINUTE)
        assert not stage.there(ROLE_BINDING, namespace, BINDING[1])
        faults.in_force = False
        await stage.until("it is back", lambda: stage.there(ROLE_BINDING, namespace, BINDING[1]))
        assert stage.there(NETWORK_POLICY, namespace, POLICY[1])

    play(scene, faults=faults)


def test_access_goes_where_isolation_broke_before_it_was_recorded_as_complete() -> None:
    """The binding is written, and neither its answer nor a status that says so comes through."""
    recorded: list[object] = []
    faults = Refusing(
        lambda asked: (
            (asked.kind, asked.verb) == (NETWORK_POLICY, "create")
            or (asked.kind == EXPERIMENT and asked.subresource == "status")
        )
    )

    async def scene(stage: Stage) -> None:
        def refuse(change: Change) -> None:
            faults.in_force = faults.in_force or change.served.kind == ROLE_BINDING

        stage.world.server.on_change.append(refuse)
        stage.declare(run=False)
        await stage.until("the binding is there", lambda: faults.in_force)
        namespace = stage.status()["namespace"]
        assert stage.there(ROLE_BINDING, namespace, BINDING[1])
        recorded.append(stage.status().get("provisioned"))
        take(stage, namespace, POLICY)
        await stage.until(
            "access is closed", lambda: not stage.there(ROLE_BINDING, namespace, BINDING[1]), SOON
        )
        await stage.sleep(5 * MINUTE)
        assert not stage.there(ROLE_BINDING, namespace, BINDING[1])
        assert not stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)
        faults.refuses = lambda _: False
        await stage.until("it is back", lambda: stage.there(ROLE_BINDING, namespace, BINDING[1]))

    play(scene, faults=faults)
    assert recorded == [None]


@pytest.mark.parametrize("policy", ["Repair", "Alert", "Ignore"])
def test_the_team_s_binding_goes_from_what_is_frozen_whatever_the_drift_policy(policy: str) -> None:
    """Under the operator's own name it is none of somebody else's: no policy lives with it."""
    profile = {"drift": [{"kind": ROLE_BINDING.kind, "policy": policy}]}

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        wants(stage, "Frozen")
        await stage.until("it is frozen", lambda: stage.status().get("state") == "Frozen", MINUTE)
        await stage.sleep(MINUTE)
        body = {"metadata": {"name": BINDING[1]}, **BODIES[ROLE_BINDING.kind]}
        asked = Asked(ADMINISTRATOR, "create", ROLE_BINDING, namespace, BINDING[1])
        stage.world.server.create(asked, body)
        await stage.sleep(5 * MINUTE)
        assert not stage.there(ROLE_BINDING, namespace, BINDING[1])

    play(scene, profile=profile, drift=policy)


def test_that_it_was_frozen_is_taken_back_before_it_is_opened_again() -> None:
    """A process that dies in between would take what is open for closed, and leave it so."""
    shown: list[str] = []

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        wants(stage, "Frozen")
        await stage.until("it is frozen", lambda: stage.status().get("state") == "Frozen", MINUTE)

        def see(change: Change) -> None:
            if change.served.kind == NAMESPACE and change.key[1] == namespace and change.new:
                labels = change.new["metadata"]["labels"]
                if labels[names.LABEL_STATE] == names.STATE_OPEN:
                    shown.append(stage.status().get("state", ""))

        stage.world.server.on_change.append(see)
        wants(stage, "Active")
        await stage.until("it is open", lambda: stage.status().get("state") == "Open", MINUTE)
        assert shown == [""]

    play(scene)
