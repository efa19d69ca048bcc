"""An AccessGrant: what it grants is resolved once; its uses are read from the store's records.

The grant itself lets nobody in: phase `resolve` of an Experiment asks whether one covers its input,
and phase `uses` takes a use, in the store. Here is said how often that was done, and the ledger is
told that something was granted, revoked, or has expired. A finalizer holds a grant that is deleted
until the ledger tells of it, for an hour at most; it counts as withdrawn from the first moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.controllers.experiment.uses import shown_use
from glovebox.controllers.grant_ledger import PENDING, tell_of_grant
from glovebox.controllers.grant_records import (
    forget_uses,
    known_uses,
    note_uses,
    open_records,
    store_of_records,
)
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.patience import deadline
from glovebox.controllers.pin_sources import source_of, why_at_home
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_access import source_access
from glovebox.desired.grants import grant_digest, not_lending
from glovebox.errors import Conflict, GloveboxError, NotReady, Refused
from glovebox.kube.kinds import ACCESS_GRANT, DATASET_PIN, FEATURE_SET_PIN
from glovebox.kube.resources import Key
from glovebox.ledger.entry import Kind
from glovebox.ledger.grant_events import untold
from glovebox.status.access_grant import (
    Granting,
    compute_leaving_status,
    compute_status,
    why_ended,
)
from glovebox.status.kstatus import condition_of
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.references import Pin
from glovebox.status.summary import holds_back
from glovebox.status.text import held_by
from glovebox.store.connection import Stop
from glovebox.store.grant_uses import UseRecord, read_uses, uses_folder

KIND: Final = ACCESS_GRANT.kind
log = structlog.get_logger(__name__)
# Whoever takes a use wakes the grant; this is for uses that another cluster took.
_LOOK_AGAIN_SECONDS: Final = 3600.0
# Nobody says that a store lends by now.
_RETRY_SECONDS: Final = 60.0
_LEDGER_WAIT: Final = timedelta(hours=1)
_UNTOLD: Final = "untold"


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Resolve what is granted, count its uses, and have it written into the ledger."""
    metadata = obj["metadata"]
    if metadata.get("deletionTimestamp"):
        return await _let_go(ports, obj)
    unmarked: Outcome | None = None
    if names.FINALIZER not in (metadata.get("finalizers") or ()):
        finalizers = [*(metadata.get("finalizers") or ()), names.FINALIZER]
        try:
            obj = await ports.writer.write_finalizers(obj, finalizers)
        except Conflict:
            raise
        except GloveboxError as error:
            # Without it the ledger might never tell of its end.
            unmarked = replace(of_error(error), message=_why_unmarked(error))
    try:
        grant = AccessGrant.model_validate(obj)
    except ValidationError as error:
        return Look(obj, compute_status(obj, None, of_error(invalid_spec(error)), ports.now()))
    outcome = unmarked if unmarked is not None else await _look(ports, grant)
    key = Key.of(obj)
    if outcome.is_failed:
        outcome = outcome.with_failure(*ports.failures.note(key, "records"))
        if holds_back(obj, outcome, ports.grace) and why_ended(grant, ports.now()) is None:
            return Look(obj, None, error=outcome.error)
    else:
        ports.failures.clear(key, "records")
    return _with_ledger(ports, obj, grant, outcome)


async def _look(ports: Ports, grant: AccessGrant) -> Outcome:
    facts: Granting | None = None
    try:
        facts = _resolved(ports, grant)
        await _require_lending(ports, grant, facts)
        facts = replace(facts, uses=await _uses(ports, grant, facts))
    except GloveboxError as error:
        return of_error(error, facts=facts)
    return done(facts)


