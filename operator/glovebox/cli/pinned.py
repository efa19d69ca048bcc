"""What `glovebox croissant` reads: a pin of the cluster, and its manifest in the store.

The store is read with the rights of whoever calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.cli.experiments import parsed
from glovebox.data.croissant import croissant
from glovebox.errors import NotReady
from glovebox.jobs.in_store import in_store
from glovebox.store.manifests import ManifestLocation, fetch_manifest


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
    manifest = pin.status.manifest
    assert manifest is not None  # noqa: S101 - told by `read_pin`
    location = ManifestLocation(**manifest.model_dump())
    return in_store(lambda store, stop: list(croissant(pin, fetch_manifest(store, location, stop))))
