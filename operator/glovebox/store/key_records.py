"""The published keys as objects beside the evidence: written once, locked, and held.

For each key that ever signed, `<id>.pem` is its public half; `<id>.dsse.json` is the list of all
keys as it was when this one took over, signed by it: what brings the list back when the cluster
lost it. Such a record is believed for its signature alone, by whoever has that key.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.evidence.envelope import opened, sign
from glovebox.evidence.keys import TrustBundle, encode_bundle, read_bundle
from glovebox.store.errors import translated
from glovebox.store.evidence_objects import versions_of
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks

if TYPE_CHECKING:
    from glovebox.evidence.signer import Signer
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/keys/"
PAYLOAD_TYPE: Final = "application/vnd.glovebox.keys+json"


def publish_keys(
    store: Store, bucket: str, signer: Signer, bundle: TrustBundle, *, locked: bool
) -> None:
    """Write the public half of the key that signs, and the list of all, unless they are there.

    Blocks.

    Raises:
        GloveboxError: The store does not answer or denies it; calling again is safe.
    """
    record = sign(encode_bundle(bundle), signer, PAYLOAD_TYPE)
    _put_new(store, bucket, f"{PREFIX}{signer.key_id}.pem", signer.public.encode(), locked=locked)
    _put_new(store, bucket, f"{PREFIX}{signer.key_id}.dsse.json", record, locked=locked)


def read_record(store: Store, bucket: str, signer: Signer, stop: Stop) -> TrustBundle | None:
    """Return the list of keys that this key signed when it took over, or None. Blocks."""
    own = read_bundle(signer.public)
    key = f"{PREFIX}{signer.key_id}.dsse.json"
    for version in versions_of(store, bucket, key, stop):
        body = b"".join(object_chunks(store, bucket, key, version, stop))
        try:
            return read_bundle(opened(body, own, PAYLOAD_TYPE).payload.decode())
        except (InvalidInput, UnicodeDecodeError):
            continue  # somebody else's, under this name
    return None


def has_records(store: Store, bucket: str, stop: Stop) -> bool:
    """Return whether any key was ever published here. Blocks."""
    return any(True for _ in list_versions(store.wire, bucket, PREFIX, stop))


def _put_new(store: Store, bucket: str, key: str, body: bytes, *, locked: bool) -> None:
    options: dict[str, Any] = {"ObjectLockLegalHoldStatus": "ON"} if locked else {}
    try:
        with translated(f"write s3://{bucket}/{key}"):
            store.s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentLength=len(body),
                ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
                IfNoneMatch="*",
                **options,
            )
    except GloveboxError as error:
        if error.reason != reasons.PRECONDITION_FAILED:
            raise
