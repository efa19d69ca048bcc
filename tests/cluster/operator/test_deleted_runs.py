"""Twenty runs, each deleted at a random moment on the real servers: each leaves a signed trace."""

from __future__ import annotations

import json
import random
import time
from functools import partial
from typing import Any

import pytest

from glovebox.evidence.envelope import opened
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec
from support.run_credentials import write_artifact
from support.trust import published_keys
from support.waiting import eventually

RUNS = 20
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
POLICIES = ("Freeze", "Retain", "Delete")
# How far a run is when its moment comes.
STAGES = ("begins", "runs", "has ended")


def trace(cluster: Cluster, made: dict[str, Any]) -> dict[str, Any]:
    """Return the statement of an Experiment that is gone; its signature holds."""
    bucket = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)[0]
    s3, key = cluster.store.client(), f".glovebox/seals/{made['metadata']['uid']}/"
    rows = s3.list_object_versions(Bucket=bucket, Prefix=f"{key}attestation.dsse.json")
    (only,) = rows.get("Versions", ())
    body = s3.get_object(Bucket=bucket, Key=only["Key"], VersionId=only["VersionId"])["Body"]
    found: dict[str, Any] = json.loads(opened(body.read(), published_keys(cluster.api)).payload)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_runs_that_are_deleted_at_random_moments_are_each_in_a_signed_statement(
    cluster: Cluster, team: Team
) -> None:
    draw = random.Random(11)  # noqa: S311 - the same moments in every run
    runs: dict[str, tuple[str, dict[str, Any]]] = {}
    for number in range(RUNS):
        name, how = f"run-{number:02}", STAGES[number % len(STAGES)]
        lifecycle = {"deletionPolicy": draw.choice(POLICIES)}
        team.declare(
            "Experiment",
            name,
            experiment_spec("standard", "primary", run=RUN, lifecycle=lifecycle),
        )
        made = team.expect("Experiment", name, timeout=60)
        if how != "begins":
            pod = run_pod(team.api, made["status"]["namespace"])
            write_artifact(team, made, "model.bin", name.encode())
            if how == "has ended":
                end_pod(team.api, pod, number % 2)
        time.sleep(draw.uniform(0, 0.5))
        team.api.delete(team.path("Experiment", name))
        runs[name] = (how, made)

    def is_gone(name: str) -> bool | None:
        return team.api.find(team.path("Experiment", name)) is None or None

    for name, (how, made) in runs.items():
        eventually(partial(is_gone, name), what=f"{name} is gone", timeout=120)
        told = trace(cluster, made)
        about = told["predicate"]["buildDefinition"]["internalParameters"]
        assert about["uid"] == made["metadata"]["uid"], name
        end = told["predicate"]["runDetails"]["byproducts"][0]["annotations"]
        ends = {"Abandoned"} | ({"RunSucceeded", "RunFailed"} if how == "has ended" else set())
        assert end["reason"] in ends, f"{name} {how}: {end}"
        subjects = {entry["name"] for entry in told["subject"] if "name" in entry}
        assert ("model.bin" in subjects) is (how != "begins"), f"{name} {how}"
