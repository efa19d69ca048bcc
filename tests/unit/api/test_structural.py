"""What pydantic says, in the form that Kubernetes accepts; else it is refused by its path."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.schema import list_map, rule, rules
from glovebox.api.structural import NotStructuralError, structural_schema


class Inner(Model):
    """The inner object."""

    size: int = Field(default=3, gt=0, description="Size.")
    word: str = Field(default="", description="Word.")


class Outer(Model):
    """The outer object."""

    only: Literal["A"] = Field(description="One value.")
    maybe: int | None = Field(default=None, description="Maybe.")
    inner: Inner = Field(default=Inner(), description="Inner, told from outside.")
    items_here: tuple[Inner, ...] = Field(
        default=(), json_schema_extra=list_map("word"), description="Items."
    )
    table: dict[str, int] = Field(default={}, max_length=3, description="Table.")


def test_everything_is_inline_and_said_once() -> None:
    assert structural_schema(Outer.model_json_schema()) == {
        "description": "The outer object.",
        "type": "object",
        "required": ["only"],
        "properties": {
            "only": {"description": "One value.", "type": "string", "enum": ["A"]},
            "maybe": {"description": "Maybe.", "type": "integer"},
            "inner": {
                "description": "Inner, told from outside.",
                "type": "object",
                "properties": {
                    "size": {
                        "description": "Size.",
                        "type": "integer",
                        "minimum": 0,
                        "exclusiveMinimum": True,
                        "default": 3,
                    },
                    "word": {"description": "Word.", "type": "string"},
                },
                "default": {"size": 3},
            },
            "itemsHere": {
                "description": "Items.",
                "type": "array",
                "items": {
                    "description": "The inner object.",
                    "type": "object",
                    "properties": {
                        "size": {
                            "description": "Size.",
                            "type": "integer",
                            "minimum": 0,
                            "exclusiveMinimum": True,
                        },
                        "word": {"description": "Word.", "type": "string"},
                    },
                },
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["word"],
            },
            "table": {
                "description": "Table.",
                "type": "object",
                "maxProperties": 3,
                "additionalProperties": {"type": "integer"},
            },
        },
    }


def test_rules_of_the_type_and_of_the_field_add_up() -> None:
    of_type, of_field = (
        rule("self.size > 0", "must have a size"),
        rule("self.word != ''", "must have a word"),
    )
    schema = {
        "$defs": {"Inner": {"type": "object", **rules(of_type)}},
        "type": "object",
        "properties": {
            "inner": {"$ref": "#/$defs/Inner", "description": "Inner.", **rules(of_field)}
        },
    }

    assert structural_schema(schema)["properties"]["inner"]["x-kubernetes-validations"] == [
        of_type,
        of_field,
    ]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        pytest.param(
            {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            r"\.field: a union of several types",
            id="union",
        ),
        pytest.param(
            {"type": "array", "uniqueItems": True},
            r"\.field: no structural form for uniqueItems",
            id="set",
        ),
        pytest.param(
            {"type": "array", "prefixItems": []},
            r"\.field: no structural form for prefixItems",
            id="tuple",
        ),
        pytest.param(
            {"type": "object", "patternProperties": {}},
            r"\.field: no structural form for patternProperties",
            id="pattern keys",
        ),
        pytest.param(
            {"description": "Anything."}, r"\.field: every field needs one type", id="any"
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {"a": {"type": "integer", "default": 1}},
                "default": {"a": 2},
            },
            r"\.field: the default of an object has to be what its fields' defaults make",
            id="two defaults that differ",
        ),
    ],
)
def test_what_has_no_structural_form_is_refused_by_its_path(
    field: dict[str, Any], words: str
) -> None:
    with pytest.raises(NotStructuralError, match=words):
        structural_schema({"type": "object", "properties": {"field": field}})
