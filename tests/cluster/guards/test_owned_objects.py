"""The walls belong to the operator.

Added, edited, deleted one by one or as a collection, by nobody else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    ADMINS,
    BREAK_GLASS,
    CLUSTER_ADMIN,
    KUBELET,
    NAMESPACE_ADMIN,
    OPERATOR,
    SCHEDULER,
    TENANT,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)
from cluster.guards.conftest import until

SPACE = objects.NAMESPACE
IN_SPACE = f"--namespace={SPACE}"
TOKENS = (
    "no token is issued for the ServiceAccounts of an experiment; its pods have no business with"
    " the API server"
)


@dataclass(frozen=True)
class Wall:
    """A kind of object that isolates.

    Attributes:
        resource: Its plural.
        thing: An object that would join the walls.
        name: Of one that stands already.
        change: A change of that one.
        admin_may: Whether the ClusterRole `admin` may write it, and so comes as far as the guard;
            quotas and limits it may only read.
    """

    resource: str
    thing: dict[str, Any]
    name: str
    change: dict[str, Any]
    admin_may: bool


WALLS = [
    Wall(
        "networkpolicies",
        objects.allow_all(SPACE),
        "glovebox-default-deny",
        {"spec": {"egress": [{}]}},
        admin_may=True,
    ),
    Wall(
        "resourcequotas",
        objects.quota(SPACE, "more"),
        "glovebox-quota",
        {"spec": {"hard": {"pods": "999"}}},
        admin_may=False,
    ),
    Wall(
        "limitranges",
        objects.limit_range(SPACE, "more"),
        "glovebox-limits",
        {"spec": {"limits": []}},
        admin_may=False,
    ),
    Wall(
        "rolebindings",
        objects.role_binding(SPACE, "friends", "edit", "eve"),
        "glovebox-tenant",
        {"subjects": [{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}]},
        admin_may=True,
    ),
    Wall(
        "serviceaccounts",
        objects.service_account(SPACE, "second"),
        "glovebox-runner",
        {"automountServiceAccountToken": True},
        admin_may=True,
    ),
]


def refusal(verb: str, resource: str) -> str:
    cure = "change, freeze or delete Experiment 'delay' of team 'flights' instead"
    return (
        f"only the Glovebox operator may {verb} {resource} in the namespace of an experiment;"
        f" {cure}"
    )


def attempts(
    kubectl: Kubectl,
    actor: Actor,
    wall: Wall,
) -> dict[str, Any]:
    """Try every way to touch a kind of wall; keyed by the verb that the guard sees."""
    dry = "--dry-run=server"
    return {
        "create": kubectl.create(actor, wall.thing),
        "update": kubectl(
            actor,
            "patch",
            wall.resource,
            wall.name,
            IN_SPACE,
            dry,
            "--type=merge",
            f"--patch={json.dumps(wall.change)}",
        ),
        "delete": kubectl(actor, "delete", wall.resource, wall.name, IN_SPACE, dry),
    }


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.resource)
@pytest.mark.parametrize("actor", ADMINS)
def test_an_admin_is_refused(experiments: Kubectl, actor: Actor, wall: Wall) -> None:
    for verb, answer in attempts(experiments, actor, wall).items():
        if actor is CLUSTER_ADMIN or wall.admin_may:
            expect_denied(answer, "glovebox-owned-objects", refusal(verb, wall.resource))
        else:
            expect_no_right(answer)


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.resource)
def test_a_tenant_has_no_right_to_try(experiments: Kubectl, wall: Wall) -> None:
    for answer in attempts(experiments, TENANT, wall).values():
        expect_no_right(answer)


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.resource)
@pytest.mark.parametrize(
    "actor", [pytest.param(OPERATOR, id="operator"), pytest.param(BREAK_GLASS, id="break-glass")]
)
def test_the_operator_and_the_broken_glass_pass(
    experiments: Kubectl, actor: Actor, wall: Wall
) -> None:
    """The operator repairs by replacing; it may not bind another role than the tenants'."""
    thing = wall.thing
    if actor is OPERATOR and wall.resource == "rolebindings":
        thing = objects.role_binding(SPACE, "second", "glovebox-tenant", "eve")
    expect_admitted(experiments.create(actor, thing))
    live = experiments(actor, "get", wall.resource, wall.name, IN_SPACE, "-o", "json")
    expect_admitted(live)
    changed = {**json.loads(live.out), **wall.change}
    expect_admitted(experiments(actor, "replace", "--dry-run=server", "-f", "-", manifest=changed))
    delete = ("delete", wall.resource, wall.name, IN_SPACE, "--dry-run=server")
    expect_admitted(experiments(actor, *delete))


