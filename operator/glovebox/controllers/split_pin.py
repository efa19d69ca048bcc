"""A SplitPin: a dataset is divided into parts once, and that is recorded.

The work is done by a task (`tasks/split.py`); a reconcile asks for it and records what it came to.
What is recorded stays: the parts have manifests of their own, and the pins of the parts
(`part_pin.py`) look after their objects.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.api.split_pin import SplitPin
from glovebox.api.split_pin_status import MAX_NESTED
from glovebox.controllers.asked_tasks import ensure_answer
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.pin_sources import is_locked, ready_dataset_pin, ready_store, source_of
from glovebox.controllers.pin_tasks import WORK_CLASS
from glovebox.controllers.ports import Ports
from glovebox.controllers.splits import Counted, counts_of, rule_of, split_digest, within
from glovebox.controllers.store_access import source_access
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.data.split_result import SplitFound
from glovebox.engine.tasks import TaskKey, TaskState
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.kinds import SPLIT_PIN
from glovebox.kube.resources import Key
from glovebox.status.outcome import Outcome, done, of_error, waiting
from glovebox.status.split_pin import SPLITTING, compute_status, ready_message, recorded_split
from glovebox.status.text import format_time
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation, ManifestLock
from glovebox.tasks.split import SPLIT, SplitRequest, split_dataset
from glovebox.tasks.split_question import SplitQuestion

KIND: Final = SPLIT_PIN.kind
_LOOK_AGAIN_SECONDS: Final = 60.0


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Have the dataset divided once; record what that came to."""
    if obj["metadata"].get("deletionTimestamp"):
        ports.tasks.forget(obj["metadata"]["uid"])
        return Look(obj, None)
    try:
        split = SplitPin.model_validate(obj)
    except ValidationError as error:
        outcome = of_error(invalid_spec(error))
        return Look(obj, compute_status(obj, outcome, {}, ports.now()))
    if split.status.parts:
        return _stands(ports, obj, split)
    try:
        outcome, fields = await _divide(ports, split)
    except GloveboxError as error:
        outcome, fields = of_error(error), {"progress": None}
    status = compute_status(obj, outcome, fields, ports.now())
    if outcome.is_done:
        return Look(obj, status, after=functools.partial(_made, ports, obj, split, outcome.message))
    state = ports.tasks.get(_key(split))
    if state is not None and state.result is None:
        return Look(obj, status)  # the task wakes us, also when it is to be tried again
    # Who refers to the store is woken by it, and a split does not: its pin does.
    retry = outcome.retry_seconds or _LOOK_AGAIN_SECONDS
    return Look(
        obj, status, retry_seconds=retry, error=outcome.error if outcome.is_failed else None
    )


def _made(ports: Ports, obj: Mapping[str, Any], split: SplitPin, message: str) -> None:
    """Drop the task, whose result is recorded, and tell of it."""
    state = ports.tasks.get(_key(split))
    if state is not None and state.result is not None:
        found, granularity = state.result, split.spec.granularity
        numbers = counts_of(split.spec, found.parts).values()
        ports.metrics.split.labels(granularity, "part").inc(sum(numbers))
        ports.metrics.split.labels(granularity, "none").inc(found.left_out)
    ports.tasks.drop(_key(split))
    ports.events.normal(obj, reasons.SPLIT_DONE, message, action="Split")


def _stands(ports: Ports, obj: Mapping[str, Any], split: SplitPin) -> Look:
    """Keep saying what was recorded: nothing of it changes any more."""
    ports.tasks.drop(_key(split))
    status = split.status
    message = _message(split, status.parts, status.left_out or 0)
    ready = status.condition(types.READY)
    said = ready is not None and ready.is_true and ready.reason == reasons.SPLIT_DONE
    if said and status.observed_generation == split.metadata.generation:
        return Look(obj, None)
    return Look(obj, compute_status(obj, done(message=message), {}, ports.now()))


