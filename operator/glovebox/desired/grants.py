"""Which AccessGrant a use of data takes, and why there is none. Pure.

What is granted is content in a role for a namespace. A grant that names the namespace may say why
it does not count any more; of others, and of what they are about, nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant, AccessGrantSpec, GrantUse
from glovebox.api.input_status import InputGrant
from glovebox.data.digest import digest_of
from glovebox.errors import GloveboxError, NotReady, Refused
from glovebox.status.text import format_time

_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A use of data that takes a grant.

    Attributes:
        what: What needs it, for a person: an input, or a field.
        root: Content root of the data.
        role: What they are used for.
        team: Namespace of the Experiment.
        uid: Its UID.
        owner: Namespace whose grant is needed.
        why: Why one is needed, for a person: a half sentence.
        until: When none is needed any more; None where that does not come by itself.
        ticket: What the Experiment is for, as its purpose says; empty where it says none.
        takes_use: Whether it is counted. A comparison of statistics is not: it is no Experiment,
            has no ticket, and goes on being allowed when all uses are taken.
    """

    what: str
    root: str
    role: str
    team: str
    uid: str
    owner: str
    why: str
    until: datetime | None = None
    ticket: str = ""
    takes_use: bool = True


def grant_digest(spec: AccessGrantSpec) -> str:
    """Return the SHA-256 of what is granted, which never changes."""
    return digest_of(
        spec.model_dump(by_alias=True, mode="json", exclude_none=True, exclude={"revoked"})
    )


def choose_grant(wanted: Wanted, grants: Iterable[AccessGrant], now: datetime) -> InputGrant:
    """Return the grant that a use takes: one that it took already, else the one that ends first.

    Args:
        wanted: The use.
        grants: Those of the owner's namespace.
        now: The present time.

    Raises:
        Refused: `NotGranted`, `GrantRevoked`, `GrantExpired`, `GrantUsedUp`.
        NotReady: The grant is new and was not looked at, or the need ends by itself.
    """
    named = sorted(
        (grant for grant in grants if grant.covers(wanted.root, wanted.team, wanted.role)),
        key=lambda grant: (grant.spec.expire_time, grant.name),
    )
    covering = [grant for grant in named if grant.is_for(wanted.ticket)]
    in_force = [g for g in covering if not g.is_withdrawn and not g.is_over(now)]
    mine = [g for g in in_force if any(use.uid == wanted.uid for use in g.status.uses)]
    left = [g for g in in_force if g.status.used < g.spec.uses or not wanted.takes_use]
    ready = [g for g in left if _is_ready(g)]
    # Where the status does not show all, the records in the store say whether one is left.
    unsure = [g for g in in_force if g.status.used > len(g.status.uses)]
    fitting = mine or ready or (unsure if not left else [])
    if fitting:
        return as_bound(fitting[0])
    others = [g for g in named if not g.is_withdrawn and not g.is_over(now)]
    if others and not covering and wanted.until is None:
        raise _other_purpose(wanted, others[-1]) if wanted.takes_use else not_granted(wanted)
    raise _refusal(wanted, covering or named, in_force, left, now)


def as_bound(grant: AccessGrant) -> InputGrant:
    """Return a grant as an input records it, before a use of it is taken."""
    return InputGrant(
        grant_ref=f"{grant.namespace}/{grant.name}",
        uid=grant.uid,
        digest=grant.status.digest,
        content_root=grant.status.content_root,
        store_ref=grant.status.store_ref,
        uses=grant.spec.uses,
        expire_time=grant.spec.expire_time,
    )


def used_up(name: str, team: str, uses: Iterable[GrantUse]) -> str:
    """Return in words that a grant is used up, and by whom as far as that is the reader's to know.

    Args:
        name: `namespace/name` of the grant.
        team: Namespace of the reader.
        uses: Those that were taken.
    """
    taken = list(uses)
    said = "; ".join(
        f"by {_named(use, team)} at {format_time(use.time)}" for use in taken[-_NAMED:]
    )
    return f"AccessGrant '{name}' is used up ({said}): ask the owner of the data for another one"


def _named(use: GrantUse, team: str) -> str:
    namespace, _, name = use.experiment.partition("/")
    return f"Experiment '{name}'" if namespace == team else "an Experiment of another namespace"


def _is_ready(grant: AccessGrant) -> bool:
    ready = grant.status.condition(types.READY)
    return ready is not None and ready.is_true


def _refusal(
    wanted: Wanted,
    covering: list[AccessGrant],
    in_force: list[AccessGrant],
    left: list[AccessGrant],
    now: datetime,
) -> GloveboxError:
    what = wanted.what
    if left:
        ready = left[0].status.condition(types.READY)
        said = ready.message if ready is not None else "it was not observed yet"
        message = f"{what}: AccessGrant '{wanted.owner}/{left[0].name}' is not ready: {said}"
        return NotReady(reasons.GRANT_NOT_READY, message)
    if wanted.until is not None:
        message = (
            f"{what}: not granted. {wanted.why}: wait until {format_time(wanted.until)}, or ask the"
            f" owner of the data for an AccessGrant in '{wanted.owner}'"
        )
        return NotReady(
            reasons.NOT_GRANTED, message, retry_seconds=(wanted.until - now).total_seconds()
        )
    if in_force:
        grant = in_force[-1]
        said = used_up(f"{grant.namespace}/{grant.name}", wanted.team, grant.status.uses)
        return Refused(reasons.GRANT_USED_UP, f"{what}: {said}")
    ask = "ask the owner of the data for another one"
    expired = next((grant for grant in reversed(covering) if not grant.is_withdrawn), None)
    if expired is not None:
        ended = format_time(expired.spec.expire_time)
        message = f"{what}: AccessGrant '{wanted.owner}/{expired.name}' expired at {ended}; {ask}"
        return Refused(reasons.GRANT_EXPIRED, message)
    if covering:
        message = f"{what}: AccessGrant '{wanted.owner}/{covering[-1].name}' was revoked; {ask}"
        return Refused(reasons.GRANT_REVOKED, message)
    return not_granted(wanted)


def _other_purpose(wanted: Wanted, grant: AccessGrant) -> Refused:
    """Return the refusal of an Experiment that is for something else; of what, is not told."""
    said = f"says '{wanted.ticket}'" if wanted.ticket else "names none"
    return Refused(
        reasons.NOT_GRANTED,
        f"{wanted.what}: not granted. AccessGrant '{wanted.owner}/{grant.name}' is for"
        f" other tickets, and `spec.purpose.ticket` {said}: correct it if it is for the same, or"
        " ask the owner of the data for a grant for this purpose",
    )


def not_granted(wanted: Wanted) -> Refused:
    """Return the refusal that says nothing of what is there."""
    return Refused(
        reasons.NOT_GRANTED,
        f"{wanted.what}: not granted. {wanted.why}: ask the owner of namespace"
        f" '{wanted.owner}' for an AccessGrant there that names namespace '{wanted.team}' and role"
        f" `{wanted.role}`",
    )


def not_lending(store: str, owner: str) -> Refused:
    """Return the refusal of data that the platform does not let their namespace lend."""
    return Refused(
        reasons.STORE_NOT_LENDING,
        f"ObjectStore '{store}' does not let namespace '{owner}' lend these data to others: ask the"
        " platform's owner for `lend: true` in the entry of `spec.access` that covers them",
    )
