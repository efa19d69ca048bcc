"""What differed from what an Experiment declares, as its status has it. Pure.

The status keeps how many differences were repaired and the last one of them; what differs still in
one condition, with one of the objects. That is all that is told: older repairs are in the ledger
and the Events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from glovebox.api import conditions
from glovebox.api.conditions import Condition, find_condition
from glovebox.api.drift_status import DriftRecord, DriftStatus
from glovebox.api.experiment_status import LostNamespace
from glovebox.data.field_managers import split_time

_READ: Final = TypeAdapter(tuple[Condition, ...])


class State(StrEnum):
    """Whether a difference is still there."""

    OPEN = "Open"
    REPAIRED = "Repaired"
    NOT_KNOWN = "NotKnown"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, or that nobody knows of any.

    Attributes:
        namespace: The Experiment's.
        experiment: Its name.
        state: Whether it is still there.
        reason: Why it is still there, or not known, in one word; empty when it was repaired.
        kind: Kind of the object; of several that are open one. Empty where nothing is recorded.
        name: Its name, likewise.
        change: `Modified`, `Deleted` or `Unexpected`, likewise.
        field: The field that differed; empty for a whole object.
        writer: Who wrote it, as far as the API server knows.
        since: Repaired: when it was written, empty where nobody recorded it. Of a namespace: when
            it was found to be gone. Else: since when the condition says so.
        last: When the last one was repaired; empty for none.
        repairs: How many differences were repaired in the life of the Experiment.
        message: What the condition says; empty when it was repaired.
    """

    namespace: str
    experiment: str
    state: State
    reason: str = ""
    kind: str = ""
    name: str = ""
    change: str = ""
    field: str = ""
    writer: str = ""
    since: str = ""
    last: str = ""
    repairs: int = 0
    message: str = ""

    @property
    def what(self) -> str:
        """What was done to the object, in words."""
        if self.message or not self.change:
            return self.message
        field = f" `{self.field}`" if self.field else ""
        return f"{self.change}{field}{f' by {self.writer}' if self.writer else ''}"


def differences(obj: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs still, then whether the namespace was lost, and what was repaired last.

    Before an Experiment is provisioned for the first time nothing is drift, only work to do.

    Args:
        obj: The Experiment, as the API server has it.
    """
    metadata, status = obj.get("metadata") or {}, obj.get("status") or {}
    where = (str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    try:
        found = _READ.validate_python(status.get("conditions") or ())
        record = DriftStatus.model_validate(status.get("drift") or {})
        lost = (
            LostNamespace.model_validate(status["lostNamespace"])
            if status.get("lostNamespace")
            else None
        )
    except ValidationError:
        said = "its status is of another version than this program"
        yield Difference(*where, State.NOT_KNOWN, reason="NotReadable", message=said)
        return
    last = _time(record.last_repair_time)
    condition = find_condition(found, conditions.DRIFT_DETECTED)
    # A deletion closes the namespace: nobody compares any more.
    is_watched = bool(status.get("provisioned")) and not metadata.get("deletionTimestamp")
    if condition is None and is_watched:
        said = "it was not compared with what is declared"
        yield Difference(*where, State.NOT_KNOWN, reason="NotCompared", message=said)
    elif condition is not None and (
        condition.is_true or (condition.status == conditions.UNKNOWN and is_watched)
    ):
        left = record.outstanding if condition.is_true else None
        first = left.first if left is not None and left.until_time is None else DriftRecord()
        yield Difference(
            *where,
            State.OPEN if condition.is_true else State.NOT_KNOWN,
            reason=condition.reason,
            kind=first.kind,
            name=first.name,
            change=first.change,
            field=first.field,
            writer=split_time(first.manager)[0],
            since=_time(condition.last_transition_time),
            last=last,
            repairs=record.repairs,
            message=condition.message or condition.reason,
        )
    if lost is not None:
        told = _lost(where, status, lost, record.repairs)
        if told.state is State.REPAIRED or is_watched:
            yield told
    if record.last is not None:
        writer, since = split_time(record.last.manager)
        yield Difference(
            *where,
            State.REPAIRED,
            kind=record.last.kind,
            name=record.last.name,
            change=record.last.change,
            field=record.last.field,
            writer=writer,
            since=since,
            last=last,
            repairs=record.repairs,
        )


def _lost(
    where: tuple[str, str], status: Mapping[str, Any], lost: LostNamespace, repairs: int
) -> Difference:
    """Return that somebody deleted the namespace: no repair, what was in it is gone."""
    now = str(status.get("namespaceUid") or "")
    is_there = now not in {"", lost.uid}
    return Difference(
        *where,
        State.REPAIRED if is_there else State.OPEN,
        reason="" if is_there else "NamespaceLost",
        kind="Namespace",
        name=str(status.get("namespace") or ""),
        change="Deleted",
        since=_time(lost.time),
        repairs=repairs,
    )


def _time(value: datetime | None) -> str:
    return value.isoformat().replace("+00:00", "Z") if value is not None else ""
