"""Follows one Experiment as it changes, over gaps in the watch and failures of the API server.

A watch tells what changed while it lasted. Whenever one ends, for whatever cause, the object is
read again, so nothing that happened in between is missed for longer than a watch lasts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from glovebox.api import reasons
from glovebox.errors import Unavailable

if TYPE_CHECKING:
    from glovebox.kube.resources import Key

# So long an API server may not answer before that is told.
_SILENCE_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 1.0


class Watched(Protocol):
    """What reads and watches Experiments."""

    def find(self, key: Key) -> dict[str, Any] | None:
        """Return an object, or None where there is none."""
        raise NotImplementedError

    def changes(
        self, namespace: str, name: str, version: str, seconds: float
    ) -> Iterator[dict[str, Any] | None]:
        """Yield an Experiment as it changes, and None when it is deleted, for so many seconds."""
        raise NotImplementedError


class Deadline:
    """When to give up.

    Args:
        seconds: In how many seconds; None: never.
        clock: Returns the monotonic time in seconds.
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._end = None if seconds is None else clock() + seconds

    def left(self, most: float) -> float:
        """Return how many seconds are left, at most so many; 0 when it is over."""
        return most if self._end is None else max(0.0, min(most, self._end - self.clock()))


def follow(
    cluster: Watched,
    namespace: str,
    name: str,
    deadline: Deadline,
    window: Callable[[dict[str, Any]], float],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, Any] | None]:
    """Yield an Experiment as it is, then each time that it was read or has changed.

    It ends with None when there is none, or none any more: one that was created again under the
    name is another one. It ends without when the deadline has come.

    Args:
        cluster: Who is asked.
        namespace: The Experiment's.
        name: Its name.
        deadline: When to give up.
        window: Returns how long to watch one before it is read again (seconds).
        sleep: Waits so many seconds.

    Raises:
        Unavailable: The caller may not read or watch it, or the API server has not answered for two
            minutes; the first time, at once.
    """
    from glovebox.kube.kinds import EXPERIMENT
    from glovebox.kube.resources import Key

    key = Key(EXPERIMENT.kind, namespace, name)
    uid, answered = "", deadline.clock()
    while True:
        try:
            obj = cluster.find(key)
            found = obj["metadata"].get("uid", "") if obj is not None else ""
            if obj is None or uid not in {"", found}:
                yield None
                return
            uid, answered = found, deadline.clock()
            yield obj
            seconds = deadline.left(window(obj))
            version = obj["metadata"]["resourceVersion"]
            for changed in cluster.changes(namespace, name, version, seconds) if seconds else ():
                answered = deadline.clock()
                yield changed
                if changed is None or not deadline.left(_PAUSE_SECONDS):
                    return
        except Unavailable as error:
            silent = deadline.clock() - answered >= _SILENCE_SECONDS
            if not uid or silent or error.reason == reasons.REJECTED:
                raise
        # A server that ends each watch at once is not asked without a pause.
        pause = deadline.left(_PAUSE_SECONDS)
        if not pause:
            return
        sleep(pause)
