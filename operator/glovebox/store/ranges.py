"""A part of one object version, as a program that reads a table asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import urllib3

from glovebox.api import reasons
from glovebox.errors import InvalidInput
from glovebox.store.errors import translated
from glovebox.store.reading import require_version

if TYPE_CHECKING:
    from glovebox.data.manifest import Entry
    from glovebox.store.wire import Wire

_PARTIAL: Final = 206
_ATTEMPTS: Final = 3


def read_range(wire: Wire, entry: Entry, first: int, size: int) -> bytes:
    """Return bytes of the version that an entry of a manifest names. Blocks.

    Args:
        wire: Of the store.
        entry: The version, and how long it is.
        first: Where the bytes begin.
        size: How many there are; at least one, and all within the object.

    Raises:
        InvalidInput: `SizeMismatch`: the version has another length than the manifest says.
            `StoreRejected`: the store gives no parts of objects.
        GloveboxError: There is no such version, or it cannot be read.
    """
    with translated(f"read s3://{entry.bucket}/{entry.key} version {entry.version_id}"):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _read_once(wire, entry, first, size)
            except (urllib3.exceptions.ProtocolError, urllib3.exceptions.ReadTimeoutError):
                # The connection broke in the middle of the bytes.
                if attempt == _ATTEMPTS:
                    raise
    raise AssertionError


def _read_once(wire: Wire, entry: Entry, first: int, size: int) -> bytes:
    last = first + size - 1
    response = wire.get(
        entry.bucket,
        entry.key,
        {"versionId": entry.version_id},
        {"Range": f"bytes={first}-{last}"},
    )
    try:
        _require_part(response, entry, first, last)
        body = response.read(size, decode_content=False)
        if len(body) != size:
            # As when the connection breaks.
            raise urllib3.exceptions.ProtocolError(f"{len(body)} of {size} bytes")  # noqa: TRY301
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return body


def _require_part(response: urllib3.BaseHTTPResponse, entry: Entry, first: int, last: int) -> None:
    headers = response.headers
    require_version(headers.get("x-amz-version-id"), entry.bucket, entry.key, entry.version_id)
    where = f"s3://{entry.bucket}/{entry.key} version {entry.version_id}"
    if response.status != _PARTIAL:
        raise InvalidInput(
            reasons.STORE_REJECTED,
            f"could not read a part of {where}: the store sent the whole; rows are compared"
            " where a store answers requests with `Range`",
        )
    said = headers.get("Content-Range", "")
    if said != f"bytes {first}-{last}/{entry.size}":
        raise InvalidInput(
            reasons.SIZE_MISMATCH,
            f"could not read {where}: the manifest says that it has {entry.size} bytes, and the"
            f" store sent `{said[:80]}` of it",
        )
