"""Phase `record`: what happened is in the ledger before anybody is told that it happened.

    status (what happened) -> entry in the ledger -> status.ledger.entries -> conditions, Events

Only what the status has recorded is told, so a process that dies at any moment leaves nothing that
its successor does not find again. The entries are written by a task; the look that finds them
written records where they stand, and with them the conditions that were held back
(`status/ledger.py`).

Nothing waits for a ledger that cannot be written but the report: what runs goes on, is sealed, and
is closed. A deletion waits for a bounded time, after everything of it is done but the last step.

Of a namespace that lost its Experiment `controllers/orphan_ledger.py` tells. Supplements of seals
are not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog

from glovebox.api import reasons
from glovebox.controllers.experiment.retire import Retiring
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.ledgers import ensure_told, store_with_ledger, why_untold
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.engine.tasks import TaskKey
from glovebox.kube.resources import Key
from glovebox.ledger.entry import Event
from glovebox.ledger.events import outstanding
from glovebox.status.experiment_facts import LedgerFacts
from glovebox.status.outcome import Outcome, done, waiting

log = structlog.get_logger(__name__)
TASK: Final = "ledger"
# How long a deletion waits for its entry.
LEDGER_WAIT: Final = timedelta(hours=1)
_UNRECORDED: Final = "unrecorded"
# The task wakes us when it ends; this is for what nobody tells.
_LOOK_AGAIN_SECONDS: Final = 10.0


async def record(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Have everything written into the ledger that the status says happened."""
    del outcomes
    return ensure_recorded(scope.ports, scope.key, scope.obj)


def ensure_recorded(ports: Ports, key: Key, obj: Mapping[str, Any]) -> Outcome:
    """Have the ledger told what it was not told yet; never blocks.

    Args:
        ports: The outside world.
        key: Of the Experiment.
        obj: The Experiment as the API server holds it.

    Returns:
        Done where no ledger is written, or with what is written (`LedgerFacts`).
    """
    task_key = TaskKey(key, obj["metadata"]["uid"], TASK)
    store = store_with_ledger(ports, obj)
    if store is None or store.spec.ledger is None:
        ports.tasks.drop(task_key)
        return done()
    events = _within(outstanding(obj), obj, store.spec.artifacts.bucket)
    if not events:
        ports.tasks.drop(task_key)
        return done(LedgerFacts())
    task = ensure_told(ports, task_key, store, events, key.namespace)
    facts = LedgerFacts(frozenset(event.id for event in events))
    if task.result is not None:
        return done(LedgerFacts(facts.asked, task.result))
    what = ", ".join(str(event.kind) for event in events)
    if task.error is not None:
        message = f"not all of this is in the ledger yet ({what}): {why_untold(task.error)}"
        return waiting(reasons.LEDGER_UNAVAILABLE, message, facts=facts)
    message = f"it is being written into the ledger ({what}), and reported then"
    return waiting(reasons.LEDGER_PENDING, message, facts=facts)


def _within(events: tuple[Event, ...], obj: Mapping[str, Any], bucket: str) -> tuple[Event, ...]:
    """Let entries vouch for objects in the ledger's own bucket alone.

    A store that got another bucket keeps the ledger there, and old seals where they are.
    """
    uri = str(((obj.get("status") or {}).get("seal") or {}).get("uri", ""))
    if uri.startswith(f"s3://{bucket}/"):
        return events
    return tuple(replace(event, objects=()) for event in events)


def record_deletion(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcome | None:
    """Have the ledger told of a deletion; return what it waits for, None when it may end.

    It ends all the same when that was tried for long enough, and that is told.
    """
    outcome = ensure_recorded(ports, retiring.key, obj)
    if outcome.is_done:
        return None
    until = deadline(ports, retiring.key, TASK, retiring.deleted, LEDGER_WAIT)
    if ports.now() <= until:
        message = f"the Experiment goes once its entry is in the ledger: {outcome.message}"
        return waiting(
            outcome.reason, message, facts=outcome.facts, retry_seconds=_LOOK_AGAIN_SECONDS
        )
    if not ports.failures.is_failing(retiring.key, _UNRECORDED):
        ports.failures.note(retiring.key, _UNRECORDED)
        message = f"the deletion goes on although the ledger misses something: {outcome.message}"
        ports.events.warning(obj, reasons.DELETED_UNRECORDED, message, action="Record")
        log.warning("a deletion goes on without an entry in the ledger", why=outcome.message)
    return None
