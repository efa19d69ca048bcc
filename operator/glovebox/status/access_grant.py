"""The condition of an AccessGrant: what a look at it found in, status out. Pure.

A grant is Ready while somebody may be let in by it, and once it has let in all that it was for:
nothing is wrong with one that is used up, and whoever waits for all that a repository declares does
not wait for it. One that was revoked or has expired stays so, and has to be taken out of the
repository. What is not in the ledger yet is not reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.access_grant import MAX_SHOWN, AccessGrant, GrantUse
from glovebox.data.counting import counted
from glovebox.errors import GloveboxError, Refused
from glovebox.status.builder import StatusBuilder
from glovebox.status.outcome import Outcome, done, of_error
from glovebox.status.summary import summarise
from glovebox.status.text import format_time

CONDITIONS: Final = (types.READY,)
_REVOKED: Final = "it was revoked: nothing is bound by it, and no credentials are issued for it"
_DELETED: Final = "it was deleted: nothing is bound by it, and no credentials are issued for it"


@dataclass(frozen=True, slots=True)
class Granting:
    """What a look at a grant found.

    Attributes:
        digest: Of what it grants.
        content_root: Of the content.
        store_ref: The ObjectStore in which uses are recorded.
        uses: All uses that were taken, by number; None where the records were not read.
    """

    digest: str
    content_root: str
    store_ref: str
    uses: Sequence[GrantUse] | None = None


def compute_status(
    obj: Mapping[str, Any],
    grant: AccessGrant | None,
    outcome: Outcome,
    now: datetime,
    told: Outcome | None = None,
) -> dict[str, Any]:
    """Return the status that one look at a grant comes to.

    Args:
        obj: The grant as it was read.
        grant: The same, parsed; None where it cannot be.
        outcome: How the look ended; its facts are `Granting` as far as it came.
        now: The present time.
        told: How telling the ledger went, while it does not tell that this was granted.
    """
    before = obj.get("status") or {}
    builder = StatusBuilder(before, obj["metadata"].get("generation", 0), CONDITIONS, now)
    facts, used = outcome.facts, int(before.get("used") or 0)
    if isinstance(facts, Granting):
        builder.set(digest=facts.digest, contentRoot=facts.content_root, storeRef=facts.store_ref)
        if facts.uses is not None:
            used = len(facts.uses)
            _record_uses(builder, facts.uses)
    ready = (reasons.GRANTED, _words(grant, used))
    if grant is not None:
        if grant.is_withdrawn and not before.get("revokedTime"):
            builder.set(revokedTime=format_time(now))
        ended = why_ended(grant, now)
        if ended is not None:
            outcome = of_error(ended)
        elif used >= grant.spec.uses:
            outcome, ready = done(), (reasons.GRANT_USED_UP, _used_up(grant))
        elif told is not None and outcome.is_done:
            outcome = told
    summarise(builder, outcome, (), ready)
    return builder.render()


def compute_leaving_status(
    obj: Mapping[str, Any], reason: str, why: str, now: datetime
) -> dict[str, Any]:
    """Return the status of a grant that was deleted and waits: it is not in force any more.

    Args:
        obj: The grant as it was read.
        reason: What it waits for, in a word.
        why: The same, for a person.
        now: The present time.
    """
    generation = obj["metadata"].get("generation", 0)
    builder = StatusBuilder(obj.get("status"), generation, CONDITIONS, now)
    message = f"{_DELETED}; {why}"
    builder.mark_false(types.READY, reason, message)
    builder.mark_true(types.RECONCILING, reason, message)
    return builder.render()


def why_ended(grant: AccessGrant, now: datetime) -> GloveboxError | None:
    """Return why a grant is not in force any more; None while it is, also when it is used up."""
    if grant.is_withdrawn:
        return Refused(reasons.GRANT_REVOKED, _REVOKED)
    if grant.is_over(now):
        ended = format_time(grant.spec.expire_time)
        message = (
            f"it expired at {ended}: nothing is bound by it, and no credentials are issued for it;"
            " create another one if it is still needed"
        )
        return Refused(reasons.GRANT_EXPIRED, message)
    return None


def _used_up(grant: AccessGrant) -> str:
    taken = "its one use is" if grant.spec.uses == 1 else f"all of its {grant.spec.uses} uses are"
    return (
        f"{taken} taken, see `status.uses`, and nobody else is let in: create another AccessGrant"
        " under another name if more is to be granted"
    )


def _record_uses(builder: StatusBuilder, uses: Sequence[GrantUse]) -> None:
    ordered = sorted(uses, key=lambda use: (use.time, use.use))
    shown = [
        {
            "use": use.use,
            "experiment": use.experiment,
            "uid": use.uid,
            "digest": use.digest,
            "time": format_time(use.time),
        }
        for use in ordered[-MAX_SHOWN:]
    ]
    last = format_time(ordered[-1].time) if ordered else None
    builder.set(used=len(ordered), uses=shown or None, lastUsedTime=last)


def _words(grant: AccessGrant | None, used: int) -> str:
    if grant is None:
        return ""
    ends = format_time(grant.spec.expire_time)
    return f"{used} of {counted(grant.spec.uses, 'use')} taken, until {ends}"
