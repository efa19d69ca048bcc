"""Where results and checkpoints go: a prefix of the store, or a folder, to try it at home."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, Protocol


class Folder(Protocol):
    """A place for objects, each there whole or not at all."""

    def names(self) -> list[str]:
        """Return the names of all, sorted."""

    def get(self, name: str) -> bytes:
        """Return the bytes of one."""

    def put(self, name: str, body: bytes) -> None:
        """Write one."""


def folder_of(uri: str) -> Folder:
    """Return the place that a URI names: `s3://bucket/prefix/` or `file:///folder/`."""
    if uri.startswith("file://"):
        return _Directory(Path(uri.removeprefix("file://")))
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return _Prefix(bucket, prefix)


class _Prefix:
    def __init__(self, bucket: str, prefix: str) -> None:
        import boto3  # noqa: PLC0415 - not needed at home

        # Endpoint and session come from the environment.
        self._s3: Any = boto3.client("s3")
        self._bucket, self._prefix = bucket, prefix

    def names(self) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return sorted(key.removeprefix(self._prefix) for key in keys)

    def get(self, name: str) -> bytes:
        found = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name)
        return bytes(found["Body"].read())

    def put(self, name: str, body: bytes) -> None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self._s3.put_object(
            Bucket=self._bucket, Key=self._prefix + name, Body=body, ChecksumSHA256=digest
        )


class _Directory:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("[!.]*"))

    def get(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def put(self, name: str, body: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        incoming = self._folder / f".{name}"
        incoming.write_bytes(body)
        incoming.rename(self._folder / name)
