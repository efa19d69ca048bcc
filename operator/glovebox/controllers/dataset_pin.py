"""A DatasetPin: resolved once to object versions, read whole once, then checked again.

Checks by listing are made here, others in `pin_proofs.py`. The work is done by tasks
(`tasks/pin.py`); a reconcile asks for them and records what they found, and never waits for data.
What the conditions say is decided in `status/dataset_pin.py`. The manifest with every entry lies in
the store, locked; the resource keeps roots, counts and where the manifest is.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.derived import DerivedFrom
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.access_log import look_at_reads
from glovebox.controllers.contract import look_at_contract
from glovebox.controllers.evolution import look_at_evolution
from glovebox.controllers.looking import Look, invalid_spec
from glovebox.controllers.manifest_holds import hold, why_retained
from glovebox.controllers.offered import nothing_superseded
from glovebox.controllers.part_pin import PartToPin, read_part, require_all_there
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_proofs import look_at_proofs
from glovebox.controllers.pin_sources import is_locked, ready_store, source_of
from glovebox.controllers.pin_users import users_of_content
from glovebox.controllers.ports import Ports
from glovebox.controllers.proof_demands import due_on_request, intervals_of, requests_of
from glovebox.controllers.provenance import assess_pin
from glovebox.controllers.sealed_pin import being_pinned, recorded_origin, seal_to_read
from glovebox.controllers.statistics import look_at_statistics
from glovebox.controllers.store_access import source_access
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.controllers.task_jobs import Bucket, job_for
from glovebox.data.compare import Findings
from glovebox.data.proof_levels import Level
from glovebox.engine.tasks import TaskContext, TaskKey, TaskState
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused
from glovebox.kube.kinds import DATASET_PIN, OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.status.dataset_pin import (
    PinFacts,
    compute_refused_status,
    compute_status,
    finding_counts,
)
from glovebox.status.pin_proofs import proofs_of, standing_findings
from glovebox.status.provenance import with_provenance
from glovebox.status.text import format_time
from glovebox.store.connection import Store
from glovebox.store.pins import (
    BuiltPin,
    ManifestLocation,
    ManifestLock,
    SealSource,
    Source,
)
from glovebox.store.source_access import SourceAccess
from glovebox.tasks.pin import HASH, VERIFY, PinRequest, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.questions import PinQuestion, VerifyQuestion

T = TypeVar("T")
KIND: Final = DATASET_PIN.kind
WORK_CLASS: Final = "data"
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
    look = look_at_evolution(ports, obj, pin, look)
    look = look_at_reads(ports, obj, pin, look)
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
        _drop_tasks(ports, pin)
        return Look(obj, _with_users(ports, pin, obj), retry_seconds=wait)
    try:
        store = ready_store(ports, pin)
        access = access or await source_access(ports, store, pin.namespace)
        access = access.reading(source)
        access.check_source(source)
        is_unpinned_part = pin.status.manifest is None and pin.spec.source.split is not None
        part = read_part(ports, pin, store) if is_unpinned_part else None
        is_unpinned = pin.status.manifest is None
        sealed = await seal_to_read(ports, pin, store) if is_unpinned else None
        connection = await open_store(ports, store)
    except GloveboxError as error:
        found = _blocked(ports, pin, error)
    else:
        ports.failures.clear(Key(KIND, pin.namespace, pin.name), _BLOCKED)
        lock = ManifestLock() if is_locked(store) else None
        place = _Place(store, connection)
        if part is not None:
            found = _build_part(ports, pin, source, access, part, place)
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
            found = _build(ports, pin, wanted, place)
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
            found = _check(ports, pin, request, place)
        if found.facts.built and lock is not None:
            # Before it is shown: from then on the manifest has a user.
            manifest_at = found.fields["manifest"]
            await hold(ports, connection, manifest_at["bucket"], obj, manifest_at["digest"])
            found.fields["whyRetained"] = _why_retained(ports, pin)
    status = compute_status(obj, found.facts, found.fields)
    if not found.has_result:
        return Look(obj, status, retry_seconds=found.retry_seconds)
    recorded = functools.partial(_drop_tasks, ports, pin)
    return Look(obj, status, retry_seconds=found.retry_seconds, after=recorded)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look at the work on a pin found.

    Attributes:
        facts: What the conditions are computed from.
        fields: What the status records beside them; None takes a field away.
        retry_seconds: When to look again; None when the task wakes us.
    """

    facts: PinFacts
    fields: dict[str, Any] = field(default_factory=dict)
    retry_seconds: float | None = None

    @property
    def has_result(self) -> bool:
        """Whether a task has ended with what is recorded now; one that goes on is kept."""
        return self.facts.built or self.facts.findings is not None


