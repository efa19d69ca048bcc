"""What the recipes of the how-to guides declare, applied as it stands there.

The other programs do not run here: the mirror, MLflow and Feast in tests of their own, Argo not at
all.
Its step does, with a real kubectl and the rights of its account.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from cluster.operator.test_stage_secrets import give_the_right, secrets, source
from glovebox_local.programs import KUBERNETES, program_folder
from support.api import path_of
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec, profile_spec
from support.recipes import recipe
from support.waiting import eventually

POLICIES = "networking.k8s.io/v1"


def declared(platform: Team, team: Team, name: str) -> dict[str, Any]:
    """Declare the profile and the Experiment of a recipe, and return its run's container."""
    api = team.api
    for each in recipe(name, team.name).values():
        kind, called = each["kind"], each["metadata"]["name"]
        (team if kind == "Experiment" else platform).declare(kind, called, each["spec"])
        if kind == "Experiment":
            experiment = called
    # Files come in the order of their names: it waits for its profile.
    namespace = team.expect("Experiment", experiment, timeout=60)["status"]["namespace"]

    def pod() -> dict[str, Any] | None:
        found = api.list(path_of("v1", "pods", namespace=namespace))
        return next(
            (each for each in found if each["spec"]["containers"][0]["name"] == "run"), None
        )

    made = eventually(pod, what="the run has its pod, past the guards")
    container: dict[str, Any] = made["spec"]["containers"][0]
    opened = api.get(
        path_of(POLICIES, "networkpolicies", namespace=namespace, name="glovebox-allow-services")
    )
    return {**container, "opened": json.dumps(opened["spec"]["egress"])}


def test_the_package_mirror_is_all_that_a_run_may_install_from(platform: Team, team: Team) -> None:
    container = declared(platform, team, "package-mirror")
    found = {each["name"]: each.get("value") for each in container["env"]}
    assert found["PIP_INDEX_URL"] == "https://pypi.packages.svc:8443/simple/"
    assert found["PIP_CERT"] == "/etc/glovebox/authorities.pem"
    assert '"kubernetes.io/metadata.name": "packages"' in container["opened"]
    assert "8443" in container["opened"]


def test_a_tracked_run_reaches_the_tracking_server_with_its_token(
    platform: Team, team: Team
) -> None:
    give_the_right(team.api, team.name)
    team.api.create(secrets(team.name), source("of-the-team"))
    container = declared(platform, team, "mlflow")
    found = {each["name"]: each for each in container["env"]}
    assert found["MLFLOW_TRACKING_URI"]["value"] == "http://tracking.mlflow.svc:5000"
    assert "secretKeyRef" in found["MLFLOW_TRACKING_TOKEN"]["valueFrom"]
    assert '"kubernetes.io/metadata.name": "mlflow"' in container["opened"]


def parquet_of(**columns: Any) -> bytes:
    held = io.BytesIO()
    parquet.write_table(pa.table(columns), held)
    return held.getvalue()


def times(*hours: int) -> pa.Array:
    """Return hours of the second of January 2013."""
    found = [datetime(2013, 1, 2, hour, tzinfo=UTC) for hour in hours]
    return pa.array(found, pa.timestamp("us", "UTC"))


