"""Comparing the inputs of an Experiment: see `data/overlap.py`.

Objects and groups by the manifests of their pins alone; rows and texts, where pins declare their
columns, by reading these (`rows.py`, `texts.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from glovebox.data.digest import digest_of
from glovebox.data.manifest_scan import scan_manifest
from glovebox.data.overlap import Compared, Overlap, find_overlap
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import ManifestLocation, object_chunks
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.rows import KeyedDataset, Rows, by_key, compare_rows
from glovebox.tasks.texts import compare_texts

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
        rows: How its rows are told apart, where they are to be compared.
        texts: Which columns hold its texts, where they are to be compared.
    """

    name: str
    role: str
    store: Store
    manifest: ManifestLocation
    column: str = ""
    values: tuple[str, ...] = ()
    rows: Rows | None = None
    texts: Rows | None = None


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
                [
                    each.name,
                    each.role,
                    each.manifest.digest,
                    each.column,
                    list(each.values),
                    # Who may read what is no part of what is found, but of whether it is.
                    *(
                        [list(read.key), read.access.document] if read else None
                        for read in (each.rows, each.texts)
                    ),
                ]
                for each in self.inputs
            ]
        )

    @property
    def stores(self) -> tuple[Store, ...]:
        """All stores, each once; that of the artifacts first."""
        return tuple(dict.fromkeys((self.store, *(each.store for each in self.inputs))))

    @property
    def keyed(self) -> tuple[KeyedDataset, ...]:
        """The inputs whose rows are compared with those of another role."""
        return _compared_by((each, each.rows) for each in self.inputs)

    @property
    def worded(self) -> tuple[KeyedDataset, ...]:
        """The inputs whose texts are compared with those of another role."""
        return _compared_by((each, each.texts) for each in self.inputs)


def _compared_by(
    inputs: Iterable[tuple[ComparedDataset, Rows | None]],
) -> tuple[KeyedDataset, ...]:
    keyed = (
        KeyedDataset(each.name, each.role, each.store, each.manifest, rows)
        for each, rows in inputs
        if rows is not None
    )
    return tuple(each for group in by_key(keyed) for each in group)


async def compare_datasets(context: TaskContext, request: OverlapRequest) -> Overlap:
    """Return what the inputs share.

    Raises:
        GloveboxError: A store does not answer, a manifest is gone or another one, they are too
            long to be compared, or rows may not be read any more.
    """

    def job(stop: Stop) -> Overlap:
        def tell(done: int) -> None:
            stop.check()
            context.report(
                Progress(objects_done=done, objects_total=request.objects, phase="Comparing")
            )

        found = find_overlap((_compared(each, stop) for each in request.inputs), tell)
        if request.keyed:
            rows = compare_rows(request.keyed, stop, context.report)
            found.shared = (*found.shared, *rows.shared)
            found.rows, found.keyless = rows.rows, rows.keyless
            found.unreadable = rows.unreadable
        if request.worded:
            texts = compare_texts(request.worded, stop, context.report)
            found.shared = (*found.shared, *texts.near)
            found.texts, found.wordless = texts.texts, texts.wordless
            found.textless, found.crowded = texts.textless, texts.crowded
        return found

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
