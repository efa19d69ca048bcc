"""Ends uploads in parts, so that none of them can complete behind a seal, and looks that it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.errors import GloveboxError, Unavailable
from glovebox.store.errors import translated

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

# A session that is still valid may begin new ones meanwhile.
_ROUNDS: Final = 10


def end_uploads(store: Store, bucket: str, prefix: str, stop: Stop) -> int:
    """End all uploads below a prefix until the store shows none; return how many. Blocks.

    Raises:
        Unavailable: The store still shows some, however often they are ended.
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    ended: set[str] = set()
    for _ in range(_ROUNDS):
        stop.check()
        found = _open_uploads(store, bucket, prefix)
        if not found:
            return len(ended)
        for key, upload in found:
            _end(store, bucket, key, upload)
            ended.add(upload)
    raise Unavailable(
        reasons.SEALING,
        f"s3://{bucket}/{prefix} still has open uploads after they were ended {_ROUNDS} times; it"
        " is sealed once there are none",
    )


def _open_uploads(store: Store, bucket: str, prefix: str) -> list[tuple[str, str]]:
    """Return key and id of the uploads below a prefix.

    All of the bucket are listed: some stores take the prefix of this listing for a whole key.
    """
    with translated(f"list open uploads below s3://{bucket}/{prefix}"):
        return [
            (upload["Key"], upload["UploadId"])
            for page in store.s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
            for upload in page.get("Uploads") or ()
            if upload["Key"].startswith(prefix)
        ]


def _end(store: Store, bucket: str, key: str, upload: str) -> None:
    try:
        with translated(f"end the upload of s3://{bucket}/{key}"):
            store.s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except GloveboxError as error:
        # It ended by itself meanwhile; what it wrote is in the listing that follows.
        if error.reason != reasons.OBJECT_NOT_FOUND:
            raise
