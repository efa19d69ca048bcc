"""The chart in a real cluster, through its whole life."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster.chart.rendering import CHART, ROOT, only, render
from support.cluster import Cluster, running_cluster
from support.waiting import eventually

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = ("glovebox", str(CHART), "--namespace=glovebox-system")
OURS = "app.kubernetes.io/name=glovebox"
ROLES = "clusterroles,clusterrolebindings"
GUARDS = "validatingadmissionpolicies,validatingadmissionpolicybindings"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that nobody else uses: installing is a cluster-wide affair."""
    with running_cluster(tmp_path_factory.mktemp("chart")) as cluster:
        yield cluster


def installed(cluster: Cluster, kinds: str) -> list[str]:
    done = cluster.kubectl(
        "get",
        kinds,
        "--selector",
        OURS,
        "--all-namespaces",
        "-o",
        "jsonpath={range .items[*]}{.kind}/{.metadata.name} {end}",
    )
    return done.stdout.split()


def test_install_upgrade_uninstall(empty: Cluster) -> None:
    """One story: each step starts from the one before."""
    empty.helm("install", *RELEASE, "--create-namespace")
    assert "Deployment/glovebox-operator" in installed(empty, "deployments")
    assert "Service/glovebox-metrics" in installed(empty, "services")

    second = empty.helm("install", "other", str(CHART), "--namespace=default", check=False)
    assert second.returncode != 0
    assert 'must equal "other": current value is "glovebox"' in second.stderr

    wrong = empty.helm("upgrade", *RELEASE, "--set=guards.breakGlassGroup=x", check=False)
    assert wrong.returncode != 0
    assert "at '/guards': additional properties 'breakGlassGroup' not allowed" in wrong.stderr

    declare_an_experiment(empty)
    empty.helm("upgrade", *RELEASE, "--set-json", 'guards.breakGlassGroups=["emergency"]')
    policy = empty.kubectl(
        "get",
        "validatingadmissionpolicy",
        "glovebox-status",
        "-o",
        "jsonpath={.spec.matchConditions[1].expression}",
    )
    assert 'g in ["emergency"]' in policy.stdout

    before = installed(empty, f"customresourcedefinitions,{GUARDS}")
    empty.helm("uninstall", "glovebox", "--namespace=glovebox-system")
    assert installed(empty, f"customresourcedefinitions,{GUARDS}") == before
    assert installed(empty, ROLES) == []
    assert installed(empty, "deployments,services,serviceaccounts,roles,rolebindings") == []
    assert empty.kubectl(
        "get", "experiments.glovebox.dev", "--namespace=team-flights", "-o", "name"
    ).stdout.split()
    assert empty.kubectl("get", "namespace", "gbx-flights-kept", "-o", "name").returncode == 0

    empty.helm("install", *RELEASE)
    assert installed(empty, f"customresourcedefinitions,{GUARDS}") == before
    assert empty.kubectl(
        "get", "experiments.glovebox.dev", "--namespace=team-flights", "-o", "name"
    ).stdout.split()


def declare_an_experiment(cluster: Cluster) -> None:
    """Put one in, and the namespace that the operator would make for it."""
    cluster.kubectl("create", "namespace", "team-flights")
    example = (ROOT / "docs" / "examples" / "flights" / "experiment.yaml").read_text()
    cluster.kubectl("create", "--namespace=team-flights", "-f", "-", stdin=example)
    operator = cluster.kubeconfig_for_service_account("glovebox-system", "glovebox-operator")
    labels = {
        "glovebox.dev/experiment-uid": "u",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "gbx-flights-kept", "labels": labels},
    }
    cluster.kubectl("create", f"--kubeconfig={operator}", "-f", "-", stdin=json.dumps(namespace))


def test_the_operator_s_pod_is_admitted_where_pod_security_is_restricted(empty: Cluster) -> None:
    empty.kubectl("create", "namespace", "restricted")
    empty.kubectl(
        "label", "namespace", "restricted", "pod-security.kubernetes.io/enforce=restricted"
    )
    empty.kubectl("create", "serviceaccount", "glovebox-operator", "--namespace=restricted")
    template = only(render(), "Deployment")["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "operator"},
        "spec": template["spec"],
    }
    eventually(
        lambda: (
            empty.kubectl(
                "create",
                "--namespace=restricted",
                "--dry-run=server",
                "-f",
                "-",
                stdin=json.dumps(pod),
                check=False,
            ).returncode
            == 0
        ),
        what="the pod to be admitted",
    )


@pytest.mark.parametrize(
    "variant", [pytest.param(path, id=path.stem) for path in sorted((CHART / "ci").glob("*.yaml"))]
)
def test_the_api_server_accepts_every_object(empty: Cluster, variant: Path) -> None:
    """Every field is known and valid.

    Objects take another name, because those of the release stand already; definitions
    cannot.
    """
    elsewhere = {"CustomResourceDefinition", "ServiceMonitor", "PrometheusRule"}
    objects = [
        thing
        for thing in render(yaml.safe_load(variant.read_text()))
        if thing["kind"] not in elsewhere
    ]
    for thing in objects:
        thing["metadata"]["name"] += "-x"
    everything = {"apiVersion": "v1", "kind": "List", "items": objects}
    empty.kubectl(
        "create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(everything)
    )
