"""What was computed of a pin, as objects beside its manifest: written once under their digest.

    .glovebox/statistics/<manifest>/<digest>.json

They are held as long as the manifest is, and are let go with it: see `manifest_holds.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import InvalidInput
from glovebox.store.errors import translated
from glovebox.store.evidence_objects import versions_of
from glovebox.store.manifests import object_chunks
from glovebox.store.putting import measured, put_version

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/statistics/"
# 64 columns with a hundred values each, and the names of all others, are far below.
MAX_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class DocumentLocation:
    """Where a document lies.

    Args:
        bucket: The bucket of artifacts.
        key: Ends in the hex of its digest.
        version_id: The version that was written or verified.
        digest: `sha256:<hex>` of its bytes.
        bytes: Its size.
    """

    bucket: str
    key: str
    version_id: str
    digest: str
    bytes: int


def folder_of(manifest: str) -> str:
    """Return below which prefix the documents of the manifest with this digest lie."""
    return f"{PREFIX}{manifest.removeprefix(DIGEST_PREFIX)}/"


def store_document(
    store: Store, bucket: str, manifest: str, body: bytes, stop: Stop, *, held: bool
) -> DocumentLocation:
    """Write a document unless it is there; return that one, held. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        manifest: Digest of the manifest that it lies beside.
        body: Its bytes.
        stop: Looked at between requests.
        held: Whether it gets a legal hold: the bucket has an object lock.

    Raises:
        GloveboxError: The store does not answer, denies it, or does not give versions to what it
            stores.
    """
    digest = hashlib.sha256(body).hexdigest()
    key = f"{folder_of(manifest)}{digest}.json"
    found = _find(store, bucket, key, body, stop)
    if found is None:
        # Somebody may write something else under this name meanwhile: ours is a version of its own.
        found = put_version(store, bucket, key, body, measured(body), only_new=False, held=held)
    elif held:
        with translated(f"protect s3://{bucket}/{key}"):
            store.s3.put_object_legal_hold(
                Bucket=bucket, Key=key, VersionId=found, LegalHold={"Status": "ON"}
            )
    if not found or found == "null":
        raise InvalidInput(
            reasons.VERSIONING_REQUIRED,
            f"bucket {bucket} gave no version to what was written there; enable versioning on it",
        )
    return DocumentLocation(bucket, key, found, DIGEST_PREFIX + digest, len(body))


def fetch_document(store: Store, at: DocumentLocation, stop: Stop) -> bytes:
    """Return the bytes of a document. Blocks.

    Raises:
        InvalidInput: It is gone (`ObjectNotFound`), or differs from its digest (`ManifestDiffers`).
        GloveboxError: The store failed.
    """
    body = bytearray()
    for chunk in object_chunks(store, at.bucket, at.key, at.version_id, stop):
        body += chunk
        if len(body) > MAX_BYTES:
            break
    if DIGEST_PREFIX + hashlib.sha256(body).hexdigest() != at.digest:
        raise InvalidInput(
            reasons.MANIFEST_DIFFERS,
            f"s3://{at.bucket}/{at.key} version {at.version_id} is not what was recorded: its"
            f" digest is not {at.digest}",
        )
    return bytes(body)


def _find(store: Store, bucket: str, key: str, body: bytes, stop: Stop) -> str | None:
    """Return a version under the key that holds exactly these bytes."""
    for version in versions_of(store, bucket, key, stop):
        held = bytearray()
        for chunk in object_chunks(store, bucket, key, version, stop):
            held += chunk
            if len(held) > len(body):
                break
        if held == body:
            return version
    return None
