"""A store in memory for what a real one is too slow for: any number of small made-up objects.

What is written to it goes to files, so that the memory of a process that pins or seals a million
objects is that of the code under test. It knows no locks and no errors: those are tested on real
stores.
"""

from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from glovebox.store.answers import AnswerError
from glovebox.store.connection import Credentials, Pools, Store, StoreSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Body:
    """An answer with a body, as the store's own requests see it."""

    def __init__(self, raw: bytes | Path, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self._raw = raw

    def read(self) -> bytes:
        return self._raw if isinstance(self._raw, bytes) else self._raw.read_bytes()

    def stream(self, size: int, *, decode_content: bool) -> Iterator[bytes]:
        del decode_content
        if isinstance(self._raw, bytes):
            yield self._raw
            return
        with self._raw.open("rb") as file:
            while chunk := file.read(size):
                yield chunk

    def release_conn(self) -> None:
        """There is none."""

    drain_conn = close = release_conn


_PIECE = bytes(1 << 20)


class Zeros(Body):
    """An answer with so many bytes, none of which is kept."""

    def __init__(self, size: int, headers: Mapping[str, str]) -> None:
        super().__init__(b"", headers)
        self._size = size

    def stream(self, size: int, *, decode_content: bool) -> Iterator[bytes]:
        del decode_content
        piece = _PIECE[:size]
        for _ in range(self._size // len(piece)):
            yield piece
        if rest := self._size % len(piece):
            yield piece[:rest]


class SyntheticStore(Store):
    """Objects `<prefix>0000000`, ... in one bucket, and whatever is written beside them.

    Args:
        bucket: Of the objects.
        prefix: Of their keys, ending in `/`.
        objects: How many there are.
        folder: Where written objects are kept.
        size: Of each object; 0 for its own key as its bytes.
    """

    def __init__(self, bucket: str, prefix: str, objects: int, folder: Path, size: int = 0) -> None:
        settings = StoreSettings("http://synthetic", credentials=Credentials("k", "s"))
        self.pools = Pools(control=2, jobs=2, reads=8)
        super().__init__(settings, self.pools)
        self._wire = SyntheticWire(bucket, prefix, objects, folder, size)

    @property
    def wire(self) -> Any:
        return self._wire

    @property
    def s3(self) -> Any:
        return self._wire


# What the bucket's default gives to whatever is written.
_LOCK = {
    "x-amz-object-lock-mode": "COMPLIANCE",
    "x-amz-object-lock-retain-until-date": "2030-01-01T00:00:00Z",
}


class SyntheticWire:
    """Both interfaces of a store: signed requests, and the few calls of the SDK that are used."""

    def __init__(self, bucket: str, prefix: str, objects: int, folder: Path, size: int = 0) -> None:
        self._size = size
        self._bucket = bucket
        self._prefix = prefix
        self._objects = objects
        self._folder = folder
        self.written: dict[tuple[str, str], Path] = {}
        self._writing = threading.Lock()
        self.reads = 0

    def get(
        self,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        del headers
        if key == "":
            return Body(self._page(bucket, query), {})
        raw, about = self._object(bucket, key)
        self.reads += 1
        is_made_up = isinstance(raw, bytes) and self._size
        return Zeros(self._size, about) if is_made_up else Body(raw, about)

    def head(
        self,
        bucket: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        del query, headers
        return self._object(bucket, key)[1]

    def get_bucket_versioning(self, **_: Any) -> dict[str, str]:
        return {"Status": "Enabled"}

    def get_paginator(self, _: str) -> Any:
        class Nothing:
            def paginate(self, **_: Any) -> list[dict[str, Any]]:
                return []

        return Nothing()

    def put_object(self, **request: Any) -> dict[str, str]:
        bucket, key, body = request["Bucket"], request["Key"], request["Body"]
        name = hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()
        source = io.BytesIO(body) if isinstance(body, bytes) else body
        with self._writing, (self._folder / name).open("wb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)
            self.written[bucket, key] = self._folder / name
        return {"VersionId": name[:32]}

    def delete_object(self, **request: Any) -> dict[str, str]:
        self.written.pop((request["Bucket"], request["Key"]), None)
        return {}

    def _object(self, bucket: str, key: str) -> tuple[bytes | Path, dict[str, str]]:
        path = self.written.get((bucket, key))
        if path is not None:
            size, version = path.stat().st_size, path.name[:32]
            return path, {"Content-Length": str(size), "x-amz-version-id": version} | _LOCK
        number = key.removeprefix(self._prefix)
        if bucket != self._bucket or not number.isdigit() or int(number) >= self._objects:
            raise AnswerError(404, "NoSuchKey")
        raw = key.encode()
        return raw, {
            "Content-Length": str(self._size or len(raw)),
            "x-amz-version-id": _version(int(number)),
        } | _LOCK

    def _sizes(self, bucket: str, key: str) -> int:
        """Return what a listing says of a key."""
        is_made_up = self._size and (bucket, key) not in self.written
        return self._size if is_made_up else len(key)

    def _page(self, bucket: str, query: Mapping[str, str]) -> bytes:
        prefix, most = query["prefix"], int(query["max-keys"])
        if bucket == self._bucket and prefix == self._prefix:
            start = int(query.get("key-marker") or query.get("continuation-token") or -1) + 1
            end = min(start + most, self._objects)
            keys = [(f"{prefix}{number:07d}", _version(number)) for number in range(start, end)]
            last, more = str(end - 1), end < self._objects
        else:
            found = [
                (key, path.name[:32])
                for (where, key), path in sorted(self.written.items())
                if where == bucket and key.startswith(prefix)
            ]
            keys, last, more = found, "", False
        tag = "Version" if "versions" in query else "Contents"
        rows = "".join(
            f"<{tag}><Key>{escape(key)}</Key><VersionId>{version}</VersionId>"
            f"<Size>{self._sizes(bucket, key)}</Size><IsLatest>true</IsLatest></{tag}>"
            for key, version in keys
        )
        following = f"<NextKeyMarker>{last}</NextKeyMarker>"
        following += f"<NextContinuationToken>{last}</NextContinuationToken>"
        return (
            f"<ListResult>{rows}<IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{following if more else ''}</ListResult>"
        ).encode()


def _version(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]
