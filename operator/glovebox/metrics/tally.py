"""Running counts over all custom resources, kept by each change: nothing is scanned at a scrape.

An observer of the cache: `upsert` and `delete` cost the same however many objects there are. What
is counted of an object is one small value; a change takes the old value out and puts the new one
in, so counts cannot drift, and an object that is gone leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from itertools import chain, islice
from typing import Any, Final, Generic, TypeVar

from glovebox.kube.kinds import EXPERIMENT
from glovebox.metrics.consistency import Consistency
from glovebox.metrics.earliest import Earliest
from glovebox.metrics.facts import LEVELS, Facts, read_facts
from glovebox.metrics.newest import Newest

K = TypeVar("K", bound=Hashable)

# By how many Experiments some bytes are used, and the most of each class.
_USERS: Final = {"0": 0, "1": 1, "2-5": 5, "6-20": 20, "21-100": 100, "101+": 10**9}
USERS: Final = tuple(_USERS)


def users_class(users: int) -> str:
    """Return the class of a number of users; one of USERS."""
    return next(name for name, most in _USERS.items() if users <= most)


class StateTally(Generic[K]):
    """The counts, and the labels of the objects that are not Current."""

    def __init__(self) -> None:
        self._facts: dict[K, Facts] = {}
        self._unhealthy: dict[K, tuple[str, str, str, str]] = {}
        self.results: Counter[tuple[str, str]] = Counter()
        self.unobserved: Counter[str] = Counter()
        self.isolated: Counter[str] = Counter()
        self.mismatches = 0
        self.provenance: Counter[str] = Counter()
        self.contracts: Counter[str] = Counter()
        self._violations: dict[K, tuple[tuple[str, str, str, int], ...]] = {}
        self.number_violations = 0
        self.compatibilities: Counter[str] = Counter()
        self.distributions: Counter[str] = Counter()
        self._moved: dict[K, tuple[str, str, float]] = {}
        self.feature_sets: Counter[str] = Counter()
        self.pin_ends: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.unwritten = 0
        # Of each content: over how many pins it is, and by how many Experiments it is used.
        self._pins: Counter[str] = Counter()
        self._users: Counter[str] = Counter()
        self.datasets: Counter[str] = Counter()
        self.expiries: Earliest[K] = Earliest()
        self.checks: Earliest[K] = Earliest()
        self.proofs: Counter[str] = Counter()
        self.proven: dict[str, Earliest[K]] = {level: Earliest() for level in LEVELS}
        self.consistency: Consistency[K] = Consistency()
        self.newest: Newest[K] = Newest()

    def upsert(self, key: K, obj: Mapping[str, Any]) -> None:
        """Count an object that is new or changed."""
        self.consistency.upsert(key, obj)
        self.newest.put(key, obj if obj["kind"] == EXPERIMENT.kind else None)
        before, facts = self._facts.get(key), read_facts(obj)
        if facts == before:
            return
        if before is not None:
            self._count(before, -1)
        self._facts[key] = facts
        self._count(facts, 1)
        self._follow(key, facts)

    def delete(self, key: K) -> None:
        """Count an object no more."""
        self.consistency.delete(key)
        self.newest.put(key, None)
        facts = self._facts.pop(key, None)
        if facts is not None:
            self._count(facts, -1)
            self._follow(key, None)

    def unhealthy(self, most: int) -> Iterable[tuple[str, str, str, str]]:
        """Return the labels of at most so many objects that are not Current."""
        return islice(self._unhealthy.values(), most)

    def moved(self, most: int) -> Iterable[tuple[str, str, float]]:
        """Return namespace, name and greatest PSI of at most so many pins whose data moved."""
        return islice(self._moved.values(), most)

    def violations(self, most: int) -> Iterable[tuple[str, str, str, int]]:
        """Return namespace, name, rule and violations of pins, at most so many entries."""
        return islice(chain.from_iterable(self._violations.values()), most)

    @property
    def number_moved(self) -> int:
        """How many pins have data that moved."""
        return len(self._moved)

    @property
    def number_unhealthy(self) -> int:
        """How many objects are not Current."""
        return len(self._unhealthy)

    def _count(self, facts: Facts, change: int) -> None:
        self.results[facts.kind, facts.result] += change
        self.unobserved[facts.kind] += change * facts.unobserved
        self.mismatches += change * facts.mismatch
        for counter, found in (
            (self.provenance, facts.provenance),
            (self.proofs, facts.proofs),
            (self.contracts, facts.contract),
            (self.compatibilities, facts.compatibility),
            (self.distributions, facts.distribution),
            (self.feature_sets, facts.retiring),
            (self.pin_ends, facts.end),
            (self.isolated, facts.isolated),
            (self.states, facts.state),
        ):
            if found:
                counter[found] += change
        self.unwritten += change * facts.unwritten
        self.number_violations += change * len(facts.violations)
        if facts.content:
            self._count_dataset(facts.content, self._pins, change)
        for content in facts.uses:
            self._count_dataset(content, self._users, change)

    def _count_dataset(self, content: str, of: Counter[str], change: int) -> None:
        """Count a pin or a user of some bytes, which move to the class of their users."""
        for step in (-1, 1):
            if step == 1:
                of[content] += change
                if not of[content]:
                    del of[content]
            if self._pins[content] or self._users[content]:
                self.datasets[users_class(self._users[content])] += step

    def _follow(self, key: K, facts: Facts | None) -> None:
        if facts is None or facts.unhealthy is None:
            self._unhealthy.pop(key, None)
        else:
            self._unhealthy[key] = facts.unhealthy
        if facts is None or facts.psi is None:
            self._moved.pop(key, None)
        else:
            self._moved[key] = facts.psi
        if facts is None or not facts.violations:
            self._violations.pop(key, None)
        else:
            self._violations[key] = facts.violations
        self.expiries.put(key, None if facts is None else facts.expires)
        self.checks.put(key, None if facts is None else facts.checked)
        proven = {} if facts is None else dict(facts.proven)
        for level, times in self.proven.items():
            times.put(key, proven.get(level))
