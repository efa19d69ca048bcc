"""A pod gets no accelerator and no huge page that the experiment's quota does not name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    CLUSTER_ADMIN,
    EVERYBODY,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.conftest import until

SPACE: Final = "gbx-flights-gpu-abcdefghij"
OFFERED: Final = "nvidia.com/gpu"
MAKERS: Final = [pytest.param(objects.pod, id="pod"), pytest.param(objects.job, id="job")]
Make = Callable[..., objects.Json]


def words(resource: str) -> str:
    return (
        f"resource '{resource}' is not in the quota of this experiment: leave it out, or ask for"
        f" 'requests.{resource}' in `spec.resources.quota` of a new Experiment, under a profile"
        " that offers it"
    )


def asking(resource: str, amount: str = "1", kind: str = "containers") -> objects.Json:
    amounts = {resource: amount, "memory": "1Mi"}
    greedy = objects.container(name="greedy") | {
        "resources": {"requests": amounts, "limits": amounts}
    }
    if kind == "containers":
        return {"containers": [objects.container(), greedy]}
    return {"initContainers": [greedy]}


@pytest.fixture(scope="package")
def equipped(guarded: Kubectl) -> Kubectl:
    """An experiment whose quota names one extended resource."""
    expect_admitted(guarded.create(OPERATOR, objects.namespace(SPACE), dry_run=False))
    snapshot = objects.snapshot(SPACE)
    snapshot["data"]["extendedResources"] = f"example.com/fpga\n{OFFERED}"
    for thing in (snapshot, objects.service_account(SPACE)):
        expect_admitted(guarded.create(OPERATOR, thing, dry_run=False))
    until(
        lambda: guarded.create(CLUSTER_ADMIN, objects.pod(SPACE)), lambda answer: answer.code == 0
    )
    return guarded


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize("resource", [OFFERED, "hugepages-2Mi"])
def test_what_no_quota_counts_is_refused(
    experiments: Kubectl, resource: str, kind: str, make: Make
) -> None:
    asked = make(objects.NAMESPACE, **asking(resource, "2Mi" if "huge" in resource else "8", kind))
    answer = experiments.create(TENANT, asked)
    expect_denied(answer, "glovebox-extended-resources", words(resource))


@pytest.mark.parametrize("actor", EVERYBODY)
def test_for_everybody(experiments: Kubectl, actor: Actor) -> None:
    asked = objects.pod(objects.NAMESPACE, **asking(OFFERED))
    answer = experiments.create(actor, asked)
    expect_denied(answer, "glovebox-extended-resources", words(OFFERED))


@pytest.mark.parametrize("make", MAKERS)
def test_ordinary_resources_are_the_quota_s_business(experiments: Kubectl, make: Make) -> None:
    asked = make(objects.NAMESPACE, **asking("ephemeral-storage", "1Mi"))
    expect_admitted(experiments.create(TENANT, asked))


@pytest.mark.parametrize("make", MAKERS)
def test_what_the_quota_names_is_admitted_and_nothing_else(equipped: Kubectl, make: Make) -> None:
    expect_admitted(equipped.create(CLUSTER_ADMIN, make(SPACE, **asking(OFFERED))))
    # The beginning of a name that is offered is another name.
    for other in ("amd.com/gpu", "nvidia.com/gp"):
        answer = equipped.create(CLUSTER_ADMIN, make(SPACE, **asking(other)))
        expect_denied(answer, "glovebox-extended-resources", words(other))
