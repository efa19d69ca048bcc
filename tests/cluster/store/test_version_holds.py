"""Holds on pinned versions of a real store: nobody deletes one, until they are let go."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from glovebox.errors import Forbidden
from glovebox.store.connection import Stop
from glovebox.store.errors import translated
from glovebox.store.hold_sessions import holding
from glovebox.store.holding import Wanted, hold_versions
from glovebox.store.letting_go import let_go
from glovebox.store.pins import ManifestLock, PrefixSource, build_pin
from glovebox.store.source_access import Location, SourceAccess
from support.own_store import ROLE

if TYPE_CHECKING:
    from glovebox.store.connection import Store

TIME = "2026-11-28T12:00:00Z"


async def test_a_held_version_cannot_be_deleted_and_can_be_again_after_it_was_let_go(
    store: Store, locked_bucket: str
) -> None:
    # A bucket with object lock that locks nothing by itself.
    data = f"held-{secrets.token_hex(4)}"
    store.s3.create_bucket(Bucket=data, ObjectLockEnabledForBucket=True)
    for key in ("set/a", "set/b"):
        store.s3.put_object(Bucket=data, Key=key, Body=b"rows")
    source = PrefixSource(data, "set/")
    built = await build_pin(store, source, artifacts_bucket=locked_bucket, lock=ManifestLock())
    places = (Location(data, "set/"),)
    leave = SourceAccess("team-a", "primary", places, locked_bucket, role_arn=ROLE)
    wanted = Wanted("c.uid", "DatasetPin a/set", built.manifest, places, leave, TIME)
    narrow = holding(store, places, ROLE, "team-a")
    held = hold_versions(store, narrow, wanted, lambda: TIME, lambda _: None, Stop())
    assert (held.objects, held.others) == (2, 0)

    version = store.s3.head_object(Bucket=data, Key="set/a")["VersionId"]

    def delete() -> None:
        with translated("delete a version"):
            store.s3.delete_object(
                Bucket=data,
                Key="set/a",
                VersionId=version,
                BypassGovernanceRetention=True,
            )

    with pytest.raises(Forbidden):
        delete()
    assert let_go(
        store,
        locked_bucket,
        built.manifest.digest,
        is_unused=lambda: True,
        narrow=lambda record: holding(store, record.locations, ROLE, "team-a"),
        time=TIME,
        most=1,
        stop=Stop(),
    )
    delete()
    left = store.s3.list_object_versions(Bucket=data, Prefix="set/a")
    assert not left.get("Versions")
