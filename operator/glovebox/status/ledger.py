"""What the ledger makes of a status: entries are recorded, and what it was not told is held back.

Pure. A step that is not in the ledger yet holds back the condition that reports it, as
`LedgerPending`, or as `LedgerUnavailable` where it cannot be written. What was reported before,
when there was no ledger, is never taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.ledger.entry import Kind
from glovebox.ledger.events import events_of, outstanding, recorded_entries
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_facts import LedgerFacts
from glovebox.status.outcome import Outcome, Verdict

HELD: Final = frozenset({reasons.LEDGER_PENDING, reasons.LEDGER_UNAVAILABLE})
_MOST: Final = 16
_LAST_ALONE: Final = frozenset({Kind.BREAK_GLASS, Kind.ISOLATION_DRIFT})
_WAITS: Final = "it is being written into the ledger, and reported then"
# Which condition reports what.
_REPORTED_BY: Final = {
    Kind.APPROVAL: types.READY,
    Kind.BIND: types.READY,
    Kind.GRANT_USED: types.READY,
    Kind.RUN_STARTED: types.SUCCEEDED,
    Kind.RUN_ENDED: types.SUCCEEDED,
    Kind.SEALED: types.SEALED,
}


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What is not reported yet.

    Attributes:
        conditions: Those that have to wait.
        reason: Why, in a word.
        message: Why, for a person.
    """

    conditions: frozenset[str] = frozenset()
    reason: str = ""
    message: str = ""


def record_entries(builder: StatusBuilder, obj: Mapping[str, Any], told: Outcome) -> None:
    """Record where events stand that the ledger was told of."""
    if not isinstance(told.facts, LedgerFacts) or not told.facts.entries:
        return
    new = {str(entry["id"]) for entry in told.facts.entries}
    # Of these the status knows the last ones: those before would push out what has to stay.
    over = {entry["kind"] for entry in told.facts.entries} & _LAST_ALONE
    last = {event.id for event in events_of({**obj, "status": builder.render()})}
    before = [
        dict(entry)
        for entry in recorded_entries(obj)
        if entry.get("id") not in new and (entry.get("kind") not in over or entry.get("id") in last)
    ]
    entries = [*before, *(dict(entry) for entry in told.facts.entries)]
    builder.set(ledger={"entries": _as_fits(entries)})


def _as_fits(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what there is room for: uses of grants go first, for which the bind stands."""
    over = len(entries) - _MOST
    uses = [entry["id"] for entry in entries if entry.get("kind") == Kind.GRANT_USED]
    left_out = set(uses[: max(over, 0)])
    return [entry for entry in entries if entry["id"] not in left_out][-_MOST:]


def hold_back(builder: StatusBuilder, obj: Mapping[str, Any], told: Outcome) -> HeldBack:
    """Hold back the conditions of what the ledger was not told; Ready is left to its own rules.

    Args:
        builder: With everything that this look found, but for Ready.
        obj: The Experiment as it was looked at.
        told: How telling the ledger went.
    """
    events = outstanding({**obj, "status": builder.render()})
    shown = _shown(obj)
    kinds = {event.kind for event in events if not _is_reported(event.kind, shown)}
    held = frozenset(_REPORTED_BY[kind] for kind in kinds if kind in _REPORTED_BY)
    is_told = told.verdict is Verdict.WAITING and told.reason in HELD
    reason = told.reason if is_told else reasons.LEDGER_PENDING
    message = told.message if is_told else _WAITS
    if types.SUCCEEDED in held:
        builder.mark_unknown(types.SUCCEEDED, reason, message)
    if types.SEALED in held:
        builder.mark_false(types.SEALED, reason, message)
    return HeldBack(held, reason, message)


def hold_ready(builder: StatusBuilder, held: HeldBack) -> None:
    """Say in Ready and Reconciling that something is not reported yet."""
    if not held.conditions:
        return
    if types.READY in held.conditions and builder.status_of(types.READY) == types.TRUE:
        builder.mark_false(types.READY, held.reason, held.message)
    if not any(builder.is_marked(each) for each in (types.RECONCILING, types.STALLED)):
        builder.mark_true(types.RECONCILING, held.reason, held.message)


def newly_recorded(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """Return the kinds whose report was held back until now, when their entries are recorded.

    Args:
        before: The status as it was.
        after: As it is written.
    """
    shown = _shown({"status": before})
    known = {entry.get("id") for entry in recorded_entries({"status": before})}
    return frozenset(
        str(entry["kind"])
        for entry in recorded_entries({"status": after})
        if entry["id"] not in known
        and shown.get(_REPORTED_BY.get(entry["kind"], ""), ("", ""))[1] in HELD
    )


def _shown(obj: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return answer and reason of each condition as it is shown."""
    entries = (obj.get("status") or {}).get("conditions") or ()
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in entries}


def _is_reported(kind: str, shown: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a step was reported already, when no ledger had to be told."""
    answer, reason = shown.get(_REPORTED_BY.get(Kind(kind), ""), ("", ""))
    if kind == Kind.RUN_STARTED:
        return answer in (types.TRUE, types.FALSE) or reason == reasons.RUNNING
    if kind == Kind.RUN_ENDED:
        return answer in (types.TRUE, types.FALSE)
    return answer == types.TRUE
