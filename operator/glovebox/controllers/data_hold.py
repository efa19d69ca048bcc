"""The legal holds on the versions of a DatasetPin that asks for them.

The work is done by a task (`tasks/hold.py`). What it came to is recorded, and compared with the
record in the store behind each check by listing: a cluster that was restored may believe in a hold
that was let go since. A few of the holds are looked at with it. Letting go is no matter of a pin,
which is gone by then: `manifest_holds.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.dataset_pin_status import PinHold
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.asked_tasks import ensure_answer
from glovebox.controllers.looking import Look, earlier, seconds_after
from glovebox.controllers.manifest_holds import user_of
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_sources import is_locked, ready_store, source_of
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_access import hold_access
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.engine.tasks import TaskKey, TaskState
from glovebox.errors import GloveboxError, Refused
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.resources import Key
from glovebox.status.data_hold import HoldFacts, message_of, recorded_hold, with_hold
from glovebox.store.holding import Held, no_leave, require_leave
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import SourceAccess, named_by
from glovebox.store.sources import Source
from glovebox.tasks.hold import HOLD, HoldRequest, hold_dataset
from glovebox.tasks.hold_question import HoldQuestion


async def require_hold(
    ports: Ports, store: ObjectStore, pin: DatasetPin, source: Source
) -> SourceAccess:
    """Return where versions may be held for a pin, before any request is made about them.

    Raises:
        Refused: `HoldNotGranted`.
        GloveboxError: The namespace's labels could not be read.
    """
    access, is_any = await hold_access(ports, store, pin.namespace)
    if not is_any:
        raise Refused(reasons.HOLD_NOT_GRANTED, no_leave(access, "on anything"))
    if not is_locked(store):
        raise Refused(
            reasons.HOLD_NOT_GRANTED,
            f"`spec.hold`: the bucket of artifacts of ObjectStore '{store.name}' was not seen to"
            " lock what is written, and the record of holds has to be kept there; use a store with"
            " `spec.artifacts.worm: Required`, or create the pin without `spec.hold`",
        )
    for bucket, key in named_by(source):
        require_leave(access, bucket, key)
    return access.reading(source)


async def look_at_hold(
    ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, look: Look, work_class: str
) -> Look:
    """Have the versions held where that is asked for; return the look with what is known of it.

    Args:
        ports: The outside world.
        obj: The pin.
        pin: The same, parsed.
        look: What was found of its data.
        work_class: Whose places the work takes.
    """
    if pin.spec.hold is None:
        return look
    if pin.status.manifest is None:
        is_read = bool((look.status or {}).get("manifest"))
        said = _said(ports, obj, look, HoldFacts(is_early=not is_read))
        return replace(said, retry_seconds=0.0) if is_read else said
    known = pin.status.hold
    held = known if known is not None and known.state == "Held" else None
    if held is not None and not _is_due(pin, held):
        ports.tasks.drop(_key(pin))
        said = _said(ports, obj, look, HoldFacts(recorded=held))
        # What is recorded of a listing wakes nobody.
        return replace(said, retry_seconds=0.0) if _is_listed_since(look, held) else said
    try:
        state = await _ensure(ports, pin, held, work_class)
    except GloveboxError as error:
        facts, wait = _meanwhile(held, error, None), seconds_after(error)
        return replace(
            _said(ports, obj, look, facts), retry_seconds=earlier(look.retry_seconds, wait)
        )
    if state.result is not None:
        found = state.result
        recorded = recorded_hold(found.objects, found.others, found.time, ports.now())
        after = functools.partial(
            _recorded, ports, obj, pin, look, recorded, known, found.taken_off
        )
        return replace(_said(ports, obj, look, HoldFacts(recorded=recorded)), after=after)
    if state.phase == "Failed":
        note_refusal(ports, state.error)
    progress = pin_progress(ports, state)
    facts = _meanwhile(held, None if progress is not None else state.error, progress)
    return _said(ports, obj, look, facts)


def _meanwhile(
    held: PinHold | None, error: GloveboxError | None, progress: dict[str, Any] | None
) -> HoldFacts:
    """Return what is known while the record is looked at again.

    What was held is held, but for what says otherwise: it was let go, or is being held again.
    """
    is_lost = progress is not None or (error is not None and error.reason == reasons.HOLD_RELEASING)
    if held is not None and not is_lost:
        return HoldFacts(recorded=held)
    return HoldFacts(error=error, progress=progress)


def _is_due(pin: DatasetPin, held: PinHold) -> bool:
    listed, checked = pin.status.listed_time, held.checked_time
    return checked is None or (listed is not None and listed > checked)


def _is_listed_since(look: Look, held: PinHold) -> bool:
    listed, checked = str((look.status or {}).get("listedTime") or ""), held.checked_time
    return bool(listed) and checked is not None and datetime.fromisoformat(listed) > checked


async def _ensure(
    ports: Ports, pin: DatasetPin, held: PinHold | None, work_class: str
) -> TaskState[Held]:
    manifest = pin.status.manifest
    assert manifest is not None  # noqa: S101 - looked at by the caller
    store, source = ready_store(ports, pin), source_of(pin.spec.source)
    access = await require_hold(ports, store, pin, source)
    connection = await open_store(ports, store)
    holder, words = await user_of(ports, pin.uid, pin.namespace, pin.name)
    request = HoldRequest(
        connection,
        ManifestLocation(**manifest.model_dump()),
        holder,
        words,
        access.needed(source),
        access,
        pin.status.objects,
        after=held.checked_time.isoformat() if held is not None and held.checked_time else "",
    )
    return ensure_answer(
        ports,
        _key(pin),
        request,
        ask=HoldQuestion.of,
        do=functools.partial(hold_dataset, now=ports.now),
        stores=[(store, connection)],
        operation="hold_pin",
        tenant=pin.namespace,
        work_class=work_class,
    )


def _said(ports: Ports, obj: Mapping[str, Any], look: Look, facts: HoldFacts) -> Look:
    return replace(look, status=with_hold(obj, look.status, facts, ports.now()))


def _recorded(
    ports: Ports,
    obj: Mapping[str, Any],
    pin: DatasetPin,
    look: Look,
    recorded: PinHold,
    known: PinHold | None,
    taken_off: int,
) -> None:
    """Drop the task, whose result is recorded, and report what is news."""
    look.after()
    ports.tasks.drop(_key(pin))
    if known is None or known.state != "Held" or known.held_time != recorded.held_time:
        ports.events.normal(obj, reasons.HELD, message_of(recorded), action="Hold")
    if taken_off:
        ports.events.warning(
            obj,
            reasons.HOLD_TAKEN_OFF,
            f"somebody took the legal hold off {taken_off} of the versions that were checked; all"
            " are held again: find out who may set legal holds in that bucket",
            action="Hold",
        )


def _key(pin: DatasetPin) -> TaskKey:
    return TaskKey(Key(DATASET_PIN.kind, pin.namespace, pin.name), pin.uid, HOLD)
