"""A part of some content takes the grant that the content takes: dividing is no way round."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    DATASET_PIN,
    NAMESPACE,
    OBJECT_STORE,
    SECRET,
    SPLIT_PIN,
)
from glovebox.store.grant_uses import PREFIX as USES
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_grants import is_bound, names_of_time, refused
from simulation.test_splits import (
    HOUR,
    OBJECTS,
    PARTS,
    ROWS,
    declare,
    declare_all,
    is_ready,
    part_spec,
    parts_ready,
    roles,
    split_spec,
    status,
)
from simulation.world import SOURCE, TEAM, grant_spec, pin_spec
from support.grants import records

Json = dict[str, Any]
ASKING: Json = {"use": {"embargoUntilTime": "2099-01-01T00:00:00Z"}}
OTHER = "team-b"


def asking(stage: Stage, name: str = "asks", namespace: str = TEAM) -> None:
    """Have a pin of all that is divided ask for a grant, whatever it is used for."""
    stage.world.declare(DATASET_PIN, name, {**pin_spec("all/"), **ASKING}, namespace=namespace)


@pytest.mark.parametrize("how", [ROWS, OBJECTS], ids=["rows", "objects"])
def test_a_part_takes_the_grant_of_the_content_that_was_divided(how: Json) -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, how)
        await parts_ready(stage)
        asking(stage)
        await stage.until("it asks", lambda: is_ready(stage, DATASET_PIN, "asks"), HOUR)
        stage.declare(run=False, inputs=roles())
        message = await refused(stage, reasons.NOT_GRANTED)
        assert "DatasetPin 'asks' asks for a grant for the content that it is a part of" in message
        spec = grant_spec(pinRef={"name": "all"}, roles=["train", "test"], uses=1)
        stage.world.declare(ACCESS_GRANT, "loan", spec)
        await stage.until("it is bound", lambda: is_bound(stage), HOUR)
        root = status(stage)["sourceDigest"]
        for entry in stage.status()["inputs"]:
            (grant,) = entry["grants"]
            assert (grant["contentRoot"], grant["use"]) == (root, 1)
            assert entry["digest"] != root
        # Both parts are one use: of one grant, for one content.
        (key,) = records(stage)
        assert key == f"{USES}{TEAM}/loan/{root.removeprefix('sha256:')}/0001.json"

    play(scene)


@pytest.mark.parametrize("by", ["revoked", "expired"])
def test_the_end_of_the_grant_of_the_whole_ends_credentials_for_its_part(by: str) -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, OBJECTS)
        await parts_ready(stage)
        asking(stage)
        await stage.until("it asks", lambda: is_ready(stage, DATASET_PIN, "asks"), HOUR)
        ends = stage.world.clock.now().timestamp() + HOUR
        until = names_of_time(ends) if by == "expired" else "2099-01-01T00:00:00Z"
        spec = grant_spec(pinRef={"name": "all"}, roles=["train", "test"], expireTime=until)
        stage.world.declare(ACCESS_GRANT, "loan", spec)
        stage.declare(run=False, inputs=roles())
        await stage.until("it is bound", lambda: is_bound(stage), 600)
        granted = partial(stage.condition, "InputsGranted")
        await stage.until("it is said", lambda: granted().get("status") == "True", 60)
        if by == "revoked":
            stage.world.edit(ACCESS_GRANT, TEAM, "loan", {"spec": {"revoked": True}})
        else:
            await stage.sleep(ends - stage.world.clock.now().timestamp())
        ended = partial(stage.condition, "InputsGranted")
        await stage.until("it is told", lambda: ended()["status"] == "False", 10)
        namespace = stage.status()["namespace"]
        assert not stage.there(SECRET, namespace, names.INPUTS_CREDENTIALS_SECRET)

    play(scene, sweeps=False)


def test_a_part_of_a_part_takes_it_too() -> None:
    async def scene(stage: Stage) -> None:
        declare(stage, OBJECTS)
        await parts_ready(stage)
        inner = [{**part, "name": f"{part['name']}-again", "role": "train"} for part in PARTS]
        # By the same salt all of the part would be on one side.
        rule = {"by": "Key", "salt": "again"}
        spec = split_spec(source={"pinRef": {"name": "train"}}, parts=inner, rule=rule)
        stage.world.declare(SPLIT_PIN, "inner", spec)
        stage.world.declare(DATASET_PIN, "deep", part_spec("train-again", "inner"))
        await stage.until("it is Ready", lambda: is_ready(stage, DATASET_PIN, "deep"), HOUR)
        asking(stage)
        await stage.until("it asks", lambda: is_ready(stage, DATASET_PIN, "asks"), HOUR)
        only = {"datasets": [{"name": "a", "pinRef": {"name": "deep"}, "role": "train"}]}
        stage.declare(run=False, inputs=only)
        await refused(stage, reasons.NOT_GRANTED)

    play(scene)


@pytest.mark.parametrize("is_older", [True, False], ids=["an older pin", "a younger pin"])
def test_a_pin_elsewhere_counts_where_it_is_not_younger_than_what_was_divided(
    is_older: bool,  # noqa: FBT001 - of the table
) -> None:
    async def scene(stage: Stage) -> None:
        stage.world.server.create(
            Asked(ADMINISTRATOR, "create", NAMESPACE, "", OTHER), {"metadata": {"name": OTHER}}
        )
        access = [
            {"namespaces": [TEAM, OTHER], "sources": [{"bucket": SOURCE}], "artifacts": True},
        ]
        assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
        if is_older:
            declare_all(stage)
            stage.world.remove(DATASET_PIN, TEAM, "all")
            asking(stage, namespace=OTHER)
            await stage.sleep(5.0)
        declare(stage, OBJECTS)
        await stage.sleep(5.0)
        if not is_older:
            # Younger than the pin that was divided, and older than those of its parts.
            for part in ("test", "train"):
                stage.world.remove(DATASET_PIN, TEAM, part)
            asking(stage, namespace=OTHER)
            await stage.sleep(5.0)
            for part in ("test", "train"):
                stage.world.declare(DATASET_PIN, part, part_spec(part))
        await parts_ready(stage)
        stage.declare(run=False, inputs=roles())
        if is_older:
            message = await refused(stage, reasons.NOT_GRANTED)
            assert f"namespace '{OTHER}' asks for a grant for the content" in message
        else:
            await stage.until("it is bound", lambda: is_bound(stage), HOUR)

    play(scene)
