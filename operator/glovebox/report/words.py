"""Numbers, times and digests as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from glovebox.report.page import Code
from glovebox.status.text import sized

_SHORT: Final = len("sha256:") + 12


def number(value: int | None) -> str:
    """Return a number with its thousands apart; empty for none."""
    return "" if value is None else f"{value:,}"


def size(value: int | None, *, short: bool = False) -> str:
    """Return a number of bytes in the unit that suits it; empty for none.

    Args:
        value: The bytes.
        short: Leave the exact number out, in a table.
    """
    if value is None:
        return ""
    shown, whole = sized(value), f"{value:,} bytes"
    return shown if short or shown == whole else f"{shown} ({whole})"


def time(value: datetime | None) -> str:
    """Return a time, UTC; empty for none."""
    if value is None:
        return ""
    try:
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return value.isoformat()  # the last hours of the year 9999, west of Greenwich


def between(begin: datetime | None, end: datetime | None) -> str:
    """Return how long something took; empty where one of the two is not known."""
    if begin is None or end is None:
        return ""
    seconds = int((end - begin).total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def age(value: datetime | None, now: datetime) -> str:
    """Return how long ago something was, in one unit; empty where that is not known."""
    if value is None:
        return ""
    seconds = max(0, int((now - value).total_seconds()))
    for unit, least in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= least:
            return f"{seconds // least} {unit}"
    return f"{seconds} s"


def digest(value: str) -> Code | None:
    """Return a digest, shortened where it stands in a table; None for none."""
    if not value:
        return None
    return Code(value, f"{value[:_SHORT]}…" if len(value) > _SHORT else "")


def image(reference: str) -> Code:
    """Return an image, its digest shortened where it stands in a table."""
    name, at, value = reference.partition("@")
    return Code(reference, f"{name}@{value[:_SHORT]}…" if at and len(value) > _SHORT else "")


def listed(values: object) -> str:
    """Return words with commas between them."""
    return ", ".join(str(each) for each in values) if isinstance(values, tuple | list) else ""
