"""Stories: what a team may do wrong with its data, what a run survives, what an SRE sees."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Story(StrEnum):
    """What is told instead of the run."""

    DATA = "data"
    RUNS = "runs"
    SIGHT = "sight"

    @property
    def needs_node(self) -> bool:
        """Whether pods run in it."""
        return self is Story.RUNS

    @property
    def settings(self) -> Mapping[str, str]:
        """What the operator is set to beside what it is set to in each of them."""
        # A failure counts at once where somebody waits for its alert: elsewhere it is a hiccup for
        # its first five minutes.
        hasty = {"GLOVEBOX_GRACE_SECONDS": "1", "GLOVEBOX_GRACE_ATTEMPTS": "1"}
        return hasty if self is Story.SIGHT else {}
