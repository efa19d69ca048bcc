"""A small asynchronous client of the API server: plain dicts in and out over one bounded pool.

The official client is left out of the operator's process on purpose: it costs four times the CPU a
request and 60 to 140 MiB of memory (docs/decisions/0002-api-client.md). Credentials come from kopf,
so that both speak as the same user.

It refuses to hide anything: each answer that is not a success becomes one of our errors, and only
    requests that are
safe to repeat are repeated here (reads, and writes that the server says it did not take: 429).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn, Protocol, Self

import aiohttp
import orjson

from glovebox import names
from glovebox.api import reasons
from glovebox.errors import Unavailable
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
from glovebox.kube.kinds import Kind

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
# A connection a worker is enough; beyond 32 the API server only answers later (measured).
POOL_SIZE = 32
# Eight kinds are listed at once at the start: what they hold then is what the process keeps.
PAGE_SIZE = 200
REQUEST_TIMEOUT_SECONDS = 30.0
# The server ends a watch after this time; silence for longer than the sum means a dead connection.
WATCH_SECONDS = 290
WATCH_SILENCE_SECONDS = 75.0
_TOO_MANY_REQUESTS_TRIES = 5
# Watches hold a connection each, beside the pool for requests.
WATCHES = 16


class Credentials(Protocol):
    """What the client needs to know to connect; kopf's ConnectionInfo has this shape."""

    @property
    def server(self) -> str:
        """The API server's URL."""
        raise NotImplementedError

    def as_http_headers(self) -> dict[str, str]:
        """Return the Authorization header, or nothing when a client certificate is used."""
        raise NotImplementedError

    def as_ssl_context(self) -> ssl.SSLContext:
        """Return the TLS settings, the client certificate included."""
        raise NotImplementedError


Observer = Callable[[str, str, int, float], None]


def _nobody(verb: str, plural: str, code: int, seconds: float) -> None:
    """Count nothing."""


