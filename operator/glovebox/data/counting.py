"""Numbers with what is counted, for people: one thing is not `1 things`. Pure."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with what is counted: `1 finding`, `2 findings`.

    Args:
        number: How many there are.
        one: What one of them is called.
        many: What several are called, where that is not `one` with an s.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
