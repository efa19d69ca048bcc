"""Rows of the parts of splits, as objects: written once under names that the split itself gives.

    .glovebox/splits/<namespace>/<split>/<part>/<path>     the rows of one part out of one table
    .glovebox/splits/<namespace>/<split>.json              what the split came to

`<split>` is from the split's digest: the same rule over the same content has the same name. What is
there already with the same bytes is used as it is, so an attempt that is repeated writes nothing
twice. Neither a run's credentials nor other pins than those of parts cover these keys, and the
bucket's default retention locks them.

The library that writes tables may come to other bytes for the same rows once it is another version.
So what a split came to is recorded, and the first record counts whose parts are there.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.split_result import SplitFound
from glovebox.errors import InvalidInput
from glovebox.store.errors import translated
from glovebox.store.evidence_objects import versions_of
from glovebox.store.listing import head_current, list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.putting import measured, put, put_version
from glovebox.store.reading import digest_version
from glovebox.store.source_access import SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glovebox.store.connection import Stop, Store

FORMAT: Final = "glovebox.dev/split-result/v1"
_FOUND: Final = TypeAdapter(SplitFound)


def split_prefix(namespace: str, digest: str) -> str:
    """Return where the objects of a split lie.

    Args:
        namespace: Of the SplitPin.
        digest: Of the split.
    """
    return f"{SPLITS}{namespace}/{digest.removeprefix(DIGEST_PREFIX)[:32]}/"


def store_part_object(
    store: Store, bucket: str, key: str, path: str, file: IO[bytes], stop: Stop
) -> Entry:
    """Write the rows of a part unless they are there; return the entry of its manifest. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        key: The whole key.
        path: Within the part.
        file: The bytes, read from the start.
        stop: Looked at between requests.

    Raises:
        GloveboxError: The store does not answer, denies it, or does not give versions to what it
            stores.
    """
    file.seek(0)
    digest, size = measured(file)
    written = put_version(store, bucket, key, file, (digest, size), only_new=True)
    found = _find(store, bucket, key, digest, size, stop) if written is None else None
    if written is None and found is None:
        # Other bytes have the name: of another version of the library, or of somebody else. A
        # version of our own hurts nobody.
        written = put_version(store, bucket, key, file, (digest, size), only_new=False)
    version = found or _require_version(bucket, written or "")
    return Entry(path, size, digest.hex(), bucket, key, version, DigestSource.COMPUTED)


def _require_version(bucket: str, version: str) -> str:
    if not version or version == "null":
        raise InvalidInput(
            reasons.VERSIONING_REQUIRED,
            f"bucket {bucket} gave no version to the part written there; enable versioning on it",
        )
    return version


def _find(store: Store, bucket: str, key: str, digest: bytes, size: int, stop: Stop) -> str | None:
    """Return the version under the key that holds exactly these bytes, the current one first."""
    with translated(f"look for s3://{bucket}/{key}"):
        current = head_current(store.wire, bucket, key)
    is_alike = current is not None and current.size == size
    if is_alike and current and _holds(store, bucket, key, current.version_id, digest, stop):
        return current.version_id
    for version in list_versions(store.wire, bucket, key, stop):
        if (
            version.key == key
            and not version.is_delete_marker
            and version.size == size
            and _holds(store, bucket, key, version.version_id, digest, stop)
        ):
            return version.version_id
    return None


def _holds(store: Store, bucket: str, key: str, version_id: str, digest: bytes, stop: Stop) -> bool:
    try:
        found = digest_version(
            store.wire,
            bucket,
            key,
            version_id,
            minimum=DigestSource.COMPUTED,
            stop=stop,
            hashing=store.hashing,
        )
    except InvalidInput as error:
        if error.reason == reasons.OBJECT_NOT_FOUND:
            return False
        raise
    return found.sha256 == digest.hex()


def read_splits(store: Store, bucket: str, prefix: str, stop: Stop) -> Iterator[SplitFound]:
    """Yield what a split is recorded to have come to, what was recorded first first. Blocks."""
    key = _record_key(prefix)
    for version in versions_of(store, bucket, key, stop):
        found = parse_record(b"".join(object_chunks(store, bucket, key, version, stop)))
        if found is not None:
            yield found


def record_split(
    store: Store,
    bucket: str,
    prefix: str,
    found: SplitFound,
    stop: Stop,
    stands: Callable[[SplitFound], bool],
) -> SplitFound:
    """Write what a split came to; return what counts. Blocks.

    That is the first record whose parts are there: what was lost since, and made again, has another
    record beside the first one.

    Args:
        store: Where.
        bucket: The bucket of artifacts.
        prefix: Of the split.
        found: What it came to.
        stop: Looked at between requests.
        stands: Whether the parts of a record are there.
    """
    key, body = _record_key(prefix), render_record(found)
    if put(store, bucket, key, body, only_new=True):
        return found
    first = next(filter(stands, read_splits(store, bucket, prefix, stop)), None)
    if first is not None:
        return first
    put(store, bucket, key, body, only_new=False)
    # Another attempt may have done the same at the same time: all take the first one.
    return next(filter(stands, read_splits(store, bucket, prefix, stop)), found)


def render_record(found: SplitFound) -> bytes:
    """Return the record of what a split came to."""
    return canonical_json({"format": FORMAT, "found": _FOUND.dump_python(found, mode="json")})


def parse_record(body: bytes) -> SplitFound | None:
    """Return what a record says; None where it is somebody else's, under this name."""
    try:
        document = orjson.loads(body)
        if document["format"] != FORMAT:
            return None
        return _FOUND.validate_python(document["found"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValidationError):
        return None


def _record_key(prefix: str) -> str:
    return f"{prefix.removesuffix('/')}.json"
