"""What Flux makes of ends: of a run, of an Experiment under force, of those it depends on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.cluster import Cluster
from support.flux import Flux, Repository
from support.kubelet import end_pod, run_pod
from support.operator_process import GLOVEBOX, Team, experiment_spec
from support.waiting import eventually

pytestmark = pytest.mark.timeout(400)
RUN = {"image": "trainer", "command": ["python", "-m", "train"]}


MERGE = {"kustomize.toolkit.fluxcd.io/ssa": "Merge"}
SEALED = {"desired": "Sealed"}


def experiment(
    team: Team, name: str, annotations: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    return {
        "apiVersion": GLOVEBOX,
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": team.name, "annotations": annotations or {}},
        "spec": experiment_spec("standard", "primary", **changes),
    }


def test_a_frozen_experiment_keeps_flux_waiting_until_it_is_active(
    team: Team, repository: Repository
) -> None:
    repository.commit(experiment(team, "iced"))
    repository.expect("True")
    repository.commit(experiment(team, "iced", lifecycle={"desired": "Frozen"}))
    team.expect("Experiment", "iced", status="False", reason="Frozen")
    repository.expect_waiting()
    repository.commit(experiment(team, "iced", lifecycle={"desired": "Active"}))
    repository.expect("True")


def test_a_run_that_fails_later_fails_the_next_reconcile(
    team: Team, repository: Repository
) -> None:
    repository.commit(experiment(team, "unlucky", run=RUN))
    repository.expect("True")
    made = team.read("Experiment", "unlucky")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 1)
    team.expect("Experiment", "unlucky", "Stalled", timeout=60)
    repository.reconcile()
    message = repository.expect("False", reason="HealthCheckFailed")
    assert f"Experiment/{team.name}/unlucky status: 'Failed'" in message


def test_flux_takes_back_what_kubectl_wrote_where_that_is_refused_it_fails_until_git_says_it(
    cluster: Cluster, team: Team, repository: Repository
) -> None:
    plain, merged = experiment(team, "plain"), experiment(team, "merged", MERGE)
    repository.commit(plain, merged)
    repository.expect("True")
    for name in ("plain", "merged"):
        team.expect("Experiment", name)
        patch = json.dumps({"spec": {"lifecycle": SEALED}})
        kind, where = "experiments.glovebox.dev", f"--namespace={team.name}"
        cluster.kubectl("patch", kind, name, where, "--type=merge", f"--patch={patch}")
    repository.reconcile()
    message = repository.expect("False", reason="ReconciliationFailed")
    assert f"Experiment/{team.name}/plain" in message
    assert "must stay `Sealed`" in message
    assert f"Experiment/{team.name}/merged" not in message

    repository.commit(experiment(team, "plain", lifecycle=SEALED), merged)
    repository.expect("True")
    assert team.read("Experiment", "merged")["spec"]["lifecycle"]["desired"] == "Sealed"


def test_force_makes_another_experiment_of_a_change_that_is_refused(
    team: Team, repository: Repository
) -> None:
    repository.commit(experiment(team, "fixed"))
    repository.expect("True")
    before = team.read("Experiment", "fixed")
    repository.change(force=True)
    repository.commit(experiment(team, "fixed", config={"seeds": {"python": 8}}))
    repository.expect("True")
    after = team.expect("Experiment", "fixed")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["status"]["digest"] != before["status"]["digest"]


def test_who_depends_on_pins_is_applied_when_they_are_ready(team: Team, flux: Flux) -> None:
    pins = flux.repository(f"{team.name}-pins")
    users = flux.repository(f"{team.name}-users", dependsOn=[{"name": f"{team.name}-pins"}])
    bucket = f"{team.name}-data"
    source = {"prefix": {"bucket": bucket, "prefix": "train/"}}
    pins.commit(
        {
            "apiVersion": GLOVEBOX,
            "kind": "DatasetPin",
            "metadata": {"name": "train", "namespace": team.name},
            "spec": {"storeRef": {"name": "primary"}, "source": source},
        }
    )
    datasets = [{"name": "train", "role": "train", "pinRef": {"name": "train"}}]
    users.commit(experiment(team, "user", inputs={"datasets": datasets}))
    eventually(
        lambda: users.condition().get("reason") == "DependencyNotReady" or None,
        what="it waits for the pins",
    )
    assert team.api.find(team.path("Experiment", "user")) is None
    team.bucket({"train/01.parquet": b"month 1"})
    pins.expect("True")
    users.expect("True")
    team.expect("Experiment", "user")
