"""What of a guard and of a definition can be taken away."""

from __future__ import annotations

from typing import Any

import pytest

from mutation.doors import doors_of_definition, doors_of_policy

Json = dict[str, Any]
VALIDATIONS = [{"expression": "a", "message": "no"}, {"expression": "b", "messageExpression": "c"}]
CONDITIONS = [{"name": "ours", "expression": "d"}]


def policy(name: str, **spec: Any) -> Json:
    return {"metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("guard", "doors"),
    [
        pytest.param(
            policy("guard", validations=VALIDATIONS, matchConditions=CONDITIONS),
            ["guard validation 1: no", "guard validation 2: c", "guard condition ours"],
            id="what it refuses, and what it looks at",
        ),
        pytest.param(policy("guard", validations=VALIDATIONS[:1]), ["guard validation 1: no"]),
        pytest.param(
            policy("glovebox-parameters", validations=VALIDATIONS), [], id="it refuses nothing"
        ),
        pytest.param(
            policy("glovebox-broken-glass", auditAnnotations=[{}], matchConditions=CONDITIONS),
            [],
            id="it writes into the audit log",
        ),
    ],
)
def test_what_a_guard_refuses_by_is_a_door(guard: Json, doors: list[str]) -> None:
    found = list(doors_of_policy(guard))
    assert [str(door) for door in found] == doors
    # Each alone is always true.
    for door in found:
        spec = door.mutant["spec"]
        parts = [*spec["validations"], *spec.get("matchConditions", [])]
        assert sum(part["expression"] == "true" for part in parts) == 1


def test_a_guard_that_has_only_conditions_ends_no_run() -> None:
    """It need not be known by its name."""
    (door,) = doors_of_policy(policy("later", auditAnnotations=[{}], matchConditions=CONDITIONS))
    assert str(door) == "later condition ours"


def test_each_rule_of_a_definition_is_a_door_wherever_it_stands() -> None:
    rules = "x-kubernetes-validations"
    name = {"type": "string", rules: [{"rule": "r", "message": "short"}]}
    spec = {"properties": {"names": {"items": name}}, rules: [{"rule": "s", "message": "whole"}]}
    schema = {"openAPIV3Schema": {"properties": {"spec": spec}}}
    definition = {"metadata": {"name": "kinds"}, "spec": {"versions": [{"schema": schema}]}}
    found = list(doors_of_definition(definition))
    assert [str(door) for door in found] == [
        "kinds rule spec 1: whole",
        "kinds rule spec.names.items 1: short",
    ]
    for door in found:
        assert str(door.mutant).count(rules) == 1
