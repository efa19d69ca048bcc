"""A small asynchronous client of the API server: plain dicts in and out over one bounded transport.

The official client is left out of the hot path on purpose: it costs four times the CPU a request
and 60 to 140 MiB of memory (docs/decisions/0002-api-client.md).

Here are the verbs that write; those that look are `reading.py`. Who is logged in is `session.py`;
how one request is sent, what is repeated and what becomes an error is `exchange.py`, and holds for
all of them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, Self

from glovebox import names
from glovebox.kube.answers import AlreadyExists, NotFound
from glovebox.kube.exchange import MERGE_PATCH, Exchange, Fence, Observer
from glovebox.kube.http import AiohttpTransport
from glovebox.kube.kinds import Kind
from glovebox.kube.reading import ApiReader
from glovebox.kube.session import Login, Session
from glovebox.kube.transport import Credentials, Transport


def _nobody(verb: str, plural: str, code: int, seconds: float) -> None:
    """Count nothing."""


def _always() -> float:
    """Let everything pass: there is one process and no election."""
    return math.inf


class Client(ApiReader):
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
        super().__init__(Exchange(self._session, observe, fence, jitter))

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
            grace_seconds: For how long a pod may end; None for what the pod says. It shortens the
                end of one that is being deleted already.

        Raises:
            Conflict: Another object has the name now.
        """
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
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