def _with_users(ports: Ports, pin: DatasetPin, obj: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the status with who uses the pin by now; None where it says so already."""
    status = obj.get("status") or {}
    said = status.get("whyRetained")
    wanted = _why_retained(ports, pin)
    return {**status, "whyRetained": wanted} if said and said != wanted else None


def _why_retained(ports: Ports, pin: DatasetPin) -> str:
    users = ports.resources.users_of(Key(KIND, pin.namespace, pin.name))
    return why_retained(users, ports.settings.hold_window_days)


def _drop_tasks(ports: Ports, pin: DatasetPin) -> None:
    """Drop what is recorded; until then, a task that is done answers again."""
    for name in (HASH, VERIFY):
        ports.tasks.drop(_key(pin, name))


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


@dataclass(frozen=True, slots=True)
class _Place:
    """The store of a pin: as it is declared, and open."""

    store: ObjectStore
    connection: Store

    def ensure(
        self,
        ports: Ports,
        pin: DatasetPin,
        name: str,
        request: PinRequest | VerifyRequest,
        question: PinQuestion | VerifyQuestion,
        work: Callable[[TaskContext], Awaitable[T]],
        operation: str,
        accept: Callable[[T], None] | None = None,
    ) -> TaskState[T]:
        """Have a task of a pin: as a Job of the question, or as work in the process.

        What `accept` raises of its result is how the attempt ended.
        """
        key = _key(pin, name)
        bucket = Bucket(self.store.spec.artifacts.bucket, is_locked(self.store))
        stores = [(self.store, self.connection)]
        job = job_for(ports, key, request, lambda: question, bucket, stores)

        async def start(context: TaskContext) -> T:
            async with ports.metrics.on_store(operation):
                with _counting_errors(ports):
                    result: T = await (job.start(context) if job else work(context))
                    if accept is not None:
                        accept(result)
                    return result

        return ports.tasks.ensure(
            key,
            request.basis,
            start,
            tenant=pin.namespace,
            work_class=WORK_CLASS,
            discard=job.discard if job else None,
        )


def _build(ports: Ports, pin: DatasetPin, request: PinRequest, place: _Place) -> _Found:
    """Have the pin hashed."""
    work = functools.partial(pin_dataset, request=request, now=ports.now)
    question = PinQuestion.of(request)
    state = place.ensure(ports, pin, HASH, request, question, work, "build_pin")
    built = state.result
    if built is None:
        # Before anything was read: the Experiment may go, and this be another process by then.
        bound = {"derived": being_pinned(request.sealed)} if request.sealed is not None else {}
        progress = pin_progress(ports, state)
        return _Found(_facts(ports, pin, state), {"progress": progress, **bound})
    moment = format_time(ports.now())
    ports.metrics.digest_checks.labels(KIND, "match").inc()
    roots, recalled = built.roots, bool(built.recalled)
    if not recalled:
        ports.metrics.digest_bytes.labels(KIND).inc(roots.bytes)
    return _Found(
        PinFacts(
            ports.now(),
            pinned=True,
            objects=roots.objects,
            bytes=roots.bytes,
            built=True,
            recalled=recalled,
            sealed=_sealed_by(built),
            remark=_remark(ports, pin),
        ),
        {
            **_recorded(built),
            "derived": recorded_origin(built.origin),
            "verifiedTime": built.recalled or moment,
            # What lies over or beside its versions by now is said by a check that follows at once.
            "listedTime": None if recalled else moment,
            "findings": None,
            "progress": None,
        },
        0.0 if recalled else float(pin.spec.verification.list_interval_seconds),
    )


def _sealed_by(built: BuiltPin) -> str:
    """Return of which seal the objects are, in words; empty of a pin that is of none."""
    origin = built.origin
    if origin is None:
        return ""
    return f"artifacts of Experiment '{origin.experiment}', by its seal"


def _build_part(
    ports: Ports,
    pin: DatasetPin,
    source: Source,
    access: SourceAccess,
    part: PartToPin,
    place: _Place,
) -> _Found:
    """Have the part of a split pinned, once every version of it is seen to be there."""
    built, store = part.built, place.connection
    request = VerifyRequest(
        store,
        source,
        built.manifest,
        built.roots.objects,
        built.roots.bytes,
        after=HASH,
        access=access,
        recorded_root=built.roots.pin,
    )
    state = place.ensure(
        ports,
        pin,
        VERIFY,
        request,
        VerifyQuestion.of(request),
        functools.partial(verify_dataset, request=request),
        "verify_pin",
        functools.partial(require_all_there, part),
    )
    if state.result is None:
        return _Found(_facts(ports, pin, state), {"progress": pin_progress(ports, state)})
    moment = format_time(ports.now())
    ports.metrics.digest_checks.labels(KIND, _metric(state.result)).inc()
    return _Found(
        PinFacts(
            ports.now(),
            pinned=True,
            objects=built.roots.objects,
            bytes=built.roots.bytes,
            built=True,
            part=f"part `{part.part.name}` of SplitPin '{part.part.split}'",
            remark=_remark(ports, pin),
        ),
        {
            **_recorded(built),
            "part": part.part.model_dump(by_alias=True, mode="json"),
            "verifiedTime": built.recalled or None,
            "listedTime": moment,
            "findings": finding_counts(state.result),
            "progress": None,
        },
        float(pin.spec.verification.list_interval_seconds),
    )


def _check(ports: Ports, pin: DatasetPin, request: VerifyRequest, place: _Place) -> _Found:
    """Have the pin compared with the store."""
    work = functools.partial(verify_dataset, request=request)
    question = VerifyQuestion.of(request)
    state = place.ensure(ports, pin, VERIFY, request, question, work, "verify_pin")
    findings = state.result
    if findings is None:
        return _Found(_facts(ports, pin, state), {"progress": pin_progress(ports, state)})
    ports.metrics.digest_checks.labels(KIND, _metric(findings)).inc()
    return _Found(
        PinFacts(
            ports.now(),
            pinned=True,
            objects=pin.status.objects or 0,
            findings=findings,
            proofs=standing_findings(proofs_of(pin)),
            remark=_remark(ports, pin),
        ),
        {
            "listedTime": format_time(ports.now()),
            "findings": finding_counts(findings),
            "progress": None,
        },
        float(pin.spec.verification.list_interval_seconds),
    )


def _remark(ports: Ports, pin: DatasetPin) -> str:
    older = pin.spec.supersedes
    return nothing_superseded(ports, DATASET_PIN, pin.namespace, older.name) if older else ""


def _blocked(ports: Ports, pin: DatasetPin, error: GloveboxError) -> _Found:
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
    return _Found(facts, retry_seconds=_LOOK_AGAIN_SECONDS if waiting else _TRY_AGAIN_SECONDS)


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


def _facts(ports: Ports, pin: DatasetPin, state: TaskState[Any]) -> PinFacts:
    if state.phase == "Failed":
        note_refusal(ports, state.error)
    pinned = pin.status.manifest is not None
    # Hashing takes hours: an attempt that reports is well. A check is over soon: what the last one
    # met stands until one has ended.
    reports = state.phase == "Running" and state.progress.phase != ""
    is_well = not pinned and reports
    return PinFacts(
        ports.now(),
        pinned=pinned,
        answered=_was_answered(pin) and not reports,
        error=None if is_well else state.error,
        failures=state.failures,
        failing_since=state.failing_since,
        grace=ports.grace,
    )


def _was_answered(pin: DatasetPin) -> bool:
    """Whether what an attempt met is recorded for this generation."""
    stalled = pin.status.condition(types.STALLED)
    trying = pin.status.condition(types.RECONCILING)
    met = stalled or (trying if trying and trying.reason != reasons.PENDING else None)
    return met is not None and met.observed_generation == pin.metadata.generation


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


def _key(pin: DatasetPin, name: str) -> TaskKey:
    return TaskKey(Key(KIND, pin.namespace, pin.name), pin.uid, name)


def _due_time(ports: Ports, pin: DatasetPin) -> datetime | None:
    if pin.status.manifest is None or pin.status.listed_time is None:
        return None
    due = pin.status.listed_time + intervals_of(ports, pin)[Level.LIST]
    return due_on_request(due, pin.status.listed_time, requests_of(pin).get(Level.LIST))


def _seconds_until_due(ports: Ports, pin: DatasetPin) -> float:
    due = _due_time(ports, pin)
    return 0.0 if due is None else (due - ports.now()).total_seconds()


@contextlib.contextmanager
def _counting_errors(ports: Ports) -> Iterator[None]:
    """Count a check that ends with an error."""
    try:
        yield
    except GloveboxError as error:
        result = "mismatch" if error.reason == reasons.DIGEST_MISMATCH else "error"
        ports.metrics.digest_checks.labels(KIND, result).inc()
        raise


def _metric(findings: Findings) -> str:
    if findings.missing:
        return "missing"
    if findings.changed:
        return "mismatch"
    return "unreadable" if findings.unreadable else "match"


def forget(ports: Ports, key: Key, uid: str) -> None:
    """End the work of a pin that is gone; its manifest stays in the store."""
    del uid
    ports.tasks.forget_owner(key)
    ports.failures.forget(key)
