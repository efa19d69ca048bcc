"""Hashing objects by version, many at once, with results in the order in which they were asked for.

A read always names a version. The bytes are hashed as they are stored, in pieces, and never kept;
what the store says of them (length, version id, its own checksum) is compared with what arrives.
"""

from __future__ import annotations

import base64
import binascii
import collections
import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import urllib3

from glovebox.api import reasons
from glovebox.data.manifest import DigestSource
from glovebox.errors import InvalidInput, Unavailable
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from glovebox.store.connection import Stop, Store
    from glovebox.store.wire import Wire

A = TypeVar("A")
B = TypeVar("B")

CHUNK: Final = 1 << 20
# How many results may wait for the first: bounds memory, and one slow object delays at most as
# many.
WINDOW: Final = 64
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Hashed:
    """The digest of one object version, its size, and where the digest comes from."""

    sha256: str
    size: int
    source: DigestSource


def digest_version(
    wire: Wire,
    bucket: str,
    key: str,
    version_id: str,
    *,
    minimum: DigestSource,
    stop: Stop,
    hashing: AbstractContextManager[object],
    on_bytes: Callable[[int], None] = lambda size: None,  # noqa: ARG005 - nobody listens
) -> Hashed:
    """Return the SHA-256 of one version. Blocks.

    It is of the bytes, or the store's own when `minimum` is content with it.

    Args:
        wire: Of the store.
        bucket: Of the object.
        key: Of the object.
        version_id: Of the object.
        minimum: The weakest source that is good enough.
        stop: Looked at between pieces.
        hashing: Held while a piece is hashed: see `Store.hashing`.
        on_bytes: Called with the size of each piece that was read.

    Raises:
        GloveboxError: There is no such version, it cannot be read, or fewer bytes arrive than the
            store announced.
    """
    with translated(f"read s3://{bucket}/{key} version {version_id}"):
        if minimum.strength <= DigestSource.S3_FULL.strength:
            stored = _stored_checksum(wire, bucket, key, version_id)
            if stored is not None:
                return stored
        return _computed(wire, bucket, key, version_id, stop, hashing, on_bytes)


def in_order(
    store: Store, work: Callable[[A], B], items: Iterable[A], stop: Stop, window: int = WINDOW
) -> Iterator[tuple[A, B]]:
    """Yield each item with its result, in order, with at most `window` of them under way.

    The first error ends the iteration; what is under way is told to stop.
    """
    running: collections.deque[tuple[A, Future[B]]] = collections.deque()
    try:
        for item in items:
            stop.check()
            running.append((item, store.submit_read(functools.partial(work, item))))
            if len(running) >= window:
                done, future = running.popleft()
                yield done, future.result()
        while running:
            done, future = running.popleft()
            yield done, future.result()
    except BaseException:
        stop.set()
        raise


def _stored_checksum(wire: Wire, bucket: str, key: str, version_id: str) -> Hashed | None:
    """Return the store's SHA-256 when it covers the whole object.

    A composite one is no digest of the bytes: `...-3` is no base64.
    """
    headers = wire.head(bucket, key, {"versionId": version_id}, {"x-amz-checksum-mode": "ENABLED"})
    value, kind = headers.get("x-amz-checksum-sha256"), headers.get("x-amz-checksum-type")
    if not value or kind not in (None, "FULL_OBJECT"):
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error:
        return None
    if len(raw) != hashlib.sha256().digest_size:
        return None
    return Hashed(raw.hex(), int(headers.get("Content-Length") or 0), DigestSource.S3_FULL)


def _computed(
    wire: Wire,
    bucket: str,
    key: str,
    version_id: str,
    stop: Stop,
    hashing: AbstractContextManager[object],
    on_bytes: Callable[[int], None],
) -> Hashed:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _read_once(wire, bucket, key, version_id, stop, hashing, on_bytes)
        except (urllib3.exceptions.ProtocolError, urllib3.exceptions.ReadTimeoutError):
            # The connection broke in the middle of the bytes: they are hashed from the start again.
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError


def _read_once(
    wire: Wire,
    bucket: str,
    key: str,
    version_id: str,
    stop: Stop,
    hashing: AbstractContextManager[object],
    on_bytes: Callable[[int], None],
) -> Hashed:
    stop.check()
    response = wire.get(bucket, key, {"versionId": version_id})
    digest, size = hashlib.sha256(), 0
    try:
        require_version(response.headers.get("x-amz-version-id"), bucket, key, version_id)
        for chunk in response.stream(CHUNK, decode_content=False):
            with hashing:
                digest.update(chunk)
            size += len(chunk)
            on_bytes(len(chunk))
            if stop.is_set():
                stop.check()
    except BaseException:
        response.close()
        raise
    response.release_conn()
    announced = response.headers.get("Content-Length")
    if announced is not None and int(announced) != size:
        raise Unavailable(
            reasons.STORE_FAILED,
            f"could not read s3://{bucket}/{key} version {version_id}: {size} of {announced} bytes"
            " arrived",
        )
    return Hashed(digest.hexdigest(), size, DigestSource.COMPUTED)


def require_version(answered: str | None, bucket: str, key: str, version_id: str) -> None:
    """Refuse an answer that says that it is another version than the one asked for.

    Raises:
        InvalidInput: `VersionIgnored`.
    """
    if answered is not None and answered != version_id:
        raise InvalidInput(
            "VersionIgnored",
            f"asked for version {version_id} of s3://{bucket}/{key}, the store sent {answered}: it"
            " does not read by version, so nothing in it can be pinned",
        )
