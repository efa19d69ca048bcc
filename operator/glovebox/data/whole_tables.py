"""Whole tables, a batch of rows at a time, and the Parquet files that their parts are written to.

What goes in is what `tables` reads; what comes out has the same columns and the same rows. The
types of Parquet are kept. CSV has none: all its columns are text, and an empty field without quotes
is nothing. Of JSON Lines the whole file is looked through for its columns first: truth values,
whole numbers, numbers and text; lists and objects within a row are refused.

The same table, rule and version of the library give the same bytes: nothing of a writer's settings
is left to the machine, and nothing says when it was written. Only the process that reads tables
imports this.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, cast

import pyarrow as pa
from pyarrow import parquet

from glovebox.data.own_categories import with_own_categories
from glovebox.data.table_errors import TableError, unreadable
from glovebox.data.tables import (
    TextStream,
    csv_batches,
    csv_header,
    format_of,
    json_batches,
    parquet_batches,
    parquet_file,
    text_stream,
)

# What all writers together hold before a row group is written.
_HELD_BYTES: Final = 32 << 20
_MOST_ROWS: Final = 1 << 16
_SMALL: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class WholeTable:
    """All columns of a table.

    Attributes:
        schema: Of every batch.
        batches: Its rows, in order.
        is_plain: Whether text stands for whatever others hold there: the format has no types.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    is_plain: bool


def open_whole(path: str, opened: Callable[[], IO[bytes]]) -> WholeTable:
    """Open a table.

    Args:
        path: Says the format; `format_of` knows it.
        opened: Returns its bytes, from the start; called more than once for some formats.

    Raises:
        TableError: It is none. The batches raise it as well.
    """
    kind = format_of(path)
    if kind == "Parquet":
        return _parquet(opened())
    if kind == "CSV":
        return _csv(text_stream(path, opened()))
    return _json_lines(lambda: text_stream(path, opened()).lines)


def _parquet(file: IO[bytes]) -> WholeTable:
    found = parquet_file(file)
    schema = found.schema_arrow
    _require_distinct(schema.names)
    return WholeTable(schema, parquet_batches(found, schema.names), is_plain=False)


def _csv(stream: TextStream) -> WholeTable:
    columns = csv_header(stream)
    if not columns:
        raise TableError("its first line does not name columns")
    _require_distinct(columns)
    schema = pa.schema([(column, pa.string()) for column in columns])
    return WholeTable(schema, csv_batches(stream, columns), is_plain=True)


def _json_lines(opened: Callable[[], io.BufferedReader]) -> WholeTable:
    found: dict[str, pa.DataType] = {}
    for rows in json_batches(opened()):
        for row in rows:
            for name, value in row.items():
                held = _json_type(name, value)
                before = found.get(name, pa.null())
                if held != before:
                    found[name] = _widest(name, before, held)
    schema = pa.schema(list(found.items()))

    def batches() -> Iterator[pa.RecordBatch]:
        for rows in json_batches(opened()):
            try:
                arrays = [
                    pa.array([row.get(name) for row in rows], held) for name, held in found.items()
                ]
                yield pa.record_batch(arrays, schema=schema)
            except (pa.ArrowException, OverflowError) as error:
                raise unreadable("JSON Lines", error) from error

    return WholeTable(schema, batches(), is_plain=True)


def _json_type(name: str, value: object) -> pa.DataType:
    match value:
        case None:
            return pa.null()
        case bool():
            return pa.bool_()
        case int():
            return pa.int64() if value < 1 << 63 else pa.uint64()
        case float():
            return pa.float64()
        case str():
            return pa.string()
    raise TableError(
        f"column `{name}` holds lists or objects, which are not written into parts: write the"
        " table as Parquet"
    )


def _widest(name: str, one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds both."""
    kinds = {one, other}
    if pa.null() in kinds:
        return other if one == pa.null() else one
    if kinds == {pa.int64(), pa.float64()}:
        return pa.float64()
    raise TableError(f"column `{name}` holds values of different types: write it as one type")


def _require_distinct(columns: list[str]) -> None:
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise TableError(f"it has more than one column `{twice}`")


class PartWriter:
    """Writes the rows of one part of one table as Parquet.

    Args:
        schema: Of the rows.
        write: Takes the bytes as they come.
        parts: How many such writers share the memory.
    """

    def __init__(self, schema: pa.Schema, write: Callable[[bytes], None], parts: int) -> None:
        self._schema, self._write = schema, write
        self._limit = _HELD_BYTES // parts
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self._writer: parquet.ParquetWriter | None = None
        self._sink: io.BufferedWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows."""
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= _MOST_ROWS or self._bytes >= self._limit:
            self._flush()

    def close(self) -> None:
        """Write the rest, and the footer; nothing where there was no row."""
        if self._rows:
            self._flush()
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._sink.flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._sink = io.BufferedWriter(cast("Any", _Sink(self._write)), _SMALL)
            self._writer = parquet.ParquetWriter(
                pa.PythonFile(self._sink, "w"),
                self._schema,
                version="2.6",
                compression="snappy",
                use_dictionary=True,
                write_statistics=True,
                data_page_version="1.0",
                data_page_size=1 << 20,
                write_batch_size=1024,
                use_deprecated_int96_timestamps=False,
                store_schema=True,
            )
        table = pa.Table.from_batches(self._held, self._schema).combine_chunks()
        table = with_own_categories(table)
        self._held, self._rows, self._bytes = [], 0, 0
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))


class _Sink(io.RawIOBase):
    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._send = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raw = bytes(data)
        self._send(raw)
        return len(raw)
