"""Who is on record as a user of a manifest, and when nobody is any more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from glovebox.controllers.manifest_holds import users_gone
from glovebox.store.connection import Stop, Store
from glovebox.store.manifest_holds import (
    Users,
    add_user,
    note_gone,
    read_users,
    release,
    unused_since,
)
from glovebox.store.manifests import manifest_key
from glovebox.store.pin_documents import folder_of
from simulation.object_store import ObjectStoreServer, S3Error
from support.ledger_stores import stand_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def place() -> tuple[ObjectStoreServer, Store, str]:
    return stand_in(lambda: NOW)


@pytest.mark.parametrize(
    ("here", "gone", "unused"),
    [
        ({"a", "b"}, {"a", "b"}, True),
        ({"a", "b"}, {"a"}, False),
        (set(), {"a"}, False),
        (set(), set(), False),
    ],
    ids=["all gone", "one left", "one is gone that never came", "nobody was there"],
)
def test_a_manifest_is_unused_when_all_who_used_it_are_gone(
    here: set[str], gone: set[str], *, unused: bool
) -> None:
    assert Users(here, gone).is_unused is unused


def test_nobody_calls_the_pins_of_another_cluster_gone() -> None:
    users = {DIGEST: Users({"one.p1", "one.p2", "other.p3"}, set())}
    assert users_gone(users, "one", {"p2"}) == [(DIGEST, "one.p1")]
    assert users_gone(users, "on", set()) == []


def test_the_window_begins_when_the_last_user_went(
    place: tuple[ObjectStoreServer, Store, str],
) -> None:
    _, store, bucket = place
    for user, time in (("c.1", "2026-11-01T00:00:00Z"), ("c.2", "2026-11-20T00:00:00Z")):
        add_user(store, bucket, DIGEST, user, user)
        note_gone(store, bucket, DIGEST, user, time)
        note_gone(store, bucket, DIGEST, user, "2026-01-01T00:00:00Z")
    (users,) = read_users(store, bucket, Stop()).values()
    assert users.is_unused
    assert unused_since(store, bucket, DIGEST, users, Stop()) == "2026-11-20T00:00:00Z"


def test_a_record_that_cannot_be_read_keeps_the_hold(
    place: tuple[ObjectStoreServer, Store, str],
) -> None:
    _, store, bucket = place
    add_user(store, bucket, DIGEST, "c.1", "one")
    add_user(store, bucket, DIGEST, "c.2", "other")
    note_gone(store, bucket, DIGEST, "c.1", "2026-11-01T00:00:00Z")
    key = f".glovebox/holds/{DIGEST.removeprefix('sha256:')}/c.2.gone.json"
    store.s3.put_object(Bucket=bucket, Key=key, Body=b"{")
    (users,) = read_users(store, bucket, Stop()).values()
    assert users.is_unused
    assert unused_since(store, bucket, DIGEST, users, Stop()) == ""


def test_a_release_that_was_cut_off_lets_go_of_all_when_it_is_begun_again(
    place: tuple[ObjectStoreServer, Store, str],
) -> None:
    server, store, bucket = place
    manifest, beside = manifest_key(DIGEST), f"{folder_of(DIGEST)}document.json"
    for key in (manifest, beside):
        store.s3.put_object(Bucket=bucket, Key=key, Body=b"x", ObjectLockLegalHoldStatus="ON")
    asked: list[str] = []

    def second_fails(action: str, bucket: str, key: str) -> None:
        del bucket
        if action == "s3:PutObjectLegalHold":
            asked.append(key)
            if len(asked) == 2:
                raise S3Error(503, "SlowDown")

    server.fault = second_fails
    with pytest.raises(Exception, match="slow down"):
        release(store, bucket, DIGEST, Stop())
    assert asked == [beside, manifest], "the manifest last: its hold says that work is left"
    assert release(store, bucket, DIGEST, Stop())
    assert not release(store, bucket, DIGEST, Stop())
    held = [each.hold for key in (manifest, beside) for each in server.buckets[bucket].keys[key]]
    assert held == [False, False]
