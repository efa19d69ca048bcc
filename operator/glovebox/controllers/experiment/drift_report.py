"""What becomes of drift: counted, told by an Event, recorded in the status with field and writer."""

from __future__ import annotations

import time
from typing import Any

import structlog

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.apply.applier import Applied, Drift
from glovebox.controllers.experiment.provision import Found
from glovebox.controllers.world import World
from glovebox.kube.resources import Key
from glovebox.status.draft import Draft, format_time

log = structlog.get_logger(__name__)
_RESULTS = {
    "repaired": "success",
    "removed": "success",
    "contended": "deferred",
    "alerted": "alerted",
}


def report_drift(world: World, obj: dict[str, Any], draft: Draft, found: Found) -> None:
    """Report what was not as declared in a namespace that had stood before."""
    drifted = [(one, one.drift) for one in found.applied if one.drift is not None]
    woken = world.woken.pop(Key.of(obj), None)
    repaired: list[Drift] = []
    for one, drift in drifted:
        kind = drift.key.kind
        world.metrics.drift_detected.labels(kind, drift.change).inc()
        world.metrics.drift_repairs.labels(kind, _RESULTS[one.outcome]).inc()
        if _RESULTS[one.outcome] != "success":
            continue
        repaired.append(drift)
        if woken is not None:
            world.metrics.drift_duration.labels(kind).observe(time.monotonic() - woken)
        world.events.warn(
            obj,
            reasons.DRIFT_REPAIRED,
            f"{describe(drift)}; it is as declared again",
            action="Repair",
        )
        log.info("drift repaired", what=describe(drift))
    outstanding = [(one, drift) for one, drift in drifted if _RESULTS[one.outcome] != "success"]
    world.drifting.pop(Key.of(obj), None)
    if outstanding:
        world.drifting[Key.of(obj)] = tuple(drift.key.kind for _, drift in outstanding)
    _record(world, obj, draft, repaired)
    _conclude(world, obj, draft, outstanding, repaired)


def _record(world: World, obj: dict[str, Any], draft: Draft, repaired: list[Drift]) -> None:
    if not repaired:
        return
    last = repaired[-1]
    before = (obj.get("status") or {}).get("drift") or {}
    record = {
        "kind": last.key.kind,
        "name": last.key.name,
        "change": last.change.capitalize(),
        "field": last.field,
        "manager": last.manager,
    }
    draft.set(
        drift={
            "repairs": before.get("repairs", 0) + len(repaired),
            "lastRepairTime": format_time(world.now()),
            "last": {name: value for name, value in record.items() if value},
        }
    )


def _conclude(
    world: World,
    obj: dict[str, Any],
    draft: Draft,
    open_: list[tuple[Applied, Drift]],
    repaired: list[Drift],
) -> None:
    if open_:
        one, drift = open_[0]
        fight = one.outcome == "contended"
        reason = reasons.WRITER_FIGHT if fight else reasons.DRIFT_DETECTED
        what = (
            "is changed back again and again; repairs pause in between"
            if fight
            else "the profile says to alert, not to repair"
        )
        message = f"{describe(drift)}; {what}"
        draft.yes(types.DRIFT_DETECTED, reason, message)
        world.events.warn(obj, reason, message, action="Compare")
        return
    if repaired:
        draft.no(
            types.DRIFT_DETECTED,
            reasons.DRIFT_REPAIRED,
            f"{describe(repaired[-1])}; repaired at {format_time(world.now())}",
        )
        return
    if draft.answer(types.DRIFT_DETECTED) != types.FALSE:
        draft.no(types.DRIFT_DETECTED, reasons.NO_DRIFT, "every object is as declared")


def describe(drift: Drift) -> str:
    """Return one drift in words."""
    where = f"{drift.key.kind} `{drift.key.name}`"
    by = f" by {drift.manager}" if drift.manager else ""
    match drift.change:
        case "deleted":
            return f"{where} was deleted"
        case "unexpected":
            return f"{where} was added{by}"
    return f"{where} was changed{by} (`{drift.field}`)"
