"""Labels that the guards hang on can be neither removed nor forged, by any endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    NAMESPACE_ADMIN,
    OPERATOR,
    TENANT,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)

POLICY = "glovebox-namespaces"
LABELS = (
    "labels of 'glovebox.dev/' on a namespace may be set, changed and removed only by the Glovebox"
    " operator"
)
SECURITY = (
    "the labels 'pod-security.kubernetes.io/...' and 'app.kubernetes.io/managed-by' of an"
    " experiment's namespace may be changed only by the Glovebox operator; choose another"
    " IsolationProfile instead"
)
ANNOTATIONS = (
    "annotations of 'glovebox.dev/' on an experiment's namespace may be changed only by the"
    " Glovebox operator"
)
OWNERS = (
    "`ownerReferences` of an experiment's namespace may not be changed: the garbage collector would"
    " delete it with its new owner"
)
CREATE = (
    "only the Glovebox operator may create a namespace whose name begins with 'gbx-' or that has a"
    " label of 'glovebox.dev/'; choose another name, or create an Experiment"
)
DELETE = (
    "only the Glovebox operator may delete the namespace of an experiment; delete Experiment"
    " 'delay' of team 'flights' instead"
)
FINALIZE = (
    "only Kubernetes itself may finalize the namespace of an experiment; what blocks its deletion"
    " is named in its status"
)
OWNER = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "name": "gone",
    "uid": "00000000-0000-0000-0000-000000000000",
}

CHANGES = [
    pytest.param(
        {"labels": {"glovebox.dev/experiment-uid": None}}, LABELS, id="escape by removing the mark"
    ),
    pytest.param(
        {"labels": {"glovebox.dev/experiment-uid": "other"}},
        LABELS,
        id="hand it to another experiment",
    ),
    pytest.param({"labels": {"glovebox.dev/state": "Open"}}, LABELS, id="open it again"),
    pytest.param({"labels": {"glovebox.dev/state": None}}, LABELS, id="hide its state"),
    pytest.param({"labels": {"glovebox.dev/new": "x"}}, LABELS, id="invent a label of ours"),
    pytest.param(
        {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
        SECURITY,
        id="weaken Pod Security",
    ),
    pytest.param(
        {"labels": {"pod-security.kubernetes.io/enforce": None}}, SECURITY, id="drop Pod Security"
    ),
    pytest.param(
        {"labels": {"pod-security.kubernetes.io/enforce-version": "v1.20"}},
        SECURITY,
        id="age Pod Security",
    ),
    pytest.param(
        {"labels": {"app.kubernetes.io/managed-by": None}},
        SECURITY,
        id="hide it from the operator's watch",
    ),
    pytest.param(
        {"annotations": {"glovebox.dev/experiment": "rival/x"}},
        ANNOTATIONS,
        id="claim it for another Experiment",
    ),
    pytest.param(
        {"annotations": {"glovebox.dev/experiment": None}}, ANNOTATIONS, id="make it an orphan"
    ),
    pytest.param({"ownerReferences": [OWNER]}, OWNERS, id="let the garbage collector delete it"),
]


def change(
    kubectl: Kubectl,
    actor: Actor,
    name: str,
    metadata: Mapping[str, object],
    subresource: str | None = None,
) -> Answer:
    extra = [f"--subresource={subresource}"] if subresource else []
    patch = json.dumps({"metadata": metadata})
    return kubectl(
        actor,
        "patch",
        "namespace",
        name,
        "--dry-run=server",
        "--type=merge",
        f"--patch={patch}",
        *extra,
    )


def finalize(kubectl: Kubectl, actor: Actor, name: str) -> Answer:
    live = kubectl(CLUSTER_ADMIN, "get", "namespace", name, "-o", "json")
    body = {**json.loads(live.out), "spec": {"finalizers": []}}
    return kubectl(
        actor,
        "replace",
        "--raw",
        f"/api/v1/namespaces/{name}/finalize?dryRun=All",
        "-f",
        "-",
        manifest=body,
    )


@pytest.mark.parametrize(("metadata", "message"), CHANGES)
def test_a_cluster_admin_does_not_change_it(
    experiments: Kubectl, metadata: Mapping[str, object], message: str
) -> None:
    space = objects.SEALED_NAMESPACE
    expect_denied(change(experiments, CLUSTER_ADMIN, space, metadata), POLICY, message)
    expect_denied(change(experiments, CLUSTER_ADMIN, space, metadata, "status"), POLICY, message)


@pytest.mark.parametrize(
    "actor",
    [pytest.param(TENANT, id="tenant"), pytest.param(NAMESPACE_ADMIN, id="namespace-admin")],
)
def test_those_inside_have_no_right_to_try(experiments: Kubectl, actor: Actor) -> None:
    metadata = {"labels": {"glovebox.dev/experiment-uid": None}}
    expect_no_right(change(experiments, actor, objects.NAMESPACE, metadata))
    expect_no_right(change(experiments, actor, objects.NAMESPACE, metadata, "status"))
    expect_no_right(finalize(experiments, actor, objects.NAMESPACE))
    expect_no_right(
        experiments(actor, "delete", "namespace", objects.NAMESPACE, "--dry-run=server")
    )


def test_nobody_but_the_operator_deletes_it(experiments: Kubectl) -> None:
    arguments = ("delete", "namespace", objects.NAMESPACE, "--dry-run=server")
    expect_denied(experiments(CLUSTER_ADMIN, *arguments), POLICY, DELETE)
    expect_admitted(experiments(OPERATOR, *arguments))
    expect_admitted(experiments(BREAK_GLASS, *arguments))


def test_a_retained_namespace_is_left_to_the_admins(experiments: Kubectl) -> None:
    """Its Experiment is gone: nobody else could ever delete it. It still opens to nobody."""
    space = f"gbx-flights-retained-{uuid4().hex[:10]}"
    expect_admitted(
        experiments.create(OPERATOR, objects.namespace(space, state="Retained"), dry_run=False)
    )
    expect_denied(
        change(experiments, CLUSTER_ADMIN, space, {"labels": {"glovebox.dev/state": "Open"}}),
        POLICY,
        LABELS,
    )
    expect_admitted(
        experiments.create(OPERATOR, objects.together(*objects.walls(space)), dry_run=False)
    )
    assert (
        "is Retained: nothing may start in it"
        in experiments.create(CLUSTER_ADMIN, objects.pod(space)).err
    )
    expect_admitted(experiments(CLUSTER_ADMIN, "delete", "namespace", space, "--wait=false"))


def test_the_garbage_collector_does_not_delete_it(experiments: Kubectl) -> None:
    """It may empty the namespace, but a dangling owner must never take the namespace itself."""
    collector = Actor(
        "system:serviceaccount:kube-system:generic-garbage-collector", ("system:masters",)
    )
    expect_denied(
        experiments(collector, "delete", "namespace", objects.NAMESPACE, "--dry-run=server"),
        POLICY,
        DELETE,
    )


def test_finalize_is_for_kubernetes_alone(experiments: Kubectl) -> None:
    expect_denied(finalize(experiments, CLUSTER_ADMIN, objects.NAMESPACE), POLICY, FINALIZE)


def test_others_may_keep_their_own_notes_on_it(experiments: Kubectl) -> None:
    notes = {"labels": {"cost.example/center": "42"}, "annotations": {"field.example/project": "p"}}
    expect_admitted(change(experiments, CLUSTER_ADMIN, objects.NAMESPACE, notes))


@pytest.mark.parametrize(
    "namespace",
    [
        pytest.param(objects.namespace("gbx-squatted", uid=None), id="a name with our prefix"),
        pytest.param(objects.namespace("decoy"), id="a look-alike"),
    ],
)
def test_nobody_but_the_operator_makes_one(experiments: Kubectl, namespace: objects.Json) -> None:
    expect_denied(experiments.create(CLUSTER_ADMIN, namespace), POLICY, CREATE)


def test_not_by_a_generated_name_or_by_apply_either(experiments: Kubectl) -> None:
    generated = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "gbx-"}}
    expect_denied(experiments.create(CLUSTER_ADMIN, generated), POLICY, CREATE)
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    expect_denied(
        experiments(CLUSTER_ADMIN, *apply, manifest=objects.namespace("decoy")), POLICY, CREATE
    )
    opened = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": objects.SEALED_NAMESPACE, "labels": {"glovebox.dev/state": "Open"}},
    }
    expect_denied(experiments(CLUSTER_ADMIN, *apply, manifest=opened), POLICY, LABELS)


def test_a_label_of_ours_is_not_put_on_a_plain_namespace(experiments: Kubectl) -> None:
    for subresource in (None, "status"):
        forged = change(
            experiments,
            CLUSTER_ADMIN,
            objects.PLAIN_NAMESPACE,
            {"labels": {"glovebox.dev/team": "x"}},
            subresource,
        )
        expect_denied(forged, POLICY, LABELS)


def test_a_plain_namespace_is_not_looked_at(experiments: Kubectl) -> None:
    space = objects.PLAIN_NAMESPACE
    metadata = {
        "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
        "annotations": {"glovebox.dev/note": "x"},
        "ownerReferences": [OWNER],
    }
    expect_admitted(experiments.create(CLUSTER_ADMIN, objects.namespace("anybodys", uid=None)))
    expect_admitted(change(experiments, CLUSTER_ADMIN, space, metadata))
    expect_admitted(change(experiments, CLUSTER_ADMIN, space, metadata, "status"))
    expect_admitted(finalize(experiments, CLUSTER_ADMIN, space))
    expect_admitted(experiments(CLUSTER_ADMIN, "delete", "namespace", space, "--dry-run=server"))
