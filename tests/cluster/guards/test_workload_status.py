"""How pods and Jobs ended, and where pods run, is said by kubelets and controllers alone."""

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
    KUBELET,
    NAMESPACE_ADMIN,
    SCHEDULER,
    TENANT,
    Actor,
    Kubectl,
)
from cluster.guards.test_owned_objects import placed
from cluster.guards.test_pods import JOB_CONTROLLER
from support.api import Api, ApiError
from support.kubelet import STATUS_WRITER
from support.waiting import eventually

PODS: Final = f"/api/v1/namespaces/{objects.NAMESPACE}/pods"
JOBS: Final = f"/apis/batch/v1/namespaces/{objects.NAMESPACE}/jobs"
STATUS: Final = (
    "only kubelets and Kubernetes' controllers may write the status of an experiment's pods and"
    " Jobs: how a run ended is read from it; a controller of the platform's own is named in"
    " `guards.statusWriters` of the chart"
)
PLACEMENT: Final = (
    "only the platform's schedulers bind the pods of an experiment to nodes; wait for the"
    " scheduler; another one is named in `guards.schedulers` of the chart"
)
ENDED: Final = {"status": {"phase": "Succeeded"}}
COUNTED: Final = {"status": {"ready": 0, "active": 1}}


def refusal(api: Api, method: str, path: str, body: Any) -> str:
    """Return how the API server refuses a request; nothing when it does not."""
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    try:
        api.request(method, path, body, content_type=content_type, dryRun="All")
    except ApiError as error:
        return error.message
    return ""


def expect_admitted(said: str) -> None:
    assert not said, said


def expect_refused(said: str, policy: str, words: str) -> None:
    assert f"'{policy}'" in said, said
    assert said.endswith(words)


def is_taken_up(said: str) -> bool:
    """Return whether a kubelet came as far as the guards; NodeRestriction takes pods up late."""
    return not said or "ValidatingAdmissionPolicy" in said


def binding(name: str) -> objects.Json:
    target = {"apiVersion": "v1", "kind": "Node", "name": "n1"}
    metadata = {"name": name, "namespace": objects.NAMESPACE}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}


@pytest.fixture
def waiting(experiments: Kubectl) -> Iterator[str]:
    """The name of a tenant's pod that no node has."""
    name = f"waiting-{uuid4().hex[:8]}"
    tenant = experiments.api(TENANT)
    tenant.create(PODS, objects.pod(objects.NAMESPACE, name))
    yield name
    tenant.delete(f"{PODS}/{name}")


@pytest.fixture(scope="module")
def job(experiments: Kubectl) -> Iterator[str]:
    """The path of a tenant's Job."""
    name = f"counted-{uuid4().hex[:8]}"
    tenant = experiments.api(TENANT)
    tenant.create(JOBS, objects.job(objects.NAMESPACE, name))
    path = f"{JOBS}/{name}"
    yield path
    tenant.delete(path, propagationPolicy="Background")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(ENDED, id="how it ended"),
        pytest.param({"metadata": {"labels": {"controller-uid": None, "a": "b"}}}, id="labels"),
        pytest.param({"metadata": {"finalizers": ["example.com/held"]}}, id="finalizers"),
    ],
)
def test_a_pod_s_status_is_not_everybody_s(
    experiments: Kubectl, waiting: str, change: dict[str, Any]
) -> None:
    """A pod that has ended by its status would be forgotten while its containers run on."""
    said = refusal(experiments.api(CLUSTER_ADMIN), "PATCH", f"{PODS}/{waiting}/status", change)
    expect_refused(said, "glovebox-workload-status", STATUS)


def test_a_note_that_leaves_the_status_alone_is_no_status(
    experiments: Kubectl, waiting: str
) -> None:
    note = {"metadata": {"annotations": {"team.example/note": "x"}}}
    admin = experiments.api(CLUSTER_ADMIN)
    expect_admitted(refusal(admin, "PATCH", f"{PODS}/{waiting}/status", note))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(COUNTED, id="a count"),
        pytest.param({"metadata": {"labels": {"a": "b"}}}, id="labels"),
    ],
)
def test_a_job_s_status_is_its_controller_s(
    experiments: Kubectl, job: str, change: dict[str, Any]
) -> None:
    said = refusal(experiments.api(CLUSTER_ADMIN), "PATCH", f"{job}/status", change)
    expect_refused(said, "glovebox-workload-status", STATUS)
    # By RBAC the real one may replace it and not patch it.
    controller = experiments.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER, "system:masters")
    expect_admitted(refusal(controller, "PATCH", f"{job}/status", change))
    expect_admitted(refusal(experiments.api(BREAK_GLASS), "PATCH", f"{job}/status", change))


def test_controllers_and_the_broken_glass_write_a_pod_s_status(
    experiments: Kubectl, waiting: str
) -> None:
    path = f"{PODS}/{waiting}/status"
    for writer in (STATUS_WRITER, "system:kube-scheduler"):
        api = experiments.api(CLUSTER_ADMIN).acting_as(writer)
        reason = {"status": {"nominatedNodeName": "n1"}}
        expect_admitted(refusal(api, "PATCH", path, reason))
    expect_admitted(refusal(experiments.api(BREAK_GLASS), "PATCH", path, ENDED))


def test_a_kubelet_writes_the_status_of_a_pod_on_its_node(experiments: Kubectl) -> None:
    path = f"{PODS}/{placed(experiments, TENANT, {})}"
    kubelet, admin = experiments.api(KUBELET), experiments.api(CLUSTER_ADMIN)
    try:
        eventually(
            lambda: is_taken_up(refusal(kubelet, "PATCH", f"{path}/status", ENDED)),
            what="NodeRestriction knows the node of the pod",
        )
        expect_admitted(refusal(kubelet, "PATCH", f"{path}/status", ENDED))
        said = refusal(admin, "PATCH", f"{path}/status", ENDED)
        expect_refused(said, "glovebox-workload-status", STATUS)
    finally:
        experiments.api(BREAK_GLASS).delete(path, gracePeriodSeconds=0)


@pytest.mark.parametrize("actor", [pytest.param(TENANT, id="tenant"), *ADMINS])
def test_nobody_else_chooses_the_node_of_a_pod(
    experiments: Kubectl, waiting: str, actor: Actor
) -> None:
    old = f"/api/v1/namespaces/{objects.NAMESPACE}/bindings"
    for path in (f"{PODS}/{waiting}/binding", old):
        said = refusal(experiments.api(actor), "POST", path, binding(waiting))
        if actor is CLUSTER_ADMIN:
            expect_refused(said, "glovebox-pod-placement", PLACEMENT)
        else:
            assert " cannot create resource " in said


def test_schedulers_and_the_broken_glass_do(experiments: Kubectl, waiting: str) -> None:
    path = f"{PODS}/{waiting}/binding"
    for actor in (SCHEDULER, BREAK_GLASS):
        expect_admitted(refusal(experiments.api(actor), "POST", path, binding(waiting)))


def test_no_right_of_a_namespace_s_admin_reaches_a_status(
    experiments: Kubectl, waiting: str
) -> None:
    said = refusal(experiments.api(NAMESPACE_ADMIN), "PATCH", f"{PODS}/{waiting}/status", ENDED)
    assert " cannot patch resource " in said
