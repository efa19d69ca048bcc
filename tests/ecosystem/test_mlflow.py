"""The program of docs/examples/mlflow against a real server of MLflow, on loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glovebox.desired.run_environment import run_environment
from glovebox.desired.run_ways import SNAPSHOT_FOLDER
from glovebox.desired.snapshot import snapshot
from glovebox_local.ports import choose_ports
from golden.cases import inputs_from
from support.examples import REPOSITORY
from support.own_python import own_python
from support.recipes import recipe
from support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
PROGRAM = REPOSITORY / "docs" / "examples" / "mlflow" / "track.py"
# What the server is asked afterwards, by MLflow's own client.
ASK = """
import json, mlflow
client = mlflow.MlflowClient()
(run,) = client.search_runs([client.get_experiment_by_name("team-flights").experiment_id])
losses = [each.value for each in client.get_metric_history(run.info.run_id, "loss")]
(version,) = client.search_model_versions("name = 'flight-delay'")
print(json.dumps({
    "status": run.info.status, "params": run.data.params, "tags": run.data.tags,
    "losses": losses, "source": version.source, "of": version.run_id == run.info.run_id,
}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with MLflow."""
    return own_python(REPOSITORY / "tests" / "with_mlflow", tmp_path_factory)


@pytest.fixture(scope="module")
def server(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A tracking server with a database of its own; its URL."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = choose_ports(["mlflow"])["mlflow"]
    with (folder / "server.log").open("wb") as log:
        started = subprocess.Popen(
            [
                str(python.with_name("mlflow")),
                "server",
                f"--backend-store-uri=sqlite:///{folder}/mlflow.db",
                f"--default-artifact-root={folder}/artifacts",
                "--host=127.0.0.1",
                f"--port={port}",
                "--workers=1",
            ],
            env={"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def answers() -> bool:
        assert started.poll() is None, (folder / "server.log").read_text()[-2000:]
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False

    try:
        eventually(answers, what="MLflow answers", timeout=300)
        yield f"http://127.0.0.1:{port}"
    finally:
        # It has nothing to put down in order, and takes its time with that.
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(timeout=30)


def test_a_run_reports_itself_and_its_model_by_the_environment_that_it_is_given(
    python: Path, server: str, tmp_path: Path
) -> None:
    experiment = recipe("mlflow")["Experiment/delay-tracked"]
    stage = experiment["spec"]["stages"][0]
    changes = {
        "kind": "Experiment",
        "metadata": experiment["metadata"],
        "spec": {
            "config": experiment["spec"]["config"],
            "stages": {0: {"env": {**stage["env"], "MLFLOW_TRACKING_URI": server}}},
        },
    }
    inputs = inputs_from(changes)
    (declared,) = inputs.experiment.spec.stages
    data = snapshot(inputs)["data"]
    (tmp_path / "digest").write_text(data["digest"])
    given = {
        each["name"]: each["value"].replace(SNAPSHOT_FOLDER, str(tmp_path)).replace("$$", "$")
        for each in run_environment(inputs, declared)
    } | {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}

    def run(*command: str) -> str:
        ended = subprocess.run(
            [str(python), *command],
            cwd=tmp_path,
            env=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
        return ended.stdout

    assert "flight-delay version 1" in run(str(PROGRAM))
    found: dict[str, Any] = json.loads(run("-c", ASK).splitlines()[-1])
    results = given["GLOVEBOX_ARTIFACTS_URI"]
    assert found["status"] == "FINISHED"
    assert found["params"] == {"learning_rate": "0.05", "max_depth": "8"}
    assert found["losses"] == [1.0, 0.5, 1 / 3]
    assert found["tags"]["glovebox.dev/digest"] == data["digest"]
    assert found["tags"]["glovebox.dev/experiment"] == "team-flights/delay-tracked"
    assert (found["source"], found["of"]) == (f"{results}model", True)
    # A second run finds the model that the first registered.
    assert "flight-delay version 2" in run(str(PROGRAM))