async def _divide(ports: Ports, split: SplitPin) -> tuple[Outcome, dict[str, Any]]:
    """Have the dataset divided.

    Raises:
        NotReady: The pin or its store is missing, or not Ready.
        GloveboxError: The store cannot be opened, or nothing of it may be read.
    """
    name = split.spec.source.pin_ref.name
    pin = ready_dataset_pin(ports, split.namespace, name, "`spec.source.pinRef`")
    manifest = pin.status.manifest
    if manifest is None:
        raise NotReady(
            reasons.PIN_NOT_READY,
            f"`spec.source.pinRef`: DatasetPin '{pin.name}' names no manifest to divide",
        )
    if len(within(pin)) >= MAX_NESTED:
        raise InvalidInput(
            reasons.NESTED_TOO_DEEP,
            f"`spec.source.pinRef`: DatasetPin '{pin.name}' is the part of {MAX_NESTED} splits"
            " within each other, which is the most: split what it was made from into all parts at"
            " once",
        )
    store = ready_store(ports, pin)
    source = source_of(pin.spec.source)
    access = (await source_access(ports, store, split.namespace)).reading(source)
    access.check_source(source)
    digest = split_digest(split.spec, pin.status.digest)
    connection = await open_store(ports, store)
    request = SplitRequest(
        connection,
        source,
        ManifestLocation(**manifest.model_dump()),
        access,
        store.spec.artifacts.bucket,
        ManifestLock() if is_locked(store) else None,
        rule_of(split.spec),
        tuple(part.name for part in split.spec.parts),
        digest,
        split.namespace,
        pin.status.objects or 0,
    )
    state = _ensure(ports, split, store, connection, request)
    if state.result is None:
        return _going_on(ports, state)
    found = state.result
    # Objects were read by the pin, rows are new.
    is_new = split.spec.granularity == "Rows"
    verified = ports.now() if is_new else pin.status.verified_time
    fields = {
        **recorded_split(found),
        "digest": digest,
        "sourceDigest": pin.status.digest,
        "sourceUid": pin.uid,
        "storeRef": store.name,
        "verifiedTime": format_time(verified) if verified is not None else None,
        "within": [each.model_dump(by_alias=True, mode="json") for each in within(pin)] or None,
    }
    return done(message=_message(split, found.parts, found.left_out)), fields


def _message(split: SplitPin, parts: Iterable[Counted], left_out: int) -> str:
    what = "row" if split.spec.granularity == "Rows" else "object"
    return ready_message(counts_of(split.spec, parts), left_out, what)


def _going_on(ports: Ports, state: TaskState[SplitFound]) -> tuple[Outcome, dict[str, Any]]:
    """Return what is said of a task that has no result yet."""
    if state.phase == "Failed":
        note_refusal(ports, state.error)
    progress, reports = state.progress, state.phase == "Running" and state.progress.phase != ""
    if state.error is not None and not reports:
        return of_error(state.error), {"progress": None}
    fields: dict[str, Any] = {"progress": None}
    if reports:
        fields["progress"] = {
            "objects": progress.objects_done,
            "objectsTotal": progress.objects_total or 0,
            "bytesRead": progress.bytes_read,
            "updatedTime": format_time(ports.now()),
        }
    return waiting(reasons.SPLITTING, SPLITTING), fields


def _ensure(
    ports: Ports,
    split: SplitPin,
    store: ObjectStore,
    connection: Store,
    request: SplitRequest,
) -> TaskState[SplitFound]:
    return ensure_answer(
        ports,
        _key(split),
        request,
        ask=SplitQuestion.of,
        do=split_dataset,
        stores=[(store, connection)],
        operation="split",
        tenant=split.namespace,
        work_class=WORK_CLASS,
    )


def _key(split: SplitPin) -> TaskKey:
    return TaskKey(Key(KIND, split.namespace, split.name), split.uid, SPLIT)


def forget(ports: Ports, key: Key, uid: str) -> None:
    """End the work of a split that is gone; its parts stay in the store."""
    del uid
    ports.tasks.forget_owner(key)
    ports.failures.forget(key)
