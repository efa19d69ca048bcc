"""Taking the mark off a namespace, which only breaking the glass allows, opens nothing.

Its name alone closes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    NAMESPACE_ADMIN,
    OPERATOR,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.conftest import until
from cluster.guards.jobsets import jobset, service
from cluster.guards.queues import queue
from support.jobset import define_jobsets
from support.kueue import define_queues

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE = "gbx-flights-unmarked-abcdefghij"
UNSAFE = "gbx-flights-unsafe-abcdefghij"
PODS = (
    "this namespace has the name of an experiment's and has lost the label"
    " `glovebox.dev/experiment-uid`; nothing may start in it, and nobody may enter its pods, until"
    " the Glovebox operator has put it back"
)
OBJECTS = (
    "this namespace has the name of an experiment's and has lost the label"
    " `glovebox.dev/experiment-uid`; nothing may be written in it until the Glovebox operator has"
    " put it back"
)
SECURITY = (
    "the namespace of this experiment has lost its label `pod-security.kubernetes.io/enforce`;"
    " nothing may start in it until the Glovebox operator has put it back"
)
HOST_POD: dict[str, Any] = {
    "hostNetwork": True,
    "containers": [objects.container("busybox:1")],
}
MARK = "glovebox.dev/experiment-uid"
ENFORCE = "pod-security.kubernetes.io/enforce"


def provision(kubectl: Kubectl, space: str) -> None:
    expect_admitted(kubectl.create(OPERATOR, objects.namespace(space), dry_run=False))
    walls = objects.together(*objects.walls(space))
    expect_admitted(kubectl.create(OPERATOR, walls, dry_run=False))
    admin = objects.role_binding(space, "admins", "admin", NAMESPACE_ADMIN.user)
    expect_admitted(kubectl.create(BREAK_GLASS, admin, dry_run=False))
    running = objects.pod(space, "running")
    expect_admitted(kubectl.create(CLUSTER_ADMIN, running, dry_run=False))


@pytest.fixture(scope="package")
def unmarked(guarded: Kubectl) -> Iterator[Kubectl]:
    """An experiment's namespace, all of whose labels somebody behind the glass took off."""
    provision(guarded, SPACE)
    define_jobsets(guarded.cluster)
    define_queues(guarded.cluster)
    labels = [f"{key}-" for key in objects.namespace(SPACE)["metadata"]["labels"]]
    expect_admitted(guarded(BREAK_GLASS, "label", "namespace", SPACE, *labels))
    until(
        lambda: guarded.create(CLUSTER_ADMIN, objects.pod(SPACE)),
        lambda answer: "glovebox-unmarked-pods" in answer.err,
    )
    yield guarded
    # The label comes back by the operator, by the annotation that is left.
    back = [
        f"{key}={value}" for key, value in objects.namespace(SPACE)["metadata"]["labels"].items()
    ]
    expect_admitted(guarded(OPERATOR, "label", "namespace", SPACE, *back))


@pytest.mark.parametrize("actor", [*ADMINS, pytest.param(BREAK_GLASS, id="break-glass")])
@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(objects.pod(SPACE), id="a pod of the frozen list"),
        pytest.param(objects.pod(SPACE, **HOST_POD), id="a foreign image on the host's network"),
        pytest.param(objects.job(SPACE), id="a Job"),
    ],
)
def test_nothing_starts(unmarked: Kubectl, actor: Actor, thing: objects.Json) -> None:
    expect_denied(unmarked.create(actor, thing), "glovebox-unmarked-pods", PODS)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("exec", "running", "--", "true"), id="exec"),
        pytest.param(("attach", "running"), id="attach"),
        pytest.param(("debug", "running", "--image=busybox:1"), id="debug"),
        pytest.param(
            ("get", "--raw", f"/api/v1/namespaces/{SPACE}/services/any/proxy/"), id="a Service"
        ),
        pytest.param(("create", "token", "glovebox-runner"), id="a token"),
    ],
)
def test_nobody_enters_a_pod_that_runs(unmarked: Kubectl, arguments: tuple[str, ...]) -> None:
    answer = unmarked(CLUSTER_ADMIN, f"--namespace={SPACE}", *arguments)
    expect_denied(answer, "glovebox-unmarked-pods", PODS)


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(objects.allow_all(SPACE), id="a route"),
        pytest.param(objects.role_binding(SPACE, "more", "edit", "eve"), id="access"),
        pytest.param(objects.role(SPACE), id="a Role"),
        pytest.param(objects.credentials(SPACE, "mine"), id="a Secret"),
        pytest.param(objects.service_account(SPACE, "second"), id="a ServiceAccount"),
        pytest.param(service(SPACE, "own", owners=()), id="a Service"),
        pytest.param(jobset(SPACE), id="a JobSet"),
        pytest.param(queue(SPACE), id="a queue"),
    ],
)
def test_nothing_is_written(unmarked: Kubectl, thing: objects.Json) -> None:
    expect_denied(unmarked.create(CLUSTER_ADMIN, thing), "glovebox-unmarked-objects", OBJECTS)
    expect_admitted(unmarked.create(BREAK_GLASS, thing))


