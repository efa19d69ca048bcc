"""A DatasetPin: resolved once to exact object versions, read whole once, then checked by listing on an interval.

The work is done by tasks (`tasks/pin.py`); a reconcile asks for them and records what they found,
and never waits for data. What the conditions say is decided in `status/dataset_pin.py`. The
manifest with every entry lies in the store, locked; the resource keeps roots, counts and where the
manifest is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin, DatasetSource
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.world import DONE, Result, World
from glovebox.data.compare import Findings
from glovebox.engine.tasks import TaskContext, TaskKey, TaskState
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.dataset_pin import (
    READY,
    PinFacts,
    compute_conditions,
    describe,
    finding_counts,
)
from glovebox.status.draft import Draft, format_time
from glovebox.store.connection import Store
from glovebox.store.pins import (
    BuiltPin,
    Fence,
    ManifestLocation,
    ManifestLock,
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PrefixSource,
)
from glovebox.tasks.pin import HASH, VERIFY, PinRequest, VerifyRequest, pin_dataset, verify_dataset

__all__ = ["KIND", "LASTING", "READY", "REQUIRED", "arrange", "describe", "forget", "source_of"]

KIND = DATASET_PIN.kind
LASTING = (types.READY, types.VERIFIED, types.DRIFT_DETECTED)
REQUIRED = (types.VERIFIED,)
WORK_CLASS = "data"
# A store that is not ready wakes its pins when it is; this is for the grace time alone.
_LOOK_AGAIN_SECONDS = 60.0
_TRY_AGAIN_SECONDS = 5.0


async def arrange(world: World, obj: dict[str, Any], draft: Draft) -> Result:
    """Have the pin built, or checked when that is due; record what was found."""
    pin = DatasetPin.model_validate(obj)
    if pin.is_deleting:
        world.tasks.forget(pin.uid)
        return DONE
    wait = _seconds_until_due(world, pin)
    if wait > 0:
        return Result(retry_seconds=wait)
    try:
        store = _store(world, pin)
        connection = await open_store(world, store)
    except GloveboxError as error:
        return _blocked(world, pin, draft, error)
    if pin.status.manifest is None:
        return _build(world, pin, draft, store, connection)
    return _check(world, pin, draft, connection, pin.status.manifest.model_dump())


def _build(
    world: World, pin: DatasetPin, draft: Draft, store: ObjectStore, connection: Store
) -> Result:
    lock_proven = store.status.condition(types.LOCK_PROVEN)
    request = PinRequest(
        uid=pin.uid,
        store=connection,
        source=source_of(pin.spec.source),
        artifacts_bucket=store.spec.artifacts.bucket,
        lock=ManifestLock() if lock_proven is not None and lock_proven.is_true else None,
        expected=pin.spec.digest,
        fence=_fence(world, pin, store),
    )

    async def start(context: TaskContext) -> BuiltPin:
        async with world.metrics.on_store("build_pin"):
            with _counting_errors(world):
                return await pin_dataset(context, request)

    state = world.tasks.ensure(
        _key(pin, HASH), request.basis, start, tenant=pin.namespace, work_class=WORK_CLASS
    )
    built = state.result
    if built is None:
        _say(draft, _facts(world, pin, state))
        draft.set(progress=_progress(world, state))
        return DONE  # woken by the task
    moment = format_time(world.now())
    world.metrics.digest_checks.labels(KIND, "match").inc()
    world.metrics.digest_bytes.labels(KIND).inc(built.roots.bytes)
    draft.set(
        **_recorded(built), verifiedTime=moment, listedTime=moment, findings=None, progress=None
    )
    _say(
        draft,
        PinFacts(
            world.now(),
            pinned=True,
            objects=built.roots.objects,
            bytes=built.roots.bytes,
            built=True,
        ),
    )
    return Result(retry_seconds=pin.spec.verification.list_interval_seconds)


def _check(
    world: World, pin: DatasetPin, draft: Draft, connection: Store, manifest: dict[str, Any]
) -> Result:
    world.tasks.drop(_key(pin, HASH))  # recorded
    request = VerifyRequest(
        store=connection,
        source=source_of(pin.spec.source),
        manifest=ManifestLocation(**manifest),
        objects=pin.status.objects,
        bytes=pin.status.bytes,
    )

    async def start(context: TaskContext) -> Findings:
        async with world.metrics.on_store("verify_pin"):
            with _counting_errors(world):
                return await verify_dataset(context, request)

    key = _key(pin, VERIFY)
    state = world.tasks.ensure(
        key, manifest["version_id"], start, tenant=pin.namespace, work_class=WORK_CLASS
    )
    findings = state.result
    if findings is None:
        _say(draft, _facts(world, pin, state))
        draft.set(progress=_progress(world, state))
        return DONE  # woken by the task
    # Recorded now, or looked for again: a listing is cheap.
    world.tasks.drop(key)
    world.metrics.digest_checks.labels(KIND, _metric(findings)).inc()
    draft.set(listedTime=format_time(world.now()), findings=finding_counts(findings), progress=None)
    facts = PinFacts(world.now(), pinned=True, objects=pin.status.objects or 0, findings=findings)
    _say(draft, facts)
    return Result(retry_seconds=pin.spec.verification.list_interval_seconds)


def _blocked(world: World, pin: DatasetPin, draft: Draft, error: GloveboxError) -> Result:
    """Say what keeps the work from beginning: a store that is missing, not ready, or without credentials."""
    since = _due_time(pin)
    facts = PinFacts(
        world.now(),
        pinned=pin.status.manifest is not None,
        error=error,
        # Whoever waits for a store tries nothing: the grace time alone counts.
        failures=1 << 30,
        failing_since=since,
    )
    _say(draft, facts)
    # Never raised: an API server that does not answer says nothing about the data either.
    waiting = isinstance(error, NotReady | InvalidInput)
    return Result(retry_seconds=_LOOK_AGAIN_SECONDS if waiting else _TRY_AGAIN_SECONDS)


def _facts(world: World, pin: DatasetPin, state: TaskState[Any]) -> PinFacts:
    # An attempt that reports is well; until then what the last one met still stands.
    is_well = state.phase == "Running" and state.progress.phase != ""
    return PinFacts(
        world.now(),
        pinned=pin.status.manifest is not None,
        error=None if is_well else state.error,
        failures=state.failures,
        failing_since=state.failing_since,
    )


def _say(draft: Draft, facts: PinFacts) -> None:
    for verdict in compute_conditions(facts):
        draft.say(verdict.type, verdict.status, verdict.reason, verdict.message)


def _progress(world: World, state: TaskState[Any]) -> dict[str, Any] | None:
    """Return `status.progress`, or None before the first report."""
    progress = state.progress
    if state.phase != "Running" or not progress.phase:
        return None
    found = {
        "phase": progress.phase,
        "objects": progress.objects_done,
        "objectsTotal": progress.objects_total,
        "bytes": progress.bytes_done,
        "bytesTotal": progress.bytes_total,
        "bytesPerSecond": round(progress.rate_bytes),
        "updatedTime": format_time(world.now()),
    }
    return {name: value for name, value in found.items() if value is not None}


def _recorded(built: BuiltPin) -> dict[str, Any]:
    manifest = built.manifest
    return {
        "digest": built.roots.content,
        "pinDigest": built.roots.pin,
        "objects": built.roots.objects,
        "bytes": built.roots.bytes,
        "shards": built.roots.shards,
        "manifest": {
            "bucket": manifest.bucket,
            "key": manifest.key,
            "versionId": manifest.version_id,
            "digest": manifest.digest,
            "bytes": manifest.bytes,
        },
    }


def source_of(source: DatasetSource) -> PrefixSource | ManifestSource | ObjectsSource:
    """Return the source as the store package knows it."""
    if source.prefix is not None:
        return PrefixSource(source.prefix.bucket, source.prefix.prefix)
    if source.manifest is not None:
        return ManifestSource(
            source.manifest.bucket, source.manifest.key, source.manifest.version_id
        )
    if source.objects:
        return ObjectsSource(
            tuple(
                ObjectRef(entry.bucket, entry.key, entry.version_id, entry.path)
                for entry in source.objects
            )
        )
    raise InvalidInput(
        reasons.INVALID_SPEC,
        "`spec.source` must have exactly one of `prefix`, `manifest` and `objects`",
    )


def _fence(world: World, pin: DatasetPin, store: ObjectStore) -> Fence:
    """Return what the pin must not cover: other teams' artifacts, wherever that store keeps any."""
    others = (other.get("spec") or {} for other in world.resources.of_kind(OBJECT_STORE))
    buckets = {
        str(spec["artifacts"]["bucket"])
        for spec in others
        if spec.get("endpoint") == store.spec.endpoint and "bucket" in (spec.get("artifacts") or {})
    }
    return Fence(frozenset(buckets | {store.spec.artifacts.bucket}), f"{pin.namespace}/")


