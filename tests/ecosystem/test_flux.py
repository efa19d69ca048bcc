"""What Flux makes of our objects, and our operator of Flux: all three for real."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from support.cluster import Cluster
from support.flux import FIELD_MANAGER, Flux, Repository
from support.gitops import RUN, expect_gone, expect_untracked, experiment, pin, versions
from support.kubelet import end_pod, run_pod
from support.operator_process import IMAGE, Operator, Team, quiet
from support.waiting import eventually

KEPT = {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}


pytestmark = pytest.mark.timeout(400)


def test_an_object_that_the_operator_never_saw_keeps_flux_waiting(
    operator: Operator, team: Team, repository: Repository
) -> None:
    operator.stop()
    try:
        repository.commit(experiment(team, "unseen"))
        repository.expect_waiting()
        assert team.read("Experiment", "unseen")["status"] == {"observedGeneration": -1}
    finally:
        operator.start()
    repository.expect("True", reason="ReconciliationSucceeded")
    assert team.condition("Experiment", "unseen", "Ready")["status"] == "True"


def test_flux_waits_for_an_experiment_that_waits_for_its_pin(
    team: Team, repository: Repository, bucket: str
) -> None:
    waiting = experiment(team, "delays", "train")
    repository.commit(waiting)
    team.expect("Experiment", "delays", status="False", reason="PinNotFound")
    repository.expect_waiting()
    message = repository.expect("False", reason="HealthCheckFailed")
    assert f"Experiment/{team.name}/delays status: 'InProgress'" in message

    repository.commit(waiting, pin(team, "train", bucket))
    repository.expect("True", reason="ReconciliationSucceeded")
    bound = team.read("Experiment", "delays")["status"]["inputs"]
    assert [each["name"] for each in bound] == ["train"]


def test_what_is_refused_fails_flux_early(team: Team, repository: Repository) -> None:
    # Longer than the test may take: it is not the end of the time that fails it.
    repository.commit()
    repository.change(timeout="10m")
    images = [{"name": "trainer", "reference": IMAGE.replace("trainer@", "stranger@")}]
    repository.commit(experiment(team, "refused", images=images))
    message = repository.expect("False", reason="HealthCheckFailed")
    assert "failed early due to stalled resources" in message
    assert f"Experiment/{team.name}/refused status: 'Failed'" in message


def test_a_suspended_experiment_keeps_flux_waiting_until_it_is_not(
    team: Team, repository: Repository
) -> None:
    repository.commit(experiment(team, "later", suspend=True))
    team.expect("Experiment", "later", status="False", reason="Suspended")
    repository.expect_waiting()
    repository.commit(experiment(team, "later", suspend=False))
    repository.expect("True")


def test_a_run_that_ends_sealed_is_healthy_and_its_purpose_may_change(
    team: Team, repository: Repository
) -> None:
    repository.commit(experiment(team, "trained", run=RUN))
    # Waits no longer than for the namespace: a run may take days.
    repository.expect("True")
    made = team.read("Experiment", "trained")
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    team.expect("Experiment", "trained", "Sealed")

    purpose = {"description": "seen once more", "owner": "tests"}
    repository.commit(experiment(team, "trained", run=RUN, purpose=purpose))
    repository.expect("True")
    after = team.expect("Experiment", "trained")
    assert after["spec"]["purpose"]["description"] == "seen once more"
    assert after["status"]["digest"] == made["status"]["digest"]


def test_what_may_not_change_is_refused_in_the_kustomization_and_named(
    team: Team, repository: Repository, bucket: str
) -> None:
    declared = pin(team, "train", bucket), experiment(team, "fixed", "train")
    repository.commit(*declared)
    repository.expect("True")
    before = versions(team)

    repository.commit(declared[0], experiment(team, "fixed", "train", config={"seeds": {"a": 8}}))
    message = repository.expect("False", reason="ReconciliationFailed")
    assert "the snapshot is taken (`status.digest` is set)" in message
    assert "Create a new Experiment with the changed value" in message

    repository.commit(pin(team, "train", bucket, owner="somebody else"), declared[1])
    message = repository.expect("False", reason="ReconciliationFailed")
    assert "`spec.supersedes`" in message

    repository.commit(*declared)
    repository.expect("True")
    assert versions(team) == before


def test_a_pin_is_superseded_and_pruned_when_its_last_user_is(
    team: Team, repository: Repository, bucket: str
) -> None:
    older, user = pin(team, "older", bucket), experiment(team, "user", "older")
    repository.commit(older, user)
    repository.expect("True")
    newer = pin(
        team,
        "newer",
        bucket,
        source={"prefix": {"bucket": bucket, "prefix": "more/"}},
        supersedes={"name": "older"},
    )
    repository.commit(older, user, newer, experiment(team, "next", "newer"))
    repository.expect("True")
    for name in ("user", "next"):
        team.expect("Experiment", name)

    # Pruned while it is in use: it stays as it is for its user, and says whom it waits for.
    repository.commit(user, newer, experiment(team, "next", "newer"))
    repository.expect("True")
    held = team.expect("DatasetPin", "older", status="False", reason="InUse")
    assert held["metadata"]["deletionTimestamp"]
    assert "user" in team.condition("DatasetPin", "older", "Ready")["message"]
    team.expect("Experiment", "user")

    repository.commit(newer, experiment(team, "next", "newer"))
    repository.expect("True")
    expect_gone(team, "Experiment", "user")
    expect_gone(team, "DatasetPin", "older")
    team.expect("Experiment", "next")


def test_deleting_the_kustomization_deletes_all_in_whatever_order(
    team: Team, repository: Repository, bucket: str
) -> None:
    repository.commit(pin(team, "train", bucket), experiment(team, "user", "train"))
    repository.expect("True")
    namespace = team.read("Experiment", "user")["status"]["namespace"]
    team.api.delete(repository.path)
    eventually(lambda: team.api.find(repository.path) is None or None, what="Flux is done")
    expect_gone(team, "Experiment", "user")
    expect_gone(team, "DatasetPin", "train")
    eventually(
        lambda: team.api.find(f"/api/v1/namespaces/{namespace}") is None or None,
        what="the experiment's namespace is gone",
        timeout=60,
    )


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param({}, id="without an annotation"),
        pytest.param({"kustomize.toolkit.fluxcd.io/force": "Disabled"}, id="force: Disabled"),
    ],
)
def test_force_waits_for_ever_for_a_pin_in_use_and_its_user_keeps_what_it_is_bound_to(
    team: Team, repository: Repository, bucket: str, annotations: dict[str, str]
) -> None:
    """The annotation that reads as a protection is none: Flux looks for `Enabled` alone."""
    meta = {"annotations": annotations}
    used = experiment(team, "user", "train")
    repository.commit(pin(team, "train", bucket, meta=meta), used)
    repository.expect("True")
    before = team.read("DatasetPin", "train"), team.read("Experiment", "user")

    repository.change(force=True)
    repository.commit(pin(team, "train", bucket, meta=meta, owner="somebody else"), used)
    held = team.expect("DatasetPin", "train", status="False", reason="InUse", timeout=60)
    assert held["metadata"]["uid"] == before[0]["metadata"]["uid"]
    assert held["spec"] == before[0]["spec"]
    after = team.expect("Experiment", "user")
    assert after["status"]["digest"] == before[1]["status"]["digest"]
    assert after["status"]["inputs"] == before[1]["status"]["inputs"]
    # Flux waits for the deletion, without an end and without a word, and takes no other commit.
    assert repository.condition()["message"] == "Reconciliation in progress"
    assert "Detecting drift" in repository.condition("Reconciling")["message"]

    team.api.delete(team.path("Experiment", "user"))
    repository.expect("True")
    again = team.expect("DatasetPin", "train")
    assert again["metadata"]["uid"] != before[0]["metadata"]["uid"]
    assert again["spec"]["owner"] == "somebody else"


def test_if_not_present_keeps_a_pin_from_force(
    team: Team, repository: Repository, bucket: str
) -> None:
    meta = {"annotations": KEPT}
    used = experiment(team, "user", "train")
    repository.commit(pin(team, "train", bucket, meta=meta), used)
    repository.expect("True")
    before = team.read("DatasetPin", "train")
    repository.change(force=True)
    repository.commit(pin(team, "train", bucket, meta=meta, owner="somebody else"), used)
    repository.expect("True")
    after = team.read("DatasetPin", "train")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]
    assert after["spec"] == before["spec"]


def test_flux_puts_an_edited_spec_right(team: Team, repository: Repository) -> None:
    repository.commit(experiment(team, "edited"))
    repository.expect("True")
    before = team.read("Experiment", "edited")["spec"]
    team.api.patch(team.path("Experiment", "edited"), {"spec": {"purpose": {"owner": "mallory"}}})
    team.expect("Experiment", "edited")
    repository.reconcile()
    repository.expect("True")
    assert team.read("Experiment", "edited")["spec"] == before
    team.expect("Experiment", "edited")


def test_there_is_no_endless_diff_and_an_idle_cluster_writes_nothing(
    operator: Operator, team: Team, repository: Repository, bucket: str
) -> None:
    declared = pin(team, "train", bucket), experiment(team, "idle", "train")
    repository.commit(*declared)
    repository.expect("True")
    quiet(operator)
    before = versions(team)
    for each in declared:
        path = team.path(each["kind"], each["metadata"]["name"])
        live = team.api.get(path)
        sent = copy.deepcopy(each)
        labels = live["metadata"]["labels"]
        # Flux adds whose they are.
        sent["metadata"]["labels"] = {
            key: value for key, value in labels.items() if "fluxcd" in key
        }
        tried = team.api.patch(path, sent, kind="apply", fieldManager=FIELD_MANAGER, dryRun="All")
        assert _comparable(tried) == _comparable(live)
    for _ in range(3):
        repository.reconcile()
    quiet(operator)
    assert versions(team) == before


def test_children_carry_nothing_by_which_tools_track(
    cluster: Cluster, team: Team, repository: Repository, bucket: str
) -> None:
    foreign = {
        "argocd.argoproj.io/tracking-id": "app:glovebox.dev/Experiment:x/y",
        "meta.helm.sh/release-name": "release",
        "helm.toolkit.fluxcd.io/name": "release",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    meta = {"annotations": foreign, "labels": {"app.kubernetes.io/instance": "app"}}
    declared = experiment(team, "tracked", "train", meta=meta, run=RUN)
    repository.commit(pin(team, "train", bucket), declared)
    repository.expect("True")
    namespace = team.expect("Experiment", "tracked")["status"]["namespace"]
    run_pod(team.api, namespace)
    expect_untracked(cluster, namespace)


@pytest.mark.timeout(1800)
def test_two_hundred_experiments_of_one_kustomization(team: Team, flux: Flux, bucket: str) -> None:
    repository = flux.repository(team.name, timeout="15m")
    names = [f"many-{number:03}" for number in range(200)]
    repository.commit(
        pin(team, "train", bucket), *(experiment(team, name, "train") for name in names)
    )
    repository.expect("True", timeout=900)
    found = {each["metadata"]["name"]: each for each in team.api.list(team.path("Experiment"))}
    assert sorted(found) == names
    for name in names:
        team.expect("Experiment", name)
    repository.commit(pin(team, "train", bucket))
    repository.expect("True")
    eventually(
        lambda: not team.api.list(team.path("Experiment")) or None, what="all are gone", timeout=900
    )
    team.expect("DatasetPin", "train")


def _comparable(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in {"managedFields", "resourceVersion"}
    }
    return {**obj, "metadata": metadata}
