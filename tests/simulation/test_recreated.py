"""What cannot be changed in place is deleted to be created again: only where that surely works."""

from __future__ import annotations

from typing import Any

from glovebox import names
from glovebox.kube.kinds import CONFIG_MAP
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE, SOON
from simulation.test_held import HELD, LET_GO
from simulation.test_seal_order import Refusing

Json = dict[str, Any]
SNAPSHOT = (CONFIG_MAP, names.SNAPSHOT_CONFIG_MAP)


def data_of(stage: Stage, namespace: str) -> Json | None:
    found = stage.world.server.peek(CONFIG_MAP, namespace, SNAPSHOT[1])
    return found and found["data"]


async def is_forged(stage: Stage, namespace: str, **metadata: Any) -> None:
    """Put another snapshot in its place that nobody can change, while no operator runs."""
    await stage.process.kill()
    stage.world.remove(CONFIG_MAP, namespace, SNAPSHOT[1])
    asked = Asked(ADMINISTRATOR, "create", CONFIG_MAP, namespace, SNAPSHOT[1])
    metadata = {"name": SNAPSHOT[1], **metadata}
    body = {"metadata": metadata, "immutable": True, "data": {"snapshot.json": "{}"}}
    stage.world.server.create(asked, body)


def test_nothing_is_deleted_that_the_api_server_would_not_take_again() -> None:
    faults = Refusing(lambda asked: asked.kind == CONFIG_MAP and asked.verb == "create")

    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        before = data_of(stage, namespace)
        await is_forged(stage, namespace)
        faults.in_force = True
        stage.process.start()
        await stage.sleep(10 * MINUTE)
        assert faults.refused
        assert data_of(stage, namespace) == {"snapshot.json": "{}"}, "and not gone"
        faults.in_force = False
        await stage.until("it is back", lambda: data_of(stage, namespace) == before, SOON)

    play(scene, faults=faults)


def test_what_a_finalizer_holds_is_named_and_created_again_when_it_is_gone() -> None:
    async def scene(stage: Stage) -> None:
        stage.declare(run=False)
        namespace = await stage.provisioned()
        await stage.sleep(MINUTE)
        before = data_of(stage, namespace)
        await is_forged(stage, namespace, **HELD["metadata"])
        stage.process.start()
        await stage.sleep(5 * MINUTE)
        assert "example.com/held" in stage.condition("NamespaceReady")["message"]
        assert stage.condition("Ready")["status"] == "False"
        stage.world.edit(CONFIG_MAP, namespace, SNAPSHOT[1], LET_GO)
        await stage.until("it is back", lambda: data_of(stage, namespace) == before, 2 * SOON)

    play(scene)
