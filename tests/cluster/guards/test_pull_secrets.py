"""What opens the registries is the operator's to write and the kubelet's to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    CLUSTER_ADMIN,
    EVERYBODY,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)

SPACE = objects.NAMESPACE
IN_SPACE = f"--namespace={SPACE}"
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
    live = opened(OPERATOR, "get", "secret", NAME, IN_SPACE, "-o", "json")
    expect_admitted(live)
    changed = json.loads(live.out) | {"stringData": REGISTRIES}
    expect_admitted(opened(OPERATOR, "replace", "--dry-run=server", "-f", "-", manifest=changed))
    expect_admitted(opened(OPERATOR, "delete", "secret", NAME, IN_SPACE, "--dry-run=server"))


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
    cure = "change, freeze or delete Experiment 'delay' of team 'flights' instead"
    for verb, answer in (
        ("update", opened(actor, "label", "secret", NAME, IN_SPACE, "x=y", "--dry-run=server")),
        ("delete", opened(actor, "delete", "secret", NAME, IN_SPACE, "--dry-run=server")),
    ):
        expect_denied(
            answer,
            "glovebox-owned-objects",
            f"only the Glovebox operator may {verb} secrets in the namespace of an experiment;"
            f" {cure}",
        )
    if actor is CLUSTER_ADMIN:
        forged = secret(space=objects.BARE_NAMESPACE)
        assert "glovebox-owned-objects" in opened.create(actor, forged).err


def test_a_tenant_reads_it_in_no_way(opened: Kubectl) -> None:
    for verb in (("get", "secret", NAME), ("get", "secrets"), ("describe", "secret", NAME)):
        expect_no_right(opened(TENANT, *verb, IN_SPACE))


SECRET_KEY = {"secretKeyRef": {"name": NAME, "key": ".dockerconfigjson"}}
BY_VARIABLE = {"env": [{"name": "KEYS", "valueFrom": SECRET_KEY}]}
BY_ALL_VARIABLES = {"envFrom": [{"secretRef": {"name": NAME}}]}
PODS: dict[str, dict[str, Any]] = {
    "a volume": {"volumes": [{"name": "keys", "secret": {"secretName": NAME}}]},
    "a projected volume": {
        "volumes": [{"name": "keys", "projected": {"sources": [{"secret": {"name": NAME}}]}}]
    },
    "a variable": {"containers": [objects.container() | BY_VARIABLE]},
    "all variables": {"containers": [objects.container() | BY_ALL_VARIABLES]},
    "an init container": {
        "initContainers": [objects.container(name="first") | BY_VARIABLE],
    },
}


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("how", PODS)
def test_no_container_reads_it(opened: Kubectl, actor: Actor, how: str) -> None:
    spec = PODS[how]
    expect_denied(
        opened.create(actor, objects.pod(SPACE, **spec)), "glovebox-images", KUBELET_ALONE
    )
    expect_denied(
        opened.create(actor, objects.job(SPACE, **spec)), "glovebox-job-images", KUBELET_ALONE
    )


def test_nor_does_one_that_is_added_to_debug(opened: Kubectl) -> None:
    name = f"held-{uuid4().hex[:8]}"
    expect_admitted(opened.create(CLUSTER_ADMIN, objects.pod(SPACE, name), dry_run=False))
    debug = objects.container(name="debug") | BY_VARIABLE
    patch = json.dumps({"spec": {"ephemeralContainers": [debug]}})
    how = ("--subresource=ephemeralcontainers", "--type=strategic", "--dry-run=server")
    answer = opened(CLUSTER_ADMIN, "patch", "pod", name, IN_SPACE, f"--patch={patch}", *how)
    expect_denied(answer, "glovebox-images", KUBELET_ALONE)
    gone = ("delete", "pod", name, IN_SPACE, "--wait=false")
    expect_admitted(opened(CLUSTER_ADMIN, *gone))


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_pod_may_name_it_for_the_kubelet(opened: Kubectl, actor: Actor) -> None:
    expect_admitted(opened.create(actor, objects.pod(SPACE, imagePullSecrets=[{"name": NAME}])))
