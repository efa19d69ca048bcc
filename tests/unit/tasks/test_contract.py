"""The files of a pin are read in parts, within what may be read, and judged together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pytest

from glovebox.api.contract import Contract
from glovebox.data.contract_found import ContractFound
from glovebox.data.manifest import DigestSource, Entry
from glovebox.errors import InvalidInput, Refused, Unavailable
from glovebox.store.connection import Pools, Stop, Store, StoreSettings
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import Location, SourceAccess
from glovebox.store.sources import PrefixSource
from glovebox.tasks import pinned_tables
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.contract import ContractRequest, check_contract
from glovebox.tasks.pinned_tables import Pinned
from support.contracts import as_csv, as_parquet, contract_of

ACCESS = SourceAccess("team", "primary", (Location("data", ""),), "artifacts")
RULES = contract_of(
    {"name": "flight", "type": "Integer", "minimum": "0"},
    {"name": "tail", "type": "Text"},
    unique=[{"columns": ["flight"]}],
    references=[{"columns": ["tail"], "pinRef": {"name": "planes"}, "targetColumns": ["name"]}],
)


@dataclass
class Memory:
    """Pins with their files, by the version of their manifest."""

    pins: dict[str, dict[str, bytes]] = field(default_factory=dict)
    read: int = 0
    fails: bool = False

    def entries(self, store: Store, where: ManifestLocation, stop: Stop) -> Iterator[Entry]:
        del store, stop
        for path, body in sorted(self.pins[where.version_id].items()):
            sha256 = hashlib.sha256(body).hexdigest()
            yield Entry(
                path, len(body), sha256, "data", path, where.version_id, DigestSource.COMPUTED
            )

    def range(self, wire: object, entry: Entry, first: int, size: int) -> bytes:
        del wire
        if self.fails:
            raise Unavailable("StoreUnreachable", "nobody answers")
        self.read += size
        return self.pins[entry.version_id][entry.path][first : first + size]


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


def flights(first: int, last: int) -> pa.Table:
    rows = range(first, last)
    return pa.table({"flight": pa.array(rows, pa.int32()), "tail": [f"N{at % 7}" for at in rows]})


PLANES = {"planes.csv": as_csv(pa.table({"name": [f"N{at}" for at in range(7)]}))}


def pinned(store: Store, name: str, access: SourceAccess = ACCESS) -> Pinned:
    manifest = ManifestLocation("artifacts", "m", name, "sha256:" + "0" * 64, 0)
    return Pinned(name, store, PrefixSource("data", ""), manifest, access)


async def check(
    store: Store, rules: Contract = RULES, access: SourceAccess = ACCESS, **context: Any
) -> ContractFound:
    request = ContractRequest(
        pinned(store, "all", access), rules, (pinned(store, "planes"),), 2, 100
    )
    return await check_contract(TaskContext(**context), request)


async def test_files_and_what_they_refer_to_are_read_once(memory: Memory, store: Store) -> None:
    files = {"a.parquet": as_parquet(flights(0, 900)), "b.csv": as_csv(flights(900, 1000))}
    memory.pins = {"all": {**files, "_SUCCESS": b""}, "planes": PLANES | {"README": b"words"}}
    told: list[Progress] = []
    found = await check(store, report=told.append)
    assert found.violations == 0
    assert (found.rows, found.files, found.bytes_read) == (1000, 2, memory.read)
    assert told[-1].phase == "CheckingContract"
    assert max(each.objects_done for each in told) == 2


async def test_faults_of_several_files_are_told_apart(memory: Memory, store: Store) -> None:
    memory.pins = {
        "all": {
            "a.parquet": as_parquet(flights(0, 100)),
            "b.parquet": b"PAR1 nothing of the kind PAR1",
            "c.parquet": as_parquet(flights(-3, 5)),
        },
        "planes": {"planes.csv": b"name\nN0\nN1\nN2\nN3\nN4\nN5\n"},
    }
    found = await check(store)
    assert found.by_rule == {"Readable": 1, "Minimum": 1, "Unique": 1, "Reference": 2}
    counts = {(each.rule, each.file): each.count for each in found.first}
    assert counts["Unique", "c.parquet"] == 5
    assert counts["Minimum", "c.parquet"] == 3
    assert counts["Reference", "a.parquet"] == sum(at % 7 == 6 for at in range(100))
    (twice,) = (each for each in found.first if each.rule == "Unique")
    assert twice.message == "row 4 has the same key as row 1 of `a.parquet`"


async def test_a_table_without_a_byte_is_no_marker(memory: Memory, store: Store) -> None:
    files = {"a.parquet": as_parquet(flights(0, 9)), "b.parquet": b"", "_SUCCESS": b""}
    memory.pins = {"all": files | {"c.jsonl": b""}, "planes": PLANES}
    found = await check(store)
    assert (found.by_rule, found.files, found.rows) == ({"Readable": 1}, 3, 9)
    # Only what holds a byte has to be of the format.
    rules = RULES.model_copy(update={"format": "Parquet"})
    assert (await check(store, rules)).by_rule == {"Readable": 1}


async def test_what_may_not_be_read_any_more_is_not_read(memory: Memory, store: Store) -> None:
    memory.pins = {"all": {"a.csv": as_csv(flights(0, 9))}, "planes": PLANES}
    with pytest.raises(Refused):
        await check(store, access=replace(ACCESS, locations=(Location("other", ""),)))
    assert memory.read == 0


async def test_another_pin_that_cannot_be_read_is_no_fault_of_the_data(
    memory: Memory, store: Store
) -> None:
    memory.pins = {"all": {"a.csv": as_csv(flights(0, 9))}, "planes": {"p.csv": b"other\n1\n"}}
    with pytest.raises(InvalidInput, match=r"`p\.csv` of DatasetPin 'planes'") as caught:
        await check(store)
    assert caught.value.reason == "ContractNotChecked"


async def test_a_store_that_does_not_answer_is_no_fault_of_the_data(
    memory: Memory, store: Store
) -> None:
    memory.pins = {"all": {"a.csv": as_csv(flights(0, 9))}, "planes": PLANES}
    memory.fails = True
    with pytest.raises(Unavailable):
        await check(store)


def test_another_contract_content_or_target_is_another_task(store: Store) -> None:
    base = ContractRequest(pinned(store, "all"), RULES, (pinned(store, "planes"),))
    others = [
        replace(base, contract=contract_of({"name": "flight"})),
        replace(base, dataset=pinned(store, "other")),
        replace(base, targets=(pinned(store, "more"),)),
        replace(base, dataset=pinned(store, "all", replace(ACCESS, locations=()))),
    ]
    assert len({each.basis for each in (base, *others)}) == 5