class Client:
    """One pool of connections to one API server.

    Args:
        login: Gives fresh credentials; called at the start and again when the server answers 401.
        observe: Told of each answer: verb, plural, HTTP code, seconds.
    """

    def __init__(self, login: Callable[[], Credentials], observe: Observer = _nobody) -> None:
        self._login = login
        self._observe = observe
        self._credentials = login()
        self._session: aiohttp.ClientSession | None = None
        self._gate = Gate(POOL_SIZE)

    async def __aenter__(self) -> Self:
        self._session = self._open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            base_url=self._credentials.server,
            connector=aiohttp.TCPConnector(
                limit=POOL_SIZE + WATCHES,
                ssl=self._credentials.as_ssl_context(),
                keepalive_timeout=60,
            ),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS, sock_connect=5),
            headers={
                "Accept": JSON,
                "User-Agent": "glovebox",
                **self._credentials.as_http_headers(),
            },
        )

    async def _relogin(self, used: aiohttp.ClientSession | None) -> None:
        if self._session is not used:
            return  # another request was first
        self._credentials = self._login()
        self._session = self._open()
        if used is not None:
            await used.close()

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
        """Yield the pages of a consistent list, at most 200 objects each, so that a large list is never held whole."""
        params = {
            "limit": str(PAGE_SIZE),
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

    async def create(self, kind: Kind, obj: dict[str, Any]) -> dict[str, Any]:
        """Create an object and return what the server made of it.

        Raises:
            AlreadyExists: The name is taken.
        """
        path = kind.path(obj["metadata"].get("namespace"))
        return await self._request(
            "POST", kind, path, body=obj, params={"fieldManager": names.FIELD_MANAGER}
        )

    async def create_or_get(self, kind: Kind, obj: dict[str, Any]) -> dict[str, Any]:
        """Create an object; return it, or what has its name already."""
        try:
            return await self.create(kind, obj)
        except AlreadyExists:
            return await self.get(kind, obj["metadata"].get("namespace"), obj["metadata"]["name"])

    async def replace(
        self, kind: Kind, obj: dict[str, Any], *, subresource: str | None = None
    ) -> dict[str, Any]:
        """Replace an object whole; its `resourceVersion`, when given, must still be the current one.

        Raises:
            NotFound: It is not there any more.
            Conflict: Somebody wrote in between.
        """
        metadata = obj["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"], subresource)
        return await self._request(
            "PUT", kind, path, body=obj, params={"fieldManager": names.FIELD_MANAGER}
        )

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

    async def delete(self, kind: Kind, namespace: str | None, name: str, *, uid: str) -> None:
        """Delete the object with that very UID; one that took its place stays, and one that is gone is fine.

        Raises:
            Conflict: Another object has the name now.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            await self._request("DELETE", kind, kind.path(namespace, name), body=body)
        except NotFound:
            return

    async def delete_all(self, kind: Kind, namespace: str, *, label_selector: str = "") -> None:
        """Delete every object of a kind in one namespace, or those with certain labels."""
        params = {"labelSelector": label_selector} if label_selector else None
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        await self._request(
            "DELETE", kind, kind.path(namespace), body=body, params=params, verb="DELETECOLLECTION"
        )

    async def watch(
        self,
        kind: Kind,
        resource_version: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield watch events until the server ends the stream; a silent connection is given up after 75 seconds.

        Raises:
            Expired: The resource version is too old (410, as a status or in the stream).
            Unavailable: The stream broke or carried an error.
        """
        params = {
            "watch": "1",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
        }
        params = {key: value for key, value in params.items() if value}
        session = self._session
        if session is None:
            raise Unavailable(
                reasons.API_UNAVAILABLE, "the connection to the API server is not open"
            )
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=WATCH_SILENCE_SECONDS)
        try:
            # Objects can be 1.5 MiB on one line, far above aiohttp's line limit: lines are cut
            # here.
            async with session.get(kind.path(), params=params, timeout=timeout) as answer:
                if answer.status != 200:  # noqa: PLR2004 - the one success of a watch
                    await self._refuse(
                        "WATCH", kind, kind.path(), answer.status, await answer.read(), session
                    )
                rest = b""
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if line:
                            yield checked_event(orjson.loads(line), kind)
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise Unavailable(
                reasons.API_UNAVAILABLE, f"watching {kind.plural} broke off: {type(error).__name__}"
            ) from error

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
        for attempt in range(_TOO_MANY_REQUESTS_TRIES):
            session = self._session
            if session is None:
                raise Unavailable(
                    reasons.API_UNAVAILABLE, "the connection to the API server is not open"
                )
            started = time.perf_counter()
            try:
                headers = {"Content-Type": content_type}
                async with (
                    self._gate,
                    session.request(
                        method, path, data=data, params=params, headers=headers
                    ) as answer,
                ):
                    raw = await answer.read()
                    self._observe(verb, kind.plural, answer.status, time.perf_counter() - started)
                    if answer.status < 300:  # noqa: PLR2004 - HTTP success
                        result: dict[str, Any] = orjson.loads(raw)
                        return result
                    if answer.status == TOO_MANY_REQUESTS:
                        await asyncio.sleep(retry_after(answer, attempt))
                        continue
                    await self._refuse(verb, kind, path, answer.status, raw, session)
            except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
                self._observe(verb, kind.plural, 0, time.perf_counter() - started)
                raise Unavailable(
                    reasons.API_UNAVAILABLE, f"{verb} {path}: {type(error).__name__}: {error}"
                ) from error
        raise Unavailable(
            reasons.API_UNAVAILABLE,
            f"{verb} {path}: the API server is shedding load; tried {_TOO_MANY_REQUESTS_TRIES}"
            " times",
        )

    async def _refuse(
        self,
        verb: str,
        kind: Kind,
        path: str,
        code: int,
        raw: bytes,
        session: aiohttp.ClientSession,
    ) -> NoReturn:
        if code == UNAUTHORIZED:
            await self._relogin(session)
        refuse(verb, kind, path, code, raw)
