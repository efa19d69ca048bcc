"""From the JSON schema that pydantic writes to the structural schema that Kubernetes accepts.

Kubernetes wants every type said once and inline: no references, no null, no unions, no
`additionalProperties: false` beside properties. What cannot be said that way is refused here with
its path, instead of by an API server later.
"""

from __future__ import annotations

from typing import Any, Final

from glovebox.api.schema import INT_OR_STRING, VALIDATIONS, merge_extra

Schema = dict[str, Any]

_DROPPED: Final = frozenset(
    {
        "title",
        "$defs",
        "$ref",
        "anyOf",
        "allOf",
        "const",
        "default",
        "additionalProperties",
        "properties",
        "items",
    }
)
_KEPT: Final = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)
_KUBERNETES: Final = "x-kubernetes-"


class NotStructuralError(ValueError):
    """The model says something that a structural schema cannot say."""


def structural_schema(schema: Schema, *, defaults: bool = True) -> Schema:
    """Return the structural schema of a pydantic JSON schema.

    Args:
        schema: As `model_json_schema(by_alias=True)` returns it, with its `$defs`.
        defaults: Whether defaults are kept. Those inside list items never are: a GitOps tool that
            compares on its own side would see a difference for ever.

    Raises:
        NotStructuralError: The model uses something that has no structural form.
    """
    return _convert(schema, schema.get("$defs", {}), path="", defaults=defaults)


def _convert(raw: Schema, definitions: dict[str, Schema], *, path: str, defaults: bool) -> Schema:
    node = _inline(raw, definitions, path)
    unknown = [
        key
        for key in node
        if key not in _DROPPED and key not in _KEPT and not key.startswith(_KUBERNETES)
    ]
    if unknown:
        raise NotStructuralError(
            f"{path or '.'}: no structural form for {', '.join(sorted(unknown))}"
        )
    if "const" in node:
        node["enum"] = [node["const"]]
    if "type" not in node:
        raise NotStructuralError(f"{path or '.'}: every field needs one type")
    if node.get(INT_OR_STRING):
        del node["type"]
    made: Schema = {key: node[key] for key in _KEPT if key in node}
    if node.get(INT_OR_STRING):
        # The one union that a structural schema has, and the one way in which it may be written.
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    _exclusive_bounds(made)
    if "properties" in node:
        made["properties"] = {
            name: _convert(child, definitions, path=f"{path}.{name}", defaults=defaults)
            for name, child in node["properties"].items()
        }
    elif isinstance(node.get("additionalProperties"), dict):
        made["additionalProperties"] = _convert(
            node["additionalProperties"], definitions, path=f"{path}.*", defaults=False
        )
    if "items" in node:
        made["items"] = _convert(node["items"], definitions, path=f"{path}[]", defaults=False)
    made.update({key: value for key, value in node.items() if key.startswith(_KUBERNETES)})
    if defaults:
        _add_default(made, node.get("default"), path)
    return made


def _inline(raw: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    """Replace a reference, a union with null, or an allOf of one by what it means.

    Keys beside it win.
    """
    node = dict(raw)
    arms = [arm for arm in node.get("anyOf", node.get("allOf", ())) if arm.get("type") != "null"]
    if len(arms) > 1:
        raise NotStructuralError(f"{path or '.'}: a union of several types")
    if arms:
        beside = {key: value for key, value in node.items() if key not in {"anyOf", "allOf"}}
        return _inline(_over(arms[0], beside), definitions, path)
    if "$ref" in node:
        target = definitions[node.pop("$ref").removeprefix("#/$defs/")]
        return _inline(_over(target, node), definitions, path)
    return node


def _over(below: Schema, above: Schema) -> Schema:
    return merge_extra(below, above) if VALIDATIONS in above else {**below, **above}


def _exclusive_bounds(node: Schema) -> None:
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in node:
            node[bound] = node[exclusive]
            node[exclusive] = True


def _add_default(made: Schema, default: Any, path: str) -> None:
    """Add a default that says something: not null and not empty.

    For an object it is what its fields' defaults make, written out: the API server judges a default
    by the CEL rules before it fills in what is further below.
    """
    if default in (None, "", [], {}):
        return
    if "properties" not in made:
        made["default"] = _without_empty(default)
        return
    if _without_empty(default) != _nested_defaults(made):
        raise NotStructuralError(
            f"{path}: the default of an object has to be what its fields' defaults make"
        )
    if _nested_defaults(made):
        made["default"] = _nested_defaults(made)


def _nested_defaults(node: Schema) -> Schema:
    found: Schema = {}
    for name, child in node["properties"].items():
        if "default" in child:
            found[name] = _nested_defaults(child) if "properties" in child else child["default"]
    return found


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_empty(child) for name, child in value.items()}
        return {name: child for name, child in kept.items() if child not in (None, "", [], {})}
    if isinstance(value, list):
        return [_without_empty(child) for child in value]
    return value
