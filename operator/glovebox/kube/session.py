"""Who is logged in at the API server: one transport, and another one when its credentials run out.

It refuses to be logged in by two at once, or again and again: whoever finds the credentials used up
waits for the one who renews them, and a 401 right after a new login stands.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

import structlog

from glovebox.api import reasons
from glovebox.errors import GloveboxError, Unavailable
from glovebox.kube.transport import Credentials, Transport

# A 401 that follows a new login so soon is no matter of a token that ran out: the answer stands.
_LOGIN_PAUSE_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
log = structlog.get_logger(__name__)


@runtime_checkable
class Expiring(Protocol):
    """Credentials that say themselves when it is time for new ones."""

    def due(self) -> bool:
        """Return whether to log in again before the next request."""
        raise NotImplementedError


Login = Callable[[], "Credentials | Awaitable[Credentials]"]


def _never() -> bool:
    return False


class Session:
    """The transport to one API server, as long as its credentials are good.

    Args:
        login: Gives fresh credentials, at once or awaited; called at the start, when they say that
            they are due, and when the server answers 401.
        transport: Makes what carries the requests of one user.
    """

    def __init__(self, login: Login, transport: Callable[[Credentials], Transport]) -> None:
        self._login = login
        self._make_transport = transport
        self._is_due: Callable[[], bool] = _never
        self._transport: Transport | None = None
        self._renewed_at = -math.inf
        self._renewing = asyncio.Lock()
        self._draining: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Log in for the first time."""
        self._connect(await self._log_in())

    async def close(self) -> None:
        """End every transport; what still waits for an answer is cancelled."""
        transport, self._transport = self._transport, None
        if transport is not None:
            self._drain(transport)
        if self._draining:
            # Whoever still waits for an answer now has been cancelled, or is a watch.
            await asyncio.wait(self._draining, timeout=_CLOSE_SECONDS)
        for task in tuple(self._draining):
            task.cancel()
            await asyncio.wait((task,))

    async def current(self) -> Transport:
        """Return the transport to use now; logs in again first when that is due.

        Raises:
            Unavailable: The session is not open.
        """
        if self._is_due():
            try:
                await self.renew(self._transport)
            except Unavailable as error:
                # The old ones may still be good; if not, the 401 says so.
                log.warning("logging in again failed", error=error.message)
        if self._transport is None:
            raise Unavailable(
                reasons.API_UNAVAILABLE, "the connection to the API server is not open"
            )
        return self._transport

    async def renew(self, used: Transport | None) -> bool:
        """Log in again unless somebody else did meanwhile; return whether there is a new transport.

        Requests in flight end on the old transport by themselves.
        """
        now = asyncio.get_running_loop().time
        async with self._renewing:
            if self._transport is not used or used is None:
                return self._transport is not None
            if now() < self._renewed_at + _LOGIN_PAUSE_SECONDS:
                return False
            self._renewed_at = now()
            try:
                # What they hold may be damaged: a certificate that is none is found out here.
                self._connect(await self._log_in())
            except GloveboxError:
                raise
            except Exception as error:
                raise Unavailable(
                    reasons.API_UNAVAILABLE,
                    f"logging in to the API server again failed: {error}",
                ) from error
            self._drain(used)
        return True

    async def _log_in(self) -> Credentials:
        found = self._login()
        return await found if inspect.isawaitable(found) else found

    def _connect(self, credentials: Credentials) -> None:
        self._transport = self._make_transport(credentials)
        # Asked for once: to look whether something fits a protocol takes longer than a short answer
        # takes to be parsed.
        self._is_due = credentials.due if isinstance(credentials, Expiring) else _never

    def _drain(self, transport: Transport) -> None:
        task = asyncio.create_task(transport.close())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
