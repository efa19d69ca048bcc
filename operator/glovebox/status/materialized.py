"""SchemaMatches: whether the values of features are what their definitions say. Pure.

Where a pin names its values, it is a part of Ready. What was compared stays: neither content nor
definitions change. That a store does not answer says nothing about the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.materialized import KindDifferences, MaterializedStatus, SchemaDifference
from glovebox.data.counting import counted
from glovebox.data.feature_schema import Difference, FeaturesFound, told
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.status.builder import StatusBuilder

CHECKING: Final = "the files of `spec.materialized` are being compared with the definitions"
PENDING: Final = (
    "the values are compared with the definitions once definitions and inputs are verified"
)
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """What is known of the values at one moment.

    Attributes:
        recorded: What `status.materialized` says, or says from now on; None before the first
            answer.
        error: What keeps the comparison from being made; None while nothing does.
        progress: `status.progress`, while it runs and reports.
    """

    recorded: MaterializedStatus | None = None
    error: GloveboxError | None = None
    progress: dict[str, Any] | None = None


def recorded_values(
    found: FeaturesFound, digest: str, content: str, now: datetime
) -> MaterializedStatus:
    """Return what is recorded of a comparison that has ended.

    Args:
        found: What it found.
        digest: Of what was asked.
        content: Content root of the values.
        now: When it ended.
    """
    return MaterializedStatus(
        digest=digest,
        content=content,
        checked_time=now.replace(microsecond=0),
        files=found.files,
        footers=found.footers,
        rows=found.rows,
        bytes_read=found.bytes_read,
        differences=found.differences,
        by_kind=tuple(
            KindDifferences(kind=kind, differences=number) for kind, number in found.by_kind.items()
        ),
        first=tuple(
            SchemaDifference(
                kind=each.kind,
                column=each.column,
                declared=each.declared,
                found=each.found,
                file=each.file,
                count=each.count,
            )
            for each in found.first
        ),
    )


def message_of(recorded: MaterializedStatus) -> str:
    """Return what was found, for a person."""
    if not recorded.differences:
        rows, files = counted(recorded.rows, "row"), counted(recorded.files, "file")
        return f"{rows} in {files} as declared"
    first = [
        told(
            Difference(each.kind, each.column, each.declared, each.found, each.file, each.count)  # type: ignore[arg-type]
        )
        for each in recorded.first[:_NAMED]
    ]
    others = recorded.differences - len(first)
    more = f"; and {others:,} more" if others > 0 else ""
    return f"{'; '.join(first)}{more}: see `status.materialized`"


def mark_schema(builder: StatusBuilder, facts: SchemaFacts | None) -> None:
    """Mark SchemaMatches, and what it stands still by.

    Args:
        builder: The status in the making.
        facts: What is known of the values; None where definitions or inputs were not verified: what
            was found before stays.
    """
    if facts is None:
        builder.set(progress=None)
        if builder.current(types.SCHEMA_MATCHES)[1] == reasons.NOT_LOOKED:
            builder.mark_unknown(types.SCHEMA_MATCHES, reasons.PENDING, PENDING)
        return
    builder.set(progress=facts.progress)
    if facts.recorded is not None:
        builder.set(
            materialized=facts.recorded.model_dump(
                by_alias=True, mode="json", exclude_defaults=True
            )
        )
        message = message_of(facts.recorded)
        if not facts.recorded.differences:
            builder.mark_true(types.SCHEMA_MATCHES, reasons.SCHEMA_MATCHES, message)
            return
        builder.mark_false(types.SCHEMA_MATCHES, reasons.SCHEMA_DIFFERS, message)
        builder.mark_true(types.STALLED, reasons.SCHEMA_DIFFERS, message)
        return
    if facts.error is None:
        builder.mark_unknown(types.SCHEMA_MATCHES, reasons.CHECKING_SCHEMA, CHECKING)
        builder.mark_true(types.RECONCILING, reasons.CHECKING_SCHEMA, CHECKING)
        return
    message = f"the values are not compared: {facts.error.message}"
    builder.mark_unknown(types.SCHEMA_MATCHES, reasons.SCHEMA_NOT_CHECKED, message)
    is_lasting = isinstance(facts.error, InvalidInput)
    passing = types.STALLED if is_lasting else types.RECONCILING
    builder.mark_true(passing, reasons.SCHEMA_NOT_CHECKED, message)
