"""The stand-in store as the operator calls it: boto3 clients, signed requests, and `Stores`."""

# ruff: noqa: N803 - the names are those of boto3

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, timedelta
from email.utils import format_datetime
from typing import Any, Final, TypeVar
from xml.sax.saxutils import escape

import urllib3
from botocore import exceptions as botocore

from glovebox.store.answers import AnswerError
from glovebox.store.connection import Credentials, Store, Stores, StoreSettings
from simulation.object_store import (
    Identity,
    NoAnswerError,
    ObjectStoreServer,
    S3Error,
    Version,
    sha256_of,
)

T = TypeVar("T")
# As the SDK: a session is renewed this long before its end.
_AHEAD: Final = timedelta(minutes=10)
_ISO: Final = "%Y-%m-%dT%H:%M:%S.000Z"


def identity_of(credentials: Credentials | None) -> Identity:
    """Return who these keys belong to."""
    if credentials is None:
        return Identity("")
    return Identity(credentials.access_key_id, credentials.session_token or "")


def _client_error(operation: str, error: S3Error) -> botocore.ClientError:
    response: Any = {
        "Error": {"Code": error.code, "Message": error.words or error.code},
        "ResponseMetadata": {"HTTPStatusCode": error.status},
    }
    return botocore.ClientError(response, operation)


