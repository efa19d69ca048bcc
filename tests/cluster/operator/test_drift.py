"""Every managed object edited, deleted or joined by a foreign one is repaired and recorded."""

from __future__ import annotations

from typing import Any

import pytest

from support.api import Api
from support.cluster import Cluster
from support.operator_process import Operator, Team, experiment_spec, profile_spec
from support.run_credentials import make_due
from support.waiting import eventually

NETWORK = "/apis/networking.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CORE = "/api/v1"

# What a rogue changes in each kind, by merge patch.
EDITS: list[Any] = [
    pytest.param(
        NETWORK,
        "networkpolicies",
        "glovebox-default-deny",
        {"spec": {"egress": [{}]}},
        id="a policy is opened",
    ),
    pytest.param(
        NETWORK,
        "networkpolicies",
        "glovebox-allow-dns",
        {"metadata": {"labels": {"x": "y"}}},
        id="a label is added",
    ),
    pytest.param(
        CORE,
        "resourcequotas",
        "glovebox-quota",
        {"spec": {"hard": {"pods": "1000"}}},
        id="a quota is raised",
    ),
    pytest.param(
        CORE,
        "resourcequotas",
        "glovebox-quota",
        {"spec": {"hard": {"count/jobs.batch": "9"}}},
        id="a foreign key joins the quota",
    ),
    pytest.param(
        CORE, "limitranges", "glovebox-limits", {"spec": {"limits": []}}, id="limits are dropped"
    ),
    pytest.param(
        CORE,
        "serviceaccounts",
        "glovebox-runner",
        {"automountServiceAccountToken": True},
        id="the runner gets a token",
    ),
    pytest.param(
        CORE,
        "serviceaccounts",
        "default",
        {"automountServiceAccountToken": True},
        id="the default account gets a token",
    ),
    pytest.param(
        RBAC,
        "rolebindings",
        "glovebox-tenant",
        {"subjects": [{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}]},
        id="eve is bound",
    ),
]
OBJECTS = [
    (NETWORK, "networkpolicies", "glovebox-default-deny"),
    (NETWORK, "networkpolicies", "glovebox-allow-store"),
    (CORE, "resourcequotas", "glovebox-quota"),
    (CORE, "limitranges", "glovebox-limits"),
    (CORE, "configmaps", "glovebox-snapshot"),
    (CORE, "secrets", "glovebox-artifacts-credentials"),
    (CORE, "serviceaccounts", "glovebox-runner"),
    (RBAC, "rolebindings", "glovebox-tenant"),
]


@pytest.fixture(scope="module")
def rogue(cluster: Cluster) -> Api:
    """Somebody whom the guards let through: the group for emergencies."""
    return cluster.api_as("rogue", ["system:masters", "glovebox:break-glass"])


@pytest.fixture
def namespace(team: Team) -> str:
    """The namespace of an experiment that is Ready."""
    team.declare("Experiment", "kept", experiment_spec("standard", "primary"))
    made: str = team.expect("Experiment", "kept")["status"]["namespace"]
    return made


def content(obj: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in obj.items() if name not in {"metadata", "status"}}
    return {**kept, "labels": obj["metadata"].get("labels")}


@pytest.mark.parametrize(("root", "plural", "name", "edit"), EDITS)
def test_an_edit_is_undone_and_its_writer_named(
    team: Team, rogue: Api, namespace: str, root: str, plural: str, name: str, edit: dict[str, Any]
) -> None:
    path = f"{root}/namespaces/{namespace}/{plural}/{name}"
    before = team.api.get(path)
    rogue.patch(path, edit, fieldManager="rogue-tool")
    eventually(
        lambda: content(team.api.get(path)) == content(before) or None,
        what=f"{name} is as declared again",
    )
    drift = eventually(
        lambda: team.read("Experiment", "kept")["status"].get("drift"), what="a record of the drift"
    )
    assert drift["last"]["name"] == name
    assert drift["last"]["change"] == "Modified"
    assert drift["last"]["field"]
    # The API server records no writer on an account that the controller manager made first.
    assert name == "default" or "rogue-tool" in drift["last"]["manager"]


@pytest.mark.parametrize(("root", "plural", "name"), OBJECTS)
def test_a_deletion_is_undone(
    team: Team, rogue: Api, namespace: str, root: str, plural: str, name: str
) -> None:
    path = f"{root}/namespaces/{namespace}/{plural}/{name}"
    before = team.api.get(path)
    rogue.delete(path)
    after = eventually(lambda: team.api.find(path), what=f"{name} is back")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    if plural != "secrets":
        assert content(after) == content(before)


