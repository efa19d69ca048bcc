"""What the work on a DatasetPin has come to: built from its source, or checked by listing.

Each function asks for a task and returns what is known of it now; none waits for data, and none
writes a condition.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.controllers.offered import nothing_superseded
from glovebox.controllers.part_pin import PartToPin, require_all_there
from glovebox.controllers.pin_progress import pin_progress
from glovebox.controllers.pin_tasks import KIND, PinPlace
from glovebox.controllers.ports import Ports
from glovebox.controllers.sealed_pin import being_pinned, recorded_origin
from glovebox.controllers.store_connections import note_refusal
from glovebox.data.compare import Findings
from glovebox.engine.tasks import TaskState
from glovebox.kube.kinds import DATASET_PIN
from glovebox.status.dataset_pin import PinFacts, finding_counts
from glovebox.status.pin_proofs import proofs_of, standing_findings
from glovebox.status.text import format_time
from glovebox.store.pins import BuiltPin, Source
from glovebox.store.source_access import SourceAccess
from glovebox.tasks.pin import HASH, VERIFY, PinRequest, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.questions import PinQuestion, VerifyQuestion


@dataclass(frozen=True, slots=True)
class PinFound:
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


def build(ports: Ports, pin: DatasetPin, request: PinRequest, place: PinPlace) -> PinFound:
    """Have the pin hashed."""
    work = functools.partial(pin_dataset, request=request, now=ports.now)
    question = PinQuestion.of(request)
    state = place.ensure(ports, pin, HASH, request, question, work, "build_pin")
    built = state.result
    if built is None:
        # Before anything was read: the Experiment may go, and this be another process by then.
        bound = {"derived": being_pinned(request.sealed)} if request.sealed is not None else {}
        progress = pin_progress(ports, state)
        return PinFound(_facts(ports, pin, state), {"progress": progress, **bound})
    moment = format_time(ports.now())
    ports.metrics.digest_checks.labels(KIND, "match").inc()
    roots, recalled = built.roots, bool(built.recalled)
    if not recalled:
        ports.metrics.digest_bytes.labels(KIND).inc(roots.bytes)
    return PinFound(
        PinFacts(
            ports.now(),
            pinned=True,
            objects=roots.objects,
            bytes=roots.bytes,
            built=True,
            recalled=recalled,
            sealed=_sealed_by(built),
            folder_markers=built.folder_markers or 0,
            remark=_remark(ports, pin),
        ),
        {
            **_recorded(built),
            "derived": recorded_origin(built.origin),
            "folderMarkers": built.folder_markers or None,
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


def build_part(
    ports: Ports,
    pin: DatasetPin,
    source: Source,
    access: SourceAccess,
    part: PartToPin,
    place: PinPlace,
) -> PinFound:
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
        return PinFound(_facts(ports, pin, state), {"progress": pin_progress(ports, state)})
    moment = format_time(ports.now())
    ports.metrics.digest_checks.labels(KIND, _metric(state.result)).inc()
    return PinFound(
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


def check(ports: Ports, pin: DatasetPin, request: VerifyRequest, place: PinPlace) -> PinFound:
    """Have the pin compared with the store."""
    work = functools.partial(verify_dataset, request=request)
    question = VerifyQuestion.of(request)
    state = place.ensure(ports, pin, VERIFY, request, question, work, "verify_pin")
    findings = state.result
    if findings is None:
        return PinFound(_facts(ports, pin, state), {"progress": pin_progress(ports, state)})
    ports.metrics.digest_checks.labels(KIND, _metric(findings)).inc()
    return PinFound(
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


def _metric(findings: Findings) -> str:
    if findings.missing:
        return "missing"
    if findings.changed:
        return "mismatch"
    return "unreadable" if findings.unreadable else "match"
