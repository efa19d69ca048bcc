"""Keeps evidence at least as long as what it lists: a seal that ends first proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.errors import translated
from glovebox.store.version_lock import Lock, read_version_lock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.store.connection import Stop, Store

_COMPLIANCE: Final = "COMPLIANCE"


def lock_of(store: Store, bucket: str, key: str, version: str) -> Lock:
    """Return how a version is locked. Blocks."""
    with translated(f"look at s3://{bucket}/{key} version {version}"):
        headers = store.wire.head(bucket, key, {"versionId": version})
    return read_version_lock(store, bucket, key, version, headers)


def retain(
    store: Store,
    bucket: str,
    objects: Iterable[tuple[str, str]],
    lock: Lock,
    stop: Stop,
    *,
    final: bool,
) -> str:
    """Prolong locks that end before another one; return why that is not possible, or nothing.

    Blocks. A lock is never shortened, and never made weaker.

    Args:
        store: Of the bucket.
        bucket: The bucket.
        objects: Key and version of each.
        lock: How long they have to be locked at least.
        stop: Looked at between requests.
        final: Whether a right that is missing is an answer; else it is an error, for a later try.

    Raises:
        GloveboxError: The store does not answer; calling again is safe.
    """
    if not lock.until:
        return ""
    for key, version in objects:
        stop.check()
        try:
            _prolong(store, bucket, key, version, lock)
        except GloveboxError as error:
            # No reason to wait for: a missing right, or a bucket that cannot lock any more.
            is_denied = final and error.reason == reasons.STORE_FORBIDDEN
            if not isinstance(error, InvalidInput) and not is_denied:
                raise
            return (
                f"the evidence could not be locked until {lock.until}, as the artifacts are:"
                f" {error.message}"
            )
    return ""


def _prolong(store: Store, bucket: str, key: str, version: str, lock: Lock) -> None:
    where = f"s3://{bucket}/{key} version {version}"
    shown = lock_of(store, bucket, key, version)
    mode, end, needed = shown.mode.upper(), shown.end, lock.end
    is_long = end is not None and needed is not None and end >= needed
    if is_long and (mode == _COMPLIANCE or lock.mode != "Compliance"):
        return
    wanted: Literal["COMPLIANCE", "GOVERNANCE"] = "GOVERNANCE"
    if _COMPLIANCE in (mode, lock.mode.upper()):
        wanted = "COMPLIANCE"
    until = end if is_long else needed
    assert until is not None  # noqa: S101 - nothing is prolonged for a lock without an end
    with translated(f"prolong the lock of {where}"):
        store.s3.put_object_retention(
            Bucket=bucket,
            Key=key,
            VersionId=version,
            Retention={"Mode": wanted, "RetainUntilDate": until},
        )
