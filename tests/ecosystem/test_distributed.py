"""docs/examples/distributed on a node: two workers, one of them killed, then the holdout.

All of it is real: the operator and its guards, JobSet's controller, the kubelet, the network, the
store, and the program of the example with the flights of 2013.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from glovebox.evidence.told import values_of
from glovebox_local.demo.declaring import EXAMPLE, write_example
from glovebox_local.demo.flights import read_files
from glovebox_local.demo.loading import BUCKET, load
from glovebox_local.demo.preparing import CREDENTIALS
from glovebox_local.demo.run import TRAINER_REPOSITORY
from glovebox_local.image_build import TRAINER, ensure_image
from glovebox_local.packages import node_obstacle
from support.examples import REPOSITORY
from support.jobset import running_jobset
from support.node import NodeCluster, running_node_cluster
from support.operator_process import Team, running_operator, store_secret
from support.run_credentials import session_in
from support.sealed_evidence import verified
from support.stages import Stages
from support.unhindered import components_unhindered
from support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
DISTRIBUTED: Final = REPOSITORY / "docs" / "examples" / "distributed"
TEAM: Final = "team-flights"
NAME: Final = "delay-by-two"
EPOCHS: Final = 30
PORT: Final = 29500
DNS: Final = "10.96.0.10"
INPUTS: Final = "glovebox-inputs-credentials"
HOLDOUT: Final = "2013/test/flights-2013-10.parquet"
# What it may have learned before it is killed; all that is left has to come after.
KILLED_AFTER: Final = 2


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
def team(node: NodeCluster, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """The team of the examples, with its data pinned and the Experiment of two stages declared."""
    cluster = node.cluster
    store_secret(cluster, CREDENTIALS)
    load(cluster.environment.access, read_files())
    image = ensure_image(TRAINER, REPOSITORY)
    trainer = f"{TRAINER_REPOSITORY}@{image.reference.partition('@')[2]}"
    cluster.environment.driver.load_image(image.archive, trainer)
    access = cluster.environment.access_for_pods
    filled = [
        write_example(source, tmp_path_factory.mktemp("example"), access, trainer=trainer)
        for source in (REPOSITORY / EXAMPLE, DISTRIBUTED)
    ]
    for file in ("00-namespace", "isolationprofile", "objectstore", "datasetpins"):
        cluster.kubectl("apply", "-f", str(filled[0] / f"{file}.yaml"))
    cluster.kubectl("apply", "-f", str(filled[1]))
    return Team(cluster, TEAM)


@dataclass(frozen=True)
class Killed:
    """The run of the example, of which the second worker was killed while it learned.

    Args:
        stages: Its namespace.
        sealed: The Experiment at the end.
        outsider: What a pod of another namespace reached: DNS, and the first worker.
        refused: What the store refused of the holdout: to the stage `train`, and to `evaluate`.
        leader: What the first worker said.
        again: What the second said when it was started again.
        evaluated: What the stage `evaluate` said.
        pods: Of the stage `train`, as they began.
    """

    stages: Stages
    sealed: dict[str, Any]
    outsider: tuple[bool, bool]
    refused: tuple[bool, bool]
    leader: list[dict[str, Any]]
    again: list[dict[str, Any]]
    evaluated: list[dict[str, Any]]
    pods: list[dict[str, Any]]


@pytest.fixture(scope="module")
def run(node: NodeCluster, team: Team) -> Killed:
    """The whole of it, once."""
    made = team.expect("Experiment", NAME, timeout=180)
    stages = Stages(node.api, made["status"]["namespace"])
    node.api.create_namespace("outside")
    node.create_pod("outside", "outsider")
    pods = stages.pods("train", 2)
    leader, follower = pods

    def look() -> list[int] | None:
        epochs = epochs_of(said(node, follower))
        return epochs if max(epochs, default=0) > KILLED_AFTER else None

    before = eventually(look, what="the workers learn", timeout=300)
    assert max(before) < EPOCHS, "it was over before anybody was killed"
    refused = (
        refuses_holdout(team, stages, "train"),
        refuses_holdout(team, stages, "evaluate"),
    )
    kill(node, follower)
    node.wait_ready("outside", "outsider")
    address = node.ip_of(stages.namespace, leader["metadata"]["name"])
    answers(node, address)
    reached = (
        node.reaches("outside", "outsider", DNS, 53),
        node.reaches("outside", "outsider", address, PORT),
    )
    again = eventually(
        lambda: next((pod for pod in found(node, stages, "train") if is_next(pod, follower)), None),
        what="the worker is started again",
        timeout=120,
    )
    sealed = team.expect("Experiment", NAME, "Sealed", timeout=400)
    (evaluate,) = found(node, stages, "evaluate")
    return Killed(
        stages,
        sealed,
        reached,
        refused,
        said(node, leader),
        said(node, again),
        said(node, evaluate),
        pods,
    )


def found(node: NodeCluster, stages: Stages, stage: str) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{stages.namespace}/pods"
    return node.api.list(path, labelSelector=f"glovebox.dev/stage={stage}")


def is_next(pod: dict[str, Any], other: dict[str, Any]) -> bool:
    same: bool = pod["spec"]["hostname"] == other["spec"]["hostname"]
    return same and pod["metadata"]["uid"] != other["metadata"]["uid"]


def said(node: NodeCluster, pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of a worker's log."""
    metadata = pod["metadata"]
    words = ("logs", "-n", metadata["namespace"], metadata["name"], "-c", "run")
    lines = node.cluster.kubectl(*words, check=False).stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def epochs_of(lines: list[dict[str, Any]]) -> list[int]:
    return [line["epoch"] for line in lines if line["event"] == "epoch"]


