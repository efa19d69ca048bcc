"""Pins of real objects in a real store: built, checked, and what they wake."""

from __future__ import annotations

import gzip
import hashlib
from contextlib import suppress
from typing import Any

import pytest

from glovebox.store.connection import Credentials
from glovebox_local.operator_process import OPERATOR_NAMESPACE
from support.api import Api, ApiError
from support.cluster import Cluster
from support.lying_store import Answered, Asked, Liar, lying
from support.operator_process import BREAK_GLASS, Team, experiment_spec, store_spec
from support.waiting import eventually

LOOK_OFTEN: dict[str, Any] = {"verification": {"listIntervalSeconds": 60}}


@pytest.fixture
def data(team: Team) -> str:
    """A versioned bucket with three objects under `train/`."""
    return team.bucket(
        {f"train/{month:02}.parquet": f"month {month}".encode() for month in range(3)}
    )


def pin_spec(bucket: str, prefix: str = "train/", **changes: Any) -> dict[str, Any]:
    return {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": bucket, "prefix": prefix}},
        **changes,
    }


def features(pin: str, **changes: Any) -> dict[str, Any]:
    feature = {
        "name": "late",
        "recipe": {"expression": "arr_delay > 15"},
        "dtype": "bool",
        "inputs": ["flights"],
    }
    return {
        "features": [feature],
        "inputs": [{"name": "flights", "pinRef": {"name": pin}}],
        "schemaVersion": "1",
        **changes,
    }


def make_due(cluster: Cluster, team: Team, name: str) -> None:
    """Let the last check be long ago; only somebody whom the guards let through can say so."""
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    rogue.patch(
        f"{team.path('DatasetPin', name)}/status",
        {"status": {"listedTime": "2020-01-01T00:00:00Z"}},
    )


def test_a_pin_tells_digest_counts_and_where_the_manifest_is(
    cluster: Cluster, team: Team, data: str
) -> None:
    team.declare("DatasetPin", "train", pin_spec(data))
    status = team.expect("DatasetPin", "train")["status"]
    assert (status["objects"], status["bytes"]) == (3, 21)
    assert status["digest"].startswith("sha256:")
    manifest = status["manifest"]
    s3 = cluster.store.client()
    raw = s3.get_object(
        Bucket=manifest["bucket"], Key=manifest["key"], VersionId=manifest["versionId"]
    )["Body"].read()
    assert f"sha256:{hashlib.sha256(gzip.decompress(raw)).hexdigest()}" == manifest["digest"]
    assert len(raw) == manifest["bytes"]


def test_a_pin_that_supersedes_nothing_that_is_there_says_so_and_is_ready(
    team: Team, data: str
) -> None:
    team.declare("DatasetPin", "older", pin_spec(data))
    team.declare("DatasetPin", "newer", pin_spec(data, supersedes={"name": "older"}))
    team.declare("DatasetPin", "misspelt", pin_spec(data, supersedes={"name": "oldre"}))
    for name in ("older", "newer", "misspelt"):
        team.expect("DatasetPin", name)

    assert "supersedes" not in team.condition("DatasetPin", "newer", "Verified")["message"]
    said = team.condition("DatasetPin", "misspelt", "Verified")["message"]
    assert "`spec.supersedes` names DatasetPin 'oldre', which is not in this namespace" in said


def test_the_same_bytes_elsewhere_have_the_same_digest_but_are_another_pin(
    cluster: Cluster, team: Team, data: str
) -> None:
    s3 = cluster.store.client()
    for month in range(3):
        s3.put_object(Bucket=data, Key=f"mirror/{month:02}.parquet", Body=f"month {month}".encode())
    team.declare("DatasetPin", "train", pin_spec(data))
    team.declare("DatasetPin", "mirror", pin_spec(data, "mirror/"))
    one, other = (
        team.expect("DatasetPin", "train")["status"],
        team.expect("DatasetPin", "mirror")["status"],
    )
    assert one["digest"] == other["digest"]
    assert one["pinDigest"] != other["pinDigest"]


def test_a_wrong_expected_digest_stalls_the_pin_and_tells_both(team: Team, data: str) -> None:
    expected = "sha256:" + "0" * 64
    team.declare("DatasetPin", "wrong", pin_spec(data, digest=expected))
    stalled = team.expect("DatasetPin", "wrong", "Stalled", reason="DigestMismatch")
    message = next(
        entry["message"] for entry in stalled["status"]["conditions"] if entry["type"] == "Stalled"
    )
    assert expected in message


@pytest.mark.parametrize(
    ("name", "prefix", "reason"),
    [pytest.param("empty", "nothing/", "SourceEmpty", id="nothing is there")],
)
def test_what_cannot_be_pinned_is_refused(
    team: Team, data: str, name: str, prefix: str, reason: str
) -> None:
    team.declare("DatasetPin", name, pin_spec(data, prefix))
    team.expect("DatasetPin", name, status="False", reason=reason)


