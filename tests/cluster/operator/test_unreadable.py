"""Experiments that the operator cannot read: of a newer release, or changed where forbidden."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from support.api import Api, ApiError, path_of
from support.operator_process import Operator, Team, experiment_spec
from support.waiting import eventually

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/experiments.glovebox.dev"
FIELD = "ofANewerRelease"


@pytest.mark.timeout(120)
def test_deletion_needs_no_spec_that_can_be_read(team: Team, operator: Operator) -> None:
    team.declare("Experiment", "newer", experiment_spec("standard", "primary"))
    namespace = team.expect("Experiment", "newer")["status"]["namespace"]
    path = team.path("Experiment", "newer")
    definition = team.api.get(CRD)
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    where = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"
    assert FIELD not in schema["properties"]["spec"]["properties"]
    team.api.patch(
        CRD, [{"op": "add", "path": f"{where}/{FIELD}", "value": {"type": "string"}}], kind="json"
    )
    try:
        eventually(lambda: _stored(team, path) or None, what="the new field is stored")
        operator.kill()
        operator.start()
        team.api.delete(path)
        eventually(
            lambda: team.api.find(path) is None or None, what="the Experiment is gone", timeout=40
        )
        assert team.api.find(path_of("v1", "namespaces", name=namespace)) is None
    finally:
        team.api.patch(CRD, [{"op": "remove", "path": f"{where}/{FIELD}"}], kind="json")


@pytest.mark.timeout(120)
def test_a_fixed_field_that_was_changed_past_the_rules_is_told_and_changes_nothing(
    team: Team, rogue: Api
) -> None:
    team.declare("Experiment", "bent", experiment_spec("standard", "primary"))
    made = team.expect("Experiment", "bent")
    snapshot = path_of(
        "v1", "configmaps", namespace=made["status"]["namespace"], name="glovebox-snapshot"
    )
    before = team.api.get(snapshot)
    definition = team.api.get(CRD)
    rules = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    path = team.path("Experiment", "bent")
    original = copy.deepcopy(rules)
    try:
        _set_rules(team, _without_rules(rules))
        eventually(
            lambda: _accepted(rogue, path) or None,
            what="the rules are gone for a while",
            timeout=30,
        )
    finally:
        _set_rules(team, original)
    told = team.expect("Experiment", "bent", status="False", reason="SnapshotDiffers")
    assert told["status"]["digest"] == made["status"]["digest"]
    assert team.api.get(snapshot)["data"] == before["data"]


def _set_rules(team: Team, schema: Any) -> None:
    where = "/spec/versions/0/schema/openAPIV3Schema"
    team.api.patch(CRD, [{"op": "replace", "path": where, "value": schema}], kind="json")


def _without_rules(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _without_rules(value)
            for key, value in schema.items()
            if key != "x-kubernetes-validations"
        }
    return [_without_rules(item) for item in schema] if isinstance(schema, list) else schema


def _accepted(rogue: Api, path: str) -> bool:
    try:
        rogue.patch(path, {"spec": {"config": {"parameters": {"learningRate": "0.5"}}}})
    except ApiError:
        return False
    return True


def _stored(team: Team, path: str) -> bool:
    """Write the new field: the API server prunes it until it knows the new definition."""
    try:
        return FIELD in team.api.patch(path, {"spec": {FIELD: "unheard of"}})["spec"]
    except ApiError:
        return False
