"""A DatasetPin: resolved once to object versions, read whole once, then checked again.

Checks by listing are made here, others in `pin_proofs.py`. The work is done by tasks
(`tasks/pin.py`); a reconcile asks for them and records what they found, and never waits for data.
What the conditions say is decided in `status/dataset_pin.py`. The manifest with every entry lies in
the store, locked; the resource keeps roots, counts and where the manifest is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.derived import DerivedFrom
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.access_log import look_at_reads
from glovebox.controllers.contract import look_at_contract
from glovebox.controllers.data_hold import look_at_hold, require_hold
from glovebox.controllers.evolution import look_at_evolution
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.manifest_holds import hold, why_retained
from glovebox.controllers.part_pin import read_part
from glovebox.controllers.pin_proofs import look_at_proofs
from glovebox.controllers.pin_sources import is_locked, ready_store, source_of
from glovebox.controllers.pin_tasks import KIND, WORK_CLASS, PinPlace, drop_tasks
from glovebox.controllers.pin_users import users_of_content
from glovebox.controllers.pin_work import PinFound, build, build_part, check
from glovebox.controllers.ports import Ports
from glovebox.controllers.proof_demands import due_on_request, intervals_of, requests_of
from glovebox.controllers.provenance import assess_pin
from glovebox.controllers.retiring import look_at_end
from glovebox.controllers.sealed_pin import seal_to_read
from glovebox.controllers.statistics import look_at_statistics
from glovebox.controllers.store_access import source_access
from glovebox.controllers.store_connections import open_store
from glovebox.data.due import next_time
from glovebox.data.proof_levels import Level
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.dataset_pin import PinFacts, compute_refused_status, compute_status
from glovebox.status.provenance import with_provenance
from glovebox.status.text import format_time
from glovebox.store.pins import ManifestLocation, ManifestLock, SealSource, Source
from glovebox.store.source_access import SourceAccess
from glovebox.tasks.pin import PinRequest, VerifyRequest

# A store that is not ready wakes its pins when it is; this is for the grace time alone.
_LOOK_AGAIN_SECONDS: Final = 60.0
_TRY_AGAIN_SECONDS: Final = 5.0
_BLOCKED: Final = "blocked"
_UNKNOWN_AFTER: Final = timedelta(days=1)


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Have the pin built, or checked when that is due; record what was found."""
    metadata = obj["metadata"]
    held = names.FINALIZER_IN_USE in (metadata.get("finalizers") or ())
    if metadata.get("deletionTimestamp") and not held:
        ports.tasks.forget(metadata["uid"])
        return Look(obj, None)
    try:
        pin = DatasetPin.model_validate(obj)
        source = source_of(pin.spec.source)
    except (ValidationError, InvalidInput) as error:
        invalid = invalid_spec(error) if isinstance(error, ValidationError) else error
        return Look(obj, compute_refused_status(obj, invalid, ports.now()))
    look = await _look_at_data(ports, obj, pin, source)
    look = await look_at_proofs(ports, obj, pin, look, WORK_CLASS)
    look = await look_at_contract(ports, obj, pin, look, WORK_CLASS)
    look = await look_at_statistics(ports, obj, pin, look, WORK_CLASS)
    look = await look_at_hold(ports, obj, pin, look, WORK_CLASS)
    look = look_at_evolution(ports, obj, pin, look)
    look = look_at_reads(ports, obj, pin, look)
    look = look_at_end(ports, obj, pin, look)
    assessed = assess_pin(ports, _as_sealed(pin, look.status))
    status = with_provenance(obj, look.status, assessed, ports.now())
    return replace(look, status=_with_registry(ports, pin, obj, status))


def _as_sealed(pin: DatasetPin, found: Mapping[str, Any] | None) -> DatasetPin:
    """Return the pin with what its look came to know of its seal, before it is read again."""
    origin = (found or {}).get("derived")
    if origin is None:
        return pin
    derived = DerivedFrom.model_validate(origin)
    return pin.model_copy(update={"status": pin.status.model_copy(update={"derived": derived})})


