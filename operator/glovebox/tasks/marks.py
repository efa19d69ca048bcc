"""Marks what a task keeps in the bucket for a later attempt, or for the operator, as its own.

Check-points and results say which version has which digest, and a seal is signed over that. Whoever
may write to the bucket could write such a digest as well, and nobody would read the bytes again. So
each is marked with a key that follows from the operator's own key for the store, which the Job of a
task has too: it stands in no object, and a key that was changed costs no more than reading again.

Where the credentials are those of the operator's pod there is no key that lasts, and nothing is
marked.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from glovebox.store.connection import Store

_PURPOSE: Final = b"glovebox.dev/task-marks/v1"
_BYTES: Final = hashlib.sha256().digest_size


def marked(store: Store, place: str, body: bytes) -> bytes:
    """Return bytes with the mark that they were written by the operator, at that place.

    Args:
        store: Of the bucket.
        place: Bucket and key, or the beginning of keys that belong together.
        body: The bytes.
    """
    key = _key(store)
    return body if key is None else body + _mark(key, place, body)


def unmarked(store: Store, place: str, stored: bytes) -> bytes | None:
    """Return the bytes without their mark; None where somebody else wrote them."""
    key = _key(store)
    if key is None:
        return stored
    body, mark = stored[:-_BYTES], stored[-_BYTES:]
    return body if hmac.compare_digest(mark, _mark(key, place, body)) else None


def _key(store: Store) -> bytes | None:
    keys = store.settings.credentials
    if keys is None:
        return None
    return hmac.digest(keys.secret_access_key.encode(), _PURPOSE, "sha256")


def _mark(key: bytes, place: str, body: bytes) -> bytes:
    return hmac.digest(key, place.encode() + b"\0" + body, "sha256")
