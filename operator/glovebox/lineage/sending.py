"""Posts an event to a destination: bounded in time and in what is read, and never redirected.

What a destination answers is a number and a few printable words, without the token.
"""

from __future__ import annotations

import ssl
from typing import Final, Literal, NamedTuple, Protocol

import aiohttp

from glovebox.data.printable import printable
from glovebox.settings import LineageDestination

# As a whole, and for the connection alone.
SEND_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 5.0
_WORDS_BYTES: Final = 400
_WORDS_MOST: Final = 160
_CHANCE: Final = 3
# Not about the event: the token, the address, the moment.
_OF_THE_DESTINATION: Final = frozenset({401, 403, 404, 405, 407, 408, 421, 425, 429})
Meaning = Literal["delivered", "failed", "refused"]


class Answer(NamedTuple):
    """What a destination said.

    Attributes:
        code: The HTTP status; 0 when there was no answer in time, or none of HTTP or TLS.
        retry_seconds: For how long it asked to be left alone; 0 when it did not.
        words: The beginning of what it said besides.
    """

    code: int
    retry_seconds: float = 0.0
    words: str = ""

    @property
    def meaning(self) -> Meaning:
        """What became of the event: taken, to be tried again, or not taken as it is."""
        if 200 <= self.code < 300:  # noqa: PLR2004 - classes of HTTP
            return "delivered"
        if 400 <= self.code < 500 and self.code not in _OF_THE_DESTINATION:  # noqa: PLR2004 - as above
            return "refused"
        return "failed"


class Sender(Protocol):
    """Sends events."""

    async def send(self, destination: LineageDestination, token: str, body: bytes) -> Answer:
        """Post an event; return what the destination answered. Raises nothing."""


class HttpSender:
    """Sends events over HTTP."""

    async def send(self, destination: LineageDestination, token: str, body: bytes) -> Answer:
        """Post an event; return what the destination answered. Raises nothing."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        timeout = aiohttp.ClientTimeout(total=SEND_SECONDS, sock_connect=_CONNECT_SECONDS)
        try:
            # Of its own each time: a connection that somebody cut in the meantime costs nothing.
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.post(
                    destination.url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    ssl=_tls(destination),
                ) as response,
            ):
                said = await response.content.read(_WORDS_BYTES)
                code, rest = response.status, _seconds(response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer(0, words=type(error).__name__)
        return Answer(code, rest, _words(said, token))


def _tls(destination: LineageDestination) -> ssl.SSLContext | bool:
    if destination.ca_bundle and destination.url.startswith("https:"):
        return ssl.create_default_context(cadata=destination.ca_bundle)
    return True


def _seconds(text: str) -> float:
    """Return what `Retry-After` asks for; a date is not understood."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0  # noqa: PLR2004 - eleven days


def _words(said: bytes, token: str) -> str:
    text = said.decode(errors="replace")
    if token:
        text = text.replace(token, "***")
        # What was read may end in the midst of it. A few letters of it are chance.
        sizes = range(len(token) - 1, _CHANCE, -1)
        cut = next((size for size in sizes if text.endswith(token[:size])), 0)
        text = f"{text[:-cut]}***" if cut else text
    return printable(text)[:_WORDS_MOST]
