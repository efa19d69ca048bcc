"""A deletion whose run cannot be looked at: access goes at once, and only the seal waits.

Nobody may use a namespace whose Experiment is being deleted, whatever cannot be read of it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glovebox import names
from glovebox.kube.kinds import CONFIG_MAP, EXPERIMENT, JOB, POD, ROLE_BINDING, SECRET
from simulation.api_server import Asked
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, MINUTE, SOON, outcome_of, running, statements
from simulation.test_seal_order import Refusing, state_label
from simulation.world import TEAM

Blind = Callable[[Asked], bool]


def job_of_run(asked: Asked) -> bool:
    return asked.kind == JOB and asked.verb == "get" and asked.name == names.RUN_JOB


def pods_of_run(asked: Asked) -> bool:
    return asked.kind == POD and asked.verb == "list"


def snapshot(asked: Asked) -> bool:
    return asked.kind == CONFIG_MAP and asked.name == names.SNAPSHOT_CONFIG_MAP


def record_of_it(asked: Asked) -> bool:
    return asked.kind == EXPERIMENT and asked.verb == "update" and asked.subresource == "status"


def is_open(stage: Stage, namespace: str) -> bool:
    binding = stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
    return binding or stage.there(SECRET, namespace, names.CREDENTIALS_SECRET)


@pytest.mark.parametrize(
    ("refuses", "readable", "policy"),
    [
        pytest.param(job_of_run, True, "Freeze", id="its Job"),
        pytest.param(job_of_run, True, "Retain", id="its Job, where the namespace is retained"),
        pytest.param(pods_of_run, True, "Delete", id="its pods"),
        pytest.param(record_of_it, True, "Freeze", id="what it came to is not recorded"),
        pytest.param(job_of_run, False, "Freeze", id="its Job, of a spec that cannot be read"),
        pytest.param(pods_of_run, False, "Retain", id="its pods, of a spec that cannot be read"),
        pytest.param(snapshot, False, "Delete", id="the snapshot, of a spec that cannot be read"),
    ],
)
def test_access_goes_at_once_and_the_seal_is_made_when_it_can(
    refuses: Blind,
    readable: bool,  # noqa: FBT001 - a parameter of the table
    policy: str,
) -> None:
    faults = Refusing(refuses, 403)

    async def scene(stage: Stage) -> None:
        namespace = await running(stage, deletionPolicy=policy)
        if not readable:
            stage.world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": {"description": ""}}})
            await stage.sleep(5.0)
        assert is_open(stage, namespace)
        faults.in_force = True
        if refuses is record_of_it:
            # What is to be recorded first: the run ended a moment before the deletion.
            (pod,) = [
                each
                for each in stage.world.server.everything(POD, namespace)
                if each["metadata"]["name"].startswith(names.RUN_JOB)
            ]
            stage.world.server.patch(
                Asked("kubelet", "patch", POD, namespace, pod["metadata"]["name"], "status"),
                {"status": {"phase": "Succeeded"}},
                "application/merge-patch+json",
            )
            await stage.sleep(5.0)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is closed", lambda: not is_open(stage, namespace), SOON)
        assert state_label(stage, namespace) == names.STATE_SEALED
        await stage.sleep(10 * MINUTE)
        assert statements(stage) == [], "the seal waits: it would say less than was seen"
        assert stage.world.experiment() is not None
        faults.in_force = False
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR / 2)
        (statement,) = statements(stage)
        assert outcome_of(statement)[1] in {"Abandoned", "RunSucceeded"}

    play(scene, faults=faults)


def test_what_is_retained_and_may_never_have_run_keeps_its_team() -> None:
    """No run is recorded: credentials go whatever the policy says, and the team stays."""
    faults = Refusing(lambda asked: asked.kind == JOB and asked.name == names.RUN_JOB, 403)
    faults.in_force = True

    async def scene(stage: Stage) -> None:
        stage.declare(lifecycle={"deletionPolicy": "Retain"})
        namespace = await stage.provisioned()
        stage.world.remove(EXPERIMENT, TEAM, "x")
        secret = (SECRET, namespace, names.CREDENTIALS_SECRET)
        await stage.until("credentials are gone", lambda: not stage.there(*secret), SOON)
        await stage.sleep(MINUTE)
        assert stage.world.experiment() is not None
        faults.in_force = False
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR / 2)
        assert stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
        (statement,) = statements(stage)
        assert outcome_of(statement) == ("Failed", "Abandoned"), "what the team may have written"

    play(scene, faults=faults)
