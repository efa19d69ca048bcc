"""A DatasetPin: resolved once to exact object versions, read whole once, then checked by listing on an interval.

The manifest with every entry lies in the store, locked; the resource keeps roots, counts and where
the manifest is. What a check finds is told apart: changed, missing, hidden, extra, unreadable. A
hidden or extra object harms no read by version id, so the pin stays Ready and says it; anything
else makes it not Ready.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin, DatasetSource
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.store_connections import open_store
from glovebox.controllers.world import DONE, Result, World
from glovebox.data.compare import Findings
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft, counted, format_time
from glovebox.store.connection import Store
from glovebox.store.pins import (
    BuiltPin,
    ManifestLocation,
    ManifestLock,
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PrefixSource,
    build_pin,
    verify_pin,
)

KIND = DATASET_PIN.kind
LASTING = (types.READY, types.VERIFIED, types.DRIFT_DETECTED)
REQUIRED = (types.VERIFIED,)
READY = (reasons.VERIFIED, "every object was read and matches the manifest")
# Which finding is named first, and the word for it.
_FINDINGS = (
    ("missing", reasons.OBJECTS_MISSING),
    ("changed", reasons.OBJECTS_CHANGED),
    ("unreadable", reasons.OBJECTS_UNREADABLE),
    ("hidden", reasons.OBJECTS_HIDDEN),
    ("extra", reasons.OBJECTS_EXTRA),
)


async def arrange(world: World, obj: dict[str, Any], draft: Draft) -> Result:
    """Build the pin, or check it when that is due."""
    pin = DatasetPin.model_validate(obj)
    if pin.is_deleting:
        return DONE
    wait = _seconds_until_due(world, pin)
    if wait > 0:
        return Result(retry_seconds=wait)
    try:
        store = _store(world, pin)
        connection = await open_store(world, store)
        if pin.status.manifest is None:
            await _build(world, pin, obj, draft, store, connection)
        else:
            await _check(world, pin, draft, connection, pin.status.manifest.model_dump())
    except GloveboxError as error:
        world.metrics.digest_checks.labels(
            KIND, "mismatch" if error.reason == reasons.DIGEST_MISMATCH else "error"
        ).inc()
        if pin.status.manifest is None:
            draft.no(types.VERIFIED, error.reason, error.message)
        raise
    interval = pin.spec.verification.list_interval_seconds
    return Result(retry_seconds=interval * random.uniform(0.9, 1.0))  # noqa: S311 - jitter


async def _build(
    world: World,
    pin: DatasetPin,
    obj: dict[str, Any],
    draft: Draft,
    store: ObjectStore,
    connection: Store,
) -> None:
    await _announce(world, obj, draft)
    lock_proven = store.status.condition(types.LOCK_PROVEN)
    async with world.metrics.on_store("build_pin"):
        built = await build_pin(
            connection,
            source_of(pin.spec.source),
            artifacts_bucket=store.spec.artifacts.bucket,
            lock=ManifestLock() if lock_proven is not None and lock_proven.is_true else None,
            expected=pin.spec.digest,
        )
    moment = format_time(world.now())
    world.metrics.digest_checks.labels(KIND, "match").inc()
    world.metrics.digest_bytes.labels(KIND).inc(built.roots.bytes)
    draft.set(**_recorded(built), verifiedTime=moment, listedTime=moment, findings=None)
    draft.yes(
        types.VERIFIED,
        reasons.VERIFIED,
        f"{counted(built.roots.objects, 'object')} with {counted(built.roots.bytes, 'byte')} read"
        " and hashed",
    )
    draft.no(types.DRIFT_DETECTED, reasons.NO_DRIFT, "the store holds what is pinned")


async def _announce(world: World, obj: dict[str, Any], draft: Draft) -> None:
    """Say that reading has begun, because it may take long."""
    interim = Draft(obj, LASTING, world.now())
    message = "every object is being read and hashed; this takes as long as the data is large"
    interim.unknown(types.VERIFIED, reasons.VERIFYING, message)
    interim.no(types.READY, reasons.VERIFYING, message)
    interim.yes(types.RECONCILING, reasons.VERIFYING, message)
    draft.replaces = await world.write_status(
        world.resources.get(Key.of(obj)) or obj, interim.render(REQUIRED, READY)
    )


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


async def _check(
    world: World, pin: DatasetPin, draft: Draft, connection: Store, manifest: dict[str, Any]
) -> None:
    async with world.metrics.on_store("verify_pin"):
        findings = await verify_pin(
            connection, source_of(pin.spec.source), ManifestLocation(**manifest)
        )
    draft.set(listedTime=format_time(world.now()))
    world.metrics.digest_checks.labels(KIND, _metric(findings)).inc()
    if findings.clean:
        draft.set(findings=None)
        draft.yes(
            types.VERIFIED,
            reasons.VERIFIED,
            f"{counted(pin.status.objects or 0, 'object')} in the store as pinned",
        )
        draft.no(types.DRIFT_DETECTED, reasons.NO_DRIFT, "the store holds what is pinned")
        return
    reason, message = describe(findings)
    counts = {name: getattr(findings, name) for name, _ in _FINDINGS}
    draft.set(findings={**counts, "samples": list(findings.samples)})
    draft.yes(types.DRIFT_DETECTED, reason, message)
    if findings.intact:
        draft.yes(
            types.VERIFIED,
            reasons.VERIFIED,
            f"all pinned versions are there; beside them: {message}",
        )
    else:
        draft.no(types.VERIFIED, reason, message)


def describe(findings: Findings) -> tuple[str, str]:
    """Return the reason word of the gravest finding, and all findings in words."""
    found = [
        (name, reason, getattr(findings, name))
        for name, reason in _FINDINGS
        if getattr(findings, name)
    ]
    counts = ", ".join(f"{count} {name}" for name, _, count in found)
    samples = ", ".join(findings.samples[:3])
    return found[0][1], f"{counts} (for example {samples})" if samples else counts


def source_of(source: DatasetSource) -> PrefixSource | ManifestSource | ObjectsSource:
    """Return the source as the store room knows it."""
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


def _seconds_until_due(world: World, pin: DatasetPin) -> float:
    if pin.status.manifest is None or pin.status.listed_time is None:
        return 0.0
    due = pin.status.listed_time + timedelta(seconds=pin.spec.verification.list_interval_seconds)
    return (due - world.now()).total_seconds()


def _metric(findings: Findings) -> str:
    if findings.missing:
        return "missing"
    if findings.changed:
        return "mismatch"
    return "unreadable" if findings.unreadable else "match"


def forget(world: World, key: Key) -> None:
    """Nothing is remembered of a pin; its manifest stays in the store."""
    del world, key
