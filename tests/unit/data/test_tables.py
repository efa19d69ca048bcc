"""One table gives the same keys in whatever format, and what is none says why."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

from glovebox.data import tables
from glovebox.data.arrow_keys import key_hashes
from glovebox.data.row_keys import Kind
from glovebox.data.table_errors import TableError
from glovebox.data.tables import format_of, open_table

COLUMNS = ("day", "flight", "tail")
KINDS: tuple[Kind, ...] = ("Date", "Integer", "Text")
SCHEMA = pa.schema(
    [("flight", pa.int32()), ("delay", pa.float64()), ("tail", pa.string()), ("day", pa.date32())]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "flight": st.integers(-(1 << 31), (1 << 31) - 1),
            "delay": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            # The characters that formats trip over; no empty text, which CSV writes in two ways.
            "tail": st.none() | st.text('N1"\n,\r\u00e9 ', min_size=1, max_size=8),
            "day": st.none() | st.dates(date(1970, 1, 1), date(2100, 1, 1)),
        }
    ),
    min_size=1,
    max_size=40,
)


def keys(
    path: str,
    body: bytes,
    columns: tuple[str, ...] = COLUMNS,
    kinds: tuple[Kind, ...] = KINDS,
) -> list[bytes]:
    """Return the hash of each row of a file."""
    table = open_table(path, io.BytesIO(body), columns)
    raw = b"".join(
        key_hashes(columns, arrays, kinds, is_plain=table.is_plain) for arrays in table.batches
    )
    return [raw[at : at + 16] for at in range(0, len(raw), 16)]


def as_parquet(rows: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(rows, sink, **options)
    return sink.getvalue()


def as_csv(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    csv.write_csv(rows, sink)
    return sink.getvalue()


def as_lines(rows: pa.Table) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows.to_pylist())


FORMS: dict[str, tuple[str, Callable[[pa.Table], bytes]]] = {
    "Parquet": ("a.parquet", as_parquet),
    "row groups of three": ("a.parquet", lambda rows: as_parquet(rows, row_group_size=3)),
    "no compression": ("a.parquet", lambda rows: as_parquet(rows, compression="none")),
    "zstd": ("a.PARQUET", lambda rows: as_parquet(rows, compression="zstd")),
    "no dictionary": ("a.parquet", lambda rows: as_parquet(rows, use_dictionary=False)),
    "small pages": ("a.parquet", lambda rows: as_parquet(rows, data_page_size=16)),
    "version 1.0": ("a.parquet", lambda rows: as_parquet(rows, version="1.0")),
    "other types": (
        "a.parquet",
        lambda rows: as_parquet(
            rows.cast(
                pa.schema(
                    [
                        ("flight", pa.int64()),
                        ("delay", pa.float32()),
                        ("tail", pa.large_string()),
                        ("day", pa.date64()),
                    ]
                )
            )
        ),
    ),
    "categories": (
        "a.parquet",
        lambda rows: as_parquet(
            rows.set_column(2, "tail", rows.column("tail").dictionary_encode())
        ),
    ),
    "other columns": ("a.parquet", lambda rows: as_parquet(rows.select([3, 0, 2]))),
    "CSV": ("a.csv", as_csv),
    "packed CSV": ("a.csv.gz", lambda rows: gzip.compress(as_csv(rows))),
    "two packed parts": (
        "a.csv.gz",
        lambda rows: gzip.compress(as_csv(rows)[:11]) + gzip.compress(as_csv(rows)[11:]),
    ),
    "a byte order mark": ("a.csv", lambda rows: b"\xef\xbb\xbf" + as_csv(rows)),
    "JSON Lines": ("a.jsonl", as_lines),
    "packed JSON Lines": ("a.ndjson.gz", lambda rows: gzip.compress(as_lines(rows))),
}


@settings(max_examples=30)
@given(ROWS)
def test_one_table_gives_the_same_keys_in_whatever_form(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    wanted = keys("a.parquet", as_parquet(table))
    assert len(wanted) == len(rows)
    for name, (path, write) in FORMS.items():
        assert keys(path, write(table)) == wanted, name


@given(ROWS, st.randoms())
def test_rows_in_another_order_and_other_files_give_the_same_keys(
    rows: list[dict[str, Any]], random: Any
) -> None:
    whole = keys("a.parquet", as_parquet(pa.Table.from_pylist(rows, SCHEMA)))
    random.shuffle(rows)
    half = len(rows) // 2
    parts = [pa.Table.from_pylist(part, SCHEMA) for part in (rows[:half], rows[half:])]
    found = keys("b.csv", as_csv(parts[0])) + keys("c.parquet", as_parquet(parts[1]))
    assert sorted(found) == sorted(whole)


def test_what_is_longer_than_a_block_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"flight": at, "delay": None, "tail": "N1", "day": None} for at in range(1000)]
    table = pa.Table.from_pylist(rows, SCHEMA)
    wanted = keys("a.parquet", as_parquet(table))
    monkeypatch.setattr(tables, "_BLOCK", 256)
    monkeypatch.setattr(tables, "_ROWS", 7)
    for name, (path, write) in FORMS.items():
        assert keys(path, write(table)) == wanted, name


def test_of_parquet_nothing_is_read_but_the_columns_that_are_asked_for() -> None:
    rows = 100_000
    table = pa.table(
        {"flight": pa.array(range(rows)), "text": ["x" * 90 + str(at) for at in range(rows)]}
    )
    body = as_parquet(table, compression="none", use_dictionary=False)
    read: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            read.append(len(found))
            return found

    table_ = open_table("a.parquet", Counted(body), ["flight"])
    assert sum(len(arrays[0]) for arrays in table_.batches) == rows
    assert sum(read) < len(body) / 5


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.parquet", "Parquet"),
        ("x/y.Parquet", "Parquet"),
        ("a.csv", "CSV"),
        ("a.CSV.GZ", "CSV"),
        ("a.jsonl", "JSONLines"),
        ("a.ndjson.gz", "JSONLines"),
        ("a.parquet.gz", None),
        ("a.json", None),
        ("a.csv/part-1", None),
        ("README.md", None),
        ("csv", None),
        ("", None),
    ],
)
def test_the_name_says_the_format(path: str, kind: str | None) -> None:
    assert format_of(path) == kind


GOOD = as_parquet(pa.table({"tail": ["N1"], "flight": [1]}))


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("a.txt", b"tail\nN1\n", "its name ends in none of `.parquet`"),
        ("a.csv", b"", "it has no column `tail`"),
        ("a.csv", b"Tail\nN1\n", "it has no column `tail`"),
        ("a.csv", b"tail,flight,tail\nN1,1,N1\n", "it has more than one column `tail`"),
        ("a.csv", b"tail,x\nN1\n", "it cannot be read as CSV (ArrowInvalid)"),
        ("a.csv", b"tail\n\xff\n", "it cannot be read as CSV (ArrowInvalid)"),
        (
            "a.csv.gz",
            gzip.compress(b"tail\nN1\n" * 99, mtime=0)[:-9],
            "its compressed stream is damaged",
        ),
        ("a.csv.gz", b"tail\nN1\n", "its compressed stream is damaged"),
        ("a.parquet", GOOD[:-1], "it cannot be read as Parquet (ArrowInvalid)"),
        ("a.parquet", b"PAR1", "it cannot be read as Parquet (ArrowInvalid)"),
        ("a.parquet", GOOD[:4] + bytes(60) + GOOD[64:], "it cannot be read as Parquet"),
        ("a.parquet", as_parquet(pa.table({"x": [1]})), "it has no column `tail`"),
        ("a.jsonl", b'{"flight":1}\n{"flight":2}\n', "it has no column `tail`"),
        ("a.jsonl", b'{"tail":"N1"}\n{"tail":1}\n', "column `tail` holds values of different"),
        ("a.jsonl", b'{"tail":["N1"]}\n', "column `tail` holds values of different types"),
        ("a.jsonl", b'{"tail":1.5}\n', "column `tail` is of type double"),
        ("a.jsonl", b'{"tail":18446744073709551615}\n{"tail":-1}\n', "it cannot be read as JSON"),
        ("a.jsonl", b'[{"tail":"N1"}]\n', "one of its lines is no JSON object"),
        ("a.jsonl", b'{"tail":\n"N1"}\n', "one of its lines is no JSON"),
        ("a.csv", b'tail,x\nN1,"2\nN2,4\nN3,6\n', "one of its quotation marks is not closed"),
        (
            "a.csv.gz",
            gzip.compress(b'tail\n"N1\nN2\n', mtime=0),
            "one of its quotation marks is not",
        ),
    ],
)
def test_what_is_no_table_says_why(path: str, body: bytes, why: str) -> None:
    with pytest.raises(TableError) as refused:
        keys(path, body, ("tail",), ("Text",))
    assert why in str(refused.value)


def test_a_footer_that_leaves_rows_out_is_refused() -> None:
    """Who reads by a row group's number of rows alone never sees the others."""
    body = as_parquet(pa.table({"tail": [f"N{at}" for at in range(300)]}), row_group_size=100)
    footer = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    # 100 and 300 as Thrift writes them, and one less.
    numbers = ((b"\xc8\x01", b"\xc6\x01"), (b"\xd8\x04", b"\xd6\x04"))
    places = [
        (at, other)
        for number, other in numbers
        for at in range(footer, len(body) - 8)
        if body[at : at + 2] == number
    ]
    refused = 0
    for at, other in places:
        try:
            found = keys("a.parquet", body[:at] + other + body[at + 2 :], ("tail",), ("Text",))
        except TableError:
            refused += 1
        else:
            assert len(found) == 300  # it was the size of something
    assert refused == 7  # of each row group twice, and once of the file
    # One more everywhere: its pages end before.
    more = body[:footer] + body[footer:].replace(b"\xc8\x01", b"\xca\x01").replace(
        b"\xd8\x04", b"\xde\x04"
    )
    with pytest.raises(TableError, match="its footer says other numbers of rows"):
        keys("a.parquet", more, ("tail",), ("Text",))


