"""What is closed is the Experiment's own namespace, and never another one that has its name."""

from __future__ import annotations

from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import NAMESPACE, NETWORK_POLICY, ROLE_BINDING, SECRET
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_as_bound import UNREADABLE, bend
from simulation.test_ends import HOUR, MINUTE
from simulation.test_held import BODIES
from simulation.test_seal_order import Refusing

Json = dict[str, Any]


async def is_replaced(stage: Stage, namespace: str) -> None:
    """Put another namespace in its place, with what has the names of ours, while nobody looks."""
    await stage.process.kill()
    stage.world.remove(NAMESPACE, None, namespace)
    await stage.until("it is gone", lambda: not stage.there(NAMESPACE, "", namespace))
    create = stage.world.server.create
    create(
        Asked(ADMINISTRATOR, "create", NAMESPACE, "", namespace), {"metadata": {"name": namespace}}
    )
    for kind, name in (
        (ROLE_BINDING, names.TENANT_ROLE_BINDING),
        (SECRET, names.CREDENTIALS_SECRET),
    ):
        body = {"metadata": {"name": name}, **BODIES.get(kind.kind, {})}
        create(Asked(ADMINISTRATOR, "create", kind, namespace, name), body)


def is_untouched(stage: Stage, namespace: str) -> bool:
    return stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING) and stage.there(
        SECRET, namespace, names.CREDENTIALS_SECRET
    )


def test_what_never_stood_takes_no_access_from_whoever_has_the_name_by_now() -> None:
    faults = Refusing(lambda asked: asked.kind == NETWORK_POLICY and asked.verb == "create")
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        await stage.until("the namespace is there", lambda: stage.status().get("namespaceUid"))
        namespace = stage.status()["namespace"]
        await is_replaced(stage, namespace)
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        assert stage.condition("Ready")["reason"] == reasons.NAMESPACE_TAKEN
        assert is_untouched(stage, namespace)

    play(scene, faults=faults)


def test_what_nobody_can_keep_takes_no_access_from_whoever_has_the_name_by_now() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await is_replaced(stage, namespace)
        await bend(stage, UNREADABLE)
        await stage.sleep(HOUR)  # whatever credentials there were are over
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        assert stage.condition("Ready")["reason"] == reasons.INVALID_SPEC
        assert is_untouched(stage, namespace)

    play(scene)
