"""Changes the bytes of an object version below S3, as a broken disk or a person on a node does."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.own_store import RunningStore

_EDGE = "rotting"


def rot(seaweed: RunningStore, bucket: str, key: str, version: str, body: bytes) -> None:
    """Write other bytes of the same size in the place where the version's bytes are.

    It is done below the filer, so that all that S3 knows of the version (its id, size, ETag,
    checksum and lock) stays what it was.
    """
    where = f"{seaweed.filer}/buckets/{bucket}/{key}.versions/v_{version}?metadata=true"
    with urllib.request.urlopen(where) as answer:  # noqa: S310 - our own loopback address
        entry = json.load(answer)
    (chunk,) = entry["chunks"]
    assert int(chunk["size"]) == len(body)
    head = (
        f'--{_EDGE}\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    request = urllib.request.Request(  # noqa: S310 - as above
        f"{seaweed.volume}/{chunk['file_id']}",
        data=head.encode() + body + f"\r\n--{_EDGE}--\r\n".encode(),
        method="POST",
        headers={"Content-Type": f"multipart/form-data; boundary={_EDGE}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        assert answer.status == 201
