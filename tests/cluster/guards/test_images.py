"""Only images of the frozen list run, by whatever way a container is brought in."""

from __future__ import annotations

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    CLUSTER_ADMIN,
    EVERYBODY,
    NAMESPACE_ADMIN,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)
from cluster.guards.conftest import until


def refusal(name: str, image: str) -> str:
    return (
        f"container '{name}' must use an image of the experiment's frozen list, named by its"
        f" digest, and '{image}' is not in it; use one of [{objects.IMAGE}], or declare the image"
        " under `spec.images` of a new Experiment"
    )


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_pod_and_a_job_with_a_frozen_image_are_admitted(
    experiments: Kubectl, actor: Actor
) -> None:
    expect_admitted(experiments.create(actor, objects.pod(objects.NAMESPACE)))
    expect_admitted(experiments.create(actor, objects.job(objects.NAMESPACE)))


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize(
    "image",
    [
        pytest.param("registry.example/trainer:v1", id="a tag names whatever was pushed last"),
        pytest.param("registry.example/trainer", id="no tag means latest"),
        pytest.param(
            objects.OTHER_DIGEST, id="another digest of the same repository was never declared"
        ),
        pytest.param(
            objects.IMAGE.replace("registry.example", "rival.example"),
            id="the same digest from another registry",
        ),
        pytest.param(
            objects.IMAGE.replace("@", ":v1@"), id="a tag beside the digest is another string"
        ),
        pytest.param(objects.IMAGE[:-1], id="a prefix of a frozen reference"),
    ],
)
def test_an_image_outside_the_list_is_refused(
    experiments: Kubectl, actor: Actor, image: str
) -> None:
    answer = experiments.create(
        actor, objects.pod(objects.NAMESPACE, containers=[objects.container(image)])
    )
    expect_denied(answer, "glovebox-images", refusal("main", image))


@pytest.mark.parametrize("actor", EVERYBODY)
def test_an_init_container_is_looked_at_too(experiments: Kubectl, actor: Actor) -> None:
    stranger = objects.container("busybox:1", name="setup")
    expect_denied(
        experiments.create(actor, objects.pod(objects.NAMESPACE, initContainers=[stranger])),
        "glovebox-images",
        refusal("setup", "busybox:1"),
    )


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_job_is_refused_itself_not_only_its_pods(experiments: Kubectl, actor: Actor) -> None:
    answer = experiments.create(
        actor, objects.job(objects.NAMESPACE, containers=[objects.container("busybox:1")])
    )
    expect_denied(answer, "glovebox-job-images", refusal("main", "busybox:1"))


def test_a_debug_container_with_another_image_is_refused(experiments: Kubectl) -> None:
    answer = experiments(
        CLUSTER_ADMIN,
        "debug",
        "pod/running",
        f"--namespace={objects.NAMESPACE}",
        "--image=busybox:1",
        "--container=debug",
        "--profile=restricted",
    )
    expect_denied(answer, "glovebox-images", refusal("debug", "busybox:1"))


def test_a_tenant_brings_in_no_debug_container_at_all(experiments: Kubectl) -> None:
    answer = experiments(
        TENANT,
        "debug",
        "pod/running",
        f"--namespace={objects.NAMESPACE}",
        f"--image={objects.IMAGE}",
        "--profile=restricted",
    )
    expect_no_right(answer)


def test_the_image_of_a_running_pod_stays(experiments: Kubectl) -> None:
    answer = experiments(
        CLUSTER_ADMIN,
        "set",
        "image",
        "pod/running",
        f"main={objects.OTHER_DIGEST}",
        f"--namespace={objects.NAMESPACE}",
        "--dry-run=server",
    )
    expect_denied(
        answer,
        "glovebox-pod-changes",
        "the image of a running pod cannot be changed: what runs is what was frozen; create a"
        " new pod",
    )


def test_other_changes_of_a_running_pod_are_admitted(experiments: Kubectl) -> None:
    expect_admitted(
        experiments(
            CLUSTER_ADMIN,
            "label",
            "pod/running",
            "note=kept",
            "--overwrite",
            f"--namespace={objects.NAMESPACE}",
        )
    )


def test_without_a_snapshot_nothing_starts(experiments: Kubectl) -> None:
    answer = experiments.create(CLUSTER_ADMIN, objects.pod(objects.BARE_NAMESPACE))
    assert answer.code != 0
    # Two guards refuse it, and either is named.
    refused = [
        f"ValidatingAdmissionPolicy '{guard}' with binding '{guard}' denied request: failed to"
        " configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
        for guard in ("glovebox-images", "glovebox-run-alone")
    ]
    assert answer.err.endswith(tuple(refused))


def test_a_deployment_brings_no_other_image_in_either(experiments: Kubectl) -> None:
    """Its pods are made by a controller, and refused like all others.

    The refusal is read where deployments tell theirs.
    """
    wish = objects.deployment(objects.NAMESPACE, containers=[objects.container("busybox:1")])
    expect_admitted(experiments.create(NAMESPACE_ADMIN, wish, dry_run=False))
    told = (
        "get",
        "deployment",
        "serve",
        f"--namespace={objects.NAMESPACE}",
        "-o",
        "jsonpath={.status.conditions[?(@.type=='ReplicaFailure')].message}",
    )
    answer = until(lambda: experiments(NAMESPACE_ADMIN, *told), lambda answer: bool(answer.out))
    assert answer.out.endswith(refusal("main", "busybox:1"))
    expect_admitted(
        experiments(
            NAMESPACE_ADMIN, "delete", "deployment", "serve", f"--namespace={objects.NAMESPACE}"
        )
    )