def kill(node: NodeCluster, pod: dict[str, Any]) -> None:
    """End the program of a pod as the kernel does when its memory is used up."""
    metadata = pod["metadata"]
    now = node.api.get(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}")
    container = now["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    (machine,) = node.cluster.environment.nodes
    machine.ctr("tasks", "kill", "--signal=SIGKILL", container)


def only(lines: list[dict[str, Any]], event: str) -> dict[str, Any]:
    (line,) = (line for line in lines if line["event"] == event)
    return line


def answers(node: NodeCluster, address: str) -> None:
    """See that the first worker listens: whoever is on the node itself is let through."""
    (machine,) = node.cluster.environment.nodes
    program = f"import socket; socket.create_connection(('{address}', {PORT}), 5)"
    machine.namespaces.run([sys.executable, "-c", program])


def refuses_holdout(team: Team, stages: Stages, stage: str) -> bool:
    """Return whether the session of a stage's fetcher is of no use for the holdout."""
    session = session_in(team, stages.namespace, INPUTS, f"{stage}.primary.credentials")
    try:
        team.cluster.store.client(session=session).get_object(Bucket=BUCKET, Key=HOLDOUT)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return True
    return False


def test_workers_meet_by_name_and_a_killed_one_goes_on_from_the_checkpoint(run: Killed) -> None:
    first, second = (line["epoch"] for line in run.leader if line["event"] == "met")
    assert first == 0
    assert KILLED_AFTER < second < EPOCHS
    assert only(run.again, "began")["attempt"] == 1
    assert only(run.again, "met")["epoch"] == second
    assert epochs_of(run.again) == list(range(second + 1, EPOCHS + 1))
    assert sorted(set(epochs_of(run.leader))) == list(range(1, EPOCHS + 1))


def test_no_packet_of_another_namespace_reaches_a_worker_that_listens(run: Killed) -> None:
    assert run.outsider == (True, False)


def test_who_trains_cannot_see_the_holdout(node: NodeCluster, run: Killed) -> None:
    assert [only(lines, "began")["inputs"] for lines in (run.leader, run.again)] == [["train"]] * 2
    assert only(run.evaluated, "began")["inputs"] == ["holdout"]
    assert run.refused == (True, False), "train's session is refused, and evaluate's is not"
    path = f"/api/v1/namespaces/{run.stages.namespace}/configmaps/glovebox-inputs"
    plans = node.api.get(path)["data"]
    for pod in run.pods:
        (plan,) = (each for each in pod["spec"]["volumes"] if each["name"] == "inputs-plan")
        (own,) = (json.loads(plans[item["key"]]) for item in plan["configMap"]["items"])
        assert [each["name"] for each in own["datasets"]] == ["train"]


def test_the_run_is_sealed_and_every_pod_is_named_with_its_stage(
    node: NodeCluster, run: Killed
) -> None:
    status = run.sealed["status"]
    assert status["run"]["outcome"] == "Succeeded"
    assert status["run"]["attempts"] == 4
    assert status["seal"].get("findings", []) == []
    report = verified(node.cluster, run.sealed)
    assert report.findings == []
    pods = sorted((pod["stage"], pod["phase"]) for pod in status["run"]["pods"])
    assert pods == [
        ("evaluate", "Succeeded"),
        ("train", "Failed"),
        ("train", "Succeeded"),
        ("train", "Succeeded"),
    ]
    told = values_of(report)
    assert sorted((each["stage"], each["phase"]) for each in told["attempts"]) == pods
    (row,) = (each for each in told["leakage"] if each["type"] == "TestDataInTraining")
    assert row["level"] == "Proved", row
    keys = [each.key for each in report.artifacts]
    assert len([key for key in keys if "/train/checkpoints/epoch-" in key]) == EPOCHS
    assert only(run.evaluated, "measured")["auc"] > 0.6
