"""Whenever an Experiment is deleted, what became of its run is in one signed statement."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from glovebox import names
from glovebox.evidence.envelope import opened
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import EXPERIMENT, JOB, NAMESPACE, ROLE_BINDING
from simulation.api_server import Change
from simulation.stage import Stage, play
from simulation.test_ends import HOUR, ends_after, outcome_of
from simulation.test_keys import published
from simulation.test_seal_order import Refusing
from simulation.test_sealed_before_it_goes import POLICIES
from simulation.world import BUCKET, TEAM

RUNS_SECONDS = 30.0
_DRAW = random.Random(20)  # noqa: S311 - the same moments in every run
# Four before the run, which begins after a quarter of a second here, and twenty of it: when it has
# just begun, while it runs, and about its end and its seal.
SPANS = (
    [(0.0, 0.25)] * 4 + [(0.25, 0.4)] * 6 + [(0.4, RUNS_SECONDS)] * 6 + [(RUNS_SECONDS, 31.5)] * 8
)
AT = sorted(_DRAW.uniform(*span) for span in SPANS)


def signed(stage: Stage) -> list[dict[str, Any]]:
    """Return the statements in the store whose signature holds."""
    keys = stage.world.store.buckets[BUCKET].keys
    raw = [versions[0].body for key, versions in keys.items() if key.endswith(STATEMENT_NAME)]
    return [orjson.loads(opened(each, published(stage)).payload) for each in raw]


@pytest.mark.parametrize("moment", AT)
def test_a_deletion_at_any_moment_of_a_run_leaves_a_signed_trace(moment: float) -> None:
    policy = POLICIES[AT.index(moment) % len(POLICIES)]

    async def scene(stage: Stage) -> None:
        ends_after(stage, RUNS_SECONDS)
        began: set[str] = set()

        def see(change: Change) -> None:
            if change.served.kind == JOB and change.key[1] == names.RUN_JOB and change.new:
                began.add(change.new["metadata"]["uid"])

        stage.world.server.on_change.append(see)
        made = stage.declare(lifecycle={"deletionPolicy": policy})
        await stage.sleep(moment)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, HOUR / 2)
        found = signed(stage)
        assert len(found) == 1 or not (began or found), "of a run that began, one statement"
        for statement in found:
            about = statement["predicate"]["buildDefinition"]["internalParameters"]
            assert about["uid"] == made["metadata"]["uid"]
            ends = ("Failed", "Abandoned"), ("Succeeded", "RunSucceeded")
            assert outcome_of(statement) in ends

    play(scene)


def test_access_goes_before_a_namespace_of_which_no_status_says_that_it_was_open() -> None:
    """The binding is there, its record was lost: it goes, and the seal is waited for an hour."""
    faults = Refusing(lambda asked: asked.kind == EXPERIMENT and asked.subresource == "status")
    bound: list[bool] = []

    async def scene(stage: Stage) -> None:
        def refuse(change: Change) -> None:
            faults.in_force = faults.in_force or change.served.kind == ROLE_BINDING

        stage.world.server.on_change.append(refuse)
        stage.declare(run=False, lifecycle={"deletionPolicy": "Delete"})
        await stage.until("the binding is there", lambda: faults.in_force)
        namespace = stage.status()["namespace"]
        assert not stage.status().get("artifacts")

        def see(change: Change) -> None:
            gone = change.served.kind == NAMESPACE and change.key[1] == namespace
            if gone and change.last["metadata"].get("deletionTimestamp"):
                bound.append(stage.there(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING))

        stage.world.server.on_change.append(see)
        stage.world.remove(EXPERIMENT, TEAM, "x")
        await stage.until("it is gone", lambda: stage.world.experiment() is None, 2 * HOUR)

    play(scene, faults=faults)
    assert bound
    assert not any(bound)
