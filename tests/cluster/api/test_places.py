"""A rule of a scalar stands in the schema once for each place of the scalar.

Each place refuses a bad value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.api.conftest import object_path
from glovebox.api.crd_export import custom_resource_definition
from glovebox.api.kinds import BY_NAME, KINDS
from support.api import ApiError
from support.examples import flights, merged

if TYPE_CHECKING:
    from support.cluster import Cluster

GROUPS = yaml.safe_load((Path(__file__).parent / "places.yaml").read_text(encoding="utf-8"))
STEPS = re.compile(r"[^.\[\]]+|\[[^\]]*\]")


def cases() -> Iterator[Any]:
    for group in GROUPS:
        for place in group["places"]:
            name = f"{group['scalar']} at {place['kind']} {place['at']}"
            yield pytest.param(group, place, id=name)


def put(target: Any, steps: list[str], value: str) -> Any:
    """Return `target` with the value at a path such as `spec.images[0].name`.

    What is missing on the way is made.
    """
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step.startswith("[") and step[1:-1].isdigit():
        items = list(target or [None])
        items[int(step[1:-1])] = put(items[int(step[1:-1])], rest, value)
        return items
    key = step.strip("[]")
    return {**(target or {}), key: put((target or {}).get(key), rest, value)}


@pytest.mark.parametrize(("group", "place"), list(cases()))
def test_a_bad_scalar_is_refused_where_it_stands(
    crds: Cluster, group: dict[str, Any], place: dict[str, Any]
) -> None:
    kind = place["kind"]
    good = merged(flights(kind), place.get("given", {}))
    bad = put(good, STEPS.findall(place["at"]), group["value"])
    collection = object_path(kind, "x").rpartition("/")[0]

    with pytest.raises(ApiError) as refusal:
        crds.api.create(collection, bad, dryRun="All")

    said = f'{place["at"]}: Invalid value: "{group["value"]}": {group["says"]}'
    assert said in refusal.value.message


def test_the_table_knows_every_place_of_these_scalars() -> None:
    """A new field with such a scalar has to be tried as well."""

    def rules(schema: Any, path: str) -> Iterator[tuple[str, str]]:
        if not isinstance(schema, dict):
            return
        for made in schema.get("x-kubernetes-validations", ()):
            yield path, made["message"]
        for name, inner in schema.get("properties", {}).items():
            yield from rules(inner, f"{path}.{name}")
        for keyword in ("items", "additionalProperties"):
            yield from rules(schema.get(keyword), f"{path}[]")

    stand = {
        (kind.kind, path.lstrip("."), group["scalar"])
        for kind in KINDS
        for path, message in rules(
            custom_resource_definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
            "",
        )
        for group in GROUPS
        if message.startswith(group["says"])
    }
    tried = {
        (BY_NAME[place["kind"]].kind, re.sub(r"\[[^\]]*\]", "[]", place["at"]), group["scalar"])
        for group in GROUPS
        for place in group["places"]
    }
    assert stand == tried
