"""Notes that pinned versions were found broken: what is recorded of them is not believed any more.

    .glovebox/pins-doubted/<pin root>.json

A pin that is created again is what its record says (`pin_records.py`), by a listing alone; which
shows nothing of bytes that changed below S3. Where there is a note, every byte is read instead. A
note stays, also when the versions are whole again: it costs whoever creates the pin again one
reading, and nobody has to be believed that it may go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.store.evidence_objects import versions_of
from glovebox.store.putting import put_first

if TYPE_CHECKING:
    from glovebox.store.connection import Stop, Store

PREFIX: Final = ".glovebox/pins-doubted/"
FORMAT: Final = "glovebox.dev/pin-doubted/v1"


def note_doubt(
    store: Store, bucket: str, pin_root: str, found: str, proof: str, stop: Stop
) -> None:
    """Note that versions of a pin were found broken, unless that is noted. Blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        pin_root: Which versions.
        found: What was found, for a person.
        proof: When the proof began that found it, RFC 3339.
        stop: Looked at between requests.

    Raises:
        GloveboxError: It could not be written.
    """
    document = {"format": FORMAT, "pinDigest": pin_root, "found": found, "proofStarted": proof}
    put_first(store, bucket, _key(pin_root), canonical_json(document), stop)


def is_doubted(store: Store, bucket: str, pin_root: str, stop: Stop) -> bool:
    """Return whether versions of a pin were ever found broken. Blocks.

    Raises:
        GloveboxError: The store does not answer.
    """
    return any(True for _ in versions_of(store, bucket, _key(pin_root), stop))


def _key(pin_root: str) -> str:
    return f"{PREFIX}{pin_root.removeprefix(DIGEST_PREFIX)}.json"
