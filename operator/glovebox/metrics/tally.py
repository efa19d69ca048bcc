"""Running counts over all custom resources, kept by each change: nothing is scanned at a scrape.

An observer of the cache: `upsert` and `delete` cost the same however many objects there are. What
is counted of an object is one small value; a change takes the old value out and puts the new one
in, so counts cannot drift, and an object that is gone leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.data_terms import PROVENANCE_LEVELS
from glovebox.api.evolution import COMPATIBILITIES
from glovebox.data.proof_levels import Level
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT, FEATURE_SET_PIN
from glovebox.metrics.consistency import Consistency
from glovebox.metrics.earliest import Earliest
from glovebox.metrics.moments import unix
from glovebox.metrics.newest import Newest
from glovebox.status.kstatus import condition_of, kstatus

K = TypeVar("K", bound=Hashable)

_CURRENT: Final = "Current"
# By how many Experiments some bytes are used, and the most of each class.
_USERS: Final = {"0": 0, "1": 1, "2-5": 5, "6-20": 20, "21-100": 100, "101+": 10**9}
USERS: Final = tuple(_USERS)
UNBOUND: Final = "Unbound"
NO_CONTRACT: Final = "None"
NOTHING_SUPERSEDED: Final = "None"
_CONTRACTS: Final = {types.TRUE: "Met", types.FALSE: "Violated"}
CONTRACTS: Final = (*_CONTRACTS.values(), types.UNKNOWN, NO_CONTRACT)
_DISTRIBUTIONS: Final = {types.TRUE: "Stable", types.FALSE: "Moved"}
DISTRIBUTIONS: Final = (*_DISTRIBUTIONS.values(), types.UNKNOWN, "None")
_PER_ONE: Final = 10_000
LEVELS: Final = tuple(level.value for level in Level)
PROOFS: Final = (
    reasons.PROOFS_CURRENT,
    reasons.WAITING_FOR_BUDGET,
    reasons.PROOF_OVERDUE,
    types.UNKNOWN,
)
FEATURE_SETS: Final = (
    reasons.CURRENT,
    reasons.TO_BE_DEPRECATED,
    reasons.DEPRECATED,
    reasons.EXPIRES_SOON,
    reasons.EXPIRED,
    types.UNKNOWN,
)
STATES: Final = (UNBOUND, names.STATE_OPEN, names.STATE_FROZEN, names.STATE_SEALED)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is counted of one object.

    Attributes:
        kind: Its kind.
        result: What kstatus says of it.
        unobserved: Whether its generation is not observed yet.
        isolated: What is proven of the isolation of an Experiment; empty for other kinds.
        mismatch: Whether the objects of a pin do not match now.
        provenance: How much a pin says of where its data came from; empty for other kinds.
        contract: Whether the contract of a pin is met; empty for other kinds.
        compatibility: How it compares with that of the superseded pin; empty for other kinds.
        distribution: Whether the data of a pin moved against another one; empty for other kinds.
        psi: Namespace and name of a pin whose data moved, and its greatest PSI; None of others.
        retiring: Whether definitions go out of use; empty for other kinds.
        unhealthy: The labels of its own series; None when it is Current.
        expires: When the credentials of an Experiment expire, as Unix time.
        checked: When a pin was last checked, as Unix time.
        proven: When a pin was last proven, as Unix time, by level.
        proofs: Whether the proofs of a pin are as recent as they have to be; empty for other kinds.
        content: Content root of a dataset; empty for other kinds.
        uses: Content roots of the datasets that a bound Experiment uses.
        state: Of a bound Experiment; empty for other kinds.
        unwritten: Whether the end of a sealed Experiment is not written as an event of lineage.
    """

    kind: str
    result: str
    unobserved: bool
    isolated: str
    mismatch: bool
    provenance: str
    contract: str
    compatibility: str
    distribution: str
    psi: tuple[str, str, float] | None
    retiring: str
    unhealthy: tuple[str, str, str, str] | None
    expires: float | None
    checked: float | None
    proven: tuple[tuple[str, float], ...] = ()
    proofs: str = ""
    content: str = ""
    uses: frozenset[str] = frozenset()
    state: str = ""
    unwritten: bool = False


