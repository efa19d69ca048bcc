"""Running counts over all custom resources, kept by each change: nothing is scanned at a scrape.

An observer of the cache: `upsert` and `delete` cost the same however many objects there are. What
is counted of an object is one small value; a change takes the old value out and puts the new one
in, so counts cannot drift, and an object that is gone leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.data_terms import PROVENANCE_LEVELS
from glovebox.kube.kinds import DATASET_PIN, EXPERIMENT
from glovebox.status.kstatus import condition_of, kstatus

K = TypeVar("K", bound=Hashable)

_CURRENT: Final = "Current"


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
        unhealthy: The labels of its own series; None when it is Current.
        expires: When the credentials of an Experiment expire, as Unix time.
        checked: When a pin was last checked, as Unix time.
    """

    kind: str
    result: str
    unobserved: bool
    isolated: str
    mismatch: bool
    provenance: str
    unhealthy: tuple[str, str, str, str] | None
    expires: float | None
    checked: float | None


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
        unhealthy=unhealthy,
        expires=_unix(artifacts.get("credentialsExpireTime")) if is_experiment else None,
        checked=_unix(status.get("listedTime")) if is_pin else None,
    )


class Earliest(Generic[K]):
    """The earliest of many times, of which one changes now and then."""

    def __init__(self) -> None:
        self._times: dict[K, float] = {}
        self._first: float | None = None

    def put(self, key: K, time: float | None) -> None:
        """Set the time of a key, or take it out."""
        before = self._times.pop(key, None)
        if time is not None:
            self._times[key] = time
        if before is not None and before == self._first:
            self._first = None  # found again when somebody asks
        elif time is not None and self._first is not None:
            self._first = min(self._first, time)

    def first(self) -> float | None:
        """Return the earliest time, or None when there is none."""
        if self._first is None and self._times:
            self._first = min(self._times.values())
        return self._first


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
        self.expiries: Earliest[K] = Earliest()
        self.checks: Earliest[K] = Earliest()

    def upsert(self, key: K, obj: Mapping[str, Any]) -> None:
        """Count an object that is new or changed."""
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
        facts = self._facts.pop(key, None)
        if facts is not None:
            self._count(facts, -1)
            self._follow(key, None)

    def unhealthy(self, most: int) -> Iterable[tuple[str, str, str, str]]:
        """Return the labels of at most so many objects that are not Current."""
        return islice(self._unhealthy.values(), most)

    @property
    def number_unhealthy(self) -> int:
        """How many objects are not Current."""
        return len(self._unhealthy)

    def _count(self, facts: Facts, change: int) -> None:
        self.results[facts.kind, facts.result] += change
        self.unobserved[facts.kind] += change * facts.unobserved
        self.mismatches += change * facts.mismatch
        if facts.provenance:
            self.provenance[facts.provenance] += change
        if facts.isolated:
            self.isolated[facts.isolated] += change

    def _follow(self, key: K, facts: Facts | None) -> None:
        if facts is None or facts.unhealthy is None:
            self._unhealthy.pop(key, None)
        else:
            self._unhealthy[key] = facts.unhealthy
        self.expiries.put(key, None if facts is None else facts.expires)
        self.checks.put(key, None if facts is None else facts.checked)


def _answer(status: Mapping[str, Any], condition: str) -> str:
    entry = condition_of(status, condition)
    return types.UNKNOWN if entry is None else str(entry["status"])


def _provenance(status: Mapping[str, Any]) -> str:
    level = (status.get("provenance") or {}).get("level")
    return str(level) if level in PROVENANCE_LEVELS else types.UNKNOWN


def _unix(text: str | None) -> float | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
