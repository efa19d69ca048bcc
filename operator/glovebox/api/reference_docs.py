"""The reference of all fields, from the CRDs: `python -m glovebox.api.reference_docs`.

Arguments: `[--check] [FILE]`.

It says what `kubectl explain` says, and what that leaves out: bounds, defaults, rules and columns.
One anchor per field.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from glovebox import names
from glovebox.api import generated
from glovebox.api.columns import COLUMNS, SELECTABLE, WIDE
from glovebox.api.crd_export import root_schema
from glovebox.api.kinds import KINDS, Kind
from glovebox.api.schema import INT_OR_STRING, LIST_MAP_KEYS, LIST_TYPE, VALIDATIONS
from glovebox.api.structural import Schema

_INTRODUCTION: Final = f"""\
<!-- Made by `python -m glovebox.api.reference_docs` from the models in \
operator/glovebox/api. Do not edit. -->
# Fields of all kinds

Group and version: `{names.API_VERSION}`. All kinds are in the category `{names.CATEGORY}`: \
`kubectl get {names.CATEGORY} -A` lists them.
`kubectl explain experiment.spec.inputs` shows the same texts on the command line. A rule is \
enforced by the API server itself, whether
the operator runs or not.
"""
_BOUNDS: Final = (
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} entries"),
    ("maxItems", "at most {} entries"),
    ("minProperties", "at least {} entries"),
    ("maxProperties", "at most {} entries"),
)


def api_reference() -> str:
    """Return the whole page as Markdown."""
    contents = "".join(
        f"- [{kind.kind}](#{kind.singular}): {_first_sentence(root_schema(kind)['description'])}\n"
        for kind in KINDS
    )
    return "\n".join([_INTRODUCTION, contents, *("\n".join(_kind_lines(kind)) for kind in KINDS)])


def _kind_lines(kind: Kind) -> Iterator[str]:
    schema = root_schema(kind)
    yield f'<a id="{kind.singular}"></a>\n\n## {kind.kind}\n'
    yield f"{schema['description']}\n"
    scope = "Lives in a namespace" if kind.namespaced else "Cluster-scoped"
    yield f"{scope}. Plural `{kind.plural}`, short name {_code_list(kind.short_names)}.\n"
    columns = COLUMNS[kind.kind]
    always = _code_list(str(column["name"]) for column in columns if column.get("priority") != WIDE)
    wide = _code_list(str(column["name"]) for column in columns if column.get("priority") == WIDE)
    yield f"`kubectl get` shows {always}; with `-o wide` also {wide}.\n"
    if kind.kind in SELECTABLE:
        yield (
            "`--field-selector` works on"
            f" {_code_list(path.removeprefix('.') for path in SELECTABLE[kind.kind])}.\n"
        )
    yield from _rule_lines(schema, "")
    for part in ("spec", "status"):
        yield f"### {kind.kind} {part}\n"
        yield from _field_lines(kind, part, schema["properties"][part], required=part == "spec")


def _field_lines(kind: Kind, path: str, schema: Schema, *, required: bool) -> Iterator[str]:
    yield f'<a id="{_anchor(kind, path)}"></a>\n'
    yield f"**`{path}`** {_facts(schema, required=required)}\n"
    yield f"{schema['description']}\n"
    yield from _rule_lines(schema, path)
    for suffix, inner in (("[]", schema.get("items")), (".*", schema.get("additionalProperties"))):
        if inner is None:
            continue
        if "properties" not in inner:
            yield f"Each entry: {_facts(inner, required=None)}\n"
        yield from _rule_lines(inner, path + suffix)
        yield from _children(kind, path + suffix, inner)
    yield from _children(kind, path, schema)


def _children(kind: Kind, path: str, schema: Schema) -> Iterator[str]:
    needed = schema.get("required", ())
    for name, child in schema.get("properties", {}).items():
        yield from _field_lines(kind, f"{path}.{name}", child, required=name in needed)


def _facts(schema: Schema, *, required: bool | None) -> str:
    facts = [_type_name(schema)]
    if required is not None:
        facts.append("required" if required else "optional")
    if "default" in schema and "properties" not in schema:
        facts.append(f"default `{_plain(schema['default'])}`")
    if "enum" in schema:
        facts.append(f"one of {_code_list(str(value) for value in schema['enum'])}")
    facts += [words.format(schema[key]) for key, words in _BOUNDS if key in schema]
    if "minimum" in schema and "maximum" in schema:
        facts.append(f"{schema['minimum']} to {schema['maximum']}")
    elif "minimum" in schema:
        facts.append(f"at least {schema['minimum']}")
    if "pattern" in schema:
        facts.append(f"pattern `{schema['pattern']}`")
    if schema.get(LIST_TYPE) == "map":
        facts.append(f"map keys {_code_list(schema[LIST_MAP_KEYS])}")
    if schema.get(LIST_TYPE) == "set":
        facts.append("entries all different")
    return " · ".join(facts)


def _type_name(schema: Schema) -> str:
    if schema.get(INT_OR_STRING):
        return "integer or string"
    if schema["type"] == "array":
        return f"list of {_type_name(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {_type_name(schema['additionalProperties'])}"
    return "time (RFC 3339)" if schema.get("format") == "date-time" else str(schema["type"])


def _rule_lines(schema: Schema, path: str) -> Iterator[str]:
    made = schema.get(VALIDATIONS, ())
    for each in made:
        where = f"{path}{each.get('fieldPath', '')}".removeprefix(".")
        yield f"- Rule for `{where or 'the object'}`: {each['message']}."
    if made:
        yield ""


def _anchor(kind: Kind, path: str) -> str:
    words = path.replace("[]", "").replace(".*", "-entry").replace(".", "-").lower()
    return f"{kind.singular}-{words}"


def _code_list(words: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _first_sentence(text: str) -> str:
    return text.split("\n", 1)[0]


def reference_file(path: Path) -> dict[Path, str]:
    """Return the text of the page, by its path."""
    return {path: api_reference()}


if __name__ == "__main__":
    sys.exit(
        generated.main(
            reference_file, Path("docs/reference/api.md"), module="glovebox.api.reference_docs"
        )
    )
