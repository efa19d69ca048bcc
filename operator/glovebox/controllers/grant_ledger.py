"""Has the ledger told of a grant: the ledger of the store in which its uses are recorded.

As with Experiments (`experiment/record.py`): what follows from the status and is not recorded there
as written is still to be written, by a task that no look waits for.

Whoever may declare grants makes entries that are locked for years, at no cost of their own. So of
the grants of one namespace so many are told within an hour, and the next ones wait: they let nobody
in before. What ended of a grant that was told is told at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from glovebox.api import reasons
from glovebox.controllers.ledgers import ensure_told, ledger_of, why_untold
from glovebox.controllers.ports import Ports
from glovebox.engine.tasks import TaskKey
from glovebox.kube.resources import Key
from glovebox.ledger.entry import Kind
from glovebox.ledger.grant_events import untold
from glovebox.status.outcome import Outcome, waiting

TASK: Final = "ledger"
PER_HOUR: Final = 60
_HOUR_SECONDS: Final = 3600.0
_LOOK_AGAIN_SECONDS: Final = 60.0
PENDING: Final = waiting(
    reasons.LEDGER_PENDING, "it is being written into the ledger, and reported then"
)


@dataclass(frozen=True, slots=True)
class GrantTold:
    """How telling the ledger of a grant went.

    Attributes:
        is_on: Whether a ledger is told.
        asked: Ids of the events that are written, or being written.
        entries: Those that are written, as `status.ledger.entries` holds them from now on.
        outcome: What the report waits for; None where nothing is outstanding.
    """

    is_on: bool = False
    asked: frozenset[str] = frozenset()
    entries: tuple[Mapping[str, Any], ...] = ()
    outcome: Outcome | None = None


def tell_of_grant(ports: Ports, obj: Mapping[str, Any], store_ref: str) -> GrantTold:
    """Have the ledger told what it was not told yet; never blocks.

    Args:
        ports: The outside world.
        obj: The grant as the API server holds it: what is not recorded is not told.
        store_ref: Name of the ObjectStore whose ledger is told; empty where none is known.
    """
    key = Key.of(obj)
    task_key = TaskKey(key, obj["metadata"]["uid"], TASK)
    store = ledger_of(ports, store_ref)
    if store is None or store.spec.ledger is None:
        ports.tasks.drop(task_key)
        return GrantTold()
    events = untold(obj)
    if not events:
        ports.tasks.drop(task_key)
        return GrantTold(is_on=True)
    is_new = any(event.kind == Kind.GRANTED for event in events)
    if is_new and not _has_room(ports, key.namespace, task_key.uid):
        return GrantTold(
            is_on=True, asked=frozenset(event.id for event in events), outcome=_too_many(key)
        )
    task = ensure_told(ports, task_key, store, events, key.namespace)
    asked = frozenset(event.id for event in events)
    if task.result is not None:
        return GrantTold(is_on=True, asked=asked, entries=task.result)
    if task.error is not None:
        message = f"this is not in the ledger yet: {why_untold(task.error)}"
        failed = waiting(reasons.LEDGER_UNAVAILABLE, message)
        return GrantTold(is_on=True, asked=asked, outcome=failed)
    return GrantTold(is_on=True, asked=asked, outcome=PENDING)


def _too_many(key: Key) -> Outcome:
    """Return that a grant waits; it is read in the namespaces that wait for it as well."""
    return waiting(
        reasons.LEDGER_PENDING,
        f"{PER_HOUR} grants of namespace {key.namespace} were written into the ledger within an"
        " hour, which is the limit; this one is written when that hour is over, and lets nobody in"
        " before",
        retry_seconds=_LOOK_AGAIN_SECONDS,
    )


def _has_room(ports: Ports, namespace: str, uid: str) -> bool:
    """Return whether the ledger may be told of a grant now; what it may be told of once it may."""
    now = ports.clock()
    told = ports.grants_told.setdefault(namespace, {})
    for other, moment in list(told.items()):
        if now - moment >= _HOUR_SECONDS:
            del told[other]
    if uid in told:
        return True
    if len(told) >= PER_HOUR:
        return False
    told[uid] = now
    return True
