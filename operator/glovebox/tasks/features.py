"""Comparing definitions of features with the files of their values: `data/feature_schema.py`.

Nothing is written: an attempt that ends half-way is begun again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from glovebox.data.digest import digest_of
from glovebox.data.feature_schema import FeaturesFound, Schema, SchemaJudge
from glovebox.data.manifest import Entry
from glovebox.data.table_errors import TableError
from glovebox.store.connection import Stop, Store
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.pinned_tables import Pinned, PinnedTables, is_table, opened

FEATURES: Final = "features"
PHASE: Final = "CheckingSchema"


@dataclass(frozen=True, slots=True)
class FeaturesRequest:
    """Values to compare with their definitions.

    Attributes:
        dataset: The values.
        schema: What each file has to be.
        objects: How many objects the dataset has, for the progress.
        bytes: Their size.
    """

    dataset: Pinned
    schema: Schema
    objects: int = 0
    bytes: int = 0

    @property
    def store(self) -> Store:
        """Where the values lie."""
        return self.dataset.store

    @property
    def basis(self) -> str:
        """What the result depends on; another makes another task."""
        return digest_of(
            {
                "dataset": self.dataset.basis,
                "endpoint": self.store.settings.endpoint,
                "schema": self.schema.digest,
            }
        )


async def check_features(context: TaskContext, request: FeaturesRequest) -> FeaturesFound:
    """Compare values with their definitions; safe to repeat.

    Raises:
        Refused: `NotGranted`: an object may not be read any more.
        InvalidInput: `RowsNotRead`: tables cannot be read here.
        GloveboxError: A store does not answer, denies it, or lost what was pinned.
    """

    def job(stop: Stop) -> FeaturesFound:
        with ExitStack() as stack:
            return _Check(request, stop, context.report, stack).run()

    return await request.store.run_job(job, context.stop)


class _Check:
    """One attempt. Blocks."""

    def __init__(
        self,
        request: FeaturesRequest,
        stop: Stop,
        report: Callable[[Progress], None],
        stack: ExitStack,
    ) -> None:
        self._request, self._report = request, report
        self._judge = SchemaJudge(request.schema)
        self._tables = PinnedTables(request.store, stop, stack, self._tell)
        self._done_bytes = 0

    def run(self) -> FeaturesFound:
        """Look at all files."""
        store = opened(self._request.dataset)
        # Values without a byte are an upload that was cut off.
        for entry in self._tables.entries(self._request.dataset, is_table):
            if self._judge.wants(entry.path):
                self._look_at(store, entry)
            self._done_bytes += entry.size
            self._tell()
        return self._judge.verdict(self._tables.bytes_read)

    def _look_at(self, store: Store, entry: Entry) -> None:
        table, rules = self._tables.table(store, entry), self._request.schema.rules(entry.path)
        try:
            seen = self._tables.process.check(table, rules, _no_keys)
        except TableError as error:
            self._judge.add_unreadable(entry.path, str(error))
            return
        self._judge.add(entry.path, seen)

    def _tell(self) -> None:
        request = self._request
        self._report(
            Progress(
                objects_done=self._judge.files,
                objects_total=request.objects or None,
                bytes_done=self._done_bytes,
                bytes_total=request.bytes or None,
                bytes_read=self._tables.bytes_read,
                phase=PHASE,
            )
        )


def _no_keys(number: int, hashes: bytes) -> None:
    del number, hashes
    raise TableError("the program that reads tables fails over it")
