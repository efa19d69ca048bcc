"""The budget of a team: what its other experiments have, and who is about to be bound.

Between the look at the others and the record of what was bound stands one request. Until it is
answered what it asks for is claimed in this process, so that of two experiments that are declared
at once one waits. Another process binds nothing meanwhile: it does not lead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.controllers.ports import Claim, Ports
from glovebox.desired.team_budget import counted, find_excess
from glovebox.errors import (
    Conflict,
    GloveboxError,
    InvalidInput,
    NotReady,
    Refused,
    Unavailable,
)
from glovebox.kube.kinds import EXPERIMENT, ISOLATION_PROFILE
from glovebox.kube.resources import Key

_CLAIM_SECONDS = 600.0
# Nobody tells when another experiment is sealed or gone.
_RETRY_SECONDS = 30.0


def check_team_budget(
    ports: Ports, experiment: Experiment, profile: IsolationProfile
) -> Mapping[str, str]:
    """Return what an experiment counts for that the budget of its team has room for, by resource.

    Raises:
        Refused: `TeamBudgetExceeded`: it alone is too much.
        NotReady: `TeamBudgetExceeded`: it is too much beside the others.
    """
    asked = counted(experiment, profile)
    excess = find_excess(profile, asked, _others(ports, experiment, profile))
    if excess is None:
        return asked
    message = excess.describe(experiment.namespace, profile.name)
    if excess.is_final:
        raise Refused(reasons.TEAM_BUDGET_EXCEEDED, message)
    raise NotReady(reasons.TEAM_BUDGET_EXCEEDED, message, retry_seconds=_RETRY_SECONDS)


@contextmanager
def claimed(
    ports: Ports, experiment: Experiment, profile: IsolationProfile
) -> Iterator[Mapping[str, str]]:
    """Claim what an experiment counts for while the block records it; yield that, by resource.

    What may have been recorded although nobody knows stays claimed, until it is seen or claimed
    again, and for ten minutes at most: an experiment that was edited meanwhile may never be bound.
    What is seen to be recorded counts before what was claimed.

    Raises:
        Refused, NotReady: As `check_team_budget`.
    """
    amounts = check_team_budget(ports, experiment, profile)
    if not amounts:
        yield amounts
        return
    key = Key(EXPERIMENT.kind, experiment.namespace, experiment.name)
    ports.claims[key] = Claim(amounts, ports.clock() + _CLAIM_SECONDS)
    try:
        yield amounts
    except GloveboxError as error:
        if not _may_be_recorded(error):
            del ports.claims[key]
        raise
    del ports.claims[key]


def _may_be_recorded(error: GloveboxError) -> bool:
    """Whether a status may be there that was not answered for."""
    if isinstance(error, Unavailable):
        return error.effect_unknown
    # Somebody wrote in between, perhaps this process: what is known here is older.
    return isinstance(error, Conflict)


def _others(
    ports: Ports, experiment: Experiment, profile: IsolationProfile
) -> dict[str, Mapping[str, str]]:
    """Return what the other experiments of the team count for, by name."""
    if not profile.spec.team_budget:
        return {}
    found: dict[str, Mapping[str, str]] = {}
    for key in ports.resources.users_of(Key(ISOLATION_PROFILE.kind, "", profile.name)):
        if key.kind != EXPERIMENT.kind or key.namespace != experiment.namespace:
            continue
        if key.name == experiment.name:
            continue
        amounts, claim = _bound(ports, key, profile), ports.claims.get(key)
        if amounts is None and claim is not None and ports.clock() < claim.until:
            amounts = claim.amounts
        if amounts:
            found[key.name] = amounts
    return found


def _bound(ports: Ports, key: Key, profile: IsolationProfile) -> Mapping[str, str] | None:
    """Return what a bound experiment counts for, nothing once that is given back; else None."""
    obj = ports.resources.get(key) or {}
    status = obj.get("status") or {}
    if not status.get("digest"):
        return None
    if status.get("state") == names.STATE_SEALED or (obj.get("spec") or {}).get("adopts"):
        return {}
    recorded = status.get("teamBudget") or {}
    if all(entry.resource in recorded for entry in profile.spec.team_budget):
        return recorded
    try:
        other = ports.resources.parsed(key, Experiment)
        # One that was bound before there was a budget has what it would ask for now.
        asked = counted(other, profile) if other is not None else {}
    except (ValidationError, InvalidInput):
        # It is kept as it was bound, and keeps nobody else from being looked at.
        asked = {}
    return {**asked, **recorded}
