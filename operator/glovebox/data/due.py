"""When something is due again that is done on an interval.

A clock may be ahead for a while, and what is recorded meanwhile lies in the future once it is put
right. Whoever counted from such a moment would do nothing until then, for as long as the clock was
ahead, and what was found last would be shown all the time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

# The clocks of two replicas, of a store and of the API server differ by less.
CLOCKS: Final = timedelta(minutes=5)


def believed(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a moment at which something was done, as recorded; None of one that is still to come.

    Args:
        moment: As recorded; None where nothing is.
        now: The present time.
    """
    return moment if moment is not None and moment <= now + CLOCKS else None


def next_time(last: datetime, interval: timedelta, now: datetime) -> datetime:
    """Return when something is due again.

    Args:
        last: When it was done last, as recorded. Nobody knows when that was where it is still to
            come: then it is due.
        interval: How long that is good for.
        now: The present time.
    """
    return last + interval if believed(last, now) is not None else now
