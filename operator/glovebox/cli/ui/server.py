"""HTTP in front of the pages: on the loopback interface, for whoever has the first address.

What is served is what the caller may read, and other users of the machine reach its loopback
interface as well: each address begins with a token that only the caller is shown. It is in the
address and not in a cookie, since a browser sends a cookie to every port of a host, whoever listens
there. A page elsewhere whose name was made to lead here (DNS rebinding) names itself in the header
`Host`, and is refused; so is every method but GET and HEAD.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.typedefs import Handler, Middleware

from glovebox.report.browse import icon, style

HOST: Final = "127.0.0.1"
_HOSTS: Final = re.compile(rf"({re.escape(HOST)}|localhost)(:[0-9]+)?", re.IGNORECASE)
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # An address has the token in it: nobody else learns it.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Pages read from the API server: whoever keeps a key pressed asks for no more at once.
_AT_ONCE: Final = 4


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a message is not about what somebody sent that is no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], BadHttpMessage))


# Whoever is on the machine could fill the caller's terminal otherwise.
_log: Final = logging.getLogger(__name__)
_log.addFilter(_is_ours)

Html = Callable[[str, Mapping[str, str]], tuple[int, str]]


def base_of(token: str) -> str:
    """Return where the addresses of all pages begin."""
    return f"/{token}/"


def application(html: Html, token: str) -> web.Application:
    """Return the HTTP application.

    Args:
        html: Returns the status and the text of a page, by its path and what is asked for.
        token: What every address begins with.
    """
    few = asyncio.Semaphore(_AT_ONCE)

    async def page(request: web.Request) -> web.Response:
        async with few:
            code, text = await asyncio.to_thread(
                html, request.match_info.get("path", ""), dict(request.query)
            )
        return web.Response(status=code, text=text, content_type="text/html")

    async def style_sheet(_: web.Request) -> web.Response:
        return web.Response(text=style(), content_type="text/css")

    async def picture(_: web.Request) -> web.Response:
        return web.Response(text=icon(), content_type="image/svg+xml")

    app = web.Application(middlewares=[_guard(token)])
    # aiohttp serves HEAD where it serves GET.
    app.router.add_get("/{token}/style.css", style_sheet)
    app.router.add_get("/{token}/icon.svg", picture)
    app.router.add_get("/{token}", page)
    app.router.add_get("/{token}/{path:.*}", page)
    return app


def _guard(token: str) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = _refused(request, token)
        if refused is not None:
            response: web.StreamResponse = refused
        else:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = _plain(error.status, error.reason)
        response.headers.update(HEADERS)
        return response

    return guard


def _refused(request: web.Request, token: str) -> web.Response | None:
    if request.method not in {"GET", "HEAD"}:
        return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "nothing is changed here: GET and HEAD only")
    if not _HOSTS.fullmatch(request.headers.get("Host", "")):
        return _plain(HTTPStatus.FORBIDDEN, f"open it as http://{HOST}, and by no other name")
    # A request may name a whole URL, which may have no path.
    given = request.path.removeprefix("/").partition("/")[0]
    if not hmac.compare_digest(given.encode(), token.encode()):
        return _plain(HTTPStatus.FORBIDDEN, "open the address that `glovebox ui` printed")
    return None


def _plain(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")


@asynccontextmanager
async def serve(app: web.Application, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port.

    Args:
        app: The application.
        port: 0 for any that is free.

    Raises:
        OSError: The port is taken.
    """
    runner = web.AppRunner(app, access_log=None, logger=_log, shutdown_timeout=1.0)
    try:
        await runner.setup()
        # No other interface, whatever anybody asks for.
        await web.TCPSite(runner, HOST, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
