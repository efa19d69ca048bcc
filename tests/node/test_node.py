"""A node of the local cluster.

It runs pods under their restrictions, gives them names, and enforces network policies.
"""

from __future__ import annotations

import http.client
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from glovebox_local.errors import LocalError
from glovebox_local.http_check import HealthCheck
from glovebox_local.programs import KUBERNETES, program_folder
from support.api import ApiError, path_of
from support.waiting import eventually

if TYPE_CHECKING:
    from support.node import NodeCluster

SERVE = "echo serving; exec busybox httpd -f -p 8080 -h /shared"
POLICIES = "networking.k8s.io/v1"


def _policy(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def scene(node_cluster: NodeCluster) -> NodeCluster:
    """Namespace `scene` (restricted): a server behind a service, a good client, a bad one."""
    node_cluster.api.create_namespace("scene", {"pod-security.kubernetes.io/enforce": "restricted"})
    node_cluster.create_pod("scene", "server", SERVE, labels={"app": "web"})
    node_cluster.create_pod("scene", "good", labels={"role": "good"})
    node_cluster.create_pod("scene", "bad", labels={"role": "bad"})
    service = {
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    node_cluster.api.create(path_of("v1", "services", namespace="scene"), service)
    node_cluster.wait_ready("scene", "server", "good", "bad")
    return node_cluster


def test_the_node_is_ready_and_has_the_name_of_its_certificate_only(
    node_cluster: NodeCluster,
) -> None:
    (node,) = node_cluster.api.list(path_of("v1", "nodes"))
    assert node["metadata"]["name"] == "n1"
    assert {entry["type"]: entry["status"] for entry in node["status"]["conditions"]}[
        "Ready"
    ] == "True"
    kubelet = node_cluster.cluster.api_as("system:node:n1", ["system:nodes"])
    with pytest.raises(ApiError) as refused:
        kubelet.list(path_of("v1", "secrets", namespace="kube-system"))
    assert refused.value.reason == "Forbidden"


def test_a_restricted_pod_reads_what_its_init_container_wrote_and_cannot_write_it(
    scene: NodeCluster,
) -> None:
    done = scene.run_in(
        "scene",
        "server",
        "cat /shared/index.html; touch /shared/more; touch /more; id -u",
        check=False,
    )
    assert done.stdout.split() == ["prepared", "1000"]
    assert done.stderr.count("Read-only file system") == 2


def test_kubectl_shows_logs_from_the_host(scene: NodeCluster) -> None:
    assert (
        scene.cluster.kubectl("logs", "-n", "scene", "server", "-c", "main").stdout == "serving\n"
    )


def test_kubectl_forwards_a_port_from_the_host(scene: NodeCluster) -> None:
    command = [
        str(program_folder(KUBERNETES) / "kubectl"),
        f"--kubeconfig={scene.cluster.kubeconfig}",
    ]
    command += ["port-forward", "-n", "scene", "pod/server", ":8080", "--address=127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout
            found = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
            assert found
            connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
            connection.request("GET", "/index.html")
            assert connection.getresponse().read() == b"prepared\n"
            connection.close()
        finally:
            forwarding.terminate()
            forwarding.wait(timeout=10)


def test_a_service_is_reached_by_its_name(scene: NodeCluster) -> None:
    for name in ("web", "web.scene", "web.scene.svc.cluster.local"):
        assert (
            scene.run_in("scene", "good", f"wget -q -O- http://{name}/index.html").stdout
            == "prepared\n"
        )


def test_a_default_deny_blocks_and_an_allow_opens_for_those_it_names_only(
    scene: NodeCluster,
) -> None:
    policies = path_of(POLICIES, "networkpolicies", namespace="scene")
    address = scene.ip_of("scene", "server")
    assert scene.reaches("scene", "good", address, 8080)
    assert scene.reaches("scene", "bad", address, 8080)
    web = {"matchLabels": {"app": "web"}}
    scene.api.create(policies, _policy("deny", podSelector=web, policyTypes=["Ingress"]))
    try:
        eventually(
            lambda: not scene.reaches("scene", "good", address, 8080), what="the deny holds for all"
        )
        eventually(
            lambda: not scene.reaches("scene", "bad", address, 8080), what="the deny holds for all"
        )
        allow = {
            "from": [{"podSelector": {"matchLabels": {"role": "good"}}}],
            "ports": [{"port": 8080}],
        }
        scene.api.create(
            policies, _policy("allow", podSelector=web, policyTypes=["Ingress"], ingress=[allow])
        )
        eventually(lambda: scene.reaches("scene", "good", address, 8080), what="the allow opens")
        assert not scene.reaches("scene", "bad", address, 8080)
    finally:
        for policy in scene.api.list(policies):
            scene.api.delete(f"{policies}/{policy['metadata']['name']}")
    eventually(
        lambda: scene.reaches("scene", "bad", address, 8080), what="without policies all is open"
    )


@pytest.mark.slow
def test_a_deny_holds_while_the_agent_is_down_and_after_it_came_back(scene: NodeCluster) -> None:
    policies = path_of(POLICIES, "networkpolicies", namespace="scene")
    address = scene.ip_of("scene", "server")
    (node,) = scene.cluster.environment.nodes
    scene.api.create(
        policies,
        _policy("deny", podSelector={"matchLabels": {"app": "web"}}, policyTypes=["Ingress"]),
    )
    try:
        eventually(lambda: not scene.reaches("scene", "bad", address, 8080), what="the deny holds")
        node.agent.kill()
        assert not scene.reaches("scene", "bad", address, 8080)
        node.agent.start()
        assert not scene.reaches("scene", "bad", address, 8080)
    finally:
        node.agent.start()
        scene.api.delete(f"{policies}/deny")
    eventually(
        lambda: scene.reaches("scene", "bad", address, 8080), what="without policies all is open"
    )


def test_the_api_server_is_out_of_reach_when_policy_says_so(scene: NodeCluster) -> None:
    policies = path_of(POLICIES, "networkpolicies", namespace="scene")
    port = scene.cluster.environment.description.ports["kube-apiserver"]
    ways = (("172.31.0.254", port), ("10.96.0.1", 443))
    assert all(scene.reaches("scene", "bad", *way) for way in ways)
    scene.api.create(
        policies,
        _policy(
            "deny-egress", podSelector={"matchLabels": {"role": "bad"}}, policyTypes=["Egress"]
        ),
    )
    try:
        eventually(
            lambda: not any(scene.reaches("scene", "bad", *way) for way in ways),
            what="the deny holds",
            timeout=30,
        )
        assert all(scene.reaches("scene", "good", *way) for way in ways)
    finally:
        scene.api.delete(f"{policies}/deny-egress")


@pytest.mark.slow
def test_pods_reach_s3_and_no_inner_port_of_store_or_control_plane(scene: NodeCluster) -> None:
    environment = scene.cluster.environment
    answer = scene.run_in(
        "scene", "good", f"wget -O- {environment.store_endpoint_for_pods}/", check=False
    )
    assert "403 Forbidden" in answer.stderr
    ports = environment.description.ports
    reached = {
        name for name, port in ports.items() if scene.reaches("scene", "good", "172.31.0.254", port)
    }
    assert reached == {"kube-apiserver", "s3"}


def test_a_program_in_the_gateway_reaches_api_server_and_store(scene: NodeCluster) -> None:
    environment = scene.cluster.environment
    kubectl = [
        str(program_folder(KUBERNETES) / "kubectl"),
        f"--kubeconfig={environment.kubeconfig}",
        "get",
        "nodes",
        "-o",
        "name",
    ]
    assert environment.gateway.run(kubectl) == "node/n1\n"
    assert (
        subprocess.run(
            [*environment.gateway.prefix(), *kubectl], capture_output=True, text=True, check=True
        ).stdout
        == "node/n1\n"
    )
    asked = HealthCheck(
        f"{environment.store_endpoint_for_pods}/", network=environment.gateway.holder
    )
    assert asked() == "answers 403"


def test_an_image_is_found_by_its_digest_and_no_other_is_taken_for_it(scene: NodeCluster) -> None:
    name, _, digest = scene.image.reference.partition("@")
    status = scene.api.get(path_of("v1", "pods", namespace="scene", name="good"))["status"][
        "containerStatuses"
    ][0]
    assert status["imageID"].endswith(digest)
    with pytest.raises(LocalError, match="and not sha256:0000"):
        scene.cluster.environment.driver.load_image(
            scene.image.archive, f"{name}@sha256:{'0' * 64}"
        )


@pytest.mark.slow
def test_a_killed_kubelet_comes_back_and_pods_have_not_noticed(scene: NodeCluster) -> None:
    (node,) = scene.cluster.environment.nodes
    before = scene.api.get(path_of("v1", "pods", namespace="scene", name="server"))["status"][
        "containerStatuses"
    ][0]["containerID"]
    node.kubelet.kill()
    node.containerd.kill()
    assert scene.cluster.environment.up()
    scene.create_pod("scene", "late")
    scene.wait_ready("scene", "server", "late")
    after = scene.api.get(path_of("v1", "pods", namespace="scene", name="server"))["status"][
        "containerStatuses"
    ][0]["containerID"]
    assert after == before
