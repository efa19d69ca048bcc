"""A cluster admin without break-glass neither ends nor forges a run by another endpoint.

What may not be deleted may not be made deletable, and how it ended is said by kubelets and
controllers alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from cluster.attacks.attempt import (
    Attempt,
    Json,
    Request,
    change,
    creation,
    deletion,
    expect_refused_and_the_twin_admitted,
    refused_by,
    send,
)
from cluster.attacks.identities import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OTHER_TEAM,
    OTHER_TENANT,
    Actor,
)
from cluster.attacks.run import RUN, complete, run_pod
from cluster.attacks.stage import Stage
from cluster.guards import objects
from support.api import path_of
from support.jobset import CONTROLLER, VERSION
from support.operator_process import Team, experiment_spec

# Of a JobSet that is not there.
UID: Final = "0b6d4f3e-0000-4000-8000-00000000000a"
POD_CHANGES: Final = [
    pytest.param({"labels": {"app.kubernetes.io/managed-by": None}}, id="its mark"),
    pytest.param({"labels": {"batch.kubernetes.io/controller-uid": None}}, id="its Job"),
    pytest.param(
        {
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "name": "none",
                    "uid": "0b6d4f3e-0000-4000-8000-000000000009",
                }
            ]
        },
        id="its owner, for one that is not there",
    ),
]


@pytest.fixture(scope="module")
def namespace(stage: Stage) -> str:
    """The namespace of an Experiment with a run, whose pod no node has."""
    team = Team(stage.cluster, OTHER_TEAM)
    team.declare("Experiment", "attacked", experiment_spec("standard", "primary", run=RUN))
    return str(team.expect("Experiment", "attacked")["status"]["namespace"])


@pytest.fixture(scope="module")
def pod(stage: Stage, namespace: str) -> str:
    """The path of the run's pod."""
    name = run_pod(stage.api, namespace)["metadata"]["name"]
    return path_of("v1", "pods", namespace=namespace, name=name)


def expect_refused(
    stage: Stage, request: Request, by: str, words: str = "", *, threat: str = "T39"
) -> None:
    """Refused to a cluster admin, and admitted behind the broken glass."""
    attempt = Attempt(
        threat, request.path, CLUSTER_ADMIN, request, f"guard {by}", words, twin_by=BREAK_GLASS
    )
    expect_refused_and_the_twin_admitted(stage.api, attempt)


def test_nobody_else_says_that_the_run_succeeded(stage: Stage, namespace: str) -> None:
    """The pod has no node and never began; what is signed afterwards would say that it did."""
    expect_refused(stage, complete(stage.api, namespace), "glovebox-workload-status")


def test_nobody_else_says_that_a_pod_of_the_run_ended(stage: Stage, pod: str) -> None:
    ended = change(f"{pod}/status", {"status": {"phase": "Succeeded"}})
    expect_refused(stage, ended, "glovebox-workload-status")


@pytest.mark.parametrize("metadata", POD_CHANGES)
def test_what_may_not_be_deleted_may_not_be_made_deletable(
    stage: Stage, pod: str, metadata: Json
) -> None:
    words = "only the Glovebox operator may delete pods"
    expect_refused(stage, deletion(pod), "glovebox-owned-objects", words)
    expect_refused(stage, change(pod, {"metadata": metadata}), "glovebox-owned-pods")


def _eviction(pod: str) -> Request:
    namespace, name = pod.split("/")[4], pod.rpartition("/")[2]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    return Request("POST", f"{pod}/eviction", body)


def _binding(pod: str) -> Request:
    target = {"apiVersion": "v1", "kind": "Node", "name": "nowhere"}
    body = {"metadata": {"name": pod.rpartition("/")[2]}, "target": target}
    return Request("POST", f"{pod}/binding", body)


@pytest.mark.parametrize(
    ("request_on", "by"),
    [
        pytest.param(_eviction, "glovebox-owned-pods", id="evicted"),
        pytest.param(_binding, "glovebox-pod-placement", id="bound to a chosen node"),
        pytest.param(
            lambda pod: change(pod, {"spec": {"activeDeadlineSeconds": 1}}),
            "glovebox-owned-pods",
            id="given a deadline",
        ),
    ],
)
def test_the_run_is_not_ended_or_moved_by_another_endpoint(
    stage: Stage, pod: str, request_on: Callable[[str], Request], by: str
) -> None:
    expect_refused(stage, request_on(pod), by)


