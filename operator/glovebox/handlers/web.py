"""/metrics, /healthz and /readyz, from our own facts.

kopf's endpoint says yes whatever its watches do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from glovebox.controllers.operator import Operator

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(operator: Operator, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port.

    Raises:
        OSError: The port is taken.
    """
    app = web.Application()
    app.router.add_get("/metrics", _metrics(operator))
    app.router.add_get("/healthz", _probe(operator.unhealthy_reason))
    app.router.add_get("/readyz", _probe(operator.not_ready_reason))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _metrics(operator: Operator) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        # A Prometheus asks for OpenMetrics, which names traces beside measurements.
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # The caches belong to the event loop: they are read here, not in a thread.
        return web.Response(body=encode(operator.registry), headers={"Content-Type": content_type})

    return answer


def _probe(problem: Callable[[], str | None]) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        why = problem()
        return web.Response(status=503 if why else 200, text=f"{why or 'ok'}\n")

    return answer
