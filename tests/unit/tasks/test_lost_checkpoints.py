"""A check-point only saves work: one that is not to be had any more costs that, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from glovebox.errors import GloveboxError
from glovebox.store.connection import Credentials, Stop, Store, StoreSettings
from glovebox.store.version_lock import Lock
from glovebox.tasks.area import TaskArea
from glovebox.tasks.checkpoints import StoredCheckpoint
from glovebox.tasks.lock_records import StoredLocks
from glovebox.tasks.short_lived import PREFIX
from simulation.loop import START
from simulation.object_store import Identity, ObjectStoreServer, S3Error
from simulation.object_store_faces import SimStores

WHO: Final = "AKIAOPERATOR"
BUCKET: Final = "artifacts"
SSE_C: Final = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be"
    " provided to retrieve the object."
)
LOST: Final = {
    "archived": S3Error(403, "InvalidObjectState"),
    "encrypted by somebody": S3Error(400, "InvalidRequest", SSE_C),
    "deleted meanwhile": S3Error(404, "NoSuchVersion"),
}
LATER: Final = {
    "denied": S3Error(403, "AccessDenied"),
    "busy": S3Error(503, "SlowDown"),
}


def made() -> tuple[ObjectStoreServer, Store]:
    server = ObjectStoreServer(lambda: START, "role")
    server.users.add(WHO)
    server.create_bucket(Identity(WHO), BUCKET, can_lock=True)
    settings = StoreSettings("http://192.0.2.1", "r", True, Credentials(WHO, "secret"))  # noqa: FBT003 - its order
    return server, SimStores(server).open(settings)


def checkpoint(store: Store) -> StoredCheckpoint:
    return StoredCheckpoint(store, BUCKET, f"{PREFIX}uid/hash/", locked=False, stop=Stop())


def reads_fail(server: ObjectStoreServer, error: S3Error, of: Callable[[str], bool]) -> None:
    def fault(action: str, bucket: str, key: str) -> None:
        del bucket
        if action.startswith("s3:GetObject") and of(key):
            raise error

    server.fault = fault


@pytest.mark.parametrize("why", LOST)
def test_what_is_lost_of_the_check_points_is_left_out(why: str) -> None:
    server, store = made()
    before = checkpoint(store)
    first = before.save(b"one")
    before.save(b"two")
    reads_fail(server, LOST[why], first.endswith)
    assert list(checkpoint(store).load()) == [b"two"]


@pytest.mark.parametrize("why", LATER)
def test_what_may_be_read_later_is_waited_for(why: str) -> None:
    server, store = made()
    checkpoint(store).save(b"one")
    reads_fail(server, LATER[why], lambda _: True)
    with pytest.raises(GloveboxError):
        list(checkpoint(store).load())


def locks(store: Store, *, before: str, current: str) -> StoredLocks:
    return StoredLocks(
        store,
        BUCKET,
        "uid",
        before=before,
        current=current,
        done=0,
        stop=Stop(),
        locked=False,
    )


@pytest.mark.parametrize("why", LOST)
def test_a_record_of_locks_that_is_lost_is_compared_with_nothing(why: str) -> None:
    server, store = made()
    written = locks(store, before="", current="one")
    written.add("a", Lock("GOVERNANCE", "2026-01-01T00:00:00Z"))
    written.finish()
    there = locks(store, before="one", current="two")
    assert there.of("a") is not None
    there.close()
    reads_fail(server, LOST[why], lambda _: True)
    left = locks(store, before="one", current="two")
    assert left.of("a") is None
    left.close()


@pytest.mark.parametrize("why", LOST)
def test_a_result_that_is_lost_is_none(why: str) -> None:
    """So the Job is taken away and tried again, and does not stand in its own way for ever."""
    server, store = made()
    area = TaskArea(store, BUCKET, "uid", "hash", locked=False)
    area.put_result("job", b"{}")
    assert area.result("job") == b"{}"
    reads_fail(server, LOST[why], lambda _: True)
    assert area.result("job") is None
