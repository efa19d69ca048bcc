"""The published keys as objects beside the evidence: written once, locked, and held.

For each key that ever signed, `<id>.pem` is its public half; `<id>.dsse.json` is the list of all
keys as it was when this one took over, signed by it: what brings the list back when the cluster
lost it. Such a record is believed for its signature alone, by whoever has that key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import opened, sign
from glovebox.evidence.keys import TrustBundle, encode_bundle, read_bundle
from glovebox.store.evidence_objects import versions_of
from glovebox.store.listing import list_versions
from glovebox.store.manifests import object_chunks
from glovebox.store.putting import put
from glovebox.store.waits import KEYS_PREFIX

if TYPE_CHECKING:
    from glovebox.evidence.signer import Signer
    from glovebox.store.connection import Stop, Store

PREFIX: Final = KEYS_PREFIX
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
    for name, body in (("pem", signer.public.encode()), ("dsse.json", record)):
        put(store, bucket, f"{PREFIX}{signer.key_id}.{name}", body, only_new=True, held=locked)


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
