"""Every door: each validation and match condition of the guards.

And each CEL rule of the definitions, with how it is taken away.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RULES: Final = "x-kubernetes-validations"
# They refuse nothing, so there is nothing to take away. What the second one has the API server
# write into its audit log is compared by tests/cluster/guards/test_broken_glass.py.
NO_DOORS: Final = frozenset({"glovebox-parameters", "glovebox-broken-glass"})


@dataclass(frozen=True, slots=True)
class Door:
    """One door, and the object without it.

    Attributes:
        owner: The policy's or definition's name.
        part: Which of its parts: `validation`, `condition` or `rule`.
        name: Tells it apart within its owner.
        message: What it says when it refuses; empty for conditions.
        is_spoken: Whether the message is made by an expression, so that it reads otherwise.
        path: Of the object in the API.
        mutant: The whole object without the door.
        place: The field of the schema in which a rule stands, such as `spec.images.items.name`.
    """

    owner: str
    part: str
    name: str
    message: str
    path: str
    mutant: Mapping[str, Any]
    is_spoken: bool = False
    place: str = ""

    def __str__(self) -> str:
        return f"{self.owner} {self.part} {self.name}"


def doors_of_policy(policy: Json) -> Iterator[Door]:
    """Yield the doors of a policy; without one means that its expression is always true."""
    name = policy["metadata"]["name"]
    if name in NO_DOORS:
        return
    path = f"{ADMISSION}/{name}"
    for index, validation in enumerate(policy["spec"].get("validations", [])):
        mutant = copy.deepcopy(policy)
        mutant["spec"]["validations"][index]["expression"] = "true"
        spoken = "messageExpression" in validation
        text = (validation.get("message") or validation["messageExpression"]).strip()
        yield Door(name, "validation", f"{index + 1}: {text}", text, path, mutant, spoken)
    for index, condition in enumerate(policy["spec"].get("matchConditions", [])):
        mutant = copy.deepcopy(policy)
        mutant["spec"]["matchConditions"][index]["expression"] = "true"
        yield Door(name, "condition", condition["name"], "", path, mutant)


def doors_of_definition(definition: Json) -> Iterator[Door]:
    """Yield the rules of a CustomResourceDefinition."""
    name = definition["metadata"]["name"]
    for place in _rule_lists(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], ()):
        for index, rule in enumerate(_at(_schema(definition), place)):
            mutant = copy.deepcopy(definition)
            del _at(_schema(mutant), place)[index]
            if not _at(_schema(mutant), place):
                _at(_schema(mutant), place[:-1]).pop(RULES)
            where = ".".join(part for part in place if part not in _STRUCTURE) or "the object"
            spoken = "messageExpression" in rule
            text = rule["message"]
            title = f"{where} {index + 1}: {text}"
            yield Door(name, "rule", title, text, f"{DEFINITIONS}/{name}", mutant, spoken, where)


_STRUCTURE: Final = frozenset({"properties", RULES})


def _schema(definition: Json) -> Json:
    schema: Json = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _rule_lists(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every list of rules.

    A property may have any name, so only schemas are searched.
    """
    if not isinstance(schema, dict):
        return
    if RULES in schema:
        yield (*path, RULES)
    for name, inner in schema.get("properties", {}).items():
        yield from _rule_lists(inner, (*path, "properties", name))
    for keyword in ("items", "additionalProperties"):
        yield from _rule_lists(schema.get(keyword), (*path, keyword))


def _at(schema: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        schema = schema[part]
    return schema
