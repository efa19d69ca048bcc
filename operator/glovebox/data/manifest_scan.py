"""The objects of a manifest whose digest is known, as fast as they can be read.

`read_manifest` checks what a stranger may have written. One whose lines have the digest that was
recorded is what was checked when it was made, so here nothing but that digest is computed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import orjson

from glovebox.api import reasons
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.data.manifest import decompressed, malformed, split_lines
from glovebox.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Listed(NamedTuple):
    """One object of a manifest: its path, its size in bytes, and the SHA-256 of its bytes."""

    path: str
    size: int
    sha256: bytes


def scan_manifest(chunks: Iterable[bytes], digest: str) -> Iterator[Listed]:
    """Yield the objects of a manifest; proven only when the iterator ends without an error.

    Args:
        chunks: Its compressed bytes, in pieces of any size.
        digest: `sha256:<hex>` of its lines, as it was recorded when the manifest was made.

    Raises:
        InvalidInput: `ManifestInvalid`, or `ManifestDiffers`: it is another one.
    """
    found = hashlib.sha256()
    for line in split_lines(decompressed(chunks)):
        found.update(line)
        if line.startswith((b'{"format":', b'{"bytes":')):
            continue
        try:
            entry = orjson.loads(line)
            yield Listed(entry["path"], entry["size"], bytes.fromhex(entry["sha256"]))
        except (ValueError, KeyError, TypeError) as error:
            raise malformed("a line is no entry") from error
    if DIGEST_PREFIX + found.hexdigest() != digest:
        raise InvalidInput(
            reasons.MANIFEST_DIFFERS,
            f"the manifest has the digest {DIGEST_PREFIX}{found.hexdigest()}, not {digest}",
        )
