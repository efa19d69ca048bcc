"""No pod asks a network plugin for a network or an address, when it is made or later.

Nor does one ask a container runtime for what Pod Security keeps from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from uuid import uuid4

import pytest
import yaml

from cluster.guards import objects
from cluster.guards.actors import (
    BREAK_GLASS,
    CLUSTER_ADMIN,
    EVERYBODY,
    KUBELET,
    TENANT,
    Actor,
    Kubectl,
    expect_admitted,
    expect_denied,
)
from cluster.guards.conftest import CHART
from cluster.guards.test_owned_objects import placed
from cluster.guards.test_workload_status import is_taken_up
from support.api import Api, ApiError
from support.waiting import eventually

DEFAULTS: Final = yaml.safe_load((CHART / "values.yaml").read_text())["guards"]
PREFIXES: Final[list[str]] = DEFAULTS["pods"]["networkAnnotations"]
NEW: Final = (
    f"annotations of the domains {', '.join(PREFIXES)} must be left out: a network plugin would"
    " obey them, and no NetworkPolicy holds on the networks that they name"
)
RUNTIME: Final[list[str]] = DEFAULTS["pods"]["runtimeAnnotations"]
BY_THE_RUNTIME: Final = (
    f"annotations of the domains {', '.join(RUNTIME)} must be left out: a container runtime or a"
    " plugin of it would obey them, and give the pod what Pod Security keeps from it"
)
LATER: Final = (
    f"annotations of the domains {', '.join(PREFIXES)} are for network plugins alone, which obey"
    " them; one that is not known is named in `guards.networkPlugins` of the chart"
)
SECOND_NETWORK: Final = {"k8s.v1.cni.cncf.io/networks": "kube-system/flat@eth1"}
PLUGIN: Final = "system:serviceaccount:kube-system:multus"
Annotated = Callable[[dict[str, str]], objects.Json]


def pod(annotations: dict[str, str]) -> objects.Json:
    made = objects.pod(objects.NAMESPACE)
    made["metadata"]["annotations"] = annotations
    return made


def job(annotations: dict[str, str]) -> objects.Json:
    made = objects.job(objects.NAMESPACE)
    made["spec"]["template"]["metadata"] = {"annotations": annotations}
    return made


MAKERS: Final = [
    pytest.param(pod, "glovebox-pods", id="pod"),
    pytest.param(job, "glovebox-jobs", id="job"),
]


@pytest.fixture(scope="module")
def standing(experiments: Kubectl) -> Iterator[str]:
    """The path of a pod that waits for a node."""
    path = f"/api/v1/namespaces/{objects.NAMESPACE}/pods"
    name = f"two-homed-{uuid4().hex[:8]}"
    tenant = experiments.api(TENANT)
    tenant.create(path, objects.pod(objects.NAMESPACE, name))
    yield f"{path}/{name}"
    tenant.delete(f"{path}/{name}")


def expect_admitted_patch(said: str) -> None:
    assert not said, said


def annotate(api: Api, path: str, annotations: dict[str, str]) -> str:
    """Return how the API server refuses annotations; nothing when it does not."""
    try:
        api.patch(path, {"metadata": {"annotations": annotations}}, dryRun="All")
    except ApiError as error:
        return error.message
    return ""


@pytest.mark.parametrize(("make", "policy"), MAKERS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_pod_is_not_made_with_one(
    experiments: Kubectl, prefix: str, make: Annotated, policy: str
) -> None:
    annotated = make({"team.example/note": "x", f"{prefix}/any": "x"})
    expect_denied(experiments.create(TENANT, annotated), policy, NEW)


# Each is read from pods by a plugin: address pools, routing tables, packets that nobody tracks.
OBEYED: Final = [
    "cni.cilium.io/mac-address",
    "ipam.cilium.io/ip-pool",
    "network.cilium.io/fib-table-id",
    "policy.cilium.io/no-track-port",
    "io.cilium.no-track-port",
    "ipam.antrea.io/ippools",
    "cni.projectcalico.org/ipAddrs",
    "k8s.v1.cni.cncf.io/networks",
    "k8s.ovn.org/pod-networks",
]


@pytest.mark.parametrize("key", OBEYED)
def test_what_is_known_to_be_obeyed_is_refused(experiments: Kubectl, key: str) -> None:
    expect_denied(experiments.create(TENANT, pod({key: "x"})), "glovebox-pods", NEW)


# Devices and mounts of the node, hooks outside of the container, another profile or kernel.
OBEYED_BY_RUNTIMES: Final = [
    "devices.nri.io/container.main",
    "mounts.noderesource.dev/container.main",
    "ulimits.nri.containerd.io/container.main",
    "cdi.k8s.io/any",
    "io.kubernetes.cri-o.Devices",
    "io.kubernetes.cri.untrusted-workload",
    "seccomp-profile.kubernetes.cri-o.io/main",
    "cpu-quota.crio.io",
    "io.containers.trace-syscall",
    "io.katacontainers.config.hypervisor.kernel_params",
    "dev.gvisor.flag.host-uds",
    "org.systemd.property.DevicePolicy",
    "run.oci.handler",
]


def test_each_domain_of_the_runtimes_has_such_an_annotation() -> None:
    assert {
        domain
        for domain in RUNTIME
        if any(
            f".{key.split('/')[0]}".endswith(f".{domain}") or key.startswith(f"{domain}.")
            for key in OBEYED_BY_RUNTIMES
        )
    } == set(RUNTIME)


@pytest.mark.parametrize(("make", "policy"), MAKERS)
@pytest.mark.parametrize("key", OBEYED_BY_RUNTIMES)
def test_what_container_runtimes_obey_is_refused(
    experiments: Kubectl, key: str, make: Annotated, policy: str
) -> None:
    expect_denied(experiments.create(TENANT, make({key: "x"})), policy, BY_THE_RUNTIME)


@pytest.mark.parametrize("actor", EVERYBODY)
def test_by_nobody(experiments: Kubectl, actor: Actor) -> None:
    expect_denied(experiments.create(actor, pod(SECOND_NETWORK)), "glovebox-pods", NEW)


@pytest.mark.parametrize(("make", "policy"), MAKERS)
def test_other_annotations_are_admitted(experiments: Kubectl, make: Annotated, policy: str) -> None:
    del policy
    others = {
        "team.example/note": "x",
        "note": "cni.projectcalico.org/ipAddrs",
        "notcilium.io/note": "x",
        "io.ciliumnot": "x",
        "notcrio.io/note": "x",
        "io.kubernetes.crinot": "x",
    }
    expect_admitted(experiments.create(TENANT, make(others)))


@pytest.mark.parametrize("ending", ["", "/status"])
def test_a_pod_that_stands_gets_none(experiments: Kubectl, standing: str, ending: str) -> None:
    admin = experiments.api(CLUSTER_ADMIN)
    said = annotate(admin, standing + ending, SECOND_NETWORK)
    assert "'glovebox-pod-networks'" in said
    assert said.endswith(LATER)
    expect_admitted_patch(annotate(admin, standing + ending, {"team.example/note": "x"}))


@pytest.mark.parametrize("ending", ["", "/status"])
@pytest.mark.parametrize("key", [OBEYED_BY_RUNTIMES[0], OBEYED_BY_RUNTIMES[-1]])
def test_a_pod_that_stands_gets_none_for_its_runtime(
    experiments: Kubectl, standing: str, ending: str, key: str
) -> None:
    said = annotate(experiments.api(CLUSTER_ADMIN), standing + ending, {key: "x"})
    assert "'glovebox-pod-networks'" in said
    assert said.endswith("would obey them when it starts the pod again")


@pytest.mark.parametrize("ending", ["", "/status"])
def test_network_plugins_say_what_they_gave(
    experiments: Kubectl, standing: str, ending: str
) -> None:
    # Plugins hold rights of their own, which no plugin has given here.
    plugin = experiments.api(CLUSTER_ADMIN).acting_as(PLUGIN, "system:masters")
    expect_admitted_patch(annotate(plugin, standing + ending, SECOND_NETWORK))
    expect_admitted_patch(annotate(experiments.api(BREAK_GLASS), standing + ending, SECOND_NETWORK))


def test_a_kubelet_says_it_of_a_pod_on_its_node(experiments: Kubectl) -> None:
    path = f"/api/v1/namespaces/{objects.NAMESPACE}/pods/{placed(experiments, TENANT, {})}"
    kubelet = experiments.api(KUBELET)
    try:
        eventually(
            lambda: is_taken_up(annotate(kubelet, f"{path}/status", SECOND_NETWORK)),
            what="NodeRestriction knows the node of the pod",
        )
        expect_admitted_patch(annotate(kubelet, f"{path}/status", SECOND_NETWORK))
    finally:
        experiments.api(BREAK_GLASS).delete(path, gracePeriodSeconds=0)


def test_what_a_plugin_said_stays_and_keeps_nothing_else_from_being_said(
    experiments: Kubectl, standing: str
) -> None:
    plugin = experiments.api(CLUSTER_ADMIN).acting_as(PLUGIN, "system:masters")
    plugin.patch(standing, {"metadata": {"annotations": SECOND_NETWORK}})
    admin = experiments.api(CLUSTER_ADMIN)
    expect_admitted_patch(annotate(admin, standing, {"team.example/note": "x"}))
    assert LATER in annotate(admin, standing, {"k8s.v1.cni.cncf.io/networks": "other"})
