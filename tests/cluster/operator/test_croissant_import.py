"""A pin out of a Croissant file that the library of MLCommons wrote, on real objects."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.cluster import Cluster
from support.operator_process import Team
from support.own_python import ROOT, own_python

FOLDER = ROOT / "tests" / "croissant"
FILES = {"set/1.csv": b"carrier,delay\nUA,1.5\n", "set/2.csv": b"carrier,delay\nB6,2.0\n"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_a_catalogue_describes_is_pinned_as_it_says(
    cluster: Cluster, team: Team, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    library = own_python(FOLDER, tmp_path_factory)
    bucket = team.bucket(FILES)
    s3 = cluster.store.client()
    rows = []
    for key, body in FILES.items():
        version = s3.head_object(Bucket=bucket, Key=key)["VersionId"]
        sha = hashlib.sha256(body).hexdigest()
        rows.append(f"{key.removeprefix('set/')} {version} {len(body)} {sha}")
    written = subprocess.run(
        [library, FOLDER / "write.py", bucket, *rows], capture_output=True, text=True, check=True
    )
    file = tmp_path / "delays.json"
    file.write_text(written.stdout)
    command = [sys.executable, "-m", "glovebox.cli", "croissant", "import", str(file)]
    done = subprocess.run(
        [*command, "--store", "primary", "--namespace", team.name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "`name`: the pin is called 'delays-of-2013'" in done.stderr
    pin = yaml.safe_load(done.stdout)
    assert pin["spec"]["license"] == "CC-BY-4.0"
    assert pin["spec"]["provenance"]["authors"] == ["A. Person", "The Office"]
    assert pin["spec"]["contract"]["columns"] == [
        {"name": "carrier", "type": "Text"},
        {"name": "delay", "type": "Number"},
    ]
    team.declare("DatasetPin", "delays-of-2013", pin["spec"])
    found = team.expect("DatasetPin", "delays-of-2013")
    assert found["status"]["digest"] == pin["spec"]["digest"]
    met = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert met["ContractMet"] == "True"
