"""What RBAC itself gives, as the API server sums it up.

Beyond what every authenticated user has.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.guards import objects
from cluster.guards.actors import CLUSTER_ADMIN, TENANT, Actor, Kubectl, expect_admitted

NOBODY = Actor("nobody")
RUNNER = f"system:serviceaccount:{objects.NAMESPACE}:glovebox-runner"
OTHER_TEAM = Actor("otto", ("glovebox:team:ships",))
EDITOR = Actor("edna")


def rights(kubectl: Kubectl, actor: Actor, space: str, *extra: str) -> set[str]:
    """Return every right of an actor in a namespace: one line per verb, resource and name."""
    review: dict[str, Any] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": space},
    }
    answer = kubectl(
        actor,
        "create",
        "--raw",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        "-f",
        "-",
        *extra,
        manifest=review,
    )
    expect_admitted(answer)
    status = json.loads(answer.out)["status"]
    assert not status["incomplete"] or "node" in status.get("evaluationError", ""), status
    return {
        f"{verb} {group}/{resource} {name}".strip()
        for rule in status["resourceRules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
    }


def test_a_tenant_has_these_rights_and_no_other(experiments: Kubectl) -> None:
    run = {
        f"{verb} {kind}"
        for verb in ("create", "delete", "get", "list", "watch")
        for kind in ("/pods", "batch/jobs")
    }
    read = {
        f"{verb} {group}/events"
        for verb in ("get", "list", "watch")
        for group in ("", "events.k8s.io")
    }
    own = rights(experiments, TENANT, objects.NAMESPACE) - rights(
        experiments, NOBODY, objects.NAMESPACE
    )
    assert own == {*run, *read, "get /pods/log", "get /configmaps glovebox-snapshot"}


@pytest.mark.parametrize(
    "space", [objects.PLAIN_NAMESPACE, objects.BARE_NAMESPACE, "kube-system", "glovebox-system"]
)
def test_a_tenant_has_none_of_them_elsewhere(experiments: Kubectl, space: str) -> None:
    assert rights(experiments, TENANT, space) == rights(experiments, NOBODY, space)


def test_another_team_has_no_right_inside(experiments: Kubectl) -> None:
    assert rights(experiments, OTHER_TEAM, objects.NAMESPACE) == rights(
        experiments, NOBODY, objects.NAMESPACE
    )


def test_the_pods_themselves_have_no_right_anywhere(experiments: Kubectl) -> None:
    """Impersonated, because no token is issued for them."""
    for space in (objects.NAMESPACE, objects.PLAIN_NAMESPACE):
        assert rights(experiments, CLUSTER_ADMIN, space, f"--as={RUNNER}") == rights(
            experiments, NOBODY, space
        )


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_the_roles_of_every_cluster_gain_nothing_of_ours(experiments: Kubectl, role: str) -> None:
    binding = objects.role_binding(objects.PLAIN_NAMESPACE, f"edna-{role}", role, EDITOR.user)
    expect_admitted(experiments.create(CLUSTER_ADMIN, binding, dry_run=False))
    assert not [
        right
        for right in rights(experiments, EDITOR, objects.PLAIN_NAMESPACE)
        if "glovebox.dev" in right
    ]
