"""A stand-in for the store, as far as the operator relies on it.

Buckets, versions, locks, conditional writes, sessions and uploads.

`conformance/test_object_store.py` holds it to the real one. `object_store_faces.py` gives it the
faces that the operator's own code calls (`Store.s3`, `.sts`, `.wire`). One request is one call
here: whatever goes wrong, goes wrong between calls.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


class S3Error(Exception):
    """An answer that is no success; the words beside its code where they are not the code."""

    def __init__(self, status: int, code: str, words: str = "") -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.words = status, code, words


class NoAnswerError(Exception):
    """The connection broke."""


@dataclass(slots=True)
class Version:
    """One version of an object, or a delete marker."""

    key: str
    version_id: str
    body: bytes
    modified: datetime
    is_marker: bool = False
    mode: str = ""
    until: datetime | None = None
    hold: bool = False
    checksum: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """As S3 quotes it."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True)
class Upload:
    """An upload in parts that is under way."""

    upload_id: str
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """One bucket; the versions of a key are kept oldest first."""

    name: str
    versioned: bool = False
    can_lock: bool = False
    default: tuple[str, int] | None = None
    rules: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: a user, or a session with a policy and an end."""

    access_key_id: str
    token: str = ""


@dataclass(slots=True)
class Session:
    """What AssumeRole gave."""

    access_key_id: str
    policy: dict[str, Any] | None
    expires: datetime


class ObjectStoreServer:
    """All buckets of one store.

    Args:
        now: Time of day.
        role_arn: The role that users may assume.
    """

    def __init__(self, now: Callable[[], datetime], role_arn: str) -> None:
        self.now, self._role = now, role_arn
        self._numbers = itertools.count(1)
        self.buckets: dict[str, Bucket] = {}
        self.users: set[str] = set()
        self.sessions: dict[str, Session] = {}
        # Called with action, bucket and key before each request; may raise S3Error or
        # NoAnswerError. What it returns is called after the request took effect, and may raise as
        # well.
        self.fault: Callable[[str, str, str], Callable[[], None] | None] = lambda *_: None
        self.on_write: list[Callable[[str, str, str], None]] = []

    # -- who may

    def allow(
        self, who: Identity, action: str, bucket: str, key: str = "", prefix: str = ""
    ) -> None:
        """Refuse what somebody may not do.

        Raises:
            S3Error: 403.
        """
        if not who.token:
            if who.access_key_id not in self.users:
                raise S3Error(403, "InvalidAccessKeyId")
            return
        session = self.sessions.get(who.token)
        if session is None or session.access_key_id != who.access_key_id:
            raise S3Error(403, "InvalidAccessKeyId")
        if session.expires <= self.now():
            raise S3Error(400, "ExpiredToken")
        if session.policy is None:
            return
        resource = f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
        allowed = False
        for statement in session.policy["Statement"]:
            if not _covers(statement, action, resource, prefix):
                continue
            if statement["Effect"] == "Deny":
                raise S3Error(403, "AccessDenied")
            allowed = True
        if not allowed:
            raise S3Error(403, "AccessDenied")

    def assume_role(
        self, who: Identity, role: str, policy: str | None, seconds: int
    ) -> tuple[Identity, datetime]:
        """Give a session; only users may have one, never another session."""
        after = self._begin("sts:AssumeRole", "", "")
        if who.token or who.access_key_id not in self.users or role != self._role:
            raise S3Error(403, "AccessDenied")
        number = next(self._numbers)
        token, expires = f"token-{number}", self.now() + timedelta(seconds=seconds)
        identity = Identity(f"ASIA{number:016d}", token)
        self.sessions[token] = Session(
            identity.access_key_id, json.loads(policy) if policy else None, expires
        )
        after()
        return identity, expires

    # -- buckets

    def bucket(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            S3Error: 404.
        """
        found = self.buckets.get(name)
        if found is None:
            raise S3Error(404, "NoSuchBucket")
        return found

    def create_bucket(self, who: Identity, name: str, *, can_lock: bool) -> None:
        """Create a bucket; with a lock it keeps versions at once."""
        after = self._begin("s3:CreateBucket", name, "")
        self.allow(who, "s3:CreateBucket", name)
        if name in self.buckets:
            raise S3Error(409, "BucketAlreadyOwnedByYou")
        self.buckets[name] = Bucket(name, versioned=can_lock, can_lock=can_lock)
        after()

    # -- objects

    def put(
        self,
        who: Identity,
        bucket: str,
        key: str,
        body: bytes,
        *,
        only_new: bool = False,
        mode: str = "",
        until: datetime | None = None,
        checksum: str = "",
        metadata: dict[str, str] | None = None,
    ) -> Version:
        """Write an object.

        Raises:
            S3Error: 412 where `only_new` meets an object that is there.
        """
        after = self._begin("s3:PutObject", bucket, key)
        self.allow(who, "s3:PutObject", bucket, key)
        if mode:
            self.allow(who, "s3:PutObjectRetention", bucket, key)
        into = self.bucket(bucket)
        if only_new and self._current(into, key) is not None:
            raise S3Error(412, "PreconditionFailed")
        made = self._store(into, key, body, mode, until, checksum)
        made.metadata = dict(metadata or {})
        for listener in self.on_write:
            listener(bucket, key, made.version_id)
        after()
        return made

    def _store(
        self,
        into: Bucket,
        key: str,
        body: bytes,
        mode: str,
        until: datetime | None,
        checksum: str,
    ) -> Version:
        now = self.now()
        if into.can_lock and not mode and into.default is not None:
            mode, until = into.default[0], now + timedelta(days=into.default[1])
        version_id = f"v{next(self._numbers):08d}" if into.versioned else "null"
        made = Version(key, version_id, body, now, mode=mode, until=until, checksum=checksum)
        versions = into.keys.setdefault(key, [])
        if not into.versioned:
            versions.clear()
        versions.append(made)
        return made

    def get(self, who: Identity, bucket: str, key: str, version_id: str = "") -> Version:
        """Return a version, the current one by default.

        Raises:
            S3Error: 404; 405 where that version is a delete marker.
        """
        after = self._begin("s3:GetObject", bucket, key)
        self.allow(who, "s3:GetObjectVersion" if version_id else "s3:GetObject", bucket, key)
        found = self._version(bucket, key, version_id)
        after()
        return found

    def _version(self, bucket: str, key: str, version_id: str) -> Version:
        versions = self.bucket(bucket).keys.get(key) or []
        if version_id:
            found = next((each for each in versions if each.version_id == version_id), None)
            if found is None:
                raise S3Error(404, "NoSuchVersion")
            if found.is_marker:
                raise S3Error(405, "MethodNotAllowed")
            return found
        current = self._current(self.bucket(bucket), key)
        if current is None:
            raise S3Error(404, "NoSuchKey")
        return current

    def delete(
        self, who: Identity, bucket: str, key: str, version_id: str = "", *, bypass: bool = False
    ) -> Version | None:
        """Put a delete marker, or destroy one version unless a lock holds it."""
        after = self._begin("s3:DeleteObject", bucket, key)
        action = "s3:DeleteObjectVersion" if version_id else "s3:DeleteObject"
        self.allow(who, action, bucket, key)
        into = self.bucket(bucket)
        versions = into.keys.setdefault(key, [])
        marker: Version | None = None
        if not version_id and into.versioned:
            number = f"v{next(self._numbers):08d}"
            marker = Version(key, number, b"", self.now(), is_marker=True)
            versions.append(marker)
        else:
            found = next((each for each in versions if each.version_id == version_id), None)
            if found is not None:
                self._require_unlocked(found, bypass=bypass)
                versions.remove(found)
        after()
        return marker

    def _require_unlocked(self, version: Version, *, bypass: bool) -> None:
        locked = version.until is not None and version.until > self.now()
        if version.hold or (locked and not (bypass and version.mode == "GOVERNANCE")):
            raise S3Error(403, "AccessDenied")

    def retain(
        self,
        who: Identity,
        bucket: str,
        key: str,
        version_id: str,
        mode: str,
        until: datetime,
        *,
        bypass: bool = False,
    ) -> None:
        """Change a retention: COMPLIANCE only grows, GOVERNANCE shrinks with a bypass."""
        after = self._begin("s3:PutObjectRetention", bucket, key)
        self.allow(who, "s3:PutObjectRetention", bucket, key)
        found = self._version(bucket, key, version_id)
        is_locked = found.until is not None and found.until > self.now()
        weaker = is_locked and (
            (found.until is not None and until < found.until)
            or (found.mode == "COMPLIANCE" and mode != "COMPLIANCE")
        )
        if weaker and not (bypass and found.mode == "GOVERNANCE"):
            raise S3Error(403, "AccessDenied")
        found.mode, found.until = mode, until
        after()

    def hold(self, who: Identity, bucket: str, key: str, version_id: str, *, on: bool) -> None:
        """Set or take off a legal hold; a bucket without object lock takes none."""
        after = self._begin("s3:PutObjectLegalHold", bucket, key)
        self.allow(who, "s3:PutObjectLegalHold", bucket, key)
        found = self._version(bucket, key, version_id)
        self._require_lock(bucket)
        found.hold = on
        after()

    def is_held(self, who: Identity, bucket: str, key: str, version_id: str) -> bool:
        """Return whether a legal hold is on a version."""
        after = self._begin("s3:GetObjectLegalHold", bucket, key)
        self.allow(who, "s3:GetObjectLegalHold", bucket, key)
        found = self._version(bucket, key, version_id)
        self._require_lock(bucket)
        after()
        return found.hold

    def _require_lock(self, bucket: str) -> None:
        if not self.bucket(bucket).can_lock:
            raise S3Error(400, "InvalidRequest")

    # -- lists

    def versions(self, who: Identity, bucket: str, prefix: str) -> list[tuple[Version, bool]]:
        """Return all versions and markers below a prefix, by key, newest first.

        Each comes with whether it is the latest.
        """
        after = self._begin("s3:ListBucketVersions", bucket, prefix)
        self.allow(who, "s3:ListBucketVersions", bucket, prefix=prefix)
        found = [
            (version, number == 0)
            for key in self._keys(bucket, prefix)
            for number, version in enumerate(reversed(self.bucket(bucket).keys[key]))
        ]
        after()
        return found

    def current(self, who: Identity, bucket: str, prefix: str) -> list[Version]:
        """Return the current objects below a prefix, by key."""
        after = self._begin("s3:ListBucket", bucket, prefix)
        self.allow(who, "s3:ListBucket", bucket, prefix=prefix)
        into = self.bucket(bucket)
        found = [self._current(into, key) for key in self._keys(bucket, prefix)]
        after()
        return [version for version in found if version is not None]

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        into = self.bucket(bucket)
        return (key for key in sorted(into.keys, key=str.encode) if key.startswith(prefix))

    @staticmethod
    def _current(into: Bucket, key: str) -> Version | None:
        versions = into.keys.get(key)
        return versions[-1] if versions and not versions[-1].is_marker else None

    # -- uploads in parts

    def begin_upload(self, who: Identity, bucket: str, key: str) -> Upload:
        """Begin an upload."""
        after = self._begin("s3:PutObject", bucket, key)
        self.allow(who, "s3:PutObject", bucket, key)
        made = Upload(f"upload-{next(self._numbers)}", key)
        self.bucket(bucket).uploads[made.upload_id] = made
        after()
        return made

    def upload(self, bucket: str, upload_id: str) -> Upload:
        """Return an upload.

        Raises:
            S3Error: 404.
        """
        found = self.bucket(bucket).uploads.get(upload_id)
        if found is None:
            raise S3Error(404, "NoSuchUpload")
        return found

    def put_part(
        self, who: Identity, bucket: str, key: str, upload_id: str, number: int, body: bytes
    ) -> str:
        """Send a part; return its ETag."""
        after = self._begin("s3:PutObject", bucket, key)
        self.allow(who, "s3:PutObject", bucket, key)
        self.upload(bucket, upload_id).parts[number] = body
        after()
        return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'

    def complete_upload(
        self, who: Identity, bucket: str, key: str, upload_id: str, *, only_new: bool = False
    ) -> Version:
        """Make the object out of its parts."""
        after = self._begin("s3:PutObject", bucket, key)
        self.allow(who, "s3:PutObject", bucket, key)
        upload, into = self.upload(bucket, upload_id), self.bucket(bucket)
        if only_new and self._current(into, key) is not None:
            raise S3Error(412, "PreconditionFailed")
        body = b"".join(upload.parts[number] for number in sorted(upload.parts))
        made = self._store(into, key, body, "", None, "")
        del into.uploads[upload_id]
        for listener in self.on_write:
            listener(bucket, key, made.version_id)
        after()
        return made

    def abort_upload(self, who: Identity, bucket: str, key: str, upload_id: str) -> None:
        """Give an upload up."""
        after = self._begin("s3:AbortMultipartUpload", bucket, key)
        self.allow(who, "s3:AbortMultipartUpload", bucket, key)
        self.upload(bucket, upload_id)
        del self.bucket(bucket).uploads[upload_id]
        after()

    def _begin(self, action: str, bucket: str, key: str) -> Callable[[], None]:
        return self.fault(action, bucket, key) or (lambda: None)


def sha256_of(body: bytes) -> str:
    """Return the checksum as S3 writes it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _covers(statement: dict[str, Any], action: str, resource: str, prefix: str) -> bool:
    def matches(patterns: Any, value: str) -> bool:
        listed = [patterns] if isinstance(patterns, str) else patterns
        # In a policy only `*` and `?` are patterns.
        return any(fnmatch.fnmatchcase(value, pattern.replace("[", "[[]")) for pattern in listed)

    if not matches(statement["Action"], action) or not matches(statement["Resource"], resource):
        return False
    condition = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
    return condition is None or matches(condition, prefix)
