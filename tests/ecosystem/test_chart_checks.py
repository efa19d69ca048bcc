"""The rendered chart under kubeconform and kube-score: clean, or excepted with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from cluster.chart.rendering import CHART, render
from support.chart_checks import kube_score, kubeconform, write_schemas
from support.cluster import Cluster

VALUES: Final = sorted(path.name for path in (CHART / "ci").glob("*-values.yaml"))
# What kube-score would have otherwise, and why it stays as it is.
EXCEPTED: Final = {
    ("Deployment/glovebox-operator", "container-image-pull-policy"): (
        "a release never moves its tag, and a node starts the operator while the registry is away"
    ),
    ("Deployment/glovebox-operator", "container-resources"): (
        "no limit of CPU: an operator that is throttled renews its Lease late, and loses it"
    ),
    ("Deployment/glovebox-operator", "deployment-has-host-podantiaffinity"): (
        "topologySpreadConstraints keep the replicas apart, and let them start on one node"
    ),
    ("NetworkPolicy/glovebox-tasks", "networkpolicy-targets-pod"): (
        "it is about the pods of tasks, which the operator creates and the chart does not"
    ),
}
# Kinds of the Prometheus operator, which is no part of Kubernetes: their schemas are in its CRDs.
WITHOUT_SCHEMA: Final = {"PrometheusRule", "ServiceMonitor"}


def manifests(values: str) -> str:
    """Return the chart as Helm renders it with the values of a file."""
    given = yaml.safe_load((CHART / "ci" / values).read_text()) or {}
    return yaml.safe_dump_all(render(given))


@pytest.fixture(scope="module")
def schemas(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas") / "all"
    write_schemas(cluster.api, folder)
    return folder


@pytest.mark.parametrize("values", VALUES)
def test_kubeconform_finds_every_object_as_its_schema_has_it(values: str, schemas: Path) -> None:
    found = kubeconform(manifests(values), schemas)
    assert len(found) > 1
    wrong = [
        f"{each['kind']} {each['name']}: {each['msg']}"
        for each in found
        if each["status"] != "statusValid" and each["kind"] not in WITHOUT_SCHEMA
    ]
    assert wrong == []


def test_kubeconform_finds_a_field_that_is_none(schemas: Path) -> None:
    misspelt = manifests("default-values.yaml").replace("topologySpreadConstraints", "topology")
    found = [each for each in kubeconform(misspelt, schemas) if each["status"] == "statusInvalid"]
    assert [each["kind"] for each in found] == ["Deployment"]


def test_kube_score_finds_nothing_but_what_is_excepted_with_a_reason() -> None:
    found: set[tuple[str, str]] = set()
    for values in VALUES:
        found |= kube_score(manifests(values))
    assert found == set(EXCEPTED)
