"""What a pin leaves unsaid is a gap, and no graph of sources costs more than a look."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.api.dataset_pin import DatasetPin
from glovebox.data import provenance
from glovebox.data.provenance import MAX_DEPTH, MAX_PINS, Assessment, Unreadable, assess

DIGEST = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64
IMAGE = "registry.example/etl@sha256:" + "3" * 64
BASIC = {
    "owner": "team",
    "license": "CC0-1.0",
    "classification": "Public",
    "provenance": {"origin": "Collected", "authors": ["somebody"]},
}
FULL: dict[str, Any] = {
    **BASIC,
    "region": "eu-central-1",
    "personalData": "Absent",
    "retention": {"why": "no law says otherwise"},
    "provenance": {
        "origin": "Derived",
        "authors": ["somebody"],
        "contact": "data@team.example",
        "sources": [{"pinRef": {"name": "raw"}}],
        "transformation": {
            "code": {"repository": "https://git.example/etl", "commit": "1234567"},
            "image": IMAGE,
        },
    },
}


def pin(
    name: str = "rows",
    spec: dict[str, Any] | None = None,
    *,
    digest: str = DIGEST,
    verified: str = "True",
    recorded: dict[str, str] | None = None,
) -> DatasetPin:
    status: dict[str, Any] = {
        "digest": digest,
        "conditions": [
            {
                "type": "Verified",
                "status": verified,
                "reason": "Verified" if verified == "True" else "ObjectNotFound",
                "lastTransitionTime": "2026-11-27T00:00:00Z",
            }
        ],
    }
    if recorded is not None:
        sources = [{"name": each, "digest": root} for each, root in recorded.items()]
        status["provenance"] = {"level": "Basic", "digest": DIGEST, "sources": sources}
    return DatasetPin.model_validate(
        {
            "metadata": {"name": name, "namespace": "team", "uid": name, "generation": 1},
            "spec": {
                "storeRef": {"name": "primary"},
                "source": {"prefix": {"bucket": "data", "prefix": "rows/"}},
                **(BASIC if spec is None else spec),
            },
            "status": status,
        }
    )


def of(*sources: Any, **changes: Any) -> dict[str, Any]:
    """Return a full spec, made from these: names, or whole entries."""
    entries = [{"pinRef": {"name": each}} if isinstance(each, str) else each for each in sources]
    return {**FULL, **changes, "provenance": {**FULL["provenance"], "sources": entries}}


def assessed(one: DatasetPin, *others: DatasetPin | str) -> Assessment:
    """Return what is found of a pin; a name stands for a pin that is not valid."""
    there: dict[str, DatasetPin | Unreadable] = {one.name: one}
    for other in others:
        name, found = (other, Unreadable()) if isinstance(other, str) else (other.name, other)
        there[name] = found
    return assess(one, there.get)


def without(spec: dict[str, Any], path: str) -> dict[str, Any]:
    head, _, rest = path.partition(".")
    if rest:
        return {**spec, head: without(spec[head], rest)}
    return {name: value for name, value in spec.items() if name != head}


def test_a_full_provenance_has_no_gaps() -> None:
    found = assessed(pin(spec=FULL), pin("raw"))
    assert found.gaps == ()
    assert (found.level, found.is_pending) == ("Full", False)
    assert found.sources == {"raw": DIGEST}


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("owner", "None"),
        ("license", "None"),
        ("classification", "None"),
        ("provenance.origin", "None"),
        ("provenance.authors", "None"),
        ("region", "Basic"),
        ("personalData", "Basic"),
        ("retention", "Basic"),
        ("provenance.contact", "Basic"),
        ("provenance.sources", "Basic"),
        ("provenance.transformation.code", "Basic"),
        ("provenance.transformation.image", "Basic"),
    ],
)
def test_each_field_that_is_not_said_is_a_gap_by_its_name(path: str, level: str) -> None:
    found = assessed(pin(spec=without(FULL, path)), pin("raw"))
    wanted = [f"spec.{path}"]
    if path == "provenance.origin":
        # Whether a program made them is not known then.
        wanted = ["spec.provenance.origin"]
    assert [gap.field for gap in found.gaps] == wanted
    assert (found.level, found.is_pending) == (level, False)


def test_a_pin_that_says_nothing_names_all_of_it() -> None:
    found = assessed(pin(spec={}))
    assert found.level == "None"
    assert len(found.gaps) == 10


def test_a_licence_that_spdx_does_not_list_counts_as_none() -> None:
    found = assessed(pin(spec={**FULL, "license": "CC0"}), pin("raw"))
    assert [gap.field for gap in found.gaps] == ["spec.license"]
    assert "SPDX lists no licence 'CC0'" in found.gaps[0].message
    assert found.level == "None"


@pytest.mark.parametrize(
    ("origin", "missing"),
    [
        ("Collected", []),
        ("Derived", ["code", "image"]),
        ("Synthetic", ["code", "image"]),
        ("Augmented", ["code", "image"]),
    ],
)
def test_what_a_program_made_names_the_program(origin: str, missing: list[str]) -> None:
    spec = without(FULL, "provenance.transformation")
    spec["provenance"]["origin"] = origin
    found = assessed(pin(spec=spec), pin("raw"))
    fields = [f"spec.provenance.transformation.{each}" for each in missing]
    assert [gap.field for gap in found.gaps] == fields


def test_synthetic_data_need_no_source_and_an_external_one_is_enough_for_others() -> None:
    generated = without(FULL, "provenance.sources")
    generated["provenance"]["origin"] = "Synthetic"
    assert assessed(pin(spec=generated)).level == "Full"
    external = of({"external": {"uri": "https://data.example/x", "reason": "published there"}})
    assert assessed(pin(spec=external)).level == "Full"


@pytest.mark.parametrize(
    ("source", "words", "pending"),
    [
        (None, "there is no DatasetPin 'raw' in this namespace", False),
        ("raw", "DatasetPin 'raw' is not valid", True),
        (pin("raw", digest="", verified="Unknown"), "'raw' was not read yet", True),
        (pin("raw", verified="False"), "'raw' is not verified: ObjectNotFound", False),
        (pin("raw", {}), "'raw' is not Basic itself: spec.owner, spec.license", False),
    ],
    ids=["missing", "not valid", "not read", "not verified", "undescribed"],
)
def test_a_source_that_cannot_be_relied_on_is_a_gap(
    source: DatasetPin | str | None, words: str, pending: object
) -> None:
    found = assessed(pin(spec=FULL), *(() if source is None else (source,)))
    assert [gap.field for gap in found.gaps] == ["spec.provenance.sources[0]"]
    assert words in found.gaps[0].message
    assert (found.level, found.is_pending) == ("Basic", pending)


def test_a_store_that_does_not_answer_takes_no_source_away() -> None:
    assert assessed(pin(spec=FULL), pin("raw", verified="Unknown")).level == "Full"


def test_what_is_missing_for_good_is_not_pending_because_something_else_is() -> None:
    found = assessed(pin(spec=of("raw", "gone")), pin("raw", digest="", verified="Unknown"))
    assert len(found.gaps) == 2
    assert not found.is_pending


def test_another_namespace_is_not_looked_at() -> None:
    asked: list[str] = []

    def look(name: str) -> DatasetPin:
        asked.append(name)
        return pin(name)

    elsewhere = of({"pinRef": {"name": "raw", "namespace": "other"}})
    found = assess(pin(spec=elsewhere), look)
    assert "'other/raw' is in another namespace, and was not granted" in found.gaps[0].message
    assert asked == []
    at_home = of({"pinRef": {"name": "raw", "namespace": "team"}})
    assert assess(pin(spec=at_home), look).level == "Full"


def test_a_source_has_to_be_what_is_expected() -> None:
    expected = of({"pinRef": {"name": "raw"}, "digest": OTHER})
    found = assessed(pin(spec=expected), pin("raw"))
    assert f"'raw' has {DIGEST}, and not {OTHER} (`digest`)" in found.gaps[0].message
    assert found.sources == {}


def test_a_source_that_was_made_again_of_other_bytes_is_a_gap() -> None:
    found = assessed(pin(spec=FULL, recorded={"raw": OTHER}), pin("raw"))
    assert f"and not {OTHER} (recorded)" in found.gaps[0].message
    assert found.sources == {"raw": OTHER}, "what it was made from stays known"


def test_a_source_that_was_deleted_stays_known_by_its_digest() -> None:
    found = assessed(pin(spec=FULL, recorded={"raw": OTHER}))
    assert f"it had the digest {OTHER}" in found.gaps[0].message
    assert found.sources == {"raw": OTHER}


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((pin("a", of("rows")),), id="through one"),
        pytest.param((pin("a", of("b")), pin("b", of("rows"))), id="through two"),
        pytest.param((pin("a", of("b")), pin("b", of("a"))), id="beside it"),
        pytest.param((pin("a", of("a")),), id="a source of itself"),
    ],
)
def test_a_circle_is_a_gap(others: tuple[DatasetPin, ...]) -> None:
    found = assessed(pin(spec=of("a")), *others)
    assert [gap.field for gap in found.gaps] == ["spec.provenance.sources[0]"]
    assert "a circle" in found.gaps[0].message
    assert not found.is_pending


def test_a_pin_that_names_itself_is_a_circle() -> None:
    found = assessed(pin(spec=of("rows")))
    assert "a circle" in found.gaps[0].message
    assert found.sources == {}


def test_a_gap_far_away_is_said_with_the_way_to_it() -> None:
    chain = [pin("a", of("b")), pin("b", of("c")), pin("c", of("d")), pin("d", of("e"))]
    found = assessed(pin(spec=of("a")), *chain)
    assert [gap.message for gap in found.gaps] == [
        "of 'a <- ... <- c <- d': there is no DatasetPin 'e' in this namespace"
    ]


def chain(length: int) -> list[DatasetPin]:
    """Return so many pins, each made from the next, the last from nothing."""
    made = [pin(f"p{n}", of(f"p{n + 1}")) for n in range(length - 1)]
    return [*made, pin(f"p{length - 1}")]


def test_sources_are_followed_so_far_and_no_further() -> None:
    assert assessed(pin(spec=of("p0")), *chain(MAX_DEPTH)).level == "Full"
    found = assessed(pin(spec=of("p0")), *chain(MAX_DEPTH + 1))
    assert ["more sources than are followed" in gap.message for gap in found.gaps] == [True]


def test_a_graph_with_many_ways_is_walked_once() -> None:
    """Each layer names all of the next: 8 to the 15 ways through 120 pins."""
    width, depth = 8, 15

    def layer(number: int) -> list[str]:
        return [f"l{number}-{each}" for each in range(width)]

    there = {
        name: pin(name, of(*layer(number + 1)) if number + 1 < depth else BASIC)
        for number in range(depth)
        for name in layer(number)
    }
    looked = 0

    def look(name: str) -> DatasetPin | None:
        nonlocal looked
        looked += 1
        return there.get(name)

    assert assess(pin(spec=of(*layer(0))), look).level == "Full"
    assert looked <= width + width * width * depth


def test_no_more_than_so_many_pins_are_looked_at() -> None:
    width = 24
    layers = [[f"l{n}-{each}" for each in range(width)] for n in range(12)]
    pins = [
        pin(name, of(*layers[number + 1]) if number + 1 < len(layers) else BASIC)
        for number, names in enumerate(layers)
        for name in names
    ]
    assert len(pins) > MAX_PINS
    found = assessed(pin(spec=of(*layers[0])), *pins)
    assert any("more sources than are followed" in gap.message for gap in found.gaps)


def test_the_digest_covers_what_is_said_and_not_what_the_data_are() -> None:
    said = provenance.statement_digest(pin(spec=FULL).spec)
    for path in ("owner", "retention", "provenance.contact", "provenance.transformation.image"):
        assert provenance.statement_digest(pin(spec=without(FULL, path)).spec) != said, path
    elsewhere = {**FULL, "source": {"prefix": {"bucket": "other", "prefix": ""}}, "digest": DIGEST}
    assert provenance.statement_digest(pin(spec=elsewhere).spec) == said


READ = {"name": "raw", "kind": "DatasetPin", "digest": DIGEST, "readBy": "team/build"}


def sealed(
    code: str = "https://git.example/etl@1234567", *, inputs: tuple[Any, ...] = (READ,), **spec: Any
) -> DatasetPin:
    """Return a pin of the artifacts of a sealed run."""
    said = {"owner": "team", "license": "CC0-1.0", "classification": "Public", **spec}
    source = {"experimentRef": {"name": "build"}}
    one = pin(spec={**said, "source": source})
    seal = {
        "experiment": "team/build",
        "uid": "u",
        "sealedTime": "2026-11-27T00:00:00Z",
        "image": IMAGE,
        "code": code,
        "inputs": inputs,
    }
    status = one.status.model_dump(by_alias=True, mode="json") | {"derived": seal}
    return DatasetPin.model_validate({**one.model_dump(by_alias=True), "status": status})


def test_what_a_seal_says_is_not_missing() -> None:
    one = sealed(provenance={"authors": ["somebody"]})
    assert {gap.field for gap in assessed(one).gaps} == {
        "spec.region",
        "spec.personalData",
        "spec.retention",
        "spec.provenance.contact",
    }
    assert assessed(one).level == "Basic"
    # Of a run that read nothing, and of what a person wrote, it is not known.
    of_nothing = sealed(inputs=(), provenance={"authors": ["somebody"]})
    assert "spec.provenance.sources" in {gap.field for gap in assessed(of_nothing).gaps}
    without_code = sealed("", provenance={"authors": ["somebody"]})
    assert "spec.provenance.transformation.code" in {
        gap.field for gap in assessed(without_code).gaps
    }
