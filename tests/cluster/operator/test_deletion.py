"""Deletion does what the policy says, touches only what is this Experiment's own, and ends."""

from __future__ import annotations

from typing import Any

import pytest

from support.api import Api
from support.cluster import Cluster
from support.operator_process import BREAK_GLASS, Operator, Team, experiment_spec
from support.waiting import eventually


def ready(team: Team, name: str, policy: str) -> dict[str, Any]:
    team.declare(
        "Experiment",
        name,
        experiment_spec("standard", "primary", lifecycle={"deletionPolicy": policy}),
    )
    return team.expect("Experiment", name)


def delete(team: Team, name: str) -> None:
    team.api.delete(team.path("Experiment", name))
    eventually(
        lambda: team.api.find(team.path("Experiment", name)) is None or None,
        what=f"{name} is gone",
        timeout=40,
    )


def test_delete_takes_the_namespace_along_and_leaves_the_artifacts(
    cluster: Cluster, team: Team
) -> None:
    made = ready(team, "deleted", "Delete")
    bucket, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").split("/", 1)
    cluster.store.client().put_object(Bucket=bucket, Key=f"{prefix}model.bin", Body=b"weights")
    delete(team, "deleted")
    assert team.api.find(f"/api/v1/namespaces/{made['status']['namespace']}") is None
    assert (
        cluster.store.client().get_object(Bucket=bucket, Key=f"{prefix}model.bin")["Body"].read()
        == b"weights"
    )


def test_freeze_leaves_the_namespace_without_access_credentials_and_pods(team: Team) -> None:
    made = ready(team, "frozen", "Freeze")
    namespace = made["status"]["namespace"]
    delete(team, "frozen")
    live = team.api.get(f"/api/v1/namespaces/{namespace}")
    assert live["metadata"]["labels"]["glovebox.dev/state"] == "Retained"
    assert (
        team.api.list(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings")
        == []
    )
    assert team.api.list(f"/api/v1/namespaces/{namespace}/secrets") == []
    assert team.api.find(f"/api/v1/namespaces/{namespace}/configmaps/glovebox-snapshot") is not None


def test_retain_leaves_everything_but_the_credentials(team: Team) -> None:
    made = ready(team, "retained", "Retain")
    namespace = made["status"]["namespace"]
    delete(team, "retained")
    live = team.api.get(f"/api/v1/namespaces/{namespace}")
    assert live["metadata"]["labels"]["glovebox.dev/state"] == "Retained"
    assert (
        team.api.find(
            f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/glovebox-tenant"
        )
        is not None
    )
    assert team.api.list(f"/api/v1/namespaces/{namespace}/secrets") == []


def test_a_namesake_gets_a_namespace_and_a_prefix_of_its_own(team: Team) -> None:
    first = ready(team, "again", "Freeze")
    delete(team, "again")
    second = ready(team, "again", "Freeze")
    assert second["status"]["namespace"] != first["status"]["namespace"]
    assert second["status"]["artifacts"]["uri"] != first["status"]["artifacts"]["uri"]
    assert second["status"]["digest"] == first["status"]["digest"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "labelled",
    [
        pytest.param(True, id="by one that looks like ours: only the UID tells"),
        pytest.param(False, id="by one without our labels"),
    ],
)
def test_a_namespace_that_was_replaced_is_not_deleted(
    team: Team, rogue: Api, operator: Operator, *, labelled: bool
) -> None:
    """The UID fence: the name is the same, the namespace is another one."""
    made = ready(team, "fenced", "Delete")
    namespace = made["status"]["namespace"]
    labels = team.api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]
    operator.stop()
    try:
        rogue.delete(f"/api/v1/namespaces/{namespace}")
        eventually(
            lambda: team.api.find(f"/api/v1/namespaces/{namespace}") is None or None,
            what="the namespace is gone",
            timeout=40,
        )
        rogue.create_namespace(namespace, labels if labelled else None)
        team.api.delete(team.path("Experiment", "fenced"))
    finally:
        operator.start()
    eventually(
        lambda: team.api.find(team.path("Experiment", "fenced")) is None or None,
        what="the Experiment is gone",
        timeout=40,
    )
    live = team.api.get(f"/api/v1/namespaces/{namespace}")
    assert "deletionTimestamp" not in live["metadata"]
    rogue.delete(f"/api/v1/namespaces/{namespace}")


def test_what_holds_up_a_deletion_is_named(cluster: Cluster, team: Team) -> None:
    made = ready(team, "stuck", "Delete")
    namespace = made["status"]["namespace"]
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    rogue.create(path, {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    team.api.delete(team.path("Experiment", "stuck"))
    blocked = eventually(
        lambda: (
            entry
            if (entry := team.condition("Experiment", "stuck", "Ready")).get("reason")
            == "DeletionBlocked"
            else None
        ),
        what="the blocker is named",
        timeout=40,
    )
    assert "example.com/hold" in blocked["message"]
    rogue.patch(f"{path}/held", {"metadata": {"finalizers": None}})
    eventually(
        lambda: team.api.find(team.path("Experiment", "stuck")) is None or None,
        what="the deletion ends",
        timeout=40,
    )


def test_freezing_on_request_and_going_on(team: Team) -> None:
    made = ready(team, "paused", "Delete")
    namespace = made["status"]["namespace"]
    team.api.patch(
        team.path("Experiment", "paused"), {"spec": {"lifecycle": {"desired": "Frozen"}}}
    )
    team.expect("Experiment", "paused", status="False", reason="Frozen")
    assert (
        team.api.get(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]["glovebox.dev/state"]
        == "Frozen"
    )
    assert team.api.list(f"/api/v1/namespaces/{namespace}/secrets") == []
    team.api.patch(
        team.path("Experiment", "paused"), {"spec": {"lifecycle": {"desired": "Active"}}}
    )
    again = team.expect("Experiment", "paused")
    assert again["status"]["namespace"] == namespace
    assert again["status"]["digest"] == made["status"]["digest"]
    assert "drift" not in again["status"], "freezing and going on are no drift"
    assert team.api.list(f"/api/v1/namespaces/{namespace}/secrets") != []


@pytest.mark.slow
def test_going_on_after_a_restart_is_no_drift_either(team: Team, operator: Operator) -> None:
    ready(team, "thawed", "Delete")
    for desired, status, reason in (
        ("Frozen", "False", "Frozen"),
        ("Active", "True", "Provisioned"),
    ):
        operator.kill()
        team.api.patch(
            team.path("Experiment", "thawed"), {"spec": {"lifecycle": {"desired": desired}}}
        )
        operator.start()
        made = team.expect("Experiment", "thawed", status=status, reason=reason)
    assert "drift" not in made["status"]
