"""An ObjectStore: trusted only after it was proven, and proven again on an interval.

A store that does not do what it says is worse than none, so the proofs are real attacks on a canary
(`store/probes.py`); what the conditions say of them is decided in `status/object_store.py`. While a
proof of before is still good, a store that merely does not answer stays Ready: what depends on it
fails by itself and says so.

Checks are dear, so one that failed, or that could not be made, rests for a while, whoever wakes the
store meanwhile; only another spec, or other keys in its Secret, are checked at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.api.store_ledger import StoreLedgerStatus
from glovebox.controllers.access_log import forget_log, look_at_log
from glovebox.controllers.bucket_retention import retention_of_new_bucket
from glovebox.controllers.ledger_anchors import AnchorsLook, forget_anchors, look_after_anchors
from glovebox.controllers.ledger_heads import LedgerLook, forget_ledger, look_after_ledger
from glovebox.controllers.ledger_keys import KeysTold, tell_of_keys, untold_keys
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.controllers.record_comparison import compare_records
from glovebox.controllers.signing_keys import KeyPlace, ensure_keys
from glovebox.controllers.store_connections import (
    are_keys_due,
    note_check,
    note_proven,
    note_refusal,
    notice_other_keys,
    open_store,
)
from glovebox.data.digest import digest_of
from glovebox.data.due import next_time
from glovebox.errors import Conflict, GloveboxError, InvalidInput, Unavailable
from glovebox.kube.kinds import ISOLATION_PROFILE, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.ledger_anchors import with_anchors, without_anchors
from glovebox.status.object_store import (
    StoreFacts,
    compute_status,
    is_usable,
    judge_store,
    keys_reason,
    with_entries,
    with_keys,
    with_ledger,
    with_records,
    without_ledger,
)
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.summary import holds_back
from glovebox.store.authorities import authorities_file
from glovebox.store.buckets import default_retention, ensure_bucket
from glovebox.store.lifecycle import read_archiving
from glovebox.store.probes import prove_store

KIND: Final = OBJECT_STORE.kind
# A check that failed is made again this often: somebody may have repaired the store.
_FAILED_RETRY_SECONDS: Final = 300.0
# A store that merely does not answer is asked again sooner, and growing later.
_UNANSWERED_RETRY_SECONDS: Final = (5.0, 15.0, 60.0)
# Nobody says that a Secret is back, or gone: it is read so often, whoever wakes the store.
_KEYS_SECONDS: Final = 60.0


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Check the store if it is new, was changed, or is due; look after keys, records and ledger."""
    look = await _with_keys(ports, obj, await _look(ports, obj))
    look = _with_ledger(ports, obj, await _with_records(ports, obj, look))
    return await look_at_log(ports, obj, look)


def _with_ledger(ports: Ports, obj: Mapping[str, Any], look: Look) -> Look:
    """Have the ledger signed when that is due, and say how that went."""
    status = look.status if look.status is not None else obj.get("status") or {}
    if not (obj.get("spec") or {}).get("ledger"):
        forget_ledger(ports, Key.of(obj), obj["metadata"]["uid"])
        conditions = status.get("conditions") or ()
        if not any(entry["type"] == types.LEDGER_WRITTEN for entry in conditions):
            return look
        return replace(look, status=without_anchors(without_ledger(status)))
    try:
        store = ObjectStore.model_validate({**obj, "status": status})
    except ValidationError:
        return look
    found, keys = LedgerLook(), KeysTold()
    usable = is_usable(store)
    if usable:
        found = look_after_ledger(ports, store)
        keys = tell_of_keys(ports, store, obj)
    before = obj.get("status") or {}
    # What cannot be told is said although the head was signed a moment ago.
    is_well = found.outcome is None or found.outcome.is_done
    outcome = keys.failure if keys.failure is not None and is_well else found.outcome
    told = with_ledger(obj, look.status, outcome, found.head, ports.grace, ports.now())
    if told is not None and keys.entries is not None:
        told = with_entries(told, keys.entries)
    retries = [each for each in (look.retry_seconds, found.retry_seconds) if each is not None]
    if told is not None:
        told, wait = _with_anchors(ports, store, obj, told, is_usable=usable)
        retries += [wait] if wait is not None else []
    if told is not None and untold_keys(ports, store, told) != untold_keys(ports, store, before):
        retries.append(0.0)  # only what is recorded is told
    if told == before and look.status is None:
        told = None
    return replace(look, status=told, retry_seconds=min(retries, default=None))


