"""kill -9 of operator and store at random moments of runs: one outcome, one seal, every result."""

from __future__ import annotations

import random
import time

import pytest

from support.cluster import Cluster
from support.kubelet import RUN_JOB, end_pod, run_pod
from support.operator_process import Operator, Team, experiment_spec
from support.run_credentials import write_artifact
from support.waiting import eventually

RUNS = 20
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_runs_under_fire_end_sealed_once_with_every_result(
    cluster: Cluster, team: Team, operator: Operator
) -> None:
    moments = random.Random(7)  # noqa: S311 - the same moments in every run
    names = [f"run-{number:02}" for number in range(RUNS)]
    written: dict[str, str] = {}
    for number, name in enumerate(names):
        team.declare("Experiment", name, experiment_spec("standard", "primary", run=RUN))
        made = team.expect("Experiment", name, timeout=60)
        # What a run writes, it writes before it ends.
        written[name] = write_artifact(team, made, "model.bin", name.encode())
        end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0 if number % 4 else 1)
        # The moment falls into recording the end, closing the namespace, listing, signing and
        # writing.
        time.sleep(moments.uniform(0, 0.4))
        operator.kill()
        if number % 5 == 0:
            cluster.store.kill()
            cluster.store.start()
        operator.start()
    s3 = cluster.store.client()
    for number, name in enumerate(names):
        sealed = team.expect("Experiment", name, "Sealed", timeout=90)
        status = sealed["status"]
        assert status["run"]["outcome"] == ("Succeeded" if number % 4 else "Failed"), name
        assert status["seal"]["objects"] == 1, name
        jobs = team.api.list(f"/apis/batch/v1/namespaces/{status['namespace']}/jobs")
        assert [(job["metadata"]["name"], job["metadata"]["uid"]) for job in jobs] == [
            (RUN_JOB, status["run"]["jobUid"])
        ], name
        bucket, folder = status["seal"]["uri"].removeprefix("s3://").split("/", 1)
        statements = s3.list_object_versions(
            Bucket=bucket, Prefix=f"{folder}attestation.dsse.json"
        )["Versions"]
        assert [row["VersionId"] for row in statements] == [status["seal"]["attestationVersion"]], (
            name
        )
        prefix = status["artifacts"]["uri"].removeprefix(f"s3://{bucket}/")
        kept = s3.get_object(Bucket=bucket, Key=f"{prefix}model.bin", VersionId=written[name])[
            "Body"
        ].read()
        assert kept == name.encode(), name
    eventually(
        lambda: operator.metric("glovebox_queue_depth") == 0 or None, what="nothing is left to do"
    )
