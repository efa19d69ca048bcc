"""The disk below the store, as whoever has the node sees it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import tomllib
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError
from glovebox_local.ports import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

    from glovebox_local.environment import Environment

_STEP = "Changing a byte below the store"
# What SeaweedFS writes before the bytes of an object: a cookie of 4, a number of 8, two sizes of 4.
_HEADER = 20
_EDGE = "below-the-store"


def rot(environment: Environment, body: bytes, changed: bytes) -> None:
    """Write other bytes of the same size where an object lies.

    It is done at the volume server, as somebody does who has the keys of a node. S3 knows nothing
    of it: version id, size, ETag and lock of the object stay what they were, and the volume server
    takes its own checksum of the new bytes.

    Args:
        environment: Whose store holds the object.
        body: All bytes of the object, by which it is found.
        changed: What they are to be.

    Raises:
        LocalError: They are on no volume, or the volume server refused.
    """
    place = _find(environment.state.data / "store", body)
    security = tomllib.loads((environment.state.config / "seaweedfs/security.toml").read_text())
    volume = f"http://{LOOPBACK}:{environment.description.ports['volume']}"
    bearer = _token(security["jwt"]["signing"]["key"], place)
    try:
        overwrite(f"{volume}/{place}", changed, bearer)
    except urllib.error.URLError as error:
        raise LocalError(_STEP, f"the volume server refused: {error}") from error


def overwrite(url: str, body: bytes, bearer: str = "") -> int:
    """Write other bytes in a place of a volume server; return the status of its answer.

    Args:
        url: Of the place.
        body: The bytes.
        bearer: A token, where the server asks for one.

    Raises:
        urllib.error.URLError: The server refused, or is not there.
    """
    head = (
        f'--{_EDGE}\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    request = urllib.request.Request(  # noqa: S310 - a loopback address of our own
        url,
        data=head.encode() + body + f"\r\n--{_EDGE}--\r\n".encode(),
        method="POST",
        headers={"Content-Type": f"multipart/form-data; boundary={_EDGE}"}
        | ({"Authorization": f"Bearer {bearer}"} if bearer else {}),
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        return int(answer.status)


def _find(folder: Path, body: bytes) -> str:
    """Return the id by which the volume server knows an object with these bytes."""
    for volume in sorted(folder.glob("*.dat")):
        data = volume.read_bytes()
        start = data.find(body) - _HEADER
        if start >= 0:
            cookie, number = data[start : start + 4], data[start + 4 : start + 12]
            return f"{volume.stem.rpartition('_')[2]},{int.from_bytes(number):x}{cookie.hex()}"
    raise LocalError(_STEP, f"no volume below {folder} holds the object")


def _token(key: str, place: str) -> str:
    """Return a token (JWT, RFC 7519) that lets its bearer write to one place."""
    claims = {"fid": place, "exp": int(time.time()) + 60}
    signed = b".".join(
        _url64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    signature = hmac.new(key.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _url64(signature)).decode()


def _url64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
