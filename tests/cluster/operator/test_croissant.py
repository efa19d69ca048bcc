"""A real pin as Croissant, read by the library of MLCommons."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.examples import flights
from support.operator_process import Team
from support.own_python import ROOT, own_python

FOLDER = ROOT / "tests" / "croissant"
FILES = {
    "part=1/a b.csv": b"x,y\n1,2\n",
    "part=1/\N{LATIN SMALL LETTER E WITH ACUTE}.parquet": b"none",
    "b.jsonl": b"{}\n",
}


@pytest.fixture(scope="session")
def mlcroissant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has the library."""
    return own_python(FOLDER, tmp_path_factory)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_library_of_mlcommons_finds_no_fault_in_it(
    cluster: Cluster, team: Team, mlcroissant: Path, tmp_path: Path
) -> None:
    bucket = team.bucket(FILES)
    source = {"prefix": {"bucket": bucket, "prefix": ""}}
    # Looked at every hour: other tests share the operator, and count what it writes in a minute.
    own = {"storeRef": {"name": "primary"}, "source": source, "verification": {}}
    spec = flights("DatasetPin")["spec"] | own
    team.declare("DatasetPin", "rows", spec)
    team.expect("DatasetPin", "rows")
    file = tmp_path / "rows.json"
    done = subprocess.run(
        [sys.executable, "-m", "glovebox.cli", "croissant", f"{team.name}/rows", "--save", file],
        env={**os.environ, **cluster.store.access.variables, "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    read = subprocess.run(
        [mlcroissant, FOLDER / "validate.py", file], capture_output=True, text=True, check=True
    )
    found = json.loads(read.stdout)
    assert found["errors"] == []
    assert [each for each in found["warnings"] if "citeAs" not in each] == []
    assert found["conformsTo"] == ["http://mlcommons.org/croissant/1.1"]
    assert sorted((name, sha, size) for name, sha, size, _ in found["objects"]) == sorted(
        (name, hashlib.sha256(body).hexdigest(), f"{len(body)} B") for name, body in FILES.items()
    )
    assert all(f"s3://{bucket}/" in url and "?versionId=" in url for *_, url in found["objects"])
