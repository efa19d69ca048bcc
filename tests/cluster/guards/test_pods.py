"""How a pod may run: as the runner, without a token, off the host, where the scheduler puts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    OPERATOR,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from support.api import ApiError

RUNNER = "`serviceAccountName` must be 'glovebox-runner', the only identity of an experiment's pods"
TOKEN = (
    "no credential for the API server may be mounted: leave out `automountServiceAccountToken:"
    " true` and projected tokens or certificates"
)
HOST = (
    "the host must stay out of reach: leave out `hostNetwork`, `hostPID`, `hostIPC`, `hostPort` and"
    " `hostPath` volumes"
)
PLACE = (
    '`nodeName` must be left out and `schedulerName` must be one of ["default-scheduler"]: '
    "pods run where the platform's scheduler puts them"
)
NAMES = (
    "`hostAliases`, and `nameservers` and `searches` of `dnsConfig`, must be left out: what a name"
    " means is not up to a pod, or its fetcher would show its session to another than the store"
)
OWN_NAME = (
    "`hostnameOverride` must be left out: a pod that is called as the store answers for it, and its"
    " fetcher would show its session to itself"
)
OPTIONS = (
    "`options` of `dnsConfig` must be words of letters, digits, dashes and colons with numbers,"
    " such as `ndots` with `2`: what else is in them could name a resolver or a domain"
)
SYSTEM = "`os.name` must be 'linux' or be left out: Pod Security asks less of other pods"
PRIORITY = "`priorityClassName` must be left out: an experiment must not evict others"
RUNTIME = "`runtimeClassName` must be left out"
TAINTS = (
    "`tolerations` must name no other keys than"
    ' ["node.kubernetes.io/memory-pressure","node.kubernetes.io/not-ready",'
    '"node.kubernetes.io/unreachable"]:'
    " tainted nodes are kept for others"
)
ROOT = (
    "with `hostUsers: false` as without it, `runAsNonRoot` must be true and `runAsUser` must not be"
    " 0: pods of an experiment do not run as root"
)
GRACE = (
    "`terminationGracePeriodSeconds` of a pod and of its probes must be from 1 to 120, or be left"
    " out: what is stopped must end soon, and not be forgotten before it has ended"
)

WHOLE = (
    "`resources` of the pod as a whole must be left out: say them for each container, where the"
    " limits of the experiment hold"
)


def probed(probe: str, seconds: int) -> dict[str, Any]:
    """Return containers with a probe that gives so many seconds."""
    check = {"exec": {"command": ["true"]}, "terminationGracePeriodSeconds": seconds}
    return {"containers": [objects.container() | {probe: check}]}


def resolving(name: str, value: str | None = None) -> dict[str, Any]:
    """Return a pod with an option of its resolver, which is written into a file as it is."""
    return {"dnsConfig": {"options": [{"name": name} | ({"value": value} if value else {})]}}


def for_windows() -> dict[str, Any]:
    """Return a pod for Windows: without what Pod Security asks of Linux alone."""
    container = {"name": "main", "image": objects.IMAGE}
    context = {"runAsNonRoot": True}
    return {"os": {"name": "windows"}, "securityContext": context, "containers": [container]}


def in_own_users(of_the_pod: dict[str, Any], **of_a_container: Any) -> dict[str, Any]:
    """Return a pod with users of its own, and other security contexts than the ordinary ones."""
    container = objects.container()
    container["securityContext"] |= of_a_container
    context = objects.pod_spec()["securityContext"] | of_the_pod
    return {"hostUsers": False, "securityContext": context, "containers": [container]}


ATTACKS = [
    pytest.param(in_own_users({"runAsUser": 0}), ROOT, id="root, in users of its own"),
    pytest.param(in_own_users({}, runAsUser=0), ROOT, id="the same, in a container"),
    pytest.param(
        in_own_users({}, runAsNonRoot=False), ROOT, id="root by its image, in users of its own"
    ),
    pytest.param(
        in_own_users({"runAsNonRoot": False}), ROOT, id="the same, said for all containers"
    ),
    pytest.param({"terminationGracePeriodSeconds": 121}, GRACE, id="an end that takes for ever"),
    pytest.param({"terminationGracePeriodSeconds": 0}, GRACE, id="an end that nobody waits for"),
    pytest.param(probed("livenessProbe", 121), GRACE, id="the same, in a liveness probe"),
    pytest.param(probed("startupProbe", 121), GRACE, id="the same, in a startup probe"),
    pytest.param(
        {
            "initContainers": [
                probed("livenessProbe", 121)["containers"][0]
                | {"name": "side", "restartPolicy": "Always"}
            ]
        },
        GRACE,
        id="the same, in a sidecar",
    ),
    pytest.param(
        {"resources": {"limits": {"memory": "64Ti"}, "requests": {"memory": "1Mi"}}},
        WHOLE,
        id="memory that no limit of a container bounds",
    ),
    pytest.param(
        {"resources": {"requests": {"memory": "1Mi"}}}, WHOLE, id="requests of no container"
    ),
    pytest.param({"serviceAccountName": "default"}, RUNNER, id="another ServiceAccount"),
    pytest.param(
        {"automountServiceAccountToken": True},
        TOKEN,
        id="a token asked for in the pod, against its ServiceAccount",
    ),
    pytest.param(
        {
            "volumes": [
                {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
            ]
        },
        TOKEN,
        id="a token as a projected volume, which Pod Security admits",
    ),
    pytest.param({"nodeName": "n1"}, PLACE, id="a node chosen by hand passes the scheduler by"),
    pytest.param({"schedulerName": "mine"}, PLACE, id="another scheduler"),
    pytest.param(
        {"priorityClassName": "system-cluster-critical"},
        PRIORITY,
        id="a priority that evicts others",
    ),
    pytest.param({"runtimeClassName": "weak"}, RUNTIME, id="a weaker runtime"),
    pytest.param(
        {"tolerations": [{"operator": "Exists"}]}, TAINTS, id="a toleration of everything"
    ),
    pytest.param(
        {"tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]},
        TAINTS,
        id="the control plane's nodes",
    ),
    pytest.param(
        {"hostAliases": [{"ip": "192.0.2.7", "hostnames": ["s3.example"]}]},
        NAMES,
        id="a name of the store that means another server",
    ),
    pytest.param({"dnsConfig": {"nameservers": ["192.0.2.7"]}}, NAMES, id="a resolver of its own"),
    pytest.param({"dnsConfig": {"searches": ["evil.example"]}}, NAMES, id="a domain of its own"),
    pytest.param({"hostnameOverride": "s3.example"}, OWN_NAME, id="the name of the store"),
    pytest.param(
        resolving("ndots", "9\nsearch evil.example"), OPTIONS, id="a domain behind an option"
    ),
    pytest.param(
        resolving("rotate\nnameserver 192.0.2.7"), OPTIONS, id="a resolver behind an option"
    ),
    pytest.param(for_windows(), SYSTEM, id="another system, of which Pod Security asks less"),
]


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize(("change", "message"), ATTACKS)
def test_a_pod_is_refused(
    experiments: Kubectl, actor: Actor, change: dict[str, Any], message: str
) -> None:
    expect_denied(
        experiments.create(actor, objects.pod(objects.NAMESPACE, **change)),
        "glovebox-pods",
        message,
    )


@pytest.mark.parametrize(("change", "message"), ATTACKS)
def test_a_job_with_such_a_template_is_refused(
    experiments: Kubectl, change: dict[str, Any], message: str
) -> None:
    expect_denied(
        experiments.create(TENANT, objects.job(objects.NAMESPACE, **change)),
        "glovebox-jobs",
        message,
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"terminationGracePeriodSeconds": seconds}, id=f"{seconds} of the pod")
        for seconds in (1, 120)
    ]
    + [
        pytest.param(probed(probe, 120), id=f"120 of {probe}")
        for probe in ("livenessProbe", "startupProbe")
    ]
    + [
        pytest.param(in_own_users({}), id="users of its own"),
        pytest.param(in_own_users({"runAsNonRoot": False}, runAsNonRoot=True), id="by container"),
        pytest.param(resolving("ndots", "2"), id="options"),
        pytest.param(resolving("single-request-reopen"), id="an option without a number"),
        pytest.param(resolving("attempts:3"), id="an option in one word"),
        pytest.param({"os": {"name": "linux"}}, id="what it runs on anyway"),
        pytest.param({"resources": {}}, id="nothing asked for the pod as a whole"),
    ],
)
def test_what_lies_beside_a_rule_is_admitted(experiments: Kubectl, change: dict[str, Any]) -> None:
    expect_admitted(experiments.create(TENANT, objects.pod(objects.NAMESPACE, **change)))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"hostNetwork": True}, id="network"),
        pytest.param({"hostPID": True}, id="processes"),
        pytest.param({"hostIPC": True}, id="memory"),
        pytest.param({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, id="files"),
        pytest.param(
            {
                "containers": [
                    {**objects.container(), "ports": [{"containerPort": 80, "hostPort": 80}]}
                ]
            },
            id="port",
        ),
    ],
)
def test_the_host_is_out_of_reach(experiments: Kubectl, change: dict[str, Any]) -> None:
    """A Job shows the guard alone: Pod Security looks at pods only, and refuses those itself."""
    expect_denied(
        experiments.create(TENANT, objects.job(objects.NAMESPACE, **change)), "glovebox-jobs", HOST
    )
    answer = experiments.create(TENANT, objects.pod(objects.NAMESPACE, **change))
    assert answer.code != 0
    assert "violates PodSecurity" in answer.err or HOST in answer.err


def test_a_running_pod_gains_no_toleration(experiments: Kubectl) -> None:
    more = (
        '[{"op": "add", "path": "/spec/tolerations/-", "value": {"key": "gpu", "operator":'
        ' "Exists"}}]'
    )
    answer = experiments(
        CLUSTER_ADMIN,
        "patch",
        "pod",
        "running",
        f"--namespace={objects.NAMESPACE}",
        "--type=json",
        f"--patch={more}",
        "--dry-run=server",
    )
    expect_denied(answer, "glovebox-pod-changes", TAINTS)


def test_the_tolerations_that_kubernetes_adds_pass(experiments: Kubectl) -> None:
    answer = experiments(
        TENANT,
        "get",
        "pod",
        "running",
        f"--namespace={objects.NAMESPACE}",
        "-o",
        "jsonpath={.spec.tolerations[*].key}",
    )
    expect_admitted(answer)
    assert answer.out.split() == ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]


MARK = "app.kubernetes.io/managed-by=glovebox"
MARKED = (
    "label `app.kubernetes.io/managed-by: glovebox` must be left out: it marks what the operator"
    " makes, which nobody else may stop"
)
BY_HAND = (
    "a pod made by hand may not carry the labels or the owner by which a Job knows its pods; leave"
    " out `controller-uid`, `job-name`, and `ownerReferences` to a Job, or create a Job"
)
MARKED_TEMPLATE = (
    "label `app.kubernetes.io/managed-by: glovebox` must be left out of"
    " `spec.template.metadata.labels`: it marks what the operator makes, which nobody else may stop"
)
SELECTOR = "`manualSelector` must be left out: Kubernetes chooses how a Job knows its pods"
OF_A_JOB = {"batch.kubernetes.io/job-name": "train", "job-name": "train"}
JOB_CONTROLLER = "system:serviceaccount:kube-system:job-controller"


def test_a_running_pod_does_not_become_the_operator_s(experiments: Kubectl) -> None:
    where = ("pod/running", f"--namespace={objects.NAMESPACE}", "--dry-run=server")
    answer = experiments(BREAK_GLASS, "label", *where, MARK)
    expect_denied(answer, "glovebox-pod-changes", MARKED)


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_pod_made_by_hand_does_not_look_like_a_job_s(experiments: Kubectl, actor: Actor) -> None:
    forged = objects.pod(objects.NAMESPACE)
    forged["metadata"]["labels"] = OF_A_JOB
    expect_denied(experiments.create(actor, forged), "glovebox-pod-owners", BY_HAND)


def test_kubernetes_and_breaking_the_glass_make_pods_of_jobs(experiments: Kubectl) -> None:
    pod = objects.pod(objects.NAMESPACE)
    pod["metadata"]["labels"] = OF_A_JOB
    expect_admitted(experiments.create(BREAK_GLASS, pod))
    path = f"/api/v1/namespaces/{objects.NAMESPACE}/pods"
    experiments.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER).create(path, pod, dryRun="All")


@pytest.mark.parametrize(
    ("make", "policy"),
    [
        pytest.param(objects.pod, "glovebox-pods", id="pod"),
        pytest.param(objects.job, "glovebox-jobs", id="job"),
    ],
)
def test_a_volume_that_a_node_would_mount_over_its_network_is_refused(
    experiments: Kubectl, make: Callable[..., objects.Json], policy: str
) -> None:
    """Pod Security admits it, also where it is restricted."""
    volumes = [{"name": "far", "csi": {"driver": "nfs.example"}}]
    answer = experiments.create(TENANT, make(objects.NAMESPACE, volumes=volumes))
    assert f"'{policy}'" in answer.err
    assert "`volumes` may be of the kinds" in answer.err


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_job_does_not_choose_how_it_knows_its_pods(experiments: Kubectl, actor: Actor) -> None:
    """Its pods could look like those of the operator's run."""
    job = objects.job(objects.NAMESPACE)
    labels = {"app": "train"}
    job["spec"] |= {"manualSelector": True, "selector": {"matchLabels": labels}}
    job["spec"]["template"]["metadata"] = {"labels": labels}
    expect_denied(experiments.create(actor, job), "glovebox-jobs", SELECTOR)


@pytest.mark.parametrize("actor", EVERYBODY)
def test_the_pods_of_a_job_do_not_bear_the_operator_s_mark(
    experiments: Kubectl, actor: Actor
) -> None:
    job = objects.job(objects.NAMESPACE)
    # Without labels of its own a Job gets those of its pods.
    job["metadata"]["labels"] = {"app": "train"}
    job["spec"]["template"]["metadata"] = {"labels": {"app.kubernetes.io/managed-by": "glovebox"}}
    expect_denied(experiments.create(actor, job), "glovebox-jobs", MARKED_TEMPLATE)
    expect_admitted(experiments.create(OPERATOR, job))


def test_a_controller_gives_the_operator_s_mark_to_no_pod_of_others(experiments: Kubectl) -> None:
    pod = objects.pod(objects.NAMESPACE)
    pod["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "glovebox"}
    path = f"/api/v1/namespaces/{objects.NAMESPACE}/pods"
    controller = experiments.api(CLUSTER_ADMIN).acting_as(JOB_CONTROLLER)
    with pytest.raises(ApiError, match="'glovebox-pods'") as refusal:
        controller.create(path, pod, dryRun="All")
    assert refusal.value.message.endswith(MARKED)
