"""The operator can do all it must, and a thief of its credentials little else."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    OPERATOR,
    Kubectl,
    expect_admitted,
    expect_denied,
    expect_no_right,
)
from cluster.guards.conftest import until
from cluster.guards.jobsets import jobset
from cluster.guards.queues import queue
from support.jobset import define_jobsets
from support.kueue import define_queues

PLANS = Path(__file__).parents[2] / "golden" / "plan"
PLAIN = objects.PLAIN_NAMESPACE
INSIDE = objects.NAMESPACE
OWN_NAMESPACE = "glovebox-system"


def outside(verb: str, resource: str, space: str = PLAIN) -> str:
    return (
        f"the Glovebox operator may {verb} {resource} only in namespaces of experiments, and"
        f" '{space}' is none"
    )


def test_it_makes_changes_and_removes_a_whole_experiment(experiments: Kubectl) -> None:
    """To the end: Kubernetes' own controllers must be able to empty the namespace."""
    space = f"gbx-flights-short-{uuid4().hex[:10]}"
    expect_admitted(experiments.create(OPERATOR, objects.namespace(space), dry_run=False))
    walls = objects.together(*objects.walls(space))
    expect_admitted(experiments.create(OPERATOR, walls, dry_run=False))
    # The quota controller writes into its status when it has counted: what was read before that
    # could not be replaced.
    quota = (
        "get",
        "resourcequotas",
        f"--namespace={space}",
        "-o",
        "jsonpath={.items[*].status.used}",
    )
    until(lambda: experiments(OPERATOR, *quota), lambda answer: bool(answer.out))
    live = [
        json.loads(read(experiments, thing["kind"], thing["metadata"]["name"], space))
        for thing in objects.walls(space)
    ]
    expect_admitted(experiments(OPERATOR, "replace", "-f", "-", manifest=objects.together(*live)))
    expect_admitted(experiments.create(CLUSTER_ADMIN, objects.job(space), dry_run=False))
    expect_admitted(
        experiments(
            OPERATOR, "label", "--overwrite", "namespace", space, "glovebox.dev/state=Frozen"
        )
    )
    expect_admitted(
        experiments(
            OPERATOR,
            "delete",
            "jobs",
            "--all",
            "--cascade=background",
            f"--namespace={space}",
        )
    )
    expect_admitted(
        experiments(OPERATOR, "delete", "pods", "--all", "--wait=false", f"--namespace={space}")
    )
    expect_admitted(
        experiments(
            OPERATOR,
            "delete",
            "-f",
            "-",
            manifest=objects.together(*objects.walls(space)[:3]),
        )
    )
    expect_admitted(experiments(OPERATOR, "delete", "namespace", space, "--wait=false"))
    until(
        lambda: experiments(OPERATOR, "get", "namespace", space),
        lambda answer: "NotFound" in answer.err,
    )


def read(kubectl: Kubectl, kind: str, name: str, space: str) -> str:
    answer = kubectl(OPERATOR, "get", kind, name, f"--namespace={space}", "-o", "json")
    expect_admitted(answer)
    return answer.out


@pytest.mark.parametrize(
    "case",
    [pytest.param(path, id=path.parent.name) for path in sorted(PLANS.glob("*/expected.yaml"))],
)
def test_what_the_code_plans_for_an_experiment_is_admitted(
    experiments: Kubectl, case: Path
) -> None:
    """The hand-made objects of these tests could be other than those of the operator."""
    namespace, *things = yaml.safe_load_all(case.read_text())
    assert namespace["kind"] == "Namespace"
    name = f"gbx-{case.parent.name}-{uuid4().hex[:8]}"  # one for each case: they share theirs
    namespace["metadata"]["name"] = name
    expect_admitted(experiments.create(OPERATOR, namespace, dry_run=False))
    made = [
        thing
        for thing in things
        if (thing["kind"], thing["metadata"]["name"]) != ("ServiceAccount", "default")
    ]
    for thing in made:
        thing["metadata"]["namespace"] = name
    expect_admitted(experiments.create(OPERATOR, objects.together(*made)))
    expect_admitted(experiments(OPERATOR, "delete", "namespace", name, "--wait=false"))


