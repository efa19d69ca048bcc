"""Phase `lineage`: what happened is written as events beside the evidence, and noted for delivery.

    status (what happened) -> event locked in the store -> notes -> status.lineage

Only what the status has recorded is told, so a process that dies at any moment leaves nothing that
its successor does not find again: the event has the same bytes and the same name, and a note that
is there is not written twice. No run, no seal and no condition waits for any of it; a destination
is not even asked here (`controllers/lineage_outbox.py`). A deletion waits a bounded time for its
last event, because nobody could write that later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.experiment.retire import Retiring
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.lineage_notes import leave_notes
from glovebox.controllers.patience import deadline
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.desired.platform import read_platform
from glovebox.engine.tasks import TaskContext, TaskKey
from glovebox.errors import GloveboxError
from glovebox.kube.resources import Key
from glovebox.lineage.events import LineageEvent, outstanding, recorded_events, step_of
from glovebox.status.experiment_facts import LineageFacts
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.store.connection import Stop
from glovebox.store.lineage_records import keep_as_long_as_the_seal, lineage_key, write_lineage

log = structlog.get_logger(__name__)
TASK: Final = "lineage"
WORK_CLASS: Final = "lineage"
# How long a deletion waits for its last event.
LINEAGE_WAIT: Final = timedelta(hours=1)
_UNWRITTEN: Final = "lineage unwritten"
_LOOK_AGAIN_SECONDS: Final = 10.0


async def trace(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Have everything written as events that the status says happened."""
    del outcomes
    facts, _ = ensure_traced(scope.ports, scope.key, scope.obj)
    return done(facts)


def ensure_traced(
    ports: Ports,
    key: Key,
    obj: Mapping[str, Any],
    *,
    unsealed: bool = False,
    store: ObjectStore | None = None,
) -> tuple[LineageFacts, GloveboxError | None]:
    """Have the events written that are not; never blocks.

    Args:
        ports: The outside world.
        key: Whose look asks for it.
        obj: The Experiment as the API server holds it, or held it.
        unsealed: Whether its end is told although there will be no seal.
        store: Of the results; as the status says when absent.

    Returns:
        What is written, and why the last attempt failed; None while there was none that did.
    """
    task_key = TaskKey(key, obj["metadata"]["uid"], TASK)
    where = (store or _store_of(obj)) if ports.settings.lineage.enabled else None
    events = _outstanding(ports, obj, unsealed=unsealed) if where is not None else ()
    if where is None or not events:
        ports.tasks.drop(task_key)
        return LineageFacts(), None

    async def start(context: TaskContext) -> Mapping[str, Any]:
        return await _write(ports, where, obj, events, context.stop)

    basis = " ".join((where.name, *(event.digest for event in events)))
    task = ports.tasks.ensure(task_key, basis, start, tenant=key.namespace, work_class=WORK_CLASS)
    asked = frozenset(step_of(event.type) for event in events)
    return LineageFacts(asked, task.result), task.error


def is_untraced(ports: Ports, obj: Mapping[str, Any], facts: LineageFacts | None) -> bool:
    """Whether there is something to tell that was not asked for: the next look asks for it."""
    if facts is None or not ports.settings.lineage.enabled or _store_of(obj) is None:
        return False
    return any(step_of(event.type) not in facts.asked for event in _outstanding(ports, obj))


def trace_deletion(ports: Ports, retiring: Retiring, obj: Mapping[str, Any]) -> Outcome | None:
    """Have the last event written; return what a deletion waits for, None when it may go on."""
    facts, error = ensure_traced(ports, retiring.key, obj, unsealed=True)
    if not facts.asked or facts.record is not None:
        return None
    if ports.now() <= deadline(ports, retiring.key, TASK, retiring.deleted, LINEAGE_WAIT):
        why = error.message if error is not None else "it is being written"
        return waiting(
            reasons.SEALING,
            f"the lineage of the run is written before the Experiment goes: {why}",
            retry_seconds=_LOOK_AGAIN_SECONDS,
        )
    if not ports.failures.is_failing(retiring.key, _UNWRITTEN):
        ports.failures.note(retiring.key, _UNWRITTEN)
        message = "the deletion goes on although the lineage of the run could not be written"
        ports.events.warning(obj, reasons.LINEAGE_UNDELIVERED, message, action="Deliver")
        log.warning("a deletion goes on whose lineage is not written", error=error)
    return None


def _outstanding(
    ports: Ports, obj: Mapping[str, Any], *, unsealed: bool = False
) -> tuple[LineageEvent, ...]:
    return outstanding(obj, ports.settings.lineage.namespace, unsealed=unsealed)


def _store_of(obj: Mapping[str, Any]) -> ObjectStore | None:
    """Return the store of the results as it was bound; None where that cannot be read."""
    text = (obj.get("status") or {}).get("platform")
    if not text:
        return None
    try:
        return read_platform(text).store
    except (ValidationError, ValueError, KeyError):
        return None


async def _write(
    ports: Ports,
    store: ObjectStore,
    obj: Mapping[str, Any],
    events: tuple[LineageEvent, ...],
    stop: Stop,
) -> Mapping[str, Any]:
    """Write events and their notes; return `status.lineage` as it is then."""
    bucket, uid = store.spec.artifacts.bucket, str(obj["metadata"]["uid"])
    before = [dict(entry) for entry in recorded_events(obj)]
    new = [{"type": event.type, "digest": event.digest} for event in events]
    seal = (obj.get("status") or {}).get("seal") or {}
    statement = str(seal.get("attestationVersion") or "")

    def write(stop: Stop) -> str:
        for event in events:
            write_lineage(connection, bucket, uid, event.body, stop)
        if not statement:
            return ""
        digests = [str(entry["digest"]) for entry in (*before, *new) if entry.get("digest")]
        return keep_as_long_as_the_seal(connection, bucket, uid, statement, digests, stop)

    try:
        async with ports.metrics.on_store("lineage"):
            connection = await open_store(ports, store)
            short = await connection.run_job(write, stop)
    except GloveboxError as error:
        note_refusal(ports, error)
        raise
    if short:
        log.warning("events of lineage are locked for less than their seal", why=short)
    for event in events:
        await leave_notes(ports, _about(obj, event, store.name, bucket))
        ports.lineage.events.labels(event.type).inc()
    recorded = (obj["status"].get("lineage") or {}).get("namespace")
    return {
        "namespace": recorded or ports.settings.lineage.namespace,
        "events": [*before, *new],
    }


def _about(
    obj: Mapping[str, Any], event: LineageEvent, store: str, bucket: str
) -> Mapping[str, str]:
    metadata = obj["metadata"]
    return {
        "team": str(metadata["namespace"]),
        "experiment": str(metadata["name"]),
        "uid": str(metadata["uid"]),
        "type": event.type,
        "time": event.time,
        "store": store,
        "bucket": bucket,
        "key": lineage_key(str(metadata["uid"]), event.digest),
        "digest": event.digest,
    }
