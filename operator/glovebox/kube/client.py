"""A small asynchronous client of the API server: plain dicts in and out over one bounded transport.

The official client is left out of the hot path on purpose: it costs four times the CPU a request
and 60 to 140 MiB of memory (docs/decisions/0002-api-client.md).

It refuses to hide anything: each answer that is not a success becomes one of our errors, and only
what is safe to repeat is repeated here: what the server says it did not do (401 once, after logging
in again, and 429). An error says whether its request may have taken effect all the same.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any, NoReturn, Protocol, Self, runtime_checkable

import orjson
import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.errors import GloveboxError, Unavailable
from glovebox.kube.answers import (
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    AlreadyExists,
    NotFound,
    checked_event,
    refuse,
    retry_after,
)
from glovebox.kube.gate import Gate
from glovebox.kube.http import AiohttpTransport
from glovebox.kube.kinds import LEASE, POD, Kind
from glovebox.kube.transport import (
    REQUESTS_AT_ONCE,
    Answer,
    Credentials,
    Stream,
    Transport,
    TransportError,
)

__all__ = ["Client", "Credentials", "Expiring", "Fence", "Login", "Observer"]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
# Eight kinds are listed at once at the start: what they hold then is what the process keeps. One
# object may be hundreds of KiB large, and a team can make it so.
PAGE_SIZE = 50
# Pods are a team's, who may make each as large as the API server takes; several namespaces are
# looked at at once.
PAGE_SIZE_OF_PODS = 10
REQUEST_TIMEOUT_SECONDS = 30.0
# The server ends a watch after this time; bookmarks come each minute, so silence for longer than
# that means a dead connection.
WATCH_SECONDS = 300.0
WATCH_SILENCE_SECONDS = 75.0
_TOO_MANY_REQUESTS_TRIES = 5
# A 401 that follows a new login so soon is no matter of a token that ran out: the answer stands.
_LOGIN_PAUSE_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
# The kubelet finds the end of a log by its lines. A log that is longer in bytes is read through.
_LOG_LINES = 100_000
_LOG_SECONDS = 20.0
log = structlog.get_logger(__name__)


@runtime_checkable
class Expiring(Protocol):
    """Credentials that say themselves when it is time for new ones."""

    def due(self) -> bool:
        """Return whether to log in again before the next request."""
        raise NotImplementedError


Login = Callable[[], "Credentials | Awaitable[Credentials]"]
Observer = Callable[[str, str, int, float], None]
# Returns for how many seconds this replica may still write; raises Fenced when it may not.
Fence = Callable[[], float]


def _never() -> bool:
    return False


def _nobody(verb: str, plural: str, code: int, seconds: float) -> None:
    """Count nothing."""


def _always() -> float:
    """Let everything pass: there is one process and no election."""
    return math.inf


class Client:
    """One transport to one API server, and what its answers mean.

    Args:
        login: Gives fresh credentials, at once or awaited; called at the start, when they say that
            they are due, and when the server answers 401.
        observe: Told of each answer: verb, plural, HTTP code (0: none), seconds.
        transport: Makes what carries the requests of one user.
        fence: Asked before each mutating request (but those on Leases, by which leadership is won):
            for how many seconds this replica may still write. A request takes no longer than that.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        login: Login,
        observe: Observer = _nobody,
        *,
        transport: Callable[[Credentials], Transport] = AiohttpTransport,
        fence: Fence = _always,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._login = login
        self._observe = observe
        self._make_transport = transport
        self._jitter = jitter
        self.fence = fence
        self._is_due: Callable[[], bool] = _never
        self._transport: Transport | None = None
        self._renewed_at = -math.inf
        self._renewing = asyncio.Lock()
        self._draining: set[asyncio.Task[None]] = set()
        self._gate = Gate(REQUESTS_AT_ONCE)

    async def __aenter__(self) -> Self:
        self._connect(await self._log_in())
        return self

    async def __aexit__(self, *exc: object) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            self._drain(transport)
        if self._draining:
            # Whoever still waits for an answer now has been cancelled, or is a watch.
            await asyncio.wait(self._draining, timeout=_CLOSE_SECONDS)
        for task in tuple(self._draining):
            task.cancel()
            await asyncio.wait((task,))

    async def _log_in(self) -> Credentials:
        found = self._login()
        return await found if inspect.isawaitable(found) else found

    def _connect(self, credentials: Credentials) -> None:
        self._transport = self._make_transport(credentials)
        # Asked for once: to look whether something fits a protocol takes longer than a short answer
        # takes to be parsed.
        self._is_due = credentials.due if isinstance(credentials, Expiring) else _never

    async def _current(self) -> Transport:
        if self._is_due():
            try:
                await self._renew(self._transport)
            except Unavailable as error:
                # The old ones may still be good; if not, the 401 says so.
                log.warning("logging in again failed", error=error.message)
        if self._transport is None:
            raise Unavailable(
                reasons.API_UNAVAILABLE, "the connection to the API server is not open"
            )
        return self._transport

    async def _renew(self, used: Transport | None) -> bool:
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
                credentials = await self._log_in()
            except GloveboxError:
                raise
            except Exception as error:
                raise Unavailable(
                    reasons.API_UNAVAILABLE,
                    f"logging in to the API server again failed: {error}",
                ) from error
            self._connect(credentials)
            self._drain(used)
        return True

    def _drain(self, transport: Transport) -> None:
        task = asyncio.create_task(transport.close())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        """Return an object.

        Raises:
            NotFound: It is not there.
        """
        return await self._request("GET", kind, kind.path(namespace, name))

    async def pages(
        self,
        kind: Kind,
        *,
        label_selector: str = "",
        field_selector: str = "",
        namespace: str | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the pages of a consistent list, at most 50 objects each (10 pods).

        A large list is so never held whole.

        Raises:
            Expired: Reading the pages took so long that the server forgot the list: begin again.
        """
        params = {
            "limit": str(PAGE_SIZE_OF_PODS if kind == POD else PAGE_SIZE),
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
        }
        params = {key: value for key, value in params.items() if value}
        while True:
            page = await self._request(
                "GET", kind, kind.path(namespace), params=params, verb="LIST"
            )
            yield page
            token = page["metadata"].get("continue")
            if not token:
                return
            params["continue"] = token

    async def create(
        self, kind: Kind, obj: dict[str, Any], *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Create an object and return what the server made of it.

        Args:
            kind: What it is.
            obj: The whole object.
            dry_run: Only ask whether the server would take it.

        Raises:
            AlreadyExists: The name is taken.
            NamespaceGone: Its namespace is not there.
        """
        path = kind.path(obj["metadata"].get("namespace"))
        params = {"fieldManager": names.FIELD_MANAGER}
        if dry_run:
            params["dryRun"] = "All"
        return await self._request("POST", kind, path, body=obj, params=params)

    async def create_or_get(self, kind: Kind, obj: dict[str, Any]) -> dict[str, Any]:
        """Create an object; return it, or what has its name already."""
        try:
            return await self.create(kind, obj)
        except AlreadyExists:
            return await self.get(kind, obj["metadata"].get("namespace"), obj["metadata"]["name"])

    async def replace(
        self,
        kind: Kind,
        obj: dict[str, Any],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Replace an object whole; a `resourceVersion` in it must still be the current one.

        Args:
            kind: What it is.
            obj: The whole object.
            subresource: What of it is replaced, where not all of it is.
            dry_run: Only ask what the server would store.

        Raises:
            NotFound: It is not there any more.
            Conflict: Somebody wrote in between.
        """
        metadata = obj["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"], subresource)
        params = {"fieldManager": names.FIELD_MANAGER}
        if dry_run:
            params["dryRun"] = "All"
        return await self._request("PUT", kind, path, body=obj, params=params)

    async def merge(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        patch: dict[str, Any],
        *,
        subresource: str | None = None,
    ) -> dict[str, Any]:
        """Apply a JSON merge patch (RFC 7386).

        Raises:
            NotFound: It is not there any more.
            Conflict: The patch names a `resourceVersion` that is not the current one.
        """
        path = kind.path(namespace, name, subresource)
        params = {"fieldManager": names.FIELD_MANAGER}
        return await self._request(
            "PATCH", kind, path, body=patch, params=params, content_type=MERGE_PATCH
        )

    async def delete(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> dict[str, Any] | None:
        """Delete the object with that very UID; what took its place stays.

        One that is gone already is fine.

        Returns:
            What the API server answers: the object where it stays for now (a finalizer holds it, or
            it is given time to end); None where it says that nothing of that name is there.

        Args:
            kind: What it is.
            namespace: Where it is.
            name: Its name.
            uid: Which one.
            resource_version: When given, the version that was looked at must be the current one.
            grace_seconds: For how long a pod may end; None for what the pod says. It shortens the
                end of one that is being deleted already.

        Raises:
            Conflict: Another object has the name now, or it was written since.
        """
        preconditions = {"uid": uid}
        if resource_version is not None:
            preconditions["resourceVersion"] = resource_version
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": "Background",
        }
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            return await self._request("DELETE", kind, kind.path(namespace, name), body=body)
        except NotFound:
            return None

    async def watch(
        self,
        kind: Kind,
        resource_version: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        seconds: float = WATCH_SECONDS,
        opened: Callable[[], None] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield watch events until the server ends the stream.

        A connection that is silent for 75 seconds is given up.

        Args:
            kind: What to watch, in all namespaces.
            resource_version: What was known last: everything after it is told.
            label_selector: Narrows it on the server.
            field_selector: As label_selector, by field.
            seconds: When the server shall end it.
            opened: Called when the server has accepted the watch.

        Raises:
            Expired: The resource version is too old (410, as a status or in the stream).
            Unavailable: The stream broke or carried an error.
        """
        params = {
            "watch": "1",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(round(seconds)),
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
        }
        params = {key: value for key, value in params.items() if value}
        try:
            async with self._opened(kind, params) as stream:
                if opened is not None:
                    opened()
                rest = b""
                async for chunk in stream.chunks():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if line:
                            yield checked_event(orjson.loads(line), kind)
        except (TransportError, orjson.JSONDecodeError) as error:
            raise Unavailable(
                reasons.API_UNAVAILABLE, f"watching {kind.plural} broke off: {error}"
            ) from error

    async def log_tail(
        self, namespace: str, pod: str, container: str, *, most: int
    ) -> tuple[bytes, bool]:
        """Return the end of what a container wrote to its log, and whether it is known to be cut.

        One that is not known to be cut may lack its beginning all the same: of a log that was
        rotated a kubelet gives the newest file alone, and does not say so.

        Args:
            namespace: Where the pod is.
            pod: Its name.
            container: Which of its containers.
            most: Bytes that are kept; no more are ever held.

        Raises:
            NotFound: The pod is gone.
            InvalidInput: The container has not started.
            Unavailable: Its kubelet does not answer.
        """
        path = POD.path(namespace, pod, "log")
        params = {"container": container, "tailLines": str(_LOG_LINES)}
        kept, size = bytearray(), 0
        try:
            async with (
                asyncio.timeout(_LOG_SECONDS),
                self._opened(POD, params, path=path, verb="LOG") as stream,
            ):
                async for chunk in stream.chunks():
                    size += len(chunk)
                    kept += chunk
                    if len(kept) > 2 * most:
                        del kept[:-most]
        except (TransportError, TimeoutError) as error:
            raise Unavailable(
                reasons.API_UNAVAILABLE, f"LOG {path}: {str(error) or 'no end in time'}"
            ) from error
        return bytes(kept[-most:]), size > most or kept.count(b"\n") >= _LOG_LINES

    @asynccontextmanager
    async def _opened(
        self, kind: Kind, params: Mapping[str, str], *, path: str = "", verb: str = "WATCH"
    ) -> AsyncIterator[Stream]:
        """Open a stream that was accepted; logs in again once when the credentials are refused."""
        path = path or kind.path()
        for last in (False, True):
            transport = await self._current()
            async with transport.stream(
                path, params=params, silence_seconds=WATCH_SILENCE_SECONDS
            ) as stream:
                if stream.status < 300:  # noqa: PLR2004 - HTTP success
                    yield stream
                    return
                raw = b"".join([chunk async for chunk in stream.chunks()])
            if last or stream.status != UNAUTHORIZED or not await self._renew(transport):
                refuse(verb, kind, path, stream.status, raw)

    async def _request(
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
        data = orjson.dumps(body) if body is not None else None
        verb = verb or method
        mutating = method != "GET"
        logged_in_again = False
        attempt = 0
        while True:
            # The election waits for nobody: a crowd of slow requests must not cost the lease.
            async with nullcontext() if kind == LEASE else self._gate:
                transport = await self._current()
                answer = await self._sent(
                    transport, method, kind, path, params or {}, data, content_type, verb
                )
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
                if await self._renew(transport):
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
        result: dict[str, Any] = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise Unavailable(
            reasons.API_UNAVAILABLE,
            f"{verb} {path}: the answer was cut off",
            effect_unknown=mutating,
        ) from error
    return result
