"""Asks somebody outside who is to know a head of a ledger: a witness, an authority.

Nothing of what comes back is trusted, its pace least of all: whoever sends a byte now and then, or
header after header, is hung up on. An answer that is cut off is none. No redirect is followed.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from glovebox.errors import InvalidInput, Unavailable
from glovebox.ledger.entry import time_text
from glovebox.ledger.pace import CLOCKS

if TYPE_CHECKING:
    from http.client import HTTPResponse

_SILENT_SECONDS: Final = 10.0
# From the connection to the last byte.
_WHOLE_SECONDS: Final = 30.0
_MOST_BYTES: Final = 1 << 16
_BUSY: Final = 429
_FAILED: Final = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked: in words, and with which reason it is said that it did not answer."""

    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness or an authority answered."""

    status: int
    content_type: str
    body: bytes


def post(
    asked: Asked, url: str, body: bytes, content_type: str = "", *, seconds: float = _WHOLE_SECONDS
) -> Answer:
    """Send a request to somebody who is to know a head; return the answer. Blocks for seconds.

    Args:
        asked: Who it is.
        url: Where.
        body: What is sent.
        content_type: Of it; empty for none.
        seconds: When the answer has to be complete.

    Raises:
        InvalidInput: The answer is longer than any that is meant.
        Unavailable: Nobody answers, not whole, not in time, or not now (429, 5xx).
    """
    headers = {"User-Agent": "glovebox"} | ({"Content-Type": content_type} if content_type else {})
    try:
        answer = _exchange(url, body, headers, seconds)
    # Names that cannot be one, and ports that are none, are a ValueError.
    except (OSError, HTTPException, ValueError) as error:
        name = type(error).__name__
        raise Unavailable(asked.reason, f"could not ask {asked.who}: {name}") from error
    if answer is None:
        message = f"could not ask {asked.who}: no whole answer after {seconds:.0f} seconds"
        raise Unavailable(asked.reason, message)
    if answer.status == _BUSY or answer.status >= _FAILED:
        raise Unavailable(asked.reason, f"{asked.who} answers {answer.status}")
    if len(answer.body) > _MOST_BYTES:
        message = f"{asked.who} answers with more than {_MOST_BYTES} bytes"
        raise InvalidInput(asked.reason, message)
    return answer


def check_moment(asked: Asked, moment: datetime, now: datetime) -> None:
    """Refuse a head that somebody dates to another time than now.

    It was asked for a moment ago, and what is said of it is kept for years: as the time between
    which entries were written, and as the time since when nobody was asked.

    Raises:
        InvalidInput: Its clock and the operator's differ by more than clocks may.
    """
    if abs(moment - now) > CLOCKS:
        raise InvalidInput(
            asked.reason,
            f"{asked.who} says that it is {time_text(moment)}, and here it is {time_text(now)}:"
            " correct the clock that is wrong",
        )


def _exchange(url: str, body: bytes, headers: dict[str, str], seconds: float) -> Answer | None:
    """Return the answer; None when it is not there, or not whole, in time."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection: HTTPConnection = (
        HTTPSConnection(host, port, timeout=_SILENT_SECONDS, context=ssl.create_default_context())
        if parts.scheme == "https"
        else HTTPConnection(host, port, timeout=_SILENT_SECONDS)
    )
    late = threading.Event()
    try:
        connection.connect()
        # Kept here: the connection lets go of it once the headers are there.
        line: socket.socket = connection.sock

        def hang_up() -> None:
            late.set()
            with suppress(OSError):  # closed by now
                socket.socket.shutdown(line, socket.SHUT_RDWR)

        watch = threading.Timer(seconds, hang_up)
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", parts.path or "/", body, headers)
            answer = _read(connection.getresponse())
        except (OSError, HTTPException):
            if late.is_set():
                return None
            raise
        finally:
            watch.cancel()
        return None if late.is_set() else answer
    finally:
        connection.close()


def _read(response: HTTPResponse) -> Answer:
    found = b""
    while len(found) <= _MOST_BYTES and (part := response.read(_MOST_BYTES + 1 - len(found))):
        found += part
    is_whole = len(found) > _MOST_BYTES or not response.length
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
    response.close()
    if not is_whole:
        raise HTTPException("cut off")
    return Answer(response.status, kind, found)
