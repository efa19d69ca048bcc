"""Attacks as real requests.

Each is refused by whom it should be, and its harmless twin is admitted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.attacks import on_neighbours, on_pods, on_the_cluster
from cluster.attacks.attempt import Attempt, expect_refused_and_the_twin_admitted
from cluster.attacks.identities import BREAK_GLASS, SCHEDULER, TENANT
from cluster.attacks.stage import Stage
from cluster.guards import objects
from support.api import path_of
from support.waiting import eventually

THREATS = Path(__file__).parents[3] / "docs" / "explanation" / "threat-model.md"


def attacks(own: str, other: str) -> list[Attempt]:
    return [
        *on_pods.attempts(own),
        *on_neighbours.attempts(own),
        *on_the_cluster.attempts(own, other),
    ]


# Before the stage stands, the names of the namespaces are not known; the names of the attacks are.
NAMES = [attempt.name for attempt in attacks("", "")]


@pytest.fixture(scope="module")
def attempts(stage: Stage) -> dict[str, Attempt]:
    pods = path_of("v1", "pods", namespace=stage.own)
    tenant = TENANT.of(stage.api)
    tenant.create(pods, objects.pod(stage.own, on_pods.STANDING))
    tenant.create(pods, objects.pod(stage.own, on_pods.PLACED))
    target = {"apiVersion": "v1", "kind": "Node", "name": "nowhere"}
    SCHEDULER.of(stage.api).create(
        f"{pods}/{on_pods.PLACED}/binding",
        {"metadata": {"name": on_pods.PLACED}, "target": target},
    )
    return {attempt.name: attempt for attempt in attacks(stage.own, stage.other)}


def test_every_attack_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []


def test_each_attack_belongs_to_a_line_of_the_threat_model_and_the_other_way_round() -> None:
    rows = re.findall(r"^\| (T\d\d) \|(.*)\|$", THREATS.read_text(), re.MULTILINE)
    told = {
        threat
        for threat, row in rows
        if "::test_the_attack_is_refused_and_its_twin_admitted`" in row
    }
    assert told == {attempt.threat for attempt in attacks("", "")}


@pytest.mark.parametrize("name", NAMES)
def test_the_attack_is_refused_and_its_twin_admitted(
    stage: Stage, attempts: dict[str, Attempt], name: str
) -> None:
    expect_refused_and_the_twin_admitted(stage.api, attempts[name])


def test_the_job_controller_adopts_a_pod_that_looks_like_its_own(stage: Stage) -> None:
    """Why forged labels are refused.

    Without the guard, which breaking the glass passes, the forged pod counts as the Job's.
    """
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
    tenant.delete(
        path_of("batch/v1", "jobs", namespace=stage.own, name="train"),
        propagationPolicy="Background",
    )


def test_no_field_of_a_team_s_own_resources_names_a_secret(stage: Stage) -> None:
    """An operator that obeys such a field reads Secrets for its writer (CVE-2026-39961).

    A stage names what the profile offers, by the profile's own word for it, and a key of that.
    """
    definitions = stage.api.list("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    ours = {
        made["spec"]["names"]["kind"]: made
        for made in definitions
        if made["spec"]["group"] == "glovebox.dev"
    }
    naming = {
        kind: list(_fields(made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
        for kind, made in ours.items()
    }
    found = {
        kind: {path for path in paths if "secret" in path.lower()} for kind, paths in naming.items()
    }
    offered = ".spec.stages.secrets"
    assert found.pop("Experiment") == {
        offered,
        *(f"{offered}.{each}" for each in ("env", "key", "name")),
    }
    named = {kind for kind, paths in found.items() if paths}
    assert named == {"IsolationProfile", "ObjectStore"}
    # Cluster-wide: the platform writes them.
    assert {ours[kind]["spec"]["scope"] for kind in named} == {"Cluster"}


def _fields(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _fields(inner, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _fields(schema["items"], path)