def _resolved(ports: Ports, grant: AccessGrant) -> Granting:
    """Return what is granted; what was recorded once counts, whatever the pin is by now."""
    spec, status = grant.spec, grant.status
    digest = grant_digest(spec)
    if status.content_root and status.store_ref:
        return Granting(digest, status.content_root, status.store_ref)
    if spec.content_root is not None and spec.store_ref is not None:
        return Granting(digest, spec.content_root, spec.store_ref.name)
    what, pin = _named(ports, grant)
    if pin is None:
        raise NotReady(reasons.PIN_NOT_FOUND, f"{what} is not in this namespace, or not valid")
    if pin.is_deleting:
        message = f"{what} is being deleted, and nothing new may use it"
        raise NotReady(reasons.PIN_NOT_READY, message)
    why = pin.why_not_ready
    if why is not None or not pin.status.digest:
        raise NotReady(reasons.PIN_NOT_READY, f"{what} is not ready: {why}")
    if isinstance(pin, DatasetPin):
        return Granting(digest, pin.status.digest, pin.spec.store_ref.name)
    store = spec.store_ref.name if spec.store_ref is not None else ""
    return Granting(digest, pin.status.digest, store)


def _named(ports: Ports, grant: AccessGrant) -> tuple[str, Pin | None]:
    """Return in words what pin a grant names, and the pin; None where it cannot be read."""
    spec = grant.spec
    if spec.feature_set_ref is not None:
        name = spec.feature_set_ref.name
        what = f"`spec.featureSetRef`: FeatureSetPin '{name}'"
        key = Key(FEATURE_SET_PIN.kind, grant.namespace, name)
    else:
        name = spec.pin_ref.name if spec.pin_ref is not None else ""
        what = f"`spec.pinRef`: DatasetPin '{name}'"
        key = Key(DATASET_PIN.kind, grant.namespace, name)
    try:
        if key.kind == FEATURE_SET_PIN.kind:
            return what, ports.resources.parsed(key, FeatureSetPin)
        return what, ports.resources.parsed(key, DatasetPin)
    except ValidationError:
        return what, None


async def _require_lending(ports: Ports, grant: AccessGrant, facts: Granting) -> None:
    """Accept that the platform lets this namespace lend what the pin names.

    The lines of a manifest are looked at when credentials are issued. Definitions lie in no bucket:
    who may lend anything may lend them. Nothing is lent at home.

    Raises:
        Refused: `StoreNotLending`.
        NotReady: The store is not there.
        GloveboxError: The namespace's labels cannot be read.
    """
    if set(grant.spec.namespaces) == {grant.namespace}:
        return
    what, pin = _named(ports, grant)
    store = store_of_records(ports, facts.store_ref)
    access = await source_access(ports, store, grant.namespace, lends=True)
    if not isinstance(pin, DatasetPin):
        if not access.locations:
            raise not_lending(store.name, grant.namespace)
        return
    home = why_at_home(pin.spec.source)
    if home:
        raise Refused(
            reasons.STORE_NOT_LENDING,
            f"{what} is {home} used in its own"
            f" namespace alone: leave only '{grant.namespace}' in `spec.namespaces`",
        )
    try:
        access.check_source(source_of(pin.spec.source))
    except Refused:
        raise not_lending(store.name, grant.namespace) from None


async def _uses(ports: Ports, grant: AccessGrant, facts: Granting) -> tuple[Any, ...]:
    folder = uses_folder(f"{grant.namespace}/{grant.name}", facts.content_root)
    connection, bucket = await open_records(ports, facts.store_ref)
    known = known_uses(ports, folder)

    def read(stop: Stop) -> dict[int, UseRecord]:
        return read_uses(connection, bucket, folder, known, stop)

    async with ports.metrics.on_store("read_uses"):
        found = await connection.run_job(read)
    note_uses(ports, folder, found.values())
    return tuple(shown_use(each) for each in found.values())