def test_it_takes_over_the_default_service_account(experiments: Kubectl) -> None:
    """Kubernetes makes it by itself, with a token for everybody."""
    live = json.loads(
        experiments(
            OPERATOR, "get", "serviceaccount", "default", f"--namespace={INSIDE}", "-o", "json"
        ).out
    )
    expect_admitted(
        experiments(
            OPERATOR,
            "replace",
            "--dry-run=server",
            "-f",
            "-",
            manifest={**live, "automountServiceAccountToken": False},
        )
    )


def test_it_writes_events_for_users(experiments: Kubectl) -> None:
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": PLAIN},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "glovebox.dev/operator",
        "reportingInstance": "i",
        "action": "Provision",
        "reason": "Ready",
        "type": "Normal",
        "regarding": {
            "apiVersion": "glovebox.dev/v1alpha1",
            "kind": "Experiment",
            "name": "delay",
            "namespace": PLAIN,
        },
    }
    expect_admitted(experiments.create(OPERATOR, event))


@pytest.mark.parametrize(
    "thing", objects.walls(PLAIN), ids=lambda thing: str(thing["metadata"]["name"])
)
def test_it_builds_no_walls_around_others(experiments: Kubectl, thing: objects.Json) -> None:
    resource = {"NetworkPolicy": "networkpolicies"}.get(thing["kind"], thing["kind"].lower() + "s")
    expect_denied(
        experiments.create(OPERATOR, thing), "glovebox-operator-fence", outside("create", resource)
    )


@pytest.mark.parametrize("space", [PLAIN, "kube-system", "glovebox-system", "default"])
def test_it_touches_nothing_in_other_namespaces(experiments: Kubectl, space: str) -> None:
    account = {**objects.service_account(space, "default"), "automountServiceAccountToken": True}
    expect_denied(
        experiments(OPERATOR, "replace", "--dry-run=server", "-f", "-", manifest=account),
        "glovebox-operator-fence",
        outside("update", "serviceaccounts", space),
    )
    delete = experiments(
        OPERATOR, "delete", "serviceaccount", "default", f"--namespace={space}", "--dry-run=server"
    )
    expect_denied(delete, "glovebox-operator-fence", outside("delete", "serviceaccounts", space))


def test_it_runs_nothing_beside_others(experiments: Kubectl) -> None:
    define_jobsets(experiments.cluster)
    define_queues(experiments.cluster)
    for plural, made in (("jobsets", jobset), ("localqueues", queue)):
        expect_denied(
            experiments.create(OPERATOR, made(PLAIN)),
            "glovebox-operator-fence",
            outside("create", plural),
        )
        expect_admitted(experiments.create(OPERATOR, made(INSIDE)))


def test_it_stops_no_pods_of_others(experiments: Kubectl) -> None:
    bystander = f"bystander-{uuid4().hex[:8]}"
    expect_admitted(experiments.create(CLUSTER_ADMIN, objects.pod(PLAIN, bystander), dry_run=False))
    expect_denied(
        experiments(
            OPERATOR, "delete", "pod", bystander, f"--namespace={PLAIN}", "--dry-run=server"
        ),
        "glovebox-operator-fence",
        outside("delete", "pods"),
    )
    for space in (PLAIN, INSIDE):
        collection = f"/api/v1/namespaces/{space}/pods?dryRun=All"
        expect_no_right(experiments(OPERATOR, "delete", "--raw", collection))


