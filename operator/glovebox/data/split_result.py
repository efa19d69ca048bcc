"""What a split came to: its parts, each with its identity, its manifest and its counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from glovebox.data.digest import DIGEST_PREFIX


@dataclass(frozen=True, slots=True)
class PartFound:
    """One part.

    Attributes:
        name: As it is declared.
        content, pin: Its roots.
        objects: How many objects it has.
        bytes: Their size.
        shards: Of its manifest.
        bucket, key, version_id, digest, manifest_bytes: Where its manifest lies.
        rows: How many rows it has; None where objects were not opened.
        keys: How many different keys it has; None of parts by time.
        keys_digest: SHA-256 over the first 16 bytes of their hashes, ascending; empty likewise.
        first, last: The smallest and the largest moment: nanoseconds since 1970 in decimal digits,
            since documents have no integers of 64 bits; empty of other parts.
    """

    name: str
    content: str
    pin: str
    objects: int
    bytes: int
    shards: int
    bucket: str
    key: str
    version_id: str
    digest: str
    manifest_bytes: int
    rows: int | None = None
    keys: int | None = None
    keys_digest: str = ""
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class SplitFound:
    """A whole split.

    Attributes:
        parts: In the order in which they are declared.
        left_out: How many rows or objects belong to no part, because of an embargo.
    """

    parts: tuple[PartFound, ...]
    left_out: int = 0


def digest_keys(hashes: Iterable[bytes]) -> tuple[int, str]:
    """Return how many different hashes there are, and the digest of all of them.

    Args:
        hashes: Ascending.
    """
    number, last, digest = 0, b"", hashlib.sha256()
    for each in hashes:
        if each != last:
            digest.update(each)
            number, last = number + 1, each
    return number, DIGEST_PREFIX + digest.hexdigest()
