"""The status that a reconcile is going to write: conditions that keep their history, and one summary.

Every reconcile starts a draft, says what it finds, and the draft is written on every way out.
Whatever a reconcile did not get to say stays `Unknown` with the reason `Pending` on the first
visit, and stays as it was later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.errors import GloveboxError, InvalidInput, NotReady

Answer = Literal["True", "False", "Unknown"]
_MESSAGE_MAX = 2048


def format_time(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it: RFC 3339 in UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Draft:
    """A status in the making.

    Args:
        obj: The resource as it was read.
        lasting: The condition types that this kind always shows, in the order in which they are
            written.
        now: When the reconcile began.
    """

    def __init__(self, obj: Mapping[str, Any], lasting: Sequence[str], now: datetime) -> None:
        self._previous: dict[str, Any] = dict(obj.get("status") or {})
        self._generation: int = obj["metadata"].get("generation", 0)
        self._lasting = tuple(lasting)
        self._now = format_time(now)
        self._before = {entry["type"]: entry for entry in self._previous.get("conditions") or ()}
        self._said: dict[str, tuple[Answer, str, str]] = {}
        self._fields: dict[str, Any] = {}
        self._error: GloveboxError | None = None
        # What this reconcile knows the resource to show: the draft replaces that, and nothing that
        # came in between.
        self.replaces: Mapping[str, Any] = self._previous

    @property
    def error(self) -> GloveboxError | None:
        """Why the reconcile did not get to its end."""
        return self._error

    def say(self, condition: str, answer: Answer, reason: str, message: str = "") -> None:
        """Answer one condition."""
        self._said[condition] = (answer, reason, message[:_MESSAGE_MAX])

    def yes(self, condition: str, reason: str, message: str = "") -> None:
        """Answer one condition with True."""
        self.say(condition, types.TRUE, reason, message)

    def no(self, condition: str, reason: str, message: str = "") -> None:
        """Answer one condition with False."""
        self.say(condition, types.FALSE, reason, message)

    def unknown(self, condition: str, reason: str, message: str = "") -> None:
        """Answer one condition with Unknown."""
        self.say(condition, types.UNKNOWN, reason, message)

    def set(self, **fields: Any) -> None:
        """Set fields of the status, by their names in YAML; None removes one."""
        self._fields.update(fields)

    def failed(self, error: GloveboxError, condition: str | None = None) -> None:
        """Record why the reconcile ends here; the given condition is answered with it too."""
        self._error = error
        if condition is not None:
            self.no(condition, error.reason, error.message)

    def answer(self, condition: str) -> Answer:
        """Return the answer as it stands now: said in this reconcile, else from before, else Unknown."""
        if condition in self._said:
            return self._said[condition][0]
        before: Answer = self._before.get(condition, {}).get("status", types.UNKNOWN)
        return before

    def render(self, required: Iterable[str], ready: tuple[str, str]) -> dict[str, Any]:
        """Return the whole status.

        Args:
            required: The conditions that must all be True for Ready; the first that is not gives
                Ready its reason.
            ready: Reason and message of Ready when all is well.
        """
        self._summarise(required, ready)
        conditions = [self._condition(name) for name in (*self._lasting, *self._passing())]
        status = {
            **self._previous,
            **self._fields,
            "observedGeneration": self._generation,
            "conditions": conditions,
        }
        return {name: value for name, value in status.items() if value is not None}

    def _summarise(self, required: Iterable[str], ready: tuple[str, str]) -> None:
        error = self._error
        if error is not None:
            self.no(types.READY, error.reason, error.message)
            if isinstance(error, InvalidInput):
                self.yes(types.STALLED, error.reason, error.message)
            else:
                self.yes(
                    types.RECONCILING,
                    reasons.PENDING if isinstance(error, NotReady) else error.reason,
                    error.message,
                )
            return
        if types.READY in self._said:
            return
        for condition in required:
            if self.answer(condition) != types.TRUE:
                _, reason, message = self._current(condition)
                self.no(types.READY, reason, message)
                return
        self.yes(types.READY, *ready)

    def _passing(self) -> list[str]:
        """Reconciling and Stalled are present only while they are true (kstatus)."""
        return [
            name
            for name in (types.RECONCILING, types.STALLED)
            if self._said.get(name, ("False",))[0] == types.TRUE
        ]

    def _current(self, condition: str) -> tuple[Answer, str, str]:
        if condition in self._said:
            return self._said[condition]
        before = self._before.get(condition)
        if before is None:
            return (types.UNKNOWN, reasons.PENDING, "not looked at yet")
        return (before["status"], before["reason"], before.get("message", ""))

    def _condition(self, name: str) -> dict[str, Any]:
        answer, reason, message = self._current(name)
        before = self._before.get(name)
        since = (
            before["lastTransitionTime"]
            if before is not None and before["status"] == answer
            else self._now
        )
        return {
            "type": name,
            "status": answer,
            "observedGeneration": self._generation,
            "lastTransitionTime": since,
            "reason": reason,
            "message": message,
        }
