"""One status in the making: conditions that keep their history, and fields beside them.

Every reconcile builds a status from the outcomes of its phases, on every way out. A condition that
nobody looked at keeps its answer *and* its `observedGeneration`: it still speaks of what was seen
then. All lasting types are there from the first write, as `Unknown` with the reason `NotLooked`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.data.printable import sentence
from glovebox.status.text import format_time

_MESSAGE_MAX: Final = 2048
NOT_LOOKED: Final = "the operator has not observed this yet"


class StatusBuilder:
    """Builds the status of one resource.

    Args:
        previous: The status that the resource shows now.
        generation: The generation that was looked at.
        condition_types: The conditions that this kind always shows, in the order of writing.
        now: When the reconcile began.
    """

    def __init__(
        self,
        previous: Mapping[str, Any] | None,
        generation: int,
        condition_types: Sequence[str],
        now: datetime,
    ) -> None:
        self._previous: dict[str, Any] = dict(previous or {})
        self._generation = generation
        self._types = tuple(condition_types)
        self._now = format_time(now)
        self._before: dict[str, Mapping[str, Any]] = {
            entry["type"]: entry for entry in self._previous.get("conditions") or ()
        }
        self._marked: dict[str, tuple[Answer, str, str]] = {}
        self._fields: dict[str, Any] = {}
        self._kept: set[str] = set()

    def mark(self, condition: str, answer: Answer, reason: str, message: str = "") -> None:
        """Answer one condition for the present generation.

        What a message quotes may be anybody's: who reads it does so in a terminal.
        """
        self._marked[condition] = (answer, reason, sentence(message)[:_MESSAGE_MAX])

    def mark_true(self, condition: str, reason: str, message: str = "") -> None:
        """Answer one condition with True."""
        self.mark(condition, types.TRUE, reason, message)

    def mark_false(self, condition: str, reason: str, message: str = "") -> None:
        """Answer one condition with False."""
        self.mark(condition, types.FALSE, reason, message)

    def mark_unknown(self, condition: str, reason: str, message: str = "") -> None:
        """Answer one condition with Unknown."""
        self.mark(condition, types.UNKNOWN, reason, message)

    def keep(self, condition: str) -> None:
        """Leave Reconciling or Stalled as it is, which is dropped otherwise."""
        if condition in self._before:
            self._kept.add(condition)

    def set(self, **fields: Any) -> None:
        """Set fields of the status, by their names in YAML; None removes one."""
        self._fields.update(fields)

    def status_of(self, condition: str) -> Answer:
        """Return the answer as it stands: marked now, else from before, else Unknown."""
        return self.current(condition)[0]

    def current(self, condition: str) -> tuple[Answer, str, str]:
        """Return answer, reason and message as they stand."""
        if condition in self._marked:
            return self._marked[condition]
        before = self._before.get(condition)
        if before is None:
            return (types.UNKNOWN, reasons.NOT_LOOKED, NOT_LOOKED)
        return (before["status"], before["reason"], before.get("message", ""))

    def is_marked(self, condition: str) -> bool:
        """Whether this look answered a condition."""
        return condition in self._marked

    def render(self) -> dict[str, Any]:
        """Return the whole status. Reconciling and Stalled are in it only while True (kstatus)."""
        passing = [
            each
            for each in (types.RECONCILING, types.STALLED)
            if self._marked.get(each, (types.FALSE,))[0] == types.TRUE or each in self._kept
        ]
        conditions = [self._condition(each) for each in (*self._types, *passing)]
        status = {
            **self._previous,
            **self._fields,
            "observedGeneration": self._generation,
            "conditions": conditions,
        }
        return {name: value for name, value in status.items() if value is not None}

    def _condition(self, name: str) -> dict[str, Any]:
        answer, reason, message = self.current(name)
        before = self._before.get(name)
        if before is not None and name not in self._marked:
            return dict(before)
        unchanged = before is not None and before["status"] == answer
        return {
            "type": name,
            "status": answer,
            "observedGeneration": self._generation,
            "lastTransitionTime": before["lastTransitionTime"]
            if unchanged and before
            else self._now,
            "reason": reason,
            "message": message,
        }
