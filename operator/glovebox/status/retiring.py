"""Retiring: whether a pin goes out of use, when, and what takes its place. Pure.

A pin is immutable, so its end is said by its own window, which was declared with it, or by the pin
that supersedes it. A warning changes nothing else: only the end of the window keeps new Experiments
from beginning, and nothing takes a pin away from one that is bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.validity import Validity
from glovebox.status.builder import StatusBuilder
from glovebox.status.text import format_time

# So long before its window ends, whoever uses a pin is warned.
WARNED_AHEAD: Final = timedelta(days=14)
CURRENT: Final = "nothing supersedes it, and its validity does not end soon"


@dataclass(frozen=True, slots=True)
class Successor:
    """The pin that takes the place of another one.

    Attributes:
        name: Its name.
        deprecates: From when on the older one is deprecated; None for at once.
        notes: What their users have to change.
    """

    name: str
    deprecates: datetime | None = None
    notes: str = ""


def mark_retiring(
    builder: StatusBuilder, validity: Validity | None, successor: Successor | None, now: datetime
) -> None:
    """Mark Retiring, and record the successor.

    Args:
        builder: The status in the making.
        validity: When the pin may be used; None for always.
        successor: What takes its place, if anything does.
        now: The present time.
    """
    builder.set(successor=_recorded(successor))
    instead = _instead(successor)
    ends = validity.not_after_time if validity is not None else None
    if ends is not None and now >= ends:
        message = f"it expired at {format_time(ends)}, and no new Experiment may use it{instead}"
        builder.mark_true(types.RETIRING, reasons.EXPIRED, message)
    elif successor is not None and (successor.deprecates is None or now >= successor.deprecates):
        since = successor.deprecates
        when = f" since {format_time(since)}" if since is not None else ""
        builder.mark_true(types.RETIRING, reasons.DEPRECATED, f"it is deprecated{when}{instead}")
    elif ends is not None and is_soon(ends, now):
        nobody = "" if instead else ", and nothing supersedes it yet: pin its successor"
        message = f"new Experiments may use it until {format_time(ends)} alone{instead or nobody}"
        builder.mark_true(types.RETIRING, reasons.EXPIRES_SOON, message)
    elif successor is not None and successor.deprecates is not None:
        message = f"it will be deprecated at {format_time(successor.deprecates)}{instead}"
        builder.mark_true(types.RETIRING, reasons.TO_BE_DEPRECATED, message)
    else:
        builder.mark_false(types.RETIRING, reasons.CURRENT, CURRENT)


def seconds_until_it_changes(
    validity: Validity | None, successor: Successor | None, now: datetime
) -> float | None:
    """Return in how many seconds something else is to be said; None when it stays as it is."""
    ends = validity.not_after_time if validity is not None else None
    deprecates = successor.deprecates if successor is not None else None
    ahead = [(deprecates - now).total_seconds()] if deprecates is not None else []
    return min((*seconds_ahead(ends, now), *(each for each in ahead if each > 0)), default=None)


def is_soon(ends: datetime, now: datetime) -> bool:
    """Whether something ends so soon that whoever uses it is warned, or has ended."""
    # No sum of dates: an end in the first weeks of the year 1 is one, too.
    return ends - now <= WARNED_AHEAD


def seconds_ahead(ends: datetime | None, now: datetime) -> list[float]:
    """Return in how many seconds an end is near, and comes; none of what is over."""
    if ends is None:
        return []
    left = (ends - now).total_seconds()
    return [each for each in (left - WARNED_AHEAD.total_seconds(), left) if each > 0]


def _instead(successor: Successor | None) -> str:
    if successor is None:
        return ""
    notes = f": {successor.notes}" if successor.notes else ""
    return f"; '{successor.name}' supersedes it{notes}"


def _recorded(successor: Successor | None) -> dict[str, str] | None:
    if successor is None:
        return None
    since = successor.deprecates
    found = {
        "name": successor.name,
        "deprecateTime": format_time(since) if since is not None else "",
        "notes": successor.notes,
    }
    return {name: value for name, value in found.items() if value}
