"""The conditions of an object as marks and a table."""

from __future__ import annotations

from typing import Any, Final

from glovebox.api import conditions
from glovebox.api.base import Status
from glovebox.api.conditions import Condition
from glovebox.report import words
from glovebox.report.page import Mark, Section, Table, Tone

# Of these `True` is what nobody wants.
_UNWANTED: Final = frozenset(
    {
        conditions.RECONCILING,
        conditions.STALLED,
        conditions.DRIFT_DETECTED,
        conditions.PLATFORM_CHANGED,
        conditions.RETIRING,
    }
)


def tone(condition: Condition | None) -> Tone:
    """Return how a condition is meant."""
    if condition is None or condition.status == "Unknown":
        return Tone.WAITING
    wanted = (condition.status == "True") != (condition.type in _UNWANTED)
    return Tone.GOOD if wanted else Tone.BAD


def answer(status: Status, condition_type: str, good: str, bad: str) -> Mark | None:
    """Return a condition in a word; None where it is not there.

    Args:
        status: Whose it is.
        condition_type: The condition.
        good: The word when it is as everybody wants it.
        bad: The word when it is not.
    """
    return in_a_word(status.condition(condition_type), good, bad)


def in_a_word(condition: Condition | None, good: str, bad: str) -> Mark | None:
    """Return a condition in a word; None for none.

    Args:
        condition: The condition.
        good: The word when it is as everybody wants it.
        bad: The word when it is not.
    """
    if condition is None:
        return None
    how = tone(condition)
    return Mark({Tone.GOOD: good, Tone.BAD: bad}.get(how, "Not known"), how)


def readiness(status: Status) -> tuple[Mark, str]:
    """Return whether it is Ready as a mark, and what is the matter in a sentence."""
    ready, stalled = status.condition(conditions.READY), status.condition(conditions.STALLED)
    if ready is None:
        return Mark("Not observed yet", Tone.WAITING), ""
    if ready.status == "True":
        return Mark("Ready", Tone.GOOD), ready.message
    text = "Stalled" if stalled is not None and stalled.status == "True" else "Not Ready"
    return Mark(text, tone(ready) if text != "Stalled" else Tone.BAD), ready.message


def section(status: Status) -> Section:
    """Return all conditions, `Ready` first."""
    ordered: list[Any] = sorted(
        status.conditions, key=lambda each: (each.type != conditions.READY, each.type)
    )
    rows = tuple(
        (
            each.type,
            Mark(each.status, tone(each)),
            each.reason,
            each.message,
            words.time(each.last_transition_time),
        )
        for each in ordered
    )
    return Section(
        "Conditions", (Table(("Condition", "Status", "Reason", "What it says", "Since"), rows),)
    )
