"""StatisticsComputed and DistributionStable: what is known of the columns of a pin. Pure.

Statistics are told, and keep nothing from being Ready. Whether the distribution does is the choice
of the pin: with `required` it is Ready only where that is known to be stable. What was recorded
stays: neither the content nor what is asked changes, and the other pin is compared with once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.api.statistics_status import (
    MAX_DRAWN_COLUMNS,
    ComparedColumn,
    DistributionStatus,
    DrawnColumn,
    DrawnPart,
    StatisticsStatus,
    StoredDocument,
)
from glovebox.data.counting import counted
from glovebox.data.distribution_parts import Part
from glovebox.data.printable import printable
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.status.pin_gate import Gate, put_progress, with_gate

COMPUTING: Final = "the files are being read for `spec.statistics`"
PENDING: Final = "the files are read for `spec.statistics` once they are pinned"
_OURS: Final = frozenset(
    {
        reasons.COMPUTING_STATISTICS,
        reasons.STATISTICS_NOT_COMPUTED,
        reasons.DISTRIBUTION_MOVED,
        reasons.DISTRIBUTION_UNKNOWN,
        reasons.WAITING_FOR_REFERENCE,
        reasons.REFERENCE_GONE,
    }
)
_NAMED: Final = 3
_NAME_MOST: Final = 1024
_PART_MOST: Final = 64
_Passing = Literal["", "Reconciling", "Stalled"]
_VERDICTS: Final[dict[str, tuple[Answer, str, _Passing]]] = {
    "stable": (types.TRUE, reasons.DISTRIBUTION_STABLE, ""),
    "moved": (types.FALSE, reasons.DISTRIBUTION_MOVED, types.STALLED),
    "unknown": (types.UNKNOWN, reasons.DISTRIBUTION_UNKNOWN, types.STALLED),
}


@dataclass(frozen=True, slots=True)
class StatisticsFacts:
    """What is known at one moment.

    Attributes:
        is_compared: Whether `spec.distribution` asks for a comparison.
        is_required: Whether that decides Ready.
        recorded: What `status.statistics` says, or says from now on; None before the first answer.
        distribution: The same of `status.distribution`.
        error: What keeps the files from being read; None while nothing does.
        waiting: Why there is nothing to compare with; None where there is.
        progress: `status.progress` of the reading, while it runs and reports.
        is_early: Whether the files were not pinned yet.
    """

    is_compared: bool = False
    is_required: bool = False
    recorded: StatisticsStatus | None = None
    distribution: DistributionStatus | None = None
    error: GloveboxError | None = None
    waiting: GloveboxError | None = None
    progress: dict[str, Any] | None = None
    is_early: bool = False


def with_statistics(
    obj: Mapping[str, Any],
    found: dict[str, Any] | None,
    facts: StatisticsFacts,
    now: datetime,
) -> dict[str, Any] | None:
    """Return a status that says what is known of the columns.

    Args:
        obj: The pin.
        found: The status that was come to so far; None where that leaves what there is.
        facts: What is known.
        now: The present time.
    """
    status = with_gate(obj, found, _computed(facts), now)
    if status is None or status is found:
        return status
    if facts.is_compared:
        status = with_gate(obj, status, _stable(facts), now)
    return _with_fields(dict(status or {}), facts)


def _with_fields(status: dict[str, Any], facts: StatisticsFacts) -> dict[str, Any]:
    """Record what was found, and how far the reading is."""
    for name, value in (("statistics", facts.recorded), ("distribution", facts.distribution)):
        if value is not None:
            status[name] = value.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    put_progress(status, facts.progress, reasons.COMPUTING_STATISTICS)
    return status


def _computed(facts: StatisticsFacts) -> Gate:
    def says(answer: Answer, reason: str, message: str) -> Gate:
        return Gate(types.STATISTICS_COMPUTED, answer, reason, message)

    if facts.recorded is not None:
        message = message_of_statistics(facts.recorded)
        return says(types.TRUE, reasons.STATISTICS_COMPUTED, message)
    if facts.is_early:
        return says(types.UNKNOWN, reasons.PENDING, PENDING)
    if facts.error is None:
        return says(types.UNKNOWN, reasons.COMPUTING_STATISTICS, COMPUTING)
    return says(types.UNKNOWN, reasons.STATISTICS_NOT_COMPUTED, _failed(facts.error))


def _stable(facts: StatisticsFacts) -> Gate:
    ours = _OURS if facts.is_required else frozenset[str]()

    def says(answer: Answer, reason: str, message: str, passing: _Passing) -> Gate:
        return Gate(types.DISTRIBUTION_STABLE, answer, reason, message, passing, ours)

    found, error = facts.distribution, facts.error
    if found is not None:
        answer, reason, passing = _VERDICTS.get(found.verdict, _VERDICTS["unknown"])
        return says(answer, reason, message_of_distribution(found), passing)
    if facts.is_early:
        return says(types.UNKNOWN, reasons.PENDING, PENDING, types.RECONCILING)
    if facts.waiting is not None:
        reason, message = facts.waiting.reason, facts.waiting.message
        return says(types.UNKNOWN, reason, message, types.RECONCILING)
    if error is None:
        computing = reasons.COMPUTING_STATISTICS
        return says(types.UNKNOWN, computing, COMPUTING, types.RECONCILING)
    return says(
        types.UNKNOWN,
        reasons.STATISTICS_NOT_COMPUTED,
        _failed(error),
        types.STALLED if isinstance(error, InvalidInput) else types.RECONCILING,
    )


def _failed(error: GloveboxError) -> str:
    return f"the statistics are not computed: {error.message}"


def message_of_statistics(recorded: StatisticsStatus) -> str:
    """Return what was computed, for a person."""
    columns, rows = counted(recorded.columns, "column"), counted(recorded.rows, "row")
    files = counted(recorded.files, "file")
    return f"{columns} of {rows} in {files} described, {recorded.shown} with a distribution"


def message_of_distribution(found: DistributionStatus) -> str:
    """Return how the distribution compares, for a person."""
    numbers = f"{found.moved} moved, {found.stable} stable, {found.unknown} unknown"
    against = f"of the columns against DatasetPin '{found.against}' {numbers}"
    told = [_told(each) for each in found.columns if each.verdict == found.verdict]
    if found.verdict == "stable" or not told:
        return against
    more = "; and others" if len(told) > _NAMED else ""
    return f"{against}: {'; '.join(told[:_NAMED])}{more}: see `status.distribution`"


def _told(column: ComparedColumn) -> str:
    numbers = []
    if column.psi is not None and column.psi_floor is not None:
        numbers.append(f"PSI {column.psi / 1e4:.3f}, by chance up to {column.psi_floor / 1e4:.3f}")
    if column.distance is not None and column.reason in {"KS", "TotalVariation"}:
        numbers.append(f"distance {column.distance / 1e4:.3f}")
    if column.reason == "NullShare" and column.null_share is not None:
        before = (column.null_share_before or 0) / 100
        numbers.append(f"without a value {column.null_share / 100:.2f} % after {before:.2f} %")
    return f"column `{column.name}` ({', '.join((column.reason, *numbers))})"


def document_of(location: Any) -> StoredDocument:
    """Return what is recorded of where a document lies."""
    return StoredDocument(**asdict(location))


def columns_of(worst: Any) -> tuple[ComparedColumn, ...]:
    """Return what is recorded of the columns that moved most."""
    return tuple(
        ComparedColumn(
            **{
                **{name: value for name, value in asdict(each).items() if name != "parts"},
                "name": printable(each.name)[:_NAME_MOST],
            }
        )
        for each in worst
    )


def drawn_of(columns: Iterable[tuple[str, Sequence[Part]]]) -> tuple[DrawnColumn, ...]:
    """Return what is recorded to be drawn: the first columns of which there are parts.

    Args:
        columns: Names of columns, and their parts.
    """
    shown = [(name, parts) for name, parts in columns if parts]
    return tuple(
        DrawnColumn(
            name=printable(name)[:_NAME_MOST],
            parts=tuple(
                DrawnPart(
                    name=printable(each.name)[:_PART_MOST], share=each.share, before=each.before
                )
                for each in parts
            ),
        )
        for name, parts in shown[:MAX_DRAWN_COLUMNS]
    )
