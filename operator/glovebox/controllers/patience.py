"""Until when something is tried before its end is taken for decided: from the first try on.

What nobody tried is not given up. An operator that was down for hours tries for as long as one that
was not: the wait counts from the event or from the first try of this process, whichever was later.

A process that never lives as long as the wait would begin it again for ever. So what happened long
ago, by `_LONG` waits, is tried for a `_SHARE` of the wait only: what an hour is given for is over
after a day and a minute at most, as long as a process lives for a minute.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from glovebox.controllers.ports import Ports
from glovebox.kube.resources import Key

_LONG: Final = 24
_SHARE: Final = 60


def deadline(
    ports: Ports, key: Key, what: str, event: datetime | None, wait: timedelta
) -> datetime:
    """Return until when something is tried; asking is what begins it.

    Args:
        ports: The outside world.
        key: Whose it is. `ports.failures.clear` ends it.
        what: What is tried.
        event: Since when it could have been tried; None where nobody knows.
        wait: How long it is tried.
    """
    seconds, _ = ports.failures.note(key, what)
    first = ports.now() - timedelta(seconds=seconds)
    if event is None:
        return first + wait
    if first > event + _LONG * wait:
        return first + wait / _SHARE
    return max(first, event) + wait
