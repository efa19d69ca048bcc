"""The AccessGrants that let inputs of different roles share what was found in both.

Whoever owns what is used later (what is tested on, before what is trained on) says yes to it, by
content and in words of their own. A use of the grant is taken like any other (`uses.py`), and it is
recorded with that input.

It counts when an Experiment is bound. What is bound goes on when the grant ends: the comparison was
made once, the signed sheet says what is shared and whose yes that was, and nothing is compared
again. The data themselves are read by the grants that let them be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from glovebox.api.access_grant import AccessGrant
from glovebox.api.experiment_inputs import AllowedOverlap, SharedKind
from glovebox.api.input_status import InputGrant, InputStatus
from glovebox.controllers.experiment.grants import grants_in
from glovebox.controllers.experiment.scope import Scope
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import Covered, cut
from glovebox.desired.grants import Wanted, choose_grant
from glovebox.desired.inputs import ResolvedInput
from glovebox.desired.leakage import without_reason
from glovebox.desired.leaks import Leak, Used, check_coverage, find_leaks, used_later

_MAX_REASON: Final = 4096
# What tells whoever trains what is tested on.
_DATA: Final[tuple[SharedKind, ...]] = ("Objects", "Rows")


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
    scope: Scope, datasets: tuple[ResolvedInput, ...], inputs: tuple[Covered, ...], overlap: Overlap
) -> tuple[GrantedOverlap, ...]:
    """Return the grants of what inputs share without a reason of the Experiment.

    What no grant is about is left out: the leakage sheet refuses it.

    Args:
        scope: The look.
        datasets: The datasets with their pins.
        inputs: The same with what their pins say of their coverage.
        overlap: What they have in common.

    Raises:
        Refused: The grant is revoked, has expired, is used up, or is for other tickets.
        NotReady: It was not looked at yet.
    """
    check_coverage(inputs, overlap)
    found = []
    allowed = scope.experiment.spec.inputs.allow_overlap
    for leak in without_reason(find_leaks(inputs, overlap), allowed):
        used = used_later(leak, inputs)
        grants = {each.name: each for each in _about(scope, datasets, used, leak.kind)}
        if not grants:
            continue
        chosen = choose_grant(_wanted(scope, datasets, used, leak), grants.values(), scope.now)
        why = grants[chosen.grant_ref.partition("/")[2]].spec.reason
        said = f"AccessGrant '{chosen.grant_ref}': {why}"
        bound = chosen.model_copy(update={"overlap_with": (used.earlier.name,)})
        found.append(GrantedOverlap(used.later.name, bound, _allowed(used, leak.kind, said)))
    return tuple(found)


def possible_overlaps(
    scope: Scope, datasets: tuple[ResolvedInput, ...], inputs: tuple[Covered, ...]
) -> tuple[AllowedOverlap, ...]:
    """Return which data inputs may share by a grant, before anybody has compared them."""
    found = []
    for one, other in combinations(inputs, 2):
        if one.role == other.role:
            continue
        for kind in _DATA:
            used = used_later(Leak(one.name, other.name, kind, ""), inputs)
            grant = next(_about(scope, datasets, used, kind), None)
            if grant is not None:
                said = f"AccessGrant '{grant.namespace}/{grant.name}'"
                found.append(_allowed(used, kind, said))
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


def _about(
    scope: Scope, datasets: tuple[ResolvedInput, ...], used: Used, kind: SharedKind
) -> Iterator[AccessGrant]:
    """Yield the grants that let the later of two inputs share that, in force or not."""
    owner, team = _owners(scope, datasets)[used.later.name], scope.experiment.namespace
    for grant in grants_in(scope.ports, owner):
        if not grant.lets_share(kind, used.earlier.role):
            continue
        if grant.covers(used.later.digest, team, used.later.role):
            yield grant


def _wanted(scope: Scope, datasets: tuple[ResolvedInput, ...], used: Used, leak: Leak) -> Wanted:
    return Wanted(
        what=leak.what,
        root=used.later.digest,
        role=used.later.role,
        team=scope.experiment.namespace,
        uid=scope.experiment.uid,
        owner=_owners(scope, datasets)[used.later.name],
        why="inputs of different roles share data",
        ticket=scope.experiment.spec.purpose.ticket,
    )


def _owners(scope: Scope, datasets: tuple[ResolvedInput, ...]) -> Mapping[str, str]:
    return {each.name: each.place(scope.experiment.namespace)[0] for each in datasets}


def _allowed(used: Used, kind: SharedKind, reason: str) -> AllowedOverlap:
    return AllowedOverlap(
        inputs=(used.earlier.name, used.later.name), of=(kind,), reason=cut(reason, _MAX_REASON)
    )
