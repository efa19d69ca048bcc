"""What a dataset comes to when it is divided: every row and object is in one part, for ever."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glovebox.data.row_keys import canonical_key
from glovebox.data.split_result import SplitFound
from glovebox.data.splits import ByShare, Rule, hash_of, nanoseconds
from glovebox.errors import InvalidInput, Refused
from glovebox.store.connection import Pools, Store, StoreSettings
from glovebox.tasks import split_rows
from support.splitting import ACCESS, Memory, as_parquet, divide

PARTS = ("test", "validation", "train")
SHARES = (1000, 2000, 7000)
BY_FLIGHT = Rule("Rows", "Key", ("flight",), (None,), "flights", SHARES)
FLIGHTS = list(range(400))


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    pools = Pools(control=1, jobs=1, reads=1)
    yield Store(StoreSettings("http://192.0.2.1:8333"), pools)
    pools.close()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()
    found.install(monkeypatch)
    return found


def table(flights: list[int]) -> pa.Table:
    names = [f"N{at % 7}" for at in flights]
    delays = [None if at % 5 == 0 else at / 4 for at in flights]
    return pa.table({"flight": pa.array(flights, pa.int32()), "tail": names, "delay": delays})


def wanted(flight: int) -> str:
    """Return the part of a flight, by what the rule says and nothing else."""
    return PARTS[ByShare(SHARES).part_of(hash_of("flights", canonical_key((flight,))))]


def flights_of(memory: Memory) -> dict[str, list[int]]:
    return {part: [int(row["flight"]) for row in memory.rows_of(part)] for part in PARTS}


def parts_of(memory: Memory) -> dict[int, str]:
    """Return the part of each flight; no flight is in two."""
    found: dict[int, str] = {}
    for part, flights in flights_of(memory).items():
        for flight in flights:
            assert found.setdefault(flight, part) == part
    return found


def refused(store: Store, rule: Rule, reason: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        divide(store, rule, *PARTS)
    assert caught.value.reason == reason
    return caught.value.message


def test_each_row_is_in_the_one_part_of_its_key(memory: Memory, store: Store) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS)), "b/c.parquet": as_parquet(table([7]))}
    found = divide(store, BY_FLIGHT, *PARTS)
    got = flights_of(memory)
    assert got == {part: [at for at in (*FLIGHTS, 7) if wanted(at) == part] for part in PARTS}
    assert [part.name for part in found.parts] == list(PARTS)
    assert [part.rows for part in found.parts] == [len(got[part]) for part in PARTS]
    assert [part.keys for part in found.parts] == [len(set(got[part])) for part in PARTS]
    assert sum(part.objects for part in found.parts) == len(memory.written)
    assert found.left_out == 0


def test_rows_keep_their_columns_types_and_values(memory: Memory, store: Store) -> None:
    before = table(FLIGHTS)
    memory.files = {"a.parquet": as_parquet(before)}
    divide(store, BY_FLIGHT, *PARTS)
    (after,) = memory.tables_of("train")
    assert after.schema.equals(before.schema)
    assert after.to_pylist() == [
        row for row in before.to_pylist() if wanted(row["flight"]) == "train"
    ]


def test_a_part_is_the_same_bytes_each_time(memory: Memory, store: Store) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS))}
    first = divide(store, BY_FLIGHT, *PARTS)
    before, memory.written, memory.records = memory.written, {}, {}
    assert divide(store, BY_FLIGHT, *PARTS) == first
    assert memory.written == before


def as_csv(flights: list[int]) -> bytes:
    rows = table(flights).to_pylist()
    lines = [f"{row['flight']},{row['tail']},{row['delay'] or ''}" for row in rows]
    return "\n".join(["flight,tail,delay", *lines, ""]).encode()


def as_json(flights: list[int]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table(flights).to_pylist()).encode()


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("a.parquet", as_parquet(table(FLIGHTS), row_group_size=7), id="row groups"),
        pytest.param("a.parquet", as_parquet(table(FLIGHTS), compression="zstd"), id="zstd"),
        pytest.param("a.parquet", as_parquet(table(FLIGHTS), use_dictionary=False), id="plain"),
        pytest.param("a.parquet", as_parquet(table(FLIGHTS[::-1])), id="another order"),
        pytest.param(
            "a.parquet",
            as_parquet(table(FLIGHTS).set_column(0, "flight", pa.array(FLIGHTS, pa.uint64()))),
            id="another width",
        ),
        pytest.param("a.csv", as_csv(FLIGHTS), id="CSV"),
        pytest.param("a.csv.gz", gzip.compress(as_csv(FLIGHTS)), id="packed CSV"),
        pytest.param("a.jsonl", as_json(FLIGHTS), id="JSON Lines"),
        pytest.param("a.ndjson.gz", gzip.compress(as_json(FLIGHTS)), id="packed JSON Lines"),
    ],
)
def test_the_file_makes_no_difference(memory: Memory, store: Store, name: str, body: bytes) -> None:
    memory.files = {name: body}
    found = divide(store, replace(BY_FLIGHT, kinds=("Integer",)), *PARTS)
    assert parts_of(memory) == {at: wanted(at) for at in FLIGHTS}
    memory.files, memory.written, memory.records = {"b.parquet": as_parquet(table(FLIGHTS))}, {}, {}
    other = divide(store, BY_FLIGHT, *PARTS)
    # "The same test set" is one comparison.
    assert [part.keys_digest for part in found.parts] == [part.keys_digest for part in other.parts]


@settings(
    deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    flights=st.lists(st.integers(0, 1 << 30), min_size=60, max_size=200, unique=True),
    data=st.data(),
)
def test_growth_moves_no_row(
    memory: Memory, store: Store, flights: list[int], data: st.DataObject
) -> None:
    more = data.draw(
        st.lists(
            st.integers(1 << 31, (1 << 31) - 1 + (1 << 20)),
            min_size=len(flights) // 10,
            max_size=len(flights) // 10,
        )
    )
    order = data.draw(st.permutations([*flights, *more]))
    cut = data.draw(st.integers(1, len(order) - 1))
    rule = replace(BY_FLIGHT, shares=(3000, 3000, 4000), kinds=("Integer",))
    memory.files, memory.written, memory.records = {"a.parquet": wide(flights)}, {}, {}
    divide(store, rule, *PARTS)
    before, memory.written, memory.records = parts_of(memory), {}, {}
    memory.files = {"x/1.parquet": wide(order[:cut]), "y.parquet": wide(order[cut:])}
    divide(store, rule, *PARTS)
    after = parts_of(memory)
    assert after.keys() == set(order)
    assert {at: after[at] for at in before} == before


def wide(flights: list[int]) -> bytes:
    return as_parquet(pa.table({"flight": pa.array(flights, pa.int64())}))


def test_a_group_is_never_torn_apart(memory: Memory, store: Store) -> None:
    rows = pa.table({"tail": [f"N{at % 40}" for at in range(2000)], "row": list(range(2000))})
    memory.files = {"a.parquet": as_parquet(rows)}
    rule = replace(BY_FLIGHT, columns=("tail",), shares=(3000, 3000, 4000))
    found = divide(store, rule, *PARTS)
    groups = [{row["tail"] for row in memory.rows_of(part)} for part in PARTS]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 40
    assert [part.keys for part in found.parts] == [len(each) for each in groups]


def test_parts_by_time_leave_the_embargo_out(memory: Memory, store: Store) -> None:
    hours = [datetime(2013, 1, 1 + at // 24, at % 24, tzinfo=UTC) for at in range(240)]
    rows = pa.table({"at": pa.array(hours, pa.timestamp("us", "UTC")), "row": list(range(240))})
    memory.files = {"a.parquet": as_parquet(rows)}
    cuts = tuple(str(nanoseconds(datetime(2013, 1, day, tzinfo=UTC))) for day in (5, 8))
    rule = Rule("Rows", "Time", ("at",), (None,), boundaries=cuts, embargo_seconds=6 * 3600)
    found = divide(store, rule, "train", "validation", "test")
    got = [[row["row"] for row in memory.rows_of(part)] for part in ("train", "validation", "test")]
    assert got == [list(range(90)), list(range(96, 162)), list(range(168, 240))]
    assert found.left_out == 12
    assert [(part.first, part.last) for part in found.parts] == [
        (str(nanoseconds(hours[each[0]])), str(nanoseconds(hours[each[-1]]))) for each in got
    ]
    assert {part.keys for part in found.parts} == {None}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param(
            "a.parquet",
            as_parquet(pa.table({"day": pa.array([0, 1, 2, 3], pa.date32())})),
            id="dates",
        ),
        pytest.param(
            "a.csv", b"day\n1970-01-01\n1970-01-02\n1970-01-03\n1970-01-04\n", id="text of dates"
        ),
    ],
)
def test_dates_are_times(memory: Memory, store: Store, name: str, body: bytes) -> None:
    memory.files = {name: body}
    day = 86400 * 10**9
    rule = Rule("Rows", "Time", ("day",), (None,), boundaries=(str(day), str(3 * day)))
    found = divide(store, rule, "train", "validation", "test")
    assert [part.rows for part in found.parts] == [1, 2, 1]


LISTED = Rule("Rows", "Assignment", ("flight",), ("Integer",), path="z.csv", part_column="part")


def listing(flights: list[int]) -> bytes:
    lines = [f"{at},{PARTS[at % 3]}" for at in flights]
    return "\n".join(["flight,part", *lines, ""]).encode()


def test_a_list_decides_and_belongs_to_no_part(memory: Memory, store: Store) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS)), "z.csv": listing(FLIGHTS[::-1])}
    divide(store, LISTED, *PARTS)
    assert parts_of(memory) == {at: PARTS[at % 3] for at in FLIGHTS}
    assert not [key for key in memory.written if "z.csv" in key]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        pytest.param({}, "the pin has no such object", id="no list"),
        pytest.param({"z.csv": listing([*FLIGHTS, 5])}, "rows 6 and 401 name", id="twice"),
        pytest.param({"z.csv": listing(FLIGHTS[1:])}, "no part of the key of row 1", id="missing"),
        pytest.param({"z.csv": b"flight,part\n1,tset\n"}, "row 1 names in `part`", id="no part"),
        pytest.param({"z.csv": b"flight\n1\n"}, "it has no column `part`", id="no column"),
        pytest.param({"z.csv": b"flight,part\n,test\n"}, "row 1 has no key", id="no key"),
    ],
)
def test_a_list_that_is_wrong_is_refused(
    memory: Memory, store: Store, files: dict[str, bytes], why: str
) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS)), **files}
    assert why in refused(store, LISTED, "AssignmentWrong")


@pytest.mark.parametrize(
    ("name", "body", "reason", "why"),
    [
        pytest.param("a.txt", b"x", "TableUnreadable", "it is no table", id="no table"),
        pytest.param("a.parquet", b"PAR1", "TableUnreadable", "as Parquet", id="damaged"),
        pytest.param("a.csv", b"tail\nN1\n", "TableUnreadable", "no column `flight`", id="column"),
        pytest.param(
            "a.parquet",
            as_parquet(pa.table({"flight": [1.5]})),
            "TableUnreadable",
            "floats are hardly ever equal",
            id="floats",
        ),
        pytest.param(
            "a.parquet",
            as_parquet(pa.table({"flight": [1, None]})),
            "KeyMissing",
            "row 2 of `a.parquet` holds nothing in `flight`",
            id="no key",
        ),
        pytest.param(
            "a.jsonl",
            b'{"flight": 1, "x": [1]}\n',
            "TableUnreadable",
            "column `x` holds lists or objects",
            id="nested JSON",
        ),
        pytest.param(
            "a.parquet", as_parquet(table([1])), "PartEmpty", "would have no row", id="empty part"
        ),
    ],
)
def test_what_cannot_be_divided_is_refused(
    memory: Memory, store: Store, name: str, body: bytes, reason: str, why: str
) -> None:
    memory.files = {name: body}
    assert why in refused(store, BY_FLIGHT, reason)
    assert not memory.records


def test_no_key_is_told(memory: Memory, store: Store) -> None:
    memory.files = {
        "a.parquet": as_parquet(pa.table({"patient": ["secret-7"]})),
        "z.csv": b"patient,part\nsecret-8,test\n",
    }
    rule = replace(LISTED, columns=("patient",), kinds=("Text",))
    assert "secret" not in refused(store, rule, "AssignmentWrong")


def test_what_takes_too_much_room_is_refused(
    memory: Memory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS))}
    monkeypatch.setattr(split_rows, "MAX_WRITTEN", 1000)
    assert "write smaller tables" in refused(store, BY_FLIGHT, "TableUnreadable")


def test_what_is_not_granted_any_more_is_not_read(memory: Memory, store: Store) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS))}
    with pytest.raises(Refused, match="not granted"):
        divide(store, BY_FLIGHT, *PARTS, access=replace(ACCESS, locations=()))
    assert not memory.ranges


def test_what_was_recorded_is_not_made_again(memory: Memory, store: Store) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS))}
    first = divide(store, BY_FLIGHT, *PARTS)
    memory.files, memory.ranges = {}, 0
    assert divide(store, BY_FLIGHT, *PARTS) == first
    assert not memory.ranges


def test_a_record_whose_manifests_are_gone_is_made_again(
    memory: Memory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.files = {"a.parquet": as_parquet(table(FLIGHTS))}
    divide(store, BY_FLIGHT, *PARTS)
    memory.ranges = 0
    monkeypatch.setattr("glovebox.tasks.split.head_version", lambda *_: None)
    divide(store, BY_FLIGHT, *PARTS)
    assert memory.ranges


# Objects


OBJECTS = Rule("Objects", "Key", ("patient",), (None,), "scans", (3000, 3000, 4000))


def scans(number: int) -> dict[str, bytes]:
    return {f"x/patient={at % 30:04}/{at}.dcm": str(at).encode() for at in range(number)}


def test_objects_of_one_folder_stay_together(memory: Memory, store: Store) -> None:
    memory.files = {**scans(300), "_SUCCESS": b""}
    found = divide(store, OBJECTS, *PARTS)
    assert sum(part.objects for part in found.parts) == 300
    assert sum(part.keys or 0 for part in found.parts) == 30
    assert {part.rows for part in found.parts} == {None}
    assert not memory.ranges
    assert not memory.written
    more = divide_more(memory, store)
    # The same patients, with as many objects again.
    assert [part.keys_digest for part in more.parts] == [part.keys_digest for part in found.parts]
    assert [part.objects for part in more.parts] == [2 * part.objects for part in found.parts]


def divide_more(memory: Memory, store: Store) -> SplitFound:
    memory.files = scans(600)
    return divide(store, OBJECTS, *PARTS)


def test_an_object_that_lies_in_no_folder_is_refused(memory: Memory, store: Store) -> None:
    memory.files = {**scans(300), "patient=1.dcm": b"x"}
    assert "`patient=1.dcm` lies in no folder" in refused(store, OBJECTS, "KeyMissing")


def test_an_accent_is_one_accent(memory: Memory, store: Store) -> None:
    found = []
    for name in ("Zo\u00eb", "Zoe\u0308", "Zo%C3%AB"):
        memory.files = {**scans(300), f"patient={name}/a.dcm": b"x"}
        found.append([part.keys_digest for part in divide(store, OBJECTS, *PARTS).parts])
    assert found[0] == found[1] == found[2]


def test_objects_by_their_path(memory: Memory, store: Store) -> None:
    memory.files = scans(300)
    found = divide(store, replace(OBJECTS, columns=(), kinds=()), *PARTS)
    assert [part.objects for part in found.parts] == [part.keys for part in found.parts]
    expected = [0, 0, 0]
    for path in memory.files:
        expected[ByShare(OBJECTS.shares).part_of(hash_of("scans", canonical_key((path,))))] += 1
    assert [part.objects for part in found.parts] == expected


def test_objects_by_the_time_of_their_folder(memory: Memory, store: Store) -> None:
    memory.files = {f"day=2013-01-{at:02}/a.dcm": str(at).encode() for at in range(1, 32)}
    cuts = tuple(str(nanoseconds(datetime(2013, 1, day, tzinfo=UTC))) for day in (11, 21))
    rule = Rule("Objects", "Time", ("day",), (None,), boundaries=cuts, embargo_seconds=2 * 86400)
    found = divide(store, rule, "train", "validation", "test")
    assert [part.objects for part in found.parts] == [8, 8, 11]
    assert found.left_out == 4
    memory.files["day=soon/a.dcm"] = b"x"
    assert "names no moment" in refused(store, rule, "KeyMissing")


def test_objects_by_a_list_of_their_paths(memory: Memory, store: Store) -> None:
    files = scans(30)
    lines = [f"{path},{PARTS[at % 3]}" for at, path in enumerate(sorted(files))]
    memory.files = {**files, "list.csv": "\n".join(["path,part", *lines, ""]).encode()}
    rule = Rule("Objects", "Assignment", path="list.csv", part_column="part")
    found = divide(store, rule, *PARTS)
    assert [part.objects for part in found.parts] == [10, 10, 10]
    memory.files["more.dcm"] = b"x"
    assert "says no part of `more.dcm`" in refused(store, rule, "AssignmentWrong")


def test_progress_is_told(memory: Memory, store: Store) -> None:
    memory.files = {f"{at}.parquet": as_parquet(table(FLIGHTS)) for at in range(3)}
    told: list[tuple[int, int]] = []
    divide(store, BY_FLIGHT, *PARTS, report=lambda *each: told.append(each))
    assert {objects for objects, _ in told} == {0, 1, 2}
    # Within a table as well, and never backwards.
    assert len(told) > 3
    assert told == sorted(told)


def test_many_columns_and_types_pass_through(memory: Memory, store: Store) -> None:
    rows = pa.table(
        {
            "flight": FLIGHTS,
            "word": pa.array(["a", "b"] * 200).dictionary_encode(),
            "large": pa.array(["x"] * 400, pa.large_string()),
            "nested": [{"a": [at], "b": None} for at in FLIGHTS],
            "moment": pa.array(FLIGHTS, pa.timestamp("ns", "Europe/Berlin")),
            "nothing": pa.nulls(400),
        }
    )
    memory.files = {"a.parquet": as_parquet(rows)}
    divide(store, BY_FLIGHT, *PARTS)
    (after,) = memory.tables_of("train")
    assert after.schema.equals(rows.schema)
    assert after.to_pylist() == [
        row for row in rows.to_pylist() if wanted(row["flight"]) == "train"
    ]


def test_no_part_holds_what_the_rows_of_another_say(memory: Memory, store: Store) -> None:
    notes = pa.array([f"note of {at}" for at in FLIGHTS]).dictionary_encode()
    before = pa.table({"flight": FLIGHTS, "note": notes})
    memory.files = {"a.parquet": as_parquet(before, row_group_size=90)}
    divide(store, BY_FLIGHT, *PARTS)
    for part in PARTS:
        (after,) = memory.tables_of(part)
        assert after.schema.equals(before.schema)
        listed = [value for chunk in after["note"].chunks for value in chunk.dictionary.to_pylist()]
        assert set(listed) == {f"note of {row['flight']}" for row in after.to_pylist()}


def test_large_tables_come_in_row_groups(memory: Memory, store: Store) -> None:
    from pyarrow import parquet  # noqa: PLC0415 - of this test alone

    number = 300_000
    rows = pa.table({"flight": pa.array(range(number), pa.int64())})
    memory.files = {"a.parquet": as_parquet(rows)}
    found = divide(store, BY_FLIGHT, *PARTS)
    assert sum(part.rows or 0 for part in found.parts) == number
    key = next(key for key in memory.written if "/train/" in key)
    groups = parquet.ParquetFile(io.BytesIO(memory.written[key])).metadata
    assert groups.num_row_groups == 4
    assert groups.num_rows == found.parts[2].rows