def _with_anchors(
    ports: Ports,
    store: ObjectStore,
    obj: Mapping[str, Any],
    status: dict[str, Any],
    *,
    is_usable: bool,
) -> tuple[dict[str, Any], float | None]:
    """Have others learn of the ledger's head; return what the status says, and when to look."""
    spec, told = store.spec.ledger, status.get("ledger")
    known = StoreLedgerStatus.model_validate(told).anchors if told else ()
    if spec is None or not (spec.witnesses or spec.timestamps):
        forget_anchors(ports, store.name, store.uid, known)
        return without_anchors(status), None
    look = look_after_anchors(ports, store, known) if is_usable else AnchorsLook(is_pending=True)
    found = with_anchors(
        obj,
        status,
        look.anchors if is_usable else None,
        look.failures,
        ports.grace,
        ports.now(),
        is_pending=look.is_pending,
    )
    return found, look.retry_seconds


async def _with_records(ports: Ports, obj: Mapping[str, Any], look: Look) -> Look:
    """Say what only the store or only the cluster knows, when that was just compared."""
    status = look.status if look.status is not None else obj.get("status") or {}
    try:
        store = ObjectStore.model_validate({**obj, "status": status})
    except ValidationError:
        return look
    if not is_usable(store):
        return look
    try:
        await compare_records(ports, store)
    except GloveboxError as error:
        note_refusal(ports, error)
        return look
    wait = max(ports.compared.get(store.uid, 0.0) - ports.clock(), 0.0)
    if wait:  # else a task is under way, which wakes us
        look = replace(look, retry_seconds=min(look.retry_seconds or wait, wait))
    found = ports.record_differences.get(store.uid)
    if found is None:
        return look
    only_cluster, only_store = found
    ports.metrics.only_store.labels(store.name).set(only_store)
    ports.metrics.only_cluster.labels(store.name).set(len(only_cluster))
    # With each look: new words wait for a while, and would be lost otherwise.
    told = with_records(status, only_cluster, only_store, ports.now())
    return replace(look, status=told) if told != status else look


async def _with_keys(ports: Ports, obj: Mapping[str, Any], look: Look) -> Look:
    """Have the signing keys published in a store that is Ready, and say how that went."""
    status = look.status if look.status is not None else obj.get("status") or {}
    try:
        store = ObjectStore.model_validate({**obj, "status": status})
    except ValidationError:
        return look
    if not is_usable(store):
        return look
    key, generation = Key.of(obj), store.metadata.generation
    seen, moment = ports.keys_seen.get(key, (None, -math.inf))
    rest = moment + _KEYS_SECONDS - ports.clock()
    if seen == generation and rest > 0:
        return _again_within(look, rest)  # whoever woke the store did not change the keys
    try:
        connection = await open_store(ports, store)
        locked = store.spec.artifacts.worm == "Required"
        await ensure_keys(ports, KeyPlace(connection, store.spec.artifacts.bucket, locked))
        keys = done()
    except Conflict:
        raise
    except GloveboxError as error:
        note_refusal(ports, error)
        keys = of_error(error)
    told = with_keys(status, keys, ports.now())
    reason = keys_reason(told)
    if not keys.is_done and not keys.is_failed and reason != keys_reason(obj.get("status")):
        _tell_unusable(ports, obj, keys)
    if told != status:
        look = replace(look, status=told)
    if keys.is_done:
        ports.keys_seen[key] = (generation, ports.clock())
    else:
        ports.keys_seen.pop(key, None)
    return _again_within(look, _KEYS_SECONDS)


def _again_within(look: Look, seconds: float) -> Look:
    wait = look.retry_seconds
    return replace(look, retry_seconds=seconds if wait is None else min(wait, seconds))


def _tell_unusable(ports: Ports, obj: Mapping[str, Any], keys: Outcome) -> None:
    for reason in (
        reasons.SIGNING_KEY_LOST,
        reasons.SIGNING_KEY_RETIRED,
        reasons.SIGNING_KEY_INVALID,
    ):
        if keys.reason == reason:
            ports.events.warning(obj, reason, keys.message, action="Publish")


