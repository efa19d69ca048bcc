"""How the pins of one store share what proofs may take of it in a day. Pure.

A day goes from midnight to midnight UTC. What each pin took is recorded in its own status, so that
a restart forgets nothing that was recorded. Namespaces share the day: each that wants something
gets as much as any other, and what one does not want goes to the others; so many pins of one
namespace delay nobody else's. Within a namespace who has the oldest proof comes first: what it
still wants is set aside before others get anything.

One object is never divided. The oldest proof of all may take one object beyond the share of its
namespace, which is set aside from the others' until then; one that is larger than the whole budget
is read on a day on which nothing else was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        tenant: The namespace of the pin.
    """

    last: datetime
    uid: str
    want: Cost
    least: Cost = Cost(0, 1)
    tenant: str = ""


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
    budget: Cost,
    spent: Mapping[str, Cost],
    claim: Claim,
    others: Iterable[Claim],
    now: datetime,
) -> Allowance | None:
    """Return what a pin may take of a budget now; None where that is nothing.

    Args:
        budget: For one day.
        spent: What was taken on this day, and what is being taken, by namespace.
        claim: Of the pin.
        others: Of the pins that wait.
        now: The present time.
    """
    others = list(others)
    taken = sum(spent.values(), Cost())
    left = _less(budget, taken)
    level = _level_of(budget, spent, [claim, *others])
    older = [each for each in others if _age(each) < _age(claim)]
    own = [each for each in older if each.tenant == claim.tenant]
    mine = _less(level, spent.get(claim.tenant, Cost()))
    mine = _less(mine, sum((each.want for each in own), Cost()))
    # The oldest of all may need one object that fits into no share: it is kept free for that.
    first = min(older, key=_age, default=claim)
    may_be_read = not taken.bytes or _fits(first.least, left)
    goes_beyond = may_be_read and _goes_beyond(first, level, spent)
    if goes_beyond and first.tenant != claim.tenant:
        left = _less(left, first.least)
    # What asks for headers all day long keeps no large object from being read.
    is_first = (
        taken.bytes == 0
        and not any(each.want.bytes for each in older)
        and (taken.requests == 0 or left.requests >= claim.least.requests)
    )
    most = _lower(claim.want, _lower(mine, left))
    if is_first:
        at_least = _lower(claim.least, left)
        most = Cost(max(most.bytes, at_least.bytes), max(most.requests, at_least.requests))
        return Allowance(most, day_of(now), is_first=True)
    if not older and goes_beyond and _fits(claim.least, left):
        most = claim.least
    allowance = Allowance(most, day_of(now), is_first=False)
    return allowance if _fits(claim.least, most) else None


def _age(claim: Claim) -> tuple[datetime, str]:
    return claim.last, claim.uid


def _fits(cost: Cost, most: Cost) -> bool:
    return cost.bytes <= most.bytes and cost.requests <= most.requests


def _lower(one: Cost, other: Cost) -> Cost:
    return Cost(min(one.bytes, other.bytes), min(one.requests, other.requests))


def _less(one: Cost, other: Cost) -> Cost:
    return Cost(max(0, one.bytes - other.bytes), max(0, one.requests - other.requests))


def _goes_beyond(claim: Claim, level: Cost, spent: Mapping[str, Cost]) -> bool:
    """Whether the next object fits into no share, and its namespace took none beyond it today."""
    was = spent.get(claim.tenant, Cost())
    return not _fits(claim.least, level) and was.bytes <= level.bytes


def _level_of(budget: Cost, spent: Mapping[str, Cost], claims: Iterable[Claim]) -> Cost:
    """Return what each namespace may take on this day in all."""
    wanted = dict(spent)
    for each in claims:
        wanted[each.tenant] = wanted.get(each.tenant, Cost()) + each.want
    amounts = [(spent.get(tenant, Cost()), each) for tenant, each in wanted.items()]
    return Cost(
        _level(budget.bytes, [(was.bytes, each.bytes) for was, each in amounts]),
        _level(budget.requests, [(was.requests, each.requests) for was, each in amounts]),
    )


def _level(budget: int, amounts: Iterable[tuple[int, int]]) -> int:
    """Return the most that each gets, so that all of it is given and nobody gets less for more.

    Who took more before others came gives nothing back: these share what is left.

    Args:
        budget: What there is.
        amounts: What each took, and what it wants with that.
    """
    left, level = budget, 0
    # Whatever the level, this much of each is gone; the most taken is looked at first.
    open_amounts = sorted(amounts)
    while open_amounts:
        level = _even(left, [wanted for _, wanted in open_amounts])
        taken, _ = open_amounts[-1]
        if taken <= level:
            return level
        open_amounts.pop()
        left = max(0, left - taken)
    return level


def _even(budget: int, wanted: Iterable[int]) -> int:
    """Return what each gets of a budget of which nothing was taken."""
    left, level = budget, 0
    amounts = sorted(wanted)
    for at, amount in enumerate(amounts):
        level = left // (len(amounts) - at)
        if amount > level:
            return level
        left -= amount
    return max(level, budget)
