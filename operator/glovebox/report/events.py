"""Events about an object, the newest first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from glovebox.report import words
from glovebox.report.page import Cell, Mark, Section, Table, Tone, Words

_TIME: Final = TypeAdapter(datetime)
# The API server keeps them for an hour; of more than this nobody reads the older ones.
_MOST: Final = 50


def events_section(events: Sequence[Mapping[str, Any]]) -> Section:
    """Return Events as a table.

    Args:
        events: As the API server has them.
    """
    ordered = sorted(events, key=_when, reverse=True)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            words.time(_moment(_when(each))) or _when(each),
            Mark(
                str(each.get("type") or ""),
                Tone.BAD if each.get("type") == "Warning" else Tone.PLAIN,
            ),
            str(each.get("reason") or ""),
            str(each.get("message") or ""),
            words.number(_count(each)),
        )
        for each in ordered[:_MOST]
    )
    left = len(ordered) - len(rows)
    more = f"{words.number(left)} older ones are not shown." if left > 0 else ""
    table = Table(("When", "Type", "Reason", "What it says", "Times"), rows, more)
    none = "None. The API server keeps them for an hour." if not rows else ""
    return Section("Events", (table, Words(none)))


def _when(event: Mapping[str, Any]) -> str:
    """Return when it was seen last; fields that were given up are empty."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    created = (event.get("metadata") or {}).get("creationTimestamp")
    return str(next((each for each in (*times, created) if each), ""))


def _moment(text: str) -> datetime | None:
    try:
        return _TIME.validate_python(text)
    except ValidationError:
        return None


def _count(event: Mapping[str, Any]) -> int:
    found = (event.get("series") or {}).get("count") or event.get("count") or 1
    return found if isinstance(found, int) else 1