@pytest.mark.timeout(420)
def test_a_run_with_feast_gets_values_that_are_what_their_definition_says(
    platform: Team, team: Team
) -> None:
    airports = pa.array(["JFK", "LGA"])
    bodies = {
        "flights-2013-train": b"flights",
        "flight-examples": parquet_of(
            origin=airports, flight=pa.array([1, 2]), event_timestamp=times(12, 18)
        ),
        "airport-delays-v1-values": parquet_of(
            origin=airports,
            time_hour=times(6, 15),
            loaded_at=times(7, 16),
            mean_delay=pa.array([1.0, 2.0], pa.float32()),
        ),
    }
    bucket = team.bucket({f"{name}/rows.parquet": body for name, body in bodies.items()})
    for name in bodies:
        source = {"prefix": {"bucket": bucket, "prefix": f"{name}/"}}
        team.declare("DatasetPin", name, {"storeRef": {"name": "primary"}, "source": source})
    images = [{"repository": "registry.example/flights/trainer"}]
    platform.declare("IsolationProfile", "with-feast", profile_spec(images=images))
    objects = recipe("feast", team.name)
    pin, experiment = objects["FeatureSetPin/airport-delays-v1"], "Experiment/delay-by-feast"
    team.declare("FeatureSetPin", "airport-delays-v1", pin["spec"])
    # Comparing starts a process of its own.
    team.expect("FeatureSetPin", "airport-delays-v1", "SchemaMatches", timeout=240)
    assert team.read("FeatureSetPin", "airport-delays-v1")["status"]["materialized"]["rows"] == 2
    spec = {**objects[experiment]["spec"], "profile": "with-feast"}
    team.declare("Experiment", "delay-by-feast", spec)
    made = team.expect("Experiment", "delay-by-feast", timeout=60)
    namespace = made["status"]["namespace"]
    assert run_pod(team.api, namespace)["spec"]["containers"][0]["command"][-1].endswith(".py")
    path = path_of("v1", "configmaps", namespace=namespace, name="glovebox-inputs")
    plan = json.loads(team.api.get(path)["data"]["inputs.json"])
    assert [each["name"] for each in plan["datasets"]] == ["examples", "values"]
    assert [each["name"] for each in plan["features"]] == ["base"]


@pytest.fixture
def account(team: Team) -> Path:
    """A kubeconfig of the account of the recipe for Argo Workflows, with its rights alone."""
    objects = recipe("argo-workflows", team.name)
    for each in objects.values():
        if each["kind"] != "WorkflowTemplate":
            team.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(each))
    return team.cluster.kubeconfig_for_service_account(team.name, "workflows")


def step(team: Team, account: Path, name: str, spec: dict[str, Any], out: Path) -> Any:
    """Start the program of the step, as Argo would: with its parameters in the environment."""
    template = recipe("argo-workflows", team.name)["WorkflowTemplate/experiment"]
    (only,) = template["spec"]["templates"]
    return subprocess.Popen(
        [*only["script"]["command"], "-c", only["script"]["source"]],
        env={
            "PATH": f"{program_folder(KUBERNETES)}:{os.environ['PATH']}",
            "KUBECONFIG": str(account),
            "NAME": name,
            "NAMESPACE": team.name,
            "SPEC": json.dumps(spec),
            "OUT": str(out),
            "HOME": str(out),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("code", [0, 3], ids=["succeeds", "fails"])
def test_a_step_of_a_workflow_ends_as_the_run_did(
    platform: Team, team: Team, account: Path, tmp_path: Path, code: int
) -> None:
    del platform
    run = {"image": "trainer", "command": ["train"], "retries": 0}
    spec = experiment_spec("standard", "primary", run=run)
    with step(team, account, "from-a-workflow", spec, tmp_path) as started:
        eventually(lambda: team.api.find(team.path("Experiment", "from-a-workflow")), what="it is")
        namespace = team.expect("Experiment", "from-a-workflow")["status"]["namespace"]
        end_pod(team.api, run_pod(team.api, namespace), code)
        said, _ = started.communicate(timeout=300)
    assert (started.returncode == 0) is (code == 0), said
    sealed = team.read("Experiment", "from-a-workflow")["status"]
    assert (tmp_path / "digest").read_text() == sealed["digest"]
    assert json.loads((tmp_path / "seal").read_text()) == sealed["seal"]
    # Tried again, it finds what it declared, and its end.
    with step(team, account, "from-a-workflow", spec, tmp_path) as again:
        again.communicate(timeout=300)
    assert again.returncode == started.returncode
    assert team.read("Experiment", "from-a-workflow")["metadata"]["generation"] == 1


def test_a_step_whose_experiment_cannot_begin_says_why_and_fails(
    platform: Team, team: Team, account: Path, tmp_path: Path
) -> None:
    del platform
    spec = experiment_spec("standard", "primary", network={"services": ["nowhere"]})
    with step(team, account, "cannot-begin", spec, tmp_path) as started:
        said, _ = started.communicate(timeout=300)
    assert started.returncode == 1
    assert "spec.network.services names nowhere" in said
