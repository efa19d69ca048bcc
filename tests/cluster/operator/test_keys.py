"""Signing keys on a real API server and store: published, rotated by one command, and lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.operator.test_runs import started
from glovebox import names
from glovebox.evidence.keys import encode_bundle
from support.api import path_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import Team
from support.run_credentials import write_artifact
from support.trust import published_keys
from support.waiting import eventually

OWN = "glovebox-system"
SECRET = path_of("v1", "secrets", namespace=OWN, name=names.SIGNING_KEY_SECRET)


def glovebox(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "glovebox.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sealed(team: Team, name: str) -> dict[str, Any]:
    made = started(team, name)
    write_artifact(team, made, "model.bin", b"weights")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    return team.expect("Experiment", name, "Sealed")


def test_seals_of_both_keys_verify_after_a_rotation_by_one_command(
    cluster: Cluster, team: Team, tmp_path: Path
) -> None:
    before = sealed(team, "before")["status"]["seal"]
    new = glovebox("keys", "new", "--namespace", OWN)
    assert new.returncode == 0, new.stderr
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=new.stdout)
    after = sealed(team, "after")["status"]["seal"]
    assert f"key {after['keyId']}\n" == new.stderr
    keys = published_keys(cluster.api)
    former, current = keys.find(before["keyId"]), keys.find(after["keyId"])
    assert former is not None
    assert former.valid_until is not None
    assert current is not None
    assert current.valid_until is None
    (tmp_path / "keys.json").write_bytes(encode_bundle(keys))
    for name, seal in (("before", before), ("after", after)):
        arguments = ("--key", str(tmp_path / "keys.json"), "--experiment", f"{team.name}/{name}")
        done = glovebox("verify", seal["uri"], *arguments, **cluster.store.access.variables)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"with key {seal['keyId']}" in done.stdout
    beside = cluster.store.client().list_objects_v2(
        Bucket=before["uri"].removeprefix("s3://").partition("/")[0], Prefix=".glovebox/keys/"
    )
    published = {each["Key"].rpartition("/")[2].partition(".")[0] for each in beside["Contents"]}
    assert published >= {before["keyId"], after["keyId"]}


@pytest.mark.slow
def test_a_lost_key_keeps_the_seal_waiting_and_is_not_replaced(
    cluster: Cluster, team: Team
) -> None:
    made = started(team, "waiting")
    kept = cluster.api.get(SECRET)
    cluster.api.delete(SECRET)
    restored = {
        **{name: kept[name] for name in ("apiVersion", "kind", "type", "data")},
        "metadata": {"name": names.SIGNING_KEY_SECRET, "namespace": OWN},
    }
    try:
        end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
        team.expect("Experiment", "waiting", "Sealed", status="False", reason="SigningKeyLost")
        assert cluster.api.find(SECRET) is None
    finally:
        cluster.api.create(path_of("v1", "secrets", namespace=OWN), restored)
    # Nobody tells the operator: it looks again within a minute.
    eventually(
        lambda: team.read("Experiment", "waiting")["status"].get("seal"),
        what="the seal is made with the key that is back",
        timeout=100,
    )
