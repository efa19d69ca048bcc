"""What an answer of the API server means: one table from HTTP codes and watch events to our errors."""

from __future__ import annotations

from typing import Any, NoReturn

import aiohttp
import orjson

from glovebox.api import reasons
from glovebox.errors import Conflict, Forbidden, InvalidInput, Unavailable
from glovebox.kube.kinds import Kind

TOO_MANY_REQUESTS = 429
UNAUTHORIZED = 401
_GONE = 410


class NotFound(Exception):  # noqa: N818 - an answer, not a failure
    """The object is not there."""


class AlreadyExists(Exception):  # noqa: N818 - an answer, not a failure
    """An object of that name is there already."""


class Expired(Exception):  # noqa: N818 - an answer, not a failure
    """The resource version asked for is too old: list again."""


def refuse(verb: str, kind: Kind, path: str, code: int, raw: bytes) -> NoReturn:
    """Raise the error that an answer stands for.

    Raises:
        NotFound, AlreadyExists, Expired, Conflict, Forbidden, InvalidInput, Unavailable: As the
            code says.
    """
    try:
        status: dict[str, Any] = orjson.loads(raw)
    except orjson.JSONDecodeError:
        status = {}
    message = status.get("message") or f"HTTP {code}"
    match code:
        case 404:
            raise NotFound(path)
        case 410:
            raise Expired(path)
        case 409 if status.get("reason") == "AlreadyExists":
            raise AlreadyExists(path)
        case 409:
            raise Conflict(reasons.CONFLICT, f"{verb} {path}: {message}")
        case 401:
            raise Unavailable(
                reasons.API_UNAVAILABLE,
                f"{verb} {path}: the API server did not accept the operator's credentials",
            )
        case 403:
            raise Forbidden(reasons.FORBIDDEN, f"{verb} {kind.plural}: {message}")
        case 400 | 413 | 422:
            raise InvalidInput(reasons.INVALID_SPEC, f"{verb} {path}: {message}")
    raise Unavailable(reasons.API_UNAVAILABLE, f"{verb} {path}: HTTP {code}: {message}")


def checked_event(event: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Return a watch event that is none of an error.

    Raises:
        Expired: The resource version is too old: list again.
        Unavailable: The server could not go on.
    """
    if event.get("type") != "ERROR":
        return event
    status = event.get("object", {})
    if status.get("code") == _GONE:
        raise Expired(kind.plural)
    raise Unavailable(
        reasons.API_UNAVAILABLE, f"watching {kind.plural}: {status.get('message', 'unknown error')}"
    )


def retry_after(answer: aiohttp.ClientResponse, attempt: int) -> float:
    """Return the seconds that the server asks to wait, at most 30; without a word a growing time."""
    told = answer.headers.get("Retry-After", "")
    return min(float(told), 30.0) if told.isdigit() else 0.2 * 2**attempt
