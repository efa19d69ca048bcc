"""Connections that belong to the event loop alone.

aiohttp connects a Python socket first and then hands it to the loop. Under uvloop both close its
file descriptor when a connection is given up half-way: the second time it may be another
connection's already, and `RuntimeError: File descriptor 28 is used by transport` was seen to end
an operator after its API server had come back (MagicStack/uvloop#646, aio-libs/aiohttp#10506).
Here the loop opens the socket itself, and nobody else ever holds it.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler


class Connector(aiohttp.TCPConnector):
    """A `TCPConnector` whose addresses are tried one after the other, by the event loop.

    Args:
        limit: So many connections at once; 0: no limit.
        tls: The TLS settings.
        server_name: The name in the server's certificate, where it is not the one in the URL.
    """

    def __init__(
        self, *, limit: int, tls: ssl.SSLContext, server_name: str | None = None, **more: Any
    ) -> None:
        super().__init__(limit=limit, ssl=tls, **more)
        self._server_name = server_name

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: list[Any],
        req: aiohttp.ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
        client_error: type[Exception] = aiohttp.ClientConnectorError,
        **kwargs: Any,
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        """Connect to the first address that somebody answers at.

        aiohttp takes one address of each family off the list whenever this fails: it would never
        come to the IPv4 address of a host whose IPv6 address nobody answers at.
        """
        if self._server_name is not None and kwargs.get("ssl"):
            kwargs["server_hostname"] = self._server_name
        while True:
            try:
                return await _connect(
                    addr_infos[0][-1], req, timeout.sock_connect, client_error, *args, **kwargs
                )
            except (aiohttp.ClientConnectorError, TimeoutError):
                if len(addr_infos) == 1:
                    raise
                del addr_infos[0]


async def _connect(
    address: tuple[Any, ...],
    req: aiohttp.ClientRequest,
    seconds: float | None,
    client_error: type[Exception],
    *args: Any,
    **kwargs: Any,
) -> tuple[asyncio.Transport, ResponseHandler]:
    """Connect to one address, with aiohttp's errors."""
    connect: Any = asyncio.get_running_loop().create_connection
    try:
        async with asyncio.timeout(seconds):
            made: tuple[asyncio.Transport, ResponseHandler] = await connect(
                *args, host=address[0], port=address[1], **kwargs
            )
            return made
    except ssl.CertificateError as error:
        raise aiohttp.ClientConnectorCertificateError(req.connection_key, error) from error
    except ssl.SSLError as error:
        raise aiohttp.ClientConnectorSSLError(req.connection_key, error) from error
    except TimeoutError as error:
        if error.errno is None:
            raise
        raise client_error(req.connection_key, error) from error
    except OSError as error:
        raise client_error(req.connection_key, error) from error
