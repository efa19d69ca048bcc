"""Manifests as objects: written once under their digest, locked, and read by version id."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.data.manifest import decompressed, read_manifest
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.errors import translated
from glovebox.store.listing import head_current, list_versions
from glovebox.store.reading import CHUNK
from glovebox.store.version_lock import read_version_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from glovebox.data.manifest import Entry
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/manifests/sha256/"
# A compressed manifest beyond this goes to a temporary file: about 150,000 objects.
SPOOL_BYTES: Final = 8 << 20
_CONTENT_TYPE: Final = "application/jsonl"


@dataclass(frozen=True, slots=True)
class ManifestLock:
    """How a manifest is protected beyond the bucket's default retention.

    Args:
        legal_hold: Holds without an end date, until it is taken off: `store/manifest_holds.py`.
        retain_until: COMPLIANCE until then; None leaves it to the bucket's default.
    """

    legal_hold: bool = True
    retain_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ManifestLocation:
    """Where a manifest lies.

    Args:
        bucket: The bucket of artifacts.
        key: Ends in the hex of its digest.
        version_id: The version that was written or verified.
        digest: `sha256:<hex>` of its lines, before compression.
        bytes: Its compressed size.
    """

    bucket: str
    key: str
    version_id: str
    digest: str
    bytes: int


def manifest_key(digest: str) -> str:
    """Return the key of the manifest with this digest."""
    return f"{PREFIX}{digest.removeprefix(DIGEST_PREFIX)}.jsonl.gz"


def store_manifest(
    store: Store, bucket: str, file: IO[bytes], digest: str, lock: ManifestLock | None, stop: Stop
) -> ManifestLocation:
    """Write a manifest unless it is there; then verify and protect that one. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        file: The compressed manifest, at its start.
        digest: `sha256:<hex>` of its lines.
        lock: None on a bucket without object lock.
        stop: Looked at between requests.

    Raises:
        GloveboxError: The store does not answer, denies it, or does not give versions to what it
            stores.
    """
    key = manifest_key(digest)
    # Looked for first: there are stores that write another version although it is there.
    with translated(f"look for the manifest s3://{bucket}/{key}"):
        current = head_current(store.wire, bucket, key)
    try:
        if current is None:
            return _put(store, bucket, file, digest, lock, only_new=True)
    except GloveboxError as error:
        if error.reason != reasons.PRECONDITION_FAILED:
            raise
    found = _find(store, bucket, key, digest, stop)
    if found is None:
        # Somebody wrote something else under this name. It hurts nobody: we write a version of our
        # own and refer to that.
        file.seek(0)
        return _put(store, bucket, file, digest, lock, only_new=False)
    if lock is not None:
        protect_manifest(store, found, lock)
    return found


def fetch_manifest(store: Store, location: ManifestLocation, stop: Stop) -> Iterator[Entry]:
    """Yield the entries of a stored manifest; proven only when the iterator ends. Blocks.

    Raises:
        GloveboxError: It is gone (`ObjectNotFound`), differs from its digest (`ManifestDiffers`),
            or cannot be read.
    """
    return read_manifest(
        spooled_chunks(store, location.bucket, location.key, location.version_id, stop),
        location.digest,
    )


def object_chunks(
    store: Store, bucket: str, key: str, version_id: str, stop: Stop
) -> Iterator[bytes]:
    """Yield the bytes of one object version in pieces. Blocks."""
    with translated(f"read s3://{bucket}/{key} version {version_id}"):
        response = store.wire.get(bucket, key, {"versionId": version_id})
        try:
            for chunk in response.stream(CHUNK, decode_content=False):
                stop.check()
                yield chunk
        finally:
            # Closed, not released: the consumer may have left in the middle.
            response.close()


def spooled_chunks(
    store: Store,
    bucket: str,
    key: str,
    version_id: str,
    stop: Stop,
    *,
    check: Callable[[bytes, int], None] | None = None,
) -> Iterator[bytes]:
    """Yield what `object_chunks` yields, once all has arrived: for readers that take hours.

    A store ends a connection that rests, and a verification rests between two entries for as long
    as an object takes to read.

    Args:
        store: Of the bucket.
        bucket: Of the object.
        key: Of the object.
        version_id: Of the object.
        stop: Looked at between requests.
        check: Called with each piece and how many bytes came before it, ahead of its being kept;
            raises to give up.
    """
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="glovebox-manifest-") as file:
        size = 0
        for chunk in object_chunks(store, bucket, key, version_id, stop):
            if check is not None:
                check(chunk, size)
            file.write(chunk)
            size += len(chunk)
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _put(
    store: Store,
    bucket: str,
    file: IO[bytes],
    digest: str,
    lock: ManifestLock | None,
    *,
    only_new: bool,
) -> ManifestLocation:
    key = manifest_key(digest)
    checksum, size = _checksum(file)
    options: dict[str, Any] = {"IfNoneMatch": "*"} if only_new else {}
    if lock is not None and lock.legal_hold:
        options["ObjectLockLegalHoldStatus"] = "ON"
    if lock is not None and lock.retain_until is not None:
        options |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": lock.retain_until}
    with translated(f"write the manifest s3://{bucket}/{key}"):
        answer = store.s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=file,
            ContentLength=size,
            ContentType=_CONTENT_TYPE,
            ChecksumSHA256=checksum,
            **options,
        )
    version_id = answer.get("VersionId")
    if not version_id or version_id == "null":
        raise InvalidInput(
            reasons.VERSIONING_REQUIRED,
            f"bucket {bucket} gave no version to the manifest written there; enable versioning"
            " on it",
        )
    return ManifestLocation(bucket, key, version_id, digest, size)


def _find(store: Store, bucket: str, key: str, digest: str, stop: Stop) -> ManifestLocation | None:
    """Return the newest version under the key that holds exactly this manifest."""
    with translated(f"look for the manifest s3://{bucket}/{key}"):
        current = head_current(store.wire, bucket, key)
    if current is not None and _holds(store, bucket, key, current.version_id, digest, stop):
        return ManifestLocation(bucket, key, current.version_id, digest, current.size)
    for version in list_versions(store.wire, bucket, key, stop):
        if (
            version.key == key
            and not version.is_delete_marker
            and _holds(store, bucket, key, version.version_id, digest, stop)
        ):
            return ManifestLocation(bucket, key, version.version_id, digest, version.size)
    return None


def _holds(store: Store, bucket: str, key: str, version_id: str, digest: str, stop: Stop) -> bool:
    found = hashlib.sha256()
    try:
        for piece in decompressed(object_chunks(store, bucket, key, version_id, stop)):
            found.update(piece)
    except InvalidInput as error:
        if error.reason in (reasons.MANIFEST_INVALID, reasons.OBJECT_NOT_FOUND):
            return False
        raise
    return DIGEST_PREFIX + found.hexdigest() == digest


def protect_manifest(store: Store, found: ManifestLocation, lock: ManifestLock) -> None:
    """Give an existing manifest the hold, and the retention where its own ends earlier. Blocks."""
    where: dict[str, Any] = {
        "Bucket": found.bucket,
        "Key": found.key,
        "VersionId": found.version_id,
    }
    with translated(f"protect the manifest s3://{found.bucket}/{found.key}"):
        if lock.legal_hold:
            store.s3.put_object_legal_hold(**where, LegalHold={"Status": "ON"})
        if lock.retain_until is None:
            return
        headers = store.wire.head(found.bucket, found.key, {"versionId": found.version_id})
        end = read_version_lock(store, found.bucket, found.key, found.version_id, headers).end
        if end is None or end < lock.retain_until:
            store.s3.put_object_retention(
                **where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": lock.retain_until}
            )


def _checksum(file: IO[bytes]) -> tuple[str, int]:
    """Return the SHA-256 of the file as S3 wants it, and its size; rewinds the file."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return base64.b64encode(digest.digest()).decode(), size
