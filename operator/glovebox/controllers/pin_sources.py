"""What a DatasetPin names: its source as the store package knows it, and its store."""

from __future__ import annotations

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin, DatasetSource
from glovebox.api.object_store import ObjectStore
from glovebox.controllers.offered import STORES
from glovebox.controllers.ports import Ports
from glovebox.errors import InvalidInput, NotReady
from glovebox.kube.kinds import OBJECT_STORE
from glovebox.kube.resources import Key
from glovebox.store.pins import (
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PartSource,
    PrefixSource,
    Source,
)


def is_locked(store: ObjectStore) -> bool:
    """Return whether the bucket of artifacts of a store was proven to lock what is written."""
    lock_proven = store.status.condition(types.LOCK_PROVEN)
    return lock_proven is not None and lock_proven.is_true


def source_of(source: DatasetSource) -> Source:
    """Return the source as the store package knows it."""
    if source.prefix is not None:
        return PrefixSource(source.prefix.bucket, source.prefix.prefix)
    if source.manifest is not None:
        return ManifestSource(
            source.manifest.bucket, source.manifest.key, source.manifest.version_id
        )
    if source.objects:
        return ObjectsSource(
            tuple(
                ObjectRef(entry.bucket, entry.key, entry.version_id, entry.path)
                for entry in source.objects
            )
        )
    if source.split is not None:
        return PartSource(source.split.name, source.split.part)
    raise InvalidInput(
        reasons.INVALID_SPEC,
        "`spec.source` must have exactly one of `prefix`, `manifest`, `objects` and `split`",
    )


def ready_store(ports: Ports, pin: DatasetPin) -> ObjectStore:
    """Return the store of a pin.

    Raises:
        NotReady: It is not there, or not Ready.
    """
    name = pin.spec.store_ref.name
    try:
        store = ports.resources.parsed(Key(OBJECT_STORE.kind, "", name), ObjectStore)
    except ValidationError:
        raise NotReady(
            reasons.STORE_NOT_READY,
            f"`spec.storeRef`: ObjectStore '{name}' is not valid; its own status says what to"
            " correct there",
        ) from None
    if store is None:
        raise NotReady(
            reasons.STORE_NOT_FOUND, f"`spec.storeRef`: there is no ObjectStore '{name}'{STORES}"
        )
    why = store.why_not_ready
    if why is not None:
        raise NotReady(reasons.STORE_NOT_READY, f"ObjectStore '{name}' is not proven yet: {why}")
    return store
