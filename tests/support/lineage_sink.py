"""A consumer of lineage on a real socket: it takes events, fails, stalls, lies, and comes back."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

TAKEN: Final = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
STALL: Final = b""


@dataclass(slots=True)
class HttpSink:
    """What a consumer answers, and what it got.

    Attributes:
        answer: The bytes that it sends back; nothing: it stalls. The connection is closed then.
        port: Where it listens.
        heads: The head of each request.
        bodies: The body of each request.
    """

    answer: bytes = TAKEN
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request, and answer it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lengths = [
                int(line.split(":")[1])
                for line in head.splitlines()
                if line.lower().startswith("content-length:")
            ]
            self.heads.append(head)
            # A question has none.
            self.bodies += [await reader.readexactly(length) for length in lengths]
            if self.answer == STALL:
                await reader.read()  # until whoever asked gives up
            writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def said(code: int, words: str = "", **headers: str) -> bytes:
    """Return a whole answer."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {code} Said\r\n{named}Content-Length: {len(words)}\r\n\r\n"
    return (head + words).encode()


@asynccontextmanager
async def http_sink(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpSink]:
    """Run a consumer on a free port."""
    sink = HttpSink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, ssl=tls)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def sink_in_a_thread() -> Iterator[HttpSink]:
    """Run a consumer beside a test that waits for other programs."""
    loop = asyncio.new_event_loop()
    sink = HttpSink()
    server = loop.run_until_complete(asyncio.start_server(sink.serve, "127.0.0.1", 0))
    sink.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="lineage-sink", daemon=True)
    thread.start()
    try:
        yield sink
    finally:

        async def close() -> None:
            server.close()
            await server.wait_closed()

        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
