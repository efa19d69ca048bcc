"""Which request meets which fault: drawn from the seed, far more frequent than in life."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from glovebox.kube.kinds import LEASE
from simulation.api_server import Asked
from simulation.api_transport import NOTHING, READS, Fault, NoFaults, StreamFault

REFUSALS: Final = (403, 409, 422, 429, 500, 503)
# A refusal of these codes is no statement about the object, and goes away by itself.
TRANSIENT: Final = (409, 429, 500, 503)
# All but the last are noticed by whoever watches.
WATCHES: Final = (
    "twice",
    "lags",
    "breaks",
    "silent",
    "expired",
    "expired",
    "refused",
    "ends",
    "gap",
)
# What may begin at a moment, and not only after some events.
_OF_WRITES: Final = ("late", "unanswered", "repeated")
_TIMED: Final = ("breaks", "silent", "expired")


@dataclass(slots=True)
class Rule:
    """A policy or a missing right: refuses some of the operator's writes for a while.

    Attributes:
        plural: Of the kind that it refuses.
        verbs: Which writes.
        code: How it refuses.
        begins: From which second on.
        ends: Until which second; infinite: for ever.
        times: At most so many refusals.
        has_refused: Whether it has refused anything.
    """

    plural: str
    verbs: tuple[str, ...]
    code: int
    begins: float
    ends: float
    times: int = 1_000_000
    has_refused: bool = False

    def __str__(self) -> str:
        return (
            f"{'/'.join(self.verbs)} of {self.plural} get {self.code} from second"
            f" {self.begins - 1000:.0f} to {self.ends - 1000:.0f}"
        )


@dataclass(slots=True)
class Plan:
    """All faults of one run.

    Attributes:
        rate: The chance of each request to meet a fault, until `ends`.
        write_rate: The same, of writes.
        watch_rate: The chance of each watch.
        begins: From when on requests meet faults by chance.
        ends: When all of this is over.
        rules: What is refused by rule.
        cut: A fault for the write of that number.
        overtaken_rate: How often somebody else changes an object just before the operator does.
        watches: The faults of watches that are drawn.
        crash: Kills the process at requests of these numbers.
        crash_on: Kills it once at a request of this verb and kind, and whether that arrives.
        names: The faults that are drawn.
        away: When the server does not answer at all: from when until when.
    """

    rate: float = 0.0
    write_rate: float = 0.0
    watch_rate: float = 0.0
    overtaken_rate: float = 0.0
    begins: float = 0.0
    ends: float = 0.0
    rules: list[Rule] = field(default_factory=list)
    cut: dict[int, Fault] = field(default_factory=dict)
    crash: tuple[int, ...] = ()
    crash_on: tuple[str, str, bool] | None = None
    watches: tuple[str, ...] = WATCHES
    names: tuple[str, ...] = (
        "refused",
        "refused",
        "lost",
        "unanswered",
        "late",
        "slow",
        "stale",
        "repeated",
        "login expired",
    )
    away: tuple[tuple[float, float], ...] = ()
    codes: tuple[int, ...] = REFUSALS

    @property
    def is_calm(self) -> bool:
        """Whether nothing goes wrong at all."""
        return not (
            self.rate
            or self.write_rate
            or self.watch_rate
            or self.rules
            or self.cut
            or self.overtaken_rate
            or self.crash
            or self.crash_on
            or self.away
        )

    @property
    def has_gaps(self) -> bool:
        """Whether watches may lose events without anybody noticing."""
        return bool(self.watch_rate) and "gap" in self.watches

    def __str__(self) -> str:
        said = [
            f"{value:.0%} of {name}"
            for name, value in (
                ("requests", self.rate),
                ("writes", self.write_rate),
                ("watches", self.watch_rate),
            )
            if value
        ]
        if self.watch_rate > 0.5:
            said.append("gaps" if self.has_gaps else "outages")
        if self.overtaken_rate:
            said.append(f"{self.overtaken_rate:.0%} of changes overtaken")
        said += [str(rule) for rule in self.rules]
        said += [f"write {number}: {fault.name} {fault.code}" for number, fault in self.cut.items()]
        said += [f"killed at request {number}" for number in self.crash]
        if self.crash_on is not None:
            verb, plural, arrives = self.crash_on
            said.append(f"killed {'after' if arrives else 'before'} {verb} {plural}")
        said += [
            f"server away from second {begins - 1000:.0f} to {ends - 1000:.0f}"
            for begins, ends in self.away
        ]
        return "; ".join(said) or "none"


class SeededFaults:
    """Decides by a plan.

    Args:
        plan: What goes wrong.
        chance: The dice.
        time: Virtual seconds.
        crash: Called when the process is to die, in the middle of its request.
    """

    def __init__(
        self,
        plan: Plan,
        chance: random.Random,
        time: Callable[[], float],
        crash: Callable[[], None],
    ) -> None:
        self.plan = plan
        self.watcher = "watch"
        self._chance, self._time, self._crash = chance, time, crash
        self.requests = self.writes = 0
        # What was hit: verb, kind and fault.
        self.hit: Counter[tuple[str, str, str]] = Counter()
        # Set when nothing is to go wrong any more, whatever the plan says.
        self.over = False
        self.last_fault_at = 0.0
        # Called with the name of a class of faults that is no fault of one request alone.
        self.count: Callable[[str], None] = lambda _: None
        # Called when a watch does not show what happens from now on.
        self.on_outage: Callable[[Asked], None] = lambda _: None

    def request(self, asked: Asked) -> Fault:
        """Return what happens to a request."""
        self.requests += 1
        is_write = asked.verb not in READS
        self.writes += is_write
        fault = self._fault(asked, is_write=is_write)
        if fault.name:
            self.last_fault_at = self._time()
            self.hit[asked.verb, asked.kind.plural, f"{fault.name} {fault.code or ''}"] += 1
        if self.requests in self.plan.crash and not self.over:
            self.count("killed")
            self._crash()
        return fault

    def _fault(  # noqa: C901, PLR0911 - one return a class of faults
        self, asked: Asked, *, is_write: bool
    ) -> Fault:
        now = self._time()
        if self.plan.crash_on is not None and not self.over:
            verb, plural, arrives = self.plan.crash_on
            if (verb, plural) == (asked.verb, asked.kind.plural):
                self.plan.crash_on = None
                self.count("killed at a named request")
                self._crash()
                return NOTHING if arrives else Fault("lost", seconds=0.1)
        if is_write and self.writes in self.plan.cut and not self.over:
            return self.plan.cut[self.writes]
        for rule in self.plan.rules:
            if (
                rule.plural == asked.kind.plural
                and asked.verb in rule.verbs
                and rule.begins <= now < rule.ends
                and rule.times > 0
            ):
                rule.times -= 1
                rule.has_refused = True
                on_deletion = "deletion of " if asked.verb == "delete" else ""
                self.count(f"policy on {on_deletion}{rule.plural}")
                return Fault("refused", rule.code)
        if asked.verb == "update" and self._overtakes(now):
            return Fault("overtaken")
        if not self.plan.begins <= now < self.plan.ends:
            return NOTHING
        rate = max(self.plan.rate, self.plan.write_rate if is_write else 0.0)
        if self._chance.random() >= rate:
            return NOTHING
        name = self._chance.choice(self.plan.names)
        if name in _OF_WRITES and not is_write:
            name = "stale"
        if name == "refused":
            codes = self.plan.codes if is_write else (403, 429, 500, 503)
            allowed = [code for code in codes if code in self.plan.codes]
            return Fault("refused", self._chance.choice(allowed or [500]))
        return Fault(name, seconds=self._chance.uniform(0.1, 20.0))

    def _overtakes(self, now: float) -> bool:
        rate = self.plan.overtaken_rate
        return bool(rate) and now < self.plan.ends and self._chance.random() < rate

    def stream(self, asked: Asked) -> StreamFault:
        """Return what happens to a watch; nothing to that of the Lease, so that none is drawn."""
        if asked.kind == LEASE or self._time() >= self.plan.ends:
            return StreamFault()
        if self._chance.random() >= self.plan.watch_rate:
            return StreamFault()
        name = self._chance.choice(self.plan.watches)
        self.last_fault_at = self._time()
        self.hit["watch", asked.kind.plural, name] += 1
        seconds = self._chance.uniform(0.01, 3.0)
        if name == "lags":
            return StreamFault(name, seconds=seconds)
        # Events of the first seconds are mostly answers that are known already.
        later = name in _TIMED and self._chance.random() < 0.7
        if name == "gap" or later:
            return StreamFault(name, seconds=self._chance.uniform(5.0, 80.0))
        return StreamFault(name, self._chance.randrange(0, 6))

    def feed(self, asked: Asked) -> StreamFault:
        """Return what happens to a watch of our own kinds, which kopf keeps."""
        if self._time() >= self.plan.ends or self._chance.random() >= self.plan.watch_rate:
            return StreamFault()
        name = self._chance.choice(("lags", "lags", "breaks"))
        self.hit["watch", asked.kind.plural, name] += 1
        if name == "breaks":
            return StreamFault(name, seconds=self._chance.uniform(0.01, 60.0))
        return StreamFault(name, seconds=self._chance.uniform(0.01, 3.0))

    def is_away(self) -> bool:
        """Return whether the server does not answer at all now."""
        now = self._time()
        return any(begins <= now < ends for begins, ends in self.plan.away)

    def next_away(self) -> float:
        """Return when it stops to answer next."""
        now = self._time()
        return min((begins for begins, _ in self.plan.away if begins > now), default=math.inf)

    def outage(self, asked: Asked) -> None:
        """Let something happen in an outage."""
        if self._time() < self.plan.ends:
            self.on_outage(asked)


class FeedFaults(NoFaults):
    """What happens to the requests of kopf.

    Args:
        faults: Of the process.
    """

    watcher = "feed"

    def __init__(self, faults: SeededFaults) -> None:
        self._faults = faults

    def stream(self, asked: Asked) -> StreamFault:
        """Let it be late, or break."""
        return self._faults.feed(asked)

    def is_away(self) -> bool:
        """Return whether the server does not answer at all now."""
        return self._faults.is_away()

    def next_away(self) -> float:
        """Return when it stops to answer next."""
        return self._faults.next_away()
