"""Delivers one input after the other: its manifest first, then bytes, then a check of the files.

A manifest is proven (digest, both roots, counts) before the first of its files is fetched, and kept
in a nameless file meanwhile, so that neither a million entries nor their order take memory.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from glovebox.api import reasons
from glovebox.data.delivery import DatasetDelivery, Delivered, DeliveryPlan, FeatureDelivery
from glovebox.data.digest import canonical_json
from glovebox.data.features import document_digest
from glovebox.data.manifest import Entry, read_manifest
from glovebox.data.roots import RootBuilder
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.jobs.transfer import CHUNK, Moved, Route, move
from glovebox.store.manifests import object_chunks
from glovebox.store.reading import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from glovebox.jobs.origin import Origin
    from glovebox.jobs.patience import Patience
    from glovebox.jobs.volume import Volume
    from glovebox.store.connection import Stop, Store

FEATURES_FILE = "features.json"


class DeliveryError(Exception):
    """An input cannot be delivered.

    Args:
        cause: Why.
        name: Which input.
        path: Which of its files, where it is one.
    """

    def __init__(self, cause: GloveboxError, name: str, path: str | None = None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.name = name
        self.path = path


@dataclass(frozen=True, slots=True)
class Delivery:
    """What all inputs share.

    Attributes:
        origins: The stores by name.
        volume: Where files go.
        patience: When to give up.
        stop: Ends everything.
    """

    origins: Mapping[str, Origin]
    volume: Volume
    patience: Patience
    stop: Stop


def deliver(plan: DeliveryPlan, delivery: Delivery) -> Iterator[Delivered]:
    """Yield each input once its files are in place. Blocks.

    The proofs are written by whoever has seen all of them.

    Raises:
        DeliveryError: With the input and the file.
        OSError: The volume cannot be written.
    """
    for features in plan.features:
        yield _features(features, delivery.volume)
    for dataset in plan.datasets:
        try:
            yield _dataset(dataset, delivery)
        except GloveboxError as error:
            raise DeliveryError(error, dataset.name) from error


def _features(features: FeatureDelivery, volume: Volume) -> Delivered:
    start = time.monotonic()
    try:
        found = document_digest(features.document)
        if found != features.digest:
            raise InvalidInput(
                reasons.DIGEST_MISMATCH,
                f"the definitions have the digest {found}, but {features.digest} is pinned",
            )
        content = canonical_json(features.document)
        volume.write(features.name, FEATURES_FILE, content)
        volume.seal(features.name, 1, (FEATURES_FILE,))
    except GloveboxError as error:
        raise DeliveryError(error, features.name, FEATURES_FILE) from error
    return Delivered(
        name=features.name,
        digest=features.digest,
        objects=1,
        bytes=len(content),
        seconds=time.monotonic() - start,
        fetched=1,
        kept=0,
        transferred=0,
    )


def _dataset(dataset: DatasetDelivery, delivery: Delivery) -> Delivered:
    start = time.monotonic()
    origin = delivery.origins[dataset.store]
    route = Route(dataset.name, origin, delivery.volume, delivery.patience, delivery.stop)
    kept = transferred = 0
    with delivery.volume.scratch() as manifest:
        _fetch_manifest(dataset, route, manifest)
        _require_pinned(dataset, manifest)

        def place(entry: Entry) -> Moved:
            try:
                return move(route, entry)
            except GloveboxError as error:
                raise DeliveryError(error, dataset.name, entry.path) from error

        for _, moved in in_order(origin.store, place, _entries(manifest), delivery.stop):
            kept += moved.kept
            transferred += moved.transferred
        delivery.volume.seal(
            dataset.name, dataset.objects, (entry.path for entry in _entries(manifest))
        )
    return Delivered(
        name=dataset.name,
        digest=dataset.digest,
        pin_digest=dataset.pin_digest,
        objects=dataset.objects,
        bytes=dataset.bytes,
        seconds=time.monotonic() - start,
        fetched=dataset.objects - kept,
        kept=kept,
        transferred=transferred,
    )


def _fetch_manifest(dataset: DatasetDelivery, route: Route, file: IO[bytes]) -> None:
    where = dataset.manifest

    def read(store: Store) -> None:
        file.seek(0)
        file.truncate()
        for chunk in object_chunks(store, where.bucket, where.key, where.version_id, route.stop):
            file.write(chunk)
            route.patience.progressed()

    route.patience.attempt(lambda: route.origin.ask(read))


def _require_pinned(dataset: DatasetDelivery, manifest: IO[bytes]) -> None:
    """Compare the manifest with the plan: its digest, both roots, both counts.

    Raises:
        InvalidInput: It is not the pinned one.
    """
    roots = RootBuilder()
    for entry in _entries(manifest, dataset.manifest.digest):
        roots.add(entry)
    found = roots.finish()
    for what, is_now, pinned in (
        ("content root", found.content, dataset.digest),
        ("pin root", found.pin, dataset.pin_digest),
        ("number of objects", found.objects, dataset.objects),
        ("number of bytes", found.bytes, dataset.bytes),
    ):
        if is_now != pinned:
            raise InvalidInput(
                reasons.MANIFEST_DIFFERS,
                f"the {what} of the manifest is {is_now}, but {pinned} is pinned",
            )


def _entries(manifest: IO[bytes], expected: str | None = None) -> Iterator[Entry]:
    manifest.seek(0)
    return read_manifest(iter(lambda: manifest.read(CHUNK), b""), expected)
