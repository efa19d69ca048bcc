"""How a version is locked, from whatever a store says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from glovebox.errors import Forbidden, GloveboxError, Unavailable
from glovebox.store.version_lock import (
    Lock,
    LockHiddenError,
    VersionLocks,
    lock_in,
    read_version_lock,
)

EARLY, LATE = "2026-11-28T12:00:00Z", "2027-11-28T12:00:00Z"
UNTIL = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("own", "other", "then"),
    [
        (Lock("Governance", EARLY), ("Governance", LATE), Lock("Governance", LATE)),
        (Lock("Governance", LATE), ("Compliance", EARLY), Lock("Compliance", LATE)),
        (Lock("Compliance", EARLY), ("Governance", LATE), Lock("Compliance", LATE)),
        (Lock(), ("Governance", EARLY), Lock("Governance", EARLY)),
        (Lock("Governance", EARLY), ("", LATE), Lock("Governance", EARLY)),
        (Lock("Governance", EARLY), ("Compliance", ""), Lock("Governance", EARLY)),
        (
            Lock("Governance", EARLY),
            ("Governance", "2026-11-28T13:00:00+01:00"),
            Lock("Governance", EARLY),
        ),
    ],
    ids=["later", "stronger", "weaker", "first", "no mode", "no end", "the same end"],
)
def test_of_two_locks_the_later_end_and_the_stronger_mode_count(
    own: Lock, other: tuple[str, str], then: Lock
) -> None:
    assert own.longest(*other) == then


def headers(mode: str, until: str) -> dict[str, str]:
    named = {"x-amz-object-lock-mode": mode, "x-amz-object-lock-retain-until-date": until}
    return {name: value for name, value in named.items() if value}


@pytest.mark.parametrize(
    ("mode", "until", "shown"),
    [
        ("COMPLIANCE", EARLY, Lock("Compliance", EARLY)),
        ("", EARLY, Lock()),
        ("COMPLIANCE", "", Lock()),
        ("COMPLIANCE", "for ever", Lock()),
        ("COMPLIANCE", "2026-11-28T12:00:00", Lock()),
    ],
    ids=["locked", "no mode", "no end", "no moment", "no zone"],
)
def test_what_headers_say_counts_where_it_is_a_lock_with_an_end(
    mode: str, until: str, shown: Lock
) -> None:
    assert lock_in(headers(mode, until)) == shown


def store_of(answer: Any, configuration: Any = None) -> Mock:
    """Return a store that answers so of a version's retention, and of its bucket's object lock."""
    store = Mock()
    for name, said in (
        ("get_object_retention", answer),
        ("get_object_lock_configuration", configuration),
    ):
        is_error = isinstance(said, Exception)
        getattr(store.s3, name).side_effect = said if is_error else lambda *_, _it=said, **__: _it
    return store


def refused(status: int, code: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "GetObjectRetention")


def retention(mode: str | None, until: datetime | None) -> dict[str, Any]:
    return {"Retention": {"Mode": mode, "RetainUntilDate": until}}


@pytest.mark.parametrize(
    ("answer", "lock"),
    [
        (retention("COMPLIANCE", UNTIL), Lock("Compliance", EARLY)),
        (
            retention("GOVERNANCE", UNTIL.replace(microsecond=7000)),
            Lock("Governance", "2026-11-28T12:00:00.007Z"),
        ),
        ({}, Lock()),
        (retention(None, UNTIL), Lock()),
        (retention("COMPLIANCE", None), Lock()),
        (retention("COMPLIANCE", UNTIL.replace(tzinfo=None)), Lock()),
        (refused(404, "NoSuchObjectLockConfiguration"), Lock()),
        (refused(400, "InvalidRequest"), Lock()),
        (refused(501, "NotImplemented"), Lock()),
    ],
    ids=[
        "locked",
        "to the millisecond",
        "nothing",
        "no mode",
        "no end",
        "no zone",
        "no lock of its own",
        "no lock in the bucket",
        "a store without locks",
    ],
)
def test_a_version_that_shows_no_lock_is_asked_for_it(answer: Any, lock: Lock) -> None:
    store = store_of(answer)
    assert read_version_lock(store, "data", "a", "v1", {}) == lock
    store.s3.get_object_retention.assert_called_once_with(Bucket="data", Key="a", VersionId="v1")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(403, "AccessDenied"), LockHiddenError),
        (refused(503, "SlowDown"), Unavailable),
        (refused(404, "NoSuchVersion"), GloveboxError),
        (EndpointConnectionError(endpoint_url="http://store.invalid"), Unavailable),
    ],
    ids=["denied", "busy", "no such version", "away"],
)
def test_where_a_store_does_not_say_it_no_lock_is_made_up(
    answer: Any, error: type[GloveboxError]
) -> None:
    with pytest.raises(error) as raised:
        read_version_lock(store_of(answer), "data", "a", "v1", {})
    assert isinstance(raised.value, LockHiddenError) == (error is LockHiddenError)


@pytest.mark.parametrize(
    ("version", "shown"),
    [("v1", headers("COMPLIANCE", EARLY)), ("null", {})],
    ids=["it shows its lock", "it has no version"],
)
def test_what_needs_no_asking_is_not_asked_for(version: str, shown: dict[str, str]) -> None:
    store = store_of(retention("COMPLIANCE", UNTIL))
    found = read_version_lock(store, "data", "a", version, shown)
    assert found == lock_in(shown)
    store.s3.get_object_retention.assert_not_called()


ENABLED = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}


@pytest.mark.parametrize(
    ("configuration", "asked"),
    [
        (ENABLED, 2),
        (refused(404, "ObjectLockConfigurationNotFoundError"), 0),
        (Forbidden("Forbidden", "no"), 2),
    ],
    ids=["it locks", "it locks nothing", "not known"],
)
def test_versions_are_asked_for_where_the_bucket_may_lock_which_is_asked_once(
    configuration: Any, asked: int
) -> None:
    store = store_of(retention("COMPLIANCE", UNTIL), configuration)
    locks = VersionLocks(store, "data")
    for version in ("v1", "v2"):
        assert locks.read("a", version, {}) == (Lock("Compliance", EARLY) if asked else Lock())
    assert store.s3.get_object_retention.call_count == asked
    # What shows its lock is believed, whatever its bucket is.
    shown = VersionLocks(store, "data").read("a", "v3", headers("COMPLIANCE", LATE))
    assert shown == Lock("Compliance", LATE)
    assert store.s3.get_object_retention.call_count == asked
    store.s3.get_object_lock_configuration.assert_called_once()
