"""Comparing the rows of inputs by the columns of their keys, and reading tables to compare them.

See `data/row_overlap.py`. `tasks/texts.py` compares texts in the same way.

Tables are read by version, in parts, with what their pin's namespace may read and nothing more, and
are parsed by a process of its own: see `table_program`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from glovebox.data.manifest import Entry
from glovebox.data.row_keys import KIND_WORDS, Kind
from glovebox.data.row_overlap import Keyed, SharedRows, find_shared_rows
from glovebox.data.table_errors import TableError
from glovebox.data.tables import FORMATS_TEXT, format_of
from glovebox.store.connection import Stop, Store
from glovebox.store.manifests import ManifestLocation, fetch_manifest
from glovebox.store.ranges import read_range
from glovebox.store.source_access import SourceAccess, narrowed
from glovebox.store.sources import Source
from glovebox.tasks.context import Progress
from glovebox.tasks.table_process import TableFile, TableProcess

# So long one comparison reads while others wait, but for the file that it is at; and how long it
# stands back then.
_TURN_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.2
# Says nothing about the type of a key: another file does.
_OPEN: Final = frozenset({"Null", "Plain"})


@dataclass(frozen=True, slots=True)
class Rows:
    """By which columns the rows of a dataset are compared, and what is needed to read them.

    Attributes:
        key: The columns, in the order of their names: of its key, or of its texts.
        source: As its pin was made.
        access: Which objects its namespace may read, and the role to read them with.
    """

    key: tuple[str, ...]
    source: Source
    access: SourceAccess


@dataclass(frozen=True, slots=True)
class KeyedDataset:
    """A dataset whose rows are to be compared.

    Attributes:
        name: Of the input.
        role: What it is for.
        store: Where its manifest and its objects lie.
        manifest: As its pin was made.
        rows: How to read it.
    """

    name: str
    role: str
    store: Store
    manifest: ManifestLocation
    rows: Rows


@dataclass(slots=True)
class RowsFound(SharedRows):
    """What was found.

    Attributes:
        unreadable: Of the input whose tables cannot be read: one of them, and why. Nothing else is
            known then.
    """

    unreadable: dict[str, tuple[str, str]] = field(default_factory=dict)


def by_key(datasets: Iterable[KeyedDataset]) -> list[tuple[KeyedDataset, ...]]:
    """Return the datasets that are compared with each other: of one key, and of several roles."""
    groups: dict[tuple[str, ...], list[KeyedDataset]] = {}
    for each in datasets:
        groups.setdefault(each.rows.key, []).append(each)
    return [tuple(group) for group in groups.values() if len({each.role for each in group}) > 1]


def compare_rows(
    datasets: Iterable[KeyedDataset], stop: Stop, report: Callable[[Progress], None]
) -> RowsFound:
    """Return which rows the datasets share. Blocks.

    Args:
        datasets: In the order of the inputs.
        stop: Looked at between parts.
        report: Takes the progress.

    Raises:
        Refused: `NotGranted`: an object may not be read any more.
        InvalidInput: `TooManyObjects`, `RowsNotRead`; a manifest or an object is not what it was.
        GloveboxError: A store does not answer.
    """
    asked, found = tuple(datasets), RowsFound()
    if not asked:
        return found
    with reading_tables(asked[0].store, "ReadingRows", stop, report) as reading:
        try:
            for group in by_key(asked):
                keys = reading.keys(group)
                keyed = (Keyed(each.name, each.role, reading.files(each, keys)) for each in group)
                shared = find_shared_rows(keyed, stop.check)
                found.shared += shared.shared
                found.rows |= shared.rows
                found.keyless |= shared.keyless
        except UnreadableError as error:
            return RowsFound(unreadable={error.name: (error.path, error.why)})
    return found


@contextlib.contextmanager
def reading_tables(
    store: Store, phase: str, stop: Stop, report: Callable[[Progress], None]
) -> Iterator[Reading]:
    """Read tables while nobody else does.

    Args:
        store: Of one of the datasets.
        phase: What it is read for, for the progress.
        stop: Looked at between parts.
        report: Takes the progress.
    """
    # What reads tables may take as much memory as the process itself has to spare.
    with contextlib.ExitStack() as turn, TableProcess(stop) as process:
        turn.enter_context(store.alone(stop))

        def pass_turn_on() -> None:
            process.end()
            turn.close()
            stop.wait(_PAUSE_SECONDS)
            turn.enter_context(store.alone(stop))

        yield Reading(process, phase, stop, report, pass_turn_on)


class UnreadableError(Exception):
    """A table of an input cannot be read."""

    def __init__(self, name: str, path: str, why: str) -> None:
        super().__init__(why)
        self.name, self.path, self.why = name, path, why


class Reading:
    """Reads the tables of datasets, one after the other."""

    def __init__(
        self,
        process: TableProcess,
        phase: str,
        stop: Stop,
        report: Callable[[Progress], None],
        pass_turn_on: Callable[[], None],
    ) -> None:
        self._process = process
        self._phase, self._stop, self._report = phase, stop, report
        self._pass_turn_on, self._since = pass_turn_on, time.monotonic()
        self._files = self._bytes = 0

    def keys(self, group: Sequence[KeyedDataset]) -> Callable[[TableFile], Iterator[bytes]]:
        """Return what reads the hashes of the keys of a table of these datasets.

        Raises:
            UnreadableError: Two of them hold different things.
        """
        columns, kinds = group[0].rows.key, self._kinds(group)
        return lambda table: self._process.keys(table, columns, kinds)

    def texts(self, columns: Sequence[str]) -> Callable[[TableFile], Iterator[bytes]]:
        """Return what reads the signatures of the texts of a table."""
        return lambda table: self._process.signatures(table, columns)

    def _kinds(self, group: Sequence[KeyedDataset]) -> tuple[Kind, ...]:
        """Return what the columns of the key hold in these datasets: text where none has types."""
        columns = group[0].rows.key
        known: list[Kind] = ["Plain"] * len(columns)
        for each in group:
            store = _opened(each)
            entry = self._typed(each)
            if entry is None:
                continue
            with _told(each, entry):
                found = self._process.kinds(self._table(store, entry), columns)
                for at, kind in enumerate(found):
                    if kind not in _OPEN and known[at] not in {*_OPEN, kind}:
                        raise TableError(
                            f"column `{columns[at]}` holds {KIND_WORDS[kind]}, and that of another"
                            f" input holds {KIND_WORDS[known[at]]}: write both as one type"
                        )
                    known[at] = known[at] if kind in _OPEN else kind
        return tuple("Text" if kind in _OPEN else kind for kind in known)

    def files(
        self, dataset: KeyedDataset, read: Callable[[TableFile], Iterator[bytes]]
    ) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield the tables of a dataset with what is read of their rows.

        Args:
            dataset: Which.
            read: Reads a table; a `TableError` that it raises becomes an `UnreadableError`.
        """
        store = _opened(dataset)
        for entry in self._entries(dataset):
            self._tell()
            if time.monotonic() - self._since > _TURN_SECONDS:
                # A team whose tables take hours keeps no other one waiting for hours.
                self._pass_turn_on()
                self._since = time.monotonic()
            yield entry.path, self._read(dataset, store, entry, read)
            self._files += 1
        self._tell()

    def _read(
        self,
        dataset: KeyedDataset,
        store: Store,
        entry: Entry,
        read: Callable[[TableFile], Iterator[bytes]],
    ) -> Iterator[bytes]:
        with _told(dataset, entry):
            yield from read(self._table(store, entry))

    def _typed(self, dataset: KeyedDataset) -> Entry | None:
        """Return a table that says types: the first one of Parquet, else of JSON Lines."""
        first: Entry | None = None
        for entry in self._entries(dataset):
            kind = format_of(entry.path)
            if kind == "Parquet":
                return entry
            if kind == "JSONLines" and first is None:
                first = entry
        return first

    def _entries(self, dataset: KeyedDataset) -> Iterator[Entry]:
        """Yield the objects of a dataset that hold a byte; each of them is to be a table."""
        for entry in fetch_manifest(dataset.store, dataset.manifest, self._stop):
            if not entry.size:
                continue  # markers such as `_SUCCESS` have no rows
            # What was granted when it was pinned may have been withdrawn since.
            dataset.rows.access.check(entry.bucket, entry.key)
            if format_of(entry.path) is None:
                why = f"it is no table: its name ends in none of {FORMATS_TEXT}"
                raise UnreadableError(dataset.name, entry.path, why)
            yield entry

    def _table(self, store: Store, entry: Entry) -> TableFile:
        def read(first: int, size: int) -> bytes:
            self._stop.check()
            body = read_range(store.wire, entry, first, size)
            self._bytes += size
            self._tell()
            return body

        return TableFile(entry.path, entry.size, read)

    def _tell(self) -> None:
        self._report(Progress(objects_done=self._files, bytes_read=self._bytes, phase=self._phase))


@contextlib.contextmanager
def _told(dataset: KeyedDataset, entry: Entry) -> Iterator[None]:
    """Say of which input and file a `TableError` is."""
    try:
        yield
    except TableError as error:
        raise UnreadableError(dataset.name, entry.path, str(error)) from error


def _opened(dataset: KeyedDataset) -> Store:
    """Return the store through sessions that read the dataset and nothing else."""
    return narrowed(dataset.store, dataset.rows.access, dataset.rows.source)
