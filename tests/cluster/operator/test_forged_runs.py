"""Records of runs that somebody wrote who has the bucket's credentials, and not the operator's key.

They end no run, start none, and nothing is taken over by them: it is told that nobody signed them.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from glovebox.data.digest import canonical_json
from glovebox.evidence.after_seal import payload_of
from glovebox.evidence.envelope import sign
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.store.run_records import PAYLOAD_TYPE, run_key, started_key
from support.cluster import Cluster
from support.kubelet import RUN_JOB
from support.operator_process import Team, experiment_spec
from support.waiting import eventually

Json = dict[str, Any]
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
SPEC = experiment_spec("standard", "primary", run=RUN)


class Forger:
    """Somebody who may write to the bucket of artifacts, and has a key of their own."""

    def __init__(self, cluster: Cluster, bucket: str) -> None:
        self.s3, self.bucket = cluster.store.client(), bucket
        self._signer = LocalSigner.of(new_key_pair().private)

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def forge(self, key: str, document: Json) -> None:
        self.put(key, sign(canonical_json(document), self._signer, PAYLOAD_TYPE))


@pytest.fixture
def genuine(team: Team) -> Json:
    """An Experiment whose run was started, and is on record."""
    team.declare("Experiment", "genuine", SPEC)

    def recorded() -> Json | None:
        made = team.read("Experiment", "genuine")
        return made if ((made.get("status") or {}).get("run") or {}).get("record") else None

    return eventually(recorded, what="the run was started, and is on record")


def check_refused(team: Team, name: str, key: str) -> Json:
    """Wait until an Experiment is refused for what lies there, with nothing of it made."""
    made = team.expect("Experiment", name, "Stalled", reason="AlreadyRan")
    said = team.condition("Experiment", name, "Ready")["message"]
    assert f"{key} is there, and no published key signed it as the record of a run" in said
    assert "give the Experiment another name" in said
    assert not {"namespace", "digest", "run", "seal"} & made["status"].keys()
    return made


@pytest.mark.timeout(120)
def test_a_record_that_the_operator_did_not_sign_starts_no_run_ends_none_and_is_not_taken_over(
    cluster: Cluster, team: Team, genuine: Json
) -> None:
    bucket = genuine["status"]["artifacts"]["uri"].removeprefix("s3://").partition("/")[0]
    forger, record = Forger(cluster, bucket), genuine["status"]["run"]["record"]
    document = payload_of(forger.read(record))
    # What is declared is no secret, so the name of the record is none.
    second, third = (run_key(team.name, name, document["declared"]) for name in ("two", "three"))
    nobody = str(uuid4())
    forger.forge(second, {**document, "name": "two", "uid": nobody})
    forger.put(third, forger.read(record))  # signed, and of another run
    for name in ("two", "three"):
        team.declare("Experiment", name, SPEC)
    check_refused(team, "two", second)
    uid = check_refused(team, "three", third)["metadata"]["uid"]

    # By this the run of `three` would be over before it began.
    forger.forge(third, {**document, "name": "three", "uid": uid})
    started = {"key": third, "uid": uid, "jobUid": nobody, "startTime": document["begunTime"]}
    forger.forge(started_key(third), {"format": document["format"], **started})
    team.api.patch(
        team.path("Experiment", "three"), {"spec": {"purpose": {"description": "look again"}}}
    )
    check_refused(team, "three", third)

    # By this the operator would sign what `nobody` never ran.
    team.api.patch(team.path("Experiment", "two"), {"spec": {"adopts": nobody}})
    team.expect("Experiment", "two", "Stalled", reason="AdoptionRefused")
    said = team.condition("Experiment", "two", "Ready")["message"]
    assert f"no run of `{team.name}/two` was started" in said
    assert not {"namespace", "seal"} & team.read("Experiment", "two")["status"].keys()
    jobs = team.api.list("/apis/batch/v1/jobs", fieldSelector=f"metadata.name={RUN_JOB}")
    theirs = {job["metadata"]["namespace"] for job in jobs if team.name in str(job)}
    assert theirs == {genuine["status"]["namespace"]}