def test_an_unversioned_bucket_cannot_be_pinned(cluster: Cluster, team: Team) -> None:
    bucket = f"{team.name}-loose"
    cluster.store.client().create_bucket(Bucket=bucket)
    cluster.store.client().put_object(Bucket=bucket, Key="train/a", Body=b"x")
    team.grant(bucket)
    team.declare("DatasetPin", "loose", pin_spec(bucket))
    team.expect("DatasetPin", "loose", status="False", reason="VersioningRequired")


def test_a_pin_is_deleted_and_declared_anew_while_an_experiment_waits_for_it(
    team: Team, data: str
) -> None:
    inputs = {"datasets": [{"name": "train", "role": "train", "pinRef": {"name": "train"}}]}
    team.declare("DatasetPin", "train", pin_spec(data, "nothing/"))
    team.expect("DatasetPin", "train", "Stalled", reason="SourceEmpty")
    team.declare("Experiment", "patient", experiment_spec("standard", "primary", inputs=inputs))
    team.expect("Experiment", "patient", status="False", reason="PinNotReady")
    team.api.delete(team.path("DatasetPin", "train"))
    eventually(
        lambda: team.api.find(team.path("DatasetPin", "train")) is None, what="nothing holds it"
    )
    team.declare("DatasetPin", "train", pin_spec(data))
    team.expect("Experiment", "patient")


def test_a_pin_that_becomes_ready_wakes_the_feature_set_and_the_experiment_that_wait_for_it(
    team: Team, data: str
) -> None:
    inputs = {
        "datasets": [{"name": "train", "role": "train", "pinRef": {"name": "train"}}],
        "features": [{"name": "base", "pinRef": {"name": "base"}}],
    }
    team.declare("Experiment", "eager", experiment_spec("standard", "primary", inputs=inputs))
    team.declare("FeatureSetPin", "base", features("train"))
    team.expect("Experiment", "eager", status="False", reason="PinNotFound")
    team.declare("DatasetPin", "train", pin_spec(data))
    made = team.expect("Experiment", "eager")
    bound = {entry["name"]: entry for entry in made["status"]["inputs"]}
    assert bound["train"]["digest"] == team.read("DatasetPin", "train")["status"]["digest"]
    assert bound["base"]["digest"] == team.read("FeatureSetPin", "base")["status"]["digest"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"other bytes", id="with other bytes"),
        pytest.param(None, id="with the same bytes: only its UID is another"),
    ],
)
def test_a_pin_remade_under_an_experiment_is_told_and_changes_nothing(
    team: Team, data: str, cluster: Cluster, rogue: Api, body: bytes | None
) -> None:
    inputs = {"datasets": [{"name": "train", "role": "train", "pinRef": {"name": "train"}}]}
    team.declare("DatasetPin", "train", pin_spec(data))
    team.declare("Experiment", "bound", experiment_spec("standard", "primary", inputs=inputs))
    before = team.expect("Experiment", "bound")
    if body is not None:
        cluster.store.client().put_object(Bucket=data, Key="train/00.parquet", Body=body)
    path = team.path("DatasetPin", "train")
    team.api.delete(path)
    # Where a pin in use is held, only somebody who may break the rules gets it away.
    with suppress(ApiError):
        rogue.patch(path, {"metadata": {"finalizers": None}})
    eventually(lambda: team.api.find(path) is None or None, what="the pin is gone")
    team.declare("DatasetPin", "train", pin_spec(data))
    after = team.expect("Experiment", "bound", "InputsVerified", "False", "PinChanged")
    assert after["status"]["digest"] == before["status"]["digest"]
    assert after["status"]["inputs"] == before["status"]["inputs"]


def test_features_over_an_expired_window_or_other_bytes_are_not_ready(
    team: Team, data: str
) -> None:
    team.declare("DatasetPin", "train", pin_spec(data))
    team.declare(
        "FeatureSetPin",
        "over",
        features("train", validity={"notAfterTime": "2020-01-01T00:00:00Z"}),
    )
    team.declare(
        "FeatureSetPin",
        "early",
        features("train", validity={"notBeforeTime": "2090-01-01T00:00:00Z"}),
    )
    inputs = [{"name": "flights", "pinRef": {"name": "train"}, "digest": "sha256:" + "1" * 64}]
    team.declare("FeatureSetPin", "other", features("train", inputs=inputs))
    team.expect("FeatureSetPin", "over", status="False", reason="Expired")
    team.expect("FeatureSetPin", "early", status="False", reason="NotYetValid")
    team.expect("FeatureSetPin", "other", status="False", reason="InputDigestMismatch")


