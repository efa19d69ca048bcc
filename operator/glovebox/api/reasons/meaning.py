"""What a reason word means, and the table in which each is entered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

NOTHING: Final = "Nothing to do."
WAIT: Final = "Wait; the operator continues by itself."


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says.

    Attributes:
        on: Where it appears: kinds and condition types, or `Event`.
        means: What was observed.
        cure: What a person does about it.
    """

    on: str
    means: str
    cure: str


_meanings: dict[str, Meaning] = {}
# By reason word.
MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(_meanings)


def reason(word: str, on: str, means: str, cure: str = NOTHING) -> str:
    """Enter a reason and return its word.

    Args:
        word: As in conditions, Events and metrics.
        on: Where it appears: kinds and condition types, or `Event`.
        means: What was observed.
        cure: What a person does about it.
    """
    _meanings[word] = Meaning(on, means, cure)
    return word