@pytest.mark.parametrize(
    "resource",
    [
        "networkpolicies",
        "resourcequotas",
        "limitranges",
        "rolebindings",
        "serviceaccounts",
        "configmaps",
        "secrets",
    ],
)
def test_a_whole_collection_is_not_deleted_either(experiments: Kubectl, resource: str) -> None:
    """Such a request carries no name: the guard must read it from each object."""
    group = {
        "networkpolicies": "apis/networking.k8s.io/v1",
        "rolebindings": "apis/rbac.authorization.k8s.io/v1",
    }.get(resource, "api/v1")
    path = f"/{group}/namespaces/{SPACE}/{resource}?dryRun=All"
    expect_denied(
        experiments(CLUSTER_ADMIN, "delete", "--raw", path),
        "glovebox-owned-objects",
        refusal("delete", resource),
    )


def test_apply_and_generated_names_are_requests_like_others(experiments: Kubectl) -> None:
    apply = ("apply", "--server-side", "--dry-run=server", "-f", "-")
    expect_denied(
        experiments(CLUSTER_ADMIN, *apply, manifest=objects.allow_all(SPACE)),
        "glovebox-owned-objects",
        refusal("create", "networkpolicies"),
    )
    forced = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    raised = objects.quota(SPACE)
    raised["spec"]["hard"]["pods"] = "999"
    expect_denied(
        experiments(CLUSTER_ADMIN, *forced, manifest=raised),
        "glovebox-owned-objects",
        refusal("update", "resourcequotas"),
    )
    unnamed = objects.allow_all(SPACE)
    unnamed["metadata"] = {"generateName": "open-", "namespace": SPACE}
    expect_denied(
        experiments.create(CLUSTER_ADMIN, unnamed),
        "glovebox-owned-objects",
        refusal("create", "networkpolicies"),
    )


@pytest.mark.parametrize("name", ["glovebox", "glovebox-train"])
def test_no_job_is_called_so_that_its_pods_are_taken_for_the_operators(
    experiments: Kubectl, name: str
) -> None:
    expect_denied(
        experiments.create(TENANT, objects.job(SPACE, name)),
        "glovebox-owned-objects",
        refusal("create", "jobs"),
    )
    expect_admitted(experiments.create(TENANT, objects.job(SPACE, "gloveboxes")))


def test_roles_are_not_made_inside(experiments: Kubectl) -> None:
    for actor in (NAMESPACE_ADMIN, CLUSTER_ADMIN):
        expect_denied(
            experiments.create(actor, objects.role(SPACE)),
            "glovebox-owned-objects",
            refusal("create", "roles"),
        )
    expect_no_right(experiments.create(TENANT, objects.role(SPACE)))


def test_what_a_quota_enforces_is_not_raised_through_its_status(experiments: Kubectl) -> None:
    """Admission of quotas reads `status.hard`, not `spec.hard`."""
    raised = '{"status": {"hard": {"pods": "999"}}}'
    answer = experiments(
        CLUSTER_ADMIN,
        "patch",
        "resourcequota",
        "glovebox-quota",
        IN_SPACE,
        "--subresource=status",
        "--type=merge",
        f"--patch={raised}",
    )
    expect_denied(answer, "glovebox-owned-objects", refusal("update", "resourcequotas"))


def test_a_quota_is_counted_by_kubernetes_all_the_same(experiments: Kubectl) -> None:
    """By admission when a pod comes, by the quota controller when it goes.

    A pod that came before the quota was known is not counted until something else happens.
    """

    def pods(*what: str) -> Answer:
        return experiments(CLUSTER_ADMIN, "get", *what, IN_SPACE)

    def counted() -> Answer:
        return pods("resourcequota", "glovebox-quota", "-o", "jsonpath={.status.used.pods}")

    until(counted, lambda answer: bool(answer.out))
    name = f"counted-{uuid4().hex[:8]}"
    expect_admitted(experiments.create(TENANT, objects.pod(SPACE, name), dry_run=False))
    until(counted, lambda answer: int(answer.out) > 0)
    expect_admitted(experiments(TENANT, "delete", "pod", name, IN_SPACE))
    until(
        counted,
        lambda answer: int(answer.out) == len(pods("pods", "-o", "name").out.split()),
    )


@pytest.mark.parametrize("actor", ADMINS)
def test_the_snapshot_and_the_credentials_stay_as_they_are(
    experiments: Kubectl, actor: Actor
) -> None:
    for resource, name in (
        ("configmaps", "glovebox-snapshot"),
        ("secrets", "glovebox-artifacts-credentials"),
    ):
        label = experiments(actor, "label", resource, name, IN_SPACE, "x=y", "--dry-run=server")
        expect_denied(label, "glovebox-owned-objects", refusal("update", resource))
        expect_denied(
            experiments(actor, "delete", resource, name, IN_SPACE, "--dry-run=server"),
            "glovebox-owned-objects",
            refusal("delete", resource),
        )
    forged = objects.snapshot(objects.BARE_NAMESPACE, images="busybox\n")
    if actor is CLUSTER_ADMIN:
        expect_denied(
            experiments.create(actor, forged),
            "glovebox-owned-objects",
            refusal("create", "configmaps"),
        )


def test_other_configmaps_and_secrets_are_nobodys_business(experiments: Kubectl) -> None:
    own = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "own", "namespace": SPACE},
        "data": {"a": "b"},
    }
    expect_admitted(experiments.create(NAMESPACE_ADMIN, own))
    expect_admitted(experiments.create(NAMESPACE_ADMIN, objects.credentials(SPACE, "own")))


