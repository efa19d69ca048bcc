"""Where the bars of a picture stand. Pure; the template makes an SVG of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from glovebox.report.page import Bar, Picture

WIDTH: Final = 240
HEIGHT: Final = 80
# What is left free of a part on both sides together.
_FREE: Final = 0.2


class Rect(NamedTuple):
    """A rectangle, in the units of the picture.

    Attributes:
        of: `slot` (all that belongs to a part), `before` or `now`.
        x: Its left side.
        y: Its top.
        width: Its width.
        height: Its height.
    """

    of: str
    x: float
    y: float
    width: float
    height: float


def drawn(picture: Picture) -> Iterator[tuple[Bar, tuple[Rect, ...]]]:
    """Yield each part with its rectangles, from left to right; the greatest share fills all."""
    slot = WIDTH / max(1, len(picture.bars))
    most = max((max(each.share, each.before or 0.0) for each in picture.bars), default=0.0) or 1.0
    for at, bar in enumerate(picture.bars):
        left, room = at * slot + slot * _FREE / 2, slot * (1 - _FREE)
        shares = {"now": bar.share}
        if bar.before is not None:
            shares = {"before": bar.before, **shares}
        width = room / len(shares)
        yield (
            bar,
            (
                _rect("slot", at * slot, HEIGHT, slot),
                *(
                    _rect(of, left + number * width, HEIGHT * share / most, width)
                    for number, (of, share) in enumerate(shares.items())
                ),
            ),
        )


def _rect(of: str, x: float, height: float, width: float) -> Rect:
    return Rect(of, round(x, 1), round(HEIGHT - height, 1), round(width, 1), round(height, 1))
