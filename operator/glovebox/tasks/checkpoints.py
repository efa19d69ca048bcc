"""Check-points in the bucket of artifacts: written by a task, read by the next attempt at it.

They lie under the operator's own prefix, which no run's credentials and no pin cover. Where the
bucket has a lock, each segment gets the shortest one, so that it can be deleted when the task is
done; one that cannot be deleted then only takes room.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from glovebox.errors import GloveboxError
from glovebox.store.connection import Stop, Store
from glovebox.store.errors import translated
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks

PREFIX: Final = ".glovebox/tasks/"
# Long enough that clocks which differ a little do not make it end in the past.
LOCK_SECONDS: Final = 300


def checkpoint_prefix(uid: str, name: str, basis: str) -> str:
    """Return where the check-points of a task lie: another basis has another place."""
    return f"{PREFIX}{uid}/{name}/{hashlib.sha256(basis.encode()).hexdigest()[:32]}/"


def _now() -> datetime:
    return datetime.now(UTC)


class StoredCheckpoint:
    """A `Checkpoint` below a prefix of a bucket.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        prefix: See `checkpoint_prefix`.
        locked: Whether the bucket has an object lock.
        stop: Looked at between requests.
        now: The time of day, for locks.
    """

    def __init__(
        self,
        store: Store,
        bucket: str,
        prefix: str,
        *,
        locked: bool,
        stop: Stop,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = prefix
        self._locked = locked
        self._stop = stop
        self._now = now
        self._count = 0
        self._saved = False

    def load(self) -> Iterator[bytes]:
        """See `Checkpoint`."""
        for version in list_versions(self._store.wire, self._bucket, self._prefix, self._stop):
            if version.is_delete_marker or not version.is_latest:
                continue
            self._count += 1
            self._saved = True
            yield b"".join(
                object_chunks(
                    self._store, self._bucket, version.key, version.version_id, self._stop
                )
            )

    def save(self, segment: bytes) -> str:
        """See `Checkpoint`."""
        digest = hashlib.sha256(segment)
        # The digest in the name: two attempts that overlap for a moment never write one object.
        key = f"{self._prefix}{self._count:06d}-{digest.hexdigest()[:16]}"
        lock: dict[str, Any] = {}
        if self._locked:
            until = self._now() + timedelta(seconds=LOCK_SECONDS)
            lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
        with translated(f"keep the check-point s3://{self._bucket}/{key}"):
            self._store.s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=segment,
                ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                **lock,
            )
        self._count += 1
        self._saved = True
        return f"s3://{self._bucket}/{key}"

    def clear(self) -> None:
        """See `Checkpoint`."""
        if not self._saved:
            return
        with contextlib.suppress(GloveboxError):
            for version in list_versions(self._store.wire, self._bucket, self._prefix, self._stop):
                self._delete(version.key, version.version_id)

    def _delete(self, key: str, version_id: str) -> None:
        with (
            contextlib.suppress(GloveboxError),
            translated(f"delete the check-point s3://{self._bucket}/{key}"),
        ):
            self._store.s3.delete_object(Bucket=self._bucket, Key=key, VersionId=version_id)
