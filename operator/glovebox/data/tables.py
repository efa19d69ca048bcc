"""Columns of a table, a batch of rows at a time: Parquet, CSV and JSON Lines.

Which format a file has is said by its name alone. Parquet is read by column and row group, through
whatever ranges the file object is asked for; CSV and JSON Lines as a stream, unpacked where the
name ends in `.gz`. Nothing is ever held whole.

Text of CSV has no type, and nothing is guessed: a field is text, and an empty one without quotes
is null. Only the process that reads tables calls `open_table`, which imports `pyarrow`.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Literal, cast

import orjson

from glovebox.data.table_errors import TableError, unreadable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

_FOOTER_WRONG: Final = "its footer says other numbers of rows in one place than in another"
Format = Literal["Parquet", "CSV", "JSONLines"]

_SUFFIXES: Final[dict[str, Format]] = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".jsonl": "JSONLines",
    ".ndjson": "JSONLines",
}
FORMATS_TEXT: Final = "`.parquet`, `.csv`, `.jsonl` or `.ndjson` (the last three also `.gz`)"
_GZIP: Final = ".gz"
_ROWS: Final = 8192
# What is asked for at once, of Parquet and of CSV.
_BLOCK: Final = 2 << 20
_MAX_HEADER: Final = 1 << 20
_MAX_LINE: Final = 8 << 20
# What does not end in a row costs time all the same: a stream of nothing but line ends packs a
# thousandfold. Files have some empty lines, and none has so many; and no table of so few bytes
# unpacks to so much.
_MAX_EMPTY: Final = 100_000
_UNPACKED_FREELY: Final = 256 << 20
_MAX_RATIO: Final = 200
# More rows no file has, and those of a million files are still a number of 64 bits.
_MAX_ROWS: Final = 1 << 40
# A footer says how much is to be allocated for its own lists and texts.
_MAX_THRIFT: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns can be read.

    Attributes:
        batches: Of the columns that were asked for, in that order: arrays of one length.
        types: Of these columns, where the file says them before its first row; else empty.
        is_plain: Whether text stands for whatever others hold there: the format has no types.
    """

    batches: Iterator[list[pa.Array]]
    types: tuple[pa.DataType, ...]
    is_plain: bool


def format_of(path: str) -> Format | None:
    """Return the format of a file, or None where its name says none that is read."""
    name = path.lower()
    is_packed = name.endswith(_GZIP)
    name = name.removesuffix(_GZIP)
    found = next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)
    return None if is_packed and found == "Parquet" else found


def open_table(path: str, file: IO[bytes], columns: Sequence[str], rows: int = _ROWS) -> Table:
    """Open a table.

    Args:
        path: Says the format.
        file: Its bytes; Parquet is read by seeking.
        columns: Which ones to read, by name: no two the same.
        rows: So many are read at once, at most.

    Raises:
        TableError: It is none, or lacks a column. The batches raise it as well.
    """
    kind = format_of(path)
    if kind is None:
        raise TableError(f"its name ends in none of {FORMATS_TEXT}")
    if kind == "Parquet":
        return _parquet(file, columns, rows)
    stream = text_stream(path, file)
    if kind == "JSONLines":
        return Table(_json_lines(stream.lines, columns, rows), (), is_plain=True)
    return Table(_csv(stream, columns), (), is_plain=True)


@dataclass(frozen=True, slots=True)
class TextStream:
    """The lines of CSV or JSON, unpacked.

    Attributes:
        lines: Reads them; raises `TableError` where they are damaged, or too many for their size.
    """

    lines: io.BufferedReader
    _told: _Told

    def require_closed_quotes(self) -> None:
        """Return when a CSV that was read to its end closes each of its quotation marks.

        The library takes all that follows an open one for one field, and what is in it for no row.

        Raises:
            TableError: It does not.
        """
        if self._told.quotes % 2:
            raise TableError("one of its quotation marks is not closed, or not in a quoted field")


def text_stream(path: str, file: IO[bytes]) -> TextStream:
    """Return the lines of CSV or JSON, unpacked where the name says that they are packed."""
    most = 0
    if path.lower().endswith(_GZIP):
        most = max(_UNPACKED_FREELY, file.seek(0, io.SEEK_END) * _MAX_RATIO)
        file.seek(0)
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    told = _Told(file, most)
    return TextStream(io.BufferedReader(cast("Any", told), _BLOCK), told)


class _Told(io.RawIOBase):
    """A stream whose damage is told as such.

    Args:
        file: What is read.
        most: How much it may be; 0: as much as it is.

    Attributes:
        quotes: How many quotation marks were read.
    """

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most, self._read = file, most, 0
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # As much as fits: what is looked at ahead, the names of the columns, has to be whole.
        filled = 0
        try:
            while filled < len(buffer) and (read := self._file.read(len(buffer) - filled)):
                buffer[filled : filled + len(read)] = read
                filled += len(read)
                self.quotes += read.count(b'"')
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise TableError("its compressed stream is damaged or cut short") from error
        self._read += filled
        if 0 < self._most < self._read:
            raise TableError(
                f"it unpacks to more than {_MAX_RATIO} times its size: write it without compression"
            )
        return filled


def _parquet(file: IO[bytes], columns: Sequence[str], rows: int) -> Table:
    opened = parquet_file(file)
    schema = opened.schema_arrow
    _require(columns, schema.names)
    types = tuple(schema.field(column).type for column in columns)
    batches = (
        [batch.column(column) for column in columns]
        for batch in parquet_batches(opened, columns, rows)
    )
    return Table(batches, types, is_plain=False)


