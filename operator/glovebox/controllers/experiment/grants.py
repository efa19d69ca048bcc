"""The AccessGrants that inputs need, and whether those that were bound are still in force.

    resolve     each input that needs a grant has one that covers it, else it is refused
    uses        a use of each is taken, in the store, where one writer wins (`grant_uses.py`)
    bind        records them with the inputs
    afterwards  what was withdrawn or has expired is reported, and gets no credentials any more

A grant is needed for a pin of another namespace, of data or of definitions; for content that a pin
in this namespace, or an older one in another, asks a grant for; for a part of such content; and for
roles that the profile asks one for. It is always a grant of the namespace that asks. What names a
content by another pin changes nothing: the registry finds all of them by content root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.input_status import MAX_GRANTS, InputGrant, InputStatus
from glovebox.controllers.experiment.scope import Scope
from glovebox.controllers.ports import Ports
from glovebox.controllers.splits import within
from glovebox.desired.grants import Wanted, choose_grant, grant_digest, not_granted
from glovebox.errors import Refused
from glovebox.kube.answers import NotFound
from glovebox.kube.kinds import ACCESS_GRANT
from glovebox.kube.resources import Key
from glovebox.status.references import Pin
from glovebox.status.text import format_time

_ELSEWHERE: Final = "`pinRef.namespace` names another namespace"


@dataclass(frozen=True, slots=True)
class Asking:
    """An input, as far as grants depend on it.

    Attributes:
        name: Of the input.
        role: What it is used for; definitions are used as `features`.
        namespace: Of its pin.
        by_profile: The roles that the profile asks grants for.
    """

    name: str
    role: str
    namespace: str
    by_profile: tuple[str, ...] = ()


def require_grants(scope: Scope, asking: Asking, pin: Pin | None) -> tuple[InputGrant, ...]:
    """Return the grants by which an input may be used: one for each who asks, and each content.

    Args:
        scope: The look.
        asking: The input.
        pin: Its pin; None where there is none that can be read.

    Raises:
        Refused: One is missing, or does not count any more. Of a pin in another namespace this says
            the same whether the pin is there or not.
        NotReady: One was not looked at yet, or the need ends by itself.
    """
    if pin is None or not pin.status.digest:
        if asking.namespace != scope.experiment.namespace:
            raise not_granted(_wanted(scope, asking, "", asking.namespace, _ELSEWHERE))
        return ()  # what is missing at home is told as such
    needed = _needed(scope, asking, pin)
    chosen = []
    for (owner, _), each in needed.items():
        # The first is that of the pin's namespace: without it, nothing is told of how many ask.
        chosen.append(choose_grant(each, grants_in(scope.ports, owner), scope.now))
        if len(needed) > MAX_GRANTS:
            raise Refused(
                reasons.NOT_GRANTED,
                f"input `{asking.name}`: not granted. More than {MAX_GRANTS} namespaces ask for a"
                " grant for this content; ask the platform's owner who of them has to",
            )
    return tuple(chosen)


def _needed(scope: Scope, asking: Asking, pin: Pin) -> Mapping[tuple[str, str], Wanted]:
    """Return whose grant is needed for which content, by both."""
    needed: dict[tuple[str, str], Wanted] = {}
    root = pin.status.digest
    if asking.namespace != scope.experiment.namespace:
        elsewhere = _wanted(scope, asking, root, asking.namespace, _ELSEWHERE)
        needed[asking.namespace, root] = elsewhere
    elif asking.role in asking.by_profile:
        why = f"the profile asks for a grant for inputs of role `{asking.role}`"
        needed[asking.namespace, root] = _wanted(scope, asking, root, asking.namespace, why)
    if not isinstance(pin, DatasetPin):
        return needed  # of definitions nobody asks for more
    # What is a part of some content is asked for as that is: dividing it gets around nothing.
    for content in (root, *(each.source_digest for each in within(pin))):
        what = "this content" if content == root else "the content that it is a part of"
        for other in _asking_pins(scope, pin, content):
            use, owner = other.spec.use, other.namespace
            if use is None or not use.demands_grant(asking.role, scope.now):
                continue
            is_own = owner == scope.experiment.namespace
            who = f"DatasetPin '{other.name}'" if is_own else f"namespace '{owner}'"
            why = f"{who} asks for a grant for {what}"
            until = None if asking.role in use.grant_for else use.embargo_until_time
            wanted = replace(_wanted(scope, asking, content, owner, why), until=until)
            former = needed.get((owner, content))
            if former is None or (former.until is not None and _is_later(until, former.until)):
                needed[owner, content] = wanted
    return needed


def _is_later(until: datetime | None, former: datetime) -> bool:
    return until is None or until > former


def _asking_pins(scope: Scope, pin: DatasetPin, root: str) -> Iterator[DatasetPin]:
    """Yield the pins of a content whose word counts for a pin of it, or of a part of it.

    In the namespaces of the pin and of the Experiment all do. Elsewhere those that are not younger
    than the pin, or than what its namespace divided: who pins somebody's data later cannot keep
    them from their own.
    """
    near = {pin.namespace, scope.experiment.namespace}
    others = list(_pins_of(scope.ports, root))
    own = (pin, *(each for each in others if each.namespace == pin.namespace))
    made = min(filter(None, (each.metadata.creation_timestamp for each in own)), default=None)
    for other in others:
        since = other.metadata.creation_timestamp
        if other.namespace in near or made is None or since is None or since <= made:
            yield other


def _pins_of(ports: Ports, root: str) -> Iterator[DatasetPin]:
    for key in ports.registry.pins_of(root):
        try:
            pin = ports.resources.parsed(key, DatasetPin)
        except ValidationError:
            continue
        if pin is not None:
            yield pin


def _wanted(scope: Scope, asking: Asking, root: str, owner: str, why: str) -> Wanted:
    return Wanted(
        what=f"input `{asking.name}`",
        root=root,
        role=asking.role,
        team=scope.experiment.namespace,
        uid=scope.experiment.uid,
        owner=owner,
        why=why,
        ticket=scope.experiment.spec.purpose.ticket,
    )


def grants_in(ports: Ports, namespace: str) -> Iterator[AccessGrant]:
    """Yield the grants of a namespace that can be read."""
    for key in ports.registry.grants_in(namespace):
        try:
            grant = ports.resources.parsed(key, AccessGrant)
        except ValidationError:
            continue
        if grant is not None:
            yield grant


def lapsed_inputs(ports: Ports, inputs: Iterable[InputStatus], now: datetime) -> dict[str, Refused]:
    """Return why inputs may not be read any more, by the name of the input."""
    found: dict[str, Refused] = {}
    for entry in inputs:
        for grant in entry.reading_grants:
            lapsed = why_lapsed(ports, grant, now)
            if lapsed is not None:
                found[entry.name] = Refused(
                    lapsed.reason, f"input `{entry.name}`: {lapsed.message}"
                )
    return found


def next_expiry(inputs: Iterable[InputStatus], now: datetime) -> float | None:
    """Return in how many seconds the next of the bound grants ends; None where none does."""
    ends = [grant.expire_time for entry in inputs for grant in entry.reading_grants]
    return min(((end - now).total_seconds() for end in ends if end > now), default=None)


def why_lapsed(ports: Ports, grant: InputGrant, now: datetime) -> Refused | None:
    """Return why a grant that was bound is not in force any more; None where it is."""
    namespace, _, name = grant.grant_ref.partition("/")
    try:
        live = ports.resources.parsed(Key(ACCESS_GRANT.kind, namespace, name), AccessGrant)
    except ValidationError:
        live = None
    return judge_grant(live, grant, now)


async def require_live(ports: Ports, grant: InputGrant, now: datetime) -> None:
    """Accept a grant as the API server has it now, whatever a watch may not have told yet.

    Raises:
        Refused: `GrantRevoked` or `GrantExpired`.
        GloveboxError: The API server does not answer.
    """
    namespace, _, name = grant.grant_ref.partition("/")
    try:
        live = AccessGrant.model_validate(await ports.reader.get(ACCESS_GRANT, namespace, name))
    except (NotFound, ValidationError):
        live = None
    lapsed = judge_grant(live, grant, now)
    if lapsed is not None:
        raise lapsed


def judge_grant(live: AccessGrant | None, grant: InputGrant, now: datetime) -> Refused | None:
    """Return why a grant is not in force, given what has its name now.

    One that was created again and grants the same is the same yes.
    """
    what = f"AccessGrant '{grant.grant_ref}'"
    granted = live.status.content_root if live is not None else ""
    # Its pin may be another one by now, of the same name.
    is_other = bool(granted and grant.content_root) and granted != grant.content_root
    if live is None or is_other or grant_digest(live.spec) != grant.digest:
        return Refused(reasons.GRANT_REVOKED, f"{what} was deleted")
    if live.is_withdrawn:
        return Refused(reasons.GRANT_REVOKED, f"{what} was revoked")
    if live.is_over(now):
        ended = format_time(grant.expire_time)
        return Refused(reasons.GRANT_EXPIRED, f"{what} expired at {ended}")
    return None
