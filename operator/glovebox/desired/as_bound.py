"""An Experiment as it was bound, where what it declares cannot be read, or is not that. Pure.

The snapshot says all that the digest covers, and nothing else may take effect. What is free to edit
(purpose, life cycle, suspension) is taken from what is declared, field by field, as far as it can
be read; a life cycle that cannot be read opens nothing that was frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from pydantic import ValidationError

from glovebox import names
from glovebox.api.base import Model
from glovebox.api.experiment import Experiment, Lifecycle, Purpose
from glovebox.api.input_status import InputStatus
from glovebox.desired import quantity
from glovebox.desired.bound_snapshot import BoundSnapshot
from glovebox.desired.metadata import KubernetesObject
from glovebox.desired.plan import Plan
from glovebox.desired.snapshot import KEY_DIGEST, KEY_SNAPSHOT
from glovebox.errors import InvalidInput

_UNREADABLE: Final = "unreadable"
_LISTS: Final = {"DatasetPin": "datasets", "FeatureSetPin": "features"}


@dataclass(frozen=True, slots=True)
class AsBound:
    """What an Experiment goes on with.

    Attributes:
        snapshot: What was bound; its digest is the one that the status records.
        problem: Why what is declared does not count.
    """

    snapshot: BoundSnapshot
    problem: InvalidInput


def experiment_as_bound(bound: AsBound, obj: Mapping[str, Any]) -> Experiment:
    """Return an Experiment with what was bound in the place of what it declares.

    Raises:
        pydantic.ValidationError: Its status, or the snapshot, is not as this version knows it.
        KeyError, TypeError: Likewise.
    """
    return Experiment.model_validate({**obj, "spec": spec_as_bound(bound, obj)})


def spec_as_bound(bound: AsBound, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec that counts, as a user would write it.

    Raises:
        KeyError, TypeError: The snapshot is not as this version knows it.
    """
    covered = orjson.loads(bound.snapshot.text)
    images = covered.get("images") or {}
    spec = {
        "profile": covered["profile"],
        "inputs": {
            **_inputs(covered.get("inputs") or (), bound.snapshot.inputs),
            "allowOverlap": covered.get("allowOverlap") or [],
        },
        "images": [{"name": name, "reference": images[name]} for name in images],
        "config": covered.get("config") or {},
        "network": {
            "egress": covered.get("network") or [],
            "services": covered.get("services") or [],
            "useProxy": bool(covered.get("useProxy")),
        },
        "resources": {"quota": _quota(covered.get("resources") or {}, obj)},
        "artifacts": covered["artifacts"],
    }
    spec |= {name: covered[name] for name in ("stages", "code") if name in covered}
    return spec | _free(obj)


def plan_as_bound(plan: Plan, snapshot: BoundSnapshot) -> Plan:
    """Return a plan whose snapshot is, to the byte, the one that was bound.

    Another version of the operator may spell what the digest covers in another way.
    """
    covered = {KEY_SNAPSHOT: snapshot.text, KEY_DIGEST: snapshot.digest}

    def kept(obj: KubernetesObject) -> KubernetesObject:
        if obj["metadata"]["name"] != names.SNAPSHOT_CONFIG_MAP:
            return obj
        return {**obj, "data": {**obj["data"], **covered}}

    isolation = tuple(kept(obj) for obj in plan.isolation)
    return replace(plan, isolation=isolation, digest=snapshot.digest, snapshot=snapshot.text)


def _quota(covered: Mapping[str, str], obj: Mapping[str, Any]) -> dict[str, str]:
    """Return what was bound, in the spelling that is declared where that is the same amount.

    The snapshot has plain numbers; the API server keeps the spelling in which a quota was written.
    """
    resources = (obj.get("spec") or {}).get("resources")
    declared = resources.get("quota") if isinstance(resources, Mapping) else None
    found = dict(covered)
    for resource, amount in declared.items() if isinstance(declared, Mapping) else ():
        try:
            is_same = quantity.plain(str(amount)) == covered.get(resource)
        except InvalidInput:
            continue
        if is_same:
            found[resource] = str(amount)
    return found


def _inputs(
    covered: Iterable[Mapping[str, Any]], recorded: Iterable[InputStatus]
) -> dict[str, list[dict[str, Any]]]:
    pins = {entry.name: entry.pin_ref for entry in recorded}
    inputs: dict[str, list[dict[str, Any]]] = {}
    for entry in covered:
        namespace, _, name = pins[entry["name"]].rpartition("/")
        reference = {"name": name} | ({"namespace": namespace} if namespace else {})
        declared = {"name": entry["name"], "pinRef": reference}
        if "role" in entry:
            declared["role"] = entry["role"]
        inputs.setdefault(_LISTS[entry["kind"]], []).append(declared)
    return inputs


def _free(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is free to edit, as far as it can be read."""
    spec = obj.get("spec") or {}
    status = obj.get("status") or {}
    # What is frozen for a broken input is so by the status, and no longer than that says.
    frozen = status.get("state") == names.STATE_FROZEN and not status.get("brokenInputs")
    return {
        "purpose": _readable(
            Purpose, {"description": _UNREADABLE, "owner": _UNREADABLE}, spec.get("purpose")
        ),
        "lifecycle": _readable(
            Lifecycle, {"desired": "Frozen" if frozen else "Active"}, spec.get("lifecycle")
        ),
        "suspend": spec.get("suspend") is True,
    }


def _readable(model: type[Model], otherwise: dict[str, Any], declared: object) -> dict[str, Any]:
    """Return each declared field with which the model is valid, and what stands for the others."""
    found = dict(otherwise)
    for name, value in declared.items() if isinstance(declared, Mapping) else ():
        try:
            model.model_validate({**found, name: value})
        except ValidationError:
            continue
        found[name] = value
    return found
