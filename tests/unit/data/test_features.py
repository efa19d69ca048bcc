from __future__ import annotations

import pytest

from glovebox.data.features import (
    declared_more,
    document_digest,
    feature_digest,
    feature_set_digest,
    feature_set_document,
    keyed_name,
    keyed_names,
)
from glovebox.errors import InvalidInput

DELAY: dict[str, object] = {
    "name": "delay",
    "recipe": {"expression": "arr_delay > 15"},
    "dtype": "bool",
    "shape": [],
    "inputs": ["flights", "weather"],
    "nullable": False,
}
HOUR: dict[str, object] = {
    "name": "hour",
    "recipe": {"expression": "hour(time)"},
    "dtype": "int8",
    "inputs": ["flights"],
}
INPUTS = {"flights": "sha256:" + "1" * 64, "weather": "sha256:" + "2" * 64}


def digest(
    features: list[dict[str, object]] | None = None,
    inputs: dict[str, str] | None = None,
    schema_version: str = "1",
    validity: dict[str, str | None] | None = None,
) -> str:
    return feature_set_digest(
        features or [DELAY, HOUR],
        inputs=inputs or INPUTS,
        schema_version=schema_version,
        validity=validity,
    )


def test_the_digest_never_changes() -> None:
    assert digest() == "sha256:065e63bb9e87fe7d090941941b7336801b52a37333b1065569ca875c9d933077"
    assert (
        feature_digest(DELAY)
        == "sha256:1fa288c4713f3073ece646f27ad32e32210e9d50bd28750f9e7e000a02cf8f34"
    )
    assert (
        keyed_name(bytes(range(32)), "team-a", "delay")
        == "cd89980da93c4affa435bb3ad9df0c2d4ce363e7959988d2c6574417ff4b6f6c"
    )


SAME = [
    ("order of features", lambda: digest([HOUR, DELAY])),
    (
        "order of a feature's inputs",
        lambda: digest([{**DELAY, "inputs": ["weather", "flights"]}, HOUR]),
    ),
    ("order of the set's inputs", lambda: digest(inputs=dict(reversed(INPUTS.items())))),
    ("order of keys", lambda: digest([dict(reversed(DELAY.items())), HOUR])),
    ("a description", lambda: digest([{**DELAY, "description": "late"}, HOUR])),
    (
        "a default that is written out",
        lambda: digest([DELAY, {**HOUR, "nullable": False, "shape": []}]),
    ),
    ("an empty window", lambda: digest(validity={"notAfterTime": None})),
]
OTHER = [
    ("the recipe", lambda: digest([{**DELAY, "recipe": {"expression": "arr_delay > 16"}}, HOUR])),
    ("the type", lambda: digest([{**DELAY, "dtype": "int8"}, HOUR])),
    ("the shape", lambda: digest([{**DELAY, "shape": [1]}, HOUR])),
    ("nullability", lambda: digest([{**DELAY, "nullable": True}, HOUR])),
    ("the name", lambda: digest([{**DELAY, "name": "late"}, HOUR])),
    ("which inputs", lambda: digest([{**DELAY, "inputs": ["flights"]}, HOUR])),
    (
        "the data behind an input",
        lambda: digest(inputs={**INPUTS, "weather": "sha256:" + "3" * 64}),
    ),
    ("the version of the schema", lambda: digest(schema_version="2")),
    ("the window", lambda: digest(validity={"notAfterTime": "2027-01-01T00:00:00Z"})),
    ("a feature less", lambda: digest([DELAY])),
]


@pytest.mark.parametrize(("what", "make"), SAME, ids=[what for what, _ in SAME])
def test_what_describes_or_orders_does_not_change_the_digest(what: str, make: object) -> None:
    del what
    assert callable(make)
    assert make() == digest()


@pytest.mark.parametrize(("what", "make"), OTHER, ids=[what for what, _ in OTHER])
def test_what_changes_a_value_changes_the_digest(what: str, make: object) -> None:
    del what
    assert callable(make)
    assert make() != digest()


REFUSED = [
    ("FeaturesIncomplete", lambda: digest([DELAY, DELAY])),
    ("FeaturesIncomplete", lambda: digest([{**DELAY, "inputs": ["planes"]}])),
    ("FeaturesIncomplete", lambda: digest([{**DELAY, "inputs": ["flights", "flights"]}])),
    ("NotCanonical", lambda: digest([{**DELAY, "recipe": {"expression": 0.5}}])),
]


