"""Parts of object versions, as they are read of tables from a real store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import InvalidInput
from glovebox.store.connection import Store
from glovebox.store.ranges import read_range

BODY = bytes(range(256)) * 1000


@pytest.fixture
def entry(store: Store, data_bucket: str) -> Entry:
    """An object that was overwritten since."""
    key = "tables/a b+\N{LATIN SMALL LETTER E WITH ACUTE}.parquet"
    version = store.s3.put_object(Bucket=data_bucket, Key=key, Body=BODY)["VersionId"]
    store.s3.put_object(Bucket=data_bucket, Key=key, Body=b"other")
    return Entry("a", len(BODY), "0" * 64, data_bucket, key, version, DigestSource.COMPUTED)


@pytest.mark.parametrize(
    ("first", "size"), [(0, 1), (0, len(BODY)), (255, 2), (len(BODY) - 8, 8), (1000, 100_000)]
)
def test_a_part_is_of_the_version_that_was_pinned(
    store: Store, entry: Entry, first: int, size: int
) -> None:
    assert read_range(store.wire, entry, first, size) == BODY[first : first + size]


def test_a_version_of_another_length_is_refused(store: Store, entry: Entry) -> None:
    for size in (len(BODY) + 9, len(BODY) - 9):
        with pytest.raises(InvalidInput) as refused:
            read_range(store.wire, replace(entry, size=size), 0, 8)
        assert refused.value.reason == "SizeMismatch"
    # What the manifest says is there, and is not.
    with pytest.raises(InvalidInput):
        read_range(store.wire, replace(entry, size=len(BODY) + 9), len(BODY), 9)


def test_a_version_that_is_gone_is_told(store: Store, entry: Entry) -> None:
    store.s3.delete_object(Bucket=entry.bucket, Key=entry.key, VersionId=entry.version_id)
    with pytest.raises(InvalidInput) as refused:
        read_range(store.wire, entry, 0, 8)
    assert refused.value.reason == "ObjectNotFound"
