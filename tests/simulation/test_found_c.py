"""Proofs of findings: each fails as long as what it says is not so."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    CONFIG_MAP,
    EVENT,
    EXPERIMENT,
    NAMESPACE,
    POD,
    ROLE_BINDING,
    SECRET,
)
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, ends_after, running, statements
from simulation.test_seal_order import Refusing, named, wants
from simulation.world import TEAM

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(ROLE_BINDING, names.TENANT_ROLE_BINDING), (SECRET, names.CREDENTIALS_SECRET)],
)
@pytest.mark.parametrize("desired", ["Frozen", "Sealed"])
def test_nothing_is_said_to_be_closed_while_a_finalizer_holds_what_opens(
    kind, name, desired
) -> None:
    if desired == "Sealed" and kind == ROLE_BINDING:
        pytest.skip("the binding stays")

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        await stage.process.kill()
        stage.world.edit(kind, namespace, name, {"metadata": {"finalizers": ["example.com/held"]}})
        wants(stage, desired)
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        print(
            stage.status().get("state"), bool(stage.status().get("seal")), stage.condition("Ready")
        )
        assert not stage.there(kind, namespace, name) or stage.status().get("state") != desired

    play(scene)


def test_one_pod_that_stays_keeps_no_other_in() -> None:
    faults = Refusing(
        lambda asked: asked.kind == POD and asked.verb == "delete" and asked.name == "a-first"
    )

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(5)
        faults.in_force = True
        stage.world.edit(
            NAMESPACE,
            None,
            namespace,
            {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}},
        )
        body = {"spec": {"hostNetwork": True, "containers": [{"name": "main", "image": "any"}]}}
        stage.world.actors.run_ends = lambda _: (24 * HOUR, True)
        for name in ("a-first", "b-second"):
            stage.world.server.create(
                Asked(ADMINISTRATOR, "create", POD, namespace, name), body | named(name)
            )
        await stage.sleep(HOUR)
        assert not stage.there(POD, namespace, "b-second")

    play(scene, faults=faults)


def test_a_wrong_404_of_the_snapshot_keeps_no_seal_from_being_made() -> None:
    lost = []

    def once(asked):
        if (
            asked.kind == CONFIG_MAP
            and asked.name == names.SNAPSHOT_CONFIG_MAP
            and asked.verb == "get"
            and not lost
        ):
            lost.append(asked)
            return True
        return False

    faults = Refusing(once, 404)

    async def scene(stage: Stage) -> None:
        await running(stage, deletionPolicy="Freeze")
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        await stage.sleep(5.0)
        faults.in_force = True
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR + SOON)
        await stage.sleep(MINUTE)
        told = [each["reason"] for each in stage.world.server.everything(EVENT)]
        assert lost
        assert statements(stage) or reasons.DELETED_UNSEALED in told

    play(scene, faults=faults)


def test_the_credentials_of_an_unreadable_one_and_its_run() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, 10 * MINUTE)
        stage.declare()
        await stage.until("the run is recorded", lambda: stage.status().get("run"))
        await stage.sleep(5)
        stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
        await stage.sleep(2 * HOUR)
        print(stage.status().get("run"), stage.condition("Succeeded"), stage.condition("Sealed"))
        assert stage.status()["run"].get("completionTime")

    play(scene)
