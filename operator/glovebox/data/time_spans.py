"""Times as spans without a longer gap: what is needed to find gaps, and not every moment.

Moments come in any order. Two spans are joined where the gap between them is allowed, so that what
is held is one span for each gap that is too long, whatever the number of moments.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.errors import InvalidInput

_PENDING: Final = 50_000
MAX_SPANS: Final = 100_000
# Of a second: moments are counted in them.
NANOSECONDS: Final = 10**9


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps that are too long.

    Attributes:
        number: How many.
        longest: The longest one.
        after: The last moment before that.
    """

    number: int = 0
    longest: int = 0
    after: int = 0


class TimeSpans:
    """Spans of moments.

    Args:
        most: The longest gap within a span; in the unit of the moments.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._spans: list[tuple[int, int]] = []
        self._joined = 0

    def add(self, spans: Iterable[tuple[int, int]]) -> None:
        """Take spans: the first and the last moment of each.

        Raises:
            InvalidInput: `TooManyObjects`: too many gaps are too long.
        """
        for span in spans:
            self._spans.append(span)
            if len(self._spans) - self._joined > _PENDING:
                self._join()

    def spans(self) -> list[tuple[int, int]]:
        """Return the spans, joined, in their order."""
        self._join()
        return list(self._spans)

    def gaps(self) -> Gaps:
        """Return the gaps between the spans."""
        found = Gaps()
        spans = self.spans()
        for (_, last), (first, _) in itertools.pairwise(spans):
            gap = first - last
            is_longest = gap > found.longest
            found = Gaps(
                found.number + 1,
                gap if is_longest else found.longest,
                last if is_longest else found.after,
            )
        return found

    def _join(self) -> None:
        joined: list[tuple[int, int]] = []
        for first, last in sorted(self._spans):
            if joined and first - joined[-1][1] <= self._most:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            else:
                joined.append((first, last))
        self._spans, self._joined = joined, len(joined)
        if len(joined) > MAX_SPANS:
            raise InvalidInput(
                reasons.TOO_MANY_OBJECTS,
                f"more than {MAX_SPANS:,} gaps between the times are longer than `gaps.maxSeconds`"
                " of the contract: choose a longer time",
            )
