"""What was bound gives the same objects as the declaration that it was bound from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from glovebox import names
from glovebox.api.input_status import InputStatus
from glovebox.api.run_config import Config
from glovebox.desired.accelerators import used_accelerators
from glovebox.desired.as_bound import AsBound, experiment_as_bound, plan_as_bound, spec_as_bound
from glovebox.desired.bound_snapshot import read_snapshot
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.plan import Plan, desired_objects
from glovebox.desired.platform import render_platform
from glovebox.desired.snapshot import snapshot
from glovebox.errors import InvalidInput
from golden.cases import Case, discover, inputs_from

PROBLEM = InvalidInput("InvalidSpec", "`purpose`: no")


def bound_of(inputs: ExperimentInputs) -> tuple[ExperimentInputs, AsBound]:
    """Return inputs as they are once they are bound, and what lies in the namespace then."""
    entries = tuple(
        InputStatus(name=item.name, kind=item.kind, digest=item.digest, pin_ref=item.pin_name)
        for item in inputs.inputs
    )
    used = used_accelerators(inputs.experiment, inputs.profile)
    asked = inputs.experiment.spec.network.services
    text = render_platform(
        inputs.profile, inputs.store, inputs.input_stores, asked, used, inputs.secrets
    )
    inputs = replace(inputs, platform_text=text, bound=entries)
    return inputs, AsBound(read_snapshot(snapshot(inputs)), PROBLEM)


@pytest.mark.parametrize("case", discover(), ids=lambda case: case.name)
def test_the_snapshot_gives_every_object_as_the_declaration_does(case: Case) -> None:
    inputs, bound = bound_of(case.inputs())
    plan = desired_objects(inputs)
    obj = inputs.experiment.model_dump(by_alias=True, mode="json")
    # Of all that the digest covers nothing is declared any more, but how amounts were spelled.
    kept = ("purpose", "lifecycle", "suspend", "resources")
    obj["spec"] = {name: obj["spec"][name] for name in kept}
    again = desired_objects(replace(inputs, experiment=experiment_as_bound(bound, obj)))
    for found in (again, plan_as_bound(again, bound.snapshot)):
        assert found.objects() == plan.objects()
        assert (found.digest, found.snapshot) == (plan.digest, plan.snapshot)
        assert found.run == plan.run
        assert found.input_volumes == plan.input_volumes
        assert _check(found) == _check(plan)


def _check(plan: Plan) -> object:
    return plan.probe and (plan.probe.policy_digest, plan.probe.job())


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        pytest.param({"requests.memory": "4Gi"}, "4Gi", id="as it was spelled"),
        pytest.param({"requests.memory": "4096Mi"}, "4096Mi", id="the same amount"),
        pytest.param({"requests.memory": "64Gi"}, "4294967296", id="another amount"),
        pytest.param({"requests.memory": "much"}, "4294967296", id="no amount"),
        pytest.param({"requests.memory": 7}, "4294967296", id="no text"),
        pytest.param({}, "4294967296", id="nothing"),
        pytest.param("much", "4294967296", id="no quota"),
    ],
)
def test_the_amounts_are_those_that_were_bound(declared: Any, expected: str) -> None:
    _, bound = bound_of(inputs_from({"kind": "Resolved"}))
    found = spec_as_bound(bound, {"spec": {"resources": {"quota": declared}}})
    assert found["resources"]["quota"]["requests.memory"] == expected
    assert set(found["resources"]["quota"]) == {"requests.cpu", "requests.memory"}


def test_the_snapshot_stays_as_it_was_bound_to_the_byte() -> None:
    """Another version of the operator may come to another text for the same things."""
    inputs, bound = bound_of(inputs_from({"kind": "Resolved"}))
    other = inputs.experiment.spec.model_copy(update={"config": Config(seeds={"other": 1})})
    experiment = inputs.experiment.model_copy(update={"spec": other})
    plan = desired_objects(replace(inputs, experiment=experiment))
    assert plan.digest != bound.snapshot.digest
    kept = plan_as_bound(plan, bound.snapshot)
    assert (kept.digest, kept.snapshot) == (bound.snapshot.digest, bound.snapshot.text)
    (config_map,) = [
        obj for obj in kept.isolation if obj["metadata"]["name"] == names.SNAPSHOT_CONFIG_MAP
    ]
    assert config_map["data"]["snapshot.json"] == bound.snapshot.text
    assert config_map["data"]["digest"] == bound.snapshot.digest


@pytest.mark.parametrize(
    ("spec", "state", "purpose", "lifecycle", "suspend"),
    [
        pytest.param(
            {"purpose": {"description": "", "costCenter": "research"}},
            "Open",
            {"description": "unreadable", "owner": "unreadable", "costCenter": "research"},
            {"desired": "Active"},
            False,
            id="each field that can be read counts",
        ),
        pytest.param(
            {"lifecycle": {"desired": "Sealed", "deletionPolicy": "Burn"}},
            "Open",
            {"description": "unreadable", "owner": "unreadable"},
            {"desired": "Sealed"},
            False,
            id="what is unknown is left out, and the default is what is safe",
        ),
        pytest.param(
            {"lifecycle": {"desired": "Thawed"}, "suspend": True},
            "Frozen",
            {"description": "unreadable", "owner": "unreadable"},
            {"desired": "Frozen"},
            True,
            id="what was frozen is not opened by a word that nobody knows",
        ),
        pytest.param(
            {"lifecycle": {"desired": "Active"}, "purpose": 7},
            "Frozen",
            {"description": "unreadable", "owner": "unreadable"},
            {"desired": "Active"},
            False,
            id="it is opened by one that is known",
        ),
    ],
)
def test_what_is_free_to_edit_counts_as_far_as_it_can_be_read(
    spec: dict[str, Any],
    state: str,
    purpose: dict[str, Any],
    lifecycle: dict[str, Any],
    suspend: bool,  # noqa: FBT001 - a column of the table
) -> None:
    _, bound = bound_of(inputs_from({"kind": "Resolved"}))
    found = spec_as_bound(bound, {"spec": spec, "status": {"state": state}})
    assert found["purpose"] == purpose
    assert found["lifecycle"] == lifecycle
    assert found["suspend"] is suspend
