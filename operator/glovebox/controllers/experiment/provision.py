"""The objects of an experiment's namespace, brought into being and kept: namespace, then walls side by side, then access."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.apply.applier import Applied, Drift
from glovebox.controllers.world import World
from glovebox.desired.plan import Plan
from glovebox.errors import NotReady, Refused
from glovebox.kube.kinds import ADDITIVE_KINDS, CHILD_KINDS, CONFIG_MAP, NAMESPACE, SECRET, kind_of
from glovebox.kube.objects import ObjectKey, key_of

_KINDS = {kind.kind: kind for kind in CHILD_KINDS}
_ADDITIVE = {kind.kind for kind in ADDITIVE_KINDS}


@dataclass(frozen=True, slots=True)
class Found:
    """What provisioning found and did.

    Attributes:
        uid: The namespace's UID.
        established: Whether the namespace stood complete before, so that differences are drift.
        applied: One entry for each object that was not as declared.
        failure: The first error; the other objects were seen to all the same.
    """

    uid: str
    established: bool
    applied: tuple[Applied, ...] = ()
    failure: BaseException | None = None

    @property
    def retry_seconds(self) -> float | None:
        """When to look at contended objects again."""
        return min(
            (one.retry_seconds for one in self.applied if one.retry_seconds is not None),
            default=None,
        )

    def plus(self, outcomes: Iterable[Applied | BaseException]) -> Found:
        """Return this with what else was not as declared, or failed."""
        outcomes = tuple(outcomes)
        applied = tuple(
            one for one in outcomes if isinstance(one, Applied) and one.outcome != "unchanged"
        )
        failures = [one for one in outcomes if isinstance(one, BaseException)]
        return replace(
            self,
            applied=self.applied + applied,
            failure=self.failure or (failures[0] if failures else None),
        )


async def namespace_stands(
    world: World, experiment: Experiment, plan: Plan, *, established: bool
) -> Found:
    """Create the namespace, or make sure that the one of that name is this experiment's own.

    Raises:
        Refused: Somebody else's namespace has the name; it is left untouched.
        NotReady: It is being deleted.
    """
    intent = plan.namespace
    key = key_of(NAMESPACE, intent)
    applied = await world.applier.ensure(
        intent, established=established, owns=lambda live: _check_owner(experiment, live)
    )
    child = world.children.get(key)
    if child is None:
        raise NotReady(reasons.NAMESPACE_TERMINATING, f"namespace `{key.name}` is going away")
    return Found(uid=child.uid, established=established).plus([applied])


async def walls_stand(world: World, profile: IsolationProfile, plan: Plan, found: Found) -> Found:
    """Make every wall as declared, side by side; `failure` tells of one that does not stand."""
    return found.plus(await _ensure_all(world, profile, plan.walls, established=found.established))


async def access_opens(
    world: World, profile: IsolationProfile, plan: Plan, found: Found, *, frozen: bool
) -> Found:
    """Bind the tenants last; remove what was not declared (all access, when frozen)."""
    access: tuple[Mapping[str, Any], ...] = () if frozen else plan.access
    found = found.plus(await _ensure_all(world, profile, access, established=found.established))
    declared = {key_of(kind_of(dict(obj)), obj) for obj in (plan.namespace, *plan.walls, *access)}
    # Not rendered any more once a feature pin is gone; what was delivered from it stays.
    declared.add(
        ObjectKey(CONFIG_MAP.kind, plan.namespace["metadata"]["name"], names.INPUTS_CONFIG_MAP)
    )
    return found.plus(
        await _remove_undeclared(
            world, profile, plan.namespace["metadata"]["name"], declared, found
        )
    )


async def _ensure_all(
    world: World,
    profile: IsolationProfile,
    intents: Iterable[Mapping[str, Any]],
    *,
    established: bool,
) -> list[Applied | BaseException]:
    wanted = []
    for intent in intents:
        policy = profile.spec.drift_policy(intent["kind"])
        if policy == "Ignore" and established:
            continue
        wanted.append(
            world.applier.ensure(intent, established=established, repair=policy != "Alert")
        )
    return await asyncio.gather(*wanted, return_exceptions=True)


async def _remove_undeclared(
    world: World, profile: IsolationProfile, namespace: str, declared: set[ObjectKey], found: Found
) -> list[Applied]:
    """Remove foreign policies and bindings (they add up, so each opens something) and objects of ours that are not wanted any more."""
    removed = []
    for key in world.children.in_namespace(namespace):
        if key in declared or key.kind in {NAMESPACE.kind, SECRET.kind}:
            continue
        ours = world.children.wanted(key) is not None or key.name in names.ADDITIVE_NAMES
        if not ours and key.kind not in _ADDITIVE:
            continue
        foreign = not ours and found.established
        drift = Drift(key, "unexpected") if foreign else None
        policy = profile.spec.drift_policy(key.kind)
        if foreign and policy != "Repair":
            removed.append(
                Applied(
                    "alerted" if policy == "Alert" else "unchanged",
                    drift if policy == "Alert" else None,
                )
            )
            continue
        removed.append(await world.applier.remove(_KINDS[key.kind], key, drift=drift))
    return removed


def _check_owner(experiment: Experiment, live: Mapping[str, Any]) -> None:
    metadata = live["metadata"]
    name = metadata["name"]
    labels = metadata.get("labels") or {}
    ours = (
        metadata["uid"] == experiment.status.namespace_uid
        or labels.get(names.LABEL_EXPERIMENT_UID) == experiment.metadata.uid
    )
    if not ours:
        raise Refused(
            reasons.NAMESPACE_TAKEN,
            f"namespace `{name}` exists and was not made for this Experiment; it is left untouched."
            " Rename or remove that namespace, or give the Experiment another name",
        )
    if metadata.get("deletionTimestamp"):
        raise NotReady(
            reasons.NAMESPACE_TERMINATING,
            f"namespace `{name}` is being deleted; it is made anew when it is gone",
        )
