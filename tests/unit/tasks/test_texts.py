"""Comparing texts, in whatever file and format they are; what a pin says wrong of its tables."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from glovebox.errors import Refused
from glovebox.store.connection import JobStoppedError, Stop, Store
from glovebox.store.source_access import Location, SourceAccess
from glovebox.tasks.context import Progress
from glovebox.tasks.rows import KeyedDataset
from glovebox.tasks.texts import TextsFound, compare_texts
from support.tables_in_memory import Files, compared_by

LETTER = (
    "The harbour was closed for the whole of that winter, and nobody in the town could say when"
    " the ships would come again or what the people would live on until they did."
)
# One word is another one, and none of the marks is there.
EDITED = LETTER.replace("winter", "year").replace(",", "").replace(".", "").upper()
OTHER = "Nothing of what is written here has anything to do with ships, harbours or the cold."


def dataset(store: Store, name: str, *columns: str, **how: Any) -> KeyedDataset:
    return compared_by(columns or ("body",), store, name, **how)


def compare(*datasets: KeyedDataset) -> TextsFound:
    reported: list[Progress] = []
    found = compare_texts(datasets, Stop(), reported.append)
    assert {each.phase for each in reported} <= {"ReadingTexts"}
    return found


def as_parquet(**columns: list[str | None] | pa.Array) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


def as_csv(*texts: str) -> bytes:
    sink = io.StringIO()
    csv.writer(sink).writerows(
        [("day", "body"), *((str(day), text) for day, text in enumerate(texts))]
    )
    return sink.getvalue().encode()


def as_json_lines(*texts: str) -> bytes:
    return b"".join(orjson.dumps({"body": text, "day": 1}) + b"\n" for text in texts)


FORMATS = [
    pytest.param("b.parquet", as_parquet(body=[OTHER, EDITED]), id="Parquet"),
    pytest.param(
        "b.parquet",
        as_parquet(body=pa.array([OTHER, EDITED]).dictionary_encode()),
        id="a dictionary",
    ),
    pytest.param(
        "b.parquet", as_parquet(body=pa.array([OTHER, EDITED], pa.large_string())), id="large text"
    ),
    pytest.param("b.csv", as_csv(OTHER, EDITED), id="CSV"),
    pytest.param("b.csv.gz", gzip.compress(as_csv(OTHER, EDITED)), id="packed CSV"),
    pytest.param("b.jsonl", as_json_lines(OTHER, EDITED), id="JSON Lines"),
    pytest.param("b.ndjson.gz", gzip.compress(as_json_lines(OTHER, EDITED)), id="packed JSON"),
]


@pytest.mark.parametrize(("path", "body"), FORMATS)
def test_an_edited_copy_is_found_in_every_format(
    store: Store, files: dict[str, Files], path: str, body: bytes
) -> None:
    files["train"] = {"_SUCCESS": b"", "a.parquet": as_parquet(body=["x y z", LETTER])}
    files["test"] = {path: body}
    found = compare(dataset(store, "train"), dataset(store, "test"))
    (near,) = found.near
    assert (near.first_count, near.second_count) == (1, 1)
    assert near.examples == (("row 2 of a.parquet", f"row 2 of {path}"),)
    assert (found.texts, found.wordless) == ({"train": 2, "test": 2}, {})
    assert (found.textless, found.crowded) == ({}, 0)


def test_the_text_of_a_row_is_all_of_its_columns(store: Store, files: dict[str, Files]) -> None:
    first, _, rest = LETTER.partition(" was ")
    files["train"] = {"a.parquet": as_parquet(body=[f"was {rest}", None], title=[first, None])}
    files["test"] = {"b.csv": f"title,body\n,{LETTER!r}\n".replace("'", '"').encode()}
    columns = ("title", "body")
    found = compare(*(dataset(store, name, *columns) for name in ("train", "test")))
    assert [each.first_count for each in found.near] == [1]
    assert found.wordless == {"train": 1}
    # The body alone is another text than title and body, where the title is long.
    files["train"] = {"a.parquet": as_parquet(body=[LETTER], title=[OTHER])}
    assert compare(*(dataset(store, name, *columns) for name in ("train", "test"))).near == ()


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        pytest.param("README.md", b"x", "it is no table: its name ends in none of", id="no table"),
        pytest.param("a.csv", b"title\nN1\n", "it has no column `body`", id="no column"),
        pytest.param(
            "a.parquet",
            as_parquet(body=pa.array([1])),
            "column `body` is of type int64, and only text is compared by words",
            id="numbers",
        ),
        pytest.param(
            "a.jsonl",
            b'{"body":1}\n',
            "column `body` is of type int64, and only text is compared by words",
            id="numbers in JSON",
        ),
        pytest.param(
            "a.parquet", b"nonsense", "it cannot be read as Parquet (ArrowInvalid)", id="damaged"
        ),
    ],
)
def test_what_a_pin_says_wrong_of_its_tables_is_found(
    store: Store, files: dict[str, Files], path: str, body: bytes, why: str
) -> None:
    files["train"] = {"x.csv": as_csv(LETTER)}
    files["test"] = {path: body}
    found = compare(dataset(store, "train"), dataset(store, "test"))
    ((name, (file, text)),) = found.textless.items()
    assert (name, file) == ("test", path)
    assert why in text
    assert (found.near, found.texts) == ((), {})


def test_what_is_not_granted_any_more_is_not_read(store: Store, files: dict[str, Files]) -> None:
    files["train"] = files["test"] = {"a.csv": as_csv(LETTER)}
    withdrawn = SourceAccess("team", "primary", (Location("data", "other/"),), "artifacts")
    with pytest.raises(Refused, match="is not granted"):
        compare(dataset(store, "train"), dataset(store, "test", access=withdrawn))


def test_long_texts_and_many_are_read_in_little_memory(
    store: Store, files: dict[str, Files]
) -> None:
    # A text of a hundred thousand words, and more texts than are unpacked at once.
    long = " ".join(f"word{number}" for number in range(30_000))
    many = [f"{LETTER} {number}" for number in range(600)]
    files["train"] = {"a.jsonl": as_json_lines(*many, long)}
    files["test"] = {"b.parquet": as_parquet(body=[OTHER, f"{long} and the end"])}
    (near,) = compare(dataset(store, "train"), dataset(store, "test")).near
    assert near.examples == (("row 601 of a.jsonl", "row 2 of b.parquet"),)


def test_it_ends_with_whoever_waited(store: Store, files: dict[str, Files]) -> None:
    files["train"] = files["test"] = {"a.csv": as_csv(LETTER)}
    stop = Stop()

    def report(progress: Progress) -> None:
        if progress.bytes_read:
            stop.set()

    with pytest.raises(JobStoppedError):
        compare_texts([dataset(store, "train"), dataset(store, "test")], stop, report)
