"""Which stages of a run can be at work at once: one begins when those that it needs are over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from glovebox.api.stages import Stage


def before(stages: Iterable[Stage]) -> dict[str, frozenset[str]]:
    """Return for each stage all that are over before it begins, by name.

    A stage needs such as stand before it alone: the API server sees to it.
    """
    found: dict[str, frozenset[str]] = {}
    for stage in stages:
        needed = frozenset(stage.needs)
        found[stage.name] = needed.union(*(found.get(name, frozenset()) for name in needed))
    return found


def most_at_once(stages: Sequence[Stage], amount: Callable[[Stage], Decimal]) -> Decimal:
    """Return the most that the stages which can be at work at once need together.

    Args:
        stages: The stages of a run, at most 8.
        amount: What one needs while it is at work; not negative.
    """
    earlier = before(stages)

    def most(left: Sequence[Stage]) -> Decimal:
        if not left:
            return Decimal(0)
        first, rest = left[0], left[1:]
        beside = [each for each in rest if first.name not in earlier[each.name]]
        with_it = amount(first) + most(beside)
        # Where all of the rest can be beside it, leaving it out gains nothing.
        return with_it if len(beside) == len(rest) else max(with_it, most(rest))

    return most(stages)


def canonical(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Return the stages in one order, however they are declared: each after those it needs.

    First those that need nothing, then those that need them alone, and so on; each by name. The API
    server takes a list in another order for the same one, and so the run is the same.
    """
    depth: dict[str, int] = {}
    declared = tuple(stages)
    for stage in declared:
        depth[stage.name] = 1 + max((depth.get(name, 0) for name in stage.needs), default=0)
    return tuple(sorted(declared, key=lambda stage: (depth[stage.name], stage.name)))
