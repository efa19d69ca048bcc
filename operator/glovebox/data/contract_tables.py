"""What one file holds of a contract: columns, nulls, faults, times, and the hashes of its keys.

Of Parquet its footer is asked first (`contract_footers.py`), and what that leaves open is read.

Only the process that reads tables imports this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import IO, Any, Final

import pyarrow as pa

from glovebox.data.contract_footers import is_answered
from glovebox.data.contract_found import FileSeen
from glovebox.data.contract_look import ColumnLook, FileLook, Keys
from glovebox.data.contract_values import read_json, read_text, type_of, typed
from glovebox.data.table_errors import TableError, unreadable
from glovebox.data.tables import (
    check_footer,
    csv_batches,
    csv_header,
    format_of,
    json_batches,
    parquet_batches,
    parquet_file,
    text_stream,
)
from glovebox.errors import InvalidInput

_MAX_COLUMNS: Final = 16_384
# Of all their names: they go to the task, which holds those of all files.
_MAX_LETTERS: Final = 1 << 20


def look_at_file(
    path: str, opened: Callable[[], IO[bytes]], asked: Mapping[str, Any], send: Keys
) -> FileSeen:
    """Return what a file holds.

    Args:
        path: Says the format; `format_of` knows it.
        opened: Returns its bytes.
        asked: See `contracts.file_rules`.
        send: Takes the number of a key, and the hashes of some rows, in their order.

    Raises:
        TableError: It is no such table.
    """
    look = FileLook(asked, send)
    try:
        match format_of(path):
            case "Parquet":
                return _parquet(look, opened())
            case "CSV":
                return _csv(look, path, opened())
        return _json_lines(look, path, opened())
    except InvalidInput as error:
        raise TableError(error.message) from error
    except (pa.ArrowException, OverflowError) as error:
        raise unreadable("a table", error) from error


def _parquet(look: FileLook, file: IO[bytes]) -> FileSeen:
    opened = parquet_file(file)
    schema, footer = opened.schema_arrow, opened.metadata
    _require_distinct(schema.names)
    listed = {column.name: column for column in look.columns}
    there = [column for column in look.columns if column.name in schema.names]
    others = {field.name: type_of(field.type) for field in schema if field.name not in listed}
    check_footer(footer, [column.name for column in there])
    rows = footer.num_rows
    readable = [each for each in there if each.take_type(schema.field(each.name).type, rows)]
    lacking = [column for column in look.columns if column.name not in schema.names]
    asked = [
        column
        for column in readable
        if not is_answered(look, column, opened, is_trusted=look.trusts)
    ]
    if not asked:
        look.rows = footer.num_rows
        return look.seen(there, others, by_footer=True)
    kinds = {column.name: column.rules.declared for column in look.columns}
    for batch in parquet_batches(opened, [column.name for column in asked]):
        values = {}
        for column in asked:
            held = batch.column(column.name)
            values[column.name] = typed(held, column.rules.declared)
            look.add(column, values[column.name], held, None)
        look.send_keys(values | _nothing(lacking, batch.num_rows), kinds)
        look.rows += batch.num_rows
    return look.seen(there, others)


def _nothing(lacking: Sequence[ColumnLook], rows: int) -> dict[str, pa.Array]:
    """Return the columns that a file lacks: all their rows are null."""
    return {
        column.name: typed(pa.nulls(rows), column.rules.declared)
        for column in lacking
        if column.is_key
    }


def _csv(look: FileLook, path: str, file: IO[bytes]) -> FileSeen:
    stream = text_stream(path, file)
    header = csv_header(stream)
    if not header:
        raise TableError("its first line does not name columns")
    listed = {column.name for column in look.columns}
    if look.refuses and listed.isdisjoint(header):
        # Without a line of names its first row stands there: that is shown to nobody.
        raise TableError("its first line names no column of the contract")
    _require_distinct(header, listed)
    there = [column for column in look.columns if column.name in header]
    lacking = [column for column in look.columns if column.name not in header]
    kinds = {column.name: column.rules.declared for column in look.columns}
    # Without a column there would be no row to count.
    for batch in csv_batches(stream, [column.name for column in there] or header[:1]):
        values = {}
        for column in there:
            held = batch.column(column.name)
            values[column.name], wrong = read_text(held, column.rules.declared)
            look.add(column, values[column.name], held, wrong)
        look.send_keys(values | _nothing(lacking, batch.num_rows), kinds)
        look.rows += batch.num_rows
    return look.seen(there, {name: "" for name in header if name not in listed})


def _json_lines(look: FileLook, path: str, file: IO[bytes]) -> FileSeen:
    listed = {column.name for column in look.columns}
    kinds = {column.name: column.rules.declared for column in look.columns}
    names: set[str] = set()
    for rows in json_batches(text_stream(path, file).lines):
        names.update(_names(look, rows, names))
        _require_few(names)
        values = {}
        for column in look.columns:
            held = [row.get(column.name) for row in rows]
            values[column.name], wrong = read_json(held, column.rules.declared)
            look.add(column, values[column.name], held, wrong)
        look.send_keys(values, kinds)
        look.rows += len(rows)
    there = [column for column in look.columns if column.name in names]
    others = sorted(names - listed) if look.refuses else ()
    return look.seen(there, dict.fromkeys(others, ""))


def _names(look: FileLook, rows: list[dict[str, Any]], known: set[str]) -> Iterator[str]:
    """Yield the columns that rows have: all of them only where others are refused."""
    if look.refuses:
        for row in rows:
            yield from row
        return
    for column in look.columns:
        if column.name not in known and any(column.name in row for row in rows):
            yield column.name


def _require_few(columns: Collection[str]) -> None:
    if len(columns) > _MAX_COLUMNS:
        raise TableError(f"it has more than {_MAX_COLUMNS:,} columns")
    if sum(map(len, columns)) > _MAX_LETTERS:
        raise TableError("the names of its columns are longer than 1 MiB together")


def _require_distinct(columns: Sequence[str], told: Collection[str] = ()) -> None:
    _require_few(columns)
    if len(set(columns)) != len(columns):
        twice = {column for column, number in Counter(columns).items() if number > 1}
        named = sorted(twice & {*told}) if told else sorted(twice)
        of_name = f" `{named[0]}`" if named else " of one name"
        raise TableError(f"it has more than one column{of_name}")
