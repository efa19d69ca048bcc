"""Who is reconciled when one of our own resources changed: it itself, and whoever refers to it.

Those who refer to it are enqueued only when something that they look at changed. A profile that
thousands refer to enqueues them with the lowest priority, spread over some seconds, so that other
work is not kept waiting.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection

from glovebox.controllers.key_traits import priority_of
from glovebox.engine.key_queue import Priority
from glovebox.kube.resources import Key, Stored, matters_to_users
from glovebox.kube.store import Change

# More users than this are a crowd: spread out, this many a second, within a minute at most.
CROWD = 20
_USERS_A_SECOND = 200.0
_LONGEST_SPREAD_SECONDS = 60.0


class Enqueueing:
    """Turns changes into keys.

    Args:
        enqueue: Puts a key into its queue.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        enqueue: Callable[[Key, Priority], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._enqueue = enqueue
        self._jitter = jitter

    def __call__(self, change: Change[Key, Stored], users: Collection[Key]) -> None:
        """Enqueue whom a change concerns.

        The answer to our own write is no news to its object; that it is gone is, whoever says so:
        what is remembered of it has to be forgotten.

        Args:
            change: What became of a resource.
            users: Those who refer to it.
        """
        after = change.after
        if after is None or not change.own:
            urgency = Priority.NORMAL if after is None else priority_of(after.obj)
            self._enqueue(change.key, urgency)
        if not users or not matters_to_users(change):
            return
        if len(users) <= CROWD:
            for user in users:
                self._enqueue(user, Priority.NORMAL)
            return
        loop = asyncio.get_running_loop()
        spread = min(len(users) / _USERS_A_SECOND, _LONGEST_SPREAD_SECONDS)
        for user in users:
            loop.call_later(spread * self._jitter(), self._enqueue, user, Priority.RESYNC)
