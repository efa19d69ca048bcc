"""What a reconcile reports beside the status: Events, metrics, and a log line for what is news."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.controllers.ports import Ports
from glovebox.desired.drift import Applied, Drift, describe_held
from glovebox.kube.kinds import POD
from glovebox.kube.resources import Key
from glovebox.ledger.entry import Kind
from glovebox.status.broken_inputs import broken_of, describe_broken
from glovebox.status.experiment_facts import RunFacts, SealFacts
from glovebox.status.experiment_work import plain
from glovebox.status.kstatus import condition_of
from glovebox.status.ledger import newly_recorded
from glovebox.traces import WHOLE, tell_life

log = structlog.get_logger(__name__)
_RESULTS: Final = {
    "repaired": "success",
    "removed": "success",
    "contended": "deferred",
    "held": "deferred",
    "alerted": "alerted",
}

_OUTSTANDING: Final = {
    "contended": reasons.WRITER_FIGHT,
    "held": reasons.DELETION_BLOCKED,
}


def report(
    ports: Ports,
    key: Key,
    obj: Mapping[str, Any],
    status: Mapping[str, Any],
    outcomes: Outcomes,
    *,
    ledger: bool = False,
) -> None:
    """Report what one look did, after its status was written.

    Args:
        ports: The outside world.
        key: Of the Experiment.
        obj: As it was looked at.
        status: As it was written.
        outcomes: Of the phases.
        ledger: Whether steps are reported only when the ledger tells of them.
    """
    _report_drift(ports, key, obj, [one for each in outcomes.values() for one in each.applied])
    before = obj.get("status") or {}
    if status.get("provisioned") and not before.get("provisioned"):
        made = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
        ports.metrics.time_to_ready.observe((ports.now() - made).total_seconds())
        ports.events.normal(
            obj,
            reasons.PROVISIONED,
            f"namespace `{status.get('namespace')}` is provisioned",
            action="Provision",
        )
    run = outcomes.facts("run", RunFacts)
    _count_run(ports, before.get("run") or {}, status.get("run") or {})
    seal = outcomes.facts("seal", SealFacts)
    if ledger:
        kinds = newly_recorded(before, status)
        _report_steps(ports, obj, status, kinds, status.get("run") or {})
    else:
        ended = run is not None and run.ended and run.run is not None
        kinds = frozenset(
            kind
            for kind, is_news in (
                (Kind.RUN_STARTED, run is not None and run.started),
                (Kind.RUN_ENDED, ended),
                (Kind.SEALED, seal is not None and seal.record is not None),
            )
            if is_news
        )
        said = plain(run.run) if run is not None and run.run is not None else {}
        _report_steps(ports, obj, status, kinds, said)
    _trace(obj, before, status, run)
    _report_references(ports, obj, before, status)
    _report_broken(ports, obj, before, status)


def _trace(
    obj: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    seen: RunFacts | None,
) -> None:
    """Send the spans of what this look recorded, into the trace of the Experiment."""
    shown, made = {**obj, "status": after}, obj["metadata"]["creationTimestamp"]
    if after.get("provisioned") and not before.get("provisioned"):
        tell_life(shown, "provision", made, after["provisioned"]["time"])
    run, seal = after.get("run") or {}, after.get("seal") or {}
    ended = run.get("completionTime")
    if ended and not (before.get("run") or {}).get("completionTime"):
        facts = {"outcome": run.get("outcome"), "reason": run.get("reason")}
        counted = {"exit.code": run.get("exitCode"), "attempts": run.get("attempts")}
        known = {f"glovebox.run.{k}": v for k, v in (facts | counted).items() if v is not None}
        tell_life(shown, "run", run.get("startTime"), ended, known)
        for each in seen.deliveries if seen is not None else ():
            code = {"glovebox.delivery.exit.code": each.exit_code}
            tell_life(shown, "deliver", each.began, each.ended, {"k8s.pod.name": each.name, **code})
    if seal and not before.get("seal"):
        size = {"glovebox.seal.objects": seal["objects"], "glovebox.seal.bytes": seal["bytes"]}
        tell_life(shown, "seal", ended or seal["sealedTime"], seal["sealedTime"], size)
        tell_life(shown, WHOLE, made, seal["sealedTime"])


def _report_broken(
    ports: Ports, obj: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    known = {each.name for each in broken_of(before)}
    for each in broken_of(after):
        if each.name not in known:
            message = f"{each.action}: {describe_broken((each,))}"
            ports.events.warning(obj, reasons.INPUT_BROKEN, message[:1024], action="Compare")


def _report_steps(
    ports: Ports,
    obj: Mapping[str, Any],
    status: Mapping[str, Any],
    kinds: frozenset[str],
    run: Mapping[str, Any],
) -> None:
    if Kind.RUN_STARTED in kinds:
        kind = "JobSet" if run.get("stages") else "Job"
        message = f"the run's {kind} was created"
        ports.events.normal(obj, reasons.RUN_STARTED, message, action="Run")
    if Kind.RUN_ENDED in kinds:
        succeeded = run.get("outcome") == "Succeeded"
        tell = ports.events.normal if succeeded else ports.events.warning
        tell(obj, str(run.get("reason", "")), str(run.get("message", "")), action="Run")
    if Kind.SEALED in kinds:
        message = _message_of(status, types.SEALED)
        ports.events.normal(obj, reasons.SEALED, message, action="Seal")


def _count_run(ports: Ports, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Count what was recorded just now, however many looks it took to record it."""
    if after and not before:
        ports.metrics.runs.labels("started").inc()
    if after.get("completionTime") and not before.get("completionTime"):
        ports.metrics.runs.labels(str(after["outcome"]).lower()).inc()


