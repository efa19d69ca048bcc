"""A whole life on another store: pinned, run, sealed, verified from outside by the command line.

A real API server, Job controller and operator; the Job's pod is ended by hand, for there is no
node. What one store after another is asked of single functions is in the other files here.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from glovebox.evidence.envelope import opened
from glovebox.evidence.keys import encode_bundle
from glovebox.store.connection import Credentials
from glovebox.store.putting import checksum
from support.cluster import Cluster, running_cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import (
    PLATFORM_IMAGE,
    Team,
    experiment_spec,
    profile_spec,
    running_operator,
    store_spec,
)
from support.run_credentials import session_in
from support.trust import published_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.running_stores import OtherStore

pytestmark = [
    pytest.mark.parametrize("running", ["strict", "minio"], indirect=True),
    pytest.mark.timeout(300),
]
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
INPUTS = {"datasets": [{"name": "train", "pinRef": {"name": "rows"}, "role": "train"}]}
MODEL = b"weights"


def client(store: OtherStore, keys: Credentials, token: str = "") -> Any:
    """Return an S3 client of a store, with the keys of a user or of a session."""
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=token or None,
    )


def put(s3: Any, bucket: str, key: str, body: bytes) -> None:
    """Write an object; the front takes no checksum that follows its body."""
    s3.put_object(Bucket=bucket, Key=key, Body=body, ChecksumSHA256=checksum(body))


@pytest.fixture
def cluster(running: OtherStore, tmp_path: Path) -> Iterator[Cluster]:
    """A control plane with an operator; its own store is not used.

    After the other store: what trusts that one by the environment inherits it.
    """
    del running
    with (
        running_cluster(tmp_path / "cluster") as found,
        running_operator(found, tmp_path / "operator", PLATFORM_IMAGE),
    ):
        yield found


@pytest.fixture
def team(cluster: Cluster, running: OtherStore) -> Team:
    """A team whose ObjectStore `other` is that store, with data to pin in its bucket."""
    found, keys = Team(cluster, f"team-{uuid.uuid4().hex[:8]}"), running.operator
    data, s3 = f"data-{secrets.token_hex(4)}", client(running, running.operator)
    s3.create_bucket(Bucket=data)
    s3.put_bucket_versioning(Bucket=data, VersioningConfiguration={"Status": "Enabled"})
    put(s3, data, "train/a.csv", b"1,2\n")
    own = {"accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key}
    secret = {"metadata": {"name": "other"}, "stringData": own}
    cluster.api.create("/api/v1/namespaces/glovebox-system/secrets", secret)
    spec = store_spec(
        cluster,
        f"artifacts-{secrets.token_hex(4)}",
        endpoint=running.endpoint,
        region="us-east-1",
        credentialsSecretRef={"name": "other"},
        sts={"roleArn": running.role},
        access=[found.access(data)],
    )
    if running.endpoint.startswith("https:"):
        spec["tls"] = {"caBundle": Path(os.environ["AWS_CA_BUNDLE"]).read_text()}
    found.declare("IsolationProfile", "standard", profile_spec())
    found.declare("ObjectStore", "other", spec)
    found.expect("ObjectStore", "other", timeout=90)
    source = {"prefix": {"bucket": data, "prefix": "train/"}}
    found.declare("DatasetPin", "rows", {"storeRef": {"name": "other"}, "source": source})
    found.expect("DatasetPin", "rows", timeout=60)
    return found


def test_a_run_is_sealed_with_its_input_and_verified_from_outside(
    cluster: Cluster, team: Team, running: OtherStore, tmp_path: Path
) -> None:
    team.declare(
        "Experiment", "whole", experiment_spec("standard", "other", run=RUN, inputs=INPUTS)
    )
    made = team.expect("Experiment", "whole", timeout=60)
    pod = run_pod(team.api, made["status"]["namespace"])
    session = session_in(team, made["status"]["namespace"])
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    keys = Credentials(session["AccessKeyId"], session["SecretAccessKey"])
    own = client(running, keys, session["SessionToken"])
    put(own, bucket, f"{prefix}model.bin", MODEL)
    end_pod(team.api, pod, 0)
    sealed = team.expect("Experiment", "whole", "Sealed", timeout=90)
    assert sealed["status"]["seal"].get("findings", []) == []
    uri = sealed["status"]["seal"]["uri"]
    folder = tmp_path / "evidence"
    code, answer = verify(cluster, running, tmp_path, uri, "--save", str(folder))
    assert (code, answer["verified"], answer["findings"]) == (0, True, [])
    assert (answer["locked"], answer["unlocked"], answer["bytesRead"]) == (1, 0, len(MODEL))
    envelope = (folder / "attestation.dsse.json").read_bytes()
    statement = json.loads(opened(envelope, published_keys(cluster.api)).payload)
    inputs = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert any("train" in str(each.get("name", "")) for each in inputs)
    put(own, bucket, f"{prefix}model.bin", b"forged")
    code, answer = verify(cluster, running, tmp_path, uri)
    assert (code, [each["what"] for each in answer["findings"]]) == (1, ["WrittenAfterSeal"])


def verify(
    cluster: Cluster, running: OtherStore, folder: Path, *arguments: str
) -> tuple[int, dict[str, Any]]:
    """Run `glovebox verify` with what an auditor has."""
    bundle = folder / "keys.json"
    bundle.write_bytes(encode_bundle(published_keys(cluster.api)))
    done = subprocess.run(
        [sys.executable, "-m", "glovebox.cli", "verify", *arguments, "--key", bundle, "-o", "json"],
        env={
            **os.environ,
            "AWS_ENDPOINT_URL": running.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": running.operator.access_key_id,
            "AWS_SECRET_ACCESS_KEY": running.operator.secret_access_key,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, answer
