"""Why something is not Ready, down to what it waits for, with the next step. Pure.

The words are the API's own: a condition's message, and the meaning and the cure of its reason as
`docs/reference/conditions.md` has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from glovebox.api import conditions, reasons
from glovebox.api.base import Metadata
from glovebox.api.conditions import Condition, find_condition
from glovebox.report import words
from glovebox.report.conditions import tone
from glovebox.report.page import Tone
from glovebox.report.working import LOOK

_READ: Final = TypeAdapter(tuple[Condition, ...])
# Which Ready speaks for.
SUMMARIES: Final = frozenset({conditions.READY, conditions.RECONCILING, conditions.STALLED})


# What is waited for may never come, where it was not meant so.
_MISSING: Final = (
    "What it names does not exist: it continues by itself once that is created. A wrong name has"
    " to be"
    " corrected."
)
_HELD: Final = "It continues by itself once those that hold it are gone, and not before."
_GOES_ON: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            reasons.BUCKET_NOT_FOUND,
            reasons.EXPERIMENT_NOT_FOUND,
            reasons.INPUT_NOT_FOUND,
            reasons.PIN_NOT_FOUND,
            reasons.PROFILE_NOT_FOUND,
            reasons.PULL_SECRET_NOT_FOUND,
            reasons.SPLIT_NOT_FOUND,
            reasons.STORE_CREDENTIALS_NOT_FOUND,
            reasons.STORE_NOT_FOUND,
        ),
        _MISSING,
    ),
    reasons.DELETION_BLOCKED: _HELD,
    reasons.IN_USE: _HELD,
}


@dataclass(frozen=True, slots=True)
class Said:
    """A condition that is not as everybody wants it, and what to do about it.

    Attributes:
        condition: Its type.
        status: `True`, `False` or `Unknown`.
        reason: Its reason.
        message: What it says.
        means: What the reason means; empty where this version does not know it.
        cure: What to do.
    """

    condition: str
    status: str
    reason: str
    message: str
    means: str
    cure: str


@dataclass(frozen=True, slots=True)
class Why:
    """What is the matter with one object.

    Attributes:
        what: `Kind namespace/name`.
        is_ready: Whether it can be relied on, as far as it was looked at.
        ready: Its condition `Ready`, where it has one and is not Ready.
        notes: What else is to be known, in sentences.
        others: Other conditions that are not as everybody wants them.
        below: The same of what it refers to, where that is not Ready.
        is_known: Whether it could be read.
    """

    what: str
    is_ready: bool
    ready: Said | None
    notes: tuple[str, ...]
    others: tuple[Said, ...]
    below: tuple[Why, ...] = ()
    is_known: bool = True


def without(what: str, note: str, *, is_known: bool = True) -> Why:
    """Return what is to be said of an object that nothing can be read of.

    Args:
        what: `Kind namespace/name`.
        note: Why not, in a sentence.
        is_known: Whether at least that is sure.
    """
    return Why(what, is_ready=False, ready=None, notes=(note,), others=(), is_known=is_known)


def explain(
    what: str, obj: Mapping[str, Any], below: Sequence[Why], *, idle: str | None = None
) -> Why:
    """Return what is the matter with an object.

    Args:
        what: `Kind namespace/name`.
        obj: The object, as the API server has it.
        below: What is the matter with those that it refers to and that are not Ready.
        idle: Why nobody works on anything, in sentences; empty where that is told elsewhere; None
            where somebody does, as far as is known.
    """
    metadata = Metadata.model_validate(obj.get("metadata") or {})
    status = obj.get("status") or {}
    found = conditions_of(status)
    ready = find_condition(found, conditions.READY)
    is_stale = ready is not None and status.get("observedGeneration") != metadata.generation
    is_ready = ready is not None and ready.status == "True" and not is_stale
    return Why(
        what=what,
        is_ready=is_ready,
        ready=None if ready is None or ready.status == "True" else _said(ready),
        notes=tuple(_notes(metadata, status, found, idle, is_stale=is_stale)),
        others=tuple(
            _said(each)
            for each in found
            if each.type not in SUMMARIES
            and tone(each) is Tone.BAD
            # The seal comes last of all: that it is not there is no news of what is not Ready.
            and (is_ready or each.reason != reasons.NOT_SEALED)
            and (ready is None or (each.reason, each.message) != (ready.reason, ready.message))
        ),
        # What nobody may read is no reason for something that is Ready.
        below=tuple(each for each in below if each.is_known or not is_ready),
    )


def lines(why: Why, indent: str = "") -> Iterator[str]:
    """Yield what is the matter for people, line by line."""
    state = "is Ready" if why.is_ready else "is not Ready" if why.is_known else "is not known"
    reason = f": {why.ready.reason}" if why.ready is not None else ""
    yield f"{indent}{why.what} {state}{reason}"
    inner = f"{indent}  "
    if why.ready is not None:
        yield from _told(why.ready, inner)
    for note in why.notes:
        yield f"{inner}{note}"
    for other in why.others:
        yield f"{inner}{other.condition} is {other.status}: {other.reason}"
        yield from _told(other, f"{inner}  ")
    for each in why.below:
        yield from lines(each, inner)


def document(why: Why) -> dict[str, Any]:
    """Return what is the matter for programs."""
    return {
        "what": why.what,
        "ready": why.is_ready,
        "because": _document(why.ready) if why.ready is not None else None,
        "notes": list(why.notes),
        "others": [_document(each) for each in why.others],
        "below": [document(each) for each in why.below],
    }


def _document(said: Said) -> dict[str, str]:
    return {
        "type": said.condition,
        "status": said.status,
        "reason": said.reason,
        "message": said.message,
        "means": said.means,
        "cure": said.cure,
    }


def _told(said: Said, indent: str) -> Iterator[str]:
    if said.message:
        yield f"{indent}{said.message}"
    if said.means:
        yield f"{indent}Meaning: {said.means}"
        yield f"{indent}Next:    {said.cure}"


def conditions_of(status: Mapping[str, Any]) -> tuple[Condition, ...]:
    """Return the conditions of a status as the API server has it; none where they are unknown."""
    try:
        return _READ.validate_python(status.get("conditions") or ())
    except ValidationError:
        return ()


def _said(condition: Condition) -> Said:
    meaning = reasons.MEANINGS.get(condition.reason)
    return Said(
        condition=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        means=meaning.means if meaning is not None else "",
        cure=meaning.cure if meaning is not None else "",
    )


def _notes(
    metadata: Metadata,
    status: Mapping[str, Any],
    found: tuple[Condition, ...],
    idle: str | None,
    *,
    is_stale: bool,
) -> Iterator[str]:
    def is_true(condition_type: str) -> bool:
        condition = find_condition(found, condition_type)
        return condition is not None and condition.status == "True"

    if idle:
        yield idle
    if not found:
        yield f"No operator has observed it yet.{_where_that_lasts(idle)}"
    if is_stale:
        yield (
            "This is about an earlier version of its spec: the newest was not observed yet."
            f"{_where_that_lasts(idle)}"
        )
    if metadata.deletion_timestamp is not None:
        held = f", and is held by {', '.join(metadata.finalizers)}" if metadata.finalizers else ""
        yield f"It has been going since {words.time(metadata.deletion_timestamp)}{held}."
    if status.get("whyRetained"):
        yield f"Its manifest is kept: {status['whyRetained']}"
    if is_true(conditions.STALLED):
        yield "Waiting does not help: somebody has to change something."
    elif is_true(conditions.RECONCILING) and idle is None:
        ready = find_condition(found, conditions.READY)
        yield _GOES_ON.get(
            ready.reason if ready is not None else "",
            "It is in progress, or waits for something: it continues by itself as soon as it can.",
        )


def _where_that_lasts(idle: str | None) -> str:
    return (
        ""
        if idle is not None
        else f" Where that lasts longer than a minute: does an operator run? {LOOK}"
    )
