"""What one look at a resource comes to, for every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.invalid import what_is_wrong
from glovebox.engine.key_queue import Priority
from glovebox.errors import GloveboxError, InvalidInput, NotReady

# What waits for another object is woken by it; what only a person corrects is not.
LOOK_AGAIN_SECONDS: Final = 60.0
_TRY_AGAIN_SECONDS: Final = 5.0


def _nothing() -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """The end of a look.

    Attributes:
        obj: The resource as it is known by now; the status is written on this version.
        status: The status that it should show; None leaves it as it is.
        retry_seconds: When to look again even if nothing happens. 0 is for what waits for nothing
            but this status: where it is not written, it is not at once.
        priority: How urgent that later look is; None as `engine.result.Result` says.
        error: An error that is tried again with backoff, not later than `retry_seconds`.
        after: Reports what happened, once the status was written.
    """

    obj: Mapping[str, Any]
    status: dict[str, Any] | None
    retry_seconds: float | None = None
    priority: Priority | None = None
    error: GloveboxError | None = None
    after: Callable[[], None] = _nothing


def invalid_spec(error: ValidationError) -> InvalidInput:
    """Return what a resource that does not parse says of itself."""
    return InvalidInput(
        reasons.INVALID_SPEC,
        f"{what_is_wrong(error)}; correct the field (the installed CRDs may be older than this"
        " operator: apply the chart's CRDs)",
    )


def seconds_after(error: GloveboxError) -> float:
    """Return when work on pinned data that could not begin is looked at again."""
    is_waiting = isinstance(error, NotReady | InvalidInput)
    return LOOK_AGAIN_SECONDS if is_waiting else _TRY_AGAIN_SECONDS


def earlier(one: float | None, other: float | None) -> float | None:
    """Return which of two looks is the earlier one; None for none."""
    return min((each for each in (one, other) if each is not None), default=None)
