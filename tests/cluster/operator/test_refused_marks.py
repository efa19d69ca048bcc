"""A policy of the cluster that wants no finalizers on a profile: what is open is told on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from glovebox import names
from support.api import Api, ApiError
from support.operator_process import Team, experiment_spec, profile_spec
from support.waiting import eventually

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
WORDS = "the platform wants no finalizers"


@contextmanager
def no_finalizers(api: Api, path: str, name: str) -> Iterator[None]:
    """Refuse everybody who changes the finalizers of one profile, while the block runs."""
    rule = {
        "apiGroups": ["glovebox.dev"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["isolationprofiles"],
    }
    same = "object.metadata.?finalizers.orValue([]) == oldObject.metadata.?finalizers.orValue([])"
    spec: dict[str, Any] = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "this-one", "expression": f"request.name == '{name}'"}],
        "validations": [{"expression": same, "message": WORDS}],
    }
    api.create(POLICIES, {"metadata": {"name": name}, "spec": spec})
    bound = {"policyName": name, "validationActions": ["Deny"]}
    api.create(BINDINGS, {"metadata": {"name": name}, "spec": bound})

    def refused() -> bool:
        try:
            api.patch(path, {"metadata": {"finalizers": ["example.com/x"]}}, dryRun="All")
        except ApiError as error:
            return WORDS in error.message
        return False

    try:
        eventually(refused, what="the policy refuses", timeout=30)
        yield
    finally:
        for root in (BINDINGS, POLICIES):
            api.delete(f"{root}/{name}")


def test_a_profile_that_cannot_be_held_says_so_and_is_used_all_the_same(
    team: Team, platform: Team
) -> None:
    name = f"unheld-{uuid.uuid4().hex[:6]}"
    platform.declare("IsolationProfile", name, profile_spec())
    platform.expect("IsolationProfile", name)
    held = platform.condition("IsolationProfile", name, "DeletionProtected")
    assert held["status"] == "True"

    path = platform.path("IsolationProfile", name)
    with no_finalizers(platform.api, path, name):
        team.declare("Experiment", "unheld", experiment_spec(name, "primary"))
        team.expect("Experiment", "unheld")
        platform.expect("IsolationProfile", name, condition="DeletionProtected", status="False")
        told = platform.condition("IsolationProfile", name, "DeletionProtected")
        assert told["reason"] == "Rejected"
        assert WORDS in told["message"]
        platform.expect("IsolationProfile", name)  # Ready all the same

    platform.expect("IsolationProfile", name, condition="DeletionProtected", timeout=120)
    assert names.FINALIZER_IN_USE in platform.api.get(path)["metadata"]["finalizers"]
