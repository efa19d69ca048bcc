"""What others do to the operator: outages, a lost right, a hundred Experiments at once."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox import names
from support.api import Api, path_of
from support.cluster import Cluster
from support.operator_process import BREAK_GLASS, Operator, Team, experiment_spec, quiet
from support.waiting import eventually, lasting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_store_is_gone_for_thirty_seconds(
    cluster: Cluster, team: Team, operator: Operator
) -> None:
    team.declare("Experiment", "before", experiment_spec("standard", "primary"))
    standing = team.expect("Experiment", "before")
    cluster.store.stop()
    try:
        team.declare("Experiment", "meanwhile", experiment_spec("standard", "primary"))
        waiting = team.expect("Experiment", "meanwhile", "CredentialsFresh", "False", timeout=40)
        assert team.condition("Experiment", "meanwhile", "Ready")["status"] == "False"
        told = {entry["type"]: entry for entry in waiting["status"]["conditions"]}
        assert told["Reconciling"]["status"] == "True", "it goes on trying"
        assert "Stalled" not in told, "it recovers by itself"
        rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
        policy = (
            f"/apis/networking.k8s.io/v1/namespaces/{standing['status']['namespace']}"
            "/networkpolicies/glovebox-default-deny"
        )
        rogue.delete(policy)
        eventually(lambda: team.api.find(policy), what="policies are repaired without the store")
        lasting(
            lambda: team.condition("Experiment", "before", "Ready")["status"] == "True",
            what="what stands does not need the store",
            seconds=20,
        )
    finally:
        cluster.store.start()
    team.expect("Experiment", "meanwhile", timeout=60)
    assert operator.part.running


def test_one_right_is_missing_for_a_while(cluster: Cluster, team: Team, operator: Operator) -> None:
    """Rights on one kind are taken away: other kinds go on, and the operator recovers."""
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    role = next(
        obj
        for obj in cluster.api.list(path)
        if obj["metadata"]["name"].startswith("glovebox")
        and any("limitranges" in r.get("resources", []) for r in obj["rules"])
    )
    team.declare("Experiment", "standing", experiment_spec("standard", "primary"))
    space = team.expect("Experiment", "standing")["status"]["namespace"]
    pid = operator.part.pid
    without = [
        {**rule, "resources": [r for r in rule["resources"] if r != "limitranges"]}
        for rule in role["rules"]
    ]
    cluster.api.patch(
        f"{path}/{role['metadata']['name']}",
        {"rules": [rule for rule in without if rule["resources"]]},
    )
    try:
        lacking = team.declare("Experiment", "lacking", experiment_spec("standard", "primary"))
        inside = names.experiment_namespace(team.name, "lacking", lacking["metadata"]["uid"])
        refused = team.expect("Experiment", "lacking", "Ready", "False", "Forbidden")
        message = next(
            entry["message"]
            for entry in refused["status"]["conditions"]
            if entry["type"] == "Ready"
        )
        assert "limitranges" in message
        rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])
        policy = (
            f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies/glovebox-default-deny"
        )
        rogue.delete(policy)
        eventually(lambda: team.api.find(policy), what="other kinds are still repaired")
        lasting(
            lambda: operator.part.running and not access_in(team.api, inside),
            what="nobody gets in while a part of isolation is missing",
            seconds=30,
        )
        assert operator.part.pid == pid, "the operator was not restarted"
    finally:
        cluster.api.patch(f"{path}/{role['metadata']['name']}", {"rules": role["rules"]})
    team.expect("Experiment", "lacking", timeout=90)
    assert access_in(team.api, inside), "access is seen where there is some"


def test_the_api_server_is_killed_and_comes_back(
    cluster: Cluster, team: Team, operator: Operator
) -> None:
    team.declare("Experiment", "first", experiment_spec("standard", "primary"))
    team.expect("Experiment", "first")
    pid = operator.part.pid
    before = _failures(operator)
    cluster.apiserver.kill()
    try:
        eventually(
            lambda: _failures(operator) > before or None, what="the operator noticed it", timeout=90
        )
    finally:
        cluster.apiserver.start()
    team.declare("Experiment", "second", experiment_spec("standard", "primary"))
    team.expect("Experiment", "second", timeout=90)
    assert operator.part.running
    assert operator.part.pid == pid, "the operator outlived it"


def test_a_hundred_at_once_are_all_ready_and_the_minute_after_costs_no_write(
    cluster: Cluster, team: Team, operator: Operator
) -> None:
    made = [f"e{number:03}" for number in range(100)]
    for name in made:
        team.declare("Experiment", name, experiment_spec("standard", "primary"))
    for name in made:
        team.expect("Experiment", name, timeout=120)
    quiet(operator)
    before = operator.writes()
    versions = {
        obj["metadata"]["name"]: obj["metadata"]["resourceVersion"]
        for obj in _experiments(cluster, team)
    }
    lasting(lambda: operator.writes() == before, what="the minute after costs no write", seconds=60)
    assert {
        obj["metadata"]["name"]: obj["metadata"]["resourceVersion"]
        for obj in _experiments(cluster, team)
    } == versions


def test_a_restart_writes_nothing(team: Team, operator: Operator) -> None:
    for number in range(10):
        team.declare("Experiment", f"s{number}", experiment_spec("standard", "primary"))
    for number in range(10):
        team.expect("Experiment", f"s{number}")
    team.grant("no-such-bucket")
    for name, bucket, condition, reason in (
        ("refused", "glovebox-artifacts", "Stalled", "SourceEmpty"),
        ("failing", "no-such-bucket", "Reconciling", "BucketNotFound"),
    ):
        source = {"prefix": {"bucket": bucket, "prefix": f"{team.name}/nothing/"}}
        team.declare("DatasetPin", name, {"storeRef": {"name": "primary"}, "source": source})
        team.expect("DatasetPin", name, condition, reason=reason)
    quiet(operator)
    operator.kill()
    operator.start()
    quiet(operator)
    assert operator.metric("glovebox_reconcile_total", controller="experiment") >= 10
    assert operator.writes() == 0


def _failures(operator: Operator) -> float:
    """Return how often a list failed or a watch broke.

    With nothing to do no other request is sent.
    """
    return operator.metric("glovebox_reflector_failures_total")


def access_in(api: Api, namespace: str) -> list[str]:
    """Return what lets somebody into a namespace."""
    found = [
        api.find(path_of(api_version, plural, namespace=namespace, name=name))
        for api_version, plural, name in (
            ("rbac.authorization.k8s.io/v1", "rolebindings", names.TENANT_ROLE_BINDING),
            ("v1", "secrets", names.CREDENTIALS_SECRET),
        )
    ]
    return [obj["metadata"]["name"] for obj in found if obj]


def _experiments(cluster: Cluster, team: Team) -> list[dict[str, Any]]:
    return cluster.api.list(team.path("Experiment"))
