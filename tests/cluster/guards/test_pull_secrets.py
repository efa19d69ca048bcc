"""What opens the registries is the operator's to write and the kubelet's to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    EVERYBODY,
    OPERATOR,
    Actor,
    Kubectl,
    expect_admitted,
)
from cluster.guards.copied_secrets import (
    IN_SPACE,
    SPACE,
    by_variable,
    expect_in_no_debugger,
    expect_in_no_pod,
    expect_no_tenant_reads,
    expect_operator_alone_writes,
    expect_written_anew_and_taken_away,
    ways_to_read,
)

NAME = "glovebox-image-pull"
TYPE = "kubernetes.io/dockerconfigjson"
REGISTRIES = {".dockerconfigjson": json.dumps({"auths": {"registry.example": {"auth": "eDp5"}}})}
KUBELET_ALONE = (
    "Secret 'glovebox-image-pull' must be left out of volumes and environment variables: it opens"
    " the registries of the images, for the kubelet alone"
)


def secret(name: str = NAME, kind: str = TYPE, space: str = SPACE) -> dict[str, Any]:
    content = REGISTRIES if kind == TYPE else {"x": "y"}
    return objects.credentials(space, name, kind) | {"stringData": content}


@pytest.fixture(scope="module")
def opened(experiments: Kubectl) -> Iterator[Kubectl]:
    """Kubectl, with the Secret in the namespace of an experiment."""
    expect_admitted(experiments.create(OPERATOR, secret(), dry_run=False))
    yield experiments
    expect_admitted(experiments(OPERATOR, "delete", "secret", NAME, IN_SPACE))


def test_the_operator_writes_it_anew_and_takes_it_away(opened: Kubectl) -> None:
    expect_written_anew_and_taken_away(opened, NAME, REGISTRIES)


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(secret("of-somebody"), id="under another name"),
        pytest.param(secret(kind="Opaque"), id="of another type"),
        pytest.param(secret("glovebox-artifacts-credentials"), id="in the place of a session"),
    ],
)
def test_it_writes_no_other_secret_of_that_kind(opened: Kubectl, thing: dict[str, Any]) -> None:
    thing = {**thing, "metadata": {**thing["metadata"], "namespace": objects.BARE_NAMESPACE}}
    answer = opened.create(OPERATOR, thing)
    assert "glovebox-operator-fence-secrets" in answer.err


def test_the_operator_copies_nothing_out_of_experiments(opened: Kubectl) -> None:
    for space in ("glovebox-system", "kube-system"):
        assert opened.create(OPERATOR, secret(space=space)).code != 0


@pytest.mark.parametrize("actor", ADMINS)
def test_nobody_else_writes_it(opened: Kubectl, actor: Actor) -> None:
    forged = secret(space=objects.BARE_NAMESPACE)
    expect_operator_alone_writes(opened, actor, NAME, forged)


def test_a_tenant_reads_it_in_no_way(opened: Kubectl) -> None:
    expect_no_tenant_reads(opened, NAME)


PODS = ways_to_read(NAME, ".dockerconfigjson", "first")


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("how", PODS)
def test_no_container_reads_it(opened: Kubectl, actor: Actor, how: str) -> None:
    expect_in_no_pod(opened, actor, PODS[how], KUBELET_ALONE)


def test_nor_does_one_that_is_added_to_debug(opened: Kubectl) -> None:
    expect_in_no_debugger(opened, by_variable(NAME, ".dockerconfigjson"), KUBELET_ALONE)


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_pod_may_name_it_for_the_kubelet(opened: Kubectl, actor: Actor) -> None:
    expect_admitted(opened.create(actor, objects.pod(SPACE, imagePullSecrets=[{"name": NAME}])))
