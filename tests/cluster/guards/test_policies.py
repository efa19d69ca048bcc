"""What holds for every guard.

It fails closed, denies and records (or warns alone), and its expressions fit the types of the API
server.
"""

from __future__ import annotations

import json

from cluster.guards.actors import CLUSTER_ADMIN, Answer, Kubectl
from cluster.guards.conftest import until

# A refusal would hang the deletion of a namespace.
WARN = {"glovebox-pins-in-use"}
MARK = "glovebox.dev/experiment-uid"
# These look at namespaces and volumes themselves, or at our own kinds, which live in the teams'
# namespaces.
BY_CONDITION = {
    "glovebox-adopt",
    "glovebox-broken-glass",
    "glovebox-conclusions",
    "glovebox-events",
    "glovebox-finalizers",
    "glovebox-in-use",
    "glovebox-in-use-marks",
    "glovebox-input-volumes",
    "glovebox-namespaces",
    "glovebox-operator-fence-namespaces",
    "glovebox-operator-fence-specs",
    "glovebox-operator-fence-volumes",
    # It looks at nothing at all; it holds open what another one reads.
    "glovebox-parameters",
    "glovebox-pins-in-use",
    "glovebox-status",
    # They look at one namespace, the operator's own.
    "glovebox-last-listings",
    "glovebox-signing-keys",
    "glovebox-tasks",
}


def read(kubectl: Kubectl, resource: str) -> Answer:
    return kubectl(
        CLUSTER_ADMIN, "get", resource, "-l", "app.kubernetes.io/name=glovebox", "-o", "json"
    )


def test_every_guard_fails_closed_and_has_one_binding_that_denies_and_records(
    guarded: Kubectl,
) -> None:
    policies = json.loads(read(guarded, "validatingadmissionpolicies").out)["items"]
    bindings = json.loads(read(guarded, "validatingadmissionpolicybindings").out)["items"]
    assert {policy["spec"]["failurePolicy"] for policy in policies} == {"Fail"}
    assert sorted(policy["metadata"]["name"] for policy in policies) == sorted(
        binding["spec"]["policyName"] for binding in bindings
    )
    assert {
        binding["metadata"]["name"]: binding["spec"]["validationActions"] for binding in bindings
    } == {
        policy["metadata"]["name"]: ["Warn"]
        if policy["metadata"]["name"] in WARN
        else ["Deny", "Audit"]
        for policy in policies
    }


def test_every_guard_hangs_on_the_mark_of_an_experiment(guarded: Kubectl) -> None:
    for policy in json.loads(read(guarded, "validatingadmissionpolicies").out)["items"]:
        selector = policy["spec"]["matchConstraints"].get("namespaceSelector", {})
        marked = [term["key"] for term in selector.get("matchExpressions", [])] == [MARK]
        assert marked != (policy["metadata"]["name"] in BY_CONDITION), policy["metadata"]["name"]


def test_every_expression_fits_the_types_of_the_api_server(guarded: Kubectl) -> None:
    def checked(answer: Answer) -> bool:
        return all(
            item["metadata"]["generation"] == item["status"].get("observedGeneration")
            for item in json.loads(answer.out)["items"]
        )

    answer = until(lambda: read(guarded, "validatingadmissionpolicies"), checked)
    warnings = {
        item["metadata"]["name"]: item["status"]["typeChecking"].get("expressionWarnings")
        for item in json.loads(answer.out)["items"]
    }
    assert warnings == dict.fromkeys(warnings)


def test_a_refusal_is_recorded_in_the_audit_log(guarded: Kubectl) -> None:
    name = "gbx-audited"
    assert guarded(CLUSTER_ADMIN, "create", "namespace", name).code != 0
    key = "validation.policy.admission.k8s.io/validation_failure"
    noted = [
        event["annotations"][key]
        for event in guarded.cluster.audit()
        if key in event.get("annotations", {}) and name in json.dumps(event)
    ]
    assert noted
    assert json.loads(noted[0])[0]["policy"] == "glovebox-namespaces"
