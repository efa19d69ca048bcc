"""What the code of the phases asks while a mutation run goes on: is this door there?

Each door has a number. Code that `phase_doors.py` changed asks by it, and so tells which test comes
to which door.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

reached: Final[set[int]] = set()
"""The doors that were needed since this was cleared."""

away: Final[set[int]] = set()
"""The doors that are taken away now."""


def check(door: int, holds: object) -> bool:
    """Return whether a check stops here: what it asks is so, and the door is there."""
    if not holds:
        return False
    reached.add(door)
    return door not in away


def effect(door: int) -> bool:
    """Return whether something is to be done."""
    reached.add(door)
    return door not in away


class Needs:
    """The phases that a phase needs, without those whose door is away.

    Args:
        needs: The name of each, by the number of its door.
    """

    def __init__(self, needs: dict[int, str]) -> None:
        self._needs = needs

    def __iter__(self) -> Iterator[str]:
        """Yield each; one at which who asks stops kept a phase from running, and was reached."""
        for door, name in self._needs.items():
            if door in away:
                continue
            was_reached = door in reached
            reached.add(door)
            yield name
            if not was_reached:
                reached.discard(door)
