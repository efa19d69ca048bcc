"""Where a pod of the operator's is scheduled: what the profile says, and what it asks for takes.

The fields are those of a pod's spec. Whoever else starts pods in an experiment's namespace is held
to what the chart allows (`glovebox-pods`); these pods are known to be the operator's, and may have
what the profile gives them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.placement import Accelerator, Scheduling, Toleration
from glovebox.data.digest import canonical_json


def placement(
    profile: IsolationProfile, accelerators: tuple[Accelerator, ...] = ()
) -> dict[str, Any]:
    """Return the fields of a pod's spec; none of them where nothing is said.

    Args:
        profile: The IsolationProfile.
        accelerators: Those that the pod asks for; what they take comes on top.
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


def _rendered(tolerations: Iterable[Toleration]) -> list[dict[str, Any]]:
    """Return each toleration once, in one order: they are a set."""
    found: dict[bytes, dict[str, Any]] = {}
    for each in tolerations:
        dumped = each.model_dump(mode="json", by_alias=True, exclude_none=True)
        if not dumped["value"]:
            del dumped["value"]
        found[canonical_json(dumped)] = dumped
    return [found[key] for key in sorted(found)]
