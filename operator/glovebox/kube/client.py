"""A small asynchronous client of the API server: plain dicts in and out over one bounded transport.

The official client is left out of the hot path on purpose: it costs four times the CPU a request
and 60 to 140 MiB of memory (docs/decisions/0002-api-client.md).

Here are the verbs. Who is logged in is `session.py`; how one request is sent, what is repeated and
what becomes an error is `exchange.py`, and holds for all of them.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import orjson

from glovebox import names
from glovebox.api import reasons
from glovebox.errors import Unavailable
from glovebox.kube.answers import AlreadyExists, NotFound, checked_event
from glovebox.kube.exchange import MERGE_PATCH, Exchange, Fence, Observer
from glovebox.kube.http import AiohttpTransport
from glovebox.kube.kinds import POD, Kind
from glovebox.kube.session import Login, Session
from glovebox.kube.transport import Credentials, Transport, TransportError

# Eight kinds are listed at once at the start: what they hold then is what the process keeps. One
# object may be hundreds of KiB large, and a team can make it so.
PAGE_SIZE = 50
# Pods are a team's, who may make each as large as the API server takes; several namespaces are
# looked at at once.
PAGE_SIZE_OF_PODS = 10
# The server ends a watch after this time.
WATCH_SECONDS = 300.0
# The kubelet finds the end of a log by its lines. A log that is longer in bytes is read through.
_LOG_LINES = 100_000
_LOG_SECONDS = 20.0


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
        self._session = Session(login, transport)
        self._exchange = Exchange(self._session, observe, fence, jitter)

    @property
    def fence(self) -> Fence:
        """What is asked before each mutating request; an election puts its own here."""
        return self._exchange.fence

    @fence.setter
    def fence(self, fence: Fence) -> None:
        self._exchange.fence = fence

    async def __aenter__(self) -> Self:
        await self._session.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        """Return an object.

        Raises:
            NotFound: It is not there.
        """
        return await self._exchange.request("GET", kind, kind.path(namespace, name))

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
            page = await self._exchange.request(
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
        return await self._exchange.request("POST", kind, path, body=obj, params=params)

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
        return await self._exchange.request("PUT", kind, path, body=obj, params=params)

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
        return await self._exchange.request(
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
            return await self._exchange.request(
                "DELETE", kind, kind.path(namespace, name), body=body
            )
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
            async with self._exchange.opened(kind, params) as stream:
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
                self._exchange.opened(POD, params, path=path, verb="LOG") as stream,
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
