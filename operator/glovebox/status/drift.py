"""The condition DriftDetected and the record of repairs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.desired.drift import Applied, Drift, describe_held
from glovebox.kube.kinds import POD
from glovebox.status.builder import StatusBuilder
from glovebox.status.text import format_time

# In a fight repairs are counted at once and recorded this often, so that each costs no write; a pod
# that was removed is recorded at once: whoever fights would else hide it, and it is searched for
# seldom.
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
    """Answer DriftDetected, and record what was repaired and what was not.

    Args:
        builder: The status in the making.
        previous: The status that is shown now.
        applied: What was done to objects in this look.
        now: The present time.
        complete: Whether every object was looked at.
    """
    found = [(one, one.drift) for one in applied if one.drift is not None]
    drifted = [(one, drift) for one, drift in found if one.result != "ignored"]
    repaired = [drift for one, drift in drifted if one.stands]
    outstanding = [(one, drift) for one, drift in drifted if not one.stands]
    # What is in force although it was deleted says more than what was changed.
    outstanding.sort(key=lambda each: not each[0].held_by)
    _mark(builder, previous, repaired, outstanding, now, complete=complete)
    before = previous.get("drift") or {}
    record = dict(before)
    pods = [drift for drift in repaired if drift.key.kind == POD.kind]
    if pods or (repaired and not is_fought_over(previous, now)):
        record["repairs"] = before.get("repairs", 0) + len(repaired)
        record["lastRepairTime"] = format_time(now)
        record["last"] = _record_of((pods or repaired)[-1])
        if pods:
            record["pods"] = before.get("pods", 0) + len(pods)
    left = [drift for _, drift in outstanding]
    if open_now := _outstanding(builder, before.get("outstanding"), left, now, complete=complete):
        record["outstanding"] = open_now
    if record != before:
        builder.set(drift=record)


def _mark(
    builder: StatusBuilder,
    previous: Mapping[str, Any],
    repaired: Sequence[Drift],
    outstanding: Sequence[tuple[Applied, Drift]],
    now: datetime,
    *,
    complete: bool,
) -> None:
    if outstanding:
        first, drift = outstanding[0]
        what = drift.describe()
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
        last = repaired[-1]
        message = f"{last.describe()}; {last.undone}"
        builder.mark_false(types.DRIFT_DETECTED, reasons.DRIFT_REPAIRED, message)
        return
    if complete and builder.status_of(types.DRIFT_DETECTED) != types.FALSE:
        builder.mark_false(types.DRIFT_DETECTED, reasons.NO_DRIFT, "every object is as declared")


def _outstanding(
    builder: StatusBuilder,
    before: Mapping[str, Any] | None,
    left: Sequence[Drift],
    now: datetime,
    *,
    complete: bool,
) -> Mapping[str, Any] | None:
    """Return the record of what differs still, which begins and ends with the condition."""
    answer, reason, _ = builder.current(types.DRIFT_DETECTED)
    lasts = before is not None and "untilTime" not in before
    if answer == types.FALSE and before is not None and lasts:
        return {**before, "untilTime": format_time(now)}
    if answer != types.TRUE or not left:
        return before
    first = _record_of(left[0])
    if before is None or not lasts:
        times = before["times"] + 1 if before is not None else 1
        since = {"times": times, "sinceTime": format_time(now), "objects": len(left)}
        return {**since, "reason": reason, "first": first}
    # Whoever changes it again and again costs no write: of one object the first writer stays.
    same = _without_writer(before["first"]) == _without_writer(first)
    counted = {"objects": len(left)} if complete else {}
    return {**before, **counted, "reason": reason, "first": before["first"] if same else first}


def _record_of(drift: Drift) -> dict[str, str]:
    record = {
        "kind": drift.key.kind,
        "name": drift.key.name,
        "change": drift.change.capitalize(),
        "field": drift.field,
        "manager": drift.manager,
    }
    return {name: value for name, value in record.items() if value}


def _without_writer(record: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in record.items() if name != "manager"}


def is_fought_over(previous: Mapping[str, Any], now: datetime) -> bool:
    """Whether many repairs were recorded, the last just now: a fight, not recorded each time."""
    drift = previous.get("drift") or {}
    last = drift.get("lastRepairTime")
    if not last or drift.get("repairs", 0) < _FIGHT_REPAIRS:
        return False
    # Of a moment that is still to come the clock went back: that is no fight.
    return abs(now - datetime.fromisoformat(last)) < timedelta(seconds=RECORD_SECONDS)
