"""The heads of a ledger: signed soon after an entry, and every hour although nothing happened.

The newest one is remembered in the ObjectStore's status, out of the bucket's reach, and given to
whoever opens the ledger: one that does not continue it is neither written nor signed. Any replica
may sign; two that sign one head write the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glovebox.api.object_store import ObjectStore
from glovebox.controllers.ledger_anchors import forget_anchors
from glovebox.controllers.ledger_keys import TASK as KEYS_TASK
from glovebox.controllers.ledgers import WORK_CLASS, LedgerTask, in_ledger
from glovebox.controllers.ports import LedgerHead, Ports
from glovebox.engine.tasks import TaskContext, TaskKey
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.ledger.checkpoint import EMPTY
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.text import format_time

TASK: Final = "ledger"
# Clocks and timers round differently: never at once again.
_SHORTEST_SECONDS: Final = 1.0
# Who knows a head: the checkpoint in the bucket, and the ObjectStore's status.
_ANCHORS: Final = ("Bucket", "Status")


@dataclass(frozen=True, slots=True)
class LedgerLook:
    """What a look after a ledger came to.

    Attributes:
        outcome: How it went; None where nothing is new.
        head: What `status.ledger` holds from now on; None leaves it as it is.
        retry_seconds: When something is due although nobody says so.
    """

    outcome: Outcome | None = None
    head: Mapping[str, Any] | None = None
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Tended:
    """What a task found: the newest head, and for how long nothing is due."""

    head: LedgerHead
    wait: float


def look_after_ledger(ports: Ports, store: ObjectStore) -> LedgerLook:
    """Have the ledger of a store signed when that is due; never blocks."""
    spec = store.spec.ledger
    if spec is None:
        return LedgerLook()
    if store.uid not in ports.ledger_heads:
        _show_recorded(ports, store)
    key = Key(OBJECT_STORE.kind, "", store.name)
    task_key = TaskKey(key, store.uid, TASK)
    left = ports.ledgers_due.get(store.uid, 0.0) - ports.clock()
    if left > 0 and ports.tasks.get(task_key) is None:
        return LedgerLook(retry_seconds=left)

    async def start(context: TaskContext) -> _Tended:
        # An entry that is written from now on says itself when it is due.
        ports.ledgers_due[store.uid] = math.inf
        async with ports.metrics.on_store("ledger_head"):
            return await in_ledger(ports, store, context.stop, _tend)

    basis = f"{spec.organisation} {spec.key_secret_ref.name}"
    task = ports.tasks.ensure(task_key, basis, start, tenant="", work_class=WORK_CLASS)
    if task.result is not None:
        ports.tasks.drop(task_key)
        due = ports.clock() + max(task.result.wait, _SHORTEST_SECONDS)
        due = min(ports.ledgers_due.get(store.uid, due), due)
        ports.ledgers_due[store.uid] = due
        head = _remember(ports, store, task.result.head)
        return LedgerLook(done(), head, due - ports.clock())
    if task.error is None:
        return LedgerLook()
    since = task.failing_since or ports.now()
    failing = (ports.now() - since).total_seconds()
    return LedgerLook(of_error(task.error).with_failure(failing, task.failures))


def forget_ledger(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is open of a ledger: its store is gone, or has none any more."""
    for name in (TASK, KEYS_TASK):
        ports.tasks.drop(TaskKey(key, uid, name))
    forget_anchors(ports, key.name, uid)
    ports.metrics.forget_ledger(key.name)
    for table in (ports.ledgers, ports.ledger_heads, ports.ledgers_due):
        table.pop(uid, None)


def _show_recorded(ports: Ports, store: ObjectStore) -> None:
    """Show the head of which the status says: a process that can write none has seen no other."""
    told = store.status.ledger
    learnt = _learnt(store)
    if told is not None and learnt is not None:
        ports.metrics.ledger_size.labels(store.name).set(told.size)
        ports.metrics.ledger_signed.labels(store.name).set(learnt.timestamp())


def _learnt(store: ObjectStore) -> datetime | None:
    """Return when the recorded head was learnt of, by the operator's own clock alone.

    What others say of the time would keep the alert quiet.
    """
    told = store.status.ledger
    own = (each.last_time for each in told.anchors if each.kind in _ANCHORS) if told else ()
    return max(own, default=None)


def _tend(task: LedgerTask) -> _Tended:
    writer = task.ledger.writer
    head = writer.tend(task.stop) or writer.newest() or EMPTY
    layout = writer.layout
    seen = LedgerHead(layout.organisation, layout.epoch, head)
    return _Tended(seen, writer.wait().total_seconds())


def _remember(ports: Ports, store: ObjectStore, seen: LedgerHead) -> Mapping[str, Any] | None:
    """Remember a head; return what the status is to say when it does not say so."""
    ports.ledger_heads[store.uid] = seen
    told, now = store.status.ledger, ports.now()
    known = told is not None and (told.organisation, told.epoch, told.size, told.root) == (
        seen.organisation,
        seen.epoch,
        seen.head.size,
        seen.head.root_text,
    )
    learnt = (_learnt(store) if known else None) or now
    ports.metrics.ledger_size.labels(store.name).set(seen.head.size)
    ports.metrics.ledger_signed.labels(store.name).set(learnt.timestamp())
    if known:
        return None
    return {
        "organisation": seen.organisation,
        "epoch": seen.epoch,
        "size": seen.head.size,
        "root": seen.head.root_text,
        "anchors": [
            {"kind": kind, "lastSize": seen.head.size, "lastTime": format_time(now)}
            for kind in _ANCHORS
        ],
    }
