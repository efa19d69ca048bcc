"""What a profile, store or pin says of being held for those who use it. Pure.

`DeletionProtected` says whether it is; while a deletion waits, Ready says for whom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Grace, Outcome
from glovebox.status.text import held_by

_PASSING: Final = frozenset({types.READY, types.RECONCILING, types.STALLED})


def compute_held_status(
    obj: Mapping[str, Any], found: Mapping[str, Any] | None, held: str, now: datetime
) -> dict[str, Any]:
    """Return the status of a resource that stays until nobody uses it.

    Args:
        obj: The resource, which is being deleted.
        found: The status that its own look came to; None where it was not looked at.
        held: By whom it is held, in words.
        now: The present time.
    """
    message = (
        f"{held}; it goes when the last of them is deleted, sealed Experiments too, and nothing new"
        " may use it"
    )
    return _not_ready(obj, found, reasons.IN_USE, message, now)


def compute_blocked_status(
    obj: Mapping[str, Any],
    found: Mapping[str, Any] | None,
    finalizers: Sequence[str],
    now: datetime,
) -> dict[str, Any]:
    """Return the status of a resource that was deleted and that others keep from going.

    Args:
        obj: The resource, which is being deleted.
        found: The status that its own look came to; None where it was not looked at.
        finalizers: The ones that hold it, none of ours.
        now: The present time.
    """
    return _not_ready(obj, found, reasons.DELETION_BLOCKED, held_by(finalizers), now)


def _not_ready(
    obj: Mapping[str, Any],
    found: Mapping[str, Any] | None,
    reason: str,
    message: str,
    now: datetime,
) -> dict[str, Any]:
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    answers = {entry["type"]: entry for entry in status.get("conditions") or ()}
    shown = (types.READY, *(each for each in answers if each not in _PASSING))
    for entry in before.get("conditions") or ():
        if entry["type"] in {types.READY, types.RECONCILING}:
            answers[entry["type"]] = entry  # since when it waits is no news with each look
    status = {**status, "conditions": list(answers.values())}
    builder = StatusBuilder(status, obj["metadata"].get("generation", 0), shown, now)
    builder.mark_false(types.READY, reason, message)
    builder.mark_true(types.RECONCILING, reason, message)
    return builder.render()


def with_protection(
    obj: Mapping[str, Any],
    found: dict[str, Any] | None,
    marking: Outcome,
    grace: Grace,
    now: datetime,
) -> dict[str, Any] | None:
    """Return a status that says whether the resource is kept from going under its users.

    Nothing else of it changes, `Ready` least of all: what is not held can be used all the same.

    Args:
        obj: The resource, with the marks that it has now.
        found: The status that its own look came to; None where it leaves what there is.
        marking: How it ended to mark the resource as used, or as not used.
        grace: How long a failure that may pass changes no answer.
        now: The present time.
    """
    before: Mapping[str, Any] = obj.get("status") or {}
    status = found if found is not None else before
    if not status.get("conditions"):
        return found  # not looked at yet: nothing is said of it alone
    metadata = obj["metadata"]
    builder = StatusBuilder(before, metadata.get("generation", 0), (types.DELETION_PROTECTED,), now)
    _mark_protected(builder, metadata, marking, grace)
    entry = builder.render()["conditions"][0]
    others = [one for one in status["conditions"] if one["type"] != types.DELETION_PROTECTED]
    lasting = [one for one in others if one["type"] not in {types.RECONCILING, types.STALLED}]
    return {**status, "conditions": [*lasting, entry, *others[len(lasting) :]]}


def _mark_protected(
    builder: StatusBuilder, metadata: Mapping[str, Any], marking: Outcome, grace: Grace
) -> None:
    is_held = names.FINALIZER_IN_USE in (metadata.get("finalizers") or ())
    if marking.is_done:
        if is_held or "deletionTimestamp" not in metadata:
            message = "while anything refers to it, it is not deleted"
            builder.mark_true(types.DELETION_PROTECTED, reasons.PROTECTED, message)
        return
    if not marking.definite and not marking.is_lasting(grace):
        return
    what = f"finalizer `{names.FINALIZER_IN_USE}` or annotation `{names.ANNOTATION_USERS}`"
    cure = "exempt the operator from the policy, or give it the right, that the refusal names"
    if is_held:
        message = f"it is held, and its marks cannot be changed ({what}): {marking.message}; {cure}"
        builder.mark_true(types.DELETION_PROTECTED, marking.reason, message)
        return
    message = (
        f"it can be deleted under its users, because {what} could not be written:"
        f" {marking.message}; {cure}"
    )
    answer: Answer = types.FALSE if marking.definite else types.UNKNOWN
    builder.mark(types.DELETION_PROTECTED, answer, marking.reason, message)
