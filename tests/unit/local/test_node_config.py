"""What the programs of a node are told, and what its images are: pure text and bytes."""

from __future__ import annotations

import json
import tarfile
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from glovebox_local import packages
from glovebox_local.cluster_services import render_services
from glovebox_local.errors import LocalError
from glovebox_local.gateway import MAX_NODES, POD_CIDR, node_ip, pod_cidr
from glovebox_local.images import read_digests, write_image
from glovebox_local.node_config import (
    DNS_IP,
    agent_command,
    cni_config,
    containerd_config,
    kubelet_config,
    proxy_config,
)
from glovebox_local.packages import PACKAGES, Package, missing_packages, node_obstacle

if TYPE_CHECKING:
    from pathlib import Path


def _services(nodes: int = 2) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(render_services(nodes, "registry.example/coredns@sha256:0")))


def test_the_kubelet_answers_nobody_without_a_certificate_and_asks_the_api_server_who_may() -> None:
    config = yaml.safe_load(kubelet_config("n1", "glovebox-demo-abc-n1"))
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["authentication"]["x509"]["clientCAFile"]


def test_the_kubelet_keeps_to_its_own_cgroup_and_never_deletes_an_image() -> None:
    config = yaml.safe_load(kubelet_config("n1", "glovebox-demo-abc-n1"))
    assert config["cgroupRoot"] == "/glovebox-demo-abc-n1"
    assert config["imageGCHighThresholdPercent"] == 100
    assert config["clusterDNS"] == [DNS_IP]


def test_containerd_is_told_in_toml_where_its_plugins_and_its_pause_image_are() -> None:
    config = tomllib.loads(containerd_config("registry.example/pause@sha256:0"))
    plugins = config["plugins"]
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"] == {
        "sandbox": "registry.example/pause@sha256:0"
    }
    assert plugins["io.containerd.cri.v1.runtime"]["cni"] == {
        "bin_dirs": ["/run/node/cni/bin"],
        "conf_dir": "/run/node/cni/net.d",
    }
    assert json.loads(cni_config())["plugins"][0]["type"] == "cilium-cni"


def test_the_agent_touches_no_cgroup_of_the_whole_machine(tmp_path: Path) -> None:
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in agent_command(tmp_path)[1:])
    assert flags["bpf-lb-sock"] == "false"
    assert flags["kube-proxy-replacement"] == "false"
    assert flags["enable-policy"] == "default"
    assert flags["ipv4-native-routing-cidr"] == POD_CIDR


def test_kube_proxy_leaves_the_kernels_limits_alone() -> None:
    conntrack = yaml.safe_load(proxy_config("n1"))["conntrack"]
    assert set(conntrack.values()) == {0, "0s"}


def test_every_node_has_its_own_address_and_range() -> None:
    numbers = range(1, MAX_NODES + 1)
    assert (
        len({node_ip(number) for number in numbers})
        == len({pod_cidr(number) for number in numbers})
        == MAX_NODES
    )
    nodes = [document for document in _services(2) if document["kind"] == "Node"]
    assert [(node["metadata"]["name"], node["spec"]["podCIDR"]) for node in nodes] == [
        ("n1", pod_cidr(1)),
        ("n2", pod_cidr(2)),
    ]


def test_dns_is_where_policies_look_for_it() -> None:
    documents = {document["kind"]: document for document in _services()}
    assert documents["Service"]["metadata"]["namespace"] == "kube-system"
    assert documents["Service"]["spec"]["clusterIP"] == DNS_IP
    assert documents["Deployment"]["spec"]["template"]["metadata"]["labels"] == {
        "k8s-app": "kube-dns"
    }


def test_nobody_on_a_node_is_an_administrator() -> None:
    for document in _services():
        for rule in document.get("rules", ()):
            assert rule["apiGroups"] != ["*"]
            assert rule["verbs"] != ["*"] or rule["apiGroups"] == ["cilium.io"]
            assert "secrets" not in rule["resources"]


def test_the_same_files_make_the_same_image_and_others_another(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"one")
    first = write_image(
        tmp_path / "first.tar",
        "registry.example/x",
        {"bin/x": program},
        entrypoint=["/bin/x"],
        links={"bin/y": "x"},
    )
    again = write_image(
        tmp_path / "again.tar",
        "registry.example/x",
        {"bin/x": program},
        entrypoint=["/bin/x"],
        links={"bin/y": "x"},
    )
    assert first.reference == again.reference
    assert first.archive.read_bytes() == again.archive.read_bytes()
    assert read_digests(first.archive) == [first.reference.partition("@")[2]]
    program.write_bytes(b"two")
    other = write_image(
        tmp_path / "other.tar",
        "registry.example/x",
        {"bin/x": program},
        entrypoint=["/bin/x"],
        links={"bin/y": "x"},
    )
    assert other.reference != first.reference


def test_an_archive_that_is_no_image_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.tar"
    with tarfile.open(empty, "w"):
        pass
    with pytest.raises(LocalError, match="not an OCI archive"):
        read_digests(empty)


def test_what_is_missing_is_named_with_its_package_and_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = Package("no-such-package", "no-such-program", "nothing")
    monkeypatch.setattr(packages, "PACKAGES", (*PACKAGES, absent))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert absent in missing_packages()
    obstacle = node_obstacle()
    assert obstacle
    assert "no-such-program (no-such-package)" in obstacle
    assert "`glovebox local packages`" in obstacle


def test_without_root_no_node_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root" in (node_obstacle() or "")
