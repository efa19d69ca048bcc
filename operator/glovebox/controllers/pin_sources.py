"""What pins and splits name: a source as the store package knows it, a store, another pin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.dataset_source import DatasetSource
from glovebox.api.object_store import ObjectStore
from glovebox.api.split_pin import SplitPin
from glovebox.controllers.offered import STORES, pins_offered
from glovebox.controllers.ports import Ports
from glovebox.errors import InvalidInput, NotReady
from glovebox.kube.kinds import DATASET_PIN, OBJECT_STORE, SPLIT_PIN, Kind
from glovebox.kube.resources import Key
from glovebox.store.pins import (
    ManifestSource,
    ObjectRef,
    ObjectsSource,
    PartSource,
    PrefixSource,
    SealSource,
    Source,
)

P = TypeVar("P", DatasetPin, SplitPin)


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
    if source.experiment_ref is not None:
        named = source.experiment_ref
        return SealSource(named.name, named.uid or "", named.prefix)
    raise InvalidInput(
        reasons.INVALID_SPEC,
        "`spec.source` must have exactly one of `prefix`, `manifest`, `objects`, `split` and"
        " `experimentRef`",
    )


def why_at_home(source: DatasetSource) -> str:
    """Return why a dataset is lent to nobody, to go before `used in its own namespace`."""
    if source.split is not None:
        return "a part of a split, which is"
    return "of the artifacts of an Experiment, which are" if source.experiment_ref else ""


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


def ready_dataset_pin(ports: Ports, namespace: str, name: str, field: str) -> DatasetPin:
    """Return a DatasetPin that somebody new may use.

    Args:
        ports: The outside world.
        namespace: Of the pin and of whoever names it.
        name: Of the pin.
        field: The field that names it, as a person knows it.

    Raises:
        NotReady: `PinNotFound`, `PinNotReady`.
    """
    found = _Named(ports, DATASET_PIN, namespace, name, field)
    return found.ready(DatasetPin, reasons.PIN_NOT_FOUND, reasons.PIN_NOT_READY)


def ready_split_pin(ports: Ports, namespace: str, name: str, field: str) -> SplitPin:
    """Return a SplitPin that somebody new may use; as `ready_dataset_pin`.

    Raises:
        NotReady: `SplitNotFound`, `SplitNotReady`.
    """
    found = _Named(ports, SPLIT_PIN, namespace, name, field)
    return found.ready(SplitPin, reasons.SPLIT_NOT_FOUND, reasons.SPLIT_NOT_READY)


@dataclass(frozen=True, slots=True)
class _Named:
    """A resource in the namespace of whoever names it."""

    ports: Ports
    kind: Kind
    namespace: str
    name: str
    field: str

    def ready(self, model: type[P], not_found: str, not_ready: str) -> P:
        what = f"{self.field}: {self.kind.kind} '{self.name}'"
        try:
            key = Key(self.kind.kind, self.namespace, self.name)
            found = self.ports.resources.parsed(key, model)
        except ValidationError:
            raise NotReady(
                not_ready, f"{what} is not valid; its own status says what to correct there"
            ) from None
        if found is None:
            raise NotReady(
                not_found,
                f"{self.field}: there is no {self.kind.kind} '{self.name}' in this namespace"
                f"{pins_offered(self.ports, self.kind, self.namespace)}",
            )
        if found.is_deleting:
            raise NotReady(
                not_ready,
                f"{what} is being deleted, and nobody new may begin to use it; declare it again"
                " once it is gone",
            )
        why = found.why_not_ready
        if why is not None:
            raise NotReady(not_ready, f"{what} is not ready: {why}")
        return found
