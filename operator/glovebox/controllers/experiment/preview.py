"""What would become of an Experiment, by the very rules that decide it, without any effect.

The phases `resolve`, `authorise` and `gate` are gone through over objects that somebody read. No
store is asked: whether inputs share objects or rows, and whether the run was started before, is
known by the operator alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.api.input_status import InputStatus
from glovebox.api.invalid import what_is_wrong
from glovebox.api.leakage_status import LeakStatus
from glovebox.controllers.experiment.authorise import authorise
from glovebox.controllers.experiment.bind import render_plan
from glovebox.controllers.experiment.gate import check_declared
from glovebox.controllers.experiment.leakage import covered
from glovebox.controllers.experiment.overlap_grants import overlap_grants, possible_overlaps
from glovebox.controllers.experiment.resolve import Resolved, resolve
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.ports import Claim, Ports
from glovebox.controllers.registry import Registry
from glovebox.controllers.shared_reads import SharedReads
from glovebox.controllers.team_budgets import check_team_budget
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.data.overlap import Overlap
from glovebox.desired.covered import needs_comparison
from glovebox.desired.leakage import leakage_sheet
from glovebox.desired.leakage_policy import check_known, check_overlap_allowed
from glovebox.desired.plan import Plan
from glovebox.errors import InvalidInput, Unavailable
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    OBJECT_STORE,
    Kind,
)
from glovebox.kube.resources import Key, Resources, Stored, references
from glovebox.kube.store import Change
from glovebox.settings import Settings
from glovebox.status.assumed import assumed_ready as as_if_ready
from glovebox.status.outcome import done

# Nobody but the operator's Deployment says which image it delivers with. No digest depends on it.
SOME_IMAGE: Final = "glovebox.invalid/operator@sha256:" + "0" * 64
_PINS: Final = frozenset({DATASET_PIN.kind, FEATURE_SET_PIN.kind})
_WITH_READY: Final = _PINS | {OBJECT_STORE.kind, ISOLATION_PROFILE.kind}


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of an Experiment.

    Attributes:
        plan: The objects that it would get.
        inputs: Its inputs with their pins.
        sheet: What is known of leaks without a look at the data.
        is_compared: Whether inputs of different roles share nothing is still to be looked at.
    """

    plan: Plan
    inputs: tuple[InputStatus, ...]
    sheet: tuple[LeakStatus, ...]
    is_compared: bool


@dataclass(slots=True)
class _Looking:
    """Those of the ports that only look; whatever asks for another one fails."""

    settings: Settings
    resources: Resources
    registry: Registry
    reader: _Namespaces
    shared_reads: SharedReads = field(default_factory=SharedReads)
    plans: dict[tuple[object, ...], Plan] = field(default_factory=dict)
    claims: dict[Key, Claim] = field(default_factory=dict)

    def wake(self, key: Key) -> None:
        """Wake nobody."""


@dataclass(frozen=True, slots=True)
class _Namespaces:
    """The namespaces that were read, by name."""

    known: Mapping[str, Mapping[str, Any]]

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Mapping[str, Any]:
        """Return a namespace."""
        del namespace
        if name not in self.known:
            raise Unavailable(
                reasons.REJECTED,
                f"{kind.kind} '{name}' may not be read, and the store is granted by its labels",
            )
        return self.known[name]


async def preview(
    obj: Mapping[str, Any],
    known: Iterable[Mapping[str, Any]],
    now: datetime,
    *,
    namespaces: Mapping[str, Mapping[str, Any]],
    image: str = SOME_IMAGE,
) -> Preview:
    """Return what an Experiment would get.

    Args:
        obj: The Experiment, not bound, with a UID.
        known: Every other resource that it may depend on; of a team with a budget its other
            Experiments as well.
        now: The present time.
        namespaces: What is known of namespaces, by name; stores may be granted by their labels.
        image: The operator's image, by digest.

    Raises:
        InvalidInput: The operator would refuse it.
        NotReady: It would wait.
        Unavailable: What decides it could not be read.
    """
    registry = Registry()

    def changed(change: Change[Key, Stored]) -> None:
        registry.changed(change)

    resources = Resources(changed)
    for each in known:
        resources.seen(_stored(each))
    looking = _Looking(Settings(image=image), resources, registry, _Namespaces(namespaces))
    try:
        experiment = Experiment.model_validate(obj)
    except ValidationError as error:
        raise InvalidInput(reasons.INVALID_SPEC, what_is_wrong(error)) from None
    scope = Scope(cast("Ports", looking), obj, experiment, now)
    outcomes = Outcomes(resolve=await resolve(scope, Outcomes()))
    await authorise(scope, outcomes)
    resolved = outcomes.need("resolve", Resolved)
    check_declared(scope, resolved)
    if resolved.profile is not None:
        check_team_budget(scope.ports, experiment, resolved.profile)
    sheet, is_compared = _known_of_leaks(scope, resolved)
    outcomes["gate"] = done()
    return Preview(render_plan(scope, resolved, sheet), resolved.bound, sheet, is_compared)


