"""Writes one object of the evidence, with a checksum that every store takes."""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import IO, TYPE_CHECKING, Any

from glovebox.api import reasons
from glovebox.errors import GloveboxError
from glovebox.store.errors import translated
from glovebox.store.listing import list_key
from glovebox.store.reading import CHUNK

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store


def put(
    store: Store,
    bucket: str,
    key: str,
    body: bytes | IO[bytes],
    *,
    only_new: bool,
    held: bool = False,
) -> bool:
    """Write an object; return whether it was written. Blocks.

    Args:
        store: Where.
        bucket: Its bucket.
        key: Its key.
        body: Its bytes; a file is read from its start, and is there again when nothing was written.
        only_new: Write nothing over what has the key.
        held: Put a legal hold on it.

    Raises:
        GloveboxError: The store does not answer or denies it.
    """
    of = measured(body)
    return put_version(store, bucket, key, body, of, only_new=only_new, held=held) is not None


def put_version(
    store: Store,
    bucket: str,
    key: str,
    body: bytes | IO[bytes],
    of: tuple[bytes, int],
    *,
    only_new: bool,
    held: bool = False,
) -> str | None:
    """Write an object as `put` does; return its version, None where nothing was written. Blocks.

    The version is empty where the store gives none. `of` is SHA-256 and size, as `measured` says.
    """
    digest, size = of
    options: dict[str, Any] = {"IfNoneMatch": "*"} if only_new else {}
    if held:
        options["ObjectLockLegalHoldStatus"] = "ON"
    try:
        with translated(f"write s3://{bucket}/{key}"):
            answer = store.s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentLength=size,
                ChecksumSHA256=checksum_of(digest),
                **options,
            )
    except GloveboxError as error:
        if error.reason != reasons.PRECONDITION_FAILED:
            raise
        if not isinstance(body, bytes):
            body.seek(0)
        return None
    return str(answer.get("VersionId") or "")


def put_first(
    store: Store, bucket: str, key: str, body: bytes, stop: Stop, *, held: bool = False
) -> bool:
    """Write an object unless something is there; return whether it alone is there now. Blocks.

    Judged by what lies there: a store may write over what it was told to leave. Whoever gets False
    has written one of several, or none, and the oldest of them counts.
    """
    if not put(store, bucket, key, body, only_new=True, held=held):
        return False
    rows = list_key(store.wire, bucket, key, stop)
    return [row.is_delete_marker for row in rows].count(False) == 1


def checksum(body: bytes) -> str:
    """Return the SHA-256 of a body as `ChecksumSHA256` takes it.

    AWS, and stores that do as it does, take nothing without a checksum into a bucket with a lock.
    It is computed here: one that the client computes is sent as a trailer over TLS, which some
    stores answer with 411.
    """
    return checksum_of(hashlib.sha256(body).digest())


def measured(body: bytes | IO[bytes]) -> tuple[bytes, int]:
    """Return SHA-256 and size; a file is at its start again."""
    digest, size = hashlib.sha256(), 0
    chunks = [body] if isinstance(body, bytes) else iter(functools.partial(body.read, CHUNK), b"")
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    if not isinstance(body, bytes):
        body.seek(0)
    return digest.digest(), size


def checksum_of(digest: bytes) -> str:
    """Return a SHA-256 as `ChecksumSHA256` takes it."""
    return base64.b64encode(digest).decode()
