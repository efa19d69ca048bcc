"""The part of the process that reads tables which writes their rows into parts.

Of each batch it sends what decides (hashes of keys, or moments), is told the number of the part of
each row, and sends the bytes of the parts' Parquet as they come. It knows neither rule nor store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from glovebox.data import arrow_keys
from glovebox.data.row_keys import Kind
from glovebox.data.table_errors import TableError
from glovebox.data.whole_tables import PartWriter, WholeTable, open_whole
from glovebox.tasks.table_frames import MOST_AT_ONCE, NO_PART, WRITTEN


def split_table(
    ask: Mapping[str, Any],
    opened: Callable[[], IO[bytes]],
    send: Callable[[bytes, bytes], None],
    told: Callable[[bytes, int], bytes],
) -> None:
    """Write the rows of a table into parts.

    Args:
        ask: `path`, `columns` and `kinds` of the key; `domain` of its hash, in hex, or null where
            the one column is a time; and how many `parts` there are.
        opened: Returns the table's bytes, from the start.
        send: Sends a frame.
        told: Sends what decides of so many rows, and returns the part of each.

    Raises:
        TableError: It cannot be read.
    """
    table = open_whole(ask["path"], opened)
    columns, kinds = tuple(ask["columns"]), tuple(ask["kinds"])
    domain = bytes.fromhex(ask["domain"]) if ask["domain"] is not None else None
    writers: dict[int, PartWriter] = {}

    def write_of(part: int) -> Callable[[bytes], None]:
        def write(data: bytes) -> None:
            for first in range(0, len(data), MOST_AT_ONCE):
                send(WRITTEN, bytes([part]) + data[first : first + MOST_AT_ONCE])

        return write

    for batch in table.batches:
        if not batch.num_rows:
            continue
        _require(table, columns)
        arrays = [batch.column(column) for column in columns]
        deciding = _deciding(columns, arrays, kinds, domain, is_plain=table.is_plain)
        parts = told(deciding, batch.num_rows)
        numbers = pa.Array.from_buffers(pa.uint8(), len(parts), [None, pa.py_buffer(parts)])
        for part in sorted(set(parts) - {NO_PART}):
            if part not in writers:
                writers[part] = PartWriter(table.schema, write_of(part), ask["parts"])
            rows = batch.filter(pc.equal(numbers, pa.scalar(part, pa.uint8())))
            writers[part].add(rows)
    for _, writer in sorted(writers.items()):
        writer.close()


def _deciding(
    columns: Sequence[str],
    arrays: Sequence[pa.Array],
    kinds: Sequence[Kind],
    domain: bytes | None,
    *,
    is_plain: bool,
) -> bytes:
    if domain is None:
        return arrow_keys.moments(columns[0], arrays[0], kinds[0], is_plain=is_plain)
    return arrow_keys.key_hashes(columns, arrays, kinds, is_plain=is_plain, domain=domain)


def _require(table: WholeTable, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in table.schema.names:
            raise TableError(f"it has no column `{column}`")
