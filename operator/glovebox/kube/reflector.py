"""Keeps one kind's part of the cache true: list in pages, then watch, for ever.

It refuses to give up and it refuses to take the process down: a kind that answers 403 for a minute
    is retried with growing
waits while the others go on. After every gap it lists again and tells the cache what the list did
*not* hold, so that a deletion missed in the gap is noticed. `resync_seconds` bounds how long even
an undetected gap can last.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import structlog

from glovebox.errors import GloveboxError
from glovebox.kube.client import Client
from glovebox.kube.kinds import Kind
from glovebox.kube.objects import ObjectKey, key_of

_LONGEST_WAIT_SECONDS = 15.0
log = structlog.get_logger(__name__)


class Cache(Protocol):
    """What a reflector feeds."""

    def seen(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Take in an object that was added or changed."""

    def gone(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Take in that an object was deleted."""

    def listed(self, kind: Kind, seen: set[ObjectKey]) -> None:
        """Take in that a complete list held just these."""


class Reflector:
    """Feeds a cache with one kind.

    Args:
        client: The connection.
        kind: What to list and watch, in all namespaces.
        cache: What is told.
        label_selector: Narrows list and watch on the server.
        field_selector: As label_selector, by field.
        resync_seconds: After this long a watch ends and the list is read again, with 20 % jitter.
    """

    def __init__(
        self,
        client: Client,
        kind: Kind,
        cache: Cache,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resync_seconds: float = 600.0,
    ) -> None:
        self._client = client
        self._kind = kind
        self._cache = cache
        self._label_selector, self._field_selector = label_selector, field_selector
        self._resync_seconds = resync_seconds
        self.last_list_time = 0.0
        self.last_contact_time = 0.0
        self.failure: str = ""

    @property
    def kind(self) -> Kind:
        """The kind that this reflector keeps."""
        return self._kind

    async def run(self) -> None:
        """List and watch until cancelled."""
        wait = 0.5
        while True:
            try:
                version = await self._list()
                wait = 0.5
                await self._follow(
                    version,
                    until=time.monotonic() + self._resync_seconds * random.uniform(0.8, 1.2),  # noqa: S311
                )
            except GloveboxError as error:
                self.failure = str(error)
                log.warning(
                    "list or watch failed, trying again",
                    kind=self._kind.kind,
                    error=self.failure,
                    wait_seconds=round(wait, 1),
                )
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    async def _list(self) -> str:
        seen: set[ObjectKey] = set()
        version = ""
        async for page in self._client.pages(
            self._kind, label_selector=self._label_selector, field_selector=self._field_selector
        ):
            for item in page.get("items") or ():
                seen.add(key_of(self._kind, item))
                self._cache.seen(self._kind, item)
            version = page["metadata"]["resourceVersion"]
        self._cache.listed(self._kind, seen)
        self.failure = ""
        self.last_list_time = self.last_contact_time = time.time()
        return version

    async def _follow(self, version: str, *, until: float) -> None:
        while time.monotonic() < until:
            async for event in self._events(version):
                self.last_contact_time = time.time()
                obj = event["object"]
                version = obj["metadata"]["resourceVersion"]
                match event["type"]:
                    case "ADDED" | "MODIFIED":
                        self._cache.seen(self._kind, obj)
                    case "DELETED":
                        self._cache.gone(self._kind, obj)

    def _events(self, version: str) -> AsyncIterator[dict[str, Any]]:
        return self._client.watch(
            self._kind,
            version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        )
