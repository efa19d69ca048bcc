"""What an answer of the API server means: one table from codes and watch events to our errors."""

from __future__ import annotations

from typing import Any, NoReturn

import orjson

from glovebox.api import reasons
from glovebox.errors import (
    AlreadyExists,
    Conflict,
    Expired,
    Forbidden,
    InvalidInput,
    NamespaceGone,
    NotFound,
    Rejected,
    Unavailable,
)
from glovebox.kube.kinds import Kind
from glovebox.kube.transport import Answer

__all__ = [
    "AlreadyExists",
    "Expired",
    "NotFound",
    "checked_event",
    "is_from_api_server",
    "is_over_quota",
    "refuse",
    "retry_after",
]

TOO_MANY_REQUESTS = 429
UNAUTHORIZED = 401
_GONE = 410
_SERVER_ERRORS = 500
# What an API server says of a kind that it does not serve; of all else it answers with a Status.
_NO_SUCH_PATH = b"404 page not found"
_LONGEST_RETRY_AFTER_SECONDS = 30.0


def refuse(
    verb: str, kind: Kind, path: str, code: int, raw: bytes, *, mutating: bool = False
) -> NoReturn:
    """Raise the error that an answer stands for.

    Args:
        verb: What was asked, for the message.
        kind: Of what.
        path: Where.
        code: The HTTP code.
        raw: The body, a Status where the API server itself answered.
        mutating: Whether the request would have changed something: what a 5xx did is not known.

    Raises:
        NamespaceGone, NotFound, AlreadyExists, Expired, Conflict, Forbidden, InvalidInput,
        Rejected, Unavailable: As the code says.
    """
    status = _status_of(raw)
    message = status.get("message") or f"HTTP {code}"
    match code:
        case 404 if not is_from_api_server(raw):
            # To believe it would be to forget what is there.
            raise Unavailable(
                reasons.API_UNAVAILABLE,
                f"{verb} {path}: HTTP 404, and not from the API server: a load balancer or proxy in"
                " front of it answered",
                effect_unknown=mutating,
            )
        case 404:
            raise _not_there(verb, path, status)
        case 410:
            raise Expired(reasons.CONFLICT, f"{verb} {path}: {message}")
        case 409 if status.get("reason") == "AlreadyExists":
            raise AlreadyExists(reasons.CONFLICT, f"{verb} {path}: it is there already")
        case 409:
            raise Conflict(reasons.CONFLICT, f"{verb} {path}: {message}")
        case 401:
            raise Unavailable(
                reasons.API_UNAVAILABLE,
                f"{verb} {path}: the API server did not accept the operator's credentials",
            )
        case 403:
            raise Forbidden(reasons.FORBIDDEN, f"{verb} {kind.plural}: {message}")
        case 400 | 422 if verb == "DELETE":
            # Nothing was declared that could be wrong: so a policy of the cluster refuses it.
            raise Rejected(
                reasons.REJECTED,
                f"{verb} {path}: {message}; look for a policy of the cluster that refuses it",
            )
        case 400 | 413 | 422:
            raise InvalidInput(reasons.INVALID_SPEC, f"{verb} {path}: {message}")
    raise Unavailable(
        reasons.API_UNAVAILABLE,
        f"{verb} {path}: HTTP {code}: {message}",
        effect_unknown=mutating and code >= _SERVER_ERRORS,
    )


def is_from_api_server(raw: bytes) -> bool:
    """Whether the body of a refusal is one of the API server itself: a Status, or no such path."""
    return _status_of(raw).get("kind") == "Status" or raw.startswith(_NO_SUCH_PATH)


def _status_of(raw: bytes) -> dict[str, Any]:
    try:
        status = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return status if isinstance(status, dict) else {}


def _not_there(verb: str, path: str, status: dict[str, Any]) -> NotFound:
    """Return what a 404 stands for.

    A creation in a namespace that is gone is answered about the namespace. A webhook that answers
    404, or a server without the kind, says nothing of it.
    """
    about = status.get("details")
    if verb == "POST" and isinstance(about, dict) and about.get("kind") == "namespaces":
        namespace = str(about.get("name", ""))
        return NamespaceGone(
            reasons.NAMESPACE_TERMINATING,
            f"{verb} {path}: there is no namespace `{namespace}`",
            namespace=namespace,
        )
    return NotFound(reasons.CONFLICT, f"{verb} {path}: it is not there")


def is_over_quota(error: Forbidden) -> bool:
    """Whether admission refused a creation because a ResourceQuota has no room for it."""
    return "exceeded quota" in error.message


def checked_event(event: Any, kind: Kind) -> dict[str, Any]:
    """Return a watch event that is none of an error.

    Raises:
        Expired: The resource version is too old: list again.
        Unavailable: The server could not go on, or what came is no event.
    """
    if not isinstance(event, dict) or "object" not in event:
        raise Unavailable(
            reasons.API_UNAVAILABLE, f"watching {kind.plural}: what came is no event of a watch"
        )
    if event.get("type") != "ERROR":
        return event
    status = event.get("object") or {}
    if status.get("code") == _GONE:
        raise Expired(reasons.CONFLICT, f"watching {kind.plural}: the version is too old")
    raise Unavailable(
        reasons.API_UNAVAILABLE, f"watching {kind.plural}: {status.get('message', 'unknown error')}"
    )


def retry_after(answer: Answer, attempt: int, jitter: float) -> float:
    """Return the seconds to wait after a 429: what the server asks for, at most 30.

    Args:
        answer: The refusal; without `Retry-After` the waits double from a fifth of a second.
        attempt: How many refusals there were before.
        jitter: From 0 to 1: lengthens the wait by up to a half, so that a crowd comes back spread.
    """
    asked = answer.headers.get("retry-after", "")
    seconds = float(asked) if asked.isdecimal() else 0.2 * 2**attempt
    return min(seconds, _LONGEST_RETRY_AFTER_SECONDS) * (1 + jitter / 2)
