"""Posts an event to a destination, and asks whether it has a run: bounded, never redirected.

What a destination answers is a number and a few printable words, without the token.
"""

from __future__ import annotations

import ssl
from typing import Final, Literal, NamedTuple, Protocol

import aiohttp

from glovebox.data.printable import printable
from glovebox.lineage.read_back import Kept
from glovebox.settings import RUN_PLACE, LineageDestination

# As a whole, and for the connection alone.
SEND_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 5.0
_WORDS_BYTES: Final = 400
_WORDS_MOST: Final = 160
_CHANCE: Final = 3
_ANSWER_BYTES: Final = 1 << 18
_NOT_FOUND: Final = 404
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

    async def ask(self, destination: LineageDestination, token: str, run: str) -> Kept:
        """Return whether a destination has a run. Raises nothing."""


class HttpSender:
    """Sends events over HTTP, and asks for runs."""

    async def send(self, destination: LineageDestination, token: str, body: bytes) -> Answer:
        """Post an event; return what the destination answered. Raises nothing."""
        headers = {"Content-Type": "application/json", **_bearing(token)}
        try:
            async with (
                _session() as session,
                session.post(
                    destination.url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    ssl=_tls(destination, destination.url),
                ) as response,
            ):
                said = await response.content.read(_WORDS_BYTES)
                code, rest = response.status, _seconds(response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer(0, words=type(error).__name__)
        return Answer(code, rest, _words(said, token))

    async def ask(self, destination: LineageDestination, token: str, run: str) -> Kept:
        """Return whether a destination has a run. Raises nothing.

        What says 200 to everything is believed where it names the run.
        """
        url = destination.read_url.replace(RUN_PLACE, run)
        try:
            async with (
                _session() as session,
                session.get(
                    url, headers=_bearing(token), allow_redirects=False, ssl=_tls(destination, url)
                ) as response,
            ):
                code, said = response.status, b""
                async for chunk in response.content.iter_chunked(_WORDS_BYTES):
                    said += chunk
                    if run.encode() in said or len(said) > _ANSWER_BYTES:
                        break
        except (aiohttp.ClientError, OSError, TimeoutError):
            return "unknown"
        if code == _NOT_FOUND or 200 <= code < 300:  # noqa: PLR2004 - classes of HTTP
            return "found" if code != _NOT_FOUND and run.encode() in said else "missing"
        return "unknown"


def _session() -> aiohttp.ClientSession:
    """Return a session of its own each time: a connection that somebody cut costs nothing."""
    timeout = aiohttp.ClientTimeout(total=SEND_SECONDS, sock_connect=_CONNECT_SECONDS)
    return aiohttp.ClientSession(timeout=timeout, trust_env=True)


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _tls(destination: LineageDestination, url: str) -> ssl.SSLContext | bool:
    if destination.ca_bundle and url.startswith("https:"):
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