# What is bound goes on as it was; that it changed outside is news all the same.
_NEWS: Final = {
    reasons.PROFILE_CHANGED: types.PLATFORM_CHANGED,
    reasons.PROFILE_DELETED: types.PLATFORM_CHANGED,
    reasons.STORE_CHANGED: types.PLATFORM_CHANGED,
    reasons.STORE_DELETED: types.PLATFORM_CHANGED,
    reasons.PIN_DELETED: types.INPUTS_VERIFIED,
    reasons.OBJECTS_CHANGED: types.INPUTS_VERIFIED,
    reasons.OBJECTS_MISSING: types.INPUTS_VERIFIED,
    reasons.OBJECTS_UNREADABLE: types.INPUTS_VERIFIED,
    reasons.EXPIRED: types.INPUTS_VERIFIED,
    reasons.GRANT_REVOKED: types.INPUTS_GRANTED,
    reasons.GRANT_EXPIRED: types.INPUTS_GRANTED,
}
_EDITS: Final = frozenset({reasons.PROFILE_CHANGED, reasons.STORE_CHANGED})


def _report_references(
    ports: Ports, obj: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    for condition in (types.PLATFORM_CHANGED, types.INPUTS_VERIFIED, types.INPUTS_GRANTED):
        now, was = condition_of(after, condition), condition_of(before, condition)
        if now is None or _NEWS.get(now["reason"]) != condition:
            continue
        if was is not None and was["reason"] == now["reason"]:
            continue
        post = ports.events.normal if now["reason"] in _EDITS else ports.events.warning
        post(obj, now["reason"], now["message"], action="Compare")


def _report_drift(ports: Ports, key: Key, obj: Mapping[str, Any], applied: list[Applied]) -> None:
    drifted = [
        (one, one.drift) for one in applied if one.drift is not None and one.result in _RESULTS
    ]
    outstanding: list[tuple[Applied, Drift]] = []
    for one, drift in drifted:
        kind, result = drift.key.kind, _RESULTS[one.result]
        ports.metrics.drift_detected.labels(kind, drift.change).inc()
        ports.metrics.drift_repairs.labels(kind, result).inc()
        if result != "success":
            outstanding.append((one, drift))
            continue
        if one.noticed is not None:
            ports.metrics.drift_duration.labels(kind).observe(ports.clock() - one.noticed)
        if kind == POD.kind:
            continue  # told when it was asked to end (`intruders`)
        message = f"{drift.describe()}; {drift.undone}"
        ports.events.warning(obj, reasons.DRIFT_REPAIRED, message, action="Repair")
        log.info("drift repaired", what=drift.describe())
    ports.drifting.pop(key, None)
    if outstanding:
        ports.drifting[key] = tuple(drift.key.kind for _, drift in outstanding)
        one, drift = outstanding[0]
        reason = _OUTSTANDING.get(one.result, reasons.DRIFT_DETECTED)
        message = describe_held(one.key, one.held_by) if one.held_by else drift.describe()
        ports.events.warning(obj, reason, message, action="Compare")


def _message_of(status: Mapping[str, Any], condition: str) -> str:
    entries = status.get("conditions") or ()
    return next((str(entry["message"]) for entry in entries if entry["type"] == condition), "")
