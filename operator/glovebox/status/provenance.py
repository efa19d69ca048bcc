"""ProvenanceComplete: how much a pin says of where its data came from. Pure.

It is no part of Ready: data that nobody described are data. A profile that demands more refuses
them by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.provenance import MAX_GAPS, ProvenanceGap, ProvenanceStatus, ResolvedSource
from glovebox.data.counting import counted
from glovebox.data.provenance import Assessment, Gap
from glovebox.status.builder import StatusBuilder

_NAMED: Final = 5
_MESSAGE_MAX: Final = 1024


def with_provenance(
    obj: Mapping[str, Any],
    found: dict[str, Any] | None,
    assessment: Assessment,
    now: datetime,
) -> dict[str, Any] | None:
    """Return a status that says how complete the provenance is; nothing else of it changes.

    Args:
        obj: The pin.
        found: The status that its own look came to; None where it leaves what there is.
        assessment: What was found of its provenance.
        now: The present time.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    if not status.get("conditions"):
        return found  # not looked at yet: nothing is said of it alone
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(before, generation, (types.PROVENANCE_COMPLETE,), now)
    builder.mark(types.PROVENANCE_COMPLETE, *_answer(assessment))
    entry = builder.render()["conditions"][0]
    conditions = [
        entry if one["type"] == types.PROVENANCE_COMPLETE else one for one in status["conditions"]
    ]
    if entry not in conditions:
        conditions.append(entry)
    return {**status, "provenance": recorded_provenance(assessment), "conditions": conditions}


def recorded_provenance(assessment: Assessment) -> dict[str, Any]:
    """Return `status.provenance`."""
    status = ProvenanceStatus(
        level=assessment.level,
        digest=assessment.digest,
        gaps=tuple(
            ProvenanceGap(field=gap.field, message=gap.message[:_MESSAGE_MAX])
            for gap in assessment.gaps[:MAX_GAPS]
        ),
        sources=tuple(
            ResolvedSource(name=name, digest=digest) for name, digest in assessment.sources.items()
        ),
    )
    dumped: dict[str, Any] = status.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    return dumped


def _answer(assessment: Assessment) -> tuple[Answer, str, str]:
    gaps = assessment.gaps
    if not gaps:
        return types.TRUE, reasons.PROVENANCE_FULL, "nothing is missing, and all sources are there"
    message = f"{assessment.level}, with {counted(len(gaps), 'gap')}: {_named(gaps)}"
    if assessment.is_pending:
        return types.UNKNOWN, reasons.SOURCES_NOT_READY, message
    return types.FALSE, reasons.PROVENANCE_GAPS, message


def _named(gaps: tuple[Gap, ...]) -> str:
    # What nobody said is told by its name alone; what leads nowhere needs the words.
    said = [f"{gap.field} ({gap.message})" if "[" in gap.field else gap.field for gap in gaps]
    more = f"; and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
    return "; ".join(said[:_NAMED]) + more