async def _look(ports: Ports, obj: Mapping[str, Any]) -> Look:
    metadata = obj["metadata"]
    is_kept = names.FINALIZER_IN_USE in (metadata.get("finalizers") or ())
    if metadata.get("deletionTimestamp") and not is_kept:
        return Look(obj, None)
    key = Key.of(obj)
    try:
        store = ObjectStore.model_validate(obj)
    except ValidationError as error:
        return Look(obj, compute_status(obj, of_error(invalid_spec(error)), ports.now()))
    if await notice_other_keys(ports, store):
        ports.resting_checks.pop(key, None)
    until_due = _seconds_until_due(ports, store)
    wait = max(until_due, _seconds_of_rest(ports, store))
    if wait > 0:
        is_news = store.status.observed_generation != store.metadata.generation
        is_good = is_news and until_due > 0  # no check depends on the change
        status = compute_status(obj, done(), ports.now()) if is_good else None
        return Look(obj, status, retry_seconds=wait)
    facts: StoreFacts | None = None
    try:
        facts = await _check(ports, store)
    except GloveboxError as error:
        outcome = of_error(error)
    else:
        outcome = judge_store(store.spec, facts)
    if outcome.is_done:
        ports.failures.clear(key, "check")
        ports.resting_checks.pop(key, None)
        note_proven(ports, store)
        retry = float(store.spec.verify_interval_seconds)
    else:
        ports.store_credentials.clear()  # the next look reads the keys again
        outcome = outcome.with_failure(*ports.failures.note(key, "check"))
        retry = _retry(outcome)
        ports.resting_checks[key] = (store.metadata.generation, ports.clock() + retry)
        if holds_back(obj, outcome, ports.grace):
            ports.metrics.problem_counter(outcome.reason, OBJECT_STORE.kind.lower()).inc()
            return Look(obj, None, retry_seconds=retry)
    status = compute_status(
        obj, outcome, ports.now(), facts=facts, has_role=store.spec.sts is not None
    )
    return Look(obj, status, retry_seconds=retry)


def _retry(outcome: Outcome) -> float:
    if not outcome.is_failed:
        return _FAILED_RETRY_SECONDS
    tries = min(outcome.attempts, len(_UNANSWERED_RETRY_SECONDS)) - 1
    return _UNANSWERED_RETRY_SECONDS[max(tries, 0)]


async def _check(ports: Ports, store: ObjectStore) -> StoreFacts:
    spec = store.spec
    try:
        authorities_file(spec.tls.ca_bundle if spec.tls is not None else "")
    except Unavailable as error:
        # Whoever waits for the store waits on; the store itself has to be declared otherwise.
        raise InvalidInput(reasons.INVALID_SPEC, error.message) from error
    connection = await open_store(ports, store, fresh=True)
    note_check(ports, store, connection)
    await ensure_bucket(
        connection,
        spec.artifacts.bucket,
        create=spec.artifacts.create,
        lock_required=spec.artifacts.worm == "Required",
        retention=retention_of_new_bucket(
            spec.artifacts.retention, ports.resources.of_kind(ISOLATION_PROFILE)
        ),
    )
    found = await default_retention(connection, spec.artifacts.bucket)
    archiving = await read_archiving(connection, spec.artifacts.bucket)
    now = ports.now()
    role = spec.sts.role_arn if spec.sts is not None else None
    async with ports.metrics.on_store("prove"):
        proofs = await prove_store(connection, bucket=spec.artifacts.bucket, role_arn=role, now=now)
    retention = {"mode": found.mode.capitalize(), "days": found.days} if found is not None else None
    return StoreFacts(
        now,
        spec.artifacts.bucket,
        retention,
        proofs,
        _checked(store),
        archiving.rule,
        archiving.denied,
    )


def _checked(store: ObjectStore) -> str:
    """Return the digest of what the checks depend on: who may use the store is none of it."""
    spec = store.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name in ("access", "accessLog", "ledger", "verification", "verifyIntervalSeconds"):
        spec.pop(name, None)
    return digest_of(spec)


def _seconds_until_due(ports: Ports, store: ObjectStore) -> float:
    status = store.status
    if (
        status.verified_digest != _checked(store)
        or not is_usable(store)
        or status.last_verified_time is None
        or are_keys_due(ports, store)
    ):
        return 0.0
    interval, now = timedelta(seconds=store.spec.verify_interval_seconds), ports.now()
    return (next_time(status.last_verified_time, interval, now) - now).total_seconds()


def _seconds_of_rest(ports: Ports, store: ObjectStore) -> float:
    """Return for how long a check that failed is not made again, whoever asks for it."""
    generation, until = ports.resting_checks.get(Key(KIND, "", store.name), (None, 0.0))
    return until - ports.clock() if generation == store.metadata.generation else 0.0


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Drop what is remembered of a store that is gone."""
    forget_ledger(ports, key, uid)
    forget_log(ports, key)
    ports.metrics.forget_store(key.name)
    ports.compared.pop(uid, None)
    ports.record_differences.pop(uid, None)
    ports.tasks.forget_owner(key)
    ports.failures.forget(key)
    ports.resting_checks.pop(key, None)
    ports.checked_keys.pop(key, None)
    ports.keys_seen.pop(key, None)
