"""A namespace that is not Open starts nothing and lets nobody in, with the operator stopped."""

from __future__ import annotations

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

CLOSED = [
    pytest.param(
        objects.FROZEN_NAMESPACE,
        "Frozen",
        "set `spec.lifecycle.desired` of the Experiment to 'Active' to open it again",
        id="frozen",
    ),
    pytest.param(
        objects.SEALED_NAMESPACE, "Sealed", "create a new Experiment to run again", id="sealed"
    ),
]


def refusal(space: str, state: str, cure: str) -> str:
    return (
        f"the experiment of namespace '{space}' is {state}: nothing may start in it, and nobody may"
        f" enter its pods; {cure}"
    )


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize(("space", "state", "cure"), CLOSED)
def test_no_pod_and_no_job_starts(
    experiments: Kubectl, actor: Actor, space: str, state: str, cure: str
) -> None:
    for thing in (objects.pod(space), objects.job(space)):
        expect_denied(
            experiments.create(actor, thing), "glovebox-state", refusal(space, state, cure)
        )


@pytest.mark.parametrize(("space", "state", "cure"), CLOSED)
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("exec", "running", "--", "true"), id="exec"),
        pytest.param(("attach", "running"), id="attach"),
        pytest.param(
            (
                "debug",
                "running",
                f"--image={objects.IMAGE}",
                "--container=debug",
                "--profile=restricted",
            ),
            id="debug",
        ),
    ],
)
def test_nobody_enters_a_pod_that_is_left(
    experiments: Kubectl, space: str, state: str, cure: str, arguments: tuple[str, ...]
) -> None:
    expect_denied(
        experiments(CLUSTER_ADMIN, f"--namespace={space}", *arguments),
        "glovebox-state",
        refusal(space, state, cure),
    )


@pytest.mark.parametrize("way", ["pods/running", "services/any"])
@pytest.mark.parametrize("verb", ["get", "create"])
def test_nobody_reaches_a_pod_by_proxy(experiments: Kubectl, verb: str, way: str) -> None:
    path = f"/api/v1/namespaces/{objects.SEALED_NAMESPACE}/{way}/proxy/"
    extra = ("-f", "/dev/null") if verb == "create" else ()
    answer = experiments(CLUSTER_ADMIN, verb, "--raw", path, *extra)
    expect_denied(
        answer,
        "glovebox-state",
        refusal(objects.SEALED_NAMESPACE, "Sealed", "create a new Experiment to run again"),
    )


def test_what_is_left_can_still_be_read_and_deleted(experiments: Kubectl) -> None:
    expect_admitted(experiments(TENANT, "get", "pods", f"--namespace={objects.SEALED_NAMESPACE}"))
    expect_admitted(
        experiments(
            OPERATOR,
            "delete",
            "pod",
            "running",
            "--dry-run=server",
            f"--namespace={objects.SEALED_NAMESPACE}",
        )
    )
    expect_admitted(
        experiments(
            OPERATOR,
            "delete",
            "jobs",
            "--all",
            "--dry-run=server",
            f"--namespace={objects.SEALED_NAMESPACE}",
        )
    )
