"""Workers of a stage find each other by name on a real node, and nobody else finds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from glovebox_local.operator_process import OPERATOR_USER
from glovebox_local.packages import node_obstacle
from support.jobset import running_jobset
from support.node import NodeCluster, running_node_cluster
from support.operator_process import (
    Team,
    declare_platform,
    experiment_spec,
    profile_spec,
    running_operator,
)
from support.stages import StageOf, Stages, jobset_of
from support.unhindered import components_unhindered
from support.waiting import eventually

pytestmark = pytest.mark.timeout(590)
PORT: Final = 29500
DNS: Final = "10.96.0.10"
# As torch's rendezvous does: the leader is found by its name, on a port that is known, and says
# there on which other port it listens.
PROGRAM: Final = f"""
import os, socket, time

LEADER = "glovebox-run-train-0-0.glovebox-run"

def lead():
    known, data = socket.create_server(("", {PORT})), socket.create_server(("", 0))
    while True:
        asked, _ = known.accept()
        asked.sendall(b"%d" % data.getsockname()[1])
        asked.close()
        worker, _ = data.accept()
        worker.sendall(worker.recv(5)[::-1])
        worker.close()

def follow():
    times = 0
    while True:
        try:
            with socket.create_connection((LEADER, {PORT}), 5) as asked:
                port, leader = int(asked.recv(16)), asked.getpeername()[0]
        except OSError:
            time.sleep(0.5)
            continue
        with socket.create_connection((leader, port), 5) as data:
            data.sendall(b"hello")
            assert data.recv(5) == b"olleh"
        times += 1
        print("exchanged", times, flush=True)
        time.sleep(0.5)

lead() if os.environ["JOB_COMPLETION_INDEX"] == "0" else follow()
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCluster]:
    """A node, the operator and JobSet's controller; no guard refuses any of them their work."""
    obstacle = node_obstacle()
    if obstacle:
        pytest.skip(f"NOT TESTED: {obstacle}")
    with running_node_cluster(tmp_path_factory.mktemp("node")) as running:
        image = running.load_glovebox()
        folder = tmp_path_factory.mktemp("operator")
        with (
            running_operator(running.cluster, folder, image.reference),
            running_jobset(running.cluster, tmp_path_factory.mktemp("controller")),
            components_unhindered(running.cluster),
        ):
            yield running


@pytest.fixture(scope="module")
def namespace(node: NodeCluster) -> str:
    """The namespace of an Experiment, as the operator isolates it, with room for one Service."""
    image = node.load_glovebox().reference
    quota = [*profile_spec()["quota"], {"resource": "services", "default": "1", "maximum": "1"}]
    declare_platform(node.cluster, images=[{"repository": image.partition("@")[0]}], quota=quota)
    team = Team(node.cluster, "workers")
    images = [{"name": "python", "reference": image}]
    team.declare("Experiment", "two", experiment_spec("standard", "primary", images=images))
    return str(team.expect("Experiment", "two", timeout=90)["status"]["namespace"])


def worker(image: str) -> dict[str, Any]:
    """Return the spec of a worker's pod."""
    return {
        "serviceAccountName": "glovebox-runner",
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65533,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "run",
                "image": image,
                "command": ["python", "-c", PROGRAM],
                "resources": {
                    "requests": {"cpu": "50m", "memory": "64Mi"},
                    "limits": {"cpu": "500m", "memory": "128Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }


def exchanged(node: NodeCluster, pod: dict[str, Any]) -> int:
    """Return how often a worker has exchanged bytes with the leader."""
    metadata = pod["metadata"]
    logs = node.cluster.kubectl("logs", "-n", metadata["namespace"], metadata["name"], check=False)
    return max(map(int, re.findall(r"exchanged (\d+)", logs.stdout)), default=0)


def test_workers_find_each_other_by_name_and_nobody_else_comes_in(
    node: NodeCluster, namespace: str
) -> None:
    stages = Stages(node.api, namespace)
    made = jobset_of(
        namespace, [StageOf("train", workers=2)], worker(node.load_glovebox().reference)
    )
    operator = node.cluster.api_as(OPERATOR_USER)
    operator.create(stages.path.rpartition("/")[0], made)
    leader, follower = stages.pods("train", 2)
    eventually(
        lambda: exchanged(node, follower) or None,
        what="the workers have exchanged bytes",
        timeout=120,
    )

    # The outsider reaches what it may, the leader goes on answering, and no packet comes through.
    node.api.create_namespace("outside")
    node.create_pod("outside", "outsider")
    node.wait_ready("outside", "outsider")
    assert node.reaches("outside", "outsider", DNS, 53)
    address = node.ip_of(namespace, leader["metadata"]["name"])
    before = exchanged(node, follower)
    assert not node.reaches("outside", "outsider", address, PORT)
    name = f"glovebox-run-train-0-0.glovebox-run.{namespace}.svc.cluster.local"
    assert address in node.run_in("outside", "outsider", f"nslookup {name} {DNS}").stdout
    assert not node.reaches("outside", "outsider", name, PORT)
    eventually(lambda: exchanged(node, follower) > before or None, what="the workers go on")

    operator.delete(stages.path, propagationPolicy="Background")
    eventually(lambda: stages.jobs() == [] or None, what="the run is gone", timeout=60)
