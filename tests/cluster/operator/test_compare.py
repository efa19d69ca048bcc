"""`glovebox compare --metrics` reads what two real seals in a real store vouch for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.operator.test_runs import started
from glovebox.evidence.keys import encode_bundle
from glovebox.evidence.signer import new_key_pair
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import Team
from support.run_credentials import write_artifact
from support.trust import published_keys

RESULTS = {"shallow": {"auc": 0.74, "rows": 2510}, "deeper": {"auc": 0.75, "by": {"UA": 0.7}}}


@pytest.mark.slow
def test_figures_of_two_seals_are_compared_and_those_of_no_seal_are_not(
    cluster: Cluster, team: Team, tmp_path: Path
) -> None:
    named = [f"{team.name}/{name}" for name in RESULTS]
    for name, figures in RESULTS.items():
        made = started(team, name)
        write_artifact(team, made, "metrics.json", json.dumps(figures).encode())
        end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    for name in RESULTS:
        team.expect("Experiment", name, "Sealed", timeout=120)
    trusted, strange = tmp_path / "keys.json", tmp_path / "strange.pem"
    trusted.write_bytes(encode_bundle(published_keys(cluster.api)))
    strange.write_text(new_key_pair().public)

    def compare(file: str, key: Path, *options: str) -> subprocess.CompletedProcess[str]:
        variables = cluster.store.access.variables
        return subprocess.run(
            [
                *(sys.executable, "-m", "glovebox.cli", "compare", *named),
                *("--metrics", file, "--key", str(key), *options),
            ],
            env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig), **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    done = compare("metrics.json", trusted, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found = {each["name"]: each for each in json.loads(done.stdout)["metrics"]}
    assert {name: each["values"] for name, each in found.items()} == {
        "auc": [0.74, 0.75],
        "by.UA": [None, 0.7],
        "rows": [2510, None],
    }
    assert found["auc"]["deltas"] == [0, pytest.approx(0.01)]

    forged = compare("metrics.json", strange)
    assert (forged.returncode, forged.stdout) == (2, "")
    assert named[0] in forged.stderr
    missing = compare("scores.json", trusted)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "scores.json" in missing.stderr
