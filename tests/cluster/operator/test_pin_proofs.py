"""Pins are proven again by a real operator, on real stores whose bytes rot below S3."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from glovebox_local.operator_process import OPERATOR_NAMESPACE
from support.cluster import Cluster
from support.kubelet import RUN_JOB
from support.operator_process import (
    BREAK_GLASS,
    Operator,
    Team,
    experiment_spec,
    profile_spec,
    store_spec,
)
from support.own_store import ADMIN, RunningStore, running_seaweed
from support.rotting import rot
from support.waiting import eventually

Json = dict[str, Any]
LONG_AGO = "2020-01-01T00:00:00Z"
MONTHS = {f"train/{month:02}.parquet": f"month {month}".encode() for month in range(3)}


@pytest.fixture(scope="module")
def rotting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with running_seaweed(tmp_path_factory.mktemp("rotting")) as running:
        yield running


def client(store: RunningStore) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ADMIN.access_key_id,
        aws_secret_access_key=ADMIN.secret_access_key,
    )


@pytest.fixture
def second_store(cluster: Cluster, platform: Team, team: Team, rotting: RunningStore) -> str:
    """An ObjectStore of a store whose bytes can be changed below S3, Ready."""
    name = f"{team.name}-rotting"
    cluster.api.create(
        f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets",
        {
            "metadata": {"name": name},
            "stringData": {
                "accessKeyId": ADMIN.access_key_id,
                "secretAccessKey": ADMIN.secret_access_key,
            },
        },
    )
    s3 = client(rotting)
    s3.create_bucket(Bucket=f"{team.name}-set")
    s3.put_bucket_versioning(
        Bucket=f"{team.name}-set", VersioningConfiguration={"Status": "Enabled"}
    )
    for key, body in MONTHS.items():
        s3.put_object(Bucket=f"{team.name}-set", Key=key, Body=body)
    spec = store_spec(
        cluster,
        f"{team.name}-artifacts",
        endpoint=rotting.endpoint,
        region="us-east-1",
        credentialsSecretRef={"name": name},
        access=[{"namespaces": [team.name], "sources": [{"bucket": f"{team.name}-set"}]}],
    )
    del spec["sts"]
    platform.declare("ObjectStore", name, spec)
    platform.expect("ObjectStore", name, timeout=90)
    return name


def pin_spec(bucket: str, store: str = "primary", **verification: Any) -> Json:
    return {
        "storeRef": {"name": store},
        "source": {"prefix": {"bucket": bucket, "prefix": "train/"}},
        "verification": verification,
    }


def make_due(cluster: Cluster, team: Team, name: str, **more: Any) -> None:
    """Let all proofs be long ago; only somebody whom the guards let through can say so."""
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    status = {"verifiedTime": LONG_AGO, "verification": None, **more}
    rogue.patch(f"{team.path('DatasetPin', name)}/status", {"status": status})


def levels(obj: Json) -> dict[str, Json]:
    return {each["level"]: each for each in obj["status"].get("verification") or ()}


def proven(team: Team, name: str, *wanted: str, since: str = LONG_AGO) -> Json:
    """Wait until a pin was proven at these levels; return it."""

    def look() -> Json | None:
        obj = team.read("DatasetPin", name)
        found = levels(obj)
        is_done = all(
            found.get(each, {}).get("lastTime", "") > since and "current" not in found[each]
            for each in wanted
        )
        return obj if is_done else None

    return eventually(look, what=f"{name} is proven at {wanted}", timeout=60)


def test_all_levels_are_proven_when_they_are_due_and_say_how_old_they_are(
    cluster: Cluster, team: Team, operator: Operator
) -> None:
    bucket = team.bucket(MONTHS)
    team.declare("DatasetPin", "train", pin_spec(bucket, sampleObjects=2))
    made = team.expect("DatasetPin", "train")
    first = eventually(
        lambda: levels(team.read("DatasetPin", "train")) or None, what="the first proofs are told"
    )
    assert set(first) == {"List", "Full"}
    assert (first["Full"]["result"], first["Full"]["objects"], first["Full"]["bytes"]) == (
        "Passed",
        3,
        21,
    )
    before = operator.metric("glovebox_pin_proof_bytes_total", level="Full")

    make_due(cluster, team, "train")
    status = proven(team, "train", "Head", "Sample", "Full")["status"]
    found = levels({"status": status})
    assert {name: each["result"] for name, each in found.items()} == dict.fromkeys(
        ("List", "Head", "Sample", "Full"), "Passed"
    )
    assert (found["Head"]["objects"], found["Sample"]["objects"]) == (3, 2)
    assert (found["Full"]["objects"], found["Full"]["bytes"]) == (3, 21)
    assert status["verifiedTime"] == found["Full"]["lastTime"]
    # Two of three with seven bytes each, and all of them; a request for each, up to two of a HEAD.
    assert status["budgetSpent"]["bytes"] == 35
    assert 8 <= status["budgetSpent"]["requests"] <= 11
    assert status["budgetSpent"]["date"] == datetime.now(UTC).date().isoformat()
    assert team.condition("DatasetPin", "train", "ProofsCurrent")["status"] == "True"
    assert team.condition("DatasetPin", "train", "Ready")["status"] == "True"
    assert status["digest"] == made["status"]["digest"]
    assert operator.metric("glovebox_pin_proof_bytes_total", level="Full") == before + 21
    assert operator.metric("glovebox_pins_by_proofs", state="ProofsCurrent") >= 1
    oldest = operator.metric("glovebox_pin_oldest_proof_timestamp_seconds", level="Head")
    assert oldest > (datetime.now(UTC) - timedelta(days=1)).timestamp()


def test_a_rotten_byte_below_s3_makes_the_pin_not_ready_until_it_is_restored(
    cluster: Cluster, team: Team, second_store: str, rotting: RunningStore
) -> None:
    bucket, victim = f"{team.name}-set", "train/01.parquet"
    team.declare("DatasetPin", "train", pin_spec(bucket, second_store, sampleObjects=299))
    team.expect("DatasetPin", "train")
    version = client(rotting).list_object_versions(Bucket=bucket, Prefix=victim)["Versions"][0]
    rot(rotting, bucket, victim, version["VersionId"], b"month X")

    # A listing and headers show nothing of it.
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    rogue.patch(f"{team.path('DatasetPin', 'train')}/status", {"status": {"listedTime": LONG_AGO}})
    eventually(
        lambda: team.read("DatasetPin", "train")["status"].get("listedTime", "") > LONG_AGO or None,
        what="the pin is listed",
    )
    assert team.condition("DatasetPin", "train", "Ready")["status"] == "True"

    make_due(cluster, team, "train")
    refused = team.expect("DatasetPin", "train", status="False", reason="ObjectsChanged")
    assert "by the proof `Sample`" in team.condition("DatasetPin", "train", "Verified")["message"]
    assert levels(refused)["Head"]["result"] == "Passed"
    status = proven(team, "train", "Sample", "Full")["status"]
    found = levels({"status": status})
    expected, rotten = (hashlib.sha256(body).hexdigest() for body in (b"month 1", b"month X"))
    for level in ("Sample", "Full"):
        assert found[level]["result"] == "Found"
        assert found[level]["findings"] == {
            "changed": 1,
            "objects": [
                {
                    "path": "01.parquet",
                    "what": "changed",
                    "expected": f"sha256:{expected} (7 bytes)",
                    "found": f"sha256:{rotten} (7 bytes)",
                }
            ],
        }
    told = eventually(
        lambda: (
            [
                each
                for each in team.api.list(f"/apis/events.k8s.io/v1/namespaces/{team.name}/events")
                if each["reason"] == "ProofFound"
            ]
            or None
        ),
        what="an Event tells it",
    )
    assert "01.parquet" in told[0]["note"]
    # A check by listing, which is clean, takes none of it back.
    rogue.patch(f"{team.path('DatasetPin', 'train')}/status", {"status": {"listedTime": LONG_AGO}})
    eventually(
        lambda: team.read("DatasetPin", "train")["status"].get("listedTime", "") > LONG_AGO or None,
        what="the pin is listed once more",
    )
    assert team.condition("DatasetPin", "train", "Ready")["reason"] == "ObjectsChanged"

    rot(rotting, bucket, victim, version["VersionId"], b"month 1")
    aged = [
        {**each, "lastTime": LONG_AGO}
        for each in team.read("DatasetPin", "train")["status"]["verification"]
    ]
    rogue.patch(f"{team.path('DatasetPin', 'train')}/status", {"status": {"verification": aged}})
    team.expect("DatasetPin", "train", timeout=60)
    after = proven(team, "train", "Full")
    assert levels(after)["Full"]["result"] == "Passed"
    assert "findings" not in levels(after)["Sample"]
    assert team.condition("DatasetPin", "train", "DriftDetected")["status"] == "False"


def test_anybody_can_say_which_objects_a_sample_read(
    cluster: Cluster, team: Team, second_store: str, rotting: RunningStore
) -> None:
    bucket = f"{team.name}-set"
    team.declare("DatasetPin", "train", pin_spec(bucket, second_store, sampleObjects=1))
    status = team.expect("DatasetPin", "train")["status"]
    s3, manifest = client(rotting), status["manifest"]
    raw = s3.get_object(
        Bucket=manifest["bucket"], Key=manifest["key"], VersionId=manifest["versionId"]
    )["Body"].read()
    lines = [json.loads(line) for line in gzip.decompress(raw).splitlines()]
    entries = {line["path"]: line for line in lines if "path" in line}
    for path, entry in entries.items():
        rot(rotting, bucket, entry["key"], entry["versionId"], b"rotten!")
        assert path
    make_due(cluster, team, "train")
    sample = levels(proven(team, "train", "Sample"))["Sample"]

    def rank(path: str) -> bytes:
        text = f"{sample['seed']}\n{status['pinDigest']}\n{path}\n"
        return hashlib.sha256(text.encode()).digest()

    assert [each["path"] for each in sample["findings"]["objects"]] == [min(entries, key=rank)]


def test_a_pin_that_waits_for_budget_says_until_when_and_the_oldest_comes_first(
    cluster: Cluster, platform: Team, team: Team, second_store: str
) -> None:
    bucket = f"{team.name}-set"
    budget = [{"op": "replace", "path": "/spec/verification/budget/bytesPerDay", "value": 20}]
    platform.api.patch(platform.path("ObjectStore", second_store), budget, kind="json")
    platform.expect("ObjectStore", second_store)
    for name in ("older", "newer"):
        team.declare(
            "DatasetPin", name, pin_spec(bucket, second_store, sampleIntervalSeconds=315360000)
        )
        team.expect("DatasetPin", name)
    make_due(cluster, team, "older", verifiedTime="2019-01-01T00:00:00Z")
    waiting = team.expect("DatasetPin", "older", "ProofsCurrent", "False", "WaitingForBudget")
    full = levels(waiting)["Full"]["current"]
    # Two of three objects, of seven bytes each: the third is more than was left.
    assert (full["objects"], full["bytes"], full["needs"]) == (2, 14, 7)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert full["waitingUntilTime"] == f"{tomorrow}T00:00:00Z"
    said = team.condition("DatasetPin", "older", "ProofsCurrent")["message"]
    assert f"until {tomorrow}T00:00:00Z" in said
    assert team.condition("DatasetPin", "older", "Ready")["status"] == "True"
    make_due(cluster, team, "newer")
    team.expect("DatasetPin", "newer", "ProofsCurrent", "False", "WaitingForBudget")
    # One byte more than the older one needs is nothing for the newer one.
    budget[0]["value"] = 22
    platform.api.patch(platform.path("ObjectStore", second_store), budget, kind="json")
    proven(team, "older", "Full")
    assert "current" in levels(team.read("DatasetPin", "newer"))["Full"]
    budget[0]["value"] = 10**6
    platform.api.patch(platform.path("ObjectStore", second_store), budget, kind="json")
    proven(team, "newer", "Full")
    team.expect("DatasetPin", "newer", "ProofsCurrent")


def test_an_experiment_waits_for_the_proof_that_it_demands_and_the_pin_is_proven_at_once(
    cluster: Cluster, team: Team
) -> None:
    bucket = team.bucket(MONTHS)
    team.declare("DatasetPin", "train", pin_spec(bucket))
    team.expect("DatasetPin", "train")
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    rogue.patch(
        f"{team.path('DatasetPin', 'train')}/status",
        {"status": {"verifiedTime": hour_ago, "verification": None}},
    )
    assert "Head" not in levels(team.read("DatasetPin", "train"))
    entry = {"name": "train", "pinRef": {"name": "train"}, "role": "train"}
    demand = {"headSeconds": 600, "fullSeconds": 600}
    team.declare(
        "Experiment",
        "careful",
        experiment_spec(
            "standard", "primary", inputs={"datasets": [{**entry, "maxProofAge": demand}]}
        ),
    )
    bound = eventually(
        lambda: (
            obj
            if (obj := team.read("Experiment", "careful")).get("status", {}).get("digest")
            else None
        ),
        what="the Experiment is bound",
        timeout=60,
    )
    found = levels(team.read("DatasetPin", "train"))
    for level in ("Head", "Full"):
        assert found[level]["lastTime"] > hour_ago
        assert found[level]["result"] == "Passed"
    assert bound["status"]["inputs"][0]["verifiedTime"] == found["Full"]["lastTime"]


def _bound_to(
    platform: Team, team: Team, pin: Json, action: str, **changes: Any
) -> tuple[str, Json]:
    """Return the name of an Experiment under a profile with that action, and the Experiment."""
    profile, name = f"{team.name}-{action.lower()}", action.lower()
    platform.declare("IsolationProfile", profile, profile_spec(data={"onBrokenInput": action}))
    platform.expect("IsolationProfile", profile)
    team.declare("DatasetPin", "train", pin)
    team.expect("DatasetPin", "train")
    entry = {"name": "train", "pinRef": {"name": "train"}, "role": "train"}
    spec = experiment_spec(profile, "primary", inputs={"datasets": [entry]}, **changes)
    team.declare("Experiment", name, spec)
    return name, team.expect("Experiment", name, "NamespaceReady")


def test_a_run_is_ended_and_sealed_where_the_profile_fails_it_for_a_broken_pin(
    cluster: Cluster, platform: Team, team: Team, operator: Operator
) -> None:
    bucket = team.bucket(MONTHS)
    run = {"image": "trainer", "command": ["python", "-m", "train"]}
    name, made = _bound_to(platform, team, pin_spec(bucket), "Fail", run=run)
    namespace = made["status"]["namespace"]
    eventually(
        lambda: (team.read("Experiment", name)["status"].get("run") or {}).get("jobUid"),
        what="the run was started and recorded",
    )
    s3 = cluster.store.client()
    victim = s3.list_object_versions(Bucket=bucket, Prefix="train/01")["Versions"][0]
    s3.delete_object(Bucket=bucket, Key=victim["Key"], VersionId=victim["VersionId"])
    make_due(cluster, team, "train", listedTime=LONG_AGO)
    eventually(
        lambda: team.read("Experiment", name)["status"].get("brokenInputs"),
        what="the broken input is recorded",
        timeout=60,
    )
    operator.kill()
    operator.start()
    sealed = team.expect("Experiment", name, "Sealed", timeout=120)["status"]
    assert (sealed["run"]["outcome"], sealed["run"]["reason"]) == ("Failed", "InputBroken")
    assert sealed["brokenInputs"][0]["reason"] == "ObjectsMissing"
    assert any("DatasetPin 'train' was found broken" in each for each in sealed["seal"]["findings"])
    ready = team.condition("Experiment", name, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "InputBroken")
    assert team.api.find(f"/apis/batch/v1/namespaces/{namespace}/jobs/{RUN_JOB}") is None
    labels = team.api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]
    assert labels["glovebox.dev/state"] == "Sealed"


def test_what_is_frozen_for_a_broken_pin_admits_no_pods_until_that_is_whole_again(
    cluster: Cluster, platform: Team, team: Team, second_store: str, rotting: RunningStore
) -> None:
    bucket, victim = f"{team.name}-set", "train/01.parquet"
    pin = pin_spec(bucket, second_store, sampleObjects=299)
    name, made = _bound_to(platform, team, pin, "Freeze")
    namespace = made["status"]["namespace"]
    version = client(rotting).list_object_versions(Bucket=bucket, Prefix=victim)["Versions"][0]
    rot(rotting, bucket, victim, version["VersionId"], b"month X")
    make_due(cluster, team, "train")
    frozen = eventually(
        lambda: (
            status
            if (status := team.read("Experiment", name)["status"]).get("state") == "Frozen"
            else None
        ),
        what="it is frozen",
        timeout=60,
    )
    assert frozen["brokenInputs"][0]["reason"] == "ObjectsChanged"
    assert team.condition("Experiment", name, "Ready")["reason"] == "InputBroken"
    # What the guards admit pods by, and what the team works with.
    labels = team.api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]
    assert labels["glovebox.dev/state"] == "Frozen"
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    assert team.api.find(f"{bindings}/glovebox-tenant") is None
    rot(rotting, bucket, victim, version["VersionId"], b"month 1")
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    aged = [
        {**each, "lastTime": LONG_AGO}
        for each in team.read("DatasetPin", "train")["status"]["verification"]
    ]
    rogue.patch(f"{team.path('DatasetPin', 'train')}/status", {"status": {"verification": aged}})
    eventually(
        lambda: team.read("Experiment", name)["status"].get("state") == "Open" or None,
        what="it is open again",
        timeout=60,
    )
    assert "brokenInputs" not in team.read("Experiment", name)["status"]
