"""An Experiment that this operator cannot read, of a newer release say, can be deleted all the same."""

from __future__ import annotations

import pytest

from support.api import ApiError, path_of
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


def _stored(team: Team, path: str) -> bool:
    """Write the new field: the API server prunes it until it knows the new definition."""
    try:
        return FIELD in team.api.patch(path, {"spec": {FIELD: "unheard of"}})["spec"]
    except ApiError:
        return False
