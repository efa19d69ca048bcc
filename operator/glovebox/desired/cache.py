"""The cache of a pin: one claim in the operator's namespace, filled once by a Job there.

It is never written again.

The Job runs the fetcher with a plan of one dataset; its credentials lie in a Secret that nobody
else mounts and that goes when the volume is full. Only a Job that completed makes a cache that is
served: the fetcher proves every byte before it ends well, and takes up what a killed one left. Job,
plan and Secret are owned by the claim, so that nothing of it outlives the volume.

Caches belong to a team: another team's pin of the same digest fills one of its own (see
`names.cache`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from glovebox import names
from glovebox.api.object_store import ObjectStore
from glovebox.data.delivery import FETCH_FINAL, DeliveryPlan, render_plan
from glovebox.desired import quantity
from glovebox.desired.delivery import PLAN_FILE, dataset_delivery, store_address
from glovebox.desired.inputs import ExperimentInputs, ResolvedInput, bytes_on_disk
from glovebox.desired.metadata import KubernetesObject
from glovebox.desired.pods import (
    CREDENTIALS_FOLDER,
    FETCH_COMMAND,
    FETCH_CONTAINER,
    FETCH_USER,
    PLAN_FOLDER,
    container_security,
    failure_rules,
)
from glovebox.desired.run_environment import INPUTS_FOLDER

# The folder of the files in the volume; beside it lies what the fetcher needs for itself.
CACHED_FOLDER: Final = "data"
_ATTEMPTS: Final = 6
# File systems take a part of a volume for themselves.
_OVERHEAD: Final = Decimal("1.1")
_SLACK_BYTES: Final = 64 << 20
# `mke2fs` gives a file system one inode for so many bytes, and no more ever after.
_BYTES_PER_INODE: Final = 16384


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache of one pin.

    Attributes:
        name: Of its claim, Job, plan and Secret alike.
        namespace: The operator's.
        team: The namespace of the pin.
        item: The dataset.
        storage_class: As the profile names it.
        access_mode: How it is claimed to be filled.
        size: What is claimed (bytes).
        pull_secrets: What opens the registry of the fetcher's image: the platform's own Secrets,
            which are in this very namespace.
    """

    name: str
    namespace: str
    team: str
    item: ResolvedInput
    storage_class: str
    access_mode: str
    size: str
    pull_secrets: tuple[str, ...] = ()


def cache_of(inputs: ExperimentInputs, item: ResolvedInput) -> Cache | None:
    """Return the cache of an input; None when the profile has no settings for caches any more."""
    settings = inputs.profile.spec.delivery.cache
    if settings is None:
        return None
    team = inputs.experiment.namespace
    needed = str(_needed_bytes(item))
    least = settings.minimum_size
    return Cache(
        name=names.cache(team, item.store, item.pin_digest, settings.storage_class_name),
        namespace=inputs.operator_namespace,
        team=team,
        item=item,
        storage_class=settings.storage_class_name,
        access_mode=settings.access_mode,
        size=quantity.canonical(needed if quantity.compare(needed, least) > 0 else least),
        pull_secrets=tuple(sorted(each.name for each in inputs.profile.spec.image_pull_secrets)),
    )


def _needed_bytes(item: ResolvedInput) -> int:
    """Return how large a volume has to be: for the blocks of its files, and for their inodes."""
    blocks = int(bytes_on_disk(item) * _OVERHEAD) + _SLACK_BYTES
    # A file, and the folder that it may have of its own.
    return max(blocks, item.objects * 2 * _BYTES_PER_INODE)


def cache_claim(cache: Cache) -> KubernetesObject:
    """Return the claim, which is the cache: everything else belongs to it."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": (
            _metadata(cache)
            | {
                "annotations": {
                    names.ANNOTATION_PIN_NAMESPACE: cache.team,
                    names.ANNOTATION_PIN_DIGEST: cache.item.pin_digest,
                }
            }
        ),
        "spec": {
            "accessModes": [cache.access_mode],
            "resources": {"requests": {"storage": cache.size}},
            "storageClassName": cache.storage_class,
            "volumeMode": "Filesystem",
        },
    }


def cache_plan(cache: Cache, store: ObjectStore, claim: Mapping[str, Any]) -> KubernetesObject:
    """Return the ConfigMap with what the Job shall bring."""
    plan = DeliveryPlan(
        datasets=(dataset_delivery(cache.item, CACHED_FOLDER),), stores=(store_address(store),)
    )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": owned_by_claim(cache, claim),
        "immutable": True,
        "data": {PLAN_FILE: render_plan(plan).decode()},
    }


def cache_job(cache: Cache, image: str, claim: Mapping[str, Any]) -> KubernetesObject:
    """Return the Job that fills the volume."""
    container = {
        "name": FETCH_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(FETCH_COMMAND),
        "securityContext": container_security(FETCH_USER),
        "volumeMounts": [
            {"name": "cache", "mountPath": INPUTS_FOLDER},
            {"name": "plan", "mountPath": PLAN_FOLDER, "readOnly": True},
            {"name": "credentials", "mountPath": CREDENTIALS_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the pod
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owned_by_claim(cache, claim),
        "spec": {
            "backoffLimit": _ATTEMPTS,
            # Two fetchers in one volume would take each other's files away.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": failure_rules({FETCH_CONTAINER: FETCH_FINAL})},
            "template": {
                "metadata": {"labels": _labels(cache)},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                        # A fresh volume belongs to root; where the plugin cannot hand it over, its
                        # maker has to.
                        "fsGroup": FETCH_USER,
                        "fsGroupChangePolicy": "OnRootMismatch",
                    },
                    **(
                        {"imagePullSecrets": [{"name": name} for name in cache.pull_secrets]}
                        if cache.pull_secrets
                        else {}
                    ),
                    "containers": [container],
                    "volumes": [
                        {"name": "cache", "persistentVolumeClaim": {"claimName": cache.name}},
                        {"name": "plan", "configMap": {"name": cache.name}},
                        {"name": "credentials", "secret": {"secretName": cache.name}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            },
        },
    }


def owned_by_claim(cache: Cache, claim: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of what goes with the claim."""
    owner = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": cache.name,
        "uid": claim["metadata"]["uid"],
    }
    return _metadata(cache) | {"ownerReferences": [owner]}


def _metadata(cache: Cache) -> dict[str, Any]:
    return {"name": cache.name, "namespace": cache.namespace, "labels": _labels(cache)}


def _labels(cache: Cache) -> dict[str, str]:
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_CACHE: cache.name,
        names.LABEL_SHARD: names.shard_of(cache.team),
    }
