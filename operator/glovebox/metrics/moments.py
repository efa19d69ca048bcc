"""Times of objects as Prometheus has them."""

from __future__ import annotations

from datetime import datetime


def unix(text: str | None) -> float | None:
    """Return a time of the API as Unix time; None for none, and for what is no time."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
