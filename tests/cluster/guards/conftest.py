"""The chart without its operator, and experiments' namespaces made in the operator's name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.guards import jobsets, objects
from cluster.guards.actors import (
    BREAK_GLASS,
    BREAK_GLASS_GROUP,
    CLUSTER_ADMIN,
    NAMESPACE_ADMIN,
    OPERATOR,
    Actor,
    Answer,
    Kubectl,
    expect_admitted,
)
from cluster.guards.declared import declare_examples
from cluster.guards.jobsets import JOBS, JOBSET, JOBSETS, SERVICES, SPACE, job_of_jobset, owner
from support.cluster import running_cluster
from support.jobset import define_jobsets

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 60
# From where these tests' operator may hand out volumes.
INPUT_VOLUMES = {
    "csiDrivers": ["s3.csi.aws.com"],
    "hostPaths": ["/srv/cache"],
    "nfsServers": ["nfs.example"],
}
# No process of the operator runs; the tests speak in its name.
OPERATOR_OUTSIDE = {
    "enabled": False,
    "identities": [OPERATOR.user],
    "settings": {"tasks": "Jobs"},
    "env": objects.TASK_ENV,
    "subjects": [{"kind": "User", "name": OPERATOR.user, "apiGroup": "rbac.authorization.k8s.io"}],
}
GOLDEN = Path(__file__).parents[2] / "golden"
CHART = Path(__file__).parents[3] / "helm" / "glovebox"


def until(attempt: Callable[[], Answer], good: Callable[[Answer], bool]) -> Answer:
    """Try until the answer is good; policies act some seconds after they were created."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not good(answer := attempt()):
        assert time.monotonic() < deadline, f"kubectl {answer.command}: {answer.out} {answer.err}"
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Kubectl against a cluster of its own with the chart, but without an operator.

    Of its own, because guards hold cluster-wide and would meet the other tests' experiments.
    """
    with running_cluster(tmp_path_factory.mktemp("guards")) as cluster:
        values = {
            "operator": OPERATOR_OUTSIDE,
            "guards": {"breakGlassGroups": [BREAK_GLASS_GROUP], "inputVolumes": INPUT_VOLUMES},
            "traces": {"endpoint": objects.TRACES},
        }
        install = (
            "install",
            "glovebox",
            str(CHART),
            "--namespace=glovebox-system",
            "--create-namespace",
            "--values=-",
        )
        cluster.helm(*install, stdin=json.dumps(values))
        kubectl = Kubectl(cluster)
        wait_for_guards(kubectl)
        yield kubectl


def wait_for_guards(kubectl: Kubectl) -> None:
    """Wait until the guards act.

    All of them become active together, a few seconds after their creation.
    """
    decoy = objects.namespace("decoy")
    until(
        lambda: kubectl.create(CLUSTER_ADMIN, decoy),
        lambda answer: "glovebox-namespaces" in answer.err,
    )
    until(
        lambda: kubectl.create(OPERATOR, decoy),
        lambda answer: "glovebox-operator-fence-namespaces" in answer.err,
    )


@pytest.fixture(scope="package")
def experiments(guarded: Kubectl) -> Kubectl:
    """Kubectl, with namespaces behind the guards and a plain one.

    An open, a frozen and a sealed experiment, and one without a snapshot.
    """
    kubectl = guarded
    for space, state in (
        (objects.NAMESPACE, "Open"),
        (objects.FROZEN_NAMESPACE, "Open"),
        (objects.SEALED_NAMESPACE, "Open"),
    ):
        expect_admitted(
            kubectl.create(OPERATOR, objects.namespace(space, state=state), dry_run=False)
        )
        expect_admitted(
            kubectl.create(OPERATOR, objects.together(*objects.walls(space)), dry_run=False)
        )
        # The strongest right that somebody may hold inside: it can only be given by breaking the
        # glass.
        admin = objects.role_binding(space, "admins", "admin", NAMESPACE_ADMIN.user)
        expect_admitted(kubectl.create(BREAK_GLASS, admin, dry_run=False))
        expect_admitted(kubectl.create(CLUSTER_ADMIN, objects.pod(space, "running"), dry_run=False))
    for space, state in (
        (objects.FROZEN_NAMESPACE, "Frozen"),
        (objects.SEALED_NAMESPACE, "Sealed"),
    ):
        expect_admitted(
            kubectl(
                OPERATOR, "label", "--overwrite", "namespace", space, f"glovebox.dev/state={state}"
            )
        )
    expect_admitted(
        kubectl.create(OPERATOR, objects.namespace(objects.BARE_NAMESPACE), dry_run=False)
    )
    expect_admitted(
        kubectl.create(OPERATOR, objects.service_account(objects.BARE_NAMESPACE), dry_run=False)
    )
    expect_admitted(kubectl.create(CLUSTER_ADMIN, objects.WEAK_RUNTIME, dry_run=False))
    plain = (
        objects.namespace(objects.PLAIN_NAMESPACE, uid=None),
        objects.service_account(objects.PLAIN_NAMESPACE),
        objects.role_binding(objects.PLAIN_NAMESPACE, "admins", "admin", NAMESPACE_ADMIN.user),
    )
    expect_admitted(kubectl.create(CLUSTER_ADMIN, objects.together(*plain), dry_run=False))
    until(
        lambda: kubectl.create(CLUSTER_ADMIN, objects.pod(objects.SEALED_NAMESPACE)),
        lambda answer: "glovebox-state" in answer.err,
    )
    return kubectl


@pytest.fixture(scope="package")
def declared(guarded: Kubectl) -> dict[str, dict[str, Any]]:
    """One resource of each of our kinds, by plural."""
    return declare_examples(guarded)


@pytest.fixture(scope="package")
def alone(experiments: Kubectl) -> Kubectl:
    """Kubectl, with the namespace of an Experiment that has a run; it stays, as others do."""
    if experiments(CLUSTER_ADMIN, "get", "namespace", objects.ALONE_NAMESPACE).code == 0:
        return experiments
    walls = objects.walls(objects.ALONE_NAMESPACE)
    for wall in walls:
        if wall["metadata"]["name"] == "glovebox-snapshot":
            wall["data"]["handMadePods"] = "Refused"
    space = objects.namespace(objects.ALONE_NAMESPACE)
    expect_admitted(experiments.create(OPERATOR, space, dry_run=False))
    expect_admitted(experiments.create(OPERATOR, objects.together(*walls), dry_run=False))
    admin = objects.role_binding(objects.ALONE_NAMESPACE, "admins", "admin", "nadia")
    expect_admitted(experiments.create(BREAK_GLASS, admin, dry_run=False))
    # The policy reads the snapshot from a cache of its own.
    until(
        lambda: experiments.create(CLUSTER_ADMIN, objects.pod(objects.ALONE_NAMESPACE)),
        lambda answer: "glovebox-run-alone" in answer.err,
    )
    return experiments


@pytest.fixture(scope="module")
def known(alone: Kubectl) -> Kubectl:
    """Kubectl, where the kind is served: the guards were installed before anybody knew it."""
    define_jobsets(alone.cluster)
    return alone


@pytest.fixture(scope="module")
def staged(known: Kubectl) -> Iterator[dict[str, Any]]:
    """The run's JobSet, with a Job that is suspended and the Service; by their controller."""
    made = _have(known, OPERATOR, JOBSETS, jobsets.jobset(SPACE))
    owners = (owner(uid=made["metadata"]["uid"]),)
    job = job_of_jobset(SPACE, owners=owners)
    job["spec"]["suspend"] = True
    _have(known, JOBSET, JOBS, job)
    _have(known, JOBSET, SERVICES, jobsets.service(SPACE, owners=owners))
    yield made
    # The garbage collector learns of a new kind within half a minute, and would do it then.
    for path in (f"{JOBS}/glovebox-run-train-0", f"{SERVICES}/glovebox-run"):
        known.api(BREAK_GLASS).delete(path, propagationPolicy="Background")
    known.api(BREAK_GLASS).delete(f"{JOBSETS}/glovebox-run", propagationPolicy="Background")


def _have(known: Kubectl, actor: Actor, collection: str, thing: dict[str, Any]) -> dict[str, Any]:
    """Create it, or return it as an attempt that was cut short has left it."""
    left = known.api(CLUSTER_ADMIN).find(f"{collection}/{thing['metadata']['name']}")
    return left or known.api(actor).create(collection, thing)
