"""What a phase reports: the only thing that travels from code that acts to code that judges.

A phase never writes a condition and never raises through another phase. It returns an outcome; the
status modules turn the outcomes of one look into conditions, purely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from glovebox.api import reasons
from glovebox.desired.drift import Applied
from glovebox.errors import (
    Forbidden,
    GloveboxError,
    InvalidInput,
    NotReady,
    Rejected,
)


@dataclass(frozen=True, slots=True)
class Grace:
    """How long a failure that may pass changes no condition of what stands; both have to pass.

    Attributes:
        seconds: Since it failed first.
        attempts: How often it failed in a row.
    """

    seconds: float = 300.0
    attempts: int = 3


GRACE: Final = Grace()
_SURE_SECONDS: Final = 5.0


class Verdict(Enum):
    """How a phase ended."""

    DONE = "done"
    WAITING = "waiting for"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one phase found and did.

    Attributes:
        verdict: Done; waiting for something that moves by itself; refused until a person acts;
            failed by an error that is tried again; skipped because an earlier phase is not done.
        reason: The reason word, unless done.
        message: For a person: what was attempted, on what, and the cure. Stable: no times, counters
            or request ids, because each change of it is a write.
        facts: What later phases and the status need; a value of the phase's own type.
        applied: What was done to objects, in order.
        retry_seconds: When to look again even if nothing happens; None waits for an event.
        error: The error behind `failed`.
        definite: Whether a failure is an answer (a refusal), and not the absence of one.
        failing_seconds: For how long the phase has been failing without a break.
        attempts: How many looks in a row it failed.
        differs: Whether a failure left something that is known to be other than declared.
        obj: The resource as the API server holds it after a write of this phase; None without one.
    """

    verdict: Verdict = Verdict.DONE
    reason: str = ""
    message: str = ""
    facts: Any = None
    applied: tuple[Applied, ...] = ()
    retry_seconds: float | None = None
    error: GloveboxError | None = None
    definite: bool = False
    failing_seconds: float = 0.0
    attempts: int = 0
    differs: bool = False
    obj: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def is_done(self) -> bool:
        """Whether the phase reached its end."""
        return self.verdict is Verdict.DONE

    @property
    def is_failed(self) -> bool:
        """Whether an error kept the phase from its end."""
        return self.verdict is Verdict.FAILED

    def is_lasting(self, grace: Grace) -> bool:
        """Whether a failure lasted longer than it is held back."""
        return (
            self.is_failed
            and self.failing_seconds >= grace.seconds
            and self.attempts >= grace.attempts
        )

    def with_failure(
        self, seconds: float, attempts: int, *, differs: bool = False, is_shown: bool = False
    ) -> Outcome:
        """Return this with how long it has been failing, and whether it left something broken.

        A missing right is an answer only when it is one again: an API server that has just started
        denies what it allows a moment later. Where the status shows it already, it is one again: a
        process that has just started takes nothing back.
        """
        early = isinstance(self.error, Forbidden) and seconds < _SURE_SECONDS and not is_shown
        definite = self.definite and not early
        return replace(
            self, failing_seconds=seconds, attempts=attempts, definite=definite, differs=differs
        )


def done(
    facts: Any = None,
    *,
    applied: tuple[Applied, ...] = (),
    retry_seconds: float | None = None,
    message: str = "",
    obj: Mapping[str, Any] | None = None,
) -> Outcome:
    """Return the outcome of a phase that reached its end."""
    return Outcome(
        Verdict.DONE,
        message=message,
        facts=facts,
        applied=applied,
        retry_seconds=retry_seconds,
        obj=obj,
    )


def waiting(
    reason: str, message: str, *, facts: Any = None, retry_seconds: float | None = None
) -> Outcome:
    """Return the outcome of a phase that waits for something which moves by itself."""
    return Outcome(Verdict.WAITING, reason, message, facts=facts, retry_seconds=retry_seconds)


def skipped(because: str) -> Outcome:
    """Return the outcome of a phase that did not run because an earlier one is not done."""
    return Outcome(Verdict.SKIPPED, reasons.PENDING, f"waits for phase `{because}`")


def of_error(error: Exception, *, facts: Any = None, applied: tuple[Applied, ...] = ()) -> Outcome:
    """Return the outcome that an error stands for. An unknown exception is a failure as well."""
    if not isinstance(error, GloveboxError):
        problem = GloveboxError(
            reasons.INTERNAL_ERROR,
            f"the operator failed unexpectedly ({type(error).__name__}); its log has the details",
        )
        return Outcome(
            Verdict.FAILED, problem.reason, problem.message, facts, applied, error=problem
        )
    if isinstance(error, NotReady):
        return Outcome(
            Verdict.WAITING,
            error.reason,
            error.message,
            facts,
            applied,
            retry_seconds=error.retry_seconds,
        )
    if isinstance(error, InvalidInput):
        return Outcome(Verdict.REFUSED, error.reason, error.message, facts, applied, error=error)
    return Outcome(
        Verdict.FAILED,
        error.reason,
        error.message,
        facts,
        applied,
        error=error,
        definite=isinstance(error, Forbidden | Rejected),
    )