@pytest.mark.parametrize("actor", ADMINS)
@pytest.mark.parametrize("account", ["glovebox-runner", "default"])
def test_no_token_is_issued(experiments: Kubectl, actor: Actor, account: str) -> None:
    expect_denied(
        experiments(actor, "create", "token", account, IN_SPACE), "glovebox-tokens", TOKENS
    )


def test_breaking_the_glass_gets_one(experiments: Kubectl) -> None:
    token = ("create", "token", "glovebox-runner", IN_SPACE)
    expect_admitted(experiments(BREAK_GLASS, *token))
    expect_denied(experiments(CLUSTER_ADMIN, *token), "glovebox-tokens", TOKENS)


def test_not_for_the_operator_either(experiments: Kubectl) -> None:
    expect_no_right(experiments(OPERATOR, "create", "token", "glovebox-runner", IN_SPACE))
    expect_no_right(experiments(TENANT, "create", "token", "glovebox-runner", IN_SPACE))


def placed(kubectl: Kubectl, actor: Actor, labels: dict[str, str]) -> str:
    """Return the name of a pod on the kubelet's node."""
    name = f"placed-{uuid4().hex[:8]}"
    pod = objects.pod(SPACE, name)
    pod["metadata"]["labels"] = labels
    expect_admitted(kubectl.create(actor, pod, dry_run=False))
    target = {"apiVersion": "v1", "kind": "Node", "name": KUBELET.user.removeprefix("system:node:")}
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, "namespace": SPACE},
        "target": target,
    }
    expect_admitted(kubectl.create(SCHEDULER, binding, dry_run=False))
    return name


def is_of_a_guard(answer: Answer) -> bool:
    """Return whether the request came as far as the guards; NodeRestriction takes pods up late."""
    return answer.code == 0 or "ValidatingAdmissionPolicy" in answer.err


def test_a_kubelet_asks_for_the_token_of_a_pod_on_its_node(experiments: Kubectl) -> None:
    """Volume drivers may need it.

    For which pods a kubelet may ask is up to NodeRestriction, not to this guard.
    """
    name = placed(experiments, TENANT, {})
    uid = experiments(TENANT, "get", "pod", name, IN_SPACE, "-o", "jsonpath={.metadata.uid}").out
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={name}", f"--bound-object-uid={uid}")
    token = ("create", "token", "glovebox-runner", IN_SPACE, *bound)
    expect_admitted(until(lambda: experiments(KUBELET, *token), is_of_a_guard))
    expect_denied(
        experiments(CLUSTER_ADMIN, "create", "token", "glovebox-runner", IN_SPACE, *bound),
        "glovebox-tokens",
        TOKENS,
    )
    expect_admitted(
        experiments(BREAK_GLASS, "delete", "pod", name, IN_SPACE, "--force", "--grace-period=0")
    )


def test_a_kubelet_ends_a_pod_of_the_operator_on_its_node(experiments: Kubectl) -> None:
    name = placed(experiments, BREAK_GLASS, {"app.kubernetes.io/managed-by": "glovebox"})
    end = ("delete", "pod", name, IN_SPACE, "--dry-run=server")
    expect_admitted(until(lambda: experiments(KUBELET, *end), is_of_a_guard))
    expect_denied(
        experiments(CLUSTER_ADMIN, *end), "glovebox-owned-objects", refusal("delete", "pods")
    )
    expect_admitted(
        experiments(BREAK_GLASS, "delete", "pod", name, IN_SPACE, "--force", "--grace-period=0")
    )


def test_a_scheduler_deletes_a_pod_of_the_operator_and_makes_none(experiments: Kubectl) -> None:
    mark = {"app.kubernetes.io/managed-by": "glovebox"}
    name = placed(experiments, BREAK_GLASS, mark)
    expect_admitted(experiments(SCHEDULER, "delete", "pod", name, IN_SPACE, "--dry-run=server"))
    for resource in ("jobs", "networkpolicies", "resourcequotas"):
        ended = experiments(SCHEDULER, "delete", resource, "--all", IN_SPACE, "--dry-run=server")
        assert "admitted" not in ended.err, ended
    made = objects.pod(SPACE, f"glovebox-run-{uuid4().hex[:5]}")
    made["metadata"]["labels"] = mark
    expect_denied(
        experiments.create(SCHEDULER, made), "glovebox-owned-objects", refusal("create", "pods")
    )
    expect_admitted(
        experiments(BREAK_GLASS, "delete", "pod", name, IN_SPACE, "--force", "--grace-period=0")
    )


def test_no_token_is_made_by_a_secret(experiments: Kubectl) -> None:
    secret = objects.credentials(SPACE, "stolen", kind="kubernetes.io/service-account-token")
    secret["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "glovebox-runner"}
    for actor in (NAMESPACE_ADMIN, CLUSTER_ADMIN):
        expect_denied(
            experiments.create(actor, secret),
            "glovebox-owned-objects",
            refusal("create", "secrets"),
        )
