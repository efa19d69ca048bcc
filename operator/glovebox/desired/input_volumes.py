"""Datasets that are volumes of their own: a PersistentVolume bound to one claim, or an OCI image.

    Cache   the source of the volume that was filled once (`cache.py`), of whatever plugin
    CSI     a driver of the profile's; its attributes and options name the pin's bucket and prefix
    Image   the image that the pin names, by digest; no object of ours

A volume says read-only wherever it can: in its access mode, in its source where the plugin knows
the word, in the pod's claim and in each mount. Only the last is enforced by the container runtime;
some drivers ignore the others. The claim is fixed to one name in one namespace, so that nobody else
can bind the volume, and whatever is deleted on the way, its bytes are retained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.desired import quantity
from glovebox.desired.cache import CACHED_FOLDER, Cache, cache_of
from glovebox.desired.inputs import ExperimentInputs, ResolvedInput
from glovebox.desired.metadata import KubernetesObject, owned_labels, owned_metadata
from glovebox.errors import Refused

# The plugins whose volumes can be given to another claim. Those that know the word get `readOnly:
# true`.
_PLUGINS: Final[Mapping[str, bool]] = {"csi": True, "hostPath": False, "local": False, "nfs": True}
# Of the volume that was filled, these are kept beside its source.
_KEPT: Final = ("capacity", "mountOptions", "nodeAffinity")
# A claim that is bound beforehand takes the volume as it is: asking for a size would only count
# against the quota.
_ASKED: Final = "1"


@dataclass(frozen=True, slots=True)
class InputVolume:
    """The volume behind one dataset of a run.

    Attributes:
        name: The input.
        volume: The PersistentVolume; for a cache without its source, which only the filled volume
            knows (`with_source`).
        claim: The claim in the experiment's namespace, the only one that can bind the volume.
        cache: The cache that it is a copy of; None for a driver's.
    """

    name: str
    volume: KubernetesObject
    claim: KubernetesObject
    cache: Cache | None


def input_volumes(inputs: ExperimentInputs) -> tuple[InputVolume, ...]:
    """Return the volumes and claims of mounted datasets.

    Images have none: pods name them themselves.
    """
    if inputs.delivery_mode == "Image":
        return ()
    return tuple(_input_volume(inputs, item) for item in inputs.mounted)


def with_source(volume: KubernetesObject, filled: Mapping[str, Any]) -> KubernetesObject:
    """Return the volume with the source of another.

    Args:
        volume: The volume of an experiment.
        filled: The `spec` of the PersistentVolume that a cache is bound to.

    Raises:
        Refused: `DeliveryUnavailable`: its plugin is none of those that are known to give one
            volume to several claims.
    """
    plugin = next((plugin for plugin in _PLUGINS if plugin in filled), None)
    if plugin is None or filled.get("volumeMode", "Filesystem") != "Filesystem":
        raise Refused(
            reasons.DELIVERY_UNAVAILABLE,
            f"the cache's volume is not one of {', '.join(_PLUGINS)} with a file system, so it"
            " cannot be given to experiments: name another StorageClass in `spec.delivery.cache` of"
            " the IsolationProfile",
        )
    source = dict(filled[plugin]) | ({"readOnly": True} if _PLUGINS[plugin] else {})
    kept = {field: filled[field] for field in _KEPT if field in filled}
    return {**volume, "spec": {**volume["spec"], **kept, plugin: source}}


def pod_volume(inputs: ExperimentInputs, item: ResolvedInput) -> dict[str, Any]:
    """Return the volume of a pod."""
    name = names.input_claim(item.name)
    if inputs.delivery_mode == "Image":
        return {"name": name, "image": {"reference": item.image, "pullPolicy": "IfNotPresent"}}
    return {"name": name, "persistentVolumeClaim": {"claimName": name, "readOnly": True}}


def input_mount(inputs: ExperimentInputs, item: ResolvedInput, path: str) -> dict[str, Any]:
    """Return the mount of a dataset, the same in every container but for the path."""
    mount = {
        "name": names.input_claim(item.name),
        "mountPath": path,
        "readOnly": True,
        "recursiveReadOnly": "IfPossible",
    }
    # Of a cache only the files of the dataset are shown.
    return mount | ({"subPath": CACHED_FOLDER} if inputs.delivery_mode == "Cache" else {})


def _input_volume(inputs: ExperimentInputs, item: ResolvedInput) -> InputVolume:
    cache = cache_of(inputs, item) if inputs.delivery_mode == "Cache" else None
    name = names.input_volume(inputs.experiment.uid, item.name)
    claim = owned_metadata(names.input_claim(item.name), inputs)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "labels": owned_labels(inputs) | ({names.LABEL_CACHE: cache.name} if cache else {}),
        },
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "capacity": {"storage": quantity.canonical(str(max(item.bytes, 1)))},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim["namespace"],
                "name": claim["name"],
            },
            "persistentVolumeReclaimPolicy": "Retain",
            "volumeMode": "Filesystem",
            **({} if cache else _driver(inputs, item, name)),
        },
    }
    return InputVolume(
        name=item.name,
        volume=volume,
        claim={
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": claim,
            "spec": {
                "accessModes": ["ReadOnlyMany"],
                "resources": {"requests": {"storage": _ASKED}},
                # Not absent: that would be the cluster's default class.
                "storageClassName": "",
                "volumeMode": "Filesystem",
                "volumeName": name,
            },
        },
        cache=cache,
    )


def _driver(inputs: ExperimentInputs, item: ResolvedInput, handle: str) -> dict[str, Any]:
    """Return source and options of a driver's volume; nothing when the profile has no driver."""
    settings = inputs.profile.spec.delivery.csi
    if settings is None:
        return {}

    def filled(text: str) -> str:
        return text.replace("$(bucket)", item.bucket).replace("$(prefix)", item.prefix)

    attributes = {name: filled(value) for name, value in sorted(settings.volume_attributes.items())}
    source = {"driver": settings.driver, "volumeHandle": handle, "readOnly": True}
    options = [filled(option) for option in settings.mount_options]
    return {"csi": source | ({"volumeAttributes": attributes} if attributes else {})} | (
        {"mountOptions": options} if options else {}
    )
