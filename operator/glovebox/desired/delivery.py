"""The plan of inputs: one ConfigMap that tells the fetcher which versions to bring, by which digests to know them, and from where."""

from __future__ import annotations

from typing import Any, Final

from glovebox import names
from glovebox.data.delivery import DatasetDelivery, DeliveryPlan, FeatureDelivery, ManifestObject, StoreAddress, render_plan
from glovebox.desired.inputs import ExperimentInputs, ResolvedInput
from glovebox.desired.metadata import KubernetesObject, owned_metadata

PLAN_FILE: Final = "inputs.json"


def input_plan(inputs: ExperimentInputs) -> tuple[KubernetesObject, ...]:
    """Return the ConfigMap; nothing where there is nothing to deliver, or nobody to do it.

    A feature set whose pin is gone cannot be written down any more: then there is no plan either, and one that stands is left.
    """
    wanted = sorted(inputs.inputs, key=lambda item: item.name)
    known = all(item.manifest is not None if item.kind == "DatasetPin" else item.document is not None for item in wanted)
    if not wanted or not inputs.platform_image or not known:
        return ()
    used = {item.store for item in wanted if item.store}
    plan = DeliveryPlan(
        datasets=tuple(_dataset(item, item.manifest.model_dump()) for item in wanted if item.manifest is not None),
        features=tuple(
            FeatureDelivery(name=item.name, digest=item.digest, document=dict(item.document))
            for item in wanted
            if item.document is not None
        ),
        stores=tuple(
            StoreAddress(name=store.name, endpoint=store.spec.endpoint, region=store.spec.region, path_style=store.spec.path_style)
            for store in sorted(inputs.input_stores, key=lambda store: store.name)
            if store.name in used
        ),
    )
    return (
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": owned_metadata(names.INPUTS_CONFIG_MAP, inputs),
            "immutable": True,
            "data": {PLAN_FILE: render_plan(plan).decode()},
        },
    )


def _dataset(item: ResolvedInput, manifest: dict[str, Any]) -> DatasetDelivery:
    return DatasetDelivery(
        name=item.name,
        digest=item.digest,
        pin_digest=item.pin_digest,
        objects=item.objects,
        bytes=item.bytes,
        manifest=ManifestObject(**manifest),
        store=item.store,
    )
