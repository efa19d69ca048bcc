"""Reads tables in a process of its own: `python -m glovebox.tasks.table_program`.

The bytes of a table were chosen by its owner, and the library that reads them is large and written
in C++: a page of Parquet may say that it unpacks to gigabytes. So it runs beside the task, with a
bound on its memory, and is given no credential and no name of anything else; the bytes come to it
through a pipe, and hashes of keys leave it, or the rows of parts. When it dies, the task goes on.

It is no sandbox: it has the user of the process that started it.
"""

from __future__ import annotations

import importlib.util
import io
import resource
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any, Final, cast

import orjson

from glovebox.data.row_keys import Kind
from glovebox.data.table_errors import TOO_LARGE, TableError, unreadable
from glovebox.data.tables import open_table
from glovebox.tasks.table_frames import (
    ASK,
    BYTES,
    DONE,
    ERROR,
    KEYS,
    MOST_AT_ONCE,
    PARTS,
    RANGE,
    frame,
    read_frame,
)

# What it may allocate. The operator and the pods of tasks have 512 MiB.
MAX_DATA: Final = 256 << 20
# How it ends where the library is not installed.
NO_LIBRARY: Final = 3


def main() -> int:
    """Answer until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA, MAX_DATA))
    # Only here, once the memory has its bound.
    if importlib.util.find_spec("pyarrow") is None:
        return NO_LIBRARY
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def send(letter: bytes, body: bytes) -> None:
        sink.write(frame(letter, body))
        sink.flush()

    while (asked := read_frame(source.read)) is not None:
        letter, body = asked
        if letter != ASK:
            return 1
        try:
            send(DONE, orjson.dumps(_answer(orjson.loads(body), source, send)))
        except TableError as error:
            send(ERROR, str(error).encode())
        except MemoryError:
            # Whatever is left of it is given back with the process.
            send(ERROR, TOO_LARGE.encode())
            return 1
    return 0


def _answer(ask: dict[str, Any], source: IO[bytes], send: Callable[[bytes, bytes], None]) -> object:
    """Send the hashes of a table's keys, or its rows in parts where it is asked for `parts`.

    Or return what its columns hold, where no kinds are given; or what it holds of a `contract`.

    Raises:
        TableError: It cannot be read.
    """
    import pyarrow as pa  # noqa: PLC0415 - once the memory has its bound

    from glovebox.data import arrow_keys  # noqa: PLC0415 - it imports pyarrow

    columns, kinds = tuple(ask["columns"]), ask["kinds"]

    def opened() -> IO[bytes]:
        return cast("IO[bytes]", _Asked(ask["size"], source, send))

    def told(rows: int) -> bytes:
        answer = read_frame(source.read)
        if answer is None or answer[0] != PARTS or len(answer[1]) != rows:
            raise SystemExit(1)  # nobody waits any more
        return answer[1]

    try:
        if ask.get("parts"):
            from glovebox.tasks.table_split import split_table  # noqa: PLC0415 - as above

            split_table(ask, opened, send, told)
            return None
        if ask.get("contract"):
            from glovebox.tasks.table_check import check_table  # noqa: PLC0415 - as above

            return check_table(ask, opened, send)
        file = opened()
        table = open_table(ask["path"], file, columns)
        if kinds is None:
            return list(_kinds(columns, table.types, table.batches, is_plain=table.is_plain))
        for arrays in table.batches:
            send(KEYS, arrow_keys.key_hashes(columns, arrays, kinds, is_plain=table.is_plain))
    except (pa.ArrowException, UnicodeError) as error:
        raise unreadable("a table", error) from error
    return None


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


class _Asked(io.RawIOBase):
    """A file whose bytes the task sends."""

    def __init__(self, size: int, source: IO[bytes], send: Callable[[bytes, bytes], None]) -> None:
        self._size, self._at = size, 0
        self._source, self._send = source, send

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self._size - self._at, MOST_AT_ONCE))
        if not wanted:
            return 0
        self._send(RANGE, orjson.dumps([self._at, wanted]))
        answer = read_frame(self._source.read)
        if answer is None or answer[0] != BYTES or len(answer[1]) != wanted:
            # Nobody waits any more.
            raise SystemExit(1)
        buffer[:wanted] = answer[1]
        self._at += wanted
        return wanted

    def read(self, size: int = -1) -> bytes:
        """Return that many bytes: whoever reads Parquet takes fewer for a file that is damaged."""
        wanted = self._size - self._at if size < 0 else size
        parts = []
        while wanted > 0 and (part := super().read(min(wanted, MOST_AT_ONCE))):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


if __name__ == "__main__":
    sys.exit(main())
