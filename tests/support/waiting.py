"""Waiting for a condition with an end, and with words for what never came."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_INTERVAL = 0.05


def lasting(look: Callable[[], object], *, what: str, seconds: float) -> None:
    """Fail as soon as `look` is false within so many seconds: for what must *not* happen.

    Prefer an event after which it would have happened; this is for where there is none.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = look()
        assert value, f"did not last: {what}; {end - time.monotonic():.1f} s before the end"
        time.sleep(_INTERVAL * 4)


def eventually(look: Callable[[], T | None], *, what: str, timeout: float = 40.0) -> T:
    """Return the first truthy value of `look`; fail with `what` and the last after `timeout`.

    An AssertionError from `look` counts as "not yet", so that a look can be a row of asserts that
    returns True.
    """
    deadline = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            value = look()
        except AssertionError as error:
            last = error
        else:
            if value:
                return value
            last = value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}; last seen: {last!r}")
        time.sleep(_INTERVAL)
