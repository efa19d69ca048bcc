"""The seam below the client: bytes to and from one API server.

`Client` decides what is asked and what an answer means; a transport only carries it. The real one
is a pool of aiohttp connections; the simulation puts an in-memory API server in its place, so that
the client itself is under test as well.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

# A connection a worker is enough; beyond 32 the API server only answers later (measured).
REQUESTS_AT_ONCE = 32
# Watches hold a connection each, beside the requests.
WATCHES_AT_ONCE = 24


class Credentials(Protocol):
    """What a transport needs to know to connect; kopf's ConnectionInfo has this shape."""

    @property
    def server(self) -> str:
        """The API server's URL."""
        raise NotImplementedError

    def as_http_headers(self) -> dict[str, str]:
        """Return the Authorization header, or nothing when a client certificate is used."""
        raise NotImplementedError

    def as_ssl_context(self) -> ssl.SSLContext:
        """Return the TLS settings, the client certificate included."""
        raise NotImplementedError


class TransportError(Exception):
    """No whole answer came. Whether the request took effect is not known unless `sent` is False.

    Args:
        message: What happened, for a log line.
        sent: Whether any byte of the request may have reached the server.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer.

    Attributes:
        status: The HTTP code.
        body: As it came.
        headers: By lower-case name.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """An answer that goes on: a watch."""

    @property
    def status(self) -> int:
        """The HTTP code."""
        raise NotImplementedError

    @property
    def content_type(self) -> str:
        """What the body is, without parameters: `application/json`."""
        raise NotImplementedError

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield what comes, in pieces of any size, until the server ends it.

        Raises:
            TransportError: It broke off, or was silent for too long.
        """
        raise NotImplementedError


class Transport(Protocol):
    """Carries requests to one API server as one user."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: bytes | None,
        content_type: str,
        timeout_seconds: float,
    ) -> Answer:
        """Send one request and return the whole answer, whatever its code.

        Raises:
            TransportError: No whole answer came in time.
        """
        raise NotImplementedError

    def stream(
        self, path: str, *, params: Mapping[str, str], silence_seconds: float
    ) -> AbstractAsyncContextManager[Stream]:
        """Open a watch; more than `silence_seconds` without a byte ends it with an error.

        Raises:
            TransportError: It could not be opened.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Let what is in flight end by itself, then close; at once when cancelled."""
        raise NotImplementedError
