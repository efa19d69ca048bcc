"""A foreign policy that a finalizer holds is still in force, and nobody says so."""

from __future__ import annotations

import time
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
    name = {"metadata": {"name": "foreign", "finalizers": ["example.com/held"]}}
    rogue.create(where, {**name, **body})
    try:
        eventually(
            lambda: rogue.get(f"{where}/foreign")["metadata"].get("deletionTimestamp"),
            what="the operator has asked for its deletion",
        )
        time.sleep(45.0)
        assert rogue.find(f"{where}/foreign") is not None
        told = team.api.get(team.path("Experiment", "kept"))["status"]
        if plural == "rolebindings":
            mallory = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": "mallory",
                    "resourceAttributes": {
                        "namespace": namespace,
                        "verb": "create",
                        "resource": "pods",
                    },
                },
            }
            answer = rogue.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", mallory)
            print("mallory may create pods:", answer["status"])
        for entry in told["conditions"]:
            print(entry["type"], entry["status"], entry["reason"], entry["message"])
        by_type = {entry["type"]: entry for entry in told["conditions"]}
        assert by_type["NamespaceReady"]["status"] != "True"
    finally:
        rogue.patch(f"{where}/foreign", {"metadata": {"finalizers": None}})
