"""The aiohttp transport against a small real server: draining, silence, and what was never sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web

from glovebox.kube.http import AiohttpTransport
from glovebox.kube.transport import Answer, TransportError


@dataclass(frozen=True)
class Plain:
    """Credentials of nobody, for a server without TLS."""

    server: str

    def as_http_headers(self) -> dict[str, str]:
        return {"Authorization": "Bearer t"}

    def as_ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context()


@asynccontextmanager
async def serving(release: asyncio.Event) -> AsyncIterator[str]:
    async def slow(request: web.Request) -> web.Response:
        await release.wait()
        return web.json_response({"user": request.headers["Authorization"]})

    async def silent(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"{}\n")
        await release.wait()
        return answer

    app = web.Application()
    app.router.add_get("/slow", slow)
    app.router.add_get("/silent", silent)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        release.set()
        await runner.cleanup()


async def get(transport: AiohttpTransport, path: str, seconds: float = 20) -> Answer:
    return await transport.request(
        "GET", path, params={}, body=None, content_type="", timeout_seconds=seconds
    )


async def test_closing_waits_for_what_is_in_flight() -> None:
    release = asyncio.Event()
    async with serving(release) as server:
        transport = AiohttpTransport(Plain(server))
        running = asyncio.create_task(get(transport, "/slow"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(transport.close())
        done, _ = await asyncio.wait((closing,), timeout=0.05)
        assert not done
        release.set()
        assert (await running).body == b'{"user": "Bearer t"}'
        await closing


async def test_closing_ends_at_once_when_cancelled() -> None:
    async with serving(asyncio.Event()) as server:
        transport = AiohttpTransport(Plain(server))
        running = asyncio.create_task(get(transport, "/slow"))
        closing = asyncio.create_task(transport.close())
        await asyncio.sleep(0.05)
        closing.cancel()
        with pytest.raises(TransportError) as caught:
            await running
        assert caught.value.sent


async def test_a_request_without_an_answer_ends_in_time_and_may_have_had_an_effect() -> None:
    async with serving(asyncio.Event()) as server:
        transport = AiohttpTransport(Plain(server))
        with pytest.raises(TransportError) as caught:
            await get(transport, "/slow", 0.05)
        assert caught.value.sent
        await transport.close()


async def test_a_watch_that_is_silent_for_too_long_is_given_up() -> None:
    async with serving(asyncio.Event()) as server:
        transport = AiohttpTransport(Plain(server))
        async with transport.stream("/silent", params={}, silence_seconds=0.05) as stream:
            assert stream.status == 200
            chunks = stream.chunks()
            assert await anext(chunks) == b"{}\n"
            with pytest.raises(TransportError):
                await anext(chunks)
        await transport.close()


async def test_what_found_nobody_listening_was_never_sent() -> None:
    transport = AiohttpTransport(Plain("http://127.0.0.1:9"))
    with pytest.raises(TransportError) as caught:
        await get(transport, "/")
    assert not caught.value.sent
    await transport.close()
