"""The statistics of a dataset, and how they compare with those of another one.

All tables are read once, by a process of their own that holds what was counted of them; a file that
cannot be read ends it, since what is said of a part of the files is no statement about the dataset.
What may be told is written into the bucket of artifacts. An attempt that ends half-way is begun
again, and writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from glovebox.api import reasons
from glovebox.api.statistics import DistributionThresholds
from glovebox.api.statistics_status import MAX_DRAWN_COLUMNS
from glovebox.data.digest import digest_of
from glovebox.data.distribution import Compared, Verdict, compare, render_distribution
from glovebox.data.distribution_parts import Part, parts_of
from glovebox.data.printable import printable
from glovebox.data.statistics import (
    Asked,
    Counted,
    Statistics,
    parse_statistics,
    reference_rules,
    render_statistics,
    statistics_of,
)
from glovebox.data.table_errors import TableError
from glovebox.errors import UnfitData
from glovebox.store.connection import Stop, Store
from glovebox.store.pin_documents import DocumentLocation, fetch_document, store_document
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.pinned_tables import Pinned, PinnedTables, is_table, opened

STATISTICS: Final = "statistics"
PHASE: Final = "ComputingStatistics"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a dataset is compared with.

    Attributes:
        store: Where the statistics of the other dataset lie.
        document: The statistics.
        thresholds: What counts as moved.
    """

    store: Store
    document: DocumentLocation
    thresholds: DistributionThresholds


@dataclass(frozen=True, slots=True)
class StatisticsRequest:
    """A dataset to describe.

    Attributes:
        dataset: Which one.
        asked: What of it.
        held: Whether what is written is held: the bucket of artifacts has an object lock.
        reference: What it is compared with; None with nothing.
        objects: How many objects the dataset has, for the progress.
        bytes: Their size.
    """

    dataset: Pinned
    asked: Asked
    held: bool
    reference: Reference | None = None
    objects: int = 0
    bytes: int = 0

    @property
    def basis(self) -> str:
        """What the result depends on; another makes another task."""
        other = self.reference
        return digest_of(
            {
                "statistics": self.asked.digest,
                "dataset": self.dataset.basis,
                "endpoint": self.dataset.store.settings.endpoint,
                "held": self.held,
                "reference": [
                    other.document.digest,
                    other.document.version_id,
                    other.thresholds.model_dump(by_alias=True, mode="json"),
                ]
                if other is not None
                else [],
            }
        )

    @property
    def stores(self) -> tuple[Store, ...]:
        """All stores, each once; that of the dataset first."""
        others = (self.reference.store,) if self.reference is not None else ()
        return tuple(dict.fromkeys((self.dataset.store, *others)))


@dataclass(frozen=True, slots=True)
class DistributionRecord:
    """How a dataset compares with another one, as it is recorded.

    Attributes:
        verdict: What all columns come to.
        stable: How many columns are.
        moved: How many columns did.
        unknown: Of how many columns nothing is known.
        worst_psi: The greatest PSI.
        worst: The columns that moved most.
        document: Where the table of all columns is.
    """

    verdict: Verdict
    stable: int
    moved: int
    unknown: int
    worst_psi: int | None
    worst: tuple[Compared, ...]
    document: DocumentLocation


@dataclass(frozen=True, slots=True)
class StatisticsFound:
    """What came of it.

    Attributes:
        rows: How many rows there are.
        files: How many tables were read.
        bytes_read: What was read of them.
        columns: How many columns are described.
        shown: Of how many of them a distribution is told.
        document: Where the statistics are.
        compared: How they compare with others; None where none were given.
        drawn: The first shown columns, each with its parts.
    """

    rows: int
    files: int
    bytes_read: int
    columns: int
    shown: int
    document: DocumentLocation
    compared: DistributionRecord | None = None
    drawn: tuple[tuple[str, tuple[Part, ...]], ...] = ()


async def compute_statistics(context: TaskContext, request: StatisticsRequest) -> StatisticsFound:
    """Describe a dataset; safe to repeat.

    Raises:
        Refused: `NotGranted`: an object may not be read any more.
        UnfitData: It cannot be described: `StatisticsNotComputed`.
        InvalidInput: Nor can it here: `RowsNotRead`.
        GloveboxError: A store does not answer, denies it, or lost what was pinned.
    """

    def job(stop: Stop) -> StatisticsFound:
        with ExitStack() as stack:
            return _Attempt(request, stop, context.report, stack).run()

    return await request.dataset.store.run_job(job, context.stop)