def parquet_file(file: IO[bytes]) -> parquet.ParquetFile:
    """Open a Parquet file, with bounds on what its footer may ask for.

    Raises:
        TableError: It is none.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only the process that reads tables has it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    try:
        opened = parquet.ParquetFile(
            pa.PythonFile(file, "r"),
            # Pages as they come, and never a whole column of a row group.
            buffer_size=_BLOCK,
            pre_buffer=False,
            thrift_string_size_limit=_MAX_THRIFT,
            thrift_container_size_limit=_MAX_THRIFT,
        )
        _ = opened.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise unreadable("Parquet", error) from error
    return opened


def parquet_batches(
    opened: parquet.ParquetFile, columns: Sequence[str], at_once: int = _ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of these columns, so many at a time.

    Raises:
        TableError: It is damaged, or its footer leaves rows out.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above

    rows = 0
    try:
        check_footer(opened.metadata, columns)
        for batch in opened.iter_batches(at_once, columns=list(columns), use_threads=False):
            yield batch
            rows += batch.num_rows
    except (pa.ArrowException, OSError, KeyError) as error:
        raise unreadable("Parquet", error) from error
    if rows != opened.metadata.num_rows:
        raise TableError(_FOOTER_WRONG)


def check_footer(footer: parquet.FileMetaData, columns: Sequence[str]) -> None:
    """Return when all that a footer says of numbers of rows is the same.

    The library reads so many rows as a row group is said to have, and leaves the others unseen.

    Raises:
        TableError: It is not.
    """
    # Those of lists have more values than rows; a key is no list.
    schema, rows = footer.schema, 0
    chunks = [at for at in range(len(schema)) if schema.column(at).path in columns]
    for place in range(footer.num_row_groups):
        group = footer.row_group(place)
        rows += group.num_rows
        if group.num_rows < 0 or any(
            group.column(at).num_values != group.num_rows for at in chunks
        ):
            raise TableError(_FOOTER_WRONG)
    if rows != footer.num_rows or rows > _MAX_ROWS:
        raise TableError(_FOOTER_WRONG)


def _csv(stream: TextStream, columns: Sequence[str]) -> Iterator[list[pa.Array]]:
    _require(columns, csv_header(stream))
    for batch in csv_batches(stream, columns):
        yield [batch.column(column) for column in columns]


def csv_batches(stream: TextStream, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield all rows of these columns as text, some thousand at a time.

    Raises:
        TableError: It is no CSV, or a part of it would be read as something else than rows.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import csv as arrow_csv  # noqa: PLC0415 - as above

    try:
        reader = arrow_csv.open_csv(
            pa.PythonFile(stream.lines, "r"),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(columns),
                column_types=dict.fromkeys(columns, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            for first in range(0, batch.num_rows, _ROWS):
                yield batch.slice(first, _ROWS)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise unreadable("CSV", error) from error
    stream.require_closed_quotes()


def csv_header(stream: TextStream) -> list[str]:
    """Return the names of the columns, and leave the stream where it was.

    Raises:
        TableError: Its first line names none.
    """
    begin = stream.lines.peek(_MAX_HEADER)[:_MAX_HEADER].decode("utf-8-sig", "replace")
    try:
        return next(csv.reader(io.StringIO(begin, newline="")), [])
    except csv.Error as error:
        raise TableError("its first line does not name columns") from error


def _json_lines(
    stream: io.BufferedReader, columns: Sequence[str], rows: int
) -> Iterator[list[pa.Array]]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    seen: set[str] = set()
    number = 0
    for batch in json_batches(stream, rows):
        arrays = []
        for column in columns:
            values = [row.get(column) for row in batch]
            if column not in seen and any(column in row for row in batch):
                seen.add(column)
            try:
                arrays.append(pa.array(values, _json_type(column, values)))
            except (pa.ArrowException, OverflowError) as error:
                raise unreadable("JSON Lines", error) from error
        yield arrays
        number += len(batch)
    if number:
        _require(columns, [column for column in columns if column in seen])


def json_batches(stream: io.BufferedReader, at_once: int = _ROWS) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of JSON Lines, so many at a time.

    Raises:
        TableError: A line is no JSON object.
    """
    rows = _json_rows(stream)
    while batch := list(itertools.islice(rows, at_once)):
        yield batch


def _json_rows(stream: io.BufferedReader) -> Iterator[dict[str, Any]]:
    empty = 0
    while line := stream.readline(_MAX_LINE):
        if not line.strip():
            empty += 1
            if empty > _MAX_EMPTY:
                raise TableError(f"more than {_MAX_EMPTY:,} of its lines are empty")
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            too_long = f", or longer than {_MAX_LINE >> 20} MiB" if len(line) == _MAX_LINE else ""
            raise TableError(f"one of its lines is no JSON{too_long}") from error
        if not isinstance(row, dict):
            raise TableError("one of its lines is no JSON object")
        yield row


def _json_type(column: str, values: list[Any]) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - as above

    held = {type(value) for value in values} - {type(None)}
    if held == {int}:
        return pa.uint64() if max(value or 0 for value in values) >= 1 << 63 else pa.int64()
    known = {str: pa.string(), bool: pa.bool_(), float: pa.float64()}
    if not held:
        return pa.null()
    if len(held) == 1 and (kind := known.get(held.pop())) is not None:
        return kind
    raise TableError(
        f"column `{column}` holds values of different types, lists or objects: a key is of one type"
    )


def _require(columns: Sequence[str], held: Sequence[str]) -> None:
    for column in columns:
        if held.count(column) != 1:
            has = "has no" if column not in held else "has more than one"
            raise TableError(f"it {has} column `{column}`")
