"""The program of docs/examples/feast joins as Feast does, from delivered files and no network."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from glovebox.desired.run_environment import run_environment
from golden.cases import inputs_from
from support.examples import REPOSITORY
from support.own_python import own_python

pytestmark = pytest.mark.timeout(900)
PROGRAM = REPOSITORY / "docs" / "examples" / "feast" / "read_features.py"
# Without any network but its own loopback.
ALONE = ("unshare", "--map-root-user", "--net")
MAKE = """
import sys
from pathlib import Path
import pandas as pd
root = Path(sys.argv[1])
hour = lambda day, hour: pd.Timestamp(2013, 1, day, hour, tz="UTC")
for name in ("examples", "values"):
    (root / name).mkdir(parents=True)
pd.DataFrame({
    "origin": ["JFK", "JFK", "LGA", "JFK"],
    "flight": [1, 2, 3, 4],
    "event_timestamp": [hour(2, 12), hour(2, 18), hour(2, 12), hour(9, 12)],
}).to_parquet(root / "examples" / "rows.parquet")
pd.DataFrame({
    "origin": ["JFK", "JFK", "JFK", "LGA"],
    "time_hour": [hour(2, 6), hour(2, 15), hour(2, 15), hour(2, 13)],
    "loaded_at": [hour(2, 7), hour(2, 16), hour(2, 17), hour(2, 14)],
    "mean_delay": pd.Series([1.0, 2.0, 3.0, 4.0], dtype="float32"),
}).to_parquet(root / "values" / "airports.parquet")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with Feast."""
    return own_python(REPOSITORY / "tests" / "with_feast", tmp_path_factory)


def test_values_are_joined_as_they_were_known_from_files_alone(
    python: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "inputs"
    subprocess.run([str(python), "-c", MAKE, str(folder)], check=True)
    inputs = inputs_from()
    (stage,) = inputs.experiment.spec.stages
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    given = {each["name"]: each["value"] for each in run_environment(inputs, stage)} | {
        "GLOVEBOX_INPUTS": str(folder),
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "PATH": os.environ["PATH"],
    }
    ended = subprocess.run(
        [*ALONE, str(python), str(PROGRAM)],
        cwd=tmp_path,
        env=given,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    rows = json.loads(ended.stdout.splitlines()[-1])
    # The newest of before; of two of one time the later known; none from after; none older than a
    # day.
    assert {each["flight"]: each["mean_delay"] for each in rows} == {
        1: 1.0,
        2: 3.0,
        3: None,
        4: None,
    }
    written = {each.relative_to(tmp_path).parts[0] for each in tmp_path.rglob("*")}
    assert written == {"inputs", "tmp"}, "nothing beside what a run may write"