@pytest.mark.parametrize("space", [PLAIN, "kube-system", "glovebox-system", "default"])
def test_it_takes_or_deletes_no_namespace_of_others(experiments: Kubectl, space: str) -> None:
    message = "the Glovebox operator may change and delete only namespaces of experiments"
    claim = experiments(
        OPERATOR,
        "label",
        "namespace",
        space,
        "glovebox.dev/experiment-uid=stolen",
        "--dry-run=server",
    )
    expect_denied(claim, "glovebox-operator-fence-namespaces", message)
    if space not in {"default", "kube-system"}:  # which Kubernetes itself never deletes
        expect_denied(
            experiments(OPERATOR, "delete", "namespace", space, "--dry-run=server"),
            "glovebox-operator-fence-namespaces",
            message,
        )


def test_it_makes_only_namespaces_of_experiments(experiments: Kubectl) -> None:
    message = (
        "the Glovebox operator may create only namespaces whose name begins with 'gbx-' and that"
        " carry an experiment's UID"
    )
    for namespace in (objects.namespace("decoy"), objects.namespace("gbx-unmarked", uid=None)):
        expect_denied(
            experiments.create(OPERATOR, namespace), "glovebox-operator-fence-namespaces", message
        )


def test_it_makes_no_namespace_without_pod_security(experiments: Kubectl) -> None:
    message = (
        "the Glovebox operator may give a namespace no weaker Pod Security level than 'baseline'"
    )
    key = "pod-security.kubernetes.io/enforce"
    for change in ({key: "privileged"}, {}):
        weak = objects.namespace("gbx-weak")
        weak["metadata"]["labels"] = {
            name: value for name, value in weak["metadata"]["labels"].items() if name != key
        } | change
        expect_denied(
            experiments.create(OPERATOR, weak), "glovebox-operator-fence-namespaces", message
        )


def test_it_hands_no_namespace_to_another_experiment(experiments: Kubectl) -> None:
    for change in ("glovebox.dev/experiment-uid=other", "glovebox.dev/experiment-uid-"):
        answer = experiments(
            OPERATOR, "label", "--overwrite", "namespace", INSIDE, change, "--dry-run=server"
        )
        expect_denied(
            answer,
            "glovebox-operator-fence-namespaces",
            "the Glovebox operator may not hand the namespace of one experiment to another",
        )


def test_it_binds_only_the_tenants_role(experiments: Kubectl) -> None:
    other = objects.role_binding(INSIDE, "escalation", "glovebox-operator", OPERATOR.user)
    expect_denied(
        experiments.create(OPERATOR, other),
        "glovebox-operator-fence-bindings",
        "the Glovebox operator may bind only the ClusterRoles 'glovebox-tenant' and"
        " 'glovebox-tenant-interactive'",
    )
    for role in ("glovebox-tenant", "glovebox-tenant-interactive"):
        theirs = objects.role_binding(INSIDE, f"own-{role}", role, "tess")
        expect_admitted(experiments.create(OPERATOR, theirs))
    stronger = objects.role_binding(INSIDE, "escalation", "cluster-admin", OPERATOR.user)
    assert (
        "attempting to grant RBAC permissions not currently held"
        in experiments.create(OPERATOR, stronger).err
    )


def test_it_writes_only_the_secret_of_the_credentials(experiments: Kubectl) -> None:
    names = (
        "'glovebox-artifacts-credentials', 'glovebox-inputs-credentials' and"
        " 'glovebox-stage-secrets', of type Opaque"
    )
    message = (
        f"the Glovebox operator may write only the Secrets {names}, and 'glovebox-image-pull', of"
        " type kubernetes.io/dockerconfigjson"
    )
    expect_denied(
        experiments.create(OPERATOR, objects.credentials(INSIDE, "other")),
        "glovebox-operator-fence-secrets",
        message,
    )
    token = objects.credentials(objects.BARE_NAMESPACE, kind="kubernetes.io/service-account-token")
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "glovebox-runner"}
    expect_denied(experiments.create(OPERATOR, token), "glovebox-operator-fence-secrets", message)


