"""Beside a run nobody starts anything, and nobody comes into what the operator started."""

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
    EVERYBODY,
    OPERATOR,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.test_pods import JOB_CONTROLLER
from cluster.guards.test_workload_status import refusal
from support.api import ApiError

Json = dict[str, Any]
SPACE: Final = objects.ALONE_NAMESPACE
ALONE: Final = (
    "this Experiment has a run, and nothing but that may run in its namespace, so that what it"
    " writes and whom it talks to is nobody else's; for work by hand declare another Experiment"
    " without `spec.stages`"
)
NO_ENTRY: Final = (
    "nobody may come into a pod of the Glovebox operator's: what runs is what was declared. Read"
    " its log, or declare another Experiment without `spec.stages`"
)
NO_SERVICE: Final = (
    "this Experiment has a run, and no Service leads to its pod by way of the API server: what runs"
    " is what was declared. Read its log, or declare another Experiment without `spec.stages`"
)
NO_FETCHER: Final = (
    "nobody may come into a container of the name 'fetch': it holds the credentials of the inputs."
    " Read its log, and the inputs from the volume 'glovebox-inputs'"
)
WAYS: Final = ["exec", "attach", "portforward", "proxy"]
# How a proxy may write the name: with a scheme before it and a port behind it.
SPELLINGS: Final = ["{}:80", "http:{}:80", "https:{}:", ":{}:80", "http:{}:"]


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("make", [objects.pod, objects.job])
def test_nobody_starts_anything_beside_it(alone: Kubectl, actor: Actor, make: Any) -> None:
    expect_denied(alone.create(actor, make(SPACE)), "glovebox-run-alone", ALONE)


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("make", [objects.pod, objects.job])
def test_where_there_is_no_run_people_work(alone: Kubectl, actor: Actor, make: Any) -> None:
    expect_admitted(alone.create(actor, make(objects.NAMESPACE)))


def _of_a_job(name: str, **changes: Any) -> Json:
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name,
        "uid": "0b6d4f3e-0000-4000-8000-000000000007",
        "controller": True,
        **changes,
    }
    pod = objects.pod(SPACE, f"{name}-{uuid4().hex[:5]}")
    pod["metadata"]["ownerReferences"] = [owner]
    return pod


def _said(alone: Kubectl, pod: Json) -> str:
    pods = f"/api/v1/namespaces/{SPACE}/pods"
    return refusal(alone.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER), "POST", pods, pod)


def test_the_run_s_own_pods_come(alone: Kubectl) -> None:
    run = objects.job(SPACE, "glovebox-run")
    run["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "glovebox"}
    expect_admitted(alone.create(OPERATOR, run))
    for job in ("glovebox-run", "glovebox-run-train-0"):
        said = _said(alone, _of_a_job(job))
        assert said == "", said


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(_of_a_job("train"), id="of another Job"),
        pytest.param(_of_a_job("glovebox-run", controller=False), id="of a Job beside"),
        pytest.param(_of_a_job("glovebox-run", kind="ReplicaSet"), id="of another kind"),
        pytest.param(
            _of_a_job("glovebox-run", apiVersion="jobs.example/v1"), id="of another API's Job"
        ),
        pytest.param(objects.pod(SPACE, "glovebox-run-abcde"), id="of nobody"),
    ],
)
def test_a_controller_starts_for_nobody_else(alone: Kubectl, pod: Json) -> None:
    said = _said(alone, pod)
    assert "'glovebox-run-alone' denied request" in said, said


def test_a_controller_makes_no_job_there(alone: Kubectl) -> None:
    """As one does for a schedule, under a name that begins with that of the schedule."""
    controller = Actor("system:kube-controller-manager", ("system:masters",))
    nightly = objects.job(SPACE, "glovebox-nightly-1")
    expect_denied(alone.create(controller, nightly), "glovebox-run-alone", ALONE)


def test_behind_the_broken_glass_people_look_for_themselves(alone: Kubectl) -> None:
    for made in (objects.pod(SPACE), objects.job(SPACE)):
        expect_admitted(alone.create(BREAK_GLASS, made))


@pytest.fixture(scope="module")
def pods(alone: Kubectl) -> Iterator[dict[str, str]]:
    """The paths of a pod of the operator's, and of one of somebody's where there is no run."""
    found: dict[str, str] = {}
    for space, name in ((SPACE, "glovebox-run"), (objects.NAMESPACE, "own")):
        first = [objects.container(name="fetch")]
        pod = objects.pod(space, f"{name}-{uuid4().hex[:5]}", initContainers=first)
        collection = f"/api/v1/namespaces/{space}/pods"
        alone.api(BREAK_GLASS).create(collection, pod)
        found[name] = f"{collection}/{pod['metadata']['name']}"
    yield found
    for path in found.values():
        alone.api(BREAK_GLASS).delete(path)


