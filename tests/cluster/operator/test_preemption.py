"""The scheduler takes a run's place for a pod of a higher priority, and the run goes on after it.

Scheduler, Job controller and guards are real; the node has no kubelet, which is played.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from support.api import path_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
Json = dict[str, Any]
SEAT: Final = "example.com/seat"
NODES: Final = "/api/v1/nodes"
CLASSES: Final = "/apis/scheduling.k8s.io/v1/priorityclasses"
PODS: Final = "/api/v1/namespaces/default/pods"
# Nobody else's pods go there, and these stay, although no kubelet says that the node is well.
KEPT: Final = {"key": SEAT, "value": "kept", "effect": "NoSchedule"}
TOLERATIONS: Final = [
    {"key": key, "operator": "Exists"}
    for key in (SEAT, "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
]
URGENT: Final[Json] = {
    "metadata": {"name": "urgent"},
    "spec": {
        "priorityClassName": "urgent",
        "tolerations": TOLERATIONS,
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "main",
                "image": "registry.example/urgent",
                "resources": {"limits": {SEAT: "1"}},
            }
        ],
    },
}


@pytest.fixture
def one_seat(cluster: Cluster) -> Iterator[None]:
    """A node with one of something, and a class of pods that go before others."""
    offered = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "100Gi", "pods": "10", SEAT: "1"}
    status = {
        "capacity": offered,
        "allocatable": offered,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
    }
    api = cluster.api
    api.create(NODES, {"metadata": {"name": "seated"}, "spec": {"taints": [KEPT]}})
    api.patch(f"{NODES}/seated/status", {"status": status})
    api.create(CLASSES, {"metadata": {"name": "urgent"}, "value": 100000})
    yield
    api.delete(f"{CLASSES}/urgent")
    api.delete(f"{NODES}/seated")


def is_bound(pod: Json) -> bool:
    return bool(pod["spec"].get("nodeName"))


def test_a_run_whose_place_is_taken_gives_way_and_is_tried_again_without_a_retry(
    platform: Team, team: Team, one_seat: None
) -> None:
    del one_seat
    api = team.api
    seat = {"resource": SEAT, "maximum": 1, "tolerations": TOLERATIONS}
    platform.declare("IsolationProfile", "seated", profile_spec(accelerators=[seat]))
    platform.expect("IsolationProfile", "seated")
    run = {
        "image": "trainer",
        "command": ["train"],
        "retries": 0,
        "resources": {"cpu": "100m", "memory": "64Mi", SEAT: 1},
    }
    team.declare("Experiment", "gives-way", experiment_spec("seated", "primary", run=run))
    namespace = team.expect("Experiment", "gives-way", timeout=60)["status"]["namespace"]
    first = run_pod(api, namespace)
    path = path_of("v1", "pods", namespace=namespace, name=first["metadata"]["name"])
    eventually(lambda: is_bound(api.get(path)), what="the run has its place", timeout=60)

    api.create(PODS, URGENT)

    def given_way() -> Json | None:
        pod: Json = api.get(path)
        return pod if pod["metadata"].get("deletionTimestamp") else None

    ending = eventually(given_way, what="the scheduler takes the place", timeout=60)
    why = [
        each["reason"]
        for each in ending["status"]["conditions"]
        if each["type"] == "DisruptionTarget"
    ]
    assert why == ["PreemptionByScheduler"]
    end_pod(api, ending, 143)
    eventually(
        lambda: is_bound(api.get(f"{PODS}/urgent")), what="the urgent one has it", timeout=60
    )
    api.delete(f"{PODS}/urgent", gracePeriodSeconds=0)
    end_pod(api, run_pod(api, namespace), 0)
    # The seal waits a minute for the logs of a node that nobody can reach, as this one is.
    found = team.expect("Experiment", "gives-way", "Succeeded", timeout=60)["status"]["run"]
    assert (found["outcome"], found["attempts"]) == ("Succeeded", 2), found
