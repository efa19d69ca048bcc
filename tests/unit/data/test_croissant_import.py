"""A pin out of Croissant: what is said comes back, and what cannot be said is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from glovebox.api.dataset_pin import DatasetPin
from glovebox.cli.main import app
from glovebox.data.croissant import croissant
from glovebox.data.croissant_import import import_croissant
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.roots import RootBuilder
from glovebox.errors import GloveboxError
from support.examples import flights

ENTRIES = [
    Entry(path, size, f"{size:064x}", "flights", f"2013/{path}", f"v/{size}", DigestSource.COMPUTED)
    for size, path in ((7, "a b.csv"), (8, "month=1/\u00e9.parquet"), (9, "z"))
]
SPEC: dict[str, Any] = {
    "description": "Departures",
    "owner": "team-flights",
    "license": "CC0-1.0",
    "classification": "Public",
    "provenance": {
        "origin": "Derived",
        "authors": ["An Office", "A. Person"],
        "sources": [
            {"pinRef": {"name": "raw"}, "digest": "sha256:" + "b" * 64},
            {"external": {"uri": "https://data.example/flights", "reason": "published there"}},
        ],
        "transformation": {
            "code": {"repository": "https://git.example/code.git", "commit": "0123456789ab"},
            "image": "registry.example/clean@sha256:" + "c" * 64,
            "filters": ["only 2013", "no cargo"],
        },
    },
}


def root_of(entries: list[Entry]) -> str:
    builder = RootBuilder()
    for entry in entries:
        builder.add(entry)
    return builder.finish().content


def exported(spec: dict[str, Any], entries: list[Entry]) -> dict[str, Any]:
    made = flights("DatasetPin")
    source = {"prefix": {"bucket": "flights", "prefix": "2013/"}}
    pin = DatasetPin.model_validate(
        {
            "metadata": {**made["metadata"], "creationTimestamp": "2026-11-27T00:00:00Z"},
            "spec": {"storeRef": {"name": "primary"}, "source": source, **spec},
            "status": {"digest": root_of(entries)},
        }
    )
    return dict(json.loads("".join(croissant(pin, entries))))


def test_what_was_exported_comes_back_and_is_exported_the_same() -> None:
    first = exported(SPEC, ENTRIES)
    found = import_croissant(first)
    assert found.left_out == []
    assert found.name == "flights-2013-train"
    spec = dict(found.spec)
    source, digest = spec.pop("source"), spec.pop("digest")
    assert spec == SPEC
    assert digest == root_of(ENTRIES)
    assert source["objects"][0] == {
        "bucket": "flights",
        "key": "2013/a b.csv",
        "versionId": "v/7",
        "path": "a b.csv",
    }
    assert exported(spec, ENTRIES) == first


def document(**changes: Any) -> dict[str, Any]:
    return exported({}, ENTRIES[:1]) | changes


def fields(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document(
        recordSet=[{"@type": "cr:RecordSet", "@id": "rows", "field": list(given), **more}]
    )


def column(name: str, kind: str = "sc:Text", **more: Any) -> dict[str, Any]:
    source = {"fileObject": {"@id": "object-0"}, "extract": {"column": name}}
    return {"@type": "cr:Field", "name": name, "dataType": kind, "source": source, **more}


def test_fields_become_columns_of_a_contract_where_they_fit() -> None:
    found = import_croissant(
        fields(
            column("carrier"),
            column("delay", "sc:Float"),
            column("n", "cr:Int64"),
            column("day", "sc:Date"),
            column("at", "sc:DateTime"),
            column("a b"),
            column("box", "cr:BoundingBox"),
            column("tags", repeated=True),
            {"@type": "cr:Field", "name": "path", "dataType": "sc:Text"},
            key={"@id": "rows/n"},
        )
    )
    assert found.spec["contract"]["columns"] == [
        {"name": "carrier", "type": "Text"},
        {"name": "delay", "type": "Number"},
        {"name": "n", "type": "Integer"},
        {"name": "day", "type": "Date"},
        {"name": "at", "type": "Timestamp"},
    ]
    assert [each.split(":")[0] for each in found.left_out] == [
        *(f"`recordSet[0].field[{number}]`" for number in (5, 6, 7, 8)),
        "`recordSet[0].key`",
    ]


@pytest.mark.parametrize(
    ("why", "changes", "left_out"),
    [
        ("a licence by its URL", {"license": "https://spdx.org/licenses/MIT.html"}, []),
        ("a deed", {"license": "https://creativecommons.org/licenses/by/4.0/deed.en"}, []),
        ("terms of one's own", {"license": "Ask us"}, ["`license`"]),
        ("words for a search", {"keywords": ["birds"]}, ["`keywords`"]),
        (
            "what no pin says",
            {"citeAs": "@misc{x}", "sc:funder": "somebody"},
            ["`citeAs`", "`funder`"],
        ),
        ("two sets of records", {"recordSet": [{"field": []}, {"field": []}]}, ["`recordSet`"]),
        ("a source that is a word", {"prov:wasDerivedFrom": "birds"}, ["`prov"]),
        ("an identifier of others", {"identifier": "doi:10.5281/1"}, ["`identifier`"]),
        ("another name", {"name": "Birds of 2013"}, ["`name`"]),
    ],
)
def test_what_cannot_be_said_is_named(why: str, changes: Any, left_out: list[str]) -> None:
    found = import_croissant(document(**changes))
    starts = [each.split(":")[0] for each in found.left_out]
    assert starts == left_out, why


def file_object(**changes: Any) -> dict[str, Any]:
    return {**document()["distribution"][0], **changes}


@pytest.mark.parametrize(
    "other",
    [
        file_object(contentUrl="https://data.example/a.csv"),
        file_object(contentUrl="s3://flights/a.csv"),
        file_object(contentUrl="s3://[flights/a.csv?versionId=1"),
        file_object(contentUrl="s3://flights/\ud800?versionId=1"),
        file_object(name="\ud800"),
        file_object(sha256="x"),
        file_object(contentSize="7 MB"),
        file_object(containedIn={"@id": "archive"}),
        {"@type": "cr:FileSet", "includes": "*.csv"},
    ],
)
def test_what_is_no_object_of_a_store_is_named_and_alone_is_no_pin(other: dict[str, Any]) -> None:
    both = document(distribution=[*document()["distribution"], other])
    found = import_croissant(both)
    assert len(found.spec["source"]["objects"]) == 1
    assert len(found.left_out) == 1
    with pytest.raises(GloveboxError, match="nothing in `distribution`"):
        import_croissant(document(distribution=[other]))


@pytest.mark.parametrize(
    ("why", "made"),
    [
        ("no object", []),
        ("no dataset", {"@type": "sc:Person"}),
        ("another version", document(conformsTo="http://mlcommons.org/croissant/2.0")),
        ("no objects", document(distribution=[])),
        ("a changed digest", document(distribution=[file_object(sha256="d" * 64)])),
        ("one path twice", document(identifier="", distribution=[file_object(), file_object()])),
        ("too many", document(distribution=[file_object(name=str(n)) for n in range(1001)])),
    ],
)
def test_nothing_is_made_of_what_is_none(why: str, made: object) -> None:
    with pytest.raises(GloveboxError):
        import_croissant(made)
    assert why


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@id", "@type", "name", "sc:name", "field"]), inner)
    ),
    max_leaves=6,
)
_PARTS = ["distribution", "recordSet", "creator", "license", "keywords", "publisher", "name",
          "prov:wasDerivedFrom", "prov:wasGeneratedBy", "identifier", "description"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(_PARTS), _VALUES, min_size=1))
def test_whatever_a_file_holds_it_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        found = import_croissant(document(**changes))
    except GloveboxError:
        return
    assert found.spec["source"]["objects"]


def test_the_command_prints_a_manifest_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(document(citeAs="\x1b[31mred")))
    arguments = ["croissant", "import", str(file), "--store", "primary", "-n", "team-a"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    pin = yaml.safe_load(done.stdout)
    assert (pin["kind"], pin["metadata"]["namespace"]) == ("DatasetPin", "team-a")
    assert pin["spec"]["storeRef"] == {"name": "primary"}
    assert "left out: `citeAs`" in done.stderr
    assert "\x1b" not in done.stderr
    for unreadable in ("{", "[" * 200_000, "9" * 5000):
        file.write_text(unreadable)
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2
        assert "x.json: no JSON" in done.stderr
    file.write_text(json.dumps(document(description="x" * 5000)))
    done = CliRunner().invoke(app, arguments)
    assert "spec.description: must have at most 4096 characters" in done.stderr
    assert "http" not in done.stderr
    file.write_text(json.dumps(document()))
    assert CliRunner().invoke(app, arguments).exit_code == 0
