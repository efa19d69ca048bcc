"""What a look at an Experiment comes to: its status, when to look again, what is done after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.apply.managed import MANAGED
from glovebox.controllers.experiment import report
from glovebox.controllers.experiment.isolation import is_inspected
from glovebox.controllers.experiment.lineage import is_untraced
from glovebox.controllers.experiment.overdue import late_of
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.controllers.experiment.unrecorded import recorded as recorded_by_now
from glovebox.controllers.experiment.unrecorded import with_earlier
from glovebox.controllers.last_listings import drop_seal_tasks
from glovebox.controllers.ledgers import store_with_ledger
from glovebox.controllers.looking import Look
from glovebox.controllers.ports import Ports
from glovebox.engine.key_queue import Priority
from glovebox.engine.tasks import TaskKey
from glovebox.kube.kinds import EXPERIMENT
from glovebox.kube.resources import Key
from glovebox.ledger.events import outstanding
from glovebox.status.drift import RECORD_SECONDS
from glovebox.status.experiment import compute_status
from glovebox.status.experiment_facts import LedgerFacts, LineageFacts
from glovebox.status.experiment_seen import Seen, held_back
from glovebox.tasks.seal import SEAL

# What begins only once the namespace was recorded as complete.
_BEHIND_THE_LATCH: Final = ("prove", "deliver", "run")


def looked(
    ports: Ports,
    obj: Mapping[str, Any],
    outcomes: Outcomes,
    *,
    suspended: bool = False,
    as_counts: Mapping[str, Any] | None = None,
) -> Look:
    """Return what the outcomes of the phases come to.

    Args:
        ports: What the operator works with.
        obj: The Experiment as it was looked at.
        outcomes: What each phase came to.
        suspended: Whether nothing is bound or created yet because its spec says so.
        as_counts: The Experiment as it counts for this look, where that differs from `obj`.
    """
    outcomes = with_earlier(ports, obj, outcomes)
    seen = Seen(
        obj=as_counts if as_counts is not None else obj,
        outcomes=outcomes,
        now=ports.now(),
        suspended=suspended,
        grace=ports.grace,
        ledger=store_with_ledger(ports, obj) is not None,
        late=late_of(ports, Key.of(obj)),
    )
    status = compute_status(seen)
    for failure in held_back(seen):
        ports.metrics.problem_counter(failure.reason, EXPERIMENT.kind.lower()).inc()
    key = Key.of(obj)
    retries = [*outcomes.retries, *_looks_after(ports, obj, status, outcomes, ledger=seen.ledger)]
    if is_untraced(ports, {**obj, "status": status}, outcomes.facts("lineage", LineageFacts)):
        retries.append(0.0)  # what is recorded by this look is written as an event

    def recorded() -> None:
        report.report(ports, key, obj, status, outcomes, ledger=seen.ledger)
        recorded_by_now(ports, key)
        if status.get("seal"):
            ports.unsealed_runs.discard(obj["metadata"]["uid"])
            ports.uncounted_seals.pop(obj["metadata"]["uid"], None)
        if status.get("sealSupplement"):
            drop_seal_tasks(ports, key, obj["metadata"]["uid"])
        elif status.get("seal"):
            # And with it what its Job left.
            ports.tasks.drop(TaskKey(key, obj["metadata"]["uid"], SEAL))

    return Look(
        obj=obj,
        status=status,
        retry_seconds=min(retries, default=None),
        priority=Priority.REPAIR if _isolation_pauses(outcomes) else None,
        error=outcomes.error,
        after=recorded,
    )


def _looks_after(
    ports: Ports,
    obj: Mapping[str, Any],
    status: Mapping[str, Any],
    outcomes: Outcomes,
    *,
    ledger: bool,
) -> Iterator[float]:
    """Yield after how many seconds to look again because of what this look records."""
    before = obj.get("status") or {}
    is_news = status.get("provisioned") != before.get("provisioned")
    if is_news and not _is_settled(ports, obj, status, outcomes):
        yield 0.0  # runs and the isolation check wait for nothing but this record
    if status.get("brokenInputs") != before.get("brokenInputs"):
        yield 0.0  # it is closed, or opened again, for what is recorded by this look
    if _closes(status, before):
        yield 0.0  # and the seal for nothing but that one
    if ledger and is_untold(obj, status, outcomes):
        yield 0.0  # what is recorded by this look is told by the next one
    if _is_fight(status):
        yield float(RECORD_SECONDS)  # it may be over by then


def _is_settled(
    ports: Ports, obj: Mapping[str, Any], status: Mapping[str, Any], outcomes: Outcomes
) -> bool:
    """Whether an open namespace waits for nothing that begins once it is recorded as complete."""
    return (
        status.get("state") == names.STATE_OPEN
        and all(outcomes.is_done(name) for name in _BEHIND_THE_LATCH)
        and is_inspected(ports, Key.of(obj), status.get("namespace", ""))
    )


def _closes(status: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether this look records that everything is closed for good."""
    return status.get("state") == names.STATE_SEALED != before.get("state")


def is_untold(obj: Mapping[str, Any], status: Mapping[str, Any], outcomes: Outcomes) -> bool:
    """Whether this look records something that the ledger was not asked to tell."""
    facts = outcomes.facts("record", LedgerFacts)
    if facts is None:
        return False
    events = outstanding({**obj, "status": status})
    return any(event.id not in facts.asked for event in events)


def _isolation_pauses(outcomes: Outcomes) -> bool:
    """Whether something that isolates is left other than declared, for a second at most."""
    return any(
        one.retry_seconds is not None and not one.stands and MANAGED[one.key.kind].isolates
        for each in outcomes.values()
        for one in each.applied
    )


def _is_fight(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return any(entry["reason"] == reasons.WRITER_FIGHT for entry in conditions)
