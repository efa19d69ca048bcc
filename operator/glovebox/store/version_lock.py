"""How one version is locked, also where a HEAD of it does not say.

The headers of a HEAD are what stores differ in: one leaves them out for a version that is not the
latest, and where the right to see them is missing they are left out as well, on AWS too. Both look
like no lock. So a version that shows none is asked for its retention, and a store that denies that
has said nothing of locks.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import Forbidden
from glovebox.store.answers import FORBIDDEN_STATUS, answer_of
from glovebox.store.buckets import read_lock
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.store.connection import Store

_NO_VERSION: Final = "null"
# How stores say that a version has no retention of its own, or its bucket no lock at all.
_NO_RETENTION: Final = frozenset(
    {
        "InvalidRequest",
        "MethodNotAllowed",
        "NoSuchObjectLockConfiguration",
        "NotImplemented",
        "ObjectLockConfigurationNotFoundError",
    }
)


class LockHiddenError(Forbidden):
    """The store shows no lock, and does not say whether there is one."""


@dataclass(frozen=True, slots=True)
class Lock:
    """How long something is locked, or has to be, and how.

    Attributes:
        mode: `Compliance`, `Governance`, or empty for not at all.
        until: RFC 3339, as the store spells it; empty for not at all.
    """

    mode: str = ""
    until: str = ""

    @property
    def end(self) -> datetime | None:
        """When it ends."""
        return datetime.fromisoformat(self.until) if self.until else None

    def longest(self, mode: str, until: str) -> Lock:
        """Return the later end of two, and the stronger mode."""
        if not mode or not until:
            return self
        other = Lock(mode, until)
        stronger = "Compliance" if "Compliance" in (mode, self.mode) else mode
        is_later = self.end is None or (other.end is not None and other.end > self.end)
        return Lock(stronger, until if is_later else self.until)


class VersionLocks:
    """Reads the locks of many versions in one bucket.

    Where the bucket has no object lock, no version of it is asked for.
    """

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    def read(self, key: str, version: str, headers: Mapping[str, str]) -> Lock:
        """Return what `read_version_lock` does. Blocks."""
        shown = lock_in(headers)
        if shown.mode or not self._can_lock:
            return shown
        return read_version_lock(self._store, self._bucket, key, version, headers)

    @functools.cached_property
    def _can_lock(self) -> bool:
        try:
            return read_lock(self._store, self._bucket)[0]
        except Forbidden:
            return True  # not known, so each version is asked for


def read_version_lock(
    store: Store, bucket: str, key: str, version: str, headers: Mapping[str, str]
) -> Lock:
    """Return how a version is locked. Blocks.

    Args:
        store: Of the bucket.
        bucket: Of the version.
        key: Of the version.
        version: Its id.
        headers: Of a HEAD or GET of that version; what they say is believed. Of what has no
            version nothing else is: what could be written over in its place is not said to be
            locked on the word of its retention alone.

    Raises:
        LockHiddenError: They say nothing, and the store denies to say more.
        GloveboxError: The store does not answer, or has no such version.
    """
    shown = lock_in(headers)
    if shown.mode or version == _NO_VERSION:
        return shown
    return _asked(store, bucket, key, version)


def lock_in(headers: Mapping[str, str]) -> Lock:
    """Return the lock that the headers of an answer tell of; none where they are silent.

    An end that is no moment says nothing: it is compared, signed, and shown to people.
    """
    mode = headers.get("x-amz-object-lock-mode", "").capitalize()
    until = headers.get("x-amz-object-lock-retain-until-date", "")
    return Lock(mode, until) if mode and _is_moment(until) else Lock()


def _asked(store: Store, bucket: str, key: str, version: str) -> Lock:
    where = f"s3://{bucket}/{key} version {version}"
    with translated(f"read the retention of {where}"):
        try:
            answer = store.s3.get_object_retention(Bucket=bucket, Key=key, VersionId=version)
        except Exception as error:
            said = answer_of(error)
            if said is not None and said.code in _NO_RETENTION:
                return Lock()
            if said is not None and said.status == FORBIDDEN_STATUS:
                raise LockHiddenError(
                    reasons.STORE_FORBIDDEN,
                    f"the store shows no lock of {where}, and does not let it be asked for, so it"
                    " is not known whether there is one; grant s3:GetObjectRetention there (the"
                    f" store said {said.shown})",
                ) from error
            raise
    retention = answer.get("Retention") or {}
    mode, until = retention.get("Mode"), retention.get("RetainUntilDate")
    if not mode or not until or until.tzinfo is None:
        return Lock()
    return Lock(mode.capitalize(), _text(until))


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _text(moment: datetime) -> str:
    """Return a time as headers spell it, so that the same lock is the same text."""
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
