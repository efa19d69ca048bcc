"""One request to the API server and its answer: what is repeated, and how long it may take.

It refuses to hide anything: each answer that is not a success becomes one of our errors, and only
what is safe to repeat is repeated here: what the server says it did not do (401 once, after logging
in again, and 429). An error says whether its request may have taken effect all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any, NoReturn

import orjson

from glovebox import traces
from glovebox.api import reasons
from glovebox.errors import Unavailable
from glovebox.kube.answers import TOO_MANY_REQUESTS, UNAUTHORIZED, refuse, retry_after
from glovebox.kube.gate import Gate
from glovebox.kube.kinds import LEASE, Kind
from glovebox.kube.session import Session
from glovebox.kube.transport import (
    REQUESTS_AT_ONCE,
    Answer,
    Stream,
    Transport,
    TransportError,
)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
REQUEST_TIMEOUT_SECONDS = 30.0
# Bookmarks come each minute: silence for longer than that means a dead connection.
WATCH_SILENCE_SECONDS = 75.0
_TOO_MANY_REQUESTS_TRIES = 5
_NOT_ITS_ANSWER = (
    "the answer is none of the API server: it was cut off, or a load balancer or proxy in front of"
    " it answered"
)

Observer = Callable[[str, str, int, float], None]
# Returns for how many seconds this replica may still write; raises Fenced when it may not.
Fence = Callable[[], float]


class Exchange:
    """Sends requests over one session, no more at once than the API server answers soon.

    Args:
        session: Who is logged in.
        observe: Told of each answer: verb, plural, HTTP code (0: none), seconds.
        fence: Asked before each mutating request (but those on Leases, by which leadership is won):
            for how many seconds this replica may still write. A request takes no longer than that.
        jitter: Returns a number from 0 to 1.

    Attributes:
        fence: As given; an election puts its own here.
    """

    def __init__(
        self, session: Session, observe: Observer, fence: Fence, jitter: Callable[[], float]
    ) -> None:
        self._session = session
        self._observe = observe
        self.fence = fence
        self._jitter = jitter
        self._gate = Gate(REQUESTS_AT_ONCE)

    @asynccontextmanager
    async def opened(
        self, kind: Kind, params: Mapping[str, str], *, path: str = "", verb: str = "WATCH"
    ) -> AsyncIterator[Stream]:
        """Open a stream that was accepted; logs in again once when the credentials are refused."""
        path = path or kind.path()
        for last in (False, True):
            transport = await self._session.current()
            async with transport.stream(
                path, params=params, silence_seconds=WATCH_SILENCE_SECONDS
            ) as stream:
                if stream.status < 300:  # noqa: PLR2004 - HTTP success
                    if verb == "WATCH" and stream.content_type != JSON:
                        raise Unavailable(
                            reasons.API_UNAVAILABLE,
                            f"{verb} {path}: {_NOT_ITS_ANSWER} ({stream.content_type})",
                        )
                    yield stream
                    return
                raw = b"".join([chunk async for chunk in stream.chunks()])
            if last or stream.status != UNAUTHORIZED or not await self._session.renew(transport):
                refuse(verb, kind, path, stream.status, raw)

    async def request(
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        params: dict[str, str] | None = None,
        content_type: str = JSON,
        verb: str | None = None,
    ) -> dict[str, Any]:
        """Send a request until it is answered for good; return what the answer holds.

        Args:
            method: Of HTTP.
            kind: What is asked for.
            path: Its path.
            body: What is sent.
            params: What stands behind the path.
            content_type: How the body is meant.
            verb: As what it is counted and reported; the method when absent.

        Raises:
            GloveboxError: The API server refused; `refuse` in `kube/answers.py` says with which.
            Unavailable: No whole answer came, or the server is shedding load.
        """
        data = orjson.dumps(body) if body is not None else None
        verb = verb or method
        mutating = method != "GET"
        logged_in_again = False
        attempt = 0
        while True:
            # The election waits for nobody: a crowd of slow requests must not cost the lease.
            async with nullcontext() if kind == LEASE else self._gate:
                transport = await self._session.current()
                # Every few seconds for as long as it leads: nobody looks for that.
                measured = f"{verb} {kind.plural}" if kind != LEASE else ""
                with traces.span(measured) as tell:
                    answer = await self._sent(
                        transport, method, kind, path, params or {}, data, content_type, verb
                    )
                    tell({"http.response.status_code": answer.status})
            if answer.status < 300:  # noqa: PLR2004 - HTTP success
                return _decoded(answer, verb, path, mutating=mutating)
            # What waits, waits outside of the gate: others may go on meanwhile.
            if answer.status == TOO_MANY_REQUESTS:
                attempt += 1
                if attempt == _TOO_MANY_REQUESTS_TRIES:
                    self._shed(verb, path)
                await asyncio.sleep(retry_after(answer, attempt - 1, self._jitter()))
                continue
            if answer.status == UNAUTHORIZED and not logged_in_again:
                logged_in_again = True
                if await self._session.renew(transport):
                    continue
            refuse(verb, kind, path, answer.status, answer.body, mutating=mutating)

    async def _sent(
        self,
        transport: Transport,
        method: str,
        kind: Kind,
        path: str,
        params: Mapping[str, str],
        data: bytes | None,
        content_type: str,
        verb: str,
    ) -> Answer:
        mutating = method != "GET"
        timeout = REQUEST_TIMEOUT_SECONDS
        if mutating and kind != LEASE:
            timeout = min(timeout, self.fence())
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(timeout):
                answer = await transport.request(
                    method,
                    path,
                    params=params,
                    body=data,
                    content_type=content_type,
                    timeout_seconds=timeout,
                )
        except (TransportError, TimeoutError) as error:
            self._observe(verb, kind.plural, 0, clock() - started)
            sent = error.sent if isinstance(error, TransportError) else True
            what = str(error) or f"no answer within {timeout:.0f} s"
            raise Unavailable(
                reasons.API_UNAVAILABLE,
                f"{verb} {path}: {what}",
                effect_unknown=mutating and sent,
            ) from error
        self._observe(verb, kind.plural, answer.status, clock() - started)
        return answer

    def _shed(self, verb: str, path: str) -> NoReturn:
        raise Unavailable(
            reasons.API_UNAVAILABLE,
            f"{verb} {path}: the API server is shedding load; tried {_TOO_MANY_REQUESTS_TRIES}"
            " times",
        )


def _decoded(answer: Answer, verb: str, path: str, *, mutating: bool) -> dict[str, Any]:
    try:
        result = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        result = None
    if isinstance(result, dict):
        return result
    raise Unavailable(
        reasons.API_UNAVAILABLE, f"{verb} {path}: {_NOT_ITS_ANSWER}", effect_unknown=mutating
    )
