"""Keeps evidence at least as long as what it lists: a seal that ends first proves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glovebox.store.connection import Stop, Store

_COMPLIANCE: Final = "COMPLIANCE"


@dataclass(frozen=True, slots=True)
class Lock:
    """How long something has to be locked, and how.

    Attributes:
        mode: `Compliance`, `Governance`, or empty for not at all.
        until: RFC 3339.
    """

    mode: str = ""
    until: str = ""

    def longest(self, mode: str, until: str) -> Lock:
        """Return the later end of two, and the stronger mode."""
        if not mode or not until:
            return self
        stronger = "Compliance" if "Compliance" in (mode, self.mode) else mode
        later = until if not self.until or _moment(until) > _moment(self.until) else self.until
        return Lock(stronger, later)


def lock_of(store: Store, bucket: str, key: str, version: str) -> Lock:
    """Return how a version is locked. Blocks."""
    with translated(f"look at s3://{bucket}/{key} version {version}"):
        headers = store.wire.head(bucket, key, {"versionId": version})
    return Lock().longest(
        headers.get("x-amz-object-lock-mode", "").capitalize(),
        headers.get("x-amz-object-lock-retain-until-date", ""),
    )


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
    with translated(f"look at {where}"):
        headers = store.wire.head(bucket, key, {"versionId": version})
    mode = headers.get("x-amz-object-lock-mode", "").upper()
    until = headers.get("x-amz-object-lock-retain-until-date", "") if mode else ""
    is_long = bool(until) and _moment(until) >= _moment(lock.until)
    if is_long and (mode == _COMPLIANCE or lock.mode != "Compliance"):
        return
    wanted: Literal["COMPLIANCE", "GOVERNANCE"] = "GOVERNANCE"
    if _COMPLIANCE in (mode, lock.mode.upper()):
        wanted = "COMPLIANCE"
    with translated(f"prolong the lock of {where}"):
        store.s3.put_object_retention(
            Bucket=bucket,
            Key=key,
            VersionId=version,
            Retention={
                "Mode": wanted,
                "RetainUntilDate": _moment(until) if is_long else _moment(lock.until),
            },
        )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
