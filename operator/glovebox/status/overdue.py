"""The condition EvidenceWritten: there only while evidence of an Experiment is overdue. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_seen import Late


def is_shown(status: Mapping[str, Any] | None) -> bool:
    """Return whether a status says that evidence is overdue."""
    conditions = (status or {}).get("conditions") or ()
    return any(entry["type"] == types.EVIDENCE_WRITTEN for entry in conditions)


def overdue_of(status: Mapping[str, Any] | None, late: Sequence[Late]) -> tuple[Late, ...]:
    """Return what is to be reported of what is late.

    What was reported stays so until it is written: a process that was started since has not tried
    for long.
    """
    return tuple(each for each in late if each.is_overdue or is_shown(status))


def mark_overdue(builder: StatusBuilder, overdue: Sequence[Late]) -> None:
    """Say what is not written, why, and what to do; the builder has the condition then."""
    if overdue:
        said = "; ".join(f"{each.what} is not written: {each.why}" for each in overdue)
        message = f"{said}. The operator goes on trying"
        builder.mark_false(types.EVIDENCE_WRITTEN, reasons.EVIDENCE_OVERDUE, message)
