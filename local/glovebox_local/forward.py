"""A forwarder from loopback ports of this machine to servers in another network namespace.

Run as `python -m glovebox_local.forward RECORD PORT=ADDRESS:PORT ...`: it listens on 127.0.0.1
here, and then enters the network of the recorded process for good. A socket stays in the network
where it was made, so that no route, rule or interface leads from here to there. It carries bytes
and looks into none.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from glovebox_local.namespaces import join_network
from glovebox_local.ports import LOOPBACK
from glovebox_local.processes import ProcessRecord

_CHUNK = 1 << 16


def main(arguments: list[str]) -> None:
    """Listen, enter, forward until ended."""
    holder = ProcessRecord.read(Path(arguments[0]))
    if holder is None or not holder.alive:
        raise SystemExit(f"the process of {arguments[0]} does not run")
    listening: list[tuple[socket.socket, str, int]] = []
    for argument in arguments[1:]:
        port, _, target = argument.partition("=")
        host, _, target_port = target.rpartition(":")
        listening.append((_listen(int(port)), host, int(target_port)))
    join_network(holder.pid)
    asyncio.run(_serve(listening))


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(512)
    return listener


async def _serve(listening: list[tuple[socket.socket, str, int]]) -> None:
    servers = [
        await asyncio.start_server(_to(host, port), sock=listener)
        for listener, host, port in listening
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _to(
    host: str, port: int
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(host, port)
        except OSError:
            # As near as one can come to a refusal: the client sees its connection reset.
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        finally:
            for side in (writer, there_writer):
                side.close()

    return forward


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        # One side has said all; the other may still answer.
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        with suppress(OSError):
            writer.transport.abort()


if __name__ == "__main__":
    main(sys.argv[1:])
