"""Changes the bytes of an object version below S3, as a broken disk or a person on a node does."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

from glovebox_local.demo.stories.disk import overwrite

if TYPE_CHECKING:
    from support.own_store import RunningStore


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
    assert overwrite(f"{seaweed.volume}/{chunk['file_id']}", body) == 201
