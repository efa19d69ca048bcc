"""Tables are read once, in turns, by a process that hands out counts and no rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from glovebox.api.statistics import DistributionThresholds
from glovebox.data.manifest import DigestSource, Entry
from glovebox.data.statistics import Asked, parse_statistics
from glovebox.errors import InvalidInput, Refused, Unavailable
from glovebox.store.connection import Pools, Stop, Store, StoreSettings
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pin_documents import DocumentLocation
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import PrefixSource
from glovebox.tasks import pinned_tables, statistics
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.pinned_tables import Pinned
from glovebox.tasks.statistics import (
    Reference,
    StatisticsFound,
    StatisticsRequest,
    compute_statistics,
)
from glovebox.tasks.table_process import TableProcess
from glovebox.tasks.table_program import MAX_DATA
from support.contracts import as_csv, as_parquet
from support.statistics import asked

ACCESS = SourceAccess("team", "primary", (Location("data", ""),), "artifacts")
WANTED = asked(flight="Integer", tail="Text")


@dataclass
class Memory:
    """A pin with its files, and the documents that are written."""

    files: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    is_held: list[bool] = field(default_factory=list)
    fails: bool = False

    def entries(self, store: Store, where: ManifestLocation, stop: Stop) -> Iterator[Entry]:
        del store, where, stop
        for path, body in sorted(self.files.items()):
            sha256 = hashlib.sha256(body).hexdigest()
            yield Entry(path, len(body), sha256, "data", path, "v1", DigestSource.COMPUTED)

    def range(self, wire: object, entry: Entry, first: int, size: int) -> bytes:
        del wire
        if self.fails:
            raise Unavailable("StoreUnreachable", "nobody answers")
        return self.files[entry.path][first : first + size]

    def store(
        self, store: Store, bucket: str, manifest: str, body: bytes, stop: Stop, *, held: bool
    ) -> DocumentLocation:
        del store, manifest, stop
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        self.documents[digest] = body
        self.is_held.append(held)
        return DocumentLocation(bucket, digest, "v1", digest, len(body))

    def fetch(self, store: Store, at: DocumentLocation, stop: Stop) -> bytes:
        del store, stop
        return self.documents[at.digest]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()
    monkeypatch.setattr(pinned_tables, "fetch_manifest", found.entries)
    monkeypatch.setattr(pinned_tables, "read_range", found.range)
    monkeypatch.setattr(statistics, "store_document", found.store)
    monkeypatch.setattr(statistics, "fetch_document", found.fetch)
    return found


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    pools = Pools(control=1, jobs=1, reads=1)
    yield Store(StoreSettings("http://192.0.2.1:8333"), pools)
    pools.close()


def flights(first: int, last: int) -> pa.Table:
    rows = range(first, last)
    return pa.table({"flight": pa.array(rows, pa.int32()), "tail": [f"N{at % 7}" for at in rows]})


async def compute(
    store: Store,
    wanted: Asked = WANTED,
    reference: DocumentLocation | None = None,
    access: SourceAccess = ACCESS,
    **context: Any,
) -> StatisticsFound:
    manifest = ManifestLocation("artifacts", "m", "v1", "sha256:" + "0" * 64, 0)
    dataset = Pinned("all", store, PrefixSource("data", ""), manifest, access)
    other = Reference(store, reference, DistributionThresholds()) if reference is not None else None
    request = StatisticsRequest(dataset, wanted, True, other, 2, 100)  # noqa: FBT003
    return await compute_statistics(TaskContext(**context), request)


FILES = {"a.parquet": as_parquet(flights(0, 900)), "b.csv": as_csv(flights(900, 2000))}


async def test_all_tables_are_read_and_what_is_told_is_held(memory: Memory, store: Store) -> None:
    memory.files = {**FILES, "_SUCCESS": b"", "README.txt": b"words"}
    told: list[Progress] = []
    found = await compute(store, report=told.append)
    assert (found.rows, found.files, found.columns, found.shown) == (2000, 2, 2, 2)
    assert told[-1].phase == "ComputingStatistics"
    assert memory.is_held == [True]
    flight, tail = parse_statistics(memory.documents[found.document.digest]).columns
    assert sum(flight.counts) == 2000
    assert (tail.distinct, len(tail.values), tail.other) == (7, 7, 0)


async def test_who_stands_back_between_two_tables_goes_on_from_its_counts(
    memory: Memory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.files = dict(FILES)
    once = await compute(store)
    reference = once.document
    whole = await compute(store, reference=reference)
    # Each table by a process of its own.
    monkeypatch.setattr(pinned_tables, "_TURN_SECONDS", -1.0)
    monkeypatch.setattr(pinned_tables, "_PAUSE_SECONDS", 0.0)
    ended: list[int] = []
    end = TableProcess.end

    def counted(process: Any) -> None:
        ended.append(1)
        end(process)

    monkeypatch.setattr(TableProcess, "end", counted)
    again = await compute(store, reference=reference)
    assert len(ended) >= 3
    assert again.document == once.document
    assert again.compared == whole.compared
    assert whole.compared is not None
    assert whole.compared.verdict == "stable"


async def test_a_file_that_cannot_be_read_ends_it_and_nothing_is_written(
    memory: Memory, store: Store
) -> None:
    memory.files = {**FILES, "c.parquet": b"PAR1 and no more PAR1"}
    with pytest.raises(InvalidInput, match=r"`c\.parquet` cannot be read") as refused:
        await compute(store)
    assert refused.value.reason == "StatisticsNotComputed"
    assert not memory.documents


async def test_a_table_without_a_byte_is_an_upload_that_was_cut_off(
    memory: Memory, store: Store
) -> None:
    memory.files = {**FILES, "_SUCCESS": b"", "c.parquet": b""}
    with pytest.raises(InvalidInput, match=r"`c\.parquet` cannot be read"):
        await compute(store)


async def test_a_dataset_without_a_table_has_no_statistics(memory: Memory, store: Store) -> None:
    memory.files = {"README.txt": b"words"}
    with pytest.raises(InvalidInput, match="none of the pinned objects is a table"):
        await compute(store)


async def test_a_store_that_fails_is_no_fault_of_the_data(memory: Memory, store: Store) -> None:
    memory.files, memory.fails = dict(FILES), True
    with pytest.raises(Unavailable, match="nobody answers"):
        await compute(store)


async def test_what_was_granted_then_is_not_read_now(memory: Memory, store: Store) -> None:
    memory.files = dict(FILES)
    with pytest.raises(Refused):
        await compute(store, access=SourceAccess("team", "primary", (), "artifacts"))


async def test_the_most_columns_of_the_most_values_fit_into_the_process(
    memory: Memory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each column as many cells or texts as are held; twice, and handed over in between.
    names = [f"c{at:02}" for at in range(64)]
    wanted = asked(**{name: "Text" if at % 2 else "Number" for at, name in enumerate(names)})
    rows = 18_000
    numbers = pa.array([at * 1.7**0.5 for at in range(rows)], pa.float64())
    texts = pa.array([f"a text of some length {at % 8000:05}" for at in range(rows)])
    table = pa.table({name: texts if at % 2 else numbers for at, name in enumerate(names)})
    memory.files = {f"{at}.parquet": as_parquet(table) for at in range(2)}
    monkeypatch.setattr(pinned_tables, "_TURN_SECONDS", -1.0)
    found = await compute(store, wanted)
    assert (found.rows, found.columns) == (2 * rows, 64)
    assert MAX_DATA == 256 << 20
