"""Retiring of a DatasetPin: whether its data may be used, and kept, for long. Pure.

Both ends were declared with the pin, and none of them is a part of Ready: the end of its validity
keeps new Experiments out by itself, that of its retention where their profile says so. Nothing is
deleted for either, and no hold is taken off: whoever has to delete the data is told that they are
still there, and what keeps them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPinSpec
from glovebox.status.pin_gate import Gate
from glovebox.status.retiring import is_soon, seconds_ahead
from glovebox.status.text import format_time

CURRENT: Final = "neither its validity nor its retention ends soon"
_HELD: Final = (
    "; its legal hold goes on until the pin is gone, nobody is bound to it, and a window has passed"
)


def retiring_of(spec: DatasetPinSpec, now: datetime) -> Gate | None:
    """Return what is said of the ends of a pin; None where it says none.

    Args:
        spec: What was declared.
        now: The present time.
    """
    kept, used = _ends(spec)
    if kept is None and used is None:
        return None
    said = [*_retention(kept, now, is_held=spec.hold is not None), *_validity(used, now)]
    if not said:
        return Gate(types.RETIRING, types.FALSE, reasons.CURRENT, CURRENT)
    reason, _ = said[0]
    return Gate(types.RETIRING, types.TRUE, reason, "; ".join(message for _, message in said))


def seconds_until_it_turns(spec: DatasetPinSpec, now: datetime) -> float | None:
    """Return in how many seconds something else is to be said; None when it stays as it is."""
    ahead = [seconds for end in _ends(spec) for seconds in seconds_ahead(end, now)]
    return min(ahead, default=None)


def _ends(spec: DatasetPinSpec) -> tuple[datetime | None, datetime | None]:
    kept = spec.retention.until_time if spec.retention is not None else None
    used = spec.validity.not_after_time if spec.validity is not None else None
    return kept, used


def _retention(ends: datetime | None, now: datetime, *, is_held: bool) -> list[tuple[str, str]]:
    if ends is None or not is_soon(ends, now):
        return []
    moment, held = format_time(ends), _HELD if is_held else ""
    if now >= ends:
        message = (
            f"its retention ended at {moment}, and nothing was deleted for it: let those who use it"
            f" end, delete the pin, and then the data{held}"
        )
        return [(reasons.RETENTION_ENDED, message)]
    message = (
        f"the data may be kept until {moment} alone: pin others for new Experiments, and let those"
        f" who use these end by then{held}"
    )
    return [(reasons.RETENTION_ENDS_SOON, message)]


def _validity(ends: datetime | None, now: datetime) -> list[tuple[str, str]]:
    if ends is None or not is_soon(ends, now):
        return []
    moment = format_time(ends)
    if now >= ends:
        return [(reasons.EXPIRED, f"it expired at {moment}, and no new Experiment may use it")]
    return [(reasons.EXPIRES_SOON, f"new Experiments may use it until {moment} alone")]
