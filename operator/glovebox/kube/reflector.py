"""Keeps one table of the store true: list in pages, then watch, for ever.

- A watch that ends is resumed at the last version, at once; one that breaks, or is refused (429,
  5xx, no connection), is resumed at the same version after a growing wait. Only a version that is
  too old (410) leads to a new list.
- A watch that ended within a second and told nothing counts as broken: no hot loop. Nor is it
  contact: whatever accepts watches and ends them at once keeps the kind out of reach.
- A list that is too old before its last page is read is begun again after a wait.
- About once an hour everything is listed all the same: the bound of any gap that nobody noticed,
  and of a database that went back in time.

It refuses to give up and it refuses to take the process down: whatever is raised is counted, logged
and tried again, while the other kinds go on. For how long a kind has been out of reach is known, so
that readiness can say so.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import structlog

from glovebox.errors import Expired, GloveboxError
from glovebox.kube.kinds import Kind
from glovebox.kube.reading import ApiReader
from glovebox.kube.store import Feed

FIRST_WAIT_SECONDS = 0.8
LONGEST_WAIT_SECONDS = 30.0
# Without a failure for so long the waits begin from the shortest again.
CALM_SECONDS = 120.0
SHORT_WATCH_SECONDS = 1.0
# A watch lasts from 5 to 10 minutes, so that they do not all end at the same moment.
WATCH_SECONDS = 300.0
RELIST_SECONDS = 3600.0
log = structlog.get_logger(__name__)


class ShortWatchError(Exception):
    """A watch ended at once and told nothing: to ask again at once would be a hot loop."""


def _nobody(kind: Kind) -> None:
    """Count nothing."""


class Reflector:
    """Feeds one table.

    Args:
        client: The connection.
        feed: The table; says what to list and watch.
        label_selector: Narrows list and watch on the server.
        field_selector: As label_selector, by field.
        namespace: Where; None: in all namespaces.
        relist_seconds: After this long everything is listed again, up to 20 % earlier or later.
        failed: Called with the kind after each failure.
        jitter: Returns a number from 0 to 1.
        now: Unix time, for metrics.
    """

    def __init__(
        self,
        client: ApiReader,
        feed: Feed,
        *,
        label_selector: str = "",
        field_selector: str = "",
        namespace: str | None = None,
        relist_seconds: float = RELIST_SECONDS,
        failed: Callable[[Kind], None] = _nobody,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._feed = feed
        self._label_selector, self._field_selector = label_selector, field_selector
        self._namespace = namespace
        self._relist_seconds = relist_seconds
        self._failed = failed
        self._jitter = jitter
        self._now = now
        self._version = ""
        self._relist_at = 0.0
        self._listed_at = 0.0
        self._wait = FIRST_WAIT_SECONDS
        self._last_failure = 0.0
        self._failing_since: float | None = None
        self._opened_at: float | None = None
        self.last_list_time = 0.0
        self.last_contact_time = 0.0
        self.failure = ""

    @property
    def kind(self) -> Kind:
        """The kind that this reflector keeps."""
        return self._feed.kind

    def out_of_reach_seconds(self) -> float:
        """Return for how long every try has failed; 0 while the watch stands."""
        if self._failing_since is None or self._stands():
            return 0.0
        return _clock() - self._failing_since

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if not self._version or _clock() >= self._relist_at:
                    await self._list()
                await self._watch()
            except Expired as error:
                # Soon after a list, or within one, it would be a circle of lists.
                again = not self._version or _clock() < self._listed_at + CALM_SECONDS
                self._version = ""
                if again:
                    await self._back_off(error)
            except Exception as error:  # noqa: BLE001 - a broken reflector never ends the process
                await self._back_off(error)

    async def _list(self) -> None:
        listing = self._feed.listing()
        self._version = version = ""
        async for page in self._client.pages(
            self.kind,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            namespace=self._namespace,
        ):
            version = page["metadata"]["resourceVersion"]
            listing.page(int(version), page.get("items") or ())
            self.last_contact_time = self._now()
        listing.end(int(version))
        self._in_contact()
        self._version = version
        self.last_list_time = self._now()
        self._listed_at = _clock()
        self._relist_at = self._listed_at + self._relist_seconds * (0.8 + 0.4 * self._jitter())

    async def _watch(self) -> None:
        started, told = _clock(), False
        async for event in self._client.watch(
            self.kind,
            self._version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            namespace=self._namespace,
            seconds=WATCH_SECONDS * (1 + self._jitter()),
            opened=self._opened,
        ):
            told = True
            self._in_contact()
            self._take(event)
        if not told and _clock() < started + SHORT_WATCH_SECONDS:
            raise ShortWatchError("the watch ended at once and delivered nothing")
        self._in_contact()

    def _opened(self) -> None:
        self._opened_at = _clock()

    def _stands(self) -> bool:
        """Whether the present watch was accepted, and has not ended at once."""
        opened = self._opened_at
        return opened is not None and _clock() >= opened + SHORT_WATCH_SECONDS

    def _take(self, event: dict[str, Any]) -> None:
        obj = event["object"]
        # First: an event that cannot be taken in is not asked for again and again.
        self._version = obj["metadata"]["resourceVersion"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._feed.seen(obj)
            case "DELETED":
                self._feed.gone(obj)
        # A watch tells in order: with one event everything before it has been told.
        self._feed.bookmark(int(self._version))

    def _in_contact(self) -> None:
        self.last_contact_time = self._now()
        self._failing_since = None
        self.failure = ""

    async def _back_off(self, error: Exception) -> None:
        now = _clock()
        if self._failing_since is None or self._stands():
            self._failing_since = now
        self._opened_at = None
        if now - self._last_failure > CALM_SECONDS:
            self._wait = FIRST_WAIT_SECONDS
        self.failure = f"{type(error).__name__}: {error}"
        self._failed(self.kind)
        wait = self._wait * (1 + self._jitter())
        known = isinstance(error, GloveboxError | ShortWatchError)
        log.warning(
            "list or watch failed, trying again" if known else "a bug: list or watch failed",
            kind=self.kind.kind,
            error=self.failure,
            wait_seconds=round(wait, 1),
            exc_info=None if known else error,
        )
        self._wait = min(self._wait * 2, LONGEST_WAIT_SECONDS)
        await asyncio.sleep(wait)
        self._last_failure = _clock()


def _clock() -> float:
    return asyncio.get_running_loop().time()
