"""Stories: what a team may do wrong with its data, and what a run of several workers survives."""

from __future__ import annotations

from enum import StrEnum


class Story(StrEnum):
    """What is told instead of the run."""

    DATA = "data"
    RUNS = "runs"

    @property
    def needs_node(self) -> bool:
        """Whether pods run in it."""
        return self is Story.RUNS