def read_facts(obj: Mapping[str, Any]) -> Facts:
    """Return what is counted of an object; tolerant, because a metric must never stop a watch."""
    kind, metadata = obj["kind"], obj["metadata"]
    status = obj.get("status") or {}
    result = kstatus(obj)
    unhealthy = None
    if result != _CURRENT:
        namespace, ready = metadata.get("namespace", ""), condition_of(status, types.READY)
        reason = reasons.PENDING if ready is None else str(ready["reason"])
        unhealthy = (kind, namespace, metadata["name"], reason)
    is_experiment, is_pin = kind == EXPERIMENT.kind, kind == DATASET_PIN.kind
    artifacts = status.get("artifacts") or {}
    return Facts(
        kind=kind,
        result=result,
        unobserved=metadata.get("generation", 0) != status.get("observedGeneration", -1),
        isolated=_answer(status, types.ISOLATED) if is_experiment else "",
        mismatch=is_pin and _answer(status, types.DRIFT_DETECTED) == types.TRUE,
        provenance=_provenance(status) if is_pin else "",
        contract=_contract(obj) if is_pin else "",
        compatibility=_compatibility(obj) if is_pin else "",
        distribution=_distribution(obj) if is_pin else "",
        psi=_psi(obj) if is_pin else None,
        retiring=_retiring(status) if kind == FEATURE_SET_PIN.kind else "",
        unhealthy=unhealthy,
        expires=unix(artifacts.get("credentialsExpireTime")) if is_experiment else None,
        checked=unix(status.get("listedTime")) if is_pin else None,
        proven=_proven(status) if is_pin else (),
        proofs=_proofs(status) if is_pin else "",
        content=str(status.get("digest") or "") if is_pin else "",
        uses=_uses(status) if is_experiment else frozenset(),
        state=_state(status) if is_experiment else "",
        unwritten=is_experiment and _is_unwritten(obj),
    )


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
        self.compatibilities: Counter[str] = Counter()
        self.distributions: Counter[str] = Counter()
        self._moved: dict[K, tuple[str, str, float]] = {}
        self.feature_sets: Counter[str] = Counter()
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
            (self.isolated, facts.isolated),
            (self.states, facts.state),
        ):
            if found:
                counter[found] += change
        self.unwritten += change * facts.unwritten
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
        self.expiries.put(key, None if facts is None else facts.expires)
        self.checks.put(key, None if facts is None else facts.checked)
        proven = {} if facts is None else dict(facts.proven)
        for level, times in self.proven.items():
            times.put(key, proven.get(level))


def _uses(status: Mapping[str, Any]) -> frozenset[str]:
    entries = status.get("inputs") or ()
    return frozenset(
        str(entry["digest"])
        for entry in entries
        if entry.get("kind") == DATASET_PIN.kind and entry.get("digest")
    )


def _state(status: Mapping[str, Any]) -> str:
    state = str(status.get("state") or UNBOUND)
    return state if state in STATES else UNBOUND


def _is_unwritten(obj: Mapping[str, Any]) -> bool:
    status = obj.get("status") or {}
    if not status.get("seal") or (obj.get("spec") or {}).get("adopts"):
        return False
    events = (status.get("lineage") or {}).get("events") or ()
    return all(entry.get("type") == "START" for entry in events)


def _answer(status: Mapping[str, Any], condition: str) -> str:
    entry = condition_of(status, condition)
    return types.UNKNOWN if entry is None else str(entry["status"])


def _retiring(status: Mapping[str, Any]) -> str:
    condition = condition_of(status, types.RETIRING)
    reason = condition["reason"] if condition is not None else ""
    return reason if reason in FEATURE_SETS else types.UNKNOWN


def _contract(obj: Mapping[str, Any]) -> str:
    if not (obj.get("spec") or {}).get("contract"):
        return NO_CONTRACT
    return _CONTRACTS.get(_answer(obj.get("status") or {}, types.CONTRACT_MET), types.UNKNOWN)


def _compatibility(obj: Mapping[str, Any]) -> str:
    if not (obj.get("spec") or {}).get("supersedes"):
        return NOTHING_SUPERSEDED
    evolution = (obj.get("status") or {}).get("evolution") or {}
    found = evolution.get("compatibility")
    return str(found) if found in COMPATIBILITIES else types.UNKNOWN


def _distribution(obj: Mapping[str, Any]) -> str:
    if not (obj.get("spec") or {}).get("distribution"):
        return DISTRIBUTIONS[-1]
    answer = _answer(obj.get("status") or {}, types.DISTRIBUTION_STABLE)
    return _DISTRIBUTIONS.get(answer, types.UNKNOWN)


def _psi(obj: Mapping[str, Any]) -> tuple[str, str, float] | None:
    if _distribution(obj) != _DISTRIBUTIONS[types.FALSE]:
        return None
    found = (obj["status"].get("distribution") or {}).get("worstPsi") or 0
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"], found / _PER_ONE


def _proven(status: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    entries = status.get("verification") or ()
    times = ((entry.get("level"), unix(entry.get("lastTime"))) for entry in entries)
    return tuple((level, time) for level, time in times if level in LEVELS and time is not None)


def _proofs(status: Mapping[str, Any]) -> str:
    entry = condition_of(status, types.PROOFS_CURRENT)
    reason = types.UNKNOWN if entry is None else str(entry["reason"])
    return reason if reason in PROOFS else types.UNKNOWN


def _provenance(status: Mapping[str, Any]) -> str:
    level = (status.get("provenance") or {}).get("level")
    return str(level) if level in PROVENANCE_LEVELS else types.UNKNOWN
