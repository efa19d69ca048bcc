"""Events of lineage as they lie beside the evidence of their run: the record of what is delivered.

    .glovebox/seals/<uid>/lineage.<SHA-256>.json

Each is named by its digest, so that writing it again after a crash changes nothing, and nobody
else's bytes can stand for it. The bucket locks them as everything in it; with the seal they are
locked for as long as that is.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from glovebox.data.digest import DIGEST_PREFIX
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.store.evidence_objects import find_by_digest, put_document
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.retention import lock_of, retain
from glovebox.store.sealing import PREFIX, seal_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glovebox.store.connection import Stop, Store

# An experiment has at most 96 inputs; what is longer is no event of ours.
_EVENT_BYTES: Final = 4 << 20
_KEY: Final = re.compile(re.escape(PREFIX) + r"[0-9A-Za-z-]+/lineage\.([0-9a-f]{64})\.json")


def lineage_key(uid: str, digest: str) -> str:
    """Return the key of an event of the Experiment with that UID."""
    return f"{seal_folder(uid)}lineage.{digest.removeprefix(DIGEST_PREFIX)}.json"


def write_lineage(store: Store, bucket: str, uid: str, body: bytes, stop: Stop) -> str:
    """Write an event unless it is there; return its key. Blocks.

    Raises:
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    key = lineage_key(uid, DIGEST_PREFIX + hashlib.sha256(body).hexdigest())
    put_document(store, bucket, key, body, stop)
    return key


def keep_as_long_as_the_seal(
    store: Store, bucket: str, uid: str, statement: str, digests: Iterable[str], stop: Stop
) -> str:
    """Lock events for as long as the seal; return why that is not possible, or nothing. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        uid: Of the Experiment.
        statement: Version of the signed statement.
        digests: Of the events.
        stop: Looked at between requests.
    """
    lock = lock_of(store, bucket, seal_folder(uid) + STATEMENT_NAME, statement)
    keys = [(lineage_key(uid, digest), digest) for digest in digests]
    found = [(key, find_by_digest(store, bucket, key, digest, stop)) for key, digest in keys]
    versions = [(key, version) for key, version in found if version is not None]
    return retain(store, bucket, versions, lock, stop, final=True)


def is_lineage_key(key: str, digest: str) -> bool:
    """Whether a key is that of an event with that digest, and of nothing else in the bucket."""
    match = _KEY.fullmatch(key)
    return match is not None and DIGEST_PREFIX + match[1] == digest


def read_lineage(store: Store, bucket: str, key: str, stop: Stop) -> bytes | None:
    """Return the event that a key names by its digest; None where it is not there. Blocks."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    version = find_by_digest(store, bucket, key, DIGEST_PREFIX + match[1], stop)
    if version is None:
        return None
    body = bytearray()
    for chunk in object_chunks(store, bucket, key, version, stop):
        body += chunk
        if len(body) > _EVENT_BYTES:
            return None
    return bytes(body)


def list_lineage(store: Store, bucket: str, stop: Stop) -> Iterator[str]:
    """Yield the keys of all events in a bucket. Blocks."""
    last = ""
    for row in list_versions(store.wire, bucket, PREFIX, stop):
        if row.key != last and not row.is_delete_marker and _KEY.fullmatch(row.key):
            last = row.key
            yield row.key
