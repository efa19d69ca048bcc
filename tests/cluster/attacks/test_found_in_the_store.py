"""Found: a session that reads more than was granted, and a seal that can be kept from being made.

Each is expected to fail until cured.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from cluster.attacks.found import RUN, PromiseBroken, say_complete
from cluster.attacks.identities import EXPERIMENTER, TEAM
from cluster.attacks.stage import Stage
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in
from support.waiting import eventually


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="the common folder is not compared")
def test_the_session_for_inputs_reads_nothing_that_was_not_granted(stage: Stage) -> None:
    """Six objects of two granted folders share a folder, in which others have theirs."""
    team, s3 = Team(stage.cluster, TEAM), stage.cluster.store.client()
    bucket = "found-lake"
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
    with suppress(ClientError):
        stolen = reader.get_object(Bucket=bucket, Key="lake/ships/secret")["Body"].read()
        raise PromiseBroken(stolen)


@pytest.mark.xfail(raises=PromiseBroken, strict=True, reason="two equal lists in a row are wanted")
def test_a_copied_session_that_writes_on_keeps_no_seal_from_being_made(stage: Stage) -> None:
    """After an hour of this the Experiment is gone, and nothing was sealed (`SEAL_WAIT`)."""
    team = Team(stage.cluster, TEAM)
    team.declare("Experiment", "busy", experiment_spec("standard", "primary", run=RUN))
    made = team.expect("Experiment", "busy")["status"]
    bucket, prefix = made["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    writer = stage.cluster.store.client(session=session_in(team, made["namespace"]))
    stop = threading.Event()

    def write(number: int) -> None:
        while not stop.is_set():
            writer.put_object(Bucket=bucket, Key=f"{prefix}more{number}", Body=b"x")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    path = team.path("Experiment", "busy")
    try:
        say_complete(stage.api, made["namespace"])
        EXPERIMENTER.of(stage.api).delete(path)
        begun = time.monotonic()
        while time.monotonic() - begun < 45:
            status = (stage.api.find(path) or {"status": {"seal": "made"}})["status"]
            if status.get("seal"):
                return
            time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # It was this that it waited for, and nothing else.
    eventually(lambda: stage.api.find(path) is None, what="the Experiment is gone", timeout=120)
    raise PromiseBroken("no seal while somebody writes")
