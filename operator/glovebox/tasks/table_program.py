"""Reads tables in a process of its own: `python -m glovebox.tasks.table_program`.

The bytes of a table were chosen by its owner, and the library that reads them is large and written
in C++: a page of Parquet may say that it unpacks to gigabytes. So it runs beside the task, with a
bound on its memory, and is given no credential and no name of anything else; the bytes come to it
through a pipe, and hashes of keys leave it, or signatures of texts, or counts, or the rows of
parts. When it dies, the task goes on.

It is no sandbox: it has the user of the process that started it.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
from collections.abc import Iterator
from typing import IO, Any, Final, cast

import orjson

from glovebox.data.row_keys import Kind
from glovebox.data.table_errors import TOO_LARGE, QuestionError, TableError, unreadable
from glovebox.data.tables import open_table
from glovebox.tasks.table_frames import ASK, DONE, ERROR, KEYS, REFUSED
from glovebox.tasks.table_line import AskedFile, Line

# What it may allocate. The operator and the pods of tasks have 512 MiB.
MAX_DATA: Final = 256 << 20
# So many rows are read at once where they are texts: each may be long.
_TEXTS: Final = 512
# How it ends where the library is not installed.
NO_LIBRARY: Final = 3


def main() -> int:
    """Answer until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA, MAX_DATA))
    # Only here, once the memory has its bound.
    if importlib.util.find_spec("pyarrow") is None:
        return NO_LIBRARY
    line = Line(sys.stdin.buffer, sys.stdout.buffer)
    held: dict[str, Any] = {}
    while (asked := line.next_frame()) is not None:
        letter, body = asked
        if letter != ASK:
            return 1
        try:
            found = _answer(orjson.loads(body), line, held)
            line.end_of_table()
            # Not by orjson: its numbers have 64 bits, and the year 9999 in nanoseconds has more.
            line.send(DONE, json.dumps(found).encode())
        except TableError as error:
            line.end_of_table()
            line.send(ERROR, str(error).encode())
        except QuestionError as error:
            line.end_of_table()
            line.send(REFUSED, str(error).encode())
        except MemoryError:
            # Whatever is left of it is given back with the process.
            line.end_of_table()
            line.send(ERROR, TOO_LARGE.encode())
            return 1
    return 0


def _answer(ask: dict[str, Any], line: Line, held: dict[str, Any]) -> object:
    """Send the hashes of a table's keys, or its rows in parts where it is asked for `parts`.

    Or the signatures of its `texts`. Or return what its columns hold, where no kinds are given; or
    what it holds of a `contract`; or count its rows for `statistics`, in what is `held` from one
    table to the next.

    Raises:
        TableError: It cannot be read.
    """
    import pyarrow as pa  # noqa: PLC0415 - once the memory has its bound

    from glovebox.data import arrow_keys  # noqa: PLC0415 - it imports pyarrow

    columns, kinds = tuple(ask["columns"]), ask["kinds"]

    def opened() -> IO[bytes]:
        return cast("IO[bytes]", AskedFile(ask["size"], line))

    try:
        if ask.get("parts"):
            from glovebox.tasks.table_split import split_table  # noqa: PLC0415 - as above

            split_table(ask, opened, line.send, line.told)
            return None
        if ask.get("contract"):
            from glovebox.tasks.table_check import check_table  # noqa: PLC0415 - as above

            return check_table(ask, opened, line.send)
        if ask.get("statistics"):
            from glovebox.tasks.table_statistics import TableStatistics  # noqa: PLC0415 - as above

            counted: TableStatistics = held.setdefault("statistics", TableStatistics())
            return counted.answer(ask, opened, line.send)
        file = opened()
        if ask.get("texts"):
            table = open_table(ask["path"], file, columns, _TEXTS)
            _send_signatures(columns, table.batches, line)
            return None
        table = open_table(ask["path"], file, columns)
        if kinds is None:
            return list(_kinds(columns, table.types, table.batches, is_plain=table.is_plain))
        for arrays in table.batches:
            hashes = arrow_keys.key_hashes(columns, arrays, kinds, is_plain=table.is_plain)
            line.send(KEYS, hashes)
    except (pa.ArrowException, UnicodeError) as error:
        raise unreadable("a table", error) from error
    return None


def _send_signatures(columns: tuple[str, ...], batches: Iterator[list[Any]], line: Line) -> None:
    from glovebox.data.arrow_texts import text_signatures  # noqa: PLC0415 - as above

    for arrays in batches:
        # A long text is no standstill: nothing is sent of it, again and again.
        for part in text_signatures(columns, arrays, lambda: line.send(KEYS, b"")):
            line.send(KEYS, part)


def _kinds(
    columns: tuple[str, ...],
    types: tuple[Any, ...],
    batches: Iterator[list[Any]],
    *,
    is_plain: bool,
) -> Iterator[Kind]:
    from glovebox.data.arrow_keys import kind_of  # noqa: PLC0415 - as above

    if not types:
        types = tuple(each.type for each in next(batches, []))
    for column, held in zip(columns, types, strict=False):
        kind = kind_of(column, held)
        yield "Plain" if is_plain and kind == "Text" else kind


if __name__ == "__main__":
    sys.exit(main())
