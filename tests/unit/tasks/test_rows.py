"""Comparing rows: which inputs, by which types, and what a pin says wrong of its tables."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from glovebox.errors import Refused
from glovebox.store.connection import JobStoppedError, Stop, Store
from glovebox.store.source_access import Location, SourceAccess
from glovebox.tasks import rows
from glovebox.tasks.context import Progress
from glovebox.tasks.rows import KeyedDataset, RowsFound, by_key, compare_rows
from support.tables_in_memory import Files, compared_by


def dataset(store: Store, name: str, *columns: str, **how: Any) -> KeyedDataset:
    return compared_by(columns or ("flight",), store, name, **how)


def compare(*datasets: KeyedDataset) -> RowsFound:
    told: list[Progress] = []
    found = compare_rows(datasets, Stop(), told.append)
    assert {each.phase for each in told} <= {"ReadingRows"}
    return found


def as_parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_only_inputs_of_one_key_and_of_other_roles_are_compared(store: Store) -> None:
    train, fit = dataset(store, "train"), dataset(store, "fit", role="train")
    test, other = dataset(store, "test"), dataset(store, "other", "tail")
    assert by_key([train, fit]) == []
    assert by_key([train, other]) == []
    assert by_key([train, test, other]) == [(train, test)]
    assert by_key([fit, other, train, test]) == [(fit, train, test)]


def test_rows_are_found_across_formats_and_files(store: Store, files: dict[str, Files]) -> None:
    files["train"] = {
        "a.parquet": as_parquet(flight=[1, 2, 3], tail=["N1", "N2", None]),
        "_SUCCESS": b"",
        "b.csv": b"tail,flight\nN9,9\n",
    }
    files["test"] = {"c.jsonl": b'{"flight":8,"tail":"N8"}\n{"flight":9,"tail":"N9"}\n'}
    files["final"] = {"d.csv": b'flight,tail\n2,N2\n3,""\n3,\n'}
    key = ("flight", "tail")
    found = compare(*(dataset(store, name, *key) for name in ("train", "test", "final")))
    assert [(each.first, each.second, each.kind, each.examples) for each in found.shared] == [
        ("train", "test", "Rows", (("row 1 of b.csv", "row 2 of c.jsonl"),)),
        (
            "train",
            "final",
            "Rows",
            (("row 2 of a.parquet", "row 1 of d.csv"), ("row 3 of a.parquet", "row 3 of d.csv")),
        ),
    ]
    assert found.rows == {"train": 4, "test": 2, "final": 3}
    assert (found.keyless, found.unreadable) == ({}, {})


@pytest.mark.parametrize(
    ("train", "shared"),
    [
        pytest.param({"a.csv": b"flight\n7\n"}, True, id="without a type in either"),
        pytest.param({"a.csv": b"flight\n07\n"}, False, id="text without a type is text"),
        pytest.param({"a.parquet": as_parquet(flight=[7])}, True, id="a number"),
        pytest.param({"a.parquet": as_parquet(flight=["7"])}, True, id="text"),
        pytest.param({"a.jsonl": b'{"flight":7}\n'}, True, id="a number in JSON"),
        pytest.param({"a.jsonl": b'{"flight":"7"}\n'}, True, id="text in JSON"),
        pytest.param(
            {"a.jsonl": b'{"flight":null}\n', "b.parquet": as_parquet(flight=[7])},
            True,
            id="Parquet says it, wherever it lies",
        ),
        pytest.param(
            {"a.csv": b"flight\n07\n", "b.parquet": as_parquet(flight=[1])},
            True,
            id="a number as somebody else writes it",
        ),
    ],
)
def test_a_column_without_types_is_what_the_others_hold(
    store: Store,
    files: dict[str, Files],
    train: Files,
    shared: bool,  # noqa: FBT001
) -> None:
    files["train"], files["test"] = train, {"x.csv": b"flight\n7\n"}
    found = compare(dataset(store, "train"), dataset(store, "test"))
    assert [bool(found.shared), found.unreadable] == [shared, {}]


@pytest.mark.parametrize(
    ("test", "path", "why"),
    [
        ({"README.md": b"x"}, "README.md", "it is no table: its name ends in none of `.parquet`"),
        ({"a.csv": b"tail\nN1\n"}, "a.csv", "it has no column `flight`"),
        ({"a.parquet": as_parquet(tail=["N1"])}, "a.parquet", "it has no column `flight`"),
        ({"a.parquet": b"nonsense"}, "a.parquet", "it cannot be read as Parquet (ArrowInvalid)"),
        (
            {"a.parquet": as_parquet(flight=["UA1"])},
            "a.parquet",
            "column `flight` holds text, and that of another input holds whole numbers of 64 bits",
        ),
        (
            {"a.parquet": as_parquet(flight=[1]), "b.parquet": as_parquet(flight=["1"])},
            "b.parquet",
            "column `flight` holds text, and whole numbers of 64 bits as other files or a",
        ),
        (
            {"a.csv": b"flight\nUA1\n"},
            "a.csv",
            "column `flight` holds whole numbers of 64 bits, as other files",
        ),
        ({"a.parquet": as_parquet(flight=[1.0])}, "a.parquet", "is of type double, which cannot"),
    ],
)
def test_what_a_pin_says_wrong_of_its_tables_is_told(
    store: Store, files: dict[str, Files], test: Files, path: str, why: str
) -> None:
    files["train"] = {"x.parquet": as_parquet(flight=[1, 2])}
    files["test"] = test
    found = compare(dataset(store, "train"), dataset(store, "test"))
    ((name, (file, text)),) = found.unreadable.items()
    assert (name, file) == ("test", path)
    assert why in text
    assert (found.shared, found.rows) == ((), {})


def test_what_is_not_granted_any_more_is_not_read(store: Store, files: dict[str, Files]) -> None:
    files["train"] = files["test"] = {"a.csv": b"flight\n1\n"}
    withdrawn = SourceAccess("team", "primary", (Location("data", "other/"),), "artifacts")
    with pytest.raises(Refused, match="is not granted"):
        compare(dataset(store, "train"), dataset(store, "test", access=withdrawn))


async def test_one_comparison_of_rows_is_under_way_at_a_time(
    store: Store, files: dict[str, Files]
) -> None:
    files["train"] = files["test"] = {"a.csv": b"flight\n1\n"}
    datasets = [dataset(store, "train"), dataset(store, "test")]
    told: list[Progress] = []
    stop = Stop()
    with store.alone(Stop()):
        second = asyncio.create_task(asyncio.to_thread(compare_rows, datasets, stop, told.append))
        await asyncio.sleep(0.3)
        assert (told, second.done()) == ([], False)
        # Whoever waits for its turn ends when nobody waits for it.
        third = asyncio.create_task(asyncio.to_thread(compare_rows, datasets, stop, told.append))
        stop.set()
        with pytest.raises(JobStoppedError):
            await third
        with pytest.raises(JobStoppedError):
            await second
    assert len(compare(*datasets).shared) == 1


async def test_who_reads_for_long_lets_others_have_a_turn(
    store: Store, files: dict[str, Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_TURN_SECONDS", -1.0)  # at once, after each file
    for name, first in (("train", 0), ("test", 1), ("few", 0), ("some", 0)):
        many = 5 if name in {"train", "test"} else 1
        files[name] = {f"{at}.csv": f"flight\n{at * 2 + first}\n".encode() for at in range(many)}
    long = asyncio.create_task(
        asyncio.to_thread(
            compare_rows, [dataset(store, "train"), dataset(store, "test")], Stop(), nothing
        )
    )
    await asyncio.sleep(0.5)
    short = [dataset(store, "few"), dataset(store, "some")]
    found = await asyncio.to_thread(compare_rows, short, Stop(), nothing)
    assert not long.done()
    assert len(found.shared) == 1
    assert ((await long).shared, (await long).rows) == ((), {"train": 5, "test": 5})


def nothing(progress: Progress) -> None:
    del progress


def test_it_ends_with_whoever_waited(store: Store, files: dict[str, Files], tmp_path: Path) -> None:
    del tmp_path
    files["train"] = files["test"] = {"a.parquet": as_parquet(flight=list(range(99)))}
    stop = Stop()

    def report(progress: Progress) -> None:
        if progress.bytes_read:
            stop.set()

    with pytest.raises(JobStoppedError):
        compare_rows([dataset(store, "train"), dataset(store, "test")], stop, report)
