"""When a pin is proven again at which level, and which objects a sample reads. Pure.

A stronger proof stands for the weaker ones that look at no more than it does: who has just read
everything need not read a sample. What a sample found calls for a proof in full, and what a proof
found is looked at again within a day.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from glovebox.data.compare import Findings

if TYPE_CHECKING:
    from glovebox.data.manifest import Entry

NOTHING: Final = Findings()
# What was found is looked at again after so long at most.
AGAIN: Final = timedelta(days=1)
_HICCUP: Final = timedelta(minutes=5)


class Level(StrEnum):
    """How a pin is looked at, from little to much."""

    LIST = "List"
    HEAD = "Head"
    SAMPLE = "Sample"
    FULL = "Full"


# In the order in which they are made when several are due: what costs little comes first, so that a
# proof in full that takes days keeps none waiting.
PROVEN: Final = (Level.HEAD, Level.SAMPLE, Level.FULL)
_STANDS_FOR: Final[Mapping[Level, tuple[Level, ...]]] = {
    Level.LIST: (Level.LIST,),
    Level.HEAD: (Level.HEAD,),
    Level.SAMPLE: (Level.SAMPLE, Level.FULL),
    Level.FULL: (Level.FULL,),
}


@dataclass(frozen=True, slots=True)
class Past:
    """The last proof of one level.

    Attributes:
        time: When it ended; None before the first.
        found: Whether something was not as it was.
    """

    time: datetime | None = None
    found: bool = False


@dataclass(frozen=True, slots=True)
class ProofSlice:
    """How far one call came.

    Attributes:
        objects: How many objects it looked at.
        bytes: How many bytes of them it read.
        requests: How many requests it took for them.
        after: Path of the last of them; as it was when there was none.
        finished: Whether that was the last of all.
        needs: Size of the next one, where that was more than was left.
        findings: What is not as it was.
        hidden_locks: Of how many the store does not say how they are locked.
    """

    objects: int = 0
    bytes: int = 0
    requests: int = 0
    after: str = ""
    finished: bool = False
    needs: int = 0
    findings: Findings = NOTHING
    hidden_locks: int = 0


def last_time(level: Level, past: Mapping[Level, Past]) -> datetime | None:
    """Return when the pin was last proven at a level, or more strongly."""
    times = (past.get(each, Past()).time for each in _STANDS_FOR[level])
    return max((time for time in times if time is not None), default=None)


def due_time(
    level: Level, past: Mapping[Level, Past], interval: timedelta, pinned: datetime
) -> datetime:
    """Return when a proof of a level is due.

    Args:
        level: Which.
        past: The last proofs.
        interval: How long one is good for.
        pinned: When the pin was made: where there was no proof, from then on.
    """
    own = past.get(level, Past())
    last = last_time(level, past) or pinned
    sample = past.get(Level.SAMPLE, Past())
    if level is Level.FULL and sample.found and sample.time is not None and sample.time > last:
        return sample.time
    if own.found and own.time is not None:
        return min(last + interval, own.time + AGAIN)
    return last + interval


def is_overdue(due: datetime, interval: timedelta, now: datetime) -> bool:
    """Whether a proof should have ended long ago.

    By more than half of its interval, and by five minutes: a store that hiccups is no news.
    """
    return now > due + max(interval / 2, _HICCUP)


def rank(seed: str, pin_root: str, path: str) -> bytes:
    """Return what orders the objects of a pin for a sample; the smallest are read.

    Anybody can compute it from what `status` shows and the manifest lists.
    """
    return hashlib.sha256(f"{seed}\n{pin_root}\n{path}\n".encode()).digest()


def choose(
    entries: Iterable[Entry], seed: str, pin_root: str, number: int, most_bytes: int = 0
) -> list[Entry]:
    """Return the sample: so many entries of a manifest at most, in its order.

    Holds no more entries than that number, however many there are.

    Args:
        entries: Of the manifest.
        seed: What decides.
        pin_root: Of the pin.
        number: How many are chosen at most.
        most_bytes: How large they are together at most, but for the first; 0 for any size.
    """
    ranked = ((rank(seed, pin_root, entry.path), entry.path, entry) for entry in entries)
    chosen: list[Entry] = []
    size = 0
    for _, _, entry in heapq.nsmallest(number, ranked, key=lambda each: each[:2]):
        if chosen and most_bytes and size + entry.size > most_bytes:
            continue
        chosen.append(entry)
        size += entry.size
    return sorted(chosen, key=lambda entry: entry.path.encode())
