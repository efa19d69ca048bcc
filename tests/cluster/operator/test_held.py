"""A foreign policy or binding that a finalizer holds is in force: it is told until it is gone."""

from __future__ import annotations

from typing import Any

import pytest

from support.api import Api, path_of
from support.operator_process import Team, experiment_spec
from support.waiting import eventually

POLICY = {"spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]}}
BINDING = {
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
    "subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}],
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("group", "plural", "body"),
    [
        ("networking.k8s.io/v1", "networkpolicies", POLICY),
        ("rbac.authorization.k8s.io/v1", "rolebindings", BINDING),
    ],
)
def test_what_is_held_by_a_finalizer_is_told(
    team: Team, rogue: Api, group: str, plural: str, body: dict[str, Any]
) -> None:
    team.declare("Experiment", "kept", experiment_spec("standard", "primary"))
    namespace = team.expect("Experiment", "kept")["status"]["namespace"]
    where = path_of(group, plural, namespace=namespace)

    def ready(answer: str, reason: str) -> Any:
        status = team.api.get(team.path("Experiment", "kept"))["status"]
        found = {entry["type"]: entry for entry in status["conditions"]}["NamespaceReady"]
        return found if (found["status"], found["reason"]) == (answer, reason) else None

    name = {"metadata": {"name": "foreign", "finalizers": ["example.com/held"]}}
    rogue.create(where, {**name, **body})
    try:
        told = eventually(lambda: ready("False", "DeletionBlocked"), what="it is told")
        assert "example.com/held" in told["message"]
        assert rogue.get(f"{where}/foreign")["metadata"].get("deletionTimestamp")
    finally:
        rogue.patch(f"{where}/foreign", {"metadata": {"finalizers": None}})
    eventually(lambda: ready("True", "Provisioned"), what="it is gone, and that is told")