class _Attempt:
    """One attempt. Blocks."""

    def __init__(
        self,
        request: StatisticsRequest,
        stop: Stop,
        report: Callable[[Progress], None],
        stack: ExitStack,
    ) -> None:
        self._request, self._stop, self._report = request, stop, report
        self._reference = self._read_reference()
        self._rules = request.asked.rules
        if self._reference is not None:
            self._rules["against"] = reference_rules(self._reference)
        self._files = self._objects = self._done_bytes = 0
        self._state = b""
        self._tables = PinnedTables(
            request.dataset.store,
            stop,
            stack,
            self._tell,
            pause=self._pause,
            resume=self._resume,
        )

    def run(self) -> StatisticsFound:
        """Count the rows of all tables, and write down what may be told of them."""
        counted = self._count()
        statistics = statistics_of(self._request.asked, counted)
        document = self._store(render_statistics(statistics))
        return StatisticsFound(
            rows=counted.rows,
            files=self._files,
            bytes_read=self._tables.bytes_read,
            columns=len(counted.columns),
            shown=sum(not each.withheld for each in counted.columns),
            document=document,
            compared=self._compare(counted, document),
            drawn=tuple(
                (each.name, parts_of(each)) for each in counted.columns if not each.withheld
            )[:MAX_DRAWN_COLUMNS],
        )

    def _count(self) -> Counted:
        dataset = self._request.dataset
        store = opened(dataset)
        process = self._tables.process
        self._resume()
        # A table without a byte is an upload that was cut off.
        for entry in self._tables.entries(dataset, is_table):
            # What is beside its tables has no rows.
            if is_table(entry):
                try:
                    process.add_statistics(self._tables.table(store, entry))
                except TableError as error:
                    raise UnfitData(
                        reasons.STATISTICS_NOT_COMPUTED,
                        f"`{printable(entry.path)}` cannot be read: {printable(str(error))}",
                    ) from error
                self._files += 1
            self._objects += 1
            self._done_bytes += entry.size
            self._tell()
        if not self._files:
            raise UnfitData(
                reasons.STATISTICS_NOT_COMPUTED, "none of the pinned objects is a table"
            )
        try:
            return process.statistics()
        except TableError as error:
            raise UnfitData(reasons.STATISTICS_NOT_COMPUTED, str(error)) from error

    def _compare(self, counted: Counted, document: DocumentLocation) -> DistributionRecord | None:
        asked, reference = self._request.reference, self._reference
        if asked is None or reference is None:
            return None
        found = compare(reference, counted, asked.thresholds, self._request.asked.least_rows)
        body = render_distribution(found, asked.document.digest, document.digest, asked.thresholds)
        return DistributionRecord(
            verdict=found.verdict,
            stable=found.number("stable"),
            moved=found.number("moved"),
            unknown=found.number("unknown"),
            worst_psi=found.worst_psi,
            worst=found.worst,
            document=self._store(body),
        )

    def _read_reference(self) -> Statistics | None:
        asked = self._request.reference
        if asked is None:
            return None
        return parse_statistics(fetch_document(asked.store, asked.document, self._stop))

    def _store(self, body: bytes) -> DocumentLocation:
        dataset = self._request.dataset
        manifest = dataset.manifest
        return store_document(
            dataset.store,
            manifest.bucket,
            manifest.digest,
            body,
            self._stop,
            held=self._request.held,
        )

    def _pause(self) -> None:
        self._state = self._tables.process.statistics_state()

    def _resume(self) -> None:
        self._tables.process.begin_statistics(self._rules, self._state)
        self._state = b""

    def _tell(self) -> None:
        request = self._request
        self._report(
            Progress(
                objects_done=self._objects,
                objects_total=request.objects or None,
                bytes_done=self._done_bytes,
                bytes_total=request.bytes or None,
                bytes_read=self._tables.bytes_read,
                phase=PHASE,
            )
        )
