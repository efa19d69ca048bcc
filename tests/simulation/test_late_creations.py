"""What a process asked for before it died may come in after its Experiment was deleted."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.kube.kinds import EXPERIMENT, ROLE_BINDING, SECRET, Kind
from simulation.api_server import Asked, Change
from simulation.process import OPERATOR, RESYNC_SECONDS
from simulation.stage import Stage, play
from simulation.test_ends import SOON
from simulation.world import TEAM

Json = dict[str, Any]
BINDING = (ROLE_BINDING, names.TENANT_ROLE_BINDING)
SESSION = (SECRET, names.CREDENTIALS_SECRET)
INPUTS = (SECRET, names.INPUTS_CREDENTIALS_SECRET)
REGISTRIES = (SECRET, names.PULL_SECRET)


async def let_go(stage: Stage, policy: str) -> str:
    """Return the namespace that stays behind an Experiment that was deleted."""
    stage.declare(run=False, lifecycle={"deletionPolicy": policy})
    namespace = await stage.provisioned()
    stage.world.remove(EXPERIMENT, TEAM, "x")
    await stage.until("it is gone", lambda: stage.world.experiment() is None, SOON)
    return namespace


def comes_late(stage: Stage, namespace: str, kind: Kind, name: str) -> None:
    """Let a request take effect now that the operator sent in its former life."""
    body: Json = {"metadata": {"name": name, "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}}}
    if kind == ROLE_BINDING:
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "x"}
        body |= {"roleRef": role, "subjects": []}
    stage.world.server.create(Asked(OPERATOR, "create", kind, namespace, name), body)


@pytest.mark.parametrize(
    ("policy", "late"),
    [
        pytest.param("Freeze", (BINDING, SESSION, INPUTS), id="Freeze: all of it"),
        pytest.param("Freeze", (BINDING,), id="Freeze: access"),
        pytest.param("Freeze", (INPUTS,), id="Freeze: what no watch follows"),
        pytest.param("Freeze", (REGISTRIES,), id="Freeze: what opens the registries"),
        pytest.param("Retain", (SESSION,), id="Retain: a session"),
        pytest.param("Retain", (INPUTS,), id="Retain: the session of the inputs"),
    ],
)
def test_what_comes_late_into_a_namespace_that_was_let_go_is_swept(
    policy: str, late: tuple[tuple[Kind, str], ...]
) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await let_go(stage, policy)
        for kind, name in late:
            comes_late(stage, namespace, kind, name)
        await stage.until(
            "it is closed",
            lambda: not any(stage.there(kind, namespace, name) for kind, name in late),
            2 * RESYNC_SECONDS,
        )
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING) is (
            policy == "Retain"
        )

    play(scene)


def test_what_was_let_go_costs_no_write() -> None:
    """The team keeps a namespace that is retained, and nothing of it is taken by the sweeps."""

    async def scene(stage: Stage) -> None:
        namespace = await let_go(stage, "Retain")
        await stage.sleep(SOON)
        written: list[Change] = []
        stage.world.server.on_change.append(written.append)
        await stage.sleep(4 * RESYNC_SECONDS)
        assert [change for change in written if change.key[0] == namespace] == []
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)

    play(scene)


def test_what_was_let_go_and_another_s_finalizer_holds_costs_nothing() -> None:
    """The deletion is through for the operator: what the team does there is its own."""

    async def scene(stage: Stage) -> None:
        stage.declare(run=False, lifecycle={"deletionPolicy": "Retain"})
        namespace = await stage.provisioned()
        await stage.sleep(SOON)
        finalizers = [names.FINALIZER, "example.com/held"]
        stage.world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": finalizers}})
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is let go", lambda: finalizers_of(stage) == finalizers[1:], SOON)
        await stage.sleep(SOON)
        done = len(stage.world.story.lines)
        wake = {"metadata": {"labels": {"a": "b"}}}
        stage.world.edit(EXPERIMENT, TEAM, "x", wake)
        await stage.sleep(SOON)
        asked = [what for _, who, what in stage.world.story.lines[done:] if who == "operator"]
        assert [what for what in asked if namespace in what or what.startswith("patch exp")] == []

    play(scene)


def finalizers_of(stage: Stage) -> list[str]:
    found = (stage.world.experiment() or {"metadata": {}})["metadata"].get("finalizers")
    return list(found or ())
