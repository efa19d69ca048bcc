"""What tasks that read the tables of pins are given."""

from __future__ import annotations

from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.pin_sources import ready_store, source_of
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_access import source_access
from glovebox.controllers.store_connections import open_store
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.tasks.pinned_tables import Pinned


async def read_pinned(ports: Ports, pin: DatasetPin, opened: dict[Store, ObjectStore]) -> Pinned:
    """Return a pin whose manifest is recorded, to be read.

    Args:
        ports: The outside world.
        pin: The pin.
        opened: Takes the store under its connection.

    Raises:
        NotReady: The store is missing, or not ready.
        GloveboxError: The store cannot be opened, or nothing of it may be read.
    """
    manifest = pin.status.manifest
    assert manifest is not None  # noqa: S101 - looked at before
    store = ready_store(ports, pin)
    source = source_of(pin.spec.source)
    access = (await source_access(ports, store, pin.namespace)).reading(source)
    access.check_source(source)
    connection = await open_store(ports, store)
    opened.setdefault(connection, store)
    return Pinned(pin.name, connection, source, ManifestLocation(**manifest.model_dump()), access)
