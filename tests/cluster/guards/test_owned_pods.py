"""What may not be deleted may not be made deletable, ended early, moved or resized either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
)
from cluster.guards.test_pods import JOB_CONTROLLER
from cluster.guards.test_workload_status import PODS, expect_admitted, expect_refused, refusal
from support.api import ApiError

WORDS: Final = (
    "nobody but Kubernetes' controllers may evict or resize a pod of the Glovebox operator's, or"
    " change its labels, owners, finalizers or spec; suspend or delete the Experiment instead"
)
MARK: Final = {"app.kubernetes.io/managed-by": "glovebox"}
OTHER: Final = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "name": "none",
    "uid": "0b6d4f3e-0000-4000-8000-000000000009",
}
CHANGES: Final = [
    pytest.param({"metadata": {"labels": {key: None}}}, id=f"without {key}")
    for key in (*MARK, "batch.kubernetes.io/job-name")
] + [
    pytest.param({"metadata": {"labels": {"a": "b"}}}, id="another label"),
    pytest.param({"metadata": {"ownerReferences": None}}, id="no owner"),
    pytest.param({"metadata": {"ownerReferences": [OTHER]}}, id="an owner that is not there"),
    pytest.param({"metadata": {"finalizers": None}}, id="counted by nobody"),
    pytest.param({"spec": {"activeDeadlineSeconds": 1}}, id="a deadline that ends it"),
]
RESIZED: Final = {
    "spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "50m"}}}]}
}


def make(kubectl: Kubectl, name: str, metadata: dict[str, Any]) -> str:
    """Have a pod behind the broken glass; return its path."""
    pod = objects.pod(objects.NAMESPACE, name)
    pod["metadata"] |= metadata
    kubectl.api(BREAK_GLASS).create(PODS, pod)
    return f"{PODS}/{name}"


@pytest.fixture(scope="module")
def runs(experiments: Kubectl) -> Iterator[str]:
    """The path of a pod that is the operator's, as its Job's controller makes it."""
    snapshot = f"/api/v1/namespaces/{objects.NAMESPACE}/configmaps/glovebox-snapshot"
    # An owner that is there, so that the garbage collector leaves it alone; a finalizer that the
    # Job controller does not take off, as it would its own from a pod without a Job.
    uid = experiments.api(CLUSTER_ADMIN).get(snapshot)["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "glovebox-snapshot", "uid": uid}
    path = make(
        experiments,
        f"glovebox-run-{uuid4().hex[:5]}",
        {
            "labels": MARK | {"batch.kubernetes.io/job-name": "glovebox-run"},
            "ownerReferences": [owner],
            "finalizers": ["example.com/counted"],
        },
    )
    yield path
    glass = experiments.api(BREAK_GLASS)
    glass.patch(path, {"metadata": {"finalizers": None}})
    glass.delete(path)


@pytest.fixture(scope="module")
def others(experiments: Kubectl) -> Iterator[str]:
    """The path of a pod of somebody's."""
    path = make(experiments, f"own-{uuid4().hex[:8]}", {"labels": {"a": "c"}})
    yield path
    experiments.api(BREAK_GLASS).delete(path)


def evict(kubectl: Kubectl, actor: Actor, path: str) -> str:
    metadata = {"name": path.rpartition("/")[2], "namespace": objects.NAMESPACE}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    return refusal(kubectl.api(actor), "POST", f"{path}/eviction", body)


def resize(kubectl: Kubectl, actor: Actor, path: str) -> str:
    api = kubectl.api(actor)
    try:
        api.request(
            "PATCH",
            f"{path}/resize",
            RESIZED,
            content_type="application/strategic-merge-patch+json",
            dryRun="All",
        )
    except ApiError as error:
        return error.message
    return ""


@pytest.mark.parametrize("change", CHANGES)
def test_a_pod_of_the_operator_s_stays_as_it_is(
    experiments: Kubectl, runs: str, change: dict[str, Any]
) -> None:
    said = refusal(experiments.api(CLUSTER_ADMIN), "PATCH", runs, change)
    expect_refused(said, "glovebox-owned-pods", WORDS)


def test_a_note_on_it_changes_nothing(experiments: Kubectl, runs: str) -> None:
    note = {"metadata": {"annotations": {"team.example/note": "x"}}}
    expect_admitted(refusal(experiments.api(CLUSTER_ADMIN), "PATCH", runs, note))


def test_who_must_change_it_may(experiments: Kubectl, runs: str) -> None:
    counted = {"metadata": {"finalizers": None}}
    controller = experiments.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER)
    expect_admitted(refusal(controller, "PATCH", runs, counted))
    expect_admitted(refusal(experiments.api(BREAK_GLASS), "PATCH", runs, counted))


@pytest.mark.parametrize("actor", ADMINS)
def test_it_is_not_evicted(experiments: Kubectl, runs: str, others: str, actor: Actor) -> None:
    expect_refused(evict(experiments, actor, runs), "glovebox-owned-pods", WORDS)
    expect_admitted(evict(experiments, actor, others))


def test_controllers_and_the_broken_glass_evict_it(experiments: Kubectl, runs: str) -> None:
    expect_admitted(evict(experiments, BREAK_GLASS, runs))
    controller = Actor("system:kube-controller-manager", ("system:masters",))
    expect_admitted(evict(experiments, controller, runs))


def test_it_is_not_resized(experiments: Kubectl, runs: str, others: str) -> None:
    expect_refused(resize(experiments, CLUSTER_ADMIN, runs), "glovebox-owned-pods", WORDS)
    expect_admitted(resize(experiments, CLUSTER_ADMIN, others))
    expect_admitted(resize(experiments, BREAK_GLASS, runs))


def test_pods_of_others_are_changed_as_ever(experiments: Kubectl, others: str) -> None:
    for change in ({"metadata": {"labels": {"a": "b"}}}, {"spec": {"activeDeadlineSeconds": 60}}):
        expect_admitted(refusal(experiments.api(CLUSTER_ADMIN), "PATCH", others, change))


def test_neither_a_tenant_nor_the_operator_has_a_right_to_try(
    experiments: Kubectl, runs: str
) -> None:
    for actor in (TENANT, OPERATOR):
        said = refusal(experiments.api(actor), "PATCH", runs, {"metadata": {"labels": {"a": "b"}}})
        assert " cannot patch resource " in said, said
