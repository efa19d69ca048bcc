"""Comparing the inputs of an Experiment, by the manifests of their pins: see `data/overlap.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from glovebox.data.digest import digest_of
from glovebox.data.manifest_scan import scan_manifest
from glovebox.data.overlap import Compared, Overlap, find_overlap
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import ManifestLocation, object_chunks
from glovebox.tasks.context import Progress, TaskContext

OVERLAP: Final = "overlap"


@dataclass(frozen=True, slots=True)
class ComparedDataset:
    """A dataset to compare.

    Attributes:
        name: Of the input.
        role: What it is for.
        store: Where its manifest lies.
        manifest: As its pin was made.
        column: The column of its groups, where they are to be compared; else empty.
        values: Its groups, as its pin declares them; when empty, they are read from the paths.
    """

    name: str
    role: str
    store: Store
    manifest: ManifestLocation
    column: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OverlapRequest:
    """Inputs to compare.

    Attributes:
        store: Of the Experiment's artifacts; a Job is asked there.
        inputs: The datasets.
        objects: How many they hold together, for the progress.
    """

    store: Store
    inputs: tuple[ComparedDataset, ...]
    objects: int = 0

    @property
    def basis(self) -> str:
        """What the result depends on: the manifests name exact content."""
        return digest_of(
            [
                [each.name, each.role, each.manifest.digest, each.column, list(each.values)]
                for each in self.inputs
            ]
        )

    @property
    def stores(self) -> tuple[Store, ...]:
        """All stores, each once; that of the artifacts first."""
        return tuple(dict.fromkeys((self.store, *(each.store for each in self.inputs))))


async def compare_datasets(context: TaskContext, request: OverlapRequest) -> Overlap:
    """Return what the inputs share.

    Raises:
        GloveboxError: A store does not answer, a manifest is gone or another one, or they are too
            long to be compared.
    """

    def job(stop: Stop) -> Overlap:
        def tell(done: int) -> None:
            stop.check()
            context.report(
                Progress(objects_done=done, objects_total=request.objects, phase="Comparing")
            )

        return find_overlap((_compared(each, stop) for each in request.inputs), tell)

    return await request.store.run_job(job, context.stop)


def _compared(dataset: ComparedDataset, stop: Stop) -> Compared:
    where = dataset.manifest
    chunks = object_chunks(dataset.store, where.bucket, where.key, where.version_id, stop)
    return Compared(
        dataset.name,
        dataset.role,
        scan_manifest(chunks, where.digest),
        dataset.column,
        dataset.values,
    )
