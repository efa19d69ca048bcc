"""What a namespace may pin: checked by name alone, and said to the store as a session policy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

import pytest

from glovebox.errors import InvalidInput, Refused
from glovebox.store.connection import Store
from glovebox.store.credentials import MAX_POLICY
from glovebox.store.source_access import SPLITS, Location, SourceAccess, narrowed, source_policy
from glovebox.store.sources import (
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PartSource,
    PrefixSource,
    SealSource,
    Source,
)

ACCESS = SourceAccess(
    "vision",
    "primary",
    (Location("data", "vision/"), Location("shared", "")),
    "artifacts",
    (("others", "elsewhere"),),
)


def objects(*names: tuple[str, str]) -> ObjectsSource:
    return ObjectsSource(tuple(ObjectRef(bucket, key, "v1") for bucket, key in names))


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        (PrefixSource("data", "vision/"), True),
        (PrefixSource("data", "vision/2013/"), True),
        (PrefixSource("data", "vision2/"), False),
        (PrefixSource("data", ""), False),
        (PrefixSource("data", "speech/"), False),
        (PrefixSource("data2", "vision/"), False),
        (PrefixSource("shared", ""), True),
        (PrefixSource("artifacts", "vision/x/uid/"), True),
        (PrefixSource("artifacts", "vision2/x/uid/"), False),
        (PrefixSource("artifacts", "speech/"), False),
        (PrefixSource("artifacts", ""), False),
        (PrefixSource("artifacts", ".glovebox/"), False),
        (ManifestSource("data", "vision/list.jsonl"), True),
        (ManifestSource("artifacts", ".glovebox/manifests/a.jsonl.gz"), False),
        (ManifestSource("hr", "list.jsonl"), False),
        (objects(("data", "vision/a"), ("shared", "b")), True),
        (objects(("data", "vision/a"), ("data", "speech/b")), False),
    ],
)
def test_a_source_is_accepted_where_all_that_it_names_is_granted(
    source: Source, allowed: object
) -> None:
    if allowed:
        ACCESS.check_source(source)
        return
    with pytest.raises(Refused) as refused:
        ACCESS.check_source(source)
    assert refused.value.reason == "NotGranted"


def test_no_grant_opens_a_bucket_of_artifacts() -> None:
    wide = SourceAccess("vision", "primary", (Location("artifacts", ""),), "artifacts")
    with pytest.raises(Refused, match="is for artifacts"):
        wide.check("artifacts", "speech/x/uid/model.bin")


def test_a_refusal_names_what_is_granted_and_the_cure() -> None:
    with pytest.raises(Refused) as refused:
        ACCESS.check("hr", "salaries/")
    assert refused.value.message == (
        "s3://hr/salaries/ is not granted to namespace 'vision': `spec.access` of ObjectStore"
        " 'primary' grants it s3://data/vision/, s3://shared/; pin what is granted, or ask the"
        " platform's owner to list more there"
    )
    nothing = SourceAccess("speech", "primary", (), "artifacts")
    with pytest.raises(Refused, match="grants it nothing"):
        nothing.check("hr", "salaries/")


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        (PrefixSource("data", "vision/2013/"), {Location("data", "vision/2013/")}),
        (objects(("data", "vision/a")), {Location("data", "vision/")}),
        (
            objects(("artifacts", "vision/x/uid/a")),
            {Location("artifacts", "vision/")},
        ),
        (ManifestSource("data", "vision/l"), {*ACCESS.locations}),
        (SealSource("build", "uid", "f/"), {Location("artifacts", "vision/build/")}),
    ],
)
def test_a_session_reads_no_more_than_the_source_may_need(
    source: Source, needed: set[Location]
) -> None:
    assert set(ACCESS.needed(source)) == needed
    # Nor what a grant names in a bucket of artifacts, whosever that is.
    closed = (Location("others", "vision/"), Location("artifacts", ""))
    wide = replace(ACCESS, locations=(*ACCESS.locations, *closed))
    assert set(wide.needed(source)) == needed


def test_what_splits_wrote_is_read_by_pins_of_parts_alone() -> None:
    part = PartSource("visits", "train")
    key = f"{SPLITS}vision/ab/train/a.parquet"
    with pytest.raises(Refused, match="is for artifacts"):
        ACCESS.check("artifacts", key)
    for source in (PrefixSource("artifacts", f"{SPLITS}vision/"), objects(("artifacts", key))):
        with pytest.raises(Refused, match="is for artifacts"):
            ACCESS.reading(source).check_source(source)
    reads = ACCESS.reading(part)
    reads.check("artifacts", key)
    # Whole objects lie where they were.
    reads.check("data", "vision/a")
    for other in (f"{SPLITS}vision2/ab/train/a", f"{SPLITS}vision", ".glovebox/manifests/a"):
        with pytest.raises(Refused, match="is for artifacts"):
            reads.check("artifacts", other)
    own = Location("artifacts", f"{SPLITS}vision/")
    assert set(reads.needed(part)) == {*ACCESS.sources, ACCESS.own_artifacts, own}
    assert SourceAccess.of(reads.document) == reads
    assert reads.reading(PrefixSource("data", "")) == ACCESS


def test_the_policy_lists_and_reads_below_the_prefixes_and_writes_nothing() -> None:
    wanted = (Location("data", "vision/"), Location("data", "vision/2013/"), Location("b", ""))
    document = json.loads(source_policy(wanted))
    allowed = [each for each in document["Statement"] if each["Effect"] == "Allow"]
    denied = [each for each in document["Statement"] if each["Effect"] == "Deny"]
    read = next(each for each in allowed if "s3:GetObjectVersion" in each["Action"])
    assert read["Resource"] == ["arn:aws:s3:::b/*", "arn:aws:s3:::data/vision/*"]
    lists = {
        each["Resource"][0]: each["Condition"]["StringLike"]["s3:prefix"]
        for each in allowed
        if "s3:ListBucketVersions" in each["Action"]
    }
    assert lists == {"arn:aws:s3:::b": ["*"], "arn:aws:s3:::data": ["vision/*"]}
    assert all("Put" not in action for each in allowed for action in each["Action"])
    assert {"s3:PutObject", "s3:DeleteObject"} <= set(denied[0]["Action"])


@pytest.mark.parametrize("prefix", ["a*/", "a?/", "a${x}/", "a[b]/", "a\\b/", "a\x01/"])
def test_a_prefix_that_a_policy_reads_as_a_pattern_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        source_policy([Location("data", prefix)])
    assert refused.value.reason == "BadPrefix"


def test_more_than_a_policy_takes_is_refused_with_the_cure() -> None:
    many = [Location("data", f"{'long' * 20}{number}/") for number in range(30)]
    with pytest.raises(InvalidInput, match=str(MAX_POLICY)) as refused:
        source_policy(many)
    assert "grant fewer and shorter ones" in refused.value.message


@pytest.mark.parametrize("key", ["vision/x/uid/model.bin", "anything"])
def test_the_artifacts_of_another_store_are_nobodys_and_the_refusal_names_it(key: str) -> None:
    """Also where a namespace is called as a folder of data is: its name opens its own store."""
    wide = replace(ACCESS, locations=(Location("others", ""),))
    with pytest.raises(Refused, match="ObjectStore 'elsewhere' keeps artifacts"):
        wide.check("others", key)
    assert wide.needed(PrefixSource("others", "vision/")) == (Location("others", "vision/"),)


def test_where_sessions_are_issued_a_source_is_read_through_one() -> None:
    class Opened:
        """A store that says whether it is asked for sessions."""

        def renewing(self, issue: object) -> Store:
            assert callable(issue)
            return session

    store, session = cast("Store", Opened()), cast("Store", object())
    issuing, source = (
        replace(ACCESS, role_arn="arn:aws:iam::role/r"),
        PrefixSource("data", "vision/"),
    )
    assert narrowed(store, issuing, source) is session
    assert narrowed(store, ACCESS, source) is store
    assert narrowed(store, None, source) is store