def test_a_foreign_network_policy_and_a_foreign_role_binding_are_removed(
    team: Team, rogue: Api, namespace: str
) -> None:
    policies, bindings = (
        f"{NETWORK}/namespaces/{namespace}/networkpolicies",
        f"{RBAC}/namespaces/{namespace}/rolebindings",
    )
    rogue.create(
        policies,
        {
            "metadata": {"name": "allow-all"},
            "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
        },
    )
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}
    rogue.create(
        bindings,
        {
            "metadata": {"name": "eve"},
            "roleRef": role,
            "subjects": [{"kind": "User", "name": "eve"}],
        },
    )
    eventually(
        lambda: team.api.find(f"{policies}/allow-all") is None or None, what="the policy is gone"
    )
    eventually(lambda: team.api.find(f"{bindings}/eve") is None or None, what="the binding is gone")
    drift = eventually(
        lambda: team.read("Experiment", "kept")["status"].get("drift"), what="a record of the drift"
    )
    assert drift["last"]["change"] == "Unexpected"


def test_a_foreign_policy_that_is_called_like_ours_is_told_as_well(
    team: Team, rogue: Api, namespace: str, operator: Operator
) -> None:
    before = operator.metric(
        "glovebox_drift_detected_total", managed_kind="NetworkPolicy", change="unexpected"
    )
    policies = f"{NETWORK}/namespaces/{namespace}/networkpolicies"
    rogue.create(
        policies,
        {
            "metadata": {"name": "glovebox-allow-all"},
            "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
        },
    )
    eventually(
        lambda: team.api.find(f"{policies}/glovebox-allow-all") is None or None,
        what="the policy is gone",
    )
    drift = eventually(
        lambda: team.read("Experiment", "kept")["status"].get("drift"), what="a record of the drift"
    )
    assert (drift["last"]["name"], drift["last"]["change"]) == ("glovebox-allow-all", "Unexpected")
    assert (
        operator.metric(
            "glovebox_drift_detected_total", managed_kind="NetworkPolicy", change="unexpected"
        )
        == before + 1
    )