@pytest.mark.parametrize(("reason", "make"), REFUSED, ids=[reason for reason, _ in REFUSED])
def test_a_set_that_has_no_identity_is_refused(reason: str, make: object) -> None:
    assert callable(make)
    with pytest.raises(InvalidInput) as refused:
        make()
    assert refused.value.reason == reason


def test_names_are_hashed_under_their_namespace_with_a_key() -> None:
    names = ["delay", "hour"]
    hashes = keyed_names(b"k" * 32, "team-a", names)
    assert list(hashes) == names
    elsewhere = keyed_names(b"k" * 32, "team-b", names)
    other_key = keyed_names(b"l" * 32, "team-a", names)
    assert len({*hashes.values(), *elsewhere.values(), *other_key.values()}) == 6
    assert keyed_name(b"k" * 32, "ab", "c") != keyed_name(b"k" * 32, "a", "bc")


def document(**changes: object) -> dict[str, object]:
    return (
        feature_set_document(
            [HOUR, {**DELAY, "description": "late"}], inputs=INPUTS, schema_version="1"
        )
        | changes
    )


def test_the_digest_can_be_computed_from_the_document_of_a_run() -> None:
    assert document_digest(document()) == digest()
    window: dict[str, str | None] = {"notBeforeTime": "2026-01-01T00:00:00Z", "notAfterTime": None}
    with_window = feature_set_document(
        [DELAY, HOUR], inputs=INPUTS, schema_version="1", validity=window
    )
    assert document_digest(with_window) == digest(validity=window)


@pytest.mark.parametrize(
    "changed",
    [
        document(features=[DELAY]),
        document(schemaVersion="2"),
        document(inputs={**INPUTS, "flights": "sha256:" + "3" * 64}),
        document(validity={"notAfterTime": "2026-01-01T00:00:00Z"}),
    ],
)
def test_a_document_that_says_something_else_has_another_digest(changed: dict[str, object]) -> None:
    assert document_digest(changed) != digest()


@pytest.mark.parametrize(
    "changed",
    [document(more=1), document(format="x"), document(features={}), document(features=["x"]), {}],
)
def test_what_is_no_document_of_features_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="document"):
        document_digest(changed)


VALUES: dict[str, object] = {"pinRef": {"name": "v"}, "keys": ["b", "a"], "otherColumns": "Refused"}


def _set(values: dict[str, object] | None, content: str, ttl_seconds: int | None) -> str:
    more = declared_more(values, content, ttl_seconds)
    return feature_set_digest([], inputs={}, schema_version="1", more=more)


def test_values_and_time_to_live_are_in_the_digest_and_which_pin_it_is_is_not() -> None:
    plain = feature_set_digest([], inputs={}, schema_version="1")
    assert _set(values=None, content="", ttl_seconds=None) == plain
    known = _set(values=VALUES, content="sha256:1", ttl_seconds=5)
    others = [
        _set(values=VALUES, content="sha256:2", ttl_seconds=5),
        _set(values=VALUES, content="sha256:1", ttl_seconds=6),
        _set(values=VALUES, content="sha256:1", ttl_seconds=None),
        _set(values={**VALUES, "keys": ["a"]}, content="sha256:1", ttl_seconds=5),
        _set(values={**VALUES, "eventTime": "t"}, content="sha256:1", ttl_seconds=5),
        _set(values={**VALUES, "otherColumns": "Allowed"}, content="sha256:1", ttl_seconds=5),
        plain,
    ]
    assert len({known, *others}) == len(others) + 1
    same = {**VALUES, "pinRef": {"name": "w"}, "digest": "sha256:1", "keys": ["a", "b"]}
    assert _set(values=same, content="sha256:1", ttl_seconds=5) == known


def test_the_document_of_a_run_has_the_digest_of_all_that_is_declared() -> None:
    more = declared_more(VALUES, "sha256:1", 5)
    document = feature_set_document([], inputs={}, schema_version="1", more=more)
    wanted = feature_set_digest([], inputs={}, schema_version="1", more=more)
    assert document_digest(document) == wanted
    assert document_digest({**document, "ttlSeconds": 6}) != wanted