def _store(world: World, pin: DatasetPin) -> ObjectStore:
    name = pin.spec.store_ref.name
    store = world.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    if store is None:
        raise NotReady(
            reasons.STORE_NOT_FOUND, f"`spec.storeRef`: there is no ObjectStore '{name}'"
        )
    why = store.why_not_ready
    if why is not None:
        raise NotReady(reasons.STORE_NOT_READY, f"ObjectStore '{name}' is not proven yet: {why}")
    return store


def _key(pin: DatasetPin, name: str) -> TaskKey:
    return TaskKey(Key(KIND, pin.namespace, pin.name), pin.uid, name)


def _due_time(pin: DatasetPin) -> datetime | None:
    if pin.status.manifest is None or pin.status.listed_time is None:
        return None
    return pin.status.listed_time + timedelta(seconds=pin.spec.verification.list_interval_seconds)


def _seconds_until_due(world: World, pin: DatasetPin) -> float:
    due = _due_time(pin)
    return 0.0 if due is None else (due - world.now()).total_seconds()


@contextlib.contextmanager
def _counting_errors(world: World) -> Iterator[None]:
    """Count a check that ends with an error."""
    try:
        yield
    except GloveboxError as error:
        result = "mismatch" if error.reason == reasons.DIGEST_MISMATCH else "error"
        world.metrics.digest_checks.labels(KIND, result).inc()
        raise


def _metric(findings: Findings) -> str:
    if findings.missing:
        return "missing"
    if findings.changed:
        return "mismatch"
    return "unreadable" if findings.unreadable else "match"


def forget(world: World, key: Key) -> None:
    """End the work of a pin that is gone; its manifest stays in the store."""
    world.tasks.forget_owner(key)
