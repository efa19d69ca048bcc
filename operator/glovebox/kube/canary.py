"""Whether this process still hears: what it knows to be written must come back by a watch.

Connections can stand, and watches be accepted, while nothing arrives: a proxy that buffers, a load
balancer that forgot a connection. Nobody is told then, and a quiet cluster looks the same. Of one
object it is known that it changes every few seconds: the Lease by which one replica leads. Each
version of it that the API server has confirmed, to an own write or to a look of a follower, has to
be shown by the watch of that Lease in time. Nothing is written for that.

What it does not find: one watch of many that is deaf alone. That one is given up after 75 seconds
without a byte, and opened again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from glovebox.kube.kinds import LEASE, Kind
from glovebox.kube.store import version_of

# Fifteen renewals of the Lease. A watch that broke is open again within seconds.
DEAF_SECONDS: Final = 30.0
# The oldest counts: there is no need to know of each renewal that came after it.
_MOST: Final = 64


class Canary:
    """What was confirmed of the Lease and has not been shown yet; the feed of its reflector.

    Args:
        clock: Returns the monotonic time in seconds.
    """

    kind: Kind = LEASE

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._awaited: deque[tuple[int, float]] = deque()
        self._confirmed = self._known = 0

    def confirmed(self, version: int) -> None:
        """Take in that the API server has answered with this version of the Lease."""
        if version < self._confirmed:
            # The database went back in time: what was awaited never comes.
            self._awaited.clear()
            self._known = 0
        is_news = version > max(self._known, self._awaited[-1][0] if self._awaited else 0)
        self._confirmed = version
        if is_news and len(self._awaited) < _MOST:
            self._awaited.append((version, self._clock()))

    def delay_seconds(self) -> float:
        """Return for how long the oldest of what was confirmed has not been shown; 0: all was."""
        return self._clock() - self._awaited[0][1] if self._awaited else 0.0

    def problem(self) -> str:
        """Return why this process counts as deaf, or an empty text."""
        delay = self.delay_seconds()
        if delay <= DEAF_SECONDS:
            return ""
        return (
            f"deaf: the Lease changed {delay:.0f} s ago, and its watch has not shown that; look for"
            " what silences watches between here and the API server"
        )

    # What its reflector tells.

    def listing(self) -> Canary:
        """Begin a list. Of what it has, the watch that begins there owes nothing."""
        return self

    def page(self, version: int, items: Iterable[Mapping[str, Any]]) -> None:
        """Take nothing in: a list is no watch."""

    def end(self, version: int) -> None:
        """Take in that the watch begins at a version."""
        self._drop(version)

    def seen(self, obj: Mapping[str, Any]) -> None:
        """Take in that the watch has shown a version."""
        self.bookmark(version_of(obj))

    def gone(self, obj: Mapping[str, Any]) -> None:
        """Take in that the watch has shown the end of the Lease."""
        self.bookmark(version_of(obj))

    def bookmark(self, version: int) -> None:
        """Take in that everything up to a version has been shown."""
        self._drop(version)

    def _drop(self, version: int) -> None:
        self._known = max(self._known, version)
        while self._awaited and self._awaited[0][0] <= version:
            self._awaited.popleft()
