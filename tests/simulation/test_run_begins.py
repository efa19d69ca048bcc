"""What keeps a run from beginning, and by which words that is told."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from glovebox.api import reasons
from glovebox.controllers.experiment import gate
from glovebox.errors import InvalidInput
from glovebox.kube.kinds import EXPERIMENT, JOB, OBJECT_STORE
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE, SOON
from simulation.test_seal_order import Refusing
from simulation.world import TEAM


def jobs_are_refused(code: int = 422) -> Refusing:
    faults = Refusing(lambda asked: asked.kind == JOB and asked.verb == "create", code)
    faults.in_force = True
    return faults


def suspend(stage: Stage, *, suspended: bool) -> None:
    assert stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": suspended}})


def test_a_run_that_has_not_begun_does_not_begin_while_it_is_suspended() -> None:
    faults = jobs_are_refused()

    async def scene(stage: Stage) -> None:
        stage.declare()
        namespace = await stage.provisioned()
        suspend(stage, suspended=True)
        await stage.sleep(MINUTE)
        faults.in_force = False
        await stage.sleep(5 * MINUTE)
        assert not stage.there(JOB, namespace, names.RUN_JOB)
        assert stage.condition("Succeeded")["reason"] == reasons.SUSPENDED
        suspend(stage, suspended=False)
        await stage.until("it runs", lambda: stage.there(JOB, namespace, names.RUN_JOB), SOON)

    play(scene, faults=faults)


def test_a_cluster_that_does_not_know_jobs_for_a_while_is_no_cluster_without_jobset() -> None:
    faults = jobs_are_refused(404)

    async def scene(stage: Stage) -> None:
        stage.declare()
        namespace = await stage.provisioned()
        await stage.sleep(5 * MINUTE)
        said = str(stage.status()["conditions"])
        assert "JobSet" not in said, said
        faults.in_force = False
        await stage.until("it runs", lambda: stage.there(JOB, namespace, names.RUN_JOB), 2 * SOON)

    play(scene, faults=faults)


@pytest.mark.parametrize(
    ("what", "instead", "reason", "told"),
    [
        pytest.param(
            "why_disk_never_fits",
            lambda *_: "it needs more disk than there ever is",
            reasons.RUN_OUT_OF_RANGE,
            "it needs more disk than there ever is",
            id="disk",
        ),
        pytest.param(
            "session_policy",
            InvalidInput(reasons.POLICY_TOO_LONG, "the names are too long."),
            reasons.POLICY_TOO_LONG,
            "the names are too long.",
            id="a session that names one prefix alone",
        ),
    ],
)
def test_what_can_never_run_is_refused_before_anything_is_bound(
    what: str, instead: Any, reason: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> str:
        raise instead

    monkeypatch.setattr(gate, what, refuse if isinstance(instead, Exception) else instead)

    async def scene(stage: Stage) -> None:
        stage.declare()
        await stage.until("it is told", lambda: stage.condition("Stalled"), SOON)
        assert stage.condition("Stalled")["reason"] == reason
        assert stage.condition("Stalled")["message"].endswith(told)
        assert not stage.status().get("digest")

    play(scene)


def test_nothing_is_bound_to_a_store_that_is_granted_to_others() -> None:
    async def scene(stage: Stage) -> None:
        access = [{"namespaces": ["team-b"], "artifacts": True}]
        assert stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"access": access}})
        await stage.sleep(MINUTE)
        stage.declare()
        await stage.until("it is told", lambda: stage.condition("Stalled"), SOON)
        assert stage.condition("Stalled")["reason"] == reasons.STORE_NOT_GRANTED
        assert not stage.status().get("digest")

    play(scene)
