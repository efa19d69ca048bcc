"""Objects of a ledger: written once, and read by their oldest version.

An answer to a write is not believed. It may be lost, a store may say 409 where it means "ask
again", a delete marker lets a second write pass, and stores are known that let several writers win.
So after each attempt the key is read, and its oldest version is what was written.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.errors import Forbidden, GloveboxError, Unavailable
from glovebox.ledger.source import Lock
from glovebox.store.errors import translated
from glovebox.store.listing import list_key, list_versions
from glovebox.store.reading import CHUNK
from glovebox.store.version_lock import lock_in, read_version_lock
from glovebox.store.wire import read_at_most

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.data.compare import ListedVersion
    from glovebox.store.connection import Stop, Store

ATTEMPTS: Final = 8
# No object of a ledger is longer: bundles are, with 256 entries of 65,535 bytes.
_MOST_BYTES: Final = 17 << 20


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """Where a ledger is kept.

    Attributes:
        store: With credentials that may put and read there, and need not delete.
        bucket: The bucket of artifacts.
        pause: Waits between attempts; given how many there were.
        attempts: How often one object is tried to be written in one call.
    """

    store: Store
    bucket: str
    pause: Callable[[int], None]
    attempts: int = ATTEMPTS


@dataclass(frozen=True, slots=True)
class Versions:
    """All versions of a key, the oldest first.

    Attributes:
        key: The whole key.
        ids: Version ids, without delete markers.
        markers: How many delete markers there are.
    """

    key: str
    ids: tuple[str, ...]
    markers: int


@dataclass(frozen=True, slots=True)
class ReadObject:
    """One version: its bytes, and what protects it."""

    body: bytes
    lock: Lock = field(default_factory=Lock)


def versions_below(place: LedgerPlace, prefix: str, stop: Stop) -> Iterator[Versions]:
    """Yield all keys below a prefix, in the order of their bytes, with their versions. Blocks."""
    rows = list_versions(place.store.wire, place.bucket, prefix, stop)
    for key, group in groupby(rows, key=lambda row: row.key):
        yield _gathered(key, group)


def versions_of_key(place: LedgerPlace, key: str, stop: Stop) -> Versions:
    """Return the versions of one key; it may have none. Blocks."""
    return _gathered(key, list_key(place.store.wire, place.bucket, key, stop))


def read_version(place: LedgerPlace, key: str, version_id: str, *, cut: bool = False) -> ReadObject:
    """Return one version. Blocks.

    Args:
        place: Where.
        key: The whole key.
        version_id: Which version.
        cut: Whether one that is longer than any object of a ledger is returned without its rest:
            it is somebody else's, and looked at by who looks at each.

    Raises:
        GloveboxError: It is gone, denied, longer than any object of a ledger, or the store does
            not answer.
    """
    body, headers = _read(place, key, version_id, _MOST_BYTES + 1)
    if len(body) > _MOST_BYTES and not cut:
        raise Unavailable(
            reasons.LEDGER_INVALID,
            f"s3://{place.bucket}/{key} is longer than any object of a ledger",
        )
    return ReadObject(body, lock_of(headers))


def hash_version(place: LedgerPlace, key: str, version_id: str, stop: Stop) -> tuple[str, Lock]:
    """Return the SHA-256 (hex) of one version, of whatever length, and its lock. Blocks.

    For what an entry vouches for, which is no object of a ledger and may be longer than one.

    Raises:
        GloveboxError: It is gone, denied, or the store does not answer.
    """
    found = hashlib.sha256()
    with translated(f"read s3://{place.bucket}/{key} version {version_id}"):
        response = place.store.wire.get(place.bucket, key, {"versionId": version_id})
        try:
            for chunk in response.stream(CHUNK, decode_content=False):
                stop.check()
                found.update(chunk)
        finally:
            response.close()
        return found.hexdigest(), lock_of(response.headers)


def read_beginning(place: LedgerPlace, key: str, version_id: str, most: int) -> bytes:
    """Return at most so many bytes of one version; no more of them are asked for. Blocks.

    Raises:
        GloveboxError: It is gone, denied, or the store does not answer.
    """
    return _read(place, key, version_id, most)[0]


def _read(
    place: LedgerPlace, key: str, version_id: str, most: int
) -> tuple[bytes, Mapping[str, str]]:
    query = {"versionId": version_id} if version_id != "null" else {}
    with translated(f"read s3://{place.bucket}/{key} version {version_id}"):
        response = place.store.wire.get(place.bucket, key, query)
        body = read_at_most(response, most)
        if len(body) < most:
            response.release_conn()
        else:
            response.close()  # what was not read must not be in the way of the next answer
    return body, response.headers


def lock_of(headers: Any) -> Lock:
    """Return the lock that the headers of an answer tell of."""
    shown = lock_in(headers)
    is_held = headers.get("x-amz-object-lock-legal-hold", "").upper() == "ON"
    return Lock(shown.mode, shown.until, is_held)


def asked_lock(place: LedgerPlace, key: str, version_id: str, headers: Mapping[str, str]) -> Lock:
    """Return the lock of a version, also where the headers of an answer leave it out. Blocks."""
    found = read_version_lock(place.store, place.bucket, key, version_id, headers)
    return Lock(found.mode, found.until, lock_of(headers).is_held)


def read_oldest(place: LedgerPlace, key: str, stop: Stop) -> bytes | None:
    """Return the bytes of the version of a key that counts, or None. Blocks."""
    found = versions_of_key(place, key, stop)
    return read_version(place, key, found.ids[0]).body if found.ids else None


def write_once(
    place: LedgerPlace, key: str, body: bytes, retain_until: datetime | None, stop: Stop
) -> bytes:
    """Write an object unless the key is taken; return the bytes that count there. Blocks.

    Whoever gets their own bytes back has written them, now or in an attempt whose answer was lost.

    Args:
        place: Where.
        key: The whole key.
        body: The bytes.
        retain_until: End of its lock in Compliance mode; None leaves it to the bucket.
        stop: Looked at between attempts.

    Raises:
        GloveboxError: The store does not answer, or denies it. The object may be there all the
            same: calling again is safe, and nothing else is.
    """
    for attempt in range(place.attempts):
        stop.check()
        try:
            written = _put(place, key, body, retain_until)
            failure: GloveboxError | None = None
        except GloveboxError as error:
            if not _is_worth_a_look(error):
                raise
            written, failure = "", error
        found = versions_of_key(place, key, stop)
        if found.ids:
            if found.ids[0] == written != "null":
                return body
            return read_version(place, key, found.ids[0]).body
        place.pause(attempt)
    raise Unavailable(
        failure.reason if failure is not None else reasons.STORE_FAILED,
        f"could not write s3://{place.bucket}/{key}: nothing is there after {place.attempts}"
        f" attempts; the last answer: {failure.message if failure is not None else 'written'}",
        effect_unknown=True,
    )


def _put(place: LedgerPlace, key: str, body: bytes, retain_until: datetime | None) -> str:
    options: dict[str, Any] = {}
    if retain_until is not None:
        options = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": retain_until}
    with translated(f"write s3://{place.bucket}/{key}"):
        answer = place.store.s3.put_object(
            Bucket=place.bucket,
            Key=key,
            Body=body,
            ContentLength=len(body),
            # Computed here, as in `putting`.
            ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
            IfNoneMatch="*",
            **options,
        )
    return answer.get("VersionId") or "null"


def _is_worth_a_look(error: GloveboxError) -> bool:
    """Whether the key may have been written all the same, or by another."""
    if error.reason == reasons.PRECONDITION_FAILED:
        return True
    return isinstance(error, Unavailable) and not isinstance(error, Forbidden)


def _gathered(key: str, rows: Iterable[ListedVersion]) -> Versions:
    newest_first = list(rows)
    ids = tuple(row.version_id for row in reversed(newest_first) if not row.is_delete_marker)
    return Versions(key, ids, sum(row.is_delete_marker for row in newest_first))
