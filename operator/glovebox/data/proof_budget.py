"""How the pins of one store share what proofs may take of it in a day. Pure.

A day goes from midnight to midnight UTC. What each pin took is recorded in its own status, so that
a restart forgets nothing that was recorded. Who has the oldest proof comes first: what it still
wants is set aside before others get anything. One object is never divided, so one that is larger
than the budget is read on a day on which nothing else was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from glovebox.data.proof_levels import Level


@dataclass(frozen=True, slots=True)
class Cost:
    """What something takes of a store.

    Attributes:
        bytes: Of objects that are read.
        requests: For objects.
    """

    bytes: int = 0
    requests: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(self.bytes + other.bytes, self.requests + other.requests)


@dataclass(frozen=True, slots=True)
class Claim:
    """A pin that wants to be proven.

    Attributes:
        last: When it was last proven at that level, or more strongly.
        uid: Of the pin; decides between two that are as old.
        want: What it takes until it is done, or as much as it may have at once.
        least: What it cannot go on without: the next object.
    """

    last: datetime
    uid: str
    want: Cost
    least: Cost = Cost(0, 1)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a pin may take now.

    Attributes:
        most: So much.
        date: On which day, in UTC.
        is_first: Whether nothing was read on that day yet: one object is read, however large.
    """

    most: Cost
    date: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Given:
    """What the task of a pin may take that is under way.

    Attributes:
        store: Name of the ObjectStore.
        level: What it proves.
        allowance: How much it may take.
    """

    store: str
    level: Level
    allowance: Allowance


def day_of(now: datetime) -> str:
    """Return the day of a moment, in UTC."""
    return now.astimezone(UTC).date().isoformat()


def next_day(now: datetime) -> datetime:
    """Return when the next day begins."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)


def share(
    budget: Cost, spent: Cost, claim: Claim, others: Iterable[Claim], now: datetime
) -> Allowance | None:
    """Return what a pin may take of a budget now; None where that is nothing.

    Args:
        budget: For one day.
        spent: What was taken on this day, and what is being taken.
        claim: Of the pin.
        others: Of the pins that wait.
        now: The present time.
    """
    older = [each for each in others if (each.last, each.uid) < (claim.last, claim.uid)]
    before = sum((each.want for each in older), spent)
    left = Cost(max(0, budget.bytes - before.bytes), max(0, budget.requests - before.requests))
    # What asks for headers all day long keeps no large object from being read.
    is_first = before.bytes == 0 and (before.requests == 0 or left.requests >= claim.least.requests)
    most = Cost(min(claim.want.bytes, left.bytes), min(claim.want.requests, left.requests))
    allowance = Allowance(most, day_of(now), is_first)
    if is_first:
        return allowance
    is_enough = most.requests >= claim.least.requests and most.bytes >= claim.least.bytes
    return allowance if is_enough else None
