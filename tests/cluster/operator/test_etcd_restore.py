"""An older state of etcd comes back: on real servers, with a real copy of what etcd had written.

What each of the states comes to is in `tests/simulation/test_restore.py`; here the API server, its
storage and the store of objects are those of a cluster. The kubelet is played.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.cluster import Cluster
from support.kubelet import RUN_JOB, end_pod, run_pod
from support.operator_process import Operator, Team, experiment_spec, store_spec
from support.run_credentials import write_artifact
from support.waiting import eventually

pytestmark = pytest.mark.slow
BUCKET = "glovebox-restored"
STORE = "restored"
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
SPEC = experiment_spec("standard", STORE, run=RUN)
ENDS_SECONDS = 90


@contextmanager
def storage_at_rest(cluster: Cluster, operator: Operator) -> Iterator[Path]:
    """Stop whoever uses etcd, and etcd; give its data, and start everything but the operator."""
    plane = cluster.environment.control_plane
    operator.stop()
    for part in reversed(plane.parts):
        part.stop()
    try:
        yield cluster.environment.state.data / "etcd"
    finally:
        for part in plane.parts:
            part.start()


def started(team: Team, name: str) -> dict[str, Any]:
    """Wait until the run of an Experiment is started and on record; return the Experiment."""
    team.expect("Experiment", name, timeout=ENDS_SECONDS)

    def look() -> dict[str, Any] | None:
        made = team.read("Experiment", name)
        return made if (made["status"].get("run") or {}).get("record") else None

    return eventually(look, what=f"the run of {name} is on record", timeout=ENDS_SECONDS)


def sealed(team: Team, name: str) -> dict[str, Any]:
    """Let the run of an Experiment succeed; return it once it is sealed."""
    made = started(team, name)
    write_artifact(team, made, "model.bin", name.encode())
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    return team.expect("Experiment", name, "Sealed", timeout=ENDS_SECONDS)


def versions(cluster: Cluster, *buckets: str) -> set[tuple[str, str, str]]:
    """Return all that lies in buckets, version by version; a delete marker counts as one."""
    found = set()
    for bucket in buckets:
        pages = cluster.store.client().get_paginator("list_object_versions").paginate(Bucket=bucket)
        for page in pages:
            found |= {(bucket, each["Key"], each["VersionId"]) for each in page.get("Versions", ())}
            markers = page.get("DeleteMarkers", ())
            found |= {(bucket, each["Key"], f"marker {each['VersionId']}") for each in markers}
    return found


def created_jobs(cluster: Cluster, team: Team) -> list[str]:
    """Return each creation of a run's Job that the API server let through, by the team's names."""
    return [
        str(event["auditID"])
        for event in cluster.audit(RUN_JOB)
        if event["verb"] == "create"
        and event["objectRef"]["resource"] == "jobs"
        and team.name in event["objectRef"]["namespace"]
        and event["responseStatus"]["code"] < 300
    ]


@pytest.mark.timeout(400)
def test_an_older_state_of_etcd_runs_nothing_twice_and_takes_no_other_bytes(
    cluster: Cluster, team: Team, operator: Operator, tmp_path: Path
) -> None:
    team.declare("ObjectStore", STORE, store_spec(cluster, BUCKET))
    team.expect("ObjectStore", STORE, timeout=60)
    source = team.bucket({f"train/{n}.csv": f"month {n}".encode() for n in range(3)}, store=STORE)
    prefix = {"prefix": {"bucket": source, "prefix": "train/"}}
    pin = {"storeRef": {"name": STORE}, "source": prefix}
    team.declare("Experiment", "over", SPEC)
    over = sealed(team, "over")
    team.declare("Experiment", "running", SPEC)
    started(team, "running")
    operator.stop()
    # Of these the snapshot has the declaration alone.
    team.declare("DatasetPin", "train", pin)
    team.declare("Experiment", "declared", SPEC)
    with storage_at_rest(cluster, operator) as data:
        shutil.copytree(data, tmp_path / "snapshot")
    operator.start()

    # The cluster goes on, and so does the store.
    pinned = team.expect("DatasetPin", "train", timeout=ENDS_SECONDS)["status"]
    before = {name: sealed(team, name) for name in ("running", "declared")}
    team.declare("Experiment", "unknown", SPEC)
    before["unknown"] = sealed(team, "unknown")
    cluster.store.client().put_object(Bucket=source, Key="train/0.csv", Body=b"other bytes")
    jobs = created_jobs(cluster, team)
    assert len(jobs) == 4

    with storage_at_rest(cluster, operator) as data:
        kept = versions(cluster, BUCKET, source)
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "snapshot", data)
    assert "digest" not in (team.read("DatasetPin", "train").get("status") or {})
    assert "seal" not in team.read("Experiment", "running")["status"]
    assert team.api.find(team.path("Experiment", "unknown")) is None
    operator.start()

    after = {
        name: team.expect("Experiment", name, "Sealed", timeout=ENDS_SECONDS)["status"]
        for name in ("running", "declared")
    }
    for name, status in after.items():
        assert status["seal"] == before[name]["status"]["seal"], name
        assert status["digest"] == before[name]["status"]["digest"], name
        assert status["run"]["outcome"] == "Succeeded", name
    assert team.read("Experiment", "over")["status"]["seal"] == over["status"]["seal"]
    again = team.expect("DatasetPin", "train", "DriftDetected", "True", "ObjectsHidden")["status"]
    for field in ("digest", "pinDigest", "manifest"):
        assert again[field] == pinned[field], field

    # No run was started again, nothing is gone, and what the store alone knows is told.
    assert created_jobs(cluster, team) == jobs
    assert versions(cluster, BUCKET, source) >= kept

    def told() -> bool:
        found = team.condition("ObjectStore", STORE, "RecordsFound")
        return found.get("status") == "True" and "; besides " in found["message"]

    eventually(told, what="the record of a run that the cluster does not know is told", timeout=60)
