"""How large chance lets a sum of squares become: the quantiles that noise is judged by. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final

_HALVINGS: Final = 100


def chi_squared_above(alpha: float, degrees: int) -> float:
    """Return what a chi-squared of so many degrees is above with this probability."""
    if degrees < 1:
        return 0.0
    return _root(lambda x: _tail(x, degrees) - alpha, degrees + 1.0)


def normal_above(alpha: float) -> float:
    """Return what the size of a standard normal is above with this probability."""
    return NormalDist().inv_cdf(1 - alpha / 2)


def ks_above(alpha: float) -> float:
    """Return the same of Kolmogorov's distance, before it is divided by the root of the rows."""
    return math.sqrt(-math.log(alpha / 2) / 2)


def _tail(x: float, degrees: int) -> float:
    """Return with which probability a chi-squared is above x: a sum with an end."""
    half = x / 2
    if degrees % 2:
        term = math.exp(-half) * math.sqrt(half) / math.gamma(1.5)
        total, at = math.erfc(math.sqrt(half)), 1.5
    else:
        term, total, at = math.exp(-half), 0.0, 1.0
    for _ in range(degrees // 2):
        total += term
        term *= half / at
        at += 1
    return total


def _root(falling: Callable[[float], float], high: float) -> float:
    low = 0.0
    while falling(high) > 0:
        low, high = high, high * 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return high
