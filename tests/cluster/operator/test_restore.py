"""Objects that come back without status and with other UIDs, as Velero restores them.

On a real API server and a real store; the kubelet is played. What an older state of etcd does is in
`test_etcd_restore.py`, and in `tests/simulation/test_restore.py`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from glovebox.evidence.after_seal import payload_of
from support.api import Api, ApiError
from support.cluster import Cluster
from support.kubelet import RUN_JOB, end_pod, run_pod
from support.operator_process import Team, experiment_spec
from support.run_credentials import write_artifact
from support.waiting import eventually

RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
SPEC = experiment_spec("standard", "primary", run=RUN)


def created_again(team: Team, rogue: Api, kind: str, name: str, spec: dict[str, Any]) -> None:
    """Take an object away, whatever holds it, and create it again."""
    path = team.path(kind, name)
    with suppress(ApiError):
        rogue.patch(path, {"metadata": {"finalizers": None}})
    with suppress(ApiError):
        rogue.delete(path)
    eventually(lambda: team.api.find(path) is None or None, what=f"{name} is gone")
    team.declare(kind, name, spec)


def sealed(team: Team, name: str) -> dict[str, Any]:
    """Declare an Experiment, let its run succeed, and return it once it is sealed."""
    team.declare("Experiment", name, SPEC)
    team.expect("Experiment", name)
    made = eventually(lambda: _with_run(team, name), what="the run was started, and is on record")
    write_artifact(team, made, "model.bin", b"weights")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    return team.expect("Experiment", name, "Sealed")


def _with_run(team: Team, name: str) -> dict[str, Any] | None:
    made = team.read("Experiment", name)
    return made if (made["status"].get("run") or {}).get("record") else None


def test_an_experiment_that_comes_back_runs_nothing_until_it_adopts_what_was_run(
    cluster: Cluster, team: Team, rogue: Api
) -> None:
    before = sealed(team, "train")
    uid, run = before["metadata"]["uid"], before["status"]["run"]
    bucket = before["status"]["seal"]["uri"].removeprefix("s3://").partition("/")[0]
    s3 = cluster.store.client()
    record = payload_of(s3.get_object(Bucket=bucket, Key=run["record"])["Body"].read())
    assert (record["uid"], record["digest"]) == (uid, before["status"]["digest"])
    lock = s3.head_object(Bucket=bucket, Key=run["record"])
    assert lock["ObjectLockMode"] == "COMPLIANCE"

    created_again(team, rogue, "Experiment", "train", SPEC)
    refused = team.expect("Experiment", "train", "Stalled", reason="AlreadyRan")
    assert "namespace" not in refused["status"]
    said = team.condition("Experiment", "train", "Ready")["message"]
    assert uid in said
    assert f"glovebox adopt {team.name}/train" in said

    team.api.patch(team.path("Experiment", "train"), {"spec": {"adopts": uid}})
    after = team.expect("Experiment", "train", "Ready", reason="Adopted")
    assert after["metadata"]["uid"] != uid
    for field in ("digest", "seal", "state"):
        assert after["status"][field] == before["status"][field]
    assert after["status"]["run"]["outcome"] == "Succeeded"
    jobs = team.api.list("/apis/batch/v1/jobs", fieldSelector=f"metadata.name={RUN_JOB}")
    former = before["status"]["namespace"]
    assert {job["metadata"]["namespace"] for job in jobs if team.name in str(job)} <= {former}
    team.api.delete(team.path("Experiment", "train"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "train")) is None or None, what="it goes"
    )


@pytest.fixture
def pin(team: Team) -> dict[str, Any]:
    """A pin over three objects, Ready; its spec."""
    bucket = team.bucket({f"train/{month:02}.csv": f"month {month}".encode() for month in range(3)})
    spec = {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": bucket, "prefix": "train/"}},
    }
    team.declare("DatasetPin", "train", spec)
    team.expect("DatasetPin", "train")
    return spec


def _overwrite(cluster: Cluster, pin: dict[str, Any], body: bytes, *, in_place: bool) -> None:
    s3, bucket = cluster.store.client(), pin["source"]["prefix"]["bucket"]
    key = "train/00.csv"
    if in_place:
        for version in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def test_a_pin_that_comes_back_is_the_versions_that_it_was(
    cluster: Cluster, team: Team, rogue: Api, pin: dict[str, Any]
) -> None:
    before = team.read("DatasetPin", "train")["status"]
    _overwrite(cluster, pin, b"other bytes", in_place=False)
    created_again(team, rogue, "DatasetPin", "train", pin)
    after = team.expect("DatasetPin", "train", "DriftDetected", "True", "ObjectsHidden")["status"]
    for field in ("digest", "pinDigest", "manifest"):
        assert after[field] == before[field], field
    # When they were read, and not now: recorded a moment before the first status said it.
    assert after["verifiedTime"] <= before["verifiedTime"]
    assert team.condition("DatasetPin", "train", "Ready")["status"] == "True"


def test_a_pin_that_comes_back_over_the_same_bytes_in_other_versions_has_the_same_digest(
    cluster: Cluster, team: Team, rogue: Api, pin: dict[str, Any]
) -> None:
    before = team.read("DatasetPin", "train")["status"]
    _overwrite(cluster, pin, b"month 0", in_place=True)
    created_again(team, rogue, "DatasetPin", "train", pin)
    after = team.expect("DatasetPin", "train")["status"]
    assert after["digest"] == before["digest"]
    assert after["pinDigest"] != before["pinDigest"]


def test_a_pin_that_comes_back_over_other_bytes_is_refused(
    cluster: Cluster, team: Team, rogue: Api, pin: dict[str, Any]
) -> None:
    before = team.read("DatasetPin", "train")["status"]
    _overwrite(cluster, pin, b"other bytes", in_place=True)
    created_again(team, rogue, "DatasetPin", "train", pin)
    team.expect("DatasetPin", "train", "Stalled", reason="PinnedDifferently")
    said = team.condition("DatasetPin", "train", "Ready")["message"]
    assert before["digest"] in said
    assert "spec.digest" in said
    assert "digest" not in team.read("DatasetPin", "train")["status"]


def test_a_manifest_is_held_and_the_pin_says_for_how_long(
    cluster: Cluster, team: Team, pin: dict[str, Any]
) -> None:
    del pin
    status = team.read("DatasetPin", "train")["status"]
    manifest = status["manifest"]
    held = cluster.store.client().get_object_legal_hold(
        Bucket=manifest["bucket"], Key=manifest["key"], VersionId=manifest["versionId"]
    )
    assert held["LegalHold"]["Status"] == "ON"
    assert "for 30 days after that" in status["whyRetained"]
