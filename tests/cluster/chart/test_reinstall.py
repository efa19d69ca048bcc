"""The guards and their parameters outlive an uninstall.

What is sealed stays sealed, and after an install runs start again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.chart.rendering import CHART
from cluster.guards import objects
from cluster.guards.actors import CLUSTER_ADMIN, OPERATOR, Kubectl, expect_admitted, expect_denied
from cluster.guards.conftest import OPERATOR_OUTSIDE, until, wait_for_guards
from cluster.guards.test_images import refusal
from support.cluster import Cluster, running_cluster
from support.numbering_proxy import Write, api_proxy, kubeconfig_through, numbering

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEFORE = "gbx-flights-before-abcdefghij"
AFTER = "gbx-flights-after-abcdefghij"
SEALED = "gbx-flights-closed-abcdefghij"


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of the test's own: what it looks at is the life of one API server process."""
    with running_cluster(tmp_path_factory.mktemp("reinstall")) as cluster:
        yield cluster


def install(cluster: Cluster, **guards: Any) -> Kubectl:
    values = {"operator": OPERATOR_OUTSIDE, "guards": guards}
    release = ("glovebox", str(CHART), "--namespace=glovebox-system", "--create-namespace")
    cluster.helm("install", *release, "--values=-", stdin=json.dumps(values))
    kubectl = Kubectl(cluster)
    wait_for_guards(kubectl)
    return kubectl


def provision(kubectl: Kubectl, space: str) -> None:
    """Make what the operator makes; see a pod admitted and a foreign image refused."""
    expect_admitted(kubectl.create(OPERATOR, objects.namespace(space), dry_run=False))
    expect_admitted(
        kubectl.create(OPERATOR, objects.together(*objects.walls(space)), dry_run=False)
    )
    until(
        lambda: kubectl.create(CLUSTER_ADMIN, objects.pod(space)),
        lambda answer: answer.code == 0,
    )
    expect_denied(foreign_pod(kubectl, space), "glovebox-images", refusal("main", "busybox:1"))


def foreign_pod(kubectl: Kubectl, space: str) -> Any:
    return kubectl.create(
        CLUSTER_ADMIN, objects.pod(space, containers=[objects.container("busybox:1")])
    )


def policies(kubectl: Kubectl, *selector: str) -> set[str]:
    listed = kubectl(CLUSTER_ADMIN, "get", "validatingadmissionpolicies", *selector, "-o", "name")
    return {line.rpartition("/")[2] for line in listed.out.splitlines()}


def provision_open_and_sealed(kubectl: Kubectl) -> None:
    provision(kubectl, BEFORE)
    provision(kubectl, SEALED)
    label = ("label", "--overwrite", "namespace", SEALED, "glovebox.dev/state=Sealed")
    expect_admitted(kubectl(OPERATOR, *label))
    until(
        lambda: kubectl.create(CLUSTER_ADMIN, objects.pod(SEALED)),
        lambda answer: "glovebox-state" in answer.err,
    )


def test_what_is_sealed_stays_sealed_without_the_release(own: Cluster) -> None:
    kubectl = install(own)
    provision_open_and_sealed(kubectl)

    own.helm("uninstall", "glovebox", "--namespace=glovebox-system")

    # For longer than the API server takes to notice that policies are gone.
    for _ in range(20):
        assert "glovebox-state" in kubectl.create(CLUSTER_ADMIN, objects.pod(SEALED)).err
    expect_denied(foreign_pod(kubectl, BEFORE), "glovebox-images", refusal("main", "busybox:1"))
    assert kubectl(CLUSTER_ADMIN, "delete", "namespace", BEFORE, "--dry-run=server").code != 0

    provision(install(own), AFTER)


def test_runs_start_after_the_guards_were_taken_away_and_installed_again(own: Cluster) -> None:
    """Without the policy that stays, no snapshot is read again until the API server restarts."""
    kubectl = install(own, keep=False)
    provision(kubectl, BEFORE)

    own.helm("uninstall", "glovebox", "--namespace=glovebox-system")

    until(lambda: foreign_pod(kubectl, BEFORE), lambda answer: answer.code == 0)

    provision(install(own), AFTER)


@pytest.mark.parametrize("deletions", [1, 4, 12])
def test_an_uninstall_that_was_cut_off_opens_nothing_and_is_gone_on_with(
    own: Cluster, tmp_path: Path, deletions: int
) -> None:
    """Helm keeps the release's name until `helm uninstall` is run once more."""
    kubectl = install(own)
    provision_open_and_sealed(kubectl)
    standing = policies(kubectl)

    proxy = api_proxy(own.kubeconfig, lambda method, *_: "helm" if method == "DELETE" else None)

    def cut(write: Write) -> None:
        if write.number >= deletions:
            proxy.down.set()

    proxy.before.append(cut)
    with numbering(proxy):
        own.helm(
            f"--kubeconfig={kubeconfig_through(proxy, tmp_path / 'cut')}",
            "uninstall",
            "glovebox",
            "--namespace=glovebox-system",
            check=False,
        )
    assert proxy.count("helm") >= deletions

    assert "glovebox-state" in kubectl.create(CLUSTER_ADMIN, objects.pod(SEALED)).err
    expect_denied(foreign_pod(kubectl, BEFORE), "glovebox-images", refusal("main", "busybox:1"))
    assert policies(kubectl) == standing
    release = ("glovebox", str(CHART), "--namespace=glovebox-system")
    assert "still in use" in own.helm("install", *release, check=False).stderr

    own.helm("uninstall", "glovebox", "--namespace=glovebox-system")
    assert "glovebox-state" in kubectl.create(CLUSTER_ADMIN, objects.pod(SEALED)).err

    provision(install(own), AFTER)


def test_the_command_that_readme_names_takes_the_guards_away(own: Cluster) -> None:
    kubectl = install(own)
    own.helm("uninstall", "glovebox", "--namespace=glovebox-system")
    assert "glovebox-state" in policies(kubectl)

    own.kubectl(
        "delete",
        "validatingadmissionpolicybindings,validatingadmissionpolicies",
        "--selector=app.kubernetes.io/name=glovebox,app.kubernetes.io/component=guard",
    )

    assert policies(kubectl) == {"glovebox-parameters"}
