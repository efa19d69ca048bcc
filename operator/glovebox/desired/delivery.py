"""The plan of inputs: one ConfigMap with the versions, digests and sources for the fetcher."""

from __future__ import annotations

from typing import Final

from glovebox import names
from glovebox.api import reasons
from glovebox.api.object_store import ObjectStore
from glovebox.data.delivery import (
    DatasetDelivery,
    DeliveryPlan,
    FeatureDelivery,
    ManifestObject,
    MountedDataset,
    StoreAddress,
    render_plan,
)
from glovebox.desired.inputs import ExperimentInputs, ResolvedInput
from glovebox.desired.metadata import KubernetesObject, owned_metadata
from glovebox.desired.stage_files import key_of
from glovebox.desired.store_proxy import proxy_to
from glovebox.errors import InvalidInput

PLAN_FILE: Final = "inputs.json"


def input_plan(inputs: ExperimentInputs) -> tuple[KubernetesObject, ...]:
    """Return the ConfigMap; nothing where there is nothing to deliver, or nobody to do it.

    It has a plan for each stage, with the inputs of that stage alone; without stages one with all.

    A feature set whose pin is gone cannot be written down any more, and one whose grant is over is
    not: then there is no plan either, and one that stands is left.
    """
    known = all(
        item.manifest is not None if item.kind == "DatasetPin" else item.document is not None
        for item in inputs.inputs
    )
    if not inputs.inputs or not inputs.platform_image or not known:
        return ()
    stages = inputs.experiment.spec.stages
    plans = {
        key_of(stages, stage, PLAN_FILE): _plan(inputs.given_to(stage)) for stage in stages
    } or {PLAN_FILE: _plan(inputs)}
    return (
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": owned_metadata(names.INPUTS_CONFIG_MAP, inputs),
            "immutable": True,
            "data": {file: render_plan(plan).decode() for file, plan in plans.items()},
        },
    )


def _plan(inputs: ExperimentInputs) -> DeliveryPlan:
    """Return the plan of all of these inputs."""
    wanted = sorted(inputs.inputs, key=lambda item: item.name)
    fetched, mounted = inputs.fetched, inputs.mounted
    used = {item.store for item in fetched if item.store}
    return DeliveryPlan(
        datasets=tuple(
            dataset_delivery(item, item.name) for item in fetched if item.manifest is not None
        ),
        features=tuple(
            FeatureDelivery(name=item.name, digest=item.digest, document=dict(item.document))
            for item in wanted
            if item.document is not None
        ),
        stores=tuple(
            store_address(store)
            for store in sorted(inputs.input_stores, key=lambda store: store.name)
            if store.name in used
        ),
        mounted=tuple(
            MountedDataset(
                name=item.name, digest=item.digest, objects=item.objects, bytes=item.bytes
            )
            for item in mounted
        ),
    )


def dataset_delivery(item: ResolvedInput, name: str) -> DatasetDelivery:
    """Return what the fetcher needs to know of a dataset, which becomes the folder of that name."""
    if item.manifest is None:
        raise InvalidInput(
            reasons.PIN_NOT_READY,
            f"input `{item.name}`: its pin has no manifest, so it cannot be fetched",
        )
    return DatasetDelivery(
        name=name,
        digest=item.digest,
        pin_digest=item.pin_digest,
        objects=item.objects,
        bytes=item.bytes,
        manifest=ManifestObject(**item.manifest.model_dump()),
        store=item.store,
    )


def store_address(store: ObjectStore) -> StoreAddress:
    """Return how the fetcher reaches a store."""
    return StoreAddress(
        name=store.name,
        endpoint=store.spec.endpoint,
        region=store.spec.region,
        path_style=store.spec.path_style,
        proxy=proxy_to(store.spec),
    )
