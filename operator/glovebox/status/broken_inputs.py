"""What becomes of an Experiment whose bound inputs are found broken while it goes on. Pure.

The bound profile says it (`spec.data.onBrokenInput`). Only a definite answer of the store counts:
pinned versions that are gone, or that have other bytes. What does not answer, or cannot be read at
present, stops nothing. What was found is recorded before anything is done about it, so that
whoever comes after a process that died goes on with the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.data_rules import OnBrokenInput
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.input_status import BrokenInput, InputStatus

# Not what is unreadable: a disk that is away for a moment says that of the objects on it alone.
_BROKEN: Final = frozenset({reasons.OBJECTS_CHANGED, reasons.OBJECTS_MISSING})
_SHOWN: Final = 3
_MESSAGE: Final = 1024


def find_broken(
    recorded: Sequence[BrokenInput],
    bound: Iterable[InputStatus],
    pins: Mapping[str, object],
    action: OnBrokenInput,
    now: datetime,
    *,
    goes_on: bool,
    runs: bool = False,
) -> tuple[BrokenInput, ...]:
    """Return the inputs for which the experiment is stopped, as the status holds them from now on.

    Args:
        recorded: As the status has them.
        bound: The inputs as they were bound.
        pins: The pin of each as it is now, by the input's name; whatever is no DatasetPin says
            nothing.
        action: What the bound profile says.
        now: The present time.
        goes_on: Whether there is anything left that could be stopped.
        runs: Whether a run has begun of which no end is recorded. It is being stopped for what is
            recorded, which stays until then: it would else be one whose Job somebody deleted.
    """
    if action == "Warn":
        return tuple(recorded)
    entries = {entry.name: entry for entry in bound}
    kept = {
        each.name: each
        for each in recorded
        if each.action == "Fail"
        or runs
        or not _is_whole(entries.get(each.name), pins.get(each.name))
    }
    for name, entry in entries.items() if goes_on else ():
        found = _finding(entry, pins.get(name))
        if found is not None and name not in kept:
            reason, message = found
            kept[name] = BrokenInput(
                name=name,
                pin_ref=entry.pin_ref,
                pin_digest=entry.pin_digest,
                action=action,
                reason=reason,
                message=message[:_MESSAGE],
                found_time=now.replace(microsecond=0),
            )
    return tuple(kept[name] for name in sorted(kept))


def stops_for_good(broken: Iterable[BrokenInput]) -> bool:
    """Whether the experiment is over for what was found."""
    return any(each.action == "Fail" for each in broken)


def broken_of(status: Mapping[str, Any]) -> tuple[BrokenInput, ...]:
    """Return what a status has recorded of broken inputs."""
    return tuple(BrokenInput.model_validate(each) for each in status.get("brokenInputs") or ())


def describe_broken(broken: Sequence[BrokenInput]) -> str:
    """Return which inputs were found broken, with their pins."""
    told = [
        f"input `{each.name}`: DatasetPin '{each.pin_ref}': {each.message}"
        for each in broken[:_SHOWN]
    ]
    more = f"; and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
    return f"{'; '.join(told)}{more}"


def why_run_stopped(broken: Sequence[BrokenInput]) -> str:
    """Return the message of a run that was stopped for it."""
    return (
        f"the run was stopped, because what it reads is broken: {describe_broken(broken)}; a run is"
        " never started twice"
    )


def why_not_started(broken: Sequence[BrokenInput]) -> str:
    """Return the message of a run that has not started for it."""
    if stops_for_good(broken):
        return f"the run was not started, and never is: {describe_broken(broken)}"
    return f"the run starts when its inputs are whole again: {describe_broken(broken)}"


def why_frozen(broken: Sequence[BrokenInput]) -> str:
    """Return the message of what is frozen for it."""
    return (
        f"frozen by `spec.data.onBrokenInput` of the bound profile until the pin is whole again:"
        f" {describe_broken(broken)}; `spec.lifecycle.desired: Sealed` ends the experiment instead"
    )


def doubts_of_inputs(broken: Iterable[BrokenInput]) -> tuple[str, ...]:
    """Return what a seal says of it: one finding for each input."""
    return tuple(
        f"input `{each.name}`: DatasetPin '{each.pin_ref}' was found broken while the experiment"
        f" went on ({each.reason}), and it was stopped for that: {each.message}"
        for each in broken
    )


def _is_whole(entry: InputStatus | None, pin: object) -> bool:
    """Whether the very pin that was bound is verified; of another one, or of none, nobody knows."""
    if entry is None or not isinstance(pin, DatasetPin) or pin.uid != entry.uid:
        return False
    verified = pin.status.condition(types.VERIFIED)
    return verified is not None and verified.is_true


def _finding(entry: InputStatus, pin: object) -> tuple[str, str] | None:
    """Return what was definitely found of the versions that were bound, by whichever pin."""
    if not isinstance(pin, DatasetPin) or not entry.pin_digest:
        return None
    if pin.status.pin_digest != entry.pin_digest:
        return None
    verified = pin.status.condition(types.VERIFIED)
    if verified is None or verified.status != types.FALSE or verified.reason not in _BROKEN:
        return None
    return verified.reason, verified.message
