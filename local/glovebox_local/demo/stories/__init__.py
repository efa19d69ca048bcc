"""Stories: what a team may do wrong with its data, and what then happens."""

from __future__ import annotations

from enum import StrEnum


class Story(StrEnum):
    """What is told instead of the run."""

    DATA = "data"