class SimS3:
    """What is used of boto3's S3 client.

    Args:
        server: The stand-in.
        who: As whom.
    """

    def __init__(self, server: ObjectStoreServer, who: Identity) -> None:
        self._server, self._who = server, who

    def _do(self, operation: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except S3Error as error:
            raise _client_error(operation, error) from None
        except NoAnswerError:
            raise botocore.EndpointConnectionError(endpoint_url="http://store.invalid") from None

    def create_bucket(self, *, Bucket: str, **options: Any) -> dict[str, Any]:
        """See boto3."""
        can_lock = bool(options.get("ObjectLockEnabledForBucket"))
        self._do(
            "CreateBucket",
            lambda: self._server.create_bucket(self._who, Bucket, can_lock=can_lock),
        )
        return {}

    def get_bucket_versioning(self, *, Bucket: str) -> dict[str, Any]:
        """See boto3."""
        found = self._do("GetBucketVersioning", lambda: self._server.bucket(Bucket))
        return {"Status": "Enabled"} if found.versioned else {}

    def put_bucket_versioning(self, *, Bucket: str, VersioningConfiguration: Any) -> None:
        """See boto3."""
        found = self._do("PutBucketVersioning", lambda: self._server.bucket(Bucket))
        found.versioned = VersioningConfiguration["Status"] == "Enabled"

    def get_object_lock_configuration(self, *, Bucket: str) -> dict[str, Any]:
        """See boto3."""
        found = self._do("GetObjectLockConfiguration", lambda: self._server.bucket(Bucket))
        if not found.can_lock:
            raise _client_error(
                "GetObjectLockConfiguration",
                S3Error(404, "ObjectLockConfigurationNotFoundError"),
            )
        answer: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
        if found.default is not None:
            mode, days = found.default
            answer["Rule"] = {"DefaultRetention": {"Mode": mode, "Days": days}}
        return {"ObjectLockConfiguration": answer}

    def get_bucket_lifecycle_configuration(self, *, Bucket: str) -> dict[str, Any]:
        """See boto3."""
        found = self._do("GetBucketLifecycleConfiguration", lambda: self._server.bucket(Bucket))
        if not found.rules:
            raise _client_error(
                "GetBucketLifecycleConfiguration",
                S3Error(404, "NoSuchLifecycleConfiguration"),
            )
        return {"Rules": found.rules}

    def put_object_lock_configuration(self, *, Bucket: str, ObjectLockConfiguration: Any) -> None:
        """See boto3."""
        found = self._do("PutObjectLockConfiguration", lambda: self._server.bucket(Bucket))
        rule = ObjectLockConfiguration.get("Rule", {}).get("DefaultRetention")
        found.can_lock = True
        found.default = (rule["Mode"], rule["Days"]) if rule else None

    def put_object(
        self, *, Bucket: str, Key: str, Body: Any = b"", **options: Any
    ) -> dict[str, Any]:
        """See boto3."""
        body = Body if isinstance(Body, bytes) else Body.read()
        wants_sum = options.get("ChecksumAlgorithm") == "SHA256" or "ChecksumSHA256" in options
        if options.get("ChecksumSHA256", sha256_of(body)) != sha256_of(body):
            raise _client_error("PutObject", S3Error(400, "BadDigest"))
        made: Version = self._do(
            "PutObject",
            lambda: self._server.put(
                self._who,
                Bucket,
                Key,
                body,
                only_new=options.get("IfNoneMatch") == "*",
                mode=options.get("ObjectLockMode", ""),
                until=options.get("ObjectLockRetainUntilDate"),
                checksum=sha256_of(body) if wants_sum else "",
                metadata=options.get("Metadata"),
            ),
        )
        if options.get("ObjectLockLegalHoldStatus") == "ON":
            made.hold = True
        return {"VersionId": made.version_id, "ETag": made.etag}

    def head_object(self, *, Bucket: str, Key: str, VersionId: str = "") -> dict[str, Any]:
        """See boto3."""
        found: Version = self._do(
            "HeadObject", lambda: self._server.get(self._who, Bucket, Key, VersionId)
        )
        return _described(found)

    def get_object(self, *, Bucket: str, Key: str, VersionId: str = "") -> dict[str, Any]:
        """See boto3."""
        found: Version = self._do(
            "GetObject", lambda: self._server.get(self._who, Bucket, Key, VersionId)
        )
        return {**_described(found), "Body": SimResponse(found.body, {})}

    def copy_object(
        self, *, Bucket: str, Key: str, CopySource: Any, **options: Any
    ) -> dict[str, Any]:
        """See boto3."""

        def copy() -> Version:
            source = self._server.get(self._who, CopySource["Bucket"], CopySource["Key"])
            if options.get("CopySourceIfNoneMatch") == source.etag:
                raise S3Error(412, "PreconditionFailed")
            return self._server.put(self._who, Bucket, Key, source.body)

        return {"VersionId": self._do("CopyObject", copy).version_id}

    def delete_object(
        self, *, Bucket: str, Key: str, VersionId: str = "", **options: Any
    ) -> dict[str, Any]:
        """See boto3."""
        bypass = bool(options.get("BypassGovernanceRetention"))
        marker = self._do(
            "DeleteObject",
            lambda: self._server.delete(self._who, Bucket, Key, VersionId, bypass=bypass),
        )
        return {"VersionId": marker.version_id, "DeleteMarker": True} if marker else {}

    def get_object_retention(self, *, Bucket: str, Key: str, VersionId: str = "") -> dict[str, Any]:
        """See boto3."""
        found: Version = self._do(
            "GetObjectRetention", lambda: self._server.get(self._who, Bucket, Key, VersionId)
        )
        if found.until is None:
            raise _client_error("GetObjectRetention", S3Error(404, "NoSuchObjectLockConfiguration"))
        return {"Retention": {"Mode": found.mode, "RetainUntilDate": found.until}}

    def put_object_retention(
        self,
        *,
        Bucket: str,
        Key: str,
        Retention: Any,
        VersionId: str = "",
        **options: Any,
    ) -> None:
        """See boto3."""
        bypass = bool(options.get("BypassGovernanceRetention"))
        self._do(
            "PutObjectRetention",
            lambda: self._server.retain(
                self._who,
                Bucket,
                Key,
                VersionId,
                Retention["Mode"],
                Retention["RetainUntilDate"],
                bypass=bypass,
            ),
        )

    def put_object_legal_hold(
        self, *, Bucket: str, Key: str, LegalHold: Any, VersionId: str = ""
    ) -> None:
        """See boto3."""
        is_on = LegalHold["Status"] == "ON"
        self._do(
            "PutObjectLegalHold",
            lambda: self._server.hold(self._who, Bucket, Key, VersionId, on=is_on),
        )

    def get_object_legal_hold(
        self, *, Bucket: str, Key: str, VersionId: str = ""
    ) -> dict[str, Any]:
        """See boto3."""
        is_on = self._do(
            "GetObjectLegalHold",
            lambda: self._server.is_held(self._who, Bucket, Key, VersionId),
        )
        if not is_on:
            raise _client_error("GetObjectLegalHold", S3Error(404, "NoSuchObjectLockConfiguration"))
        return {"LegalHold": {"Status": "ON"}}

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "", **options: Any) -> dict[str, Any]:
        """See boto3."""
        found = self._do("ListObjectsV2", lambda: self._server.current(self._who, Bucket, Prefix))
        most = options.get("MaxKeys", 1000)
        rows = [
            {
                "Key": each.key,
                "Size": len(each.body),
                "ETag": each.etag,
                "LastModified": each.modified,
            }
            for each in found[:most]
        ]
        return {"Contents": rows, "KeyCount": len(rows), "IsTruncated": len(found) > most}

    def create_multipart_upload(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        """See boto3."""
        made = self._do(
            "CreateMultipartUpload", lambda: self._server.begin_upload(self._who, Bucket, Key)
        )
        return {"UploadId": made.upload_id}

    def upload_part(
        self,
        *,
        Bucket: str,
        Key: str,
        UploadId: str,
        PartNumber: int,
        Body: Any,
        **_: Any,
    ) -> dict[str, Any]:
        """See boto3."""
        body = Body if isinstance(Body, bytes) else Body.read()
        etag = self._do(
            "UploadPart",
            lambda: self._server.put_part(self._who, Bucket, Key, UploadId, PartNumber, body),
        )
        return {"ETag": etag, "ChecksumSHA256": sha256_of(body)}

    def complete_multipart_upload(
        self,
        *,
        Bucket: str,
        Key: str,
        UploadId: str,
        **options: Any,
    ) -> dict[str, Any]:
        """See boto3."""
        only_new = options.get("IfNoneMatch") == "*"
        made = self._do(
            "CompleteMultipartUpload",
            lambda: self._server.complete_upload(
                self._who, Bucket, Key, UploadId, only_new=only_new
            ),
        )
        return {"VersionId": made.version_id, "ETag": made.etag}

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> None:
        """See boto3."""
        self._do(
            "AbortMultipartUpload",
            lambda: self._server.abort_upload(self._who, Bucket, Key, UploadId),
        )

    def get_paginator(self, operation: str) -> _Pages:
        """See boto3; of uploads alone."""
        assert operation == "list_multipart_uploads"
        return _Pages(self)

    def _uploads(self, bucket: str, prefix: str) -> dict[str, Any]:
        found = self._do("ListMultipartUploads", lambda: self._server.bucket(bucket))
        return {
            "Uploads": [
                {"Key": upload.key, "UploadId": upload.upload_id}
                for upload in found.uploads.values()
                if upload.key.startswith(prefix)
            ]
        }


class _Pages:
    def __init__(self, s3: SimS3) -> None:
        self._s3 = s3

    def paginate(self, *, Bucket: str, Prefix: str = "", **_: Any) -> Iterator[dict[str, Any]]:
        yield self._s3._uploads(Bucket, Prefix)


class SimSts:
    """What is used of boto3's STS client."""

    def __init__(self, server: ObjectStoreServer, who: Identity) -> None:
        self._server, self._who = server, who

    def assume_role(
        self,
        *,
        RoleArn: str,
        DurationSeconds: int,
        Policy: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """See boto3."""
        try:
            identity, expires = self._server.assume_role(
                self._who, RoleArn, Policy, DurationSeconds
            )
        except S3Error as error:
            raise _client_error("AssumeRole", error) from None
        except NoAnswerError:
            raise botocore.EndpointConnectionError(endpoint_url="http://store.invalid") from None
        return {
            "Credentials": {
                "AccessKeyId": identity.access_key_id,
                "SecretAccessKey": f"secret of {identity.access_key_id}",
                "SessionToken": identity.token,
                "Expiration": expires,
            }
        }


class SimResponse:
    """What is used of urllib3's response."""

    def __init__(self, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        self._body = body
        self.headers = urllib3.HTTPHeaderDict(headers)
        self.status = status

    def read(self, amount: int | None = None, **_: Any) -> bytes:
        """Return the bytes, or some of them."""
        if amount is None:
            body, self._body = self._body, b""
        else:
            body, self._body = self._body[:amount], self._body[amount:]
        return body

    def stream(self, amount: int, **_: Any) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        while self._body:
            yield self.read(amount)

    def release_conn(self) -> None:
        """There is none."""

    def drain_conn(self) -> None:
        """There is none."""

    def close(self) -> None:
        """There is nothing to close."""


class SimWire:
    """What `glovebox.store.wire.Wire` gives."""

    def __init__(self, server: ObjectStoreServer, who: Identity) -> None:
        self._server, self._who = server, who
        self._tokens = itertools.count(1)

    def get(
        self,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> SimResponse:
        """See `Wire.get`."""
        found: SimResponse = self._do(lambda: self._get(bucket, key, query, headers or {}))
        return found

    def head(
        self,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """See `Wire.head`."""
        del headers
        found = self._do(
            lambda: self._server.get(self._who, bucket, key, query.get("versionId", ""))
        )
        return urllib3.HTTPHeaderDict(_headers(found))

    def _do(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except S3Error as error:
            raise AnswerError(error.status, error.code, error.words) from None
        except NoAnswerError:
            raise urllib3.exceptions.ProtocolError("the connection broke (simulated)") from None

    def _get(
        self, bucket: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> SimResponse:
        if not key and "versions" in query:
            return SimResponse(self._versions(bucket, query).encode(), {})
        if not key:
            return SimResponse(self._current(bucket, query).encode(), {})
        found = self._server.get(self._who, bucket, key, query.get("versionId", ""))
        body, sent = found.body, _headers(found)
        wanted = {name.lower(): value for name, value in headers.items()}.get("range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            body = body[int(first) : int(last) + 1 if last else None]
            sent["Content-Length"] = str(len(body))
            end = int(first) + len(body) - 1
            sent["Content-Range"] = f"bytes {int(first)}-{end}/{len(found.body)}"
            return SimResponse(body, sent, 206)
        return SimResponse(body, sent)

    def _versions(self, bucket: str, query: Mapping[str, str]) -> str:
        rows = self._server.versions(self._who, bucket, query.get("prefix", ""))
        after = (query.get("key-marker", ""), query.get("version-id-marker", ""))
        if after[0]:
            rows = [
                row
                for row in rows
                if row[0].key.encode() > after[0].encode()
                or (after[1] and row[0].key == after[0] and row[0].version_id < after[1])
            ]
        most = int(query.get("max-keys", "1000"))
        page = rows[:most]
        entries = "".join(_version_xml(version, latest=latest) for version, latest in page)
        more = len(rows) > most
        following = (
            f"<NextKeyMarker>{escape(page[-1][0].key)}</NextKeyMarker>"
            f"<NextVersionIdMarker>{page[-1][0].version_id}</NextVersionIdMarker>"
            if more
            else ""
        )
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListVersionsResult>{truncated}{following}{entries}</ListVersionsResult>"

    def _current(self, bucket: str, query: Mapping[str, str]) -> str:
        rows = self._server.current(self._who, bucket, query.get("prefix", ""))
        after = query.get("continuation-token") or query.get("start-after", "")
        rows = [row for row in rows if row.key.encode() > after.encode()]
        most = int(query.get("max-keys", "1000"))
        entries = "".join(
            f"<Contents><Key>{escape(row.key)}</Key><Size>{len(row.body)}</Size></Contents>"
            for row in rows[:most]
        )
        more = len(rows) > most
        following = (
            f"<NextContinuationToken>{escape(rows[most - 1].key)}</NextContinuationToken>"
            if more
            else ""
        )
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListBucketResult>{truncated}{following}{entries}</ListBucketResult>"


def _version_xml(version: Version, *, latest: bool) -> str:
    tag = "DeleteMarker" if version.is_marker else "Version"
    return (
        f"<{tag}><Key>{escape(version.key)}</Key><VersionId>{version.version_id}</VersionId>"
        f"<IsLatest>{str(latest).lower()}</IsLatest><Size>{len(version.body)}</Size>"
        f"<LastModified>{version.modified.strftime(_ISO)}</LastModified></{tag}>"
    )


def _described(version: Version) -> dict[str, Any]:
    found: dict[str, Any] = {
        "VersionId": version.version_id,
        "ETag": version.etag,
        "ContentLength": len(version.body),
        "LastModified": version.modified,
        "Metadata": version.metadata,
    }
    if version.mode:
        found |= {"ObjectLockMode": version.mode, "ObjectLockRetainUntilDate": version.until}
    if version.hold:
        found["ObjectLockLegalHoldStatus"] = "ON"
    return found


def _headers(version: Version) -> dict[str, str]:
    found = {
        "Content-Length": str(len(version.body)),
        "ETag": version.etag,
        "Last-Modified": format_datetime(version.modified.astimezone(UTC), usegmt=True),
        "x-amz-version-id": version.version_id,
    }
    if version.mode and version.until is not None:
        found |= {
            "x-amz-object-lock-mode": version.mode,
            "x-amz-object-lock-retain-until-date": version.until.strftime(_ISO),
        }
    if version.hold:
        found["x-amz-object-lock-legal-hold"] = "ON"
    if version.checksum:
        found |= {
            "x-amz-checksum-sha256": version.checksum,
            "x-amz-checksum-type": "FULL_OBJECT",
        }
    return found


class _Inline:
    """A pool of threads without threads."""

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)
        return future


class _NoLoop:
    """Nobody to give way to: jobs are played on the loop itself."""

    def serve(self, loop: Any) -> None:
        """See `LoopFirst`."""

    def give_way(self) -> None:
        """See `LoopFirst`."""


class _NoPools:
    control = jobs = None
    reads = _Inline()

    def __init__(self) -> None:
        self.running: set[Any] = set()
        self.turn = threading.Lock()
        self.hashing = threading.Lock()
        self.loop_first = _NoLoop()

    def close(self) -> None:
        """There are no threads."""


class SimStore(Store):
    """One store as one user or session sees it: the operator's own `Store` with other clients."""

    def __init__(self, settings: StoreSettings, server: ObjectStoreServer) -> None:
        self.settings = settings
        self._server = server
        self._pools: Any = _NoPools()
        who = identity_of(settings.credentials)
        # In place of the cached properties.
        self.__dict__ |= {
            "s3": SimS3(server, who),
            "sts": SimSts(server, who),
            "wire": SimWire(server, who),
        }

    def with_credentials(self, credentials: Credentials) -> Store:
        """Return the same store as another user or session sees it."""
        old = self.settings
        changed = StoreSettings(
            old.endpoint, old.region, old.path_style, credentials, old.sts_endpoint
        )
        return SimStore(changed, self._server)

    def renewing(self, issue: Callable[[], Credentials]) -> Store:
        """Return the same store as sessions see it that follow one another."""
        return RenewingSimStore(self.settings, self._server, issue)

    def at_once(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make the calls in turn, so that each seed plays the same story."""
        return [call() for call in calls]


class RenewingSimStore(SimStore):
    """The store as sessions see it: the SDK's renewal, in virtual time.

    Args:
        settings: Of the store.
        server: The stand-in.
        issue: Issues the next session.
    """

    def __init__(
        self, settings: StoreSettings, server: ObjectStoreServer, issue: Callable[[], Credentials]
    ) -> None:
        super().__init__(settings, server)
        self._issue = issue
        self._session: Any = None

    @property
    def s3(self) -> Any:
        """See `SimStore`."""
        return SimS3(self._server, self._who())

    @property
    def wire(self) -> Any:
        """See `SimStore`."""
        return SimWire(self._server, self._who())

    def _who(self) -> Identity:
        session: Credentials | None = self._session
        if session is None or (
            session.expire_time is not None and session.expire_time <= self._server.now() + _AHEAD
        ):
            self._session = session = self._issue()
        return identity_of(session)


class SimStores(Stores):
    """All stores of a process, which are one stand-in."""

    def __init__(self, server: ObjectStoreServer) -> None:
        self._server = server
        self._known: dict[StoreSettings, SimStore] = {}

    def open(self, settings: StoreSettings) -> Store:
        """Return the store of these settings."""
        return self._known.setdefault(settings, SimStore(settings, self._server))

    def forget(self, settings: StoreSettings) -> None:
        """Drop a store."""
        self._known.pop(settings, None)

    async def close(self) -> None:
        """There is nothing to close."""
