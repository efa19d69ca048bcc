"""A list that left something out once is put right by the next one, and by whoever reads."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    NETWORK_POLICY,
    OBJECT_STORE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    Kind,
)
from simulation.api_server import Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.world import TEAM, is_true, pin_spec

Json = dict[str, Any]
OWN = (EXPERIMENT, DATASET_PIN, OBJECT_STORE)
CHILDREN = (NETWORK_POLICY, RESOURCE_QUOTA, ROLE_BINDING)


async def provisioned(stage: Stage) -> str:
    """Declare an Experiment with an input, and wait until nothing of it changes any more."""
    stage.world.declare(DATASET_PIN, "set", pin_spec())
    inputs = {"datasets": [{"name": "train", "pinRef": {"name": "set"}, "role": "train"}]}
    stage.declare(run=False, inputs=inputs)
    namespace = await stage.provisioned()
    await stage.sleep(5 * MINUTE)
    return namespace


async def leaves_out(stage: Stage, kind: Kind) -> None:
    """Answer the next list of a whole kind as if there were nothing of it, and wait for that."""
    server = stage.world.server
    really = server.list
    answered: list[Asked] = []

    def listed(asked: Asked, **how: Any) -> Json:
        page: Json = really(asked, **how)
        if answered or asked.kind != kind or asked.namespace:
            return page
        answered.append(asked)
        return {"metadata": {"resourceVersion": page["metadata"]["resourceVersion"]}, "items": []}

    server.list = listed  # type: ignore[method-assign]
    await stage.until("a list left something out", lambda: answered, HOUR)


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.kind)
def test_what_a_list_of_ours_left_out_once_is_looked_after_again(kind: Kind) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await provisioned(stage)
        await leaves_out(stage, kind)
        await stage.sleep(10 * MINUTE)
        assert stage.process.operator is not None
        known = stage.process.operator.ports.resources.of_kind(kind)
        assert len(known) == 1
        assert stage.world.remove(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DNS)
        await stage.sleep(5 * MINUTE)
        assert stage.there(NETWORK_POLICY, namespace, names.NETWORK_POLICY_DNS)
        assert is_true(stage.world.experiment(), "Ready")
        pin = stage.world.server.peek(DATASET_PIN, TEAM, "set")
        assert is_true(pin, "Ready")

    play(scene)


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.kind)
def test_what_a_list_left_out_once_is_as_declared_as_soon_as_it_is_read(kind: Kind) -> None:
    """Nothing is listed again: what is found to be there must not be waited for until it is."""

    async def scene(stage: Stage) -> None:
        stage.world.relist_seconds = 20 * MINUTE
        await stage.process.kill()
        stage.process._relist_seconds = 20 * MINUTE
        stage.process.start()
        await provisioned(stage)
        await leaves_out(stage, kind)
        await stage.sleep(5 * MINUTE)
        assert is_true(stage.world.experiment(), "Ready")
        assert is_true(stage.world.experiment(), "NamespaceReady")

    play(scene)