def test_the_operator_writes_nothing_before_the_mark_is_back(unmarked: Kubectl) -> None:
    """By its fence alone: the guard of what lost its mark leaves the operator alone."""
    answer = unmarked.create(OPERATOR, objects.network_policy(SPACE, "glovebox-more"))
    assert answer.code != 0, answer
    assert "ValidatingAdmissionPolicy 'glovebox-" in answer.err, answer.err


def test_a_namespace_of_another_name_stays_open(unmarked: Kubectl) -> None:
    pod = objects.pod("default", serviceAccountName="default")
    for thing in (pod, objects.credentials("default", "mine")):
        expect_admitted(unmarked.create(CLUSTER_ADMIN, thing))
    expect_denied(
        unmarked.create(CLUSTER_ADMIN, objects.pod(SPACE)), "glovebox-unmarked-pods", PODS
    )


@pytest.mark.parametrize(
    "collection",
    [
        pytest.param("apis/networking.k8s.io/v1/namespaces/{}/networkpolicies", id="all policies"),
        pytest.param("api/v1/namespaces/{}/configmaps/glovebox-snapshot", id="the snapshot"),
    ],
)
def test_nothing_is_deleted(unmarked: Kubectl, collection: str) -> None:
    path = f"/{collection.format(SPACE)}?dryRun=All"
    answer = unmarked(CLUSTER_ADMIN, "delete", "--raw", path)
    expect_denied(answer, "glovebox-unmarked-objects", OBJECTS)


def test_kubernetes_own_controllers_still_empty_it(unmarked: Kubectl) -> None:
    path = f"/api/v1/namespaces/{SPACE}/configmaps?dryRun=All"
    controller = "--as=system:serviceaccount:kube-system:namespace-controller"
    expect_admitted(unmarked(CLUSTER_ADMIN, "delete", "--raw", path, controller))


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("label", "namespace", SPACE, f"{ENFORCE}=privileged"), id="Pod Security"),
        pytest.param(("delete", "namespace", SPACE), id="its end"),
        pytest.param(("label", "namespace", SPACE, f"{MARK}=mine"), id="another mark"),
    ],
)
def test_it_has_not_become_anybody_s_namespace(
    unmarked: Kubectl, arguments: tuple[str, ...]
) -> None:
    answer = unmarked(CLUSTER_ADMIN, *arguments, "--dry-run=server")
    assert answer.code != 0
    assert "ValidatingAdmissionPolicy 'glovebox-namespaces'" in answer.err


@pytest.mark.parametrize("kind", ["pod", "job"])
def test_without_the_label_of_pod_security_nothing_starts(guarded: Kubectl, kind: str) -> None:
    """With the mark still there, the guards of pods hold.

    They do not look at everything that Pod Security does.
    """
    if not guarded(CLUSTER_ADMIN, "get", "namespace", UNSAFE, "-o", "name").out:
        provision(guarded, UNSAFE)
        expect_admitted(guarded(BREAK_GLASS, "label", "namespace", UNSAFE, f"{ENFORCE}-"))
    root = {"runAsUser": 0}
    thing = {"pod": objects.pod, "job": objects.job}[kind](UNSAFE, securityContext=root)
    answer = until(
        lambda: guarded.create(CLUSTER_ADMIN, thing),
        lambda answer: "glovebox-state" in answer.err,
    )
    expect_denied(answer, "glovebox-state", SECURITY)
