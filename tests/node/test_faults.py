"""kill -9 of the kubelet, the operator and the store while runs run on a real node.

One start, one outcome, one seal, every result.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from support.api import path_of
from support.kubelet import RUN_JOB
from support.operator_process import Operator, Team, experiment_spec, profile_spec
from support.waiting import eventually

if TYPE_CHECKING:
    from glovebox_local.images import Image
    from glovebox_local.part import Part
    from support.node import NodeCluster

RUNS = 20
# How long after a run was declared (seconds) somebody is killed: from before its pod exists until
# after its end.
LATEST = 5.0
# How many of them may be hit in the moment of their start, and with what exit code containerd says
# that it started nothing.
MOST_NEVER_BEGUN = 3
NOT_STARTED = 128
# A store that is away for a moment is for the program to bear: it tries again. One that is killed
# resets connections; one that is slow is waited for, or what it was asked for before comes when all
# is sealed.
USER_CODE = """
import os, sys, time
import boto3
from botocore.config import Config
print("started", flush=True)
bucket, _, prefix = os.environ["GLOVEBOX_ARTIFACTS_URI"].removeprefix("s3://").partition("/")
config = Config(retries={"mode": "standard", "total_max_attempts": 10}, \
connect_timeout=2, read_timeout=60)
boto3.client("s3", config=config).put_object(Bucket=bucket, \
Key=prefix + "model.bin", Body=sys.argv[1].encode())
time.sleep(1)
sys.exit(int(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_runs_under_fire_start_once_and_end_sealed_once_with_every_result(
    node_cluster: NodeCluster, platform: Team, team: Team, operator: Operator, glovebox_image: Image
) -> None:
    chance = random.Random(11)  # noqa: S311 - the same moments and victims in every run
    (node,) = node_cluster.cluster.environment.nodes
    victims: list[Part] = [node.kubelet, operator.part, node_cluster.cluster.store.part]
    platform.declare(
        "IsolationProfile",
        "faults",
        profile_spec(images=[{"repository": glovebox_image.reference.partition("@")[0]}]),
    )
    platform.expect("IsolationProfile", "faults")
    images = [{"name": "python", "reference": glovebox_image.reference}]
    outcomes = {
        f"run-{number:02}": "Succeeded" if number % 4 else "Failed" for number in range(RUNS)
    }
    killed = []
    for name, outcome in outcomes.items():
        code = "0" if outcome == "Succeeded" else "3"
        run = {"image": "python", "command": ["python", "-c", USER_CODE, name, code]}
        team.declare(
            "Experiment", name, experiment_spec("faults", "primary", images=images, run=run)
        )
        # Runs overlap: what is killed for one is in the middle of another.
        time.sleep(chance.uniform(0, LATEST))
        victim = chance.choice(victims)
        victim.kill()
        victim.start()
        killed.append(victim.name)
    assert set(killed) == {victim.name for victim in victims}
    begun = [
        expect_one_life(node_cluster, team, name, outcome) for name, outcome in outcomes.items()
    ]
    assert sum(begun) >= RUNS - MOST_NEVER_BEGUN, "most programs were started"
    eventually(
        lambda: operator.metric("glovebox_queue_depth") == 0 or None, what="nothing is left to do"
    )


def expect_one_life(node_cluster: NodeCluster, team: Team, name: str, outcome: str) -> bool:
    """Look at a run from all sides.

    Its status, its Job, its pod, what its program said, and what lies in the store.

    Returns:
        Whether its program was started at all. containerd gives up a container whose kubelet dies
        while it asks for its start, and the Job counts a failed pod; then nothing may have run.
    """
    status = team.expect("Experiment", name, "Sealed", timeout=120)["status"]
    namespace = status["namespace"]
    said = node_cluster.cluster.kubectl("logs", "-n", namespace, f"job/{RUN_JOB}").stdout
    if "(StartError)" in status["run"]["message"]:
        assert (status["run"]["outcome"], status["run"]["exitCode"]) == ("Failed", NOT_STARTED)
        assert (said, status["run"]["attempts"], status["seal"]["objects"]) == ("", 1, 0), name
        return False
    assert status["run"]["outcome"] == outcome, (name, status["run"], said)
    assert status["run"]["attempts"] == 1, name
    jobs = team.api.list(path_of("batch/v1", "jobs", namespace=namespace))
    assert [job["metadata"]["uid"] for job in jobs] == [status["run"]["jobUid"]], name
    (pod,) = team.api.list(path_of("v1", "pods", namespace=namespace))
    (container,) = pod["status"]["containerStatuses"]
    assert container["restartCount"] == 0, name
    assert container["state"]["terminated"]["exitCode"] == (0 if outcome == "Succeeded" else 3), (
        name
    )
    assert said.count("started") == 1, name

    s3 = node_cluster.cluster.store.client()
    bucket, folder = status["seal"]["uri"].removeprefix("s3://").split("/", 1)
    statements = s3.list_object_versions(Bucket=bucket, Prefix=f"{folder}attestation.dsse.json")[
        "Versions"
    ]
    assert [row["VersionId"] for row in statements] == [status["seal"]["attestationVersion"]], name
    prefix = status["artifacts"]["uri"].removeprefix(f"s3://{bucket}/")
    versions = s3.list_object_versions(Bucket=bucket, Prefix=prefix)["Versions"]
    # A write whose answer was lost with the store is written again: each version is in the seal.
    assert status["seal"]["objects"] == len(versions) >= 1, name
    for row in versions:
        assert (
            s3.get_object(Bucket=bucket, Key=row["Key"], VersionId=row["VersionId"])["Body"].read()
            == name.encode()
        ), name
    return True


@pytest.mark.slow
def test_what_a_dead_kubelet_missed_is_told_when_it_is_back(
    node_cluster: NodeCluster, team: Team
) -> None:
    """The run ends while nobody watches its pod."""
    (node,) = node_cluster.cluster.environment.nodes
    run = {"image": "trainer", "command": ["sh", "-c", "echo started; sleep 2"]}
    images = [{"name": "trainer", "reference": node_cluster.image.reference}]
    team.declare(
        "Experiment", "unseen", experiment_spec("standard", "primary", images=images, run=run)
    )
    namespace = team.expect("Experiment", "unseen")["status"]["namespace"]
    pods = path_of("v1", "pods", namespace=namespace)
    eventually(
        lambda: [pod for pod in team.api.list(pods) if pod["status"].get("phase") == "Running"],
        what="the run runs",
    )
    (pod,) = team.api.list(pods)
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    node.kubelet.kill()
    try:
        ended = lambda: (  # noqa: E731 - one question
            not any(
                container in line and "RUNNING" in line
                for line in node.ctr("tasks", "list").splitlines()
            )
        )
        eventually(ended, what="the program has ended")
        assert team.read("Experiment", "unseen")["status"]["run"].get("outcome", "") == ""
    finally:
        node.kubelet.start()
    sealed = team.expect("Experiment", "unseen", "Sealed", timeout=60)["status"]
    assert sealed["run"]["outcome"] == "Succeeded"
    assert sealed["run"]["attempts"] == 1
