"""Reads the list that says each key's part, and checks it: each key once, and parts that there are.

What the list says is kept as hashes, so that millions of keys fit. No key is ever told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from glovebox.api import reasons
from glovebox.data.manifest import Entry
from glovebox.data.row_keys import Kind, canonical_key, hash_key
from glovebox.data.splits import HASH_BYTES, ByAssignment
from glovebox.data.table_errors import TableError
from glovebox.data.tables import FORMATS_TEXT, format_of
from glovebox.errors import UnfitData
from glovebox.store.ranges import read_range
from glovebox.store.sorting import externally_sorted
from glovebox.store.source_access import narrowed
from glovebox.tasks.split_parts import Splitting
from glovebox.tasks.table_process import TableFile, TableProcess

MAX_LISTED: Final = 1 << 22
_NO_KEY: Final = bytes(HASH_BYTES)


def read_assignment(
    work: Splitting,
    process: TableProcess,
    entries: Iterable[Entry],
    columns: Sequence[str],
    kinds: Sequence[Kind],
) -> ByAssignment:
    """Return what the list says. Blocks.

    Args:
        work: The work at hand.
        process: Reads the list.
        entries: Of the dataset, of which the list is one.
        columns: Of the key.
        kinds: What each is taken for.

    Raises:
        UnfitData: `AssignmentWrong`, with the row at fault.
    """
    path = work.rule.path
    entry = next((entry for entry in entries if entry.path == path), None)
    if entry is None:
        raise _wrong(path, "the pin has no such object: name one of its paths")
    if format_of(path) is None:
        raise _wrong(path, f"it is no table: its name ends in none of {FORMATS_TEXT}")
    store = narrowed(work.store, work.access, work.source)

    def read(first: int, size: int) -> bytes:
        work.stop.check()
        return read_range(store.wire, entry, first, size)

    table = TableFile(path, entry.size, read)
    try:
        labels = _labels(work, process, table)
        rows = zip(_hashes(process, table, columns, kinds), labels, strict=True)
        listed = ((found, part, at) for at, (found, part) in enumerate(rows, 1))
        return ByAssignment(_once(path, externally_sorted(listed, lambda row: (row[0], row[2]))))
    except TableError as error:
        raise _wrong(path, str(error)) from error


def _labels(work: Splitting, process: TableProcess, table: TableFile) -> bytes:
    """Return the number of the part of each row."""
    known = {
        hash_key(canonical_key((name,)))[:HASH_BYTES]: number
        for number, name in enumerate(work.parts)
    }
    found = bytearray()
    for each in _hashes(process, table, (work.rule.part_column,), ("Text",)):
        number = known.get(each)
        if number is None:
            names = ", ".join(work.parts)
            raise _wrong(
                table.path,
                f"row {len(found) + 1} names in `{work.rule.part_column}` no part of the split:"
                f" there are {names}",
            )
        found.append(number)
        if len(found) > MAX_LISTED:
            raise _wrong(table.path, f"it has more than {MAX_LISTED:,} rows, which is the most")
    return bytes(found)


def _hashes(
    process: TableProcess, table: TableFile, columns: Sequence[str], kinds: Sequence[Kind]
) -> Iterator[bytes]:
    for block in process.keys(table, columns, kinds):
        for at in range(0, len(block), HASH_BYTES):
            yield block[at : at + HASH_BYTES]


def _once(path: str, rows: Iterable[tuple[bytes, int, int]]) -> Iterator[tuple[bytes, int]]:
    """Yield the rows while each key is there, and once."""
    last, before = b"", 0
    for found, part, row in rows:
        if found == _NO_KEY:
            raise _wrong(path, f"row {row} has no key: its columns hold nothing")
        if found == last:
            raise _wrong(path, f"rows {before} and {row} name the same key: list each once")
        yield found, part
        last, before = found, row


def _wrong(path: str, why: str) -> UnfitData:
    return UnfitData(
        reasons.ASSIGNMENT_WRONG, f"`{path}`, which says each key's part, cannot be used: {why}"
    )