def test_a_deleted_version_is_found_and_named_by_the_next_check(
    cluster: Cluster, team: Team, data: str
) -> None:
    team.declare("DatasetPin", "train", pin_spec(data, **LOOK_OFTEN))
    made = team.expect("DatasetPin", "train")
    s3 = cluster.store.client()
    victim = s3.list_object_versions(Bucket=data, Prefix="train/01")["Versions"][0]
    s3.delete_object(Bucket=data, Key=victim["Key"], VersionId=victim["VersionId"])
    make_due(cluster, team, "train")
    found = team.expect("DatasetPin", "train", status="False", reason="ObjectsMissing")
    assert found["status"]["findings"]["missing"] == 1
    assert found["status"]["findings"]["samples"] == ["missing 01.parquet"]
    assert found["status"]["digest"] == made["status"]["digest"]


def test_a_newer_version_over_a_pinned_one_is_told_and_harms_nothing(
    cluster: Cluster, team: Team, data: str
) -> None:
    team.declare("DatasetPin", "train", pin_spec(data, **LOOK_OFTEN))
    team.expect("DatasetPin", "train")
    cluster.store.client().put_object(Bucket=data, Key="train/00.parquet", Body=b"newer")
    make_due(cluster, team, "train")
    found = team.expect("DatasetPin", "train", "DriftDetected", "True", "ObjectsHidden")
    assert found["status"]["findings"]["hidden"] == 1
    assert team.condition("DatasetPin", "train", "Ready")["status"] == "True", (
        "reads go by version id"
    )


def test_the_store_shows_what_was_proven(platform: Team) -> None:
    status = platform.read("ObjectStore", "primary")["status"]
    assert {proof["outcome"] for proof in status["proofs"]} == {"Passed"}
    answers = {entry["type"]: entry["status"] for entry in status["conditions"]}
    assert (
        answers["LockProven"]
        == answers["VersioningProven"]
        == answers["ConditionalWritesProven"]
        == answers["CredentialScopeProven"]
        == "True"
    )
    assert eventually(lambda: status.get("lastVerifiedTime"), what="a time")


def test_a_store_that_cannot_lock_is_not_ready_and_says_what_to_do(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    bucket = f"{team.name}-soft"
    cluster.store.client().create_bucket(Bucket=bucket)
    platform.declare("ObjectStore", bucket, store_spec(cluster, bucket))
    refused = platform.expect("ObjectStore", bucket, status="False", reason="LockRequired")
    stalled = next(entry for entry in refused["status"]["conditions"] if entry["type"] == "Stalled")
    assert "without object lock" in stalled["message"]
    team.declare("Experiment", "homeless", experiment_spec("standard", bucket))
    waiting = team.expect("Experiment", "homeless", "ArtifactsProtected", "False", "StoreNotReady")
    assert "namespace" not in waiting["status"]


def test_a_store_whose_keys_are_wrong_or_missing_says_so(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    nowhere = store_spec(
        cluster, "glovebox-artifacts", credentialsSecretRef={"name": "no-such-secret"}
    )
    platform.declare("ObjectStore", f"{team.name}-keyless", nowhere)
    platform.expect(
        "ObjectStore", f"{team.name}-keyless", status="False", reason="StoreCredentialsNotFound"
    )
    cluster.api.create(
        f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets",
        {
            "metadata": {"name": f"{team.name}-wrong"},
            "stringData": {"accessKeyId": "AKIAWRONG", "secretAccessKey": "not-the-key"},
        },
    )
    wrong = store_spec(
        cluster, "glovebox-artifacts", credentialsSecretRef={"name": f"{team.name}-wrong"}
    )
    platform.declare("ObjectStore", f"{team.name}-wrong", wrong)
    refused = platform.expect(
        "ObjectStore", f"{team.name}-wrong", status="False", reason="StoreCredentialsRefused"
    )
    assert "not-the-key" not in str(refused)


def test_a_store_that_lies_is_not_ready_and_the_failed_proof_is_named(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    def overwrite_all_the_same(asked: Asked, liar: Liar) -> Answered | None:
        return (
            liar.as_admin(asked.without("if-none-match"))
            if "if-none-match" in asked.headers
            else None
        )

    keys = cluster.store.access.loader
    name = f"{team.name}-liar"
    with lying(
        cluster.store.endpoint,
        Credentials(keys.access_key_id, keys.secret_access_key),
        overwrite_all_the_same,
    ) as endpoint:
        platform.declare(
            "ObjectStore", name, store_spec(cluster, "glovebox-artifacts", endpoint=endpoint)
        )
        refused = platform.expect(
            "ObjectStore", name, status="False", reason="ProofFailed", timeout=60
        )
    answers = {entry["type"]: entry for entry in refused["status"]["conditions"]}
    assert answers["ConditionalWritesProven"]["status"] == "False"
    assert answers["LockProven"]["status"] == "True"
    assert "`SecondWriteRefused`" in answers["Stalled"]["message"]
    proof = next(
        proof for proof in refused["status"]["proofs"] if proof["name"] == "SecondWriteRefused"
    )
    assert proof["outcome"] == "Failed"
    assert proof["verifiedTime"]
