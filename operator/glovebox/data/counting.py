"""Numbers with what is counted, for people: one thing is not `1 things`. Pure."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: `1 day`, `2 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
