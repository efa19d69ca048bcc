"""The AccessGrants that let inputs of different roles share what was found in both.

Whoever owns what is used later (what is tested on, before what is trained on) says yes to it, by
content and in words of their own. These are the namespace of its pin, and every other one by whose
grant the input is used: a pin of the same bytes at home does not get around their word. A use of
each grant is taken like any other (`uses.py`), and it is recorded with that input.

It counts when an Experiment is bound. What is bound goes on when the grant ends: the comparison was
made once, the signed sheet says what is shared and whose yes that was, and nothing is compared
again. The data themselves are read by the grants that let them be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from glovebox.api import reasons
from glovebox.api.access_grant import AccessGrant
from glovebox.api.experiment_inputs import AllowedOverlap, SharedKind
from glovebox.api.input_status import InputGrant, InputStatus
from glovebox.controllers.experiment.grants import grants_in
from glovebox.controllers.experiment.scope import Scope
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import Covered, cut
from glovebox.desired.grants import Wanted, choose_grant
from glovebox.desired.inputs import pin_place
from glovebox.desired.leakage import without_reason
from glovebox.desired.leaks import Leak, Used, check_coverage, find_leaks, used_later
from glovebox.errors import Refused

_MAX_REASON: Final = 4096
# What tells whoever trains what is tested on.
_DATA: Final[tuple[SharedKind, ...]] = ("Objects", "Rows", "Texts")


@dataclass(frozen=True, slots=True)
class _Owner:
    """A namespace that is asked, and of which content: of all that an input is a part of."""

    namespace: str
    content: str


@dataclass(frozen=True, slots=True)
class GrantedOverlap:
    """Something that two inputs share, and the grant that lets them.

    Attributes:
        input: The one that is used later, whose content is granted.
        grant: As that input records it.
        allowed: The same as a reason for the leakage sheet.
    """

    input: str
    grant: InputGrant
    allowed: AllowedOverlap


def overlap_grants(
    scope: Scope, bound: tuple[InputStatus, ...], inputs: tuple[Covered, ...], overlap: Overlap
) -> tuple[GrantedOverlap, ...]:
    """Return the grants of what inputs share without a reason of the Experiment.

    What no grant is about is left out: the leakage sheet refuses it.

    Args:
        scope: The look.
        bound: The inputs with the grants by which they are used.
        inputs: Those that are datasets, with what their pins say of their coverage.
        overlap: What they have in common.

    Raises:
        Refused: A grant is revoked, has expired, is used up, or is for other tickets; or one of
            several owners lets it pass, and another does not.
        NotReady: It was not looked at yet.
    """
    check_coverage(inputs, overlap)
    found = []
    allowed = scope.experiment.spec.inputs.allow_overlap
    for leak in without_reason(find_leaks(inputs, overlap), allowed):
        used = used_later(leak, inputs)
        grants = {
            each: _about(scope, each, used, leak.kind) for each in _owners(scope, bound, used)
        }
        if not any(grants.values()):
            continue
        for owner, given in grants.items():
            if not given:
                raise _not_by_all(scope, leak, used, owner)
            chosen = choose_grant(_wanted(scope, owner, used, leak), given.values(), scope.now)
            why = given[chosen.grant_ref.partition("/")[2]].spec.reason
            said = f"AccessGrant '{chosen.grant_ref}': {why}"
            taken = chosen.model_copy(update={"overlap_with": (used.earlier.name,)})
            found.append(GrantedOverlap(used.later.name, taken, _allowed(used, leak.kind, said)))
    return tuple(found)


def possible_overlaps(
    scope: Scope, bound: tuple[InputStatus, ...], inputs: tuple[Covered, ...]
) -> tuple[AllowedOverlap, ...]:
    """Return which data inputs may share by grants, before anybody has compared them."""
    found = []
    for one, other in combinations(inputs, 2):
        if one.role == other.role:
            continue
        for kind in _DATA:
            used = used_later(Leak(one.name, other.name, kind, ""), inputs)
            grants = [_about(scope, each, used, kind) for each in _owners(scope, bound, used)]
            if all(grants):
                first = [next(iter(given.values())) for given in grants]
                said = [f"AccessGrant '{each.namespace}/{each.name}'" for each in first]
                found.append(_allowed(used, kind, "; ".join(said)))
    return tuple(found)


def with_overlap(
    bound: tuple[InputStatus, ...], granted: Iterable[tuple[str, InputGrant]]
) -> tuple[InputStatus, ...]:
    """Return inputs with the grants that let them share something, each grant once."""
    found: dict[str, dict[tuple[str, str], InputGrant]] = {}
    for name, grant in granted:
        mine = found.setdefault(name, {})
        which = grant.grant_ref, grant.content_root
        former = mine[which].overlap_with if which in mine else ()
        others = tuple(sorted({*former, *grant.overlap_with}))
        mine[which] = grant.model_copy(update={"overlap_with": others})
    return tuple(
        entry.model_copy(update={"grants": (*entry.grants, *found[entry.name].values())})
        if entry.name in found
        else entry
        for entry in bound
    )


def _owners(scope: Scope, bound: tuple[InputStatus, ...], used: Used) -> tuple[_Owner, ...]:
    """Return who is asked of the later of two inputs.

    A pin at home of somebody's bytes is used by their grant: who was asked for that is asked for
    this as well, of the content that they know.
    """
    entry = next(each for each in bound if each.name == used.later.name)
    home, _ = pin_place(entry.pin_ref, scope.experiment.namespace)
    others = [
        _Owner(grant.grant_ref.partition("/")[0], grant.content_root or entry.digest)
        for grant in entry.reading_grants
    ]
    return tuple(dict.fromkeys([_Owner(home, entry.digest), *others]))


def _about(scope: Scope, owner: _Owner, used: Used, kind: SharedKind) -> Mapping[str, AccessGrant]:
    """Return the grants that let the later of two inputs share that, in force or not, by name."""
    team = scope.experiment.namespace
    return {
        grant.name: grant
        for grant in grants_in(scope.ports, owner.namespace)
        if grant.lets_share(kind, used.earlier.role)
        and grant.covers(owner.content, team, used.later.role)
    }


def _wanted(scope: Scope, owner: _Owner, used: Used, leak: Leak) -> Wanted:
    return Wanted(
        what=leak.what,
        root=owner.content,
        role=used.later.role,
        team=scope.experiment.namespace,
        uid=scope.experiment.uid,
        owner=owner.namespace,
        why="inputs of different roles share data",
        ticket=scope.experiment.spec.purpose.ticket,
    )


def _not_by_all(scope: Scope, leak: Leak, used: Used, owner: _Owner) -> Refused:
    return Refused(
        reasons.NOT_GRANTED,
        f"{leak.what}: not granted by all whose grant it takes. Namespace '{owner.namespace}' is"
        f" asked as well, for input `{used.later.name}`: ask its owner for an AccessGrant there of"
        f" {owner.content} with `spec.overlap` (`withRoles: [{used.earlier.role}]`, `of:"
        f" [{leak.kind}]`) that names namespace '{scope.experiment.namespace}' and role"
        f" `{used.later.role}`",
    )


def _allowed(used: Used, kind: SharedKind, reason: str) -> AllowedOverlap:
    return AllowedOverlap(
        inputs=(used.earlier.name, used.later.name), of=(kind,), reason=cut(reason, _MAX_REASON)
    )
