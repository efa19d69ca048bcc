"""Check-points in the bucket of artifacts: written by a task, read by the next attempt at it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime

import structlog

from glovebox.data.compare import ListedVersion
from glovebox.errors import GloveboxError
from glovebox.store.connection import Stop, Store
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.unreadable import is_lost
from glovebox.tasks.marks import marked, unmarked
from glovebox.tasks.short_lived import PREFIX, delete_below, put_short_lived, utc_now

log = structlog.get_logger(__name__)


def checkpoint_prefix(uid: str, name: str, basis: str) -> str:
    """Return where the check-points of a task lie: another basis has another place."""
    return f"{PREFIX}{uid}/{name}/{hashlib.sha256(basis.encode()).hexdigest()[:32]}/"


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
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = prefix
        self._place = f"{bucket}/{prefix}"
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
            stored = self._read(version)
            segment = unmarked(self._store, self._place, stored) if stored is not None else None
            if segment is None:
                # Of somebody else, or from before the store's key was changed: read again. What an
                # attempt that ends has just deleted, or a rule of the bucket archived, as well.
                log.warning("a check-point is not the operator's own", key=version.key)
                continue
            yield segment

    def _read(self, version: ListedVersion) -> bytes | None:
        """Return what was stored; None where that is not to be had any more."""
        where = (self._store, self._bucket, version.key, version.version_id, self._stop)
        try:
            return b"".join(object_chunks(*where))
        except GloveboxError as error:
            if is_lost(error):
                return None
            raise

    def save(self, segment: bytes) -> str:
        """See `Checkpoint`."""
        # The digest in the name: two attempts that overlap for a moment never write one object.
        digest = hashlib.sha256(segment).hexdigest()[:16]
        key = f"{self._prefix}{self._count:06d}-{digest}"
        body = marked(self._store, self._place, segment)
        put_short_lived(self._store, self._bucket, key, body, locked=self._locked, now=self._now)
        self._count += 1
        self._saved = True
        return f"s3://{self._bucket}/{key}"

    def clear(self) -> None:
        """See `Checkpoint`."""
        if self._saved:
            delete_below(self._store, self._bucket, self._prefix, self._stop)
