"""Results that are kept for whoever asks the same again: a bounded number, the newest of them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def remember(kept: dict[K, V], key: K, value: V, most: int) -> None:
    """Keep a value as the newest, and let go of the oldest beyond so many."""
    kept.pop(key, None)
    kept[key] = value  # the newest are last
    while len(kept) > most:
        del kept[next(iter(kept))]
