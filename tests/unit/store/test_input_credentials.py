from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from glovebox.errors import InvalidInput
from glovebox.store.credentials import MAX_POLICY
from glovebox.store.input_credentials import (
    Readable,
    input_policy,
    readable_manifest,
    readable_objects,
    readable_prefix,
)
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import Location
from glovebox.store.sources import PrefixSource

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST = readable_manifest(
    ManifestLocation(
        "artifacts", ".glovebox/manifests/sha256/" + "0" * 64 + ".jsonl.gz", "v", "d", 1
    )
)


def folder(bucket: str, key: str) -> Readable:
    return Readable(bucket, key, is_prefix=True)


def key(bucket: str, name: str) -> Readable:
    return Readable(bucket, name, is_prefix=False)


def many(*prefixes: str) -> list[tuple[str, str]]:
    return [("b", f"{prefix}{number}") for number in range(10) for prefix in prefixes]


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        pytest.param([], (), id="none"),
        pytest.param(
            [("b", "x"), ("b", "a/y")],
            (key("b", "a/y"), key("b", "x")),
            id="few are named one by one",
        ),
        pytest.param(many("a/b/"), (folder("b", "a/b/"),), id="many in one folder"),
        pytest.param(
            many("a/b/", "a/b/c/"), (folder("b", "a/b/"),), id="a folder and one below it"
        ),
        pytest.param(
            many("a/run7/", "a/run70/"),
            (folder("b", "a/run7/"), folder("b", "a/run70/")),
            id="names that begin alike are no common folder",
        ),
        pytest.param(
            many("lake/flights/", "lake/common/"),
            (folder("b", "lake/common/"), folder("b", "lake/flights/")),
            id="what folders share is not theirs",
        ),
        pytest.param(
            many("a/b/c/", "a/b/", "d/e/"),
            (folder("b", "a/b/"), folder("b", "d/e/")),
            id="a folder that holds objects covers those below it",
        ),
        pytest.param(
            many(*(f"a/{number}/" for number in range(8))),
            tuple(folder("b", f"a/{number}/") for number in range(8)),
            id="eight folders",
        ),
        pytest.param(
            [*many("a/"), ("c", "z")],
            (folder("b", "a/"), key("c", "z")),
            id="each bucket by itself",
        ),
        pytest.param(
            [("b", "a/x*"), ("b", "a/y")], (folder("b", "a/"),), id="a key that reads as a pattern"
        ),
    ],
)
def test_listed_objects_are_granted_by_key_or_by_their_folder(
    objects: Iterable[tuple[str, str]], expected: tuple[Readable, ...]
) -> None:
    assert readable_objects(objects) == expected


DAYS = many(*(f"lake/flights/day={number}/" for number in range(9)))
AIRPORTS = many("lake/airports/eu/", "lake/airports/us/")
FLIGHTS = Location("b", "lake/flights/")


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        pytest.param(
            [FLIGHTS, Location("b", "lake/airports/")],
            (folder("b", "lake/airports/"), folder("b", "lake/flights/")),
            id="one for each place that is granted",
        ),
        pytest.param(
            [Location("b", ""), FLIGHTS, Location("c", "lake/")],
            (folder("b", "lake/airports/"), folder("b", "lake/flights/")),
            id="by the narrowest place",
        ),
        pytest.param(
            [Location("b", "lake/")], (folder("b", "lake/"),), id="all that they share in it"
        ),
    ],
)
def test_many_folders_are_granted_by_what_they_share_in_a_place_that_is_granted(
    granted: list[Location], expected: tuple[Readable, ...]
) -> None:
    assert readable_objects([*DAYS, *AIRPORTS], granted) == expected


@pytest.mark.parametrize(
    ("objects", "granted"),
    [
        pytest.param(many(""), [Location("b", "")], id="in no folder"),
        pytest.param([("b", "x*"), ("b", "y")], [], id="few in no folder, with a pattern"),
        pytest.param(DAYS, [], id="many folders and no grant"),
        pytest.param([*DAYS, *AIRPORTS], [FLIGHTS], id="some that no grant covers"),
        pytest.param(DAYS, [Location("c", "lake/")], id="a grant in another bucket"),
        pytest.param(
            many(*(f"{number}/" for number in range(9))),
            [Location("b", "")],
            id="that only their bucket holds together",
        ),
    ],
)
def test_what_no_folder_holds_together_that_is_granted_is_refused(
    objects: Iterable[tuple[str, str]], granted: list[Location]
) -> None:
    with pytest.raises(InvalidInput, match="copy them below one prefix") as refused:
        readable_objects(objects, granted)
    assert refused.value.reason == "InputsTooScattered"


def statements(*readables: Readable) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(input_policy(readables))["Statement"]
    return found


def test_a_policy_reads_and_does_nothing_else() -> None:
    allow, deny = statements(readable_prefix(PrefixSource("data", "set/")), MANIFEST)
    assert allow == {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": ["arn:aws:s3:::artifacts/" + MANIFEST.key, "arn:aws:s3:::data/set/*"],
    }
    assert deny["Effect"] == "Deny"
    assert {"s3:PutObject", "s3:DeleteObjectVersion", "sts:AssumeRole"} <= set(deny["Action"])


@pytest.mark.parametrize(
    ("readables", "resources"),
    [
        pytest.param(
            [folder("b", "a/"), folder("b", "a/c/"), key("b", "a/d")],
            ["b/a/*"],
            id="what a folder covers is not repeated",
        ),
        pytest.param([folder("b", ""), folder("b", "a/")], ["b/*"], id="a pin of a whole bucket"),
        pytest.param([folder("b", "a/"), folder("b", "a/")], ["b/a/*"], id="twice the same"),
        pytest.param(
            [folder("b", "a/"), folder("c", "a/c/")], ["b/a/*", "c/a/c/*"], id="another bucket"
        ),
    ],
)
def test_a_policy_names_each_place_once(readables: list[Readable], resources: list[str]) -> None:
    assert statements(*readables)[0]["Resource"] == [f"arn:aws:s3:::{each}" for each in resources]


@pytest.mark.parametrize(
    ("readables", "reason"),
    [
        pytest.param([], "NothingToRead", id="an empty list would be read as everything by some"),
        pytest.param([folder("b", "run7")], "BadPrefix", id="would cover run70 as well"),
        pytest.param([folder("b", "a*/")], "BadPrefix", id="a pattern"),
        pytest.param([folder("b", "${aws:username}/")], "BadPrefix", id="a variable"),
        pytest.param([key("b", "a?")], "BadPrefix", id="a pattern in a key"),
        pytest.param(
            [folder("b", f"{number}{'x' * 100}/") for number in range(20)],
            "PolicyTooLong",
            id="too many",
        ),
    ],
)
def test_what_cannot_be_granted_is_refused(readables: list[Readable], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        input_policy(readables)
    assert refused.value.reason == reason


def test_a_dozen_inputs_with_their_manifests_fit() -> None:
    inputs = [folder("datasets", f"team-a/flights-{number}/") for number in range(10)]
    manifests = [
        key("artifacts", f".glovebox/manifests/sha256/{number:064x}.jsonl.gz")
        for number in range(6)
    ]
    assert len(input_policy([*inputs, *manifests])) <= MAX_POLICY


def test_a_space_in_a_name_is_spelt_so_that_no_store_takes_it_for_a_plus() -> None:
    policy = input_policy([key("data", "x y+z")])
    assert " " not in policy
    assert json.loads(policy)["Statement"][0]["Resource"] == ["arn:aws:s3:::data/x y+z"]
