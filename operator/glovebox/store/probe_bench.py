"""What the conformance checks share: one locked canary, used again, and how an answer is judged.

Nothing piles up in a bucket that refuses deletion: the canary is one object version whose retention
is extended by the hour, never written again while it lives; what a check writes over it is locked
for two minutes and swept by a later proof; objects written by sessions are written with
`If-None-Match: *`, so they exist once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from glovebox.errors import GloveboxError
from glovebox.store.answers import AnswerError, answer_of
from glovebox.store.buckets import PROBE_ROOT, read_lock
from glovebox.store.credentials import assume_for_prefix
from glovebox.store.errors import translated
from glovebox.store.listing import head_current, head_version, list_versions
from glovebox.store.putting import checksum
from glovebox.store.version_lock import read_version_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from glovebox.store.buckets import DefaultRetention
    from glovebox.store.connection import Stop, Store

ROOT: Final = PROBE_ROOT
CANARY: Final = f"{ROOT}lock-canary"
DEFAULT_LOCKED: Final = f"{ROOT}default-lock"
NO_ROLE: Final = (
    "spec.sts is not set, so no credentials for runs can be issued; set spec.sts.roleArn"
)
CANARY_BODY: Final = (
    b"This object is locked. Glovebox tries to destroy it, to prove that nobody can.\n"
)
OVERWRITE_BODY: Final = b"This was written over the locked object.\n"
# Outlasts the fifteen minutes by which the store's clock may differ, and keeps a dropped bucket
# alive no longer than needed.
CANARY_LOCK: Final = timedelta(hours=1)
_OVERWRITE_LOCK: Final = timedelta(minutes=2)
_SESSION_SECONDS: Final = 900
# More leftovers than this are never made: then an overwrite of an earlier proof serves again.
MAX_LEFTOVERS: Final = 20


class DisprovenError(Exception):
    """The store was seen to do what it must not; the message says what, and the cure."""


class NotProvableError(Exception):
    """The attempt says nothing about the store; the message says why."""


@dataclass(frozen=True, slots=True)
class Retained:
    """The lock of one object version, as the store reports it."""

    mode: str | None
    until: datetime | None


@dataclass
class CheckedBucket:
    """The bucket under check; expensive things are made when the first check needs them.

    Args:
        store: Opened with the operator's credentials.
        bucket: The bucket of artifacts.
        role_arn: The role for runs, if there is one.
        now: The time of this run; retention dates are reckoned from it.
        stop: Set when nobody waits for the proofs any more.
        key_ids: Keys of KMS that the bucket encrypts with.
    """

    store: Store
    bucket: str
    role_arn: str | None
    now: datetime
    stop: Stop
    key_ids: tuple[str, ...] = ()
    _overwritten: bool = False

    @functools.cached_property
    def lock(self) -> tuple[bool, DefaultRetention | None]:
        """Whether the bucket has object lock, and its default retention."""
        return read_lock(self.store, self.bucket)

    @functools.cached_property
    def canary(self) -> str:
        """The version id of the canary, locked in COMPLIANCE for about an hour where possible.

        Raises:
            DisprovenError: The bucket gives no version, or does not let the lock be extended.
        """
        _ = self.leftovers
        locked = self.lock[0]
        version_id = self._living_canary() or self._new_canary(locked=locked)
        if locked:
            self._extend(version_id)
        return version_id

    @functools.cached_property
    def session(self) -> Store:
        """The store as a run sees it: with credentials for `.glovebox/probe/x/` alone."""
        if self.role_arn is None:
            raise NotProvableError(NO_ROLE)
        keys = assume_for_prefix(
            self.store,
            self.role_arn,
            self.bucket,
            f"{ROOT}x/",
            "glovebox-probe",
            _SESSION_SECONDS,
            self.key_ids,
        )
        return self.store.with_credentials(keys.as_credentials())

    def canary_bytes(self) -> bytes | None:
        """Return the bytes of the canary's version, or None when it is gone."""
        return self.read(CANARY, self.canary)

    def read(self, key: str, version_id: str) -> bytes | None:
        """Return the bytes of a small object version, or None when it does not exist."""
        with translated(f"read s3://{self.bucket}/{key} version {version_id}"):
            if head_version(self.store.wire, self.bucket, key, version_id) is None:
                return None
            response = self.store.wire.get(self.bucket, key, {"versionId": version_id})
            body = response.read()
            response.release_conn()
            return bytes(body)

    def retained(self, key: str, version_id: str) -> Retained:
        """Return the lock of an object version.

        Raises:
            LockHiddenError: The store does not show it.
        """
        with translated(f"read the retention of s3://{self.bucket}/{key}"):
            headers = self.store.wire.head(self.bucket, key, {"versionId": version_id})
        lock = read_version_lock(self.store, self.bucket, key, version_id, headers)
        return Retained(lock.mode.upper() or None, lock.end)

    def current(self, key: str) -> str:
        """Return the id of the current version of a key.

        Raises:
            NotProvableError: There is none.
        """
        with translated(f"look at s3://{self.bucket}/{key}"):
            found = head_current(self.store.wire, self.bucket, key)
        if found is None:
            raise NotProvableError(f"s3://{self.bucket}/{key} is not there any more")
        return found.version_id

    def overwrite(self) -> None:
        """Write something else over the canary, once a run, unless enough such versions exist."""
        if self._overwritten or self.leftovers >= MAX_LEFTOVERS:
            return
        self.put(CANARY, OVERWRITE_BODY)
        self._overwritten = True

    def put(self, key: str, body: bytes, **options: Any) -> str | None:
        """Write an object that may soon be deleted again; return its version id."""
        if self.lock[0]:
            options |= {
                "ObjectLockMode": "GOVERNANCE",
                "ObjectLockRetainUntilDate": self.now + _OVERWRITE_LOCK,
            }
        return self.write(self.store, key, body, **options)

    def write(self, store: Store, key: str, body: bytes, **options: Any) -> str | None:
        """Write an object as somebody, with nothing but a checksum added; return its version id."""
        return store.s3.put_object(
            Bucket=self.bucket, Key=key, Body=body, ChecksumSHA256=checksum(body), **options
        ).get("VersionId")

    def _living_canary(self) -> str | None:
        for version in list_versions(self.store.wire, self.bucket, CANARY, self.stop):
            if (
                version.key == CANARY
                and not version.is_delete_marker
                and version.size == len(CANARY_BODY)
            ):
                return version.version_id
        return None

    def _new_canary(self, *, locked: bool) -> str:
        lock: dict[str, Any] = (
            {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": self.now + CANARY_LOCK}
            if locked
            else {}
        )
        with translated(f"write the canary s3://{self.bucket}/{CANARY}"):
            version_id = self.write(self.store, CANARY, CANARY_BODY, **lock)
        if not version_id or version_id == "null":
            raise DisprovenError(
                f"an object written to bucket {self.bucket} got no version; enable versioning on"
                " the bucket"
            )
        return version_id

    def _extend(self, version_id: str) -> None:
        """Lock the canary for an hour.

        It is also the control that shows that we may change retention at all.
        """
        until = self.now + CANARY_LOCK
        before = self.retained(CANARY, version_id)
        if before.mode == "COMPLIANCE" and before.until is not None and before.until >= until:
            return
        with translated(f"extend the retention of the canary s3://{self.bucket}/{CANARY}"):
            self.store.s3.put_object_retention(
                Bucket=self.bucket,
                Key=CANARY,
                VersionId=version_id,
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
            )

    @functools.cached_property
    def leftovers(self) -> int:
        """How many objects of earlier checks are left; those no longer locked are deleted now."""
        left = 0
        for version in list_versions(self.store.wire, self.bucket, CANARY, self.stop):
            if version.key != CANARY or (
                version.size == len(CANARY_BODY) and not version.is_delete_marker
            ):
                continue
            tried = attempt(lambda each=version: self._delete(each.version_id))  # type: ignore[misc]
            left += tried is not None
        return left

    def _delete(self, version_id: str) -> object:
        return self.store.s3.delete_object(Bucket=self.bucket, Key=CANARY, VersionId=version_id)


def attempt(request: Callable[[], object]) -> AnswerError | None:
    """Return the refusal that an attempt met, or None when it was let through.

    Raises:
        GloveboxError: The store did not answer, so nothing was learnt.
    """
    try:
        request()
    except GloveboxError:
        raise
    except Exception as error:
        answer = answer_of(error)
        if answer is not None and answer.status < 500:  # noqa: PLR2004 - a failure of the store is no refusal
            return answer
        with translated("try what must be refused"):
            raise
    return None
