"""Moments and numbers, as a status and its messages write them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

_HOLDERS_MAX: Final = 3
_NEARLY_A_SECOND: Final = timedelta(microseconds=999_999)


def format_time(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it: RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_end(moment: datetime) -> str:
    """Return the end of something, rounded up: what ends then has ended."""
    return format_time(moment + _NEARLY_A_SECOND)


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def held_by(finalizers: Iterable[str]) -> str:
    """Return that others keep what was deleted from going, and who ends that.

    Args:
        finalizers: Of others; at least one.
    """
    held = ", ".join(f"`{each}`" for each in islice(finalizers, _HOLDERS_MAX))
    return (
        f"it was deleted, and is still there for finalizer {held} of somebody else; it goes when"
        " that is taken away"
    )
