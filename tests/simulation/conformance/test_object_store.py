"""What the operator relies on of a store, asked of stand-in and real one by its own code."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glovebox.api import reasons
from glovebox.controllers.store_connections import KEYS_REFUSED
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import Forbidden, InvalidInput
from glovebox.store.answers import AnswerError, answer_of
from glovebox.store.connection import Credentials, Stop, Store, Stores, StoreSettings
from glovebox.store.credentials import assume_for_prefix
from glovebox.store.hold_sessions import holding
from glovebox.store.listing import head_current, head_version, list_versions
from glovebox.store.probe_bench import CheckedBucket
from glovebox.store.probe_race import RACED, one_of_many_writers_wins
from glovebox.store.reading import digest_version
from glovebox.store.source_access import Location
from glovebox.store.version_hold import is_held, require_lock, set_hold
from simulation.object_store import ObjectStoreServer
from simulation.object_store_faces import SimStores
from simulation.world import LOADER, OPERATOR_KEY, ROLE
from support.cluster import Cluster

_numbers = itertools.count(1)


class Place:
    """A bucket with a lock, as the operator's user sees it."""

    def __init__(self, store: Store, role: str) -> None:
        self.store, self.role = store, role
        self.bucket = f"conformance-{next(_numbers)}"
        store.s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True)

    def put(self, key: str, body: bytes = b"bytes", **options: Any) -> str:
        return str(
            self.store.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options)["VersionId"]
        )

    def rows(self, prefix: str = "") -> list[tuple[str, str, bool, bool]]:
        found = list_versions(self.store.wire, self.bucket, prefix, Stop())
        return [(row.key, row.version_id, row.is_latest, row.is_delete_marker) for row in found]


@pytest.fixture(scope="module")
def real_store(cluster: Cluster) -> Iterator[tuple[Store, str]]:
    access = cluster.store.access
    keys = Credentials(access.operator.access_key_id, access.operator.secret_access_key)
    stores = Stores()
    yield (
        stores.open(StoreSettings(access.endpoint, access.region, credentials=keys)),
        access.role_arn,
    )
    stores._pools.close()


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.real)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "real":
        return Place(*request.getfixturevalue("real_store"))
    server = ObjectStoreServer(lambda: datetime.now(UTC), ROLE)
    server.users |= {OPERATOR_KEY, LOADER.access_key_id}
    settings = StoreSettings("http://store.invalid", credentials=Credentials(OPERATOR_KEY, "x"))
    return Place(SimStores(server).open(settings), ROLE)


def refusal(act: Any) -> AnswerError:
    """Return the answer that an attempt met."""
    try:
        act()
    except Exception as error:
        found = answer_of(error)
        if found is None:
            raise
        return found
    raise AssertionError("it was let through")


def test_each_write_of_a_key_is_a_version_of_its_own(place: Place) -> None:
    first, second = place.put("a"), place.put("a", b"more")
    assert place.rows() == [("a", second, True, False), ("a", first, False, False)]
    assert head_version(place.store.wire, place.bucket, "a", first) is not None
    current = head_current(place.store.wire, place.bucket, "a")
    assert current is not None
    assert current.size == 4


def test_a_version_is_read_by_its_id(place: Place) -> None:
    first = place.put("a", b"first")
    place.put("a", b"second")
    response = place.store.wire.get(place.bucket, "a", {"versionId": first})
    assert response.headers["x-amz-version-id"] == first
    assert response.read() == b"first"
    response.release_conn()


def test_a_range_of_a_version_is_read(place: Place) -> None:
    version = place.put("a", b"0123456789")
    response = place.store.wire.get(
        place.bucket, "a", {"versionId": version}, {"Range": "bytes=3-5"}
    )
    assert response.read() == b"345"
    response.release_conn()


def test_a_digest_is_computed_of_the_bytes(place: Place) -> None:
    version = place.put("a", b"bytes")
    found = digest_version(
        place.store.wire,
        place.bucket,
        "a",
        version,
        minimum=DigestSource.COMPUTED,
        stop=Stop(),
        hashing=place.store.hashing,
    )
    assert found.size == 5
    assert found.sha256 == "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"


