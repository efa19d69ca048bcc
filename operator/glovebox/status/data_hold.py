"""Held: whether the versions of a pin are under a legal hold. Pure.

Where a pin asks for it, it is a part of Ready: nobody begins to use what could still be deleted.
What was put on stays on while the pin is there, whether the store answers just now or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.dataset_pin_status import PinHold
from glovebox.data.counting import counted
from glovebox.errors import InvalidInput
from glovebox.status.kstatus import condition_of
from glovebox.status.pin_gate import Gate, GateFacts, put_progress, with_gate
from glovebox.status.text import format_time

HOLDING: Final = "legal holds are being put on the pinned versions"
PENDING: Final = "legal holds are put on the versions once they are read and hashed"
# What is said of a hold itself, not of the way to it.
_ABOUT_HOLDS: Final = frozenset(
    {reasons.HOLD_NOT_GRANTED, reasons.HOLD_REFUSED, reasons.HOLD_RELEASING}
)
_OURS: Final = _ABOUT_HOLDS | {reasons.HOLDING, reasons.NOT_HELD}


@dataclass(frozen=True, slots=True)
class HoldFacts(GateFacts[PinHold]):
    """What is known of the holds of a pin at one moment."""


def recorded_hold(objects: int, others: int, since: str, now: datetime) -> PinHold:
    """Return what is recorded once all versions are held.

    Args:
        objects: How many.
        others: How many of them somebody else held before.
        since: Since when, RFC 3339; empty where the record does not say.
        now: When the record was read.
    """
    return PinHold(
        state="Held",
        objects=objects,
        others=others,
        held_time=datetime.fromisoformat(since) if since else None,
        checked_time=now.replace(microsecond=0),
    )


def message_of(held: PinHold) -> str:
    """Return what is held, for a person."""
    since = f" since {format_time(held.held_time)}" if held.held_time is not None else ""
    others = (
        f"; {held.others:,} of them by somebody else before, who may let go of them"
        if held.others
        else ""
    )
    return f"{counted(held.objects, 'version')} under a legal hold{since}{others}"


def with_hold(
    obj: Mapping[str, Any], found: dict[str, Any] | None, facts: HoldFacts, now: datetime
) -> dict[str, Any] | None:
    """Return a status that says whether the versions are held, and is Ready only where they are.

    Args:
        obj: The pin.
        found: The status that its own look came to; None where it leaves what there is.
        facts: What is known of the holds.
        now: The present time.
    """
    gate = _early(obj, found) if facts.is_early else _gate(facts)
    status = with_gate(obj, found, gate, now)
    return status if status is None or status is found else _with_fields(status, facts)


def _with_fields(status: dict[str, Any], facts: HoldFacts) -> dict[str, Any]:
    said = facts.recorded
    if said is None and not facts.is_early:
        is_releasing = facts.error is not None and facts.error.reason == reasons.HOLD_RELEASING
        said = PinHold(state="Releasing" if is_releasing else "Holding")
    if said is not None:
        status["hold"] = said.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    put_progress(status, facts.progress, "Holding")
    return status


def _early(obj: Mapping[str, Any], found: Mapping[str, Any] | None) -> Gate:
    """Return what is said before anything is pinned: it decides nothing, for nothing is Ready."""
    status = found if found is not None else obj.get("status") or {}
    ready = condition_of(status, types.READY) or {}
    if ready.get("reason") == reasons.HOLD_NOT_GRANTED:
        return Gate(types.HELD, types.FALSE, reasons.HOLD_NOT_GRANTED, ready["message"])
    return Gate(types.HELD, types.UNKNOWN, reasons.PENDING, PENDING)


def _gate(facts: HoldFacts) -> Gate:
    recorded, error = facts.recorded, facts.error
    if recorded is not None:
        return _says(types.TRUE, reasons.HELD, message_of(recorded))
    if error is None:
        return _says(types.UNKNOWN, reasons.HOLDING, HOLDING, types.RECONCILING)
    is_lasting = isinstance(error, InvalidInput)
    passing: Literal["Reconciling", "Stalled"] = types.STALLED if is_lasting else types.RECONCILING
    if error.reason in _ABOUT_HOLDS:
        answer: Answer = types.FALSE if is_lasting else types.UNKNOWN
        return _says(answer, error.reason, error.message, passing)
    return _says(
        types.UNKNOWN, reasons.NOT_HELD, f"not all versions are held: {error.message}", passing
    )


def _says(
    answer: Answer,
    reason: str,
    message: str,
    passing: Literal["", "Reconciling", "Stalled"] = "",
) -> Gate:
    return Gate(types.HELD, answer, reason, message, passing, _OURS)
