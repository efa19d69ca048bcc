"""One object version on its way to its file: read by version, hashed while written, resumed.

The bytes are never read back to be hashed, with two exceptions: what an earlier attempt of the pod
left, complete or in part, is hashed before it counts. Bytes that turn out wrong are asked for once
more from the first one on; wrong again, they are a fact.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput, Unavailable
from glovebox.store.errors import translated
from glovebox.store.reading import require_version

if TYPE_CHECKING:
    import urllib3

    from glovebox.data.manifest import Entry
    from glovebox.jobs.origin import Origin
    from glovebox.jobs.patience import Patience
    from glovebox.jobs.volume import Volume
    from glovebox.store.connection import Stop, Store

# Small enough to be hashed and written while it is in the processor's cache.
CHUNK: Final = 1 << 18
_PARTIAL_CONTENT: Final = 206


@dataclass(frozen=True, slots=True)
class Moved:
    """What it took to have one file in place.

    Attributes:
        kept: It was there already.
        transferred: Bytes that came from the store.
    """

    kept: bool
    transferred: int


@dataclass(frozen=True, slots=True)
class Route:
    """From where, to where, and how long to try.

    Attributes:
        name: The input.
        origin: The store.
        volume: Where files go.
        patience: When to give up.
        stop: Looked at between two pieces.
    """

    name: str
    origin: Origin
    volume: Volume
    patience: Patience
    stop: Stop


def move(route: Route, entry: Entry) -> Moved:
    """Bring one file to its place. Blocks.

    Raises:
        InvalidInput: The bytes, the size or the version are not those that are pinned.
        Unavailable: They could not be had for too long.
        OSError: The volume cannot be written.
    """
    target = route.volume.file(route.name, entry.path)
    if _is_there(target, entry, route.stop):
        return Moved(kept=True, transferred=0)
    partial = route.volume.partial(entry)
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        landing = _Landing(descriptor, entry, route)
        landing.fill()
        route.volume.place(descriptor, partial, target)
    finally:
        os.close(descriptor)
    route.patience.progressed()
    return Moved(kept=False, transferred=landing.transferred)


class _Landing:
    """A partial file, the hash of what it holds, and the requests that fill it."""

    def __init__(self, descriptor: int, entry: Entry, route: Route) -> None:
        self._descriptor = descriptor
        self._entry = entry
        self._route = route
        self._digest = hashlib.sha256()
        self._size = 0
        self.transferred = 0

    def fill(self) -> None:
        """Have all bytes, or raise."""
        resumed = self._take_up()
        try:
            self._fetch()
            self._require_bytes()
        except InvalidInput as error:
            if not resumed and error.reason != reasons.DIGEST_MISMATCH:
                raise
            # What an earlier attempt left may be torn, and a byte may have been turned over on the
            # way.
            self._begin_anew()
            self._fetch()
            self._require_bytes()

    def _take_up(self) -> bool:
        """Hash what an earlier attempt left; return whether it left anything."""
        left = os.fstat(self._descriptor).st_size
        if left > self._entry.size:
            self._begin_anew()
        elif left:
            self._digest, self._size = _hashed(self._descriptor, self._route.stop)
        return self._size > 0

    def _begin_anew(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest, self._size = hashlib.sha256(), 0

    def _fetch(self) -> None:
        # An empty object is asked for as well: its version must be there.
        if self._size == self._entry.size > 0:
            return
        self._route.patience.attempt(lambda: self._route.origin.ask(self._read))

    def _read(self, store: Store) -> None:
        entry = self._entry
        with translated(f"read s3://{entry.bucket}/{entry.key} version {entry.version_id}"):
            headers = {"Range": f"bytes={self._size}-"} if self._size else None
            response = store.wire.get(
                entry.bucket, entry.key, {"versionId": entry.version_id}, headers
            )
            try:
                self._accept(response)
                self._take(response)
            except BaseException:
                response.close()
                raise
            response.release_conn()

    def _accept(self, response: urllib3.BaseHTTPResponse) -> None:
        """Compare what the store announces with what is pinned, before a byte is read."""
        entry = self._entry
        require_version(
            response.headers.get("x-amz-version-id"), entry.bucket, entry.key, entry.version_id
        )
        if self._size and not self._continues(response):
            self._begin_anew()
        announced = response.headers.get("Content-Length")
        if announced is not None and int(announced) != entry.size - self._size:
            raise self._wrong_size(f"announces {int(announced) + self._size}")

    def _continues(self, response: urllib3.BaseHTTPResponse) -> bool:
        return response.status == _PARTIAL_CONTENT and response.headers.get(
            "Content-Range", ""
        ).startswith(f"bytes {self._size}-")

    def _take(self, response: urllib3.BaseHTTPResponse) -> None:
        for chunk in response.stream(CHUNK, decode_content=False):
            if self._size + len(chunk) > self._entry.size:
                raise self._wrong_size("sends more")
            _write(self._descriptor, chunk)
            self._digest.update(chunk)
            self._size += len(chunk)
            self.transferred += len(chunk)
            self._route.patience.progressed()
            self._route.stop.check()
        if self._size < self._entry.size:
            raise Unavailable(
                reasons.STORE_FAILED,
                f"could not read s3://{self._entry.bucket}/{self._entry.key}: {self._size} of"
                f" {self._entry.size} bytes arrived",
            )

    def _require_bytes(self) -> None:
        found = self._digest.hexdigest()
        if found != self._entry.sha256:
            raise InvalidInput(
                reasons.DIGEST_MISMATCH,
                f"s3://{self._entry.bucket}/{self._entry.key} version {self._entry.version_id} has"
                f" the digest sha256:{found}, but sha256:{self._entry.sha256} is pinned; the data"
                " changed after it was pinned. Pin the data again, or restore the pinned version",
            )

    def _wrong_size(self, what: str) -> GloveboxError:
        entry = self._entry
        return InvalidInput(
            reasons.SIZE_MISMATCH,
            f"s3://{entry.bucket}/{entry.key} version {entry.version_id} {what} bytes, but"
            f" {entry.size} are pinned",
        )


def _is_there(target: str, entry: Entry, stop: Stop) -> bool:
    """Whether the file is complete already; one with other bytes is removed."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        if (
            os.fstat(descriptor).st_size == entry.size
            and _hashed(descriptor, stop)[0].hexdigest() == entry.sha256
        ):
            os.fchmod(descriptor, 0o444)
            return True
    finally:
        os.close(descriptor)
    os.unlink(target)  # noqa: PTH108 - a string, see `Volume.file`
    return False


def _hashed(descriptor: int, stop: Stop) -> tuple[hashlib._Hash, int]:
    """Return the hash and the number of bytes from here to the end of a file."""
    digest, size = hashlib.sha256(), 0
    while chunk := os.read(descriptor, CHUNK):
        digest.update(chunk)
        size += len(chunk)
        stop.check()
    return digest, size


def _write(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
