"""A DatasetPin: resolved once to exact object versions, read whole once, then checked by listing on an interval.

The manifest with every entry lies in the store, locked; the resource keeps roots, counts and where
the manifest is. What a check finds is told apart: changed, missing, hidden, extra, unreadable. A
hidden or extra object harms no read by version id, so the pin stays Ready and says it; anything
else makes it not Ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin, DatasetSource
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_connections import open_store
from glovebox.data.compare import Findings
from glovebox.errors import GloveboxError, InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.builder import StatusBuilder, counted, format_time
from glovebox.status.findings import FINDINGS, describe
from glovebox.status.outcome import done, of_error
from glovebox.status.summary import holds_back, summarise
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

KIND: Final = DATASET_PIN.kind
CONDITIONS: Final = (types.READY, types.VERIFIED, types.DRIFT_DETECTED)
_READY: Final = (reasons.VERIFIED, "every object was read and matches the manifest")


async def reconcile(ports: Ports, obj: Mapping[str, Any]) -> Look:
    """Build the pin, or check it when that is due."""
    if obj["metadata"].get("deletionTimestamp"):
        return Look(obj, None)
    metadata, now, key = obj["metadata"], ports.now(), Key.of(obj)
    builder = StatusBuilder(obj.get("status"), metadata.get("generation", 0), CONDITIONS, now)
    try:
        pin = DatasetPin.model_validate(obj)
        wait = _seconds_until_due(ports, pin)
        if wait > 0:
            return Look(obj, None, retry_seconds=wait)
        store = _store(ports, pin)
        connection = await open_store(ports, store)
        if pin.status.manifest is None:
            obj = await _announce(ports, obj)
            builder = StatusBuilder(
                obj.get("status"), metadata.get("generation", 0), CONDITIONS, now
            )
            await _build(ports, pin, builder, store, connection)
        else:
            await _check(ports, pin, builder, connection, pin.status.manifest.model_dump())
    except ValidationError as error:
        outcome = of_error(invalid_spec(error))
    except GloveboxError as error:
        result = "mismatch" if error.reason == reasons.DIGEST_MISMATCH else "error"
        ports.metrics.digest_checks.labels(KIND, result).inc()
        outcome = of_error(error)
    else:
        outcome = done()
    if outcome.is_failed:
        outcome = outcome.with_failure(*ports.failures.note(key, "pin"))
        if holds_back(obj, outcome, ports.settings.grace_seconds):
            return Look(obj, None, error=outcome.error)
    else:
        ports.failures.clear(key, "pin")
    if not outcome.is_done and not (obj.get("status") or {}).get("manifest"):
        builder.mark_false(types.VERIFIED, outcome.reason, outcome.message)
    elif outcome.is_failed:
        builder.mark_unknown(types.VERIFIED, reasons.CHECKS_FAILING, outcome.message)
    summarise(builder, outcome, (types.VERIFIED,), _READY)
    interval = 3600.0 if not outcome.is_done else pin.spec.verification.list_interval_seconds
    return Look(
        obj,
        builder.render(),
        retry_seconds=interval * (0.9 + ports.jitter() / 10) if outcome.is_done else None,
        error=outcome.error if outcome.is_failed else None,
    )


async def _build(
    ports: Ports, pin: DatasetPin, builder: StatusBuilder, store: ObjectStore, connection: Store
) -> None:
    lock_proven = store.status.condition(types.LOCK_PROVEN)
    async with ports.metrics.on_store("build_pin"):
        built = await build_pin(
            connection,
            source_of(pin.spec.source),
            artifacts_bucket=store.spec.artifacts.bucket,
            lock=ManifestLock() if lock_proven is not None and lock_proven.is_true else None,
            expected=pin.spec.digest,
        )
    moment = format_time(ports.now())
    ports.metrics.digest_checks.labels(KIND, "match").inc()
    ports.metrics.digest_bytes.labels(KIND).inc(built.roots.bytes)
    builder.set(**_recorded(built), verifiedTime=moment, listedTime=moment, findings=None)
    builder.mark_true(
        types.VERIFIED,
        reasons.VERIFIED,
        f"{counted(built.roots.objects, 'object')} with {counted(built.roots.bytes, 'byte')} read"
        " and hashed",
    )
    builder.mark_false(types.DRIFT_DETECTED, reasons.NO_DRIFT, "the store holds what is pinned")


async def _announce(ports: Ports, obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say that reading has begun, because it may take long; return the pin as it is then."""
    generation = obj["metadata"].get("generation", 0)
    interim = StatusBuilder(obj.get("status"), generation, CONDITIONS, ports.now())
    message = "every object is being read and hashed; this takes as long as the data is large"
    interim.mark_unknown(types.VERIFIED, reasons.VERIFYING, message)
    interim.mark_false(types.READY, reasons.VERIFYING, message)
    interim.mark_true(types.RECONCILING, reasons.VERIFYING, message)
    return await ports.writer.write_status(obj, interim.render())


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
    ports: Ports,
    pin: DatasetPin,
    builder: StatusBuilder,
    connection: Store,
    manifest: dict[str, Any],
) -> None:
    async with ports.metrics.on_store("verify_pin"):
        findings = await verify_pin(
            connection, source_of(pin.spec.source), ManifestLocation(**manifest)
        )
    builder.set(listedTime=format_time(ports.now()))
    ports.metrics.digest_checks.labels(KIND, _metric(findings)).inc()
    if findings.clean:
        builder.set(findings=None)
        builder.mark_true(
            types.VERIFIED,
            reasons.VERIFIED,
            f"{counted(pin.status.objects or 0, 'object')} in the store as pinned",
        )
        builder.mark_false(types.DRIFT_DETECTED, reasons.NO_DRIFT, "the store holds what is pinned")
        return
    reason, message = describe(findings)
    counts = {name: getattr(findings, name) for name, _ in FINDINGS}
    builder.set(findings={**counts, "samples": list(findings.samples)})
    builder.mark_true(types.DRIFT_DETECTED, reason, message)
    if findings.intact:
        builder.mark_true(
            types.VERIFIED,
            reasons.VERIFIED,
            f"all pinned versions are there; beside them: {message}",
        )
    else:
        builder.mark_false(types.VERIFIED, reason, message)


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


def _store(ports: Ports, pin: DatasetPin) -> ObjectStore:
    name = pin.spec.store_ref.name
    store = ports.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    if store is None:
        raise NotReady(
            reasons.STORE_NOT_FOUND, f"`spec.storeRef`: there is no ObjectStore '{name}'"
        )
    why = store.why_not_ready
    if why is not None:
        raise NotReady(reasons.STORE_NOT_READY, f"ObjectStore '{name}' is not proven yet: {why}")
    return store


def _seconds_until_due(ports: Ports, pin: DatasetPin) -> float:
    if pin.status.manifest is None or pin.status.listed_time is None:
        return 0.0
    due = pin.status.listed_time + timedelta(seconds=pin.spec.verification.list_interval_seconds)
    return (due - ports.now()).total_seconds()


def _metric(findings: Findings) -> str:
    if findings.missing:
        return "missing"
    if findings.changed:
        return "mismatch"
    return "unreadable" if findings.unreadable else "match"


def forget(ports: Ports, key: Key, uid: str) -> None:
    """Nothing is remembered of a pin; its manifest stays in the store."""
    del uid
    ports.failures.forget(key)