def test_lost_labels_of_the_namespace_come_back(team: Team, rogue: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    before = team.api.get(path)["metadata"]["labels"]
    gone = {
        "app.kubernetes.io/managed-by": None,
        "pod-security.kubernetes.io/enforce": "privileged",
        "glovebox.dev/experiment-uid": None,
    }
    rogue.patch(path, {"metadata": {"labels": gone}})
    eventually(
        lambda: team.api.get(path)["metadata"]["labels"] == before or None,
        what="the labels are back",
    )


def test_drift_is_counted_and_told_by_an_event(
    team: Team, rogue: Api, namespace: str, operator: Operator
) -> None:
    before = operator.metric(
        "glovebox_drift_detected_total", managed_kind="LimitRange", change="deleted"
    )
    rogue.delete(f"{CORE}/namespaces/{namespace}/limitranges/glovebox-limits")

    def told() -> dict[str, Any] | None:
        events = team.api.list(f"/apis/events.k8s.io/v1/namespaces/{team.name}/events")
        return next((event for event in events if event["reason"] == "DriftRepaired"), None)

    event = eventually(told, what="an Event")
    assert "LimitRange `glovebox-limits` was deleted" in event["note"]
    assert (
        operator.metric(
            "glovebox_drift_detected_total", managed_kind="LimitRange", change="deleted"
        )
        == before + 1
    )
    assert (
        operator.metric("glovebox_drift_repairs_total", managed_kind="LimitRange", result="success")
        >= 1
    )
    condition = team.condition("Experiment", "kept", "DriftDetected")
    assert (condition["status"], condition["reason"]) == ("False", "DriftRepaired")


def test_what_was_changed_while_the_operator_was_down_is_found_at_its_start(
    team: Team, rogue: Api, namespace: str, operator: Operator
) -> None:
    policy = f"{NETWORK}/namespaces/{namespace}/networkpolicies/glovebox-default-deny"
    quota = f"{CORE}/namespaces/{namespace}/resourcequotas/glovebox-quota"
    before = content(team.api.get(policy))
    operator.kill()
    try:
        rogue.patch(policy, {"spec": {"egress": [{}]}})
        rogue.delete(quota)
    finally:
        operator.start()
    eventually(
        lambda: content(team.api.get(policy)) == before or None, what="the policy is as declared"
    )
    eventually(lambda: team.api.find(quota), what="the quota is back")


def test_credentials_that_somebody_changed_are_issued_anew_and_told(
    team: Team, rogue: Api, namespace: str
) -> None:
    path = f"{CORE}/namespaces/{namespace}/secrets/glovebox-artifacts-credentials"
    before = team.api.get(path)
    forged = {"credentials": "Zm9yZ2Vk"}
    rogue.patch(path, {"data": forged})
    after = eventually(
        lambda: (
            found
            if (found := team.api.get(path))["data"]["credentials"]
            not in {forged["credentials"], before["data"]["credentials"]}
            else None
        ),
        what="new credentials",
    )
    assert (
        after["metadata"]["annotations"]["glovebox.dev/content-digest"]
        != before["metadata"]["annotations"]["glovebox.dev/content-digest"]
    )
    drift = eventually(
        lambda: team.read("Experiment", "kept")["status"].get("drift"), what="a record of the drift"
    )
    assert (drift["last"]["kind"], drift["last"]["change"]) == ("Secret", "Modified")


@pytest.mark.parametrize("policy", ["Alert", "Ignore"])
def test_a_profile_may_alert_or_ignore_instead_of_repairing(
    team: Team, rogue: Api, platform: Team, operator: Operator, policy: str
) -> None:
    name = f"{team.name}-{policy.lower()}"
    platform.declare(
        "IsolationProfile", name, profile_spec(drift=[{"kind": "LimitRange", "policy": policy}])
    )
    team.declare("Experiment", "watched", experiment_spec(name, "primary"))
    namespace = team.expect("Experiment", "watched")["status"]["namespace"]
    limits = f"{CORE}/namespaces/{namespace}/limitranges/glovebox-limits"
    policies = f"{NETWORK}/namespaces/{namespace}/networkpolicies/glovebox-default-deny"
    rogue.patch(limits, {"metadata": {"labels": {"left": "alone"}}}, fieldManager="rogue-tool")
    rogue.delete(policies)
    eventually(lambda: team.api.find(policies), what="other kinds are repaired")
    if policy == "Alert":
        told = team.expect("Experiment", "watched", "DriftDetected", "True", "DriftDetected")
        message = next(
            entry["message"]
            for entry in told["status"]["conditions"]
            if entry["type"] == "DriftDetected"
        )
        assert "rogue-tool" in message
        assert operator.metric("glovebox_drift_outstanding", managed_kind="LimitRange") >= 1
    assert team.api.get(limits)["metadata"]["labels"]["left"] == "alone"
    assert team.condition("Experiment", "watched", "Ready")["status"] == "True"


def test_credentials_are_renewed_before_they_expire(team: Team, rogue: Api, namespace: str) -> None:
    path = f"{CORE}/namespaces/{namespace}/secrets/glovebox-artifacts-credentials"
    before = team.api.get(path)
    soon = make_due(rogue, path)
    renewed = eventually(
        lambda: found if (found := team.api.get(path))["data"] != before["data"] else None,
        what="new credentials",
    )
    told = renewed["metadata"]["annotations"]["glovebox.dev/credentials-expire-time"]
    assert told > soon
    eventually(
        lambda: (
            team.read("Experiment", "kept")["status"]["artifacts"]["credentialsExpireTime"] == told
        ),
        what="the new time",
    )
    assert renewed["metadata"]["uid"] == before["metadata"]["uid"], (
        "replaced in place: mounted files follow"
    )
    status = team.read("Experiment", "kept")["status"]
    assert status.get("drift") is None, "a renewal is no drift"


def test_credentials_that_were_made_immutable_are_made_anew(
    team: Team, rogue: Api, namespace: str
) -> None:
    path = f"{CORE}/namespaces/{namespace}/secrets/glovebox-artifacts-credentials"
    before = team.api.get(path)
    make_due(rogue, path, immutable=True)

    def renewed() -> bool:
        found = team.api.find(path)
        return found is not None and found["data"] != before["data"]

    eventually(renewed, what="new credentials")
    assert not team.api.get(path).get("immutable")


def test_a_status_that_somebody_wrote_is_put_right(team: Team, rogue: Api, namespace: str) -> None:
    rogue.patch(
        f"{team.path('Experiment', 'kept')}/status",
        {"status": {"artifacts": {"uri": "s3://elsewhere/"}}},
    )
    eventually(
        lambda: (
            team.read("Experiment", "kept")["status"]["artifacts"]["uri"] != "s3://elsewhere/"
            or None
        ),
        what="the own address",
    )
    assert team.read("Experiment", "kept")["status"]["namespace"] == namespace
