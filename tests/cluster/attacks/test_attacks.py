"""Attacks as real requests: each is refused by whom it should be, and its harmless twin is admitted."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster.attacks import on_pods, on_the_cluster
from cluster.attacks.attempt import Attempt, expect_refused_and_the_twin_admitted
from cluster.attacks.identities import BREAK_GLASS, TENANT
from cluster.attacks.stage import Stage
from cluster.guards import objects
from support.api import path_of
from support.waiting import eventually


def attacks(own: str, other: str) -> list[Attempt]:
    return [*on_pods.attempts(own), *on_the_cluster.attempts(own, other)]


# Before the stage stands, the names of the namespaces are not known; the names of the attacks are.
NAMES = [attempt.name for attempt in attacks("", "")]


@pytest.fixture(scope="module")
def attempts(stage: Stage) -> dict[str, Attempt]:
    return {attempt.name: attempt for attempt in attacks(stage.own, stage.other)}


def test_every_attack_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_attack_is_refused_and_its_twin_admitted(stage: Stage, attempts: dict[str, Attempt], name: str) -> None:
    expect_refused_and_the_twin_admitted(stage.api, attempts[name])


def test_the_job_controller_adopts_a_pod_that_looks_like_its_own(stage: Stage) -> None:
    """Why forged labels are refused: without the guard, which breaking the glass passes, the forged pod counts as the Job's."""
    tenant = TENANT.of(stage.api)
    job = tenant.create(path_of("batch/v1", "jobs", namespace=stage.own), objects.job(stage.own))
    forged = objects.pod(stage.own, "forged")
    forged["metadata"]["labels"] = dict(job["spec"]["selector"]["matchLabels"])
    pods = path_of("v1", "pods", namespace=stage.own)
    BREAK_GLASS.of(stage.api).create(pods, forged)

    def adopted() -> bool:
        owners = tenant.get(f"{pods}/forged")["metadata"].get("ownerReferences", [])
        return [owner["uid"] for owner in owners] == [job["metadata"]["uid"]]

    eventually(adopted, what="the Job owns the forged pod")
    tenant.delete(path_of("batch/v1", "jobs", namespace=stage.own, name="train"), propagationPolicy="Background")