def test_outside_of_experiments_it_makes_two_secrets_its_own_keys(experiments: Kubectl) -> None:
    for key in ("glovebox-signing-key", "glovebox-feature-names"):
        expect_admitted(experiments.create(OPERATOR, objects.credentials("glovebox-system", key)))
        expect_denied(
            experiments.create(OPERATOR, objects.credentials("default", key)),
            "glovebox-operator-fence",
            "the Glovebox operator may create secrets only in namespaces of experiments, and"
            " 'default' is none",
        )
    outside = (
        "the Glovebox operator may create secrets only in namespaces of experiments, and"
        " 'glovebox-system' is none"
    )
    expect_denied(
        experiments.create(OPERATOR, objects.credentials("glovebox-system", "other")),
        "glovebox-operator-fence",
        outside,
    )
    token = objects.credentials(
        "glovebox-system", "glovebox-signing-key", kind="kubernetes.io/service-account-token"
    )
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "glovebox-operator"}
    message = "the Glovebox operator may create Secrets in its own namespace only of type Opaque"
    expect_denied(
        experiments.create(OPERATOR, token), "glovebox-operator-fence-signing-key", message
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("get", "secrets", "--all-namespaces"), id="read all Secrets"),
        pytest.param(("get", "secret", "any", "--namespace=default"), id="read a foreign Secret"),
        pytest.param(
            ("get", "secrets", "--namespace=glovebox-system"),
            id="list the Secrets of its own namespace",
        ),
        pytest.param(
            ("get", "secrets", f"--namespace={INSIDE}"), id="list the Secrets of an experiment"
        ),
        pytest.param(("label", "clusterrole", "glovebox-tenant", "x=y"), id="edit a ClusterRole"),
        pytest.param(
            ("delete", "validatingadmissionpolicy", "glovebox-pods"), id="take down a guard"
        ),
        pytest.param(
            ("create", "token", "default", "--namespace=kube-system"), id="become somebody else"
        ),
        pytest.param(("get", "nodes"), id="look at nodes"),
        pytest.param(("exec", "running", f"--namespace={INSIDE}", "--", "true"), id="enter a pod"),
    ],
)
def test_it_has_no_right_to(experiments: Kubectl, arguments: tuple[str, ...]) -> None:
    expect_no_right(experiments(OPERATOR, *arguments))


def lease(space: str, name: str) -> objects.Json:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": space},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15},
    }


def test_it_holds_the_one_lease_by_which_a_replica_leads(experiments: Kubectl) -> None:
    expect_admitted(experiments.create(OPERATOR, lease(OWN_NAMESPACE, "glovebox-operator")))
    for space in (PLAIN, "kube-system"):
        expect_no_right(experiments.create(OPERATOR, lease(space, "glovebox-operator")))
    expect_denied(
        experiments.create(OPERATOR, lease(OWN_NAMESPACE, "of-somebody")),
        "glovebox-operator-fence",
        outside("create", "leases", OWN_NAMESPACE),
    )


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(objects.role_binding(INSIDE, "more", "edit", "eve"), id="another role"),
        pytest.param(objects.credentials(INSIDE, "other"), id="another Secret"),
        pytest.param(objects.namespace("elsewhere", uid=None), id="a namespace of anybody"),
        pytest.param(objects.job(PLAIN), id="a Job outside of experiments"),
        pytest.param(
            objects.credentials(PLAIN, "typed", kind="example.com/other"), id="a Secret with a type"
        ),
        pytest.param(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "scratch", "namespace": INSIDE},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
            id="a claim",
        ),
        pytest.param(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": "of-anybody"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "capacity": {"storage": "1Gi"},
                    "hostPath": {"path": "/srv/other"},
                },
            },
            id="a volume",
        ),
    ],
)
def test_the_fence_stands_around_the_operator_alone(
    experiments: Kubectl, thing: objects.Json
) -> None:
    expect_admitted(experiments.create(BREAK_GLASS, thing))
    assert experiments.create(OPERATOR, thing).code != 0
