"""The committed CRDs and reference are what the models say, and fit for the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from glovebox.api.columns import COLUMNS, SELECTABLE
from glovebox.api.crd_export import crd_files, custom_resource_definition, root_schema, to_yaml
from glovebox.api.generated import stale_files
from glovebox.api.kinds import KINDS, Kind
from glovebox.api.reference_docs import reference_file
from glovebox.api.schema import INT_OR_STRING, LIST_TYPE, VALIDATIONS
from support.examples import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
CHART_CRDS = REPOSITORY / "helm" / "glovebox" / "files" / "crds"
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=[kind.kind for kind in KINDS])
# Given by Kubernetes, with its own bounds.
_GIVEN = {".apiVersion", ".kind", ".metadata"}


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Walk over every schema below this one, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        if path + f".{name}" not in _GIVEN:
            yield from nodes(child, f"{path}.{name}")
    for suffix, key in (("[]", "items"), (".*", "additionalProperties")):
        if key in schema:
            yield from nodes(schema[key], path + suffix)


def _type(node: Schema) -> str:
    return "string" if node.get(INT_OR_STRING) else str(node["type"])


def test_the_committed_crds_are_up_to_date() -> None:
    assert stale_files(crd_files(CHART_CRDS)) == []


@pytest.mark.parametrize("folder", ["crds", "helm/glovebox/files/crds"])
def test_no_other_file_lies_beside_the_crds(folder: str) -> None:
    assert {path.name for path in (REPOSITORY / folder).iterdir()} == {
        f"{kind.plural}.yaml" for kind in KINDS
    }


def test_there_is_one_copy_of_the_crds() -> None:
    for link in (REPOSITORY / "crds").iterdir():
        assert link.is_symlink()
        assert link.resolve() == CHART_CRDS / link.name
        assert not link.readlink().is_absolute()


def test_the_committed_reference_is_up_to_date() -> None:
    assert stale_files(reference_file(REPOSITORY / "docs" / "reference" / "api.md")) == []


def test_a_changed_file_is_found_stale(tmp_path: Any) -> None:
    wanted = {tmp_path / "a.yaml": "a\n", tmp_path / "b.yaml": "b\n", tmp_path / "c.yaml": "c\n"}
    (tmp_path / "a.yaml").write_text("a\n")
    (tmp_path / "b.yaml").write_text("other\n")

    assert stale_files(wanted) == [tmp_path / "b.yaml", tmp_path / "c.yaml"]


@EACH_KIND
def test_every_field_is_described(kind: Kind) -> None:
    bare = [
        f"{path}.{name}"
        for path, node in nodes(root_schema(kind))
        for name, child in node.get("properties", {}).items()
        if f"{path}.{name}" not in _GIVEN and not child.get("description")
    ]

    assert bare == []


@EACH_KIND
def test_every_text_list_and_map_is_bounded(kind: Kind) -> None:
    bounds = {"string": ("maxLength", "enum"), "array": ("maxItems",)}
    unbounded = []
    for path, node in nodes(root_schema(kind)):
        needed = (
            ("maxProperties",) if "additionalProperties" in node else bounds.get(_type(node), ())
        )
        if (
            needed
            and node.get("format") != "date-time"
            and not any(bound in node for bound in needed)
        ):
            unbounded.append(path)

    # The values of label maps are bounded by Kubernetes itself where they are used; no rule reads
    # them.
    assert [path for path in unbounded if not path.lower().endswith("labels.*")] == []


@EACH_KIND
def test_every_list_says_how_it_is_merged(kind: Kind) -> None:
    lists = {
        path: node.get(LIST_TYPE)
        for path, node in nodes(root_schema(kind))
        if _type(node) == "array"
    }

    assert {
        path for path, list_type in lists.items() if list_type not in {"map", "set", "atomic"}
    } == set()


@EACH_KIND
def test_no_default_stands_inside_a_list(kind: Kind) -> None:
    assert [
        path
        for path, node in nodes(root_schema(kind))
        if ("[]" in path or ".*" in path) and "default" in node
    ] == []


@EACH_KIND
def test_every_rule_has_a_message_and_a_reason_that_kubectl_shows(kind: Kind) -> None:
    for path, node in nodes(root_schema(kind)):
        for made in node.get(VALIDATIONS, ()):
            assert made["message"], path
            # kubectl leaves the message of FieldValueDuplicate out.
            assert made["reason"] in {
                "FieldValueInvalid",
                "FieldValueForbidden",
                "FieldValueRequired",
            }, path


@EACH_KIND
def test_transition_rules_stand_where_they_cannot_be_skipped(kind: Kind) -> None:
    """A rule with `oldSelf` on an optional field is skipped when the field comes or goes.

    It belongs on the root or the required spec.
    """
    places = {
        path
        for path, node in nodes(root_schema(kind))
        for made in node.get(VALIDATIONS, ())
        if "oldSelf" in made["rule"]
    }

    assert places <= {"", ".spec"}
    assert root_schema(kind)["required"] == ["spec"]


@EACH_KIND
def test_every_column_and_selector_names_a_field(kind: Kind) -> None:
    schema = root_schema(kind)
    paths = [str(column["jsonPath"]) for column in COLUMNS[kind.kind]] + list(
        SELECTABLE.get(kind.kind, ())
    )
    known = {path for path, _ in nodes(schema)}

    assert [
        path
        for path in paths
        if not path.startswith((".metadata.", ".status.conditions[?(@.type=="))
        and path not in known
    ] == []
    assert '.status.conditions[?(@.type=="Ready")].status' in paths


@EACH_KIND
def test_the_same_models_make_the_same_bytes(kind: Kind) -> None:
    first = to_yaml(custom_resource_definition(kind))

    assert first == to_yaml(custom_resource_definition(kind))
    assert yaml.safe_load(first) == custom_resource_definition(kind)


def test_texts_that_yaml_1_1_reads_as_something_else_are_quoted() -> None:
    words = ["y", "N", "yes", "off", "null", "1e3", "0x1f", "~", "2026-01-01"]

    assert [
        line for line in to_yaml(words).splitlines() if not line.startswith(("- '", '- "'))
    ] == []
