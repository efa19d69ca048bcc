"""Credentials that somebody changed are valid again, whatever was made of their Secret."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from glovebox import names
from glovebox.desired import session_secret
from glovebox.kube.kinds import SECRET
from simulation.api_server import ADMINISTRATOR, Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE
from simulation.test_seal_order import Refusing

Json = dict[str, Any]
NAME = names.CREDENTIALS_SECRET


def _secret(stage: Stage, namespace: str) -> Json:
    found = stage.world.server.peek(SECRET, namespace, NAME)
    assert found is not None
    return copy.deepcopy(found)


def _is_valid(stage: Stage, namespace: str) -> bool:
    annotations = _secret(stage, namespace)["metadata"]["annotations"]
    end = annotations[names.ANNOTATION_CREDENTIALS_EXPIRE_TIME]
    return datetime.fromisoformat(end) > stage.world.clock.now()


async def _open(stage: Stage) -> str:
    stage.declare(run=False)
    namespace = await stage.provisioned()
    await stage.sleep(5)
    return namespace


def _make_immutable(stage: Stage, namespace: str) -> None:
    stage.world.edit(SECRET, namespace, NAME, {"immutable": True})


def _make_anew_with_another_type(stage: Stage, namespace: str) -> None:
    before = _secret(stage, namespace)
    stage.world.remove(SECRET, namespace, NAME)
    metadata = {key: before["metadata"][key] for key in ("name", "labels", "annotations")}
    asked = Asked(ADMINISTRATOR, "create", SECRET, namespace, NAME)
    body = {"metadata": metadata, "type": "example.com/theirs", "data": before["data"]}
    stage.world.server.create(asked, body)


def _end_at_the_beginning_of_time(stage: Stage, namespace: str) -> None:
    data, end = _secret(stage, namespace)["data"], "0001-01-01T00:00:00Z"
    annotations = {
        names.ANNOTATION_CREDENTIALS_EXPIRE_TIME: end,
        names.ANNOTATION_CONTENT_DIGEST: session_secret._digest(data, end),
    }
    stage.world.edit(SECRET, namespace, NAME, {"metadata": {"annotations": annotations}})


def _take_the_labels_off(stage: Stage, namespace: str) -> None:
    labels = dict.fromkeys(_secret(stage, namespace)["metadata"]["labels"])
    stage.world.edit(SECRET, namespace, NAME, {"metadata": {"labels": labels}})


@pytest.mark.parametrize(
    "deed",
    [
        _make_immutable,
        _make_anew_with_another_type,
        _end_at_the_beginning_of_time,
        _take_the_labels_off,
    ],
)
def test_they_are_renewed_all_the_same(deed: Callable[[Stage, str], None]) -> None:
    async def scene(stage: Stage) -> None:
        namespace = await _open(stage)
        deed(stage, namespace)
        for _ in range(3):
            await stage.sleep(HOUR)
            assert _is_valid(stage, namespace)

    play(scene, sweeps=False)


def test_older_ones_that_were_put_back_are_renewed_before_they_expire() -> None:
    async def scene(stage: Stage) -> None:
        namespace = await _open(stage)
        older = _secret(stage, namespace)
        await stage.until(
            "they are renewed", lambda: _secret(stage, namespace)["data"] != older["data"], HOUR
        )
        await stage.sleep(MINUTE)
        annotations = older["metadata"]["annotations"]
        body = {"metadata": {"annotations": annotations}, "data": older["data"]}
        stage.world.edit(SECRET, namespace, NAME, body)
        for _ in range(60):
            await stage.sleep(MINUTE)
            assert _is_valid(stage, namespace)

    play(scene, sweeps=False)


def test_what_is_deleted_after_a_restart_is_written_at_once() -> None:
    """They were as issued when the process began, so that nothing was written then."""

    async def scene(stage: Stage) -> None:
        namespace = await _open(stage)
        await stage.process.kill()
        stage.process.start()
        await stage.sleep(MINUTE)
        stage.world.remove(SECRET, namespace, NAME)
        await stage.sleep(MINUTE)
        assert _is_valid(stage, namespace)

    play(scene, sweeps=False)


@pytest.mark.parametrize("fixed", [{}, {"immutable": True}], ids=["as issued", "immutable"])
def test_what_cannot_be_made_anew_stays(fixed: Json) -> None:
    faults = Refusing(
        lambda asked: (
            asked.name == NAME
            and asked.verb in (("update",) if not fixed else ("create", "update"))
        )
    )

    async def scene(stage: Stage) -> None:
        namespace = await _open(stage)
        uid = _secret(stage, namespace)["metadata"]["uid"]
        stage.world.edit(SECRET, namespace, NAME, fixed)
        faults.in_force = True
        await stage.sleep(HOUR)
        assert faults.refused
        assert _secret(stage, namespace)["metadata"]["uid"] == uid

    play(scene, faults=faults, sweeps=False)
