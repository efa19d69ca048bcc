"""Scratch that is a volume: a claim of each pod's own, of the class that the profile names.

Kubernetes makes the claim with the pod and removes it with the pod, so that no two pods ever see
the same one, and nothing that a run wrote there outlives its pods. A pod that has ended keeps its
own until it is removed: attempts that failed count with the others.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.stages import Stage
from glovebox.desired import quantity
from glovebox.desired.pods import RUN_USER

STORAGE: Final = "requests.storage"


def is_claimed(profile: IsolationProfile, stage: Stage) -> bool:
    """Return whether each pod of a stage has a volume of its own to write to."""
    return stage.scratch is not None and profile.spec.run.scratch is not None


def on_local_disk(profile: IsolationProfile, stage: Stage) -> Stage:
    """Return the stage as far as the node's own disk is concerned: a claim is none of it."""
    if not is_claimed(profile, stage):
        return stage
    return stage.model_copy(update={"scratch": None})


def scratch_volume(profile: IsolationProfile, stage: Stage) -> dict[str, Any]:
    """Return the source of the volume behind `/tmp`."""
    scratch = profile.spec.run.scratch
    if stage.scratch is None or scratch is None:
        return {"emptyDir": {}}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": quantity.total(stage.scratch)}},
        "storageClassName": scratch.storage_class_name,
        "volumeMode": "Filesystem",
    }
    return {"ephemeral": {"volumeClaimTemplate": {"spec": spec}}}


def scratch_group(profile: IsolationProfile, stage: Stage) -> dict[str, Any]:
    """Return what a pod's security context has on top: a fresh volume belongs to root.

    Where the cluster chooses the users, it chooses the group as well.
    """
    if not is_claimed(profile, stage) or profile.spec.user_ids == "OfNamespace":
        return {}
    return {"fsGroup": RUN_USER, "fsGroupChangePolicy": "OnRootMismatch"}


def claims_of_run(profile: IsolationProfile, stages: tuple[Stage, ...]) -> int:
    """Return how many claims the pods of a run can have, those that have ended among them."""
    return sum(stage.attempts for stage in stages if is_claimed(profile, stage))


def claimed_bytes(profile: IsolationProfile, stages: tuple[Stage, ...]) -> Decimal:
    """Return how much these claims ask for together."""
    return sum(
        (
            stage.attempts * quantity.parse(quantity.total(stage.scratch))
            for stage in stages
            if stage.scratch is not None and is_claimed(profile, stage)
        ),
        Decimal(0),
    )
