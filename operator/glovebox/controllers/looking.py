"""What one look at a resource comes to, for every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.engine.key_queue import Priority
from glovebox.errors import GloveboxError, InvalidInput


def _nothing() -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """The end of a look.

    Attributes:
        obj: The resource as it is known by now; the status is written on this version.
        status: The status that it should show; None leaves it as it is.
        retry_seconds: When to look again even if nothing happens.
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
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return InvalidInput(
        reasons.INVALID_SPEC,
        f"`{where}`: {problem['msg']}; correct the field (the installed CRDs may be older than this"
        " operator: apply the chart's CRDs)",
    )
