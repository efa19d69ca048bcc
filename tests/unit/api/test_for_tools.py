"""Tools that apply, compare and track objects get along with the definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

# `kubectl apply` keeps the whole object in an annotation, of which the API server takes 262,144.
MAX_BYTES = 200_000
DEFINITIONS = [
    pytest.param(yaml.safe_load(path.read_text(encoding="utf-8")), id=path.stem)
    for path in sorted((Path(__file__).parents[3] / "crds").glob("*.yaml"))
]


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_definition_fits_into_the_annotation_of_kubectl_apply(definition: dict[str, Any]) -> None:
    assert len(json.dumps(definition)) < MAX_BYTES


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_api_server_would_take_nothing_away_from_a_definition(
    definition: dict[str, Any],
) -> None:
    """What it drops is a difference for ever to whoever compares with the file."""
    assert "status" not in definition
    assert "creationTimestamp" not in definition["metadata"]
    assert [name for name, value in definition["spec"]["names"].items() if value == []] == []


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_no_entry_of_a_list_is_given_a_default(definition: dict[str, Any]) -> None:
    """A list without keys is compared as a whole: a default in it is a difference for ever."""
    for version in definition["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        assert list(_defaults_in_lists(spec, "spec", inside=False)) == []


def test_a_default_in_a_list_would_be_found() -> None:
    entry = {"type": "object", "properties": {"port": {"type": "integer", "default": 443}}}
    schema = {"type": "object", "properties": {"ports": {"type": "array", "items": entry}}}
    found = list(_defaults_in_lists(schema, "spec", inside=False))
    assert found == ["spec.ports[].port"]


def _defaults_in_lists(schema: dict[str, Any], path: str, *, inside: bool) -> Iterator[str]:
    if inside and "default" in schema:
        yield path
    for name, each in schema.get("properties", {}).items():
        yield from _defaults_in_lists(each, f"{path}.{name}", inside=inside)
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield from _defaults_in_lists(values, f"{path}.*", inside=inside)
    if isinstance(items := schema.get("items"), dict):
        yield from _defaults_in_lists(items, f"{path}[]", inside=True)