def test_what_is_not_there_is_404(place: Place) -> None:
    assert head_current(place.store.wire, place.bucket, "none") is None
    gone = refusal(lambda: place.store.wire.get(place.bucket, "none", {}))
    assert (gone.status, gone.code) == (404, "NoSuchKey")
    nowhere = refusal(lambda: place.store.wire.get("no-such-bucket", "", {"list-type": "2"}))
    assert nowhere.status == 404


def test_a_delete_without_a_version_puts_a_marker(place: Place) -> None:
    version = place.put("a")
    marker = place.store.s3.delete_object(Bucket=place.bucket, Key="a")["VersionId"]
    assert place.rows() == [("a", marker, True, True), ("a", version, False, False)]
    assert head_current(place.store.wire, place.bucket, "a") is None
    assert head_version(place.store.wire, place.bucket, "a", version) is not None


def test_a_second_write_with_if_none_match_is_refused(place: Place) -> None:
    place.put("a", IfNoneMatch="*")
    met = refusal(lambda: place.put("a", b"other", IfNoneMatch="*"))
    assert met.status == 412
    place.store.s3.delete_object(Bucket=place.bucket, Key="a")
    place.put("a", IfNoneMatch="*")  # a marker is no object


def test_of_many_writers_of_one_key_one_wins_and_the_next_check_begins_again(place: Place) -> None:
    """By the store check itself; its lock keeps what won for two minutes."""
    for kept in (False, True):
        checked = CheckedBucket(place.store, place.bucket, None, datetime.now(UTC), Stop())
        said = one_of_many_writers_wins(checked)
        assert ("earlier race" in said) == kept
        assert [row[0] for row in place.rows()] == [RACED]


def test_a_list_has_the_keys_in_the_order_of_their_bytes(place: Place) -> None:
    for key in ("b/1", "a/2", "a/1", "a", "a-b", "\u00e9"):
        place.put(key)
    assert [row[0] for row in place.rows()] == sorted(
        ("b/1", "a/2", "a/1", "a", "a-b", "\u00e9"), key=str.encode
    )
    assert [row[0] for row in place.rows("a/")] == ["a/1", "a/2"]


def test_a_lock_holds_against_everybody(place: Place) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    version = place.put("a", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    for options in ({}, {"BypassGovernanceRetention": True}):
        place_delete = lambda options=options: place.store.s3.delete_object(  # noqa: E731 - called below
            Bucket=place.bucket, Key="a", VersionId=version, **options
        )
        assert refusal(place_delete).status == 403
    shorter: Any = {"Mode": "COMPLIANCE", "RetainUntilDate": until - timedelta(minutes=30)}
    assert (
        refusal(
            lambda: place.store.s3.put_object_retention(
                Bucket=place.bucket, Key="a", VersionId=version, Retention=shorter
            )
        ).status
        == 403
    )
    head = place.store.wire.head(place.bucket, "a", {"versionId": version})
    assert head["x-amz-object-lock-mode"] == "COMPLIANCE"
    assert head["x-amz-object-lock-retain-until-date"]


def test_a_legal_hold_holds_against_everybody_until_it_is_taken_off(place: Place) -> None:
    version = place.put("a")
    one = Entry("a", 5, "0" * 64, place.bucket, "a", version, DigestSource.COMPUTED)
    assert not is_held(place.store, one)
    set_hold(place.store, one, on=True)
    assert is_held(place.store, one)
    for options in ({}, {"BypassGovernanceRetention": True}):
        delete = lambda options=options: place.store.s3.delete_object(  # noqa: E731 - called below
            Bucket=place.bucket, Key="a", VersionId=version, **options
        )
        assert refusal(delete).status == 403
    set_hold(place.store, one, on=False)
    assert not is_held(place.store, one)
    place.store.s3.delete_object(Bucket=place.bucket, Key="a", VersionId=version)
    for asked in (is_held, lambda store, each: set_hold(store, each, on=True)):
        with pytest.raises(InvalidInput) as gone:
            asked(place.store, one)
        assert gone.value.reason == reasons.OBJECT_NOT_FOUND


def test_a_bucket_without_object_lock_takes_no_legal_hold(place: Place) -> None:
    bucket = f"{place.bucket}-plain"
    place.store.s3.create_bucket(Bucket=bucket)
    place.store.s3.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    session = holding(place.store, (Location(bucket, "set/"),), place.role, "team-a")
    with pytest.raises(InvalidInput) as refused:
        require_lock(session, bucket)
    assert refused.value.reason == reasons.HOLD_REFUSED
    session = holding(place.store, (Location(place.bucket, "set/"),), place.role, "team-a")
    require_lock(session, place.bucket)


def test_a_session_for_holds_sets_them_below_its_prefix_and_does_nothing_else(
    place: Place,
) -> None:
    versions = {key: place.put(key) for key in ("set/a", "other/a")}
    session = holding(place.store, (Location(place.bucket, "set/"),), place.role, "team-a")

    def entry(key: str) -> Entry:
        at = (place.bucket, key, versions[key])
        return Entry(key, 5, "0" * 64, *at, DigestSource.COMPUTED)

    assert not is_held(session, entry("set/a"))
    set_hold(session, entry("set/a"), on=True)
    assert is_held(session, entry("set/a"))
    set_hold(session, entry("set/a"), on=False)
    with pytest.raises(Forbidden):
        is_held(session, entry("other/a"))
    with pytest.raises(Forbidden):
        set_hold(session, entry("other/a"), on=True)
    where: Any = {"Bucket": place.bucket, "Key": "set/a"}
    until: Any = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(hours=1)}
    for attempt in (
        lambda: session.s3.get_object(**where, VersionId=versions["set/a"]),
        lambda: session.s3.put_object(**where, Body=b"other"),
        lambda: session.s3.delete_object(**where),
        lambda: session.s3.delete_object(**where, VersionId=versions["set/a"]),
        lambda: session.s3.put_object_retention(
            **where, VersionId=versions["set/a"], Retention=until
        ),
    ):
        assert refusal(attempt).status == 403


