"""What the recipes of the how-to guides declare, applied as it stands there.

The other programs do not run here: the mirror and MLflow in tests of their own, Argo not at all.
Its step does, with a real kubectl and the rights of its account.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cluster.operator.test_stage_secrets import give_the_right, secrets, source
from glovebox_local.programs import KUBERNETES, program_folder
from support.api import path_of
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec
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
