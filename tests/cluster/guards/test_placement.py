"""Where the operator's own pods go is up to their profile; everybody else is held to the chart.

Devices are reached by the names that a quota counts, and by no claim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    OPERATOR,
    SCHEDULER,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.test_pods import JOB_CONTROLLER, PLACE, PRIORITY, RUNTIME, TAINTS
from support.api import ApiError

PODS: Final = f"/api/v1/namespaces/{objects.NAMESPACE}/pods"
# By a profile's `scheduling` and `accelerators`; none of it is in the chart's values.
PLACED: Final = [
    pytest.param({"tolerations": [{"key": "gpu", "operator": "Exists"}]}, TAINTS, id="tolerations"),
    pytest.param({"schedulerName": "volcano"}, PLACE, id="scheduler"),
    pytest.param({"priorityClassName": "system-cluster-critical"}, PRIORITY, id="priority"),
    pytest.param({"runtimeClassName": "weak"}, RUNTIME, id="runtime"),
]
CLAIMED: Final = (
    "devices are claimed for an experiment's pods by the scheduler alone; ask for them by the name"
    " of their resource in `resources` of a container, or in `resources` of a stage"
)
REFERRED: Final = (
    "`resourceClaims` must be left out: devices are asked for by the name of their resource, in"
    " `resources` of a container, where the experiment's quota counts them"
)


def owned(name: str, kind: str = "Job", api_version: str = "batch/v1") -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": api_version,
            "kind": kind,
            "name": name,
            "uid": "0b6d4f3e-0000-4000-8000-000000000010",
            "controller": True,
        }
    ]


def made_by_a_controller(kubectl: Kubectl, owner: list[dict[str, Any]], **spec: Any) -> str:
    """Return what the Job controller is told when it makes a pod with such an owner."""
    pod = objects.pod(objects.NAMESPACE, **spec)
    pod["metadata"]["ownerReferences"] = owner
    try:
        kubectl.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER).create(PODS, pod, dryRun="All")
    except ApiError as error:
        return error.message
    return ""


@pytest.mark.parametrize(("change", "message"), PLACED)
def test_a_job_of_the_operator_s_goes_where_its_profile_says(
    experiments: Kubectl, change: dict[str, Any], message: str
) -> None:
    expect_admitted(experiments.create(OPERATOR, objects.job(objects.NAMESPACE, **change)))
    answer = experiments.create(CLUSTER_ADMIN, objects.job(objects.NAMESPACE, **change))
    expect_denied(answer, "glovebox-jobs", message)


@pytest.mark.parametrize(("change", "message"), PLACED)
def test_so_do_its_pods_and_those_of_no_other_job(
    experiments: Kubectl, change: dict[str, Any], message: str
) -> None:
    assert made_by_a_controller(experiments, owned("glovebox-run"), **change) == ""
    for other in (owned("train"), owned("glovebox-run", "ConfigMap", "v1"), []):
        said = made_by_a_controller(experiments, other, **change)
        assert "'glovebox-pods'" in said, said
        assert said.endswith(message)


def test_nobody_else_makes_such_a_pod(experiments: Kubectl) -> None:
    """An owner is a claim of whoever writes it; controllers alone are believed."""
    pod = objects.pod(objects.NAMESPACE, tolerations=[{"key": "gpu", "operator": "Exists"}])
    pod["metadata"]["ownerReferences"] = owned("glovebox-run")
    answer = experiments.create(BREAK_GLASS, pod)
    expect_denied(answer, "glovebox-pods", TAINTS)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"hostNetwork": True}, id="the host"),
        pytest.param({"nodeName": "n1"}, id="a node past the scheduler"),
        pytest.param({"serviceAccountName": "default"}, id="another ServiceAccount"),
    ],
)
def test_the_operator_gets_nothing_else_for_it(
    experiments: Kubectl, change: dict[str, Any]
) -> None:
    answer = experiments.create(OPERATOR, objects.job(objects.NAMESPACE, **change))
    assert "'glovebox-jobs'" in answer.err


def claim(kind: str) -> dict[str, Any]:
    devices = {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}
    spec: dict[str, Any] = {"devices": devices}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "mine", "namespace": objects.NAMESPACE},
        "spec": spec if kind == "ResourceClaim" else {"spec": spec},
    }


@pytest.mark.parametrize("kind", ["ResourceClaim", "ResourceClaimTemplate"])
def test_devices_are_claimed_by_the_scheduler_alone(experiments: Kubectl, kind: str) -> None:
    answer = experiments.create(CLUSTER_ADMIN, claim(kind))
    expect_denied(answer, "glovebox-device-claims", CLAIMED)
    for who in (SCHEDULER, BREAK_GLASS):
        expect_admitted(experiments.create(who, claim(kind)))


def test_a_team_has_no_right_to_try(experiments: Kubectl) -> None:
    assert "cannot create resource" in experiments.create(TENANT, claim("ResourceClaim")).err


@pytest.mark.parametrize("make", [objects.pod, objects.job])
@pytest.mark.parametrize("actor", EVERYBODY)
def test_no_pod_uses_a_claim_that_is_there(
    experiments: Kubectl, actor: Actor, make: Callable[..., objects.Json]
) -> None:
    asked = [{"name": "gpu", "resourceClaimName": "made-for-another"}]
    answer = experiments.create(actor, make(objects.NAMESPACE, resourceClaims=asked))
    expect_denied(answer, "glovebox-extended-resources", REFERRED)
