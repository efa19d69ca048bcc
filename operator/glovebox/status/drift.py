"""The condition DriftDetected and the record of repairs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.desired.drift import Applied, describe_held
from glovebox.status.builder import StatusBuilder
from glovebox.status.text import format_time

# In a fight repairs are counted at once and recorded this often, so that each costs no write.
RECORD_SECONDS: Final = 30
_FIGHT_REPAIRS: Final = 5


def mark_drift(
    builder: StatusBuilder,
    previous: Mapping[str, Any],
    applied: tuple[Applied, ...],
    now: datetime,
    *,
    complete: bool,
) -> None:
    """Answer DriftDetected, and record what was repaired.

    Args:
        builder: The status in the making.
        previous: The status that is shown now.
        applied: What was done to objects in this look.
        now: The present time.
        complete: Whether every object was looked at.
    """
    drifted = [one for one in applied if one.drift is not None and one.result != "ignored"]
    repaired = [one for one in drifted if one.stands]
    outstanding = [one for one in drifted if not one.stands]
    if repaired:
        _record(builder, previous, repaired, now)
    if outstanding:
        first = next((one for one in outstanding if one.held_by), outstanding[0])
        what = first.drift.describe() if first.drift is not None else ""
        if first.held_by:
            message = f"{what}; {describe_held(first.key, first.held_by)}"
            builder.mark_true(types.DRIFT_DETECTED, reasons.DELETION_BLOCKED, message)
            return
        fight = first.result == "contended"
        reason = reasons.WRITER_FIGHT if fight else reasons.DRIFT_DETECTED
        why = (
            "it is changed back again and again; repairs pause in between"
            if fight
            else "the profile says to alert, not to repair"
        )
        builder.mark_true(types.DRIFT_DETECTED, reason, f"{what}; {why}")
        return
    if is_fought_over(previous, now) and builder.current(types.DRIFT_DETECTED)[1] == (
        reasons.WRITER_FIGHT
    ):
        return  # restored just now, as a moment before: the condition does not change with it
    if repaired:
        last = repaired[-1].drift
        what = last.describe() if last is not None else ""
        builder.mark_false(types.DRIFT_DETECTED, reasons.DRIFT_REPAIRED, f"{what}; restored")
        return
    if complete and not repaired and builder.status_of(types.DRIFT_DETECTED) != types.FALSE:
        builder.mark_false(types.DRIFT_DETECTED, reasons.NO_DRIFT, "every object is as declared")


def _record(
    builder: StatusBuilder, previous: Mapping[str, Any], repaired: list[Applied], now: datetime
) -> None:
    before = previous.get("drift") or {}
    if is_fought_over(previous, now):
        return
    last = repaired[-1].drift
    if last is None:
        return
    record = {
        "kind": last.key.kind,
        "name": last.key.name,
        "change": last.change.capitalize(),
        "field": last.field,
        "manager": last.manager,
    }
    builder.set(
        drift={
            "repairs": before.get("repairs", 0) + len(repaired),
            "lastRepairTime": format_time(now),
            "last": {name: value for name, value in record.items() if value},
        }
    )


def is_fought_over(previous: Mapping[str, Any], now: datetime) -> bool:
    """Whether many repairs were recorded, the last just now: a fight, not recorded each time."""
    drift = previous.get("drift") or {}
    last = drift.get("lastRepairTime")
    if not last or drift.get("repairs", 0) < _FIGHT_REPAIRS:
        return False
    return now < datetime.fromisoformat(last) + timedelta(seconds=RECORD_SECONDS)
