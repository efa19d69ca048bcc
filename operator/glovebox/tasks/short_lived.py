"""Objects of the operator's own in the bucket of artifacts that are not evidence.

They lie under the operator's own prefix, which no run's credentials and no pin cover. Where the
bucket has a lock, each gets the shortest one, so that it can be deleted when nobody needs it any
more; one that cannot be deleted then only takes room.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from glovebox.errors import GloveboxError
from glovebox.store.connection import Stop, Store
from glovebox.store.errors import translated
from glovebox.store.listing import list_versions

PREFIX: Final = ".glovebox/tasks/"
# Long enough that clocks which differ a little do not make it end in the past.
LOCK_SECONDS: Final = 300


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


def put_short_lived(
    store: Store,
    bucket: str,
    key: str,
    body: bytes,
    *,
    locked: bool,
    only_new: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Write an object that is to be deleted later. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        key: Below `PREFIX`.
        body: Its bytes.
        locked: Whether the bucket has an object lock.
        only_new: Whether it is refused where something is there.
        now: The present time.

    Raises:
        GloveboxError: It could not be written; `PreconditionFailed` where it was refused.
    """
    options: dict[str, Any] = {"IfNoneMatch": "*"} if only_new else {}
    if locked:
        until = now() + timedelta(seconds=LOCK_SECONDS)
        options |= {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    with translated(f"write s3://{bucket}/{key}"):
        store.s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
            **options,
        )


def delete_below(
    store: Store,
    bucket: str,
    prefix: str,
    stop: Stop,
    *,
    kept: Callable[[str], bool] = lambda key: False,  # noqa: ARG005 - nothing is kept
) -> None:
    """Delete every version below a prefix that lets itself be deleted; the rest stays. Blocks."""
    with contextlib.suppress(GloveboxError):
        for version in list_versions(store.wire, bucket, prefix, stop):
            if not kept(version.key):
                _delete(store, bucket, version.key, version.version_id)


def _delete(store: Store, bucket: str, key: str, version_id: str) -> None:
    with contextlib.suppress(GloveboxError), translated(f"delete s3://{bucket}/{key}"):
        store.s3.delete_object(Bucket=bucket, Key=key, VersionId=version_id)
