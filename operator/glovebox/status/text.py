"""Moments and numbers, as a status and its messages write them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from glovebox.data.counting import counted
from glovebox.evidence.statement import STATEMENT_NAME

_HOLDERS_MAX: Final = 3
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP: Final = 1024
_NEARLY_A_SECOND: Final = timedelta(microseconds=999_999)


def format_time(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it: RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_end(moment: datetime) -> str:
    """Return the end of something, rounded up: what ends then has ended."""
    return format_time(moment + _NEARLY_A_SECOND)


def sized(value: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    shown, unit = float(value), 0
    while shown >= _STEP and unit < len(_UNITS) - 1:
        shown, unit = shown / _STEP, unit + 1
    return f"{shown:,.1f} {_UNITS[unit]}" if unit else f"{value:,.0f} bytes"


def how_far(done: tuple[int, int], total: tuple[int | None, int | None], speed: float) -> str:
    """Return how far work on data has come; empty while it is not known of how much.

    Args:
        done: Objects and bytes that need no more work.
        total: Of how many objects and bytes; None before the listing has ended.
        speed: Bytes in a second, recently.
    """
    objects, size = total
    if objects is None or size is None:
        return ""
    rate = f", {sized(speed)} in a second" if speed else ""
    return f"{done[0]:,} of {counted(objects, 'object')}, {sized(done[1])} of {sized(size)}{rate}"


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


def seal_not_counted(folder: str, doubts: Sequence[str]) -> str:
    """Return what is told of statements by former keys that lie in the place of a seal.

    Args:
        folder: URI of the evidence, ending in `/`.
        doubts: Of each version; at least one.
    """
    more = f" (and {len(doubts) - 1:,} more)" if len(doubts) > 1 else ""
    return (
        f"{folder}{STATEMENT_NAME} is not counted as the seal: {doubts[0]}{more}. Somebody who has"
        " that key may write to the bucket: find out who, and take the right from them; after a"
        " restore it may be genuine: docs/how-to/rotate-keys.md#a-forged-seal-is-found"
    )
