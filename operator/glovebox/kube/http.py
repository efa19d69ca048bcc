"""The transport of the operator: one pool of aiohttp connections to the API server, as one user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import aiohttp

from glovebox.kube.connector import Connector
from glovebox.kube.transport import (
    REQUESTS_AT_ONCE,
    WATCHES_AT_ONCE,
    Answer,
    Credentials,
    Stream,
    TransportError,
)

_CONNECT_SECONDS = 5.0
_KEEPALIVE_SECONDS = 60.0
# What was never sent had no effect: the connection did not come about.
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError)


class AiohttpTransport:
    """Carries requests over one session. Must be made inside a running event loop.

    Args:
        credentials: The server, the TLS settings and the headers of the user.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._session = aiohttp.ClientSession(
            base_url=credentials.server,
            connector=Connector(
                limit=REQUESTS_AT_ONCE + WATCHES_AT_ONCE,
                tls=credentials.as_ssl_context(),
                keepalive_timeout=_KEEPALIVE_SECONDS,
            ),
            headers={
                "Accept": "application/json",
                # To pack and unpack a list takes longer than to send it within a cluster.
                "Accept-Encoding": "identity",
                "User-Agent": "glovebox",
                **credentials.as_http_headers(),
            },
            proxy=getattr(credentials, "proxy", None),
        )
        # Where the certificate bears another name than the URL.
        self._server_name: str | None = getattr(credentials, "server_name", None)
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

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
        timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=min(_CONNECT_SECONDS, timeout_seconds)
        )
        headers = {"Content-Type": content_type}
        try:
            with self._counted():
                async with self._session.request(
                    method,
                    path,
                    params=params,
                    data=body,
                    headers=headers,
                    timeout=timeout,
                    server_hostname=self._server_name,
                ) as answer:
                    return Answer(answer.status, await answer.read(), _lower(answer))
        except _BROKEN as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Mapping[str, str], silence_seconds: float
    ) -> AsyncIterator[Stream]:
        """Open a watch; more than `silence_seconds` without a byte ends it with an error.

        Raises:
            TransportError: It could not be opened.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence_seconds
        )
        with self._counted():
            try:
                answer = await self._session.get(
                    path, params=params, timeout=timeout, server_hostname=self._server_name
                )
            except _BROKEN as error:
                raise _translated(error) from error
            try:
                yield _HttpStream(answer)
            finally:
                # A watch is left in the middle of its body: the connection is of no use any more.
                answer.close()

    async def close(self) -> None:
        """Let what is in flight end by itself, then close; at once when cancelled."""
        try:
            await self._idle.wait()
        finally:
            await self._session.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()


class _HttpStream:
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def content_type(self) -> str:
        return self._answer.content_type

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            # Objects can be 1.5 MiB on one line, far above aiohttp's line limit: no lines here.
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except _BROKEN as error:
            raise _translated(error) from error


def _lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _translated(error: BaseException) -> TransportError:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return TransportError(what, sent=not isinstance(error, _NOT_SENT))
