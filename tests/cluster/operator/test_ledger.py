"""The ledger on a real API server and store: a whole life is told, and `glovebox` verifies it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from glovebox.controllers.signing_keys import PRIVATE
from glovebox.evidence.signer import new_key_pair
from support.api import path_of
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec, store_spec
from support.run_credentials import write_artifact
from support.told_ledgers import LIFE
from support.waiting import eventually

OWN = "glovebox-system"
BUCKET = "glovebox-ledgered"
WHERE = f"s3://{BUCKET}/acme"
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}
KEY = "the-ledgers-key"


def glovebox(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "glovebox.cli", *arguments],
        env={**os.environ, **cluster.store.access.variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    cluster.said.append((f"glovebox {' '.join(arguments)}", done.stdout + done.stderr))
    return done


@pytest.fixture
def policy(cluster: Cluster, platform: Team, tmp_path: Path) -> Path:
    """A store with a ledger that is written; the policy of who verifies it."""
    store = platform.path("ObjectStore", "ledgered")
    platform.declare("ObjectStore", "ledgered", store_spec(cluster, BUCKET))
    platform.expect("ObjectStore", "ledgered", timeout=60)
    pair = new_key_pair()
    (tmp_path / "log.pem").write_text(pair.private)
    origin = ("--origin", "ledger.example.com/acme")
    made = glovebox(cluster, "ledger", "init", WHERE, "--key", str(tmp_path / "log.pem"), *origin)
    assert made.returncode == 0, made.stderr
    cluster.api.create(
        path_of("v1", "secrets", namespace=OWN),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": KEY, "namespace": OWN},
            "stringData": {PRIVATE: pair.private},
        },
    )
    spec = {"organisation": "acme", "keySecretRef": {"name": KEY}}
    cluster.api.patch(store, {"spec": {"ledger": spec}})
    platform.expect("ObjectStore", "ledgered", "LedgerWritten", timeout=60)
    found = tmp_path / "policy.txt"
    found.write_text(f"{made.stdout.splitlines()[0]}\nquorum none\n")
    return found


@pytest.mark.timeout(300)
def test_a_life_is_told_from_binding_to_deletion_and_glovebox_verifies_it(
    cluster: Cluster, team: Team, policy: Path
) -> None:
    team.declare("Experiment", "told", experiment_spec("standard", "ledgered", run=RUN))
    made = team.expect("Experiment", "told")
    pod = run_pod(team.api, made["status"]["namespace"])
    write_artifact(team, made, "model.bin", b"weights")
    end_pod(team.api, pod, 0)
    sealed = team.expect("Experiment", "told", "Sealed", timeout=60)
    recorded = sealed["status"]["ledger"]["entries"]
    assert [each["kind"] for each in recorded] == list(LIFE[:-1])
    team.api.delete(team.path("Experiment", "told"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "told")) is None,
        what="the Experiment is gone",
        timeout=60,
    )

    keys = team.read("ObjectStore", "ledgered")["status"]["ledger"]["entries"]

    def signed() -> dict[str, Any] | None:
        store = team.read("ObjectStore", "ledgered")
        found: dict[str, Any] = store["status"].get("ledger") or {}
        return found if found.get("size") == len(LIFE) + len(keys) else None

    head = eventually(signed, what="the newest head is signed", timeout=60)
    assert {each["kind"] for each in head["anchors"]} == {"Bucket", "Status"}
    shown = glovebox(cluster, "ledger", "show", WHERE, "--output", "json")
    assert shown.returncode == 0, shown.stderr
    entries = [json.loads(line)["entry"] for line in shown.stdout.splitlines()]
    told = [entry for entry in entries if entry["subject"]["kind"] == "Experiment"]
    assert [entry["kind"] for entry in told] == list(LIFE)
    assert {entry["subject"]["uid"] for entry in told} == {made["metadata"]["uid"]}
    # The key that signed was told of before.
    key = sealed["status"]["seal"]["keyId"]
    (current,) = [
        entry
        for entry in entries
        if entry["subject"]["digest"] == f"sha256:{key}" and entry["details"]["change"] == "current"
    ]
    assert current["index"] in {each["index"] for each in keys}
    assert current["index"] < recorded[-1]["index"]
    verified = glovebox(
        cluster, "ledger", "verify", WHERE, "--policy", str(policy), "--seals", "--objects"
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
