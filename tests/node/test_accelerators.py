"""A run that asks for an accelerator, from its quota to a node that is kept for those who do.

The device is a number in the node's status, as a device plugin would write it; the taint, the
scheduler, the kubelet and shared memory are real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from glovebox.desired.run import SHARED_MEMORY_FOLDER
from node.test_runs import ROWS, Run
from support.api import path_of
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.node import NodeCluster

GPU: Final = "nvidia.com/gpu"
TAINT: Final = {"key": GPU, "value": "present", "effect": "NoSchedule"}
PRIORITY: Final = {"metadata": {"name": "research"}, "value": 1000}
RUNTIME: Final = {"metadata": {"name": "accelerated"}, "handler": "runc"}
# More than the 64 MiB that a runtime gives; it must be the run's user who writes it.
SCRIPT: Final = """
fill() { /bin/busybox dd if=/dev/zero of=/dev/shm/$1 bs=1M count=$2 2>/tmp/why; }
fill frames 96 || { cat /tmp/why; exit 31; }
fill more 64 && exit 32
cat /inputs/train/rows.csv >/tmp/copy || exit 33
grep ' /dev/shm tmpfs ' /proc/mounts | cut -d ' ' -f 1-3
sleep 5
"""


def used(node_cluster: NodeCluster, quota: str) -> dict[str, str]:
    """Return what a quota has counted; nothing as long as it is not there."""
    found = node_cluster.api.find(quota) or {}
    return dict(found.get("status", {}).get("used", {}))


@pytest.fixture
def accelerated(node_cluster: NodeCluster) -> Iterator[str]:
    """A node with two accelerators, kept for those who tolerate it; its name."""
    api = node_cluster.api
    (node,) = api.list("/api/v1/nodes")
    path = f"/api/v1/nodes/{node['metadata']['name']}"
    capacity = f"/status/capacity/{GPU.replace('/', '~1')}"
    api.patch(f"{path}/status", [{"op": "add", "path": capacity, "value": "2"}], kind="json")
    # The kubelet adopts what it did not write itself.
    eventually(
        lambda: api.get(path)["status"]["allocatable"].get(GPU) == "2",
        what="the node offers accelerators",
        timeout=60,
    )
    api.patch(path, {"metadata": {"labels": {"accelerator": "fake"}}, "spec": {"taints": [TAINT]}})
    api.create(path_of("scheduling.k8s.io/v1", "priorityclasses"), PRIORITY)
    api.create(path_of("node.k8s.io/v1", "runtimeclasses"), RUNTIME)
    yield path
    api.patch(path, {"metadata": {"labels": {"accelerator": None}}, "spec": {"taints": None}})
    api.patch(f"{path}/status", [{"op": "remove", "path": capacity}], kind="json")


@pytest.mark.timeout(240)
def test_a_run_reaches_an_accelerator_that_is_kept_for_it(
    node_cluster: NodeCluster, platform: Team, team: Team, accelerated: str
) -> None:
    platform.declare(
        "IsolationProfile",
        "accelerated",
        profile_spec(
            images=[{"repository": node_cluster.image.reference.partition("@")[0]}],
            accelerators=[
                {
                    "resource": GPU,
                    "deviceClass": "gpu.nvidia.com",
                    "maximum": 2,
                    "nodeSelector": {"accelerator": "fake"},
                    "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
                    "runtimeClassName": "accelerated",
                }
            ],
            scheduling={"priorityClassName": "research"},
        ),
    )
    run = Run(node_cluster, team, profile="accelerated")
    run.pin("rows", ROWS)
    images = [{"name": "trainer", "reference": node_cluster.image.reference}]
    asked = {
        "image": "trainer",
        "command": ["sh", "-c", SCRIPT],
        "resources": {"cpu": "100m", "memory": "64Mi", GPU: 1},
        "sharedMemory": "128Mi",
        "scratch": "64Mi",
    }
    # A run that asks for none: the taint keeps it out for as long as it is there.
    plain = {"image": "trainer", "command": ["sh", "-c", "true"]}
    for name, profile, what, inputs in (
        ("plain", "standard", plain, {}),
        ("trained", "accelerated", asked, run.inputs),
    ):
        team.declare(
            "Experiment",
            name,
            experiment_spec(profile, "primary", images=images, run=what, inputs=inputs),
        )
    namespace = eventually(
        lambda: team.read("Experiment", "trained").get("status", {}).get("namespace"),
        what="a namespace",
        timeout=30,
    )
    quota = path_of("v1", "resourcequotas", namespace=namespace, name="glovebox-quota")
    eventually(
        lambda: used(node_cluster, quota).get(f"requests.{GPU}") == "1",
        what="the accelerator counts",
        timeout=60,
    )
    hard = node_cluster.api.get(quota)["status"]["hard"]
    assert {name: hard[name] for name in hard if "deviceclass" in name or "claim" in name} == {
        "count/resourceclaims.resource.k8s.io": "1",
        "count/resourceclaimtemplates.resource.k8s.io": "0",
        "gpu.nvidia.com.deviceclass.resource.k8s.io/devices": "1",
        "persistentvolumeclaims": "10",
        "requests.deviceclass.resource.kubernetes.io/gpu.nvidia.com": "1",
    }

    sealed = team.expect("Experiment", "trained", "Sealed", timeout=90)
    assert sealed["status"]["run"]["outcome"] == "Succeeded", sealed["status"]["run"]
    assert run.said(sealed).split() == ["tmpfs", SHARED_MEMORY_FOLDER, "tmpfs"]
    spec = run.pod(sealed)["spec"]
    (container,) = spec["containers"]
    assert container["resources"]["limits"] | {"ephemeral-storage": ""} == {
        "cpu": "100m",
        "memory": "192Mi",
        GPU: "1",
        "ephemeral-storage": "",
    }
    assert {name: spec[name] for name in ("priority", "runtimeClassName", "nodeSelector")} == {
        "priority": 1000,
        "runtimeClassName": "accelerated",
        "nodeSelector": {"accelerator": "fake"},
    }
    (waiting,) = node_cluster.api.list(
        path_of("v1", "pods", namespace=team.read("Experiment", "plain")["status"]["namespace"])
    )
    (scheduled,) = [
        each for each in waiting["status"]["conditions"] if each["type"] == "PodScheduled"
    ]
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert "untolerated taint" in scheduled["message"]
    node_cluster.api.patch(accelerated, {"spec": {"taints": None}})
    ended = team.expect("Experiment", "plain", "Sealed", timeout=90)
    assert ended["status"]["run"]["outcome"] == "Succeeded"
