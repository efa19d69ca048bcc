"""What `glovebox croissant` reads: a pin of the cluster, and its manifest in the store.

The store is read with the rights of whoever calls it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.cli.experiments import parsed
from glovebox.data.croissant import croissant
from glovebox.errors import NotReady
from glovebox.store.connection import Stores, StoreSettings
from glovebox.store.manifests import ManifestLocation, fetch_manifest

if TYPE_CHECKING:
    from glovebox.store.connection import Stop


def read_pin(obj: Mapping[str, Any]) -> DatasetPin:
    """Return a pin that was read whole.

    Raises:
        NotReady: It has no manifest yet.
        InvalidInput: It is of another version than this program.
    """
    pin = parsed(DatasetPin, obj)
    if pin.status.manifest is None:
        raise NotReady(
            reasons.PIN_NOT_READY,
            f"DatasetPin {pin.namespace}/{pin.name} was not read yet: wait until it is Ready",
        )
    return pin


def described(pin: DatasetPin) -> list[str]:
    """Return the text of a pin's Croissant in pieces, by its manifest, which is checked whole.

    Raises:
        GloveboxError: The store does not answer, or denies it; the manifest is another one.
    """
    return asyncio.run(_described(pin))


async def _described(pin: DatasetPin) -> list[str]:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    settings = StoreSettings(endpoint or f"https://s3.{region}.amazonaws.com", region)
    manifest = pin.status.manifest
    assert manifest is not None  # noqa: S101 - told by `read_pin`
    location = ManifestLocation(**manifest.model_dump())
    stores = Stores()
    try:
        store = stores.open(settings)

        def job(stop: Stop) -> list[str]:
            return list(croissant(pin, fetch_manifest(store, location, stop)))

        return await store.run_job(job)
    finally:
        await stores.close()
