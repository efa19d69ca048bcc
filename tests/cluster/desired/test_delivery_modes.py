"""What each way of delivery renders is what a real API server takes: volumes, caches and pods.

No driver and no image is mounted here: whether one does what its volume asks for only a node with
it can show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from golden.cases import ROOT
from support.api import path_of
from support.stages import jobs_of

if TYPE_CHECKING:
    from support.cluster import Cluster

PLURALS: Final = {
    "ConfigMap": "configmaps",
    "Job": "jobs",
    "PersistentVolume": "persistentvolumes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
}
CASES: Final = sorted(
    path.parent
    for topic in ("cache", "input_volumes", "run")
    for path in (ROOT / topic).glob("*/expected.yaml")
)


@pytest.fixture(scope="module")
def with_classes(bare: Cluster) -> Cluster:
    """The cluster with the classes that profiles of the cases name: pods without them are refused.

    What they stand for is on no node here.
    """
    priority = {"metadata": {"name": "research"}, "value": 1000}
    bare.api.create(path_of("scheduling.k8s.io/v1", "priorityclasses"), priority)
    for name in ("gvisor", "nvidia"):
        runtime = {"metadata": {"name": name}, "handler": name}
        bare.api.create(path_of("node.k8s.io/v1", "runtimeclasses"), runtime)
    return bare


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_the_api_server_takes_it_and_keeps_every_field(with_classes: Cluster, case: Any) -> None:
    documents = yaml.safe_load_all((case / "expected.yaml").read_text())
    for wanted in (each for obj in documents for each in parts(obj)):
        if "namespace" in wanted["metadata"]:
            wanted["metadata"]["namespace"] = "default"
        made = attempt(with_classes, wanted)
        assert lost(wanted["metadata"], made["metadata"]) == []
        assert lost(wanted.get("spec", {}), made.get("spec", {})) == []
        if wanted["kind"] == "Job":
            template = wanted["spec"]["template"]
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "p", "namespace": "default"},
                "spec": template["spec"],
            }
            # The account is the experiment's own; this namespace has another.
            pod["spec"] |= {"serviceAccountName": "default"}
            assert lost(pod["spec"], attempt(with_classes, pod)["spec"]) == []


def parts(obj: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the API server itself knows: of a JobSet the Jobs."""
    return jobs_of(obj) if obj["kind"] == "JobSet" else [obj]


def attempt(cluster: Cluster, wanted: dict[str, Any]) -> dict[str, Any]:
    plural = PLURALS.get(wanted["kind"], "pods")
    collection = path_of(
        wanted["apiVersion"], plural, namespace=wanted["metadata"].get("namespace")
    )
    return cluster.api.create(collection, wanted, dryRun="All", fieldValidation="Strict")


def lost(wanted: Any, made: Any, path: str = "") -> list[str]:
    """Return where the answer lacks what was asked for; what the server fills in is no loss."""
    if isinstance(wanted, dict):
        return [
            each
            for key, value in wanted.items()
            for each in lost(value, (made or {}).get(key), f"{path}.{key}")
        ]
    if isinstance(wanted, list):
        if len(wanted) > len(made or []):
            return [path]
        return [
            each
            for index, value in enumerate(wanted)
            for each in lost(value, made[index], f"{path}[{index}]")
        ]
    # A reference without a class is one with an empty class.
    return (
        []
        if wanted == (made if made is not None else "")
        else [f"{path}: {wanted!r} became {made!r}"]
    )