def _beside(pod: Json) -> Request:
    """Return the creation of a pod with the run's own image and the run's credentials."""
    (container,) = (each for each in pod["spec"]["containers"] if each["name"] == "run")
    kept = ("name", "image", "securityContext", "resources")
    spec = {
        "serviceAccountName": "glovebox-runner",
        "restartPolicy": "Never",
        "securityContext": pod["spec"]["securityContext"],
        "containers": [{key: container[key] for key in kept if key in container}],
        "volumes": [
            {"name": "artifacts", "secret": {"secretName": "glovebox-artifacts-credentials"}}
        ],
    }
    metadata = {"name": "beside", "namespace": pod["metadata"]["namespace"]}
    return creation({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def test_nobody_is_beside_it_or_comes_into_it(stage: Stage, pod: str) -> None:
    """Whoever is has its credentials and its network, and could write what the seal lists."""
    live = stage.api.get(pod)
    alone = "this Experiment has a run"
    by_hand = _beside(live)
    expect_refused(stage, by_hand, "glovebox-run-alone", alone, threat="T42")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": by_hand.body["metadata"],
        "spec": {"template": {"spec": by_hand.body["spec"]}},
    }
    expect_refused(stage, creation(job), "glovebox-run-alone", alone, threat="T42")
    error = send(stage.api, OTHER_TENANT, by_hand)
    assert error is not None
    assert refused_by(error) == "guard glovebox-run-alone", error
    (container,) = by_hand.body["spec"]["containers"]
    shell = {key: container[key] for key in ("image", "securityContext")} | {"name": "shell"}
    inside = change(f"{pod}/ephemeralcontainers", {"spec": {"ephemeralContainers": [shell]}})
    expect_refused(stage, inside, "glovebox-no-entry", threat="T42")
    for way in ("exec", "attach", "portforward", "proxy"):
        entry = Request("POST", f"{pod}/{way}", query={"command": "id"})
        error = send(stage.api, CLUSTER_ADMIN, entry)
        assert error is not None
        assert refused_by(error) == "guard glovebox-no-entry", f"{way}: {error}"


def _of_the_run(namespace: str, kind: str, api_version: str, **fields: object) -> Json:
    owner = {"apiVersion": VERSION, "kind": "JobSet", "name": "glovebox-run", "uid": UID}
    metadata = {
        "name": "mine",
        "namespace": namespace,
        "ownerReferences": [owner | {"controller": True}],
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def test_nobody_passes_for_a_part_of_a_run_of_stages(stage: Stage, pod: str) -> None:
    """By its owner alone JobSet's controller would count a Job, and by its name find a worker."""
    live = stage.api.get(pod)
    template = {"spec": _beside(live).body["spec"]}
    # Beside a run nobody makes a Job at all: this one is where people work.
    job = _of_the_run(stage.own, "Job", "batch/v1", spec={"template": template})
    expect_refused(stage, creation(job), "glovebox-job-owners", threat="T51")
    namespace = live["metadata"]["namespace"]
    jobset = _of_the_run(namespace, "JobSet", VERSION, spec={})
    jobset["metadata"]["name"] = "glovebox-run"
    expect_refused(stage, creation(jobset), "glovebox-jobsets", threat="T51")
    service = _of_the_run(namespace, "Service", "v1", spec={"clusterIP": "None"})
    service["metadata"]["name"] = "glovebox-run"
    expect_refused(stage, creation(service), "glovebox-owned-objects", threat="T51")
    slice_ = _of_the_run(
        namespace,
        "EndpointSlice",
        "discovery.k8s.io/v1",
        addressType="IPv4",
        endpoints=[{"addresses": ["203.0.113.9"], "hostname": "glovebox-run-train-0-0"}],
    )
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "glovebox-run"}
    expect_refused(stage, creation(slice_), "glovebox-owned-objects", threat="T51")


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(objects.pod, id="a pod"),
        pytest.param(objects.snapshot, id="a snapshot"),
        pytest.param(objects.credentials, id="credentials"),
        pytest.param(objects.job, id="a Job of nobody"),
    ],
)
def test_a_thief_of_jobset_s_credential_makes_nothing_else(
    stage: Stage, namespace: str, made: Callable[[str], Json]
) -> None:
    """With whatever rights somebody has given to it beside its own."""
    thief = Actor(CONTROLLER, "system:masters")
    error = send(stage.api, thief, creation(made(namespace)))
    assert error is not None
    assert refused_by(error).startswith("guard glovebox-"), error
