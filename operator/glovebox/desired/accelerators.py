"""Accelerators of a profile: what an experiment has of them, and every name a quota has for that.

One device goes by several names. A device plugin's is the extended resource (`nvidia.com/gpu`).
Where a driver offers it by dynamic resource allocation, a claim for its DeviceClass reaches the
same device, and the class is an extended resource of its own. A quota that counts one of the names
says nothing of the others, so all of them are set together, to one amount.

Kubernetes counts the claim that the scheduler makes for a pod under all names at once, and what the
pod asked for only once (`pkg/quota/v1/evaluator/core/resource_claims.go`).
"""

from __future__ import annotations

from decimal import ROUND_UP
from typing import Final

from glovebox.api.experiment import Experiment
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.placement import Accelerator
from glovebox.api.stages import Stage
from glovebox.desired import quantity
from glovebox.desired.stage_order import most_at_once
from glovebox.errors import InvalidInput

# Claims and their templates: none by default, whatever class they name.
CLAIMS: Final = "count/resourceclaims.resource.k8s.io"
CLAIM_TEMPLATES: Final = "count/resourceclaimtemplates.resource.k8s.io"
_CLAIMED_DEVICES: Final = "{}.deviceclass.resource.k8s.io/devices"
# As which every DeviceClass is a resource.
DEVICE_CLASS: Final = "deviceclass.resource.kubernetes.io/"
_IMPLICIT: Final = f"requests.{DEVICE_CLASS}{{}}"


def amount_of(experiment: Experiment, resource: str) -> str:
    """Return how much of an accelerator the experiment's namespace gets.

    That is what its quota names, else what its stages ask for at once; "0" where it speaks of none.
    """
    named = experiment.spec.resources.quota.get(f"requests.{resource}")
    if named is not None:
        return named
    amounts = {stage.name: stage.resources.get(resource, "0") for stage in experiment.spec.stages}
    # More than any number: it is refused with its field.
    unreadable = next((amount for amount in amounts.values() if quantity.why_none(amount)), None)
    if unreadable is not None:
        return unreadable
    asked = most_at_once(
        experiment.spec.stages, lambda stage: stage.workers * quantity.parse(amounts[stage.name])
    )
    return f"{asked:f}"


def used_accelerators(
    experiment: Experiment, profile: IsolationProfile
) -> tuple[tuple[Accelerator, int], ...]:
    """Return the accelerators of which the experiment has any, by name, each with how many.

    They are never more than the profile offers: who asks for more is refused, and until then what
    was asked for is no amount of anything.
    """
    amounts = (
        (each, _pieces(amount_of(experiment, each.resource), each.maximum))
        for each in profile.spec.accelerators
    )
    return tuple(
        (each, pieces)
        for each, pieces in sorted(amounts, key=lambda pair: pair[0].resource)
        if pieces
    )


def run_accelerators(profile: IsolationProfile, stage: Stage) -> tuple[Accelerator, ...]:
    """Return the accelerators that a stage asks for, by name."""
    asked = stage.extended_resources
    return tuple(
        sorted(
            (each for each in profile.spec.accelerators if each.resource in asked),
            key=lambda each: each.resource,
        )
    )


def accelerator_quota(experiment: Experiment, profile: IsolationProfile) -> dict[str, str]:
    """Return what the quota counts of accelerators: every name of each that is used."""
    quota: dict[str, str] = {}
    claims = 0
    for each, pieces in used_accelerators(experiment, profile):
        for name in quota_names(each):
            quota[name] = str(pieces)
        # The scheduler makes a claim for each pod, which has one of them at least.
        claims += pieces if each.device_class is not None else 0
    return quota | ({CLAIMS: str(claims)} if claims else {})


def quota_names(accelerator: Accelerator) -> tuple[str, ...]:
    """Return all names that a quota has for an accelerator."""
    named = f"requests.{accelerator.resource}"
    if accelerator.device_class is None:
        return (named,)
    return tuple(
        dict.fromkeys(
            (
                named,
                _CLAIMED_DEVICES.format(accelerator.device_class),
                _IMPLICIT.format(accelerator.device_class),
            )
        )
    )


def other_names(profile: IsolationProfile) -> frozenset[str]:
    """Return the names under which a quota counts accelerators, and no pod shall ask for them."""
    return frozenset(name for each in profile.spec.accelerators for name in quota_names(each)[1:])


def _pieces(amount: str, most: int) -> int:
    try:
        return min(int(quantity.parse(amount).to_integral_value(rounding=ROUND_UP)), most)
    except InvalidInput:
        return most  # more than any number; it is refused with its field