def test_the_default_of_the_bucket_locks_what_names_no_lock(place: Place) -> None:
    place.store.s3.put_object_lock_configuration(
        Bucket=place.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    place.put("a")
    head = place.store.s3.head_object(Bucket=place.bucket, Key="a")
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(hours=23)


def test_an_upload_in_parts_is_listed_and_ended(place: Place) -> None:
    s3 = place.store.s3
    upload = s3.create_multipart_upload(Bucket=place.bucket, Key="run/big")["UploadId"]
    pages = s3.get_paginator("list_multipart_uploads")
    found = [
        each["UploadId"]
        for page in pages.paginate(Bucket=place.bucket, Prefix="run/")
        for each in page.get("Uploads") or ()
    ]
    assert found == [upload]
    s3.abort_multipart_upload(Bucket=place.bucket, Key="run/big", UploadId=upload)
    assert not [
        each
        for page in pages.paginate(Bucket=place.bucket, Prefix="run/")
        for each in page.get("Uploads") or ()
    ]


def test_a_session_reaches_its_own_prefix_alone(place: Place) -> None:
    place.put("other/a")
    keys = assume_for_prefix(place.store, place.role, place.bucket, "own/", "conformance", 900)
    session = place.store.with_credentials(keys.as_credentials()).s3
    session.put_object(Bucket=place.bucket, Key="own/a", Body=b"x")
    session.get_object(Bucket=place.bucket, Key="own/a")
    attempts: list[Any] = [
        lambda: session.get_object(Bucket=place.bucket, Key="other/a"),
        lambda: session.put_object(Bucket=place.bucket, Key="owned/a", Body=b"x"),
        lambda: session.delete_object(Bucket=place.bucket, Key="own/a"),
        lambda: session.list_objects_v2(Bucket=place.bucket, Prefix="other/"),
    ]
    assert [refusal(attempt).status for attempt in attempts] == [403, 403, 403, 403]
    assert timedelta(minutes=14) < keys.expire_time - datetime.now(UTC) < timedelta(minutes=16)


def test_wrong_keys_are_refused(place: Place) -> None:
    stranger = place.store.with_credentials(Credentials("AKIANOBODY", "none"))
    met = refusal(lambda: stranger.wire.get(place.bucket, "", {"list-type": "2"}))
    assert met.status == 403


def test_wrong_keys_get_no_session_and_the_answer_has_them_read_again(place: Place) -> None:
    """They may have been rotated."""
    stranger = place.store.with_credentials(Credentials("AKIANOBODY", "none"))
    with pytest.raises(Forbidden) as met:
        assume_for_prefix(stranger, place.role, place.bucket, "own/", "conformance", 900)
    assert met.value.reason in KEYS_REFUSED
