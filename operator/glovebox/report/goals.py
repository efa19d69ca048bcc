"""What somebody may wait for of an Experiment, and what became of it.

Apart from how it is judged: the command line names these before it loads any model.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Goal(StrEnum):
    """What is waited for."""

    READY = "Ready"
    SEALED = "Sealed"
    ENDED = "Ended"


class Reached(IntEnum):
    """Whether it came; the number is the exit code of the command."""

    YES = 0
    NEVER = 1
    NOT_YET = 3
