"""Bounds fights: what somebody else keeps changing back, or keeps adding, is repaired more rarely.

What opens isolation is never left alone for more than a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from glovebox.apply.managed import Managed
from glovebox.kube.objects import ObjectKey

# More repairs of one object than this within the window is a fight.
_REPAIRS: Final = 5
_WINDOW_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 120.0
# Nothing that isolates is left other than declared for longer, whoever fights over it.
_LONGEST_GAP_SECONDS: Final = 1.0


class Fights:
    """Counts the repairs of each object.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # By namespace, so that giving one up costs what is in it and no more.
        self._repairs: dict[str, dict[ObjectKey, list[float]]] = {}

    def note(self, key: ObjectKey) -> None:
        """Count a repair of an object that had been right before."""
        self._repairs.setdefault(key.namespace, {}).setdefault(key, []).append(self._clock())

    def pause(self, row: Managed, key: ObjectKey) -> float:
        """Return how many seconds to leave a contended object alone; 0 to repair it now."""
        now = self._clock()
        noted = self._repairs.get(key.namespace, {})
        oldest = now - _WINDOW_SECONDS - _LONGEST_PAUSE_SECONDS
        repairs = [at for at in noted.get(key, ()) if at > oldest]
        if not repairs:
            noted.pop(key, None)
            return 0.0
        noted[key] = repairs
        over = len(repairs) - _REPAIRS
        if over < 0:
            return 0.0
        longest = _LONGEST_GAP_SECONDS if row.isolates else _LONGEST_PAUSE_SECONDS
        return max(0.0, repairs[-1] + min(2.0 ** min(over, 10), longest) - now)

    def forget(self, namespace: str) -> None:
        """Forget a namespace that is given up."""
        self._repairs.pop(namespace, None)
