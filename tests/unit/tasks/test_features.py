"""The values of features are read within what may be read, and judged together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from glovebox.data.feature_schema import FeaturesFound
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import Refused, Unavailable
from glovebox.store.connection import Pools, Stop, Store, StoreSettings
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import PrefixSource
from glovebox.tasks import pinned_tables
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.features import FeaturesRequest, check_features
from glovebox.tasks.pinned_tables import Pinned
from support.contracts import as_csv, as_parquet
from support.features import differences, feature, schema

ACCESS = SourceAccess("team", "primary", (Location("data", ""),), "artifacts")
ASKED = schema(feature("hour", "int8"), keys=["flight"])


class Memory:
    """The files of the values."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.read, self.fails = 0, False

    def entries(self, store: Store, where: ManifestLocation, stop: Stop) -> Iterator[Entry]:
        del store, where, stop
        for path, body in sorted(self.files.items()):
            sha256 = hashlib.sha256(body).hexdigest()
            yield Entry(path, len(body), sha256, "data", path, "1", DigestSource.COMPUTED)

    def range(self, wire: object, entry: Entry, first: int, size: int) -> bytes:
        del wire
        if self.fails:
            raise Unavailable("StoreUnreachable", "nobody answers")
        self.read += size
        return self.files[entry.path][first : first + size]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()
    monkeypatch.setattr(pinned_tables, "fetch_manifest", found.entries)
    monkeypatch.setattr(pinned_tables, "read_range", found.range)
    return found


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    pools = Pools(control=1, jobs=1, reads=1)
    yield Store(StoreSettings("http://192.0.2.1:8333"), pools)
    pools.close()


def values(hours: Sequence[int | None], held: pa.DataType | None = None) -> pa.Table:
    return pa.table({"flight": list(range(len(hours))), "hour": pa.array(hours, held or pa.int8())})


async def check(store: Store, access: SourceAccess = ACCESS, **context: Any) -> FeaturesFound:
    manifest = ManifestLocation("artifacts", "m", "1", "sha256:" + "0" * 64, 0)
    dataset = Pinned("values", store, PrefixSource("data", ""), manifest, access)
    return await check_features(TaskContext(**context), FeaturesRequest(dataset, ASKED, 2, 100))


async def test_a_table_without_a_byte_is_an_upload_that_was_cut_off(
    memory: Memory, store: Store
) -> None:
    memory.files = {
        "_SUCCESS": b"",
        "a.parquet": as_parquet(values([1, 2, 3])),
        "b.parquet": b"",
        "c.csv": b"",
    }
    found = await check(store)
    assert found.by_kind == {"Unreadable": 2}
    assert [each.file for each in found.first] == ["b.parquet", "c.csv"]


async def test_all_files_are_looked_at_and_told_of(memory: Memory, store: Store) -> None:
    memory.files = {
        "_SUCCESS": b"",
        "a.parquet": as_parquet(values([1, 2, 3])),
        "b.csv": as_csv(values([4, None, 6])),
        "c.parquet": b"PAR1 nothing of the kind PAR1",
        "d.parquet": as_parquet(values([7], pa.int64())),
    }
    told: list[Progress] = []
    found = await check(store, report=told.append)
    assert differences(found) == [
        ("Unreadable", "", "a table", found.first[0].found, 1),
        ("Type", "hour", "int8", "int64", 1),
        ("Null", "hour", "no null", "nulls", 1),
    ]
    assert [each.file for each in found.first] == ["c.parquet", "d.parquet", "b.csv"]
    assert (found.rows, found.files, found.bytes_read) == (7, 4, memory.read)
    assert told[-1].phase == "CheckingSchema"
    assert max(each.objects_done for each in told) == 4


async def test_what_may_not_be_read_any_more_is_not_read(memory: Memory, store: Store) -> None:
    memory.files = {"a.csv": as_csv(values([1]))}
    with pytest.raises(Refused):
        await check(store, replace(ACCESS, locations=(Location("other", ""),)))
    assert memory.read == 0


async def test_a_store_that_does_not_answer_is_no_difference(memory: Memory, store: Store) -> None:
    memory.files = {"a.csv": as_csv(values([1]))}
    memory.fails = True
    with pytest.raises(Unavailable):
        await check(store)


async def test_files_whose_footers_suffice_are_not_read(memory: Memory, store: Store) -> None:
    memory.files = {"a.parquet": as_parquet(values(list(range(100)) * 900), compression="none")}
    found = await check(store)
    assert (found.footers, found.rows, found.differences) == (1, 90_000, 0)
    assert memory.read < len(memory.files["a.parquet"]) // 2
