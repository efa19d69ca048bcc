"""Golden cases: YAML in, YAML out, discovered. See README.md beside this file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from glovebox.api.experiment import Experiment
from glovebox.api.input_status import InputManifest
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.stated_data import StatedData
from glovebox.desired.access import role_binding, service_accounts
from glovebox.desired.cache import cache_claim, cache_job, cache_plan
from glovebox.desired.delivery import input_plan
from glovebox.desired.input_volumes import input_volumes, with_source
from glovebox.desired.inputs import ExperimentInputs, ResolvedInput
from glovebox.desired.metadata import KubernetesObject
from glovebox.desired.namespace import namespace
from glovebox.desired.network_policy import network_policies
from glovebox.desired.plan import desired_objects
from glovebox.desired.quota import limit_range, resource_quota
from glovebox.desired.snapshot import snapshot
from glovebox.desired.stage_secrets import asked_secrets

ROOT: Final = Path(__file__).parent

# What the cluster adds to a cache: the UID of its claim, and the volume that it was bound to.
CLAIM: Final = {"metadata": {"uid": "0d6a7f5e-1f0e-4b57-8d5c-1e1d3c0a0009"}}
FILLED: Final = {
    "accessModes": ["ReadWriteMany"],
    "capacity": {"storage": "1Gi"},
    "claimRef": {"namespace": "glovebox-system", "name": "of-the-cache"},
    "mountOptions": ["nfsvers=4.1"],
    "nfs": {"server": "nfs.example", "path": "/exports/cache-1"},
    "persistentVolumeReclaimPolicy": "Delete",
    "storageClassName": "shared",
    "volumeMode": "Filesystem",
}


def _caches(inputs: ExperimentInputs) -> tuple[KubernetesObject, ...]:
    caches = [volume.cache for volume in input_volumes(inputs) if volume.cache is not None]
    return tuple(
        thing
        for cache in caches
        for thing in (
            cache_claim(cache),
            cache_plan(cache, inputs.input_stores[0], CLAIM),
            cache_job(cache, inputs.platform_image, CLAIM),
        )
    )


def _volumes(inputs: ExperimentInputs) -> tuple[KubernetesObject, ...]:
    return tuple(
        thing
        for volume in input_volumes(inputs)
        for thing in (
            with_source(volume.volume, FILLED) if volume.cache else volume.volume,
            volume.claim,
        )
    )


TOPICS: Final[dict[str, Callable[[ExperimentInputs], tuple[KubernetesObject, ...]]]] = {
    "access": lambda inputs: (*service_accounts(inputs), role_binding(inputs)),
    "cache": _caches,
    "delivery": input_plan,
    "input_volumes": _volumes,
    "namespace": lambda inputs: (namespace(inputs),),
    "network_policy": network_policies,
    "plan": lambda inputs: desired_objects(inputs).objects(),
    "probe": lambda inputs: tuple(
        probe.job() for probe in (desired_objects(inputs).probe,) if probe is not None
    ),
    "quota": lambda inputs: (resource_quota(inputs), limit_range(inputs)),
    "run": lambda inputs: tuple(run for run in (desired_objects(inputs).run,) if run is not None),
    "snapshot": lambda inputs: (snapshot(inputs),),
}


class Only(dict[str, Any]):
    """A mapping that replaces the base's instead of being merged into it."""


class CaseLoader(yaml.SafeLoader):
    """YAML with the tag `!only`."""


def _construct_only(loader: CaseLoader, node: yaml.MappingNode) -> Only:
    return Only(
        {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}
    )


CaseLoader.add_constructor("!only", _construct_only)


@dataclass(frozen=True)
class Case:
    """One folder."""

    folder: Path

    @property
    def name(self) -> str:
        return f"{self.topic}/{self.folder.name}"

    @property
    def topic(self) -> str:
        return self.folder.parent.name

    @property
    def expected(self) -> Path:
        return self.folder / "expected.yaml"

    def inputs(self) -> ExperimentInputs:
        return inputs_from(*_documents(self.folder / "input.yaml"))

    def objects(self) -> tuple[KubernetesObject, ...]:
        return TOPICS[self.topic](self.inputs())


def discover() -> list[Case]:
    """Return every case, in the order of names."""
    return [Case(path.parent) for path in sorted(ROOT.glob("*/*/input.yaml"))]


def inputs_from(*overlays: dict[str, Any]) -> ExperimentInputs:
    """Return the inputs of the ordinary case with these documents merged into it."""
    parts = {document["kind"]: document for document in _documents(ROOT / "base.yaml")}
    for overlay in overlays:
        parts[overlay["kind"]] = merged(parts[overlay["kind"]], overlay)
    resolved = parts["Resolved"]
    experiment = Experiment.model_validate(parts["Experiment"])
    return ExperimentInputs(
        experiment=experiment,
        profile=IsolationProfile.model_validate(parts["IsolationProfile"]),
        store=ObjectStore.model_validate(parts["ObjectStore"]),
        inputs=tuple(_resolved(item) for item in resolved["inputs"]),
        namespace=resolved["namespace"],
        state=resolved["state"],
        input_stores=(
            (ObjectStore.model_validate(parts["ObjectStore"]),)
            if resolved.get("platformImage")
            else ()
        ),
        platform_image=resolved.get("platformImage", ""),
        delivery_mode=resolved.get("deliveryMode", "Fetch"),
        secrets={name: f"uid-of-{name}/7" for name in asked_secrets(experiment)},
    )


def _resolved(item: dict[str, Any]) -> ResolvedInput:
    manifest, stated = item.get("manifest"), item.get("stated")
    return ResolvedInput(
        **item
        | {
            "manifest": InputManifest.model_validate(manifest) if manifest else None,
            "stated": StatedData.model_validate(stated) if stated else None,
        }
    )


def merged(base: Any, overlay: Any) -> Any:
    """Return the base with the overlay over it; merges only mappings not marked `!only`.

    A mapping whose keys are numbers is merged into the entries of a list, by their place.
    """
    if isinstance(overlay, Only):
        return dict(overlay)
    by_place = (
        isinstance(overlay, dict) and overlay and all(isinstance(key, int) for key in overlay)
    )
    if isinstance(base, list) and by_place:
        return [merged(each, overlay.get(at, {})) for at, each in enumerate(base)]
    if not isinstance(base, dict) or not isinstance(overlay, dict):
        return copy.deepcopy(overlay)
    return base | {key: merged(base.get(key), value) for key, value in overlay.items()}


def _documents(path: Path) -> list[dict[str, Any]]:
    documents = yaml.load_all(path.read_text(), Loader=CaseLoader)
    return [document for document in documents if document]