def _with_registry(
    ports: Ports, pin: DatasetPin, obj: Mapping[str, Any], found: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Say who is bound to the content, by whatever pin; None where nothing is news."""
    status = found if found is not None else obj.get("status") or {}
    wanted = users_of_content(ports, pin.namespace, pin.status.digest)
    if status.get("usedBy") == wanted:
        return found
    kept = {name: value for name, value in status.items() if name != "usedBy"}
    return kept | ({"usedBy": wanted} if wanted is not None else {})


async def _look_at_data(
    ports: Ports, obj: Mapping[str, Any], pin: DatasetPin, source: Source
) -> Look:
    wait = _seconds_until_due(ports, pin)
    access = await _changed_access(ports, pin, source) if wait > 0 else None
    if wait > 0 and access is None:
        drop_tasks(ports, pin)
        return Look(obj, _with_users(ports, pin, obj), retry_seconds=wait)
    try:
        store = ready_store(ports, pin)
        access = access or await source_access(ports, store, pin.namespace)
        access = access.reading(source)
        access.check_source(source)
        is_unpinned_part = pin.status.manifest is None and pin.spec.source.split is not None
        part = read_part(ports, pin, store) if is_unpinned_part else None
        is_unpinned = pin.status.manifest is None
        if is_unpinned and pin.spec.hold is not None:
            await require_hold(ports, store, pin, source)
        sealed = await seal_to_read(ports, pin, store) if is_unpinned else None
        connection = await open_store(ports, store)
    except GloveboxError as error:
        found = _blocked(ports, pin, error)
    else:
        ports.failures.clear(Key(KIND, pin.namespace, pin.name), _BLOCKED)
        lock = ManifestLock() if is_locked(store) else None
        place = PinPlace(store, connection)
        if part is not None:
            found = build_part(ports, pin, source, access, part, place)
        elif pin.status.manifest is None:
            wanted = PinRequest(
                uid=pin.uid,
                store=connection,
                source=replace(source, uid=sealed.uid)
                if sealed is not None and isinstance(source, SealSource)
                else source,
                artifacts_bucket=store.spec.artifacts.bucket,
                lock=lock,
                expected=pin.spec.digest,
                access=access,
                owner=f"{pin.namespace}/{pin.name}",
                sealed=sealed,
            )
            found = build(ports, pin, wanted, place)
        else:
            manifest = ManifestLocation(**pin.status.manifest.model_dump())
            listed = pin.status.listed_time
            request = VerifyRequest(
                connection,
                source,
                manifest,
                pin.status.objects,
                pin.status.bytes,
                after=format_time(listed) if listed is not None else "",
                access=access,
            )
            found = check(ports, pin, request, place)
        if found.facts.built and lock is not None:
            # Before it is shown: from then on the manifest has a user.
            manifest_at = found.fields["manifest"]
            await hold(ports, connection, manifest_at["bucket"], obj, manifest_at["digest"])
            found.fields["whyRetained"] = _why_retained(ports, pin)
    status = compute_status(obj, found.facts, found.fields)
    if not found.has_result:
        return Look(obj, status, retry_seconds=found.retry_seconds)
    recorded = functools.partial(drop_tasks, ports, pin)
    return Look(obj, status, retry_seconds=found.retry_seconds, after=recorded)


def _with_users(ports: Ports, pin: DatasetPin, obj: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the status with who uses the pin by now; None where it says so already."""
    status = obj.get("status") or {}
    said = status.get("whyRetained")
    wanted = _why_retained(ports, pin)
    return {**status, "whyRetained": wanted} if said and said != wanted else None


def _why_retained(ports: Ports, pin: DatasetPin) -> str:
    users = ports.resources.users_of(Key(KIND, pin.namespace, pin.name))
    hold = pin.status.hold
    held = hold is not None and hold.state == "Held"
    return why_retained(users, ports.settings.hold_window_days, held=held)


async def _changed_access(ports: Ports, pin: DatasetPin, source: Source) -> SourceAccess | None:
    """Return what is granted, where that was given or withdrawn since the pin was looked at."""
    try:
        store = ports.resources.parsed(
            Key(OBJECT_STORE.kind, "", pin.spec.store_ref.name), ObjectStore
        )
        if store is None:
            return None
        access = await source_access(ports, store, pin.namespace)
    except (ValidationError, GloveboxError):
        return None  # nothing is known about it; the next check that is due asks again
    ready = pin.status.condition(types.READY)
    was_refused = ready is not None and ready.reason == reasons.NOT_GRANTED
    try:
        access.check_source(source)
    except Refused:
        return None if was_refused else access
    return access if was_refused else None


def _blocked(ports: Ports, pin: DatasetPin, error: GloveboxError) -> PinFound:
    """Report what keeps the work from beginning: no store, not ready, or without credentials."""
    facts = PinFacts(
        ports.now(),
        pinned=pin.status.manifest is not None,
        error=error,
        # Whoever waits for a store tries nothing: the grace time alone counts.
        failures=ports.grace.attempts,
        failing_since=_blocked_since(ports, pin),
        grace=ports.grace,
    )
    # Never raised: an API server that does not answer says nothing about the data either.
    waiting = isinstance(error, NotReady | InvalidInput)
    return PinFound(facts, retry_seconds=_LOOK_AGAIN_SECONDS if waiting else _TRY_AGAIN_SECONDS)


def _blocked_since(ports: Ports, pin: DatasetPin) -> datetime | None:
    """Return since when a check that is due cannot begin: from its first try on.

    An operator that was down has tried nothing. What it has not got to for a day is not known any
    more, however often it is started.
    """
    due = _due_time(ports, pin)
    if due is None:
        return None
    seconds, _ = ports.failures.note(Key(KIND, pin.namespace, pin.name), _BLOCKED)
    first = ports.now() - timedelta(seconds=seconds)
    return due if first > due + _UNKNOWN_AFTER else max(due, first)


def _due_time(ports: Ports, pin: DatasetPin) -> datetime | None:
    if pin.status.manifest is None or pin.status.listed_time is None:
        return None
    last = pin.status.listed_time
    due = next_time(last, intervals_of(ports, pin)[Level.LIST], ports.now())
    return due_on_request(due, last, requests_of(pin).get(Level.LIST))


def _seconds_until_due(ports: Ports, pin: DatasetPin) -> float:
    due = _due_time(ports, pin)
    return 0.0 if due is None else (due - ports.now()).total_seconds()


def forget(ports: Ports, key: Key, uid: str) -> None:
    """End the work of a pin that is gone; its manifest stays in the store."""
    del uid
    ports.tasks.forget_owner(key)
    ports.failures.forget(key)
