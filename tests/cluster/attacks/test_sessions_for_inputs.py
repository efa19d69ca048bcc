"""The session with which a run reads its inputs reaches nothing that its team may not pin."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from cluster.attacks.identities import TEAM
from cluster.attacks.run import RUN
from cluster.attacks.stage import Stage
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in
from support.waiting import eventually


def test_the_session_for_inputs_reads_nothing_that_was_not_granted(stage: Stage) -> None:
    """Six objects of two granted folders share a folder, in which others have theirs."""
    team, s3 = Team(stage.cluster, TEAM), stage.cluster.store.client()
    bucket = "shared-lake"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    granted = ("lake/flights/", "lake/common/")
    pinned = [
        {
            "bucket": bucket,
            "key": key,
            "versionId": s3.put_object(Bucket=bucket, Key=key, Body=b"x")["VersionId"],
            "path": key,
        }
        for key in (f"{prefix}{number}" for prefix in granted for number in range(3))
    ]
    s3.put_object(Bucket=bucket, Key="lake/ships/secret", Body=b"of ships")
    sources = [{"bucket": bucket, "prefix": prefix} for prefix in granted]
    grant = {
        "op": "add",
        "path": "/spec/access/-",
        "value": {"namespaces": [TEAM], "sources": sources},
    }
    stage.api.patch(team.path("ObjectStore", "primary"), [grant], kind="json")
    store = {"storeRef": {"name": "primary"}}
    theirs = {"prefix": {"bucket": bucket, "prefix": "lake/ships/"}}
    team.declare("DatasetPin", "theirs", store | {"source": theirs})
    team.expect("DatasetPin", "theirs", status="False", reason="NotGranted")
    team.declare("DatasetPin", "scattered", store | {"source": {"objects": pinned}})
    team.expect("DatasetPin", "scattered", timeout=60)
    dataset = {"name": "rows", "role": "train", "pinRef": {"name": "scattered"}}
    spec = experiment_spec("standard", "primary", inputs={"datasets": [dataset]}, run=RUN)
    team.declare("Experiment", "lake", spec)
    namespace = team.expect("Experiment", "lake", timeout=60)["status"]["namespace"]
    secret = f"/api/v1/namespaces/{namespace}/secrets/glovebox-inputs-credentials"
    eventually(lambda: stage.api.find(secret), what="the credentials for inputs")
    session = session_in(
        team, namespace, secret="glovebox-inputs-credentials", file="primary.credentials"
    )
    reader = stage.cluster.store.client(session=session)
    assert reader.get_object(Bucket=bucket, Key="lake/flights/0")["Body"].read() == b"x"
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.get_object(Bucket=bucket, Key="lake/ships/secret")
