"""Connections are the event loop's own: no Python socket is made that two could close."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohappyeyeballs
import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from glovebox.kube.connector import Connector


class Names(AbstractResolver):
    """Answers with addresses of which the last alone has a server."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else family,
                proto=0,
                flags=0,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def fetch(port: int, *addresses: str, scheme: str = "http") -> str:
    connector = Connector(
        limit=0, tls=ssl.create_default_context(), resolver=Names(*addresses), use_dns_cache=False
    )
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"{scheme}://server.test:{port}/") as answer,
    ):
        return await answer.text()


async def test_no_socket_is_made_but_by_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> socket.socket:
        raise AssertionError("a socket of Python's was made")

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", never)
    async with serving() as port:
        assert await fetch(port, "127.0.0.1") == "hello"


@pytest.mark.parametrize(
    "before",
    [["127.0.0.2"], ["::1"], ["::1", "127.0.0.2"], ["127.0.0.2", "::1"], ["::1", "::1"]],
)
async def test_the_next_address_is_tried_of_whichever_family(before: list[str]) -> None:
    async with serving() as port:
        assert await fetch(port, *before, "127.0.0.1") == "hello"


async def test_each_address_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    loop = asyncio.get_running_loop()

    async def refuse(*_: object, host: str, **__: object) -> None:
        tried.append(host)
        raise ConnectionRefusedError

    addresses = ("::1", "127.0.0.2", "::2", "127.0.0.3", "127.0.0.4")
    monkeypatch.setattr(loop, "create_connection", refuse)
    with pytest.raises(aiohttp.ClientConnectorError):
        await fetch(9, *addresses)
    assert sorted(tried) == sorted(addresses)


async def test_nobody_listening_is_an_error_of_the_connection() -> None:
    async with serving() as port:
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await fetch(port, "127.0.0.2")
        assert isinstance(raised.value.os_error, ConnectionRefusedError)


async def test_a_server_without_tls_is_an_error_of_tls() -> None:
    async with serving() as port:
        with pytest.raises(aiohttp.ClientConnectorSSLError):
            await fetch(port, "127.0.0.1", scheme="https")


async def test_a_server_that_does_not_answer_the_handshake_is_given_up() -> None:
    """Its time is that of the connection, and no longer that of the request."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connector = Connector(limit=0, tls=ssl.create_default_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await session.get(
                f"https://127.0.0.1:{port}/",
                timeout=aiohttp.ClientTimeout(total=30, sock_connect=0.1),
            )
    for writer in held:
        writer.close()
    server.close()