def _enter(alone: Kubectl, actor: Actor, path: str, way: str, **query: str) -> str:
    try:
        alone.api(actor).request("POST", f"{path}/{way}", command="id", **query)
    except ApiError as error:
        return error.message
    return ""


@pytest.mark.parametrize("actor", ADMINS)
@pytest.mark.parametrize("way", WAYS)
def test_nobody_comes_into_a_pod_of_the_operator_s(
    alone: Kubectl, pods: dict[str, str], actor: Actor, way: str
) -> None:
    said = _enter(alone, actor, pods["glovebox-run"], way)
    assert f"'glovebox-no-entry' denied request: {NO_ENTRY}" in said, said


@pytest.mark.parametrize("actor", ADMINS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_nobody_comes_in_under_another_spelling_of_its_name(
    alone: Kubectl, pods: dict[str, str], actor: Actor, spelling: str
) -> None:
    collection, _, name = pods["glovebox-run"].rpartition("/")
    said = _enter(alone, actor, f"{collection}/{spelling.format(name)}", "proxy")
    assert f"'glovebox-no-entry' denied request: {NO_ENTRY}" in said, said
    collection, _, name = pods["own"].rpartition("/")
    said = _enter(alone, actor, f"{collection}/{spelling.format(name)}", "proxy")
    assert "ValidatingAdmissionPolicy" not in said, said


@pytest.mark.parametrize("actor", ADMINS)
@pytest.mark.parametrize("name", ["way", "http:way:80"])
def test_no_service_leads_to_the_run(alone: Kubectl, actor: Actor, name: str) -> None:
    service = f"/api/v1/namespaces/{SPACE}/services/{name}"
    said = _enter(alone, actor, service, "proxy")
    assert f"'glovebox-run-alone' denied request: {NO_SERVICE}" in said, said
    # There is no such Service; but no guard is in the way.
    assert "ValidatingAdmissionPolicy" not in _enter(alone, BREAK_GLASS, service, "proxy")
    elsewhere = service.replace(SPACE, objects.NAMESPACE)
    assert "ValidatingAdmissionPolicy" not in _enter(alone, actor, elsewhere, "proxy")


@pytest.mark.parametrize("way", WAYS)
def test_into_their_own_they_do_and_behind_the_broken_glass_into_any(
    alone: Kubectl, pods: dict[str, str], way: str
) -> None:
    # No node has these pods, so nobody gets through; but no guard is in the way.
    for actor, name in ((CLUSTER_ADMIN, "own"), (BREAK_GLASS, "glovebox-run")):
        said = _enter(alone, actor, pods[name], way)
        assert "ValidatingAdmissionPolicy" not in said, said


def test_no_container_is_put_into_it(alone: Kubectl, pods: dict[str, str]) -> None:
    shell = {"spec": {"ephemeralContainers": [objects.container(name="shell")]}}
    path = f"{pods['glovebox-run']}/ephemeralcontainers"
    said = refusal(alone.api(CLUSTER_ADMIN), "PATCH", path, shell)
    assert f"'glovebox-no-entry' denied request: {NO_ENTRY}" in said, said
    assert refusal(alone.api(BREAK_GLASS), "PATCH", path, shell) == ""


@pytest.mark.parametrize("actor", ADMINS)
@pytest.mark.parametrize("way", ["exec", "attach"])
def test_nobody_comes_into_the_fetcher_of_their_own_pod(
    alone: Kubectl, pods: dict[str, str], actor: Actor, way: str
) -> None:
    """It holds the credentials of the inputs, which nobody else is given."""
    said = _enter(alone, actor, pods["own"], way, container="fetch")
    assert f"'glovebox-no-entry' denied request: {NO_FETCHER}" in said, said
    for container in ("main", "fetcher"):
        said = _enter(alone, actor, pods["own"], way, container=container)
        assert "ValidatingAdmissionPolicy" not in said, said
    behind = _enter(alone, BREAK_GLASS, pods["own"], way, container="fetch")
    assert "ValidatingAdmissionPolicy" not in behind, behind


def test_a_debug_container_sees_no_processes_of_the_fetcher(
    alone: Kubectl, pods: dict[str, str]
) -> None:
    path = f"{pods['own']}/ephemeralcontainers"

    def shell(target: str) -> Json:
        debug = objects.container(name=f"of-{target}") | {"targetContainerName": target}
        return {"spec": {"ephemeralContainers": [debug]}}

    said = refusal(alone.api(CLUSTER_ADMIN), "PATCH", path, shell("fetch"))
    assert f"'glovebox-no-entry' denied request: {NO_FETCHER}" in said, said
    said = refusal(alone.api(CLUSTER_ADMIN), "PATCH", path, shell("main"))
    assert said == "", said
