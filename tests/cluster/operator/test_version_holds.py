"""A legal hold that somebody took off pinned versions is told, and put on again."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.api import Api
from support.cluster import Cluster
from support.operator_process import Team
from support.waiting import eventually

KEYS = ("set/a", "set/b")
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def bucket(cluster: Cluster, platform: Team, team: Team) -> str:
    """A bucket with object lock in which the platform lets versions be held."""
    name, s3 = f"{team.name}-held", cluster.store.client()
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    entry = {**team.access(name), "hold": True}
    change = [{"op": "add", "path": "/spec/access/-", "value": entry}]
    team.api.patch(platform.path("ObjectStore", "primary"), change, kind="json")
    return name


def told(team: Team) -> list[str]:
    events = team.api.list(f"/apis/events.k8s.io/v1/namespaces/{team.name}/events")
    return [each["note"] for each in events if each["reason"] == "HoldTakenOff"]


def test_holds_that_were_taken_off_with_credentials_of_the_store_are_told_and_put_on_again(
    cluster: Cluster, team: Team, rogue: Api, bucket: str
) -> None:
    source = {"prefix": {"bucket": bucket, "prefix": "set/"}}
    spec = {"storeRef": {"name": "primary"}, "source": source, "hold": "WhileUsed"}
    team.declare("DatasetPin", "set", spec)
    made = team.expect("DatasetPin", "set")["status"]
    assert made["hold"]["state"] == "Held"
    s3 = cluster.store.client()
    versions: list[dict[str, Any]] = [
        {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
        for each in s3.list_object_versions(Bucket=bucket)["Versions"]
    ]
    assert len(versions) == len(KEYS)

    def is_held(version: dict[str, Any]) -> bool:
        return bool(s3.get_object_legal_hold(**version)["LegalHold"]["Status"] == "ON")

    for version in versions:
        assert is_held(version)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(**version, BypassGovernanceRetention=True)
        s3.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})

    # The next check is due: who may write a status says that the last one was long ago.
    long_ago = {"listedTime": LONG_AGO, "hold": {"checkedTime": LONG_AGO}}
    rogue.patch(f"{team.path('DatasetPin', 'set')}/status", {"status": long_ago})
    (note,) = eventually(lambda: told(team), what="it is told")
    assert "took the legal hold off 2 of the versions" in note
    for version in versions:
        assert is_held(version)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(**version, BypassGovernanceRetention=True)
    after = team.expect("DatasetPin", "set", "Held")["status"]
    assert after["hold"]["heldTime"] == made["hold"]["heldTime"]
    assert after["hold"]["checkedTime"] > LONG_AGO
    assert team.condition("DatasetPin", "set", "Ready")["status"] == "True"