def _known_of_leaks(scope: Scope, resolved: Resolved) -> tuple[tuple[LeakStatus, ...], bool]:
    if not resolved.datasets or resolved.profile is None:
        return (), False
    spec, rule = scope.experiment.spec, resolved.profile.spec.leakage.overlap
    allowed = spec.inputs.allow_overlap
    check_overlap_allowed(resolved.profile, allowed)
    inputs = tuple(covered(scope, entry) for entry in resolved.datasets)
    if rule != "Never":
        granted = overlap_grants(scope, resolved.bound, inputs, Overlap())
        # What else a grant lets pass is found by the operator, which compares.
        possible = possible_overlaps(scope, resolved.bound, inputs) if not granted else ()
        allowed = (*allowed, *(each.allowed for each in granted), *possible)
    rows = leakage_sheet(inputs, allowed, Overlap(), stages=spec.stages, rule=rule)
    is_compared = needs_comparison(inputs)
    if not is_compared:
        check_known(resolved.profile, rows)
    return rows, is_compared


def assumed_ready(known: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same objects as if each pin, store and profile were Ready.

    The digest of a pin that is not is made up, different for each: what is computed from it finds
    refusals that come later, and is no identity of anything.
    """
    found = [_as_ready(each) if each["kind"] in _WITH_READY else dict(each) for each in known]
    pins = {Key.of(each): each["status"]["digest"] for each in found if each["kind"] in _PINS}
    for each in found:
        if each["kind"] == ACCESS_GRANT.kind and not _is_settled(each):
            root = _granted_root(each, pins)
            if root:
                each.update(_as_ready(each))
                each["status"] |= {"contentRoot": root, "digest": _made_up(each)}
        if each["kind"] == FEATURE_SET_PIN.kind and not each["status"].get("inputs"):
            namespace = each["metadata"].get("namespace", "")
            each["status"]["inputs"] = [
                {
                    "name": entry["name"],
                    "digest": pins.get(
                        Key(DATASET_PIN.kind, namespace, entry["pinRef"]["name"]), _made_up(each)
                    ),
                }
                for entry in (each.get("spec") or {}).get("inputs") or ()
            ]
    return found


def _granted_root(grant: Mapping[str, Any], pins: Mapping[Key, str]) -> str:
    spec, namespace = grant["spec"], grant["metadata"]["namespace"]
    for ref, kind in (("pinRef", DATASET_PIN), ("featureSetRef", FEATURE_SET_PIN)):
        root = pins.get(Key(kind.kind, namespace, (spec.get(ref) or {}).get("name", "")))
        if root is not None:
            return root
    return spec.get("contentRoot") or ""


def unsettled(obj: Mapping[str, Any], known: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return which pins and grants of an Experiment nobody has seen the content of yet.

    Args:
        obj: The Experiment.
        known: What it may depend on.
    """
    own = obj["metadata"].get("namespace", "")
    experiment = Key(EXPERIMENT.kind, own, obj["metadata"]["name"])
    named = {each for each in references(experiment, obj.get("spec") or {}) if each.kind in _PINS}
    owners = {own, *(each.namespace for each in named)}
    found = []
    for each in known:
        key = Key.of(each)
        is_asked = key in named or (
            key.kind == ACCESS_GRANT.kind
            and key.namespace in owners
            and own in each["spec"].get("namespaces", ())
        )
        if is_asked and not _is_settled(each):
            found.append(f"{key.kind} {key.namespace}/{key.name}")
    return sorted(found)


def _is_settled(obj: Mapping[str, Any]) -> bool:
    status = obj.get("status") or {}
    return bool(status.get("contentRoot" if obj["kind"] == ACCESS_GRANT.kind else "digest"))


def _as_ready(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"generation": 1, **obj["metadata"]}
    status = as_if_ready(obj.get("status") or {}, metadata["generation"])
    if obj["kind"] in _PINS and not status.get("digest"):
        status["digest"] = _made_up(obj)
    return {**obj, "metadata": metadata, "status": status}


def _made_up(obj: Mapping[str, Any]) -> str:
    return DIGEST_PREFIX + hashlib.sha256(str(Key.of(obj)).encode()).hexdigest()


def _stored(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with what only the API server gives, where it was not there yet."""
    metadata = obj["metadata"]
    given = {"uid": f"of-{Key.of(obj)}", "resourceVersion": "1", "generation": 1}
    return {**obj, "metadata": {**given, **metadata}}