def _with_ledger(
    ports: Ports, obj: Mapping[str, Any], grant: AccessGrant, outcome: Outcome
) -> Look:
    """Have the ledger told; that something is granted is reported when the ledger tells of it."""
    before = obj.get("status") or {}
    facts = outcome.facts
    store = facts.store_ref if isinstance(facts, Granting) else str(before.get("storeRef") or "")
    told = tell_of_grant(ports, obj, store)
    entries = [*((before.get("ledger") or {}).get("entries") or ()), *told.entries]
    is_told = not told.is_on or any(entry["kind"] == Kind.GRANTED for entry in entries)
    # What was reported when no ledger was written is not taken back.
    held = None if is_told or _was_ready(before) else told.outcome or PENDING
    status = compute_status(obj, grant, outcome, ports.now(), held)
    if told.entries:
        status["ledger"] = {"entries": [dict(entry) for entry in entries]}
    retries = [_next_look(grant, outcome, ports.now())]
    if told.is_on and {each.id for each in untold({**obj, "status": status})} - told.asked:
        retries.append(0.0)  # only what is recorded is told
    if told.outcome is not None and told.outcome.retry_seconds is not None:
        retries.append(told.outcome.retry_seconds)
    error = outcome.error if outcome.is_failed else None
    return Look(obj, status, retry_seconds=min(retries), error=error)


def _was_ready(status: Mapping[str, Any]) -> bool:
    ready = condition_of(status, types.READY)
    return ready is not None and ready["status"] == types.TRUE


def _next_look(grant: AccessGrant, outcome: Outcome, now: datetime) -> float:
    wait = _LOOK_AGAIN_SECONDS if outcome.is_done else _RETRY_SECONDS
    left = (grant.spec.expire_time - now).total_seconds()
    return min(wait, left) if left > 0 else wait


async def _let_go(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Let a deleted grant go once the ledger has its entry, or was tried for long enough."""
    finalizers = list(obj["metadata"].get("finalizers") or ())
    if names.FINALIZER not in finalizers:
        return Look(obj, _held_status(ports, obj, finalizers))
    key = Key.of(obj)
    told = tell_of_grant(ports, obj, str((obj.get("status") or {}).get("storeRef") or ""))
    if told.outcome is not None:
        since = datetime.fromisoformat(obj["metadata"]["deletionTimestamp"])
        if ports.now() <= deadline(ports, key, _UNTOLD, since, _LEDGER_WAIT):
            why = (
                f"it goes once its entry is in the ledger, or after an hour: {told.outcome.message}"
            )
            status = compute_leaving_status(obj, told.outcome.reason, why, ports.now())
            return Look(obj, status, retry_seconds=_RETRY_SECONDS)
        message = f"the grant goes although its end is not in the ledger: {told.outcome.message}"
        ports.events.warning(obj, reasons.DELETED_UNRECORDED, message, action="Record")
        log.warning("a grant goes without an entry in the ledger", why=told.outcome.message)
    finalizers.remove(names.FINALIZER)
    try:
        await ports.writer.write_finalizers(obj, finalizers)
    except Conflict:
        raise
    except GloveboxError as error:
        status = compute_leaving_status(obj, error.reason, _why_unmarked(error), ports.now())
        return Look(obj, status, error=error)
    ports.failures.clear(key, _UNTOLD)
    return Look(obj, None)


def _held_status(
    ports: Ports, obj: Mapping[str, Any], finalizers: list[str]
) -> dict[str, Any] | None:
    """Return the status of a grant that only others hold; None where nobody does."""
    if not finalizers:
        return None
    return compute_leaving_status(obj, reasons.DELETION_BLOCKED, held_by(finalizers), ports.now())


def _why_unmarked(error: GloveboxError) -> str:
    return (
        f"finalizer `{names.FINALIZER}` could not be changed: {error.message}; exempt the operator"
        " from the policy, or give it the right, that the refusal names"
    )


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of a grant that is gone."""
    del uid
    ports.tasks.forget_owner(key)
    ports.failures.forget(key)
    forget_uses(ports, f"{key.namespace}/{key.name}")
