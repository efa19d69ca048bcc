"""Walls between teams in the store: who may pin what, and keep artifacts where."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from glovebox.errors import Forbidden
from glovebox.store.answers import AnswerError
from glovebox.store.connection import Credentials, Stop, Stores, StoreSettings
from glovebox.store.credentials import assume_with_policy
from glovebox.store.listing import list_versions
from glovebox.store.source_access import Location, source_policy
from support.cluster import Cluster
from support.operator_process import Operator, Team, experiment_spec, store_spec

pytestmark = pytest.mark.usefixtures("platform")


@pytest.fixture
def other(cluster: Cluster) -> Team:
    """A team whose data nobody else may read."""
    return Team(cluster, f"other-{uuid4().hex[:6]}")


def prefix_pin(bucket: str, prefix: str = "train/", store: str = "primary") -> dict[str, Any]:
    return {
        "storeRef": {"name": store},
        "source": {"prefix": {"bucket": bucket, "prefix": prefix}},
    }


def refused(team: Team, name: str) -> str:
    """Return the message of a pin that is not granted; nothing was learnt for it."""
    made = team.expect("DatasetPin", name, status="False", reason="NotGranted", timeout=60)
    assert not {"digest", "objects", "bytes", "manifest", "findings"} & made["status"].keys()
    (stalled,) = (c for c in made["status"]["conditions"] if c["type"] == "Stalled")
    assert stalled["status"] == "True"
    return str(stalled["message"])


def test_a_bucket_that_is_not_granted_looks_the_same_whether_it_is_there_or_not(
    team: Team, other: Team
) -> None:
    theirs = other.bucket({"train/a": b"secret"})
    team.declare("DatasetPin", "there", prefix_pin(theirs))
    team.declare("DatasetPin", "absent", prefix_pin("no-such-bucket"))
    there, absent = refused(team, "there"), refused(team, "absent")
    assert there.replace(theirs, "X") == absent.replace("no-such-bucket", "X")
    assert "spec.access` of ObjectStore 'primary' grants it nothing" in there
    other.declare("DatasetPin", "own", prefix_pin(theirs))
    other.expect("DatasetPin", "own")


def test_a_line_of_a_manifest_reaches_no_further_than_a_pin_of_a_prefix(
    cluster: Cluster, team: Team, other: Team
) -> None:
    s3 = cluster.store.client()
    theirs = other.bucket({"train/a": b"secret"})
    version = s3.list_object_versions(Bucket=theirs)["Versions"][0]["VersionId"]
    line = {"bucket": theirs, "key": "train/a", "versionId": version, "path": "a"}
    own = team.bucket({"list.jsonl": json.dumps(line).encode() + b"\n"})
    source = {"manifest": {"bucket": own, "key": "list.jsonl"}}
    team.declare("DatasetPin", "sly", {"storeRef": {"name": "primary"}, "source": source})
    assert theirs in refused(team, "sly")


def test_artifacts_of_others_and_evidence_are_never_a_source(team: Team, other: Team) -> None:
    other.declare("Experiment", "theirs", experiment_spec("standard", "primary"))
    made = other.expect("Experiment", "theirs")
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    for name, below in (("results", prefix), ("all", ""), ("evidence", ".glovebox/")):
        team.declare("DatasetPin", name, prefix_pin(bucket, below))
        assert "is for artifacts" in refused(team, name)


def test_a_grant_wakes_the_pin_proves_nothing_anew_and_its_end_is_noticed(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    store = f"{team.name}-store"
    platform.declare("ObjectStore", store, store_spec(cluster, "glovebox-artifacts", access=[]))
    proven = platform.expect("ObjectStore", store, timeout=60)["status"]
    bucket = team.bucket({"train/a": b"a"}, store="")
    spec = prefix_pin(bucket, store=store) | {"verification": {"listIntervalSeconds": 60}}
    team.declare("DatasetPin", "rows", spec)
    refused(team, "rows")
    path = team.path("ObjectStore", store)
    team.api.patch(path, {"spec": {"access": [team.access(bucket)]}})
    pinned = team.expect("DatasetPin", "rows")
    now = platform.expect("ObjectStore", store)["status"]
    assert now["lastVerifiedTime"] == proven["lastVerifiedTime"]
    assert now["observedGeneration"] == proven["observedGeneration"] + 1
    # What was pinned stays what it is; that it is no longer granted is said.
    team.api.patch(path, {"spec": {"access": []}})
    withdrawn = team.expect("DatasetPin", "rows", status="False", reason="NotGranted", timeout=90)
    assert withdrawn["status"]["digest"] == pinned["status"]["digest"]


def test_a_namespace_is_selected_by_its_labels_and_pins_below_its_own_name(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    store, bucket = f"{team.name}-labels", team.bucket({"a": b""}, store="")
    cluster.store.client().put_object(Bucket=bucket, Key=f"{team.name}/a", Body=b"a")
    access = {
        "namespaceSelector": {"matchLabels": {"tier": "gold"}},
        "sources": [{"bucket": bucket, "prefix": "{namespace}/"}],
    }
    platform.declare(
        "ObjectStore", store, store_spec(cluster, "glovebox-artifacts", access=[access])
    )
    platform.expect("ObjectStore", store, timeout=60)
    team.declare("DatasetPin", "early", prefix_pin(bucket, f"{team.name}/", store))
    refused(team, "early")
    team.api.patch(f"/api/v1/namespaces/{team.name}", {"metadata": {"labels": {"tier": "gold"}}})
    team.declare("DatasetPin", "own", prefix_pin(bucket, f"{team.name}/", store))
    team.expect("DatasetPin", "own")
    team.declare("DatasetPin", "all", prefix_pin(bucket, "", store))
    refused(team, "all")


def test_artifacts_are_kept_where_the_namespace_may_and_a_bound_experiment_keeps_its_store(
    cluster: Cluster, platform: Team, team: Team
) -> None:
    store = f"{team.name}-closed"
    platform.declare("ObjectStore", store, store_spec(cluster, "glovebox-artifacts", access=[]))
    platform.expect("ObjectStore", store, timeout=60)
    team.declare("Experiment", "guest", experiment_spec("standard", store))
    guest = team.expect("Experiment", "guest", status="False", reason="StoreNotGranted")
    assert "namespace" not in guest["status"]
    team.expect("Experiment", "guest", "ArtifactsProtected", "False", "StoreNotGranted")
    path = team.path("ObjectStore", store)
    team.api.patch(path, {"spec": {"access": [{"namespaces": [team.name], "artifacts": True}]}})
    bound = team.expect("Experiment", "guest")
    team.api.patch(path, {"spec": {"access": []}})
    platform.expect("ObjectStore", store)
    team.api.patch(
        team.path("Experiment", "guest"), {"metadata": {"annotations": {"look": "again"}}}
    )
    assert team.expect("Experiment", "guest")["status"]["digest"] == bound["status"]["digest"]


def test_the_store_itself_refuses_what_a_source_session_was_not_granted(
    cluster: Cluster, operator: Operator, team: Team, other: Team
) -> None:
    """The session policy that the operator uses, against the real store."""
    del operator
    own = team.bucket({"train/a": b"a", "train2/b": b"b"})
    theirs = other.bucket({"train/a": b"secret"})
    access = cluster.store.access
    keys = access.operator
    settings = StoreSettings(
        access.endpoint,
        access.region,
        credentials=Credentials(keys.access_key_id, keys.secret_access_key),
    )
    store = Stores().open(settings)
    policy = source_policy([Location(own, "train/")])
    issued = 0

    def issue() -> Credentials:
        nonlocal issued
        issued += 1
        return assume_with_policy(
            store, access.role_arn, policy, "a test", "glovebox-test", 1800
        ).as_credentials()

    narrowed = store.renewing(issue)
    found = list(list_versions(narrowed.wire, own, "train/", Stop()))
    assert [version.key for version in found] == ["train/a"]
    assert narrowed.wire.get(own, "train/a", {"versionId": found[0].version_id}).read() == b"a"
    assert narrowed.s3.get_bucket_versioning(Bucket=own)["Status"] == "Enabled"
    for bucket, key in ((own, "train2/b"), (theirs, "train/a")):
        with pytest.raises(AnswerError) as refused_read:
            narrowed.wire.get(bucket, key, {})
        assert refused_read.value.status == 403
    for bucket, prefix in ((own, ""), (own, "train2/"), (theirs, "train/")):
        with pytest.raises(Forbidden, match="403 AccessDenied"):
            list(list_versions(narrowed.wire, bucket, prefix, Stop()))
    with pytest.raises(Exception, match="AccessDenied"):
        narrowed.s3.put_object(Bucket=own, Key="train/a", Body=b"x")
    assert issued == 1, "one session serves many requests"


def test_a_store_that_only_says_where_it_keeps_artifacts_opens_nothing_and_takes_nothing(
    cluster: Cluster, platform: Team, team: Team, other: Team
) -> None:
    """It names the bucket in which teams keep data, and was never seen to keep artifacts there."""
    bucket = other.bucket({"train/a": b"a", f"{team.name}/a": b"secret"})
    wrong = f"{team.name}-wrong"
    spec = store_spec(cluster, bucket, credentialsSecretRef={"name": "no-such-secret"})
    platform.declare("ObjectStore", wrong, {**spec, "endpoint": "http://192.0.2.7:8333"})
    platform.expect("ObjectStore", wrong, status="False")
    try:
        other.declare("DatasetPin", "granted", prefix_pin(bucket))
        other.expect("DatasetPin", "granted")
        # Its folder is called as the namespace of the team is.
        team.declare("DatasetPin", "named", prefix_pin(bucket, f"{team.name}/"))
        assert "grants it nothing" in refused(team, "named")
    finally:
        platform.api.delete(platform.path("ObjectStore", wrong))
