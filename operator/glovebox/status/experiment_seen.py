"""One look at an Experiment, as far as its status depends on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.status.broken_inputs import broken_of, stops_for_good
from glovebox.status.experiment_facts import NamespaceFacts
from glovebox.status.outcome import GRACE, Grace, Outcome, Verdict, skipped

# Phases without which nothing is provisioned, in order.
BUILDING: Final = (
    "claim",
    "lock_up",
    "resolve",
    "authorise",
    "gate",
    "leakage",
    "uses",
    "bind",
    "namespace",
    "isolation",
    "pull_secret",
    "stage_secrets",
    "credentials",
    "access",
)
# What is known to be other than declared and not restored yet is held back this long, no longer.
_REPAIR_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Late:
    """Evidence that could not be written when it was last tried.

    Attributes:
        what: Which, in words.
        why: The cause, and its cure.
        is_overdue: Whether that has been so for long enough to be reported.
    """

    what: str
    why: str
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One look, as far as its status depends on it.

    Attributes:
        obj: The Experiment as the API server holds it.
        outcomes: What the phases reported, by phase.
        now: The present time.
        suspended: Whether nothing was bound because `spec.suspend` is true.
        grace: How long a failure that may pass is held back.
        ledger: Whether what happened is reported only when the ledger tells of it.
        late: What of the evidence could not be written.
    """

    obj: Mapping[str, Any]
    outcomes: Mapping[str, Outcome]
    now: datetime
    suspended: bool = False
    grace: Grace = GRACE
    ledger: bool = False
    late: tuple[Late, ...] = ()
    _skipped: Outcome = field(default_factory=lambda: skipped("resolve"))

    def outcome(self, phase: str) -> Outcome:
        """Return what a phase reported; a phase that did not run was skipped."""
        return self.outcomes.get(phase, self._skipped)

    def facts(self, phase: str, kind: type) -> Any:
        """Return what a phase left, or None."""
        facts = self.outcome(phase).facts
        return facts if isinstance(facts, kind) else None

    @property
    def previous(self) -> Mapping[str, Any]:
        """The status that is shown now."""
        return self.obj.get("status") or {}

    @property
    def is_provisioned(self) -> bool:
        """Whether the namespace was recorded as complete, and nothing here says it is another."""
        latch = self.previous.get("provisioned")
        if not latch or latch.get("digest") != self.previous.get("digest"):
            return False
        found = self.facts("namespace", NamespaceFacts)
        return found is None or bool(latch.get("namespaceUid") == found.uid)


def completes(seen: Seen) -> bool:
    """Whether this look saw everything in place for the first time."""
    applied = [one for phase in BUILDING for one in seen.outcome(phase).applied]
    return all(seen.outcome(phase).is_done for phase in BUILDING) and all(
        one.stands for one in applied
    )


def first_with(seen: Seen, verdict: Verdict) -> Outcome | None:
    """Return the outcome of the first phase that ended so, or None."""
    return next((each for each in seen.outcomes.values() if each.verdict is verdict), None)


def first_unfinished(seen: Seen) -> Outcome:
    """Return why not everything is in place."""
    outcomes = [seen.outcome(phase) for phase in BUILDING]
    unfinished = [each for each in outcomes if not each.is_done]
    # What failed says more than what waits for it.
    by_weight = sorted(unfinished, key=lambda each: each.verdict is Verdict.SKIPPED)
    if by_weight:
        return by_weight[0]
    return Outcome(Verdict.WAITING, reasons.PROVISIONING, "not every object is as declared yet")


def held_back(seen: Seen) -> tuple[Outcome, ...]:
    """Return the failures that no condition reports yet, because they may pass by themselves."""
    if "retire" in seen.outcomes:
        return ()  # a deletion says at once what it waits for
    return tuple(each for each in seen.outcomes.values() if is_held_back(seen, each))


def is_closed(seen: Seen) -> bool:
    """Whether pods, access and credentials were seen gone for the state of now."""
    return seen.outcome("lock_up").is_done


def is_closed_for_good(seen: Seen) -> bool:
    """Whether nothing is open any more: where another has its name, its namespace is gone."""
    return is_closed(seen) or seen.outcome("lock_up").reason == reasons.NAMESPACE_TAKEN


def cannot_close(seen: Seen, *, sealed: bool) -> bool:
    """Whether what is to be closed cannot be; once it is sealed, also what closing waits for."""
    closing = seen.outcome("lock_up")
    return closing.is_failed or (sealed and closing.verdict is Verdict.WAITING)


def is_held_back(seen: Seen, outcome: Outcome) -> bool:
    """Whether a failure may pass before anybody needs to know: what stands keeps its conditions."""
    if not outcome.is_failed or outcome.definite or not seen.is_provisioned:
        return False
    if outcome.differs or any(not one.stands for one in outcome.applied):
        return outcome.failing_seconds < _REPAIR_SECONDS
    return not outcome.is_lasting(seen.grace)


def is_unanswered(seen: Seen, outcome: Outcome) -> bool:
    """Whether a failure only means that nobody knows any more: what was seen last has expired."""
    return seen.is_provisioned and outcome.is_failed and not outcome.definite


def state_of(seen: Seen) -> str:
    """Return what the namespace is for, by the status and spec that were looked at."""
    status, spec = seen.previous, seen.obj.get("spec") or {}
    desired = (spec.get("lifecycle") or {}).get("desired", "Active")
    over = bool((status.get("run") or {}).get("completionTime"))
    closed = status.get("seal") or status.get("state") == names.STATE_SEALED
    broken = broken_of(status)
    frozen = desired == "Frozen" or bool(broken)
    if closed or desired == "Sealed" or stops_for_good(broken) or (over and not frozen):
        return names.STATE_SEALED
    return names.STATE_FROZEN if frozen else names.STATE_OPEN
