"""Where a pod of the operator's is scheduled: what the profile says, and what it asks for takes.

The fields are those of a pod's spec. Whoever else starts pods in an experiment's namespace is held
to what the chart allows (`glovebox-pods`); these pods are known to be the operator's, and may have
what the profile gives them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glovebox import names
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.placement import Accelerator, Affinity, PodAffinity, Scheduling, Toleration
from glovebox.api.stages import Stage
from glovebox.data.digest import canonical_json


def placement(
    profile: IsolationProfile,
    accelerators: tuple[Accelerator, ...] = (),
    stage: Stage | None = None,
) -> dict[str, Any]:
    """Return the fields of a pod's spec; none of them where nothing is said.

    Args:
        profile: The IsolationProfile.
        accelerators: Those that the pod asks for; what they take comes on top.
        stage: Of which it is a worker; None for a pod that is none.
    """
    scheduling = profile.spec.scheduling or Scheduling()
    selector = dict(scheduling.node_selector)
    tolerations = [*scheduling.tolerations]
    runtime = scheduling.runtime_class_name
    for each in accelerators:
        selector |= each.node_selector
        tolerations += each.tolerations
        runtime = each.runtime_class_name or runtime
    fields = {
        "nodeSelector": dict(sorted(selector.items())),
        "tolerations": _rendered(tolerations),
        "affinity": _affinity(scheduling.affinity, stage),
        "topologySpreadConstraints": _spread(scheduling, stage),
        "priorityClassName": scheduling.priority_class_name,
        "runtimeClassName": runtime,
        "schedulerName": scheduling.scheduler_name,
    }
    return {name: value for name, value in fields.items() if value}


def why_apart(profile: IsolationProfile, accelerators: tuple[Accelerator, ...]) -> str | None:
    """Return what keeps a pod from having all of these at once; None when nothing does."""
    scheduling = profile.spec.scheduling or Scheduling()
    selector = {key: (value, "spec.scheduling") for key, value in scheduling.node_selector.items()}
    runtime: tuple[str, str] | None = None
    for each in accelerators:
        where = f"spec.accelerators[{each.resource}]"
        for key, value in sorted(each.node_selector.items()):
            known, said_by = selector.setdefault(key, (value, where))
            if known != value:
                return f"label {key} of a node is {known} in {said_by} and {value} in {where}"
        if each.runtime_class_name is not None:
            known, said_by = runtime or (each.runtime_class_name, where)
            if known != each.runtime_class_name:
                return (
                    f"the RuntimeClass is {known} in {said_by} and {each.runtime_class_name} in"
                    f" {where}"
                )
            runtime = known, said_by
    return None


def canonical_affinity(affinity: Affinity) -> dict[str, Any]:
    """Return what is said, each list in one order: none of them has one."""
    found: dict[str, Any] = _ordered(
        affinity.model_dump(mode="json", by_alias=True, exclude_none=True)
    )
    return found


def _ordered(said: Any) -> Any:
    if isinstance(said, dict):
        found = {name: _ordered(each) for name, each in said.items()}
        return {name: each for name, each in found.items() if each not in ({}, [])}
    if isinstance(said, list):
        return sorted((_ordered(each) for each in said), key=canonical_json)
    return said


def _affinity(affinity: Affinity | None, stage: Stage | None) -> dict[str, Any]:
    """Return the affinity of a pod; one that is alone in its stage is near to itself anyway."""
    if affinity is None:
        return {}
    found = canonical_affinity(affinity)
    if "podAffinity" not in found:
        return found
    del found["podAffinity"]
    if affinity.pod_affinity is None or stage is None or stage.workers == 1:
        return found
    return found | {"podAffinity": _near(affinity.pod_affinity, stage)}


def _near(affinity: PodAffinity, stage: Stage) -> dict[str, Any]:
    required = sorted(
        term.topology_key for term in affinity.required_during_scheduling_ignored_during_execution
    )
    preferred = sorted(
        (each.weight, each.pod_affinity_term.topology_key)
        for each in affinity.preferred_during_scheduling_ignored_during_execution
    )

    def term(key: str) -> dict[str, Any]:
        return {"topologyKey": key, "labelSelector": _workers(stage)}

    found = {
        "requiredDuringSchedulingIgnoredDuringExecution": [term(key) for key in required],
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": weight, "podAffinityTerm": term(key)} for weight, key in preferred
        ],
    }
    return {name: terms for name, terms in found.items() if terms}


def _spread(scheduling: Scheduling, stage: Stage | None) -> list[dict[str, Any]]:
    if stage is None or stage.workers == 1:
        return []
    return [
        each.model_dump(mode="json", by_alias=True) | {"labelSelector": _workers(stage)}
        for each in sorted(
            scheduling.topology_spread_constraints, key=lambda each: each.topology_key
        )
    ]


def _workers(stage: Stage) -> dict[str, Any]:
    """Return the selector of a stage's workers.

    Without namespaces it looks into the experiment's own alone.
    """
    return {"matchLabels": {names.LABEL_STAGE: stage.name}}


def _rendered(tolerations: Iterable[Toleration]) -> list[dict[str, Any]]:
    """Return each toleration once, in one order: they are a set."""
    found: dict[bytes, dict[str, Any]] = {}
    for each in tolerations:
        dumped = each.model_dump(mode="json", by_alias=True, exclude_none=True)
        if not dumped["value"]:
            del dumped["value"]
        found[canonical_json(dumped)] = dumped
    return [found[key] for key in sorted(found)]
