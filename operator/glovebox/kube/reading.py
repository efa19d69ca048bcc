"""The verbs that look: one object, pages of a list, a watch, the end of a log.

It refuses to write: whoever holds a reader alone cannot change the cluster. A list is never held
whole, and no more of a log than was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from glovebox.api import reasons
from glovebox.errors import Unavailable
from glovebox.kube.answers import NotFound, checked_event
from glovebox.kube.exchange import Exchange
from glovebox.kube.kinds import DISCOVERY, POD, Kind
from glovebox.kube.transport import TransportError

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


class ApiReader:
    """Looks at what an API server has.

    Args:
        exchange: Sends the requests.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        """Return an object.

        Raises:
            NotFound: It is not there.
        """
        return await self._exchange.request("GET", kind, kind.path(namespace, name))

    async def served(self, api_version: str) -> frozenset[str]:
        """Return the plural names of what discovery offers of a group; none of one it knows not.

        What it offers is not all that is served: it follows a moment later.

        Args:
            api_version: Group and version, as objects name them.
        """
        group, _, version = api_version.partition("/")
        everything = await self._discover("/apis")
        offered = {
            each["version"]
            for one in everything.get("groups") or ()
            if one["name"] == group
            for each in one.get("versions") or ()
        }
        if version not in offered:
            return frozenset()
        try:
            found = await self._discover(f"/apis/{api_version}")
        except NotFound:
            return frozenset()
        return frozenset(each["name"] for each in found.get("resources") or ())

    async def _discover(self, path: str) -> dict[str, Any]:
        return await self._exchange.request("GET", DISCOVERY, path, verb="DISCOVER")

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
            Unavailable: There was no answer, or it is no list.
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
            metadata = page.get("metadata") or {}
            if not metadata.get("resourceVersion"):
                raise Unavailable(
                    reasons.API_UNAVAILABLE, f"LIST {kind.plural}: the answer is no list"
                )
            yield page
            token = metadata.get("continue")
            if not token:
                return
            params["continue"] = token

    async def watch(
        self,
        kind: Kind,
        resource_version: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        namespace: str | None = None,
        seconds: float = WATCH_SECONDS,
        opened: Callable[[], None] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield watch events until the server ends the stream.

        A connection that is silent for 75 seconds is given up.

        Args:
            kind: What to watch.
            resource_version: What was known last: everything after it is told.
            label_selector: Narrows it on the server.
            field_selector: As label_selector, by field.
            namespace: Where; None: in all namespaces.
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
            async with self._exchange.opened(kind, params, path=kind.path(namespace)) as stream:
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
