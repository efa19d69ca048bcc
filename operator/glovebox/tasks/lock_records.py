"""What was seen of the locks of pinned versions, so that the next proof can compare with it.

    .glovebox/tasks/<uid>/locks/<record>/<n>     lines of path, mode and end, compressed

A record has one segment for each call of a proof, in the order of the paths. It is the operator's
own notebook, no evidence: who can delete it makes one proof compare with nothing.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from typing import Final

import orjson
import structlog

from glovebox.data.manifest import decompressed, split_lines
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.connection import Stop, Store
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.unreadable import is_lost
from glovebox.store.version_lock import Lock
from glovebox.tasks.short_lived import PREFIX, delete_below, put_short_lived

log = structlog.get_logger(__name__)
_GZIP: Final = 16 + zlib.MAX_WBITS
_SPOOL_BYTES: Final = 8 << 20


class StoredLocks:
    """The record to compare with, and the one that is being written. For one thread; it blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        uid: Of the DatasetPin.
        before: Which record to compare with; empty for none.
        current: Which record to write.
        done: How many objects the calls before have looked at: the place of this segment.
        stop: Looked at between requests.
        locked: Whether the bucket has an object lock.
    """

    def __init__(
        self,
        store: Store,
        bucket: str,
        uid: str,
        *,
        before: str,
        current: str,
        done: int,
        stop: Stop,
        locked: bool,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._folder = f"{PREFIX}{uid}/locks/"
        self._before = before
        self._current = current
        self._done = done
        self._stop = stop
        self._locked = locked
        self._lines = self._read() if before else iter(())
        self._next: tuple[str, Lock] | None = None
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        self._file = tempfile.SpooledTemporaryFile(_SPOOL_BYTES, prefix="glovebox-locks-")  # noqa: SIM115 - closed by `close`
        self._written = 0

    def of(self, path: str) -> Lock | None:
        """Return what was recorded of an object; they are asked for in the order of their paths."""
        wanted = path.encode()
        while self._next is None or self._next[0].encode() < wanted:
            self._next = next(self._lines, None)
            if self._next is None:
                return None
        return self._next[1] if self._next[0] == path else None

    def add(self, path: str, lock: Lock) -> None:
        """Record what the next proof compares with."""
        line = orjson.dumps([path, lock.mode, lock.until]) + b"\n"
        self._file.write(self._gzip.compress(line))
        self._written += 1

    def finish(self) -> None:
        """Write the segment; delete records that nobody compares with any more.

        Raises:
            GloveboxError: It could not be written.
        """
        self._file.write(self._gzip.flush())
        self._file.seek(0)
        body = self._file.read()
        self.close()
        if self._written:
            key = f"{self._folder}{self._current}/{self._done:012d}"
            put_short_lived(self._store, self._bucket, key, body, locked=self._locked)
        if not self._done:
            kept = tuple(f"{self._folder}{each}/" for each in (self._before, self._current) if each)
            delete_below(
                self._store,
                self._bucket,
                self._folder,
                self._stop,
                kept=lambda key: key.startswith(kept),
            )

    def close(self) -> None:
        """Give up what is not written; calling it again does nothing."""
        self._file.close()

    def _read(self) -> Iterator[tuple[str, Lock]]:
        prefix = f"{self._folder}{self._before}/"
        for version in list_versions(self._store.wire, self._bucket, prefix, self._stop):
            if version.is_delete_marker or not version.is_latest:
                continue
            chunks = object_chunks(
                self._store, self._bucket, version.key, version.version_id, self._stop
            )
            try:
                for line in split_lines(decompressed(chunks)):
                    path, mode, until = orjson.loads(line)
                    yield path, Lock(mode, until)
            except (InvalidInput, ValueError) as error:
                _unread(version.key, error)
            except GloveboxError as error:
                if not is_lost(error):
                    raise
                _unread(version.key, error)


def _unread(key: str, error: Exception) -> None:
    """Say that what a record would have told is not compared; this proof records it again."""
    log.warning("a record of locks cannot be read", key=key, error=str(error))