@pytest.mark.parametrize("path", ["a.csv.gz", "a.jsonl.gz"])
def test_what_unpacks_a_thousandfold_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_UNPACKED_FREELY", 4 << 20)
    row = b"tail\n" if "csv" in path else b'{"tail":"N1"}\n'
    assert len(keys(path, gzip.compress(row * 1000), ("tail",), ("Text",))) > 900
    with pytest.raises(TableError, match="it unpacks to more than 200 times its size"):
        keys(path, gzip.compress(row * 1_000_000), ("tail",), ("Text",))


def test_lines_without_anything_are_few() -> None:
    """Of 200 kB of them packed a process had a minute's work, and found no row to be refused."""
    lines = b'{"tail":"N1"}\n'
    assert len(keys("a.jsonl", lines + b"\n" * 100_000, ("tail",), ("Text",))) == 1
    with pytest.raises(TableError, match="more than 100,000 of its lines are empty"):
        keys("a.jsonl", lines + b"\n" * 100_001, ("tail",), ("Text",))


@pytest.mark.parametrize("path", ["a.csv", "a.jsonl"])
def test_a_line_beyond_all_measure_is_refused(path: str) -> None:
    def long() -> Iterator[bytes]:
        yield b'tail\n"' if path.endswith("csv") else b'{"tail":"'
        yield from (b"x" * (1 << 20) for _ in range(20))

    with pytest.raises(TableError):
        keys(path, b"".join(long()), ("tail",), ("Text",))


def test_an_empty_field_is_nothing_and_an_empty_text_is_one() -> None:
    found = keys("a.csv", b'tail,flight\n,1\n"",1\n', ("flight", "tail"), ("Integer", "Text"))
    lines = b'{"flight":1}\n{"flight":1,"tail":""}\n'
    assert found == keys("a.jsonl", lines, ("flight", "tail"), ("Integer", "Text"))
    assert found[0] != found[1]


def test_a_table_without_rows_is_one() -> None:
    assert keys("a.csv", b"tail\n", ("tail",), ("Text",)) == []
    assert keys("a.jsonl", b"\n", ("tail",), ("Text",)) == []
    nothing = as_parquet(pa.table({"tail": pa.array([], pa.string())}))
    assert keys("a.parquet", nothing, ("tail",), ("Text",)) == []
