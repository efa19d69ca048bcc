"""Events of lineage on a real store: written once, locked with the seal, found by digest."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from glovebox.cli.lineage_sources import read_events
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.store.connection import Stop
from glovebox.store.lineage_records import (
    is_lineage_key,
    keep_as_long_as_the_seal,
    lineage_key,
    list_lineage,
    read_lineage,
    write_lineage,
)
from glovebox.store.sealing import seal_folder

if TYPE_CHECKING:
    from glovebox.store.connection import Store

BODY = b'{"eventType":"START"}'
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()
UID = "7d1f8f7e-4a44-4c1b-9d53-2f7e8b9c0a11"


def versions(store: Store, bucket: str, key: str) -> list[str]:
    found = store.s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
    return [each["VersionId"] for each in found]


def test_writing_again_after_a_crash_changes_nothing(store: Store, locked_bucket: str) -> None:
    key = write_lineage(store, locked_bucket, UID, BODY, Stop())
    assert key == lineage_key(UID, DIGEST)
    assert write_lineage(store, locked_bucket, UID, BODY, Stop()) == key
    assert len(versions(store, locked_bucket, key)) == 1
    assert read_lineage(store, locked_bucket, key, Stop()) == BODY


@pytest.mark.parametrize("first", [True, False])
def test_nobody_else_s_bytes_stand_for_it(store: Store, locked_bucket: str, *, first: bool) -> None:
    key = lineage_key(UID, DIGEST)
    if not first:
        write_lineage(store, locked_bucket, UID, BODY, Stop())
    store.s3.put_object(Bucket=locked_bucket, Key=key, Body=b'{"eventType":"FORGED"}')
    if first:
        assert read_lineage(store, locked_bucket, key, Stop()) is None
        write_lineage(store, locked_bucket, UID, BODY, Stop())
    assert read_lineage(store, locked_bucket, key, Stop()) == BODY


def test_it_is_locked_as_long_as_the_seal_and_cannot_be_deleted(
    store: Store, locked_bucket: str
) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
    statement = store.s3.put_object(
        Bucket=locked_bucket,
        Key=seal_folder(UID) + STATEMENT_NAME,
        Body=b"signed",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until,
    )["VersionId"]
    key = write_lineage(store, locked_bucket, UID, BODY, Stop())
    for _ in range(2):
        short = keep_as_long_as_the_seal(
            store, locked_bucket, UID, statement, [DIGEST, "sha256:" + "0" * 64], Stop()
        )
        assert short == ""
    (version,) = versions(store, locked_bucket, key)
    kept = store.s3.get_object_retention(Bucket=locked_bucket, Key=key, VersionId=version)
    assert kept["Retention"]["RetainUntilDate"] >= until
    with pytest.raises(store.s3.exceptions.ClientError):
        store.s3.delete_object(Bucket=locked_bucket, Key=key, VersionId=version)


def test_all_of_a_bucket_are_found_by_whoever_has_the_keys(
    store: Store, locked_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {write_lineage(store, locked_bucket, UID, BODY, Stop())}
    keys.add(write_lineage(store, locked_bucket, UID.replace("7", "8"), BODY + b"\n", Stop()))
    store.s3.put_object(
        Bucket=locked_bucket, Key=seal_folder(UID) + "lineage.other.json", Body=b"no"
    )
    assert set(list_lineage(store, locked_bucket, Stop())) == keys
    credentials = store.settings.credentials
    assert credentials is not None
    for name, value in (
        ("AWS_ENDPOINT_URL", store.settings.endpoint),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
        ("AWS_REGION", store.settings.region),
    ):
        monkeypatch.setenv(name, value)
    assert sorted(read_events(locked_bucket)) == sorted((BODY, BODY + b"\n"))


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        (lineage_key(UID, DIGEST), True),
        (lineage_key(UID, "sha256:" + "0" * 64), False),
        (f"team-a/x/{UID}/weights.bin", False),
        (f"{seal_folder(UID)}{STATEMENT_NAME}", False),
        (lineage_key(UID, DIGEST) + "/x", False),
        ("../" + lineage_key(UID, DIGEST), False),
        (lineage_key("a/b", DIGEST), False),
    ],
)
def test_the_key_of_an_event_is_told_from_all_others(key: str, *, is_one: bool) -> None:
    assert is_lineage_key(key, DIGEST) == is_one
