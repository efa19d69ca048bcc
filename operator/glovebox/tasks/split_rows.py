"""The rows of tables are written into the parts that they belong to, as Parquet.

Each table is read once, by the process that reads tables, and gives at most one object to each
part, under its own path. The objects are written with the operator's own credentials, below a name
that the split gives; tables are read with what the pin's namespace may read, and nothing more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, Final

from glovebox.api import reasons
from glovebox.data import row_keys
from glovebox.data.manifest import Entry
from glovebox.data.printable import printable
from glovebox.data.row_keys import KIND_WORDS, Kind
from glovebox.data.splits import (
    HASH_BYTES,
    MOMENT_BYTES,
    NO_MOMENT,
    ByShare,
    ByTime,
    Membership,
    moment_bytes,
    moment_of,
    salted,
)
from glovebox.data.table_errors import TableError
from glovebox.data.tables import FORMATS_TEXT, format_of
from glovebox.errors import UnfitData
from glovebox.store.manifests import SPOOL_BYTES
from glovebox.store.part_objects import store_part_object
from glovebox.store.ranges import read_range
from glovebox.store.source_access import narrowed
from glovebox.tasks.split_assignment import read_assignment
from glovebox.tasks.split_objects import entries_of
from glovebox.tasks.split_parts import PartBuilder, Splitting, require_room
from glovebox.tasks.table_frames import NO_PART
from glovebox.tasks.table_process import TableFile, TableProcess

# What all parts of one table may come to: they lie in `/tmp` until they are sent.
MAX_WRITTEN: Final = 1 << 30
_NO_KEY: Final = bytes(HASH_BYTES)
_NO_MOMENT: Final = moment_bytes(NO_MOMENT)
_PARQUET: Final = ".parquet"
_MAX_KEY: Final = 1024


def split_rows(work: Splitting, parts: Sequence[PartBuilder]) -> int:
    """Write each row into its part; return how many belong to none. Blocks.

    Raises:
        As `split_dataset`.
    """
    for part in parts:
        part.rows = 0
    # What reads tables may take as much memory as the process itself has to spare.
    with work.store.alone(work.stop), TableProcess(work.stop) as process:
        rows = _Rows(work, process, parts)
        for entry in _tables(work):
            rows.divide(entry)
        return rows.left_out


def _tables(work: Splitting) -> Iterator[Entry]:
    """Yield the objects that hold a byte; each of them is to be a table."""
    for entry in entries_of(work):
        if not entry.size or (work.rule.by == "Assignment" and entry.path == work.rule.path):
            continue
        if format_of(entry.path) is None:
            raise _unreadable(entry, f"it is no table: its name ends in none of {FORMATS_TEXT}")
        yield entry


class _Rows:
    """Divides the tables of a dataset, one after the other."""

    def __init__(
        self, work: Splitting, process: TableProcess, parts: Sequence[PartBuilder]
    ) -> None:
        self._work, self._process, self._parts = work, process, parts
        self._store = narrowed(work.store, work.access, work.source)
        self.left_out = 0
        self._done = self._read = 0
        self._kinds = self._what_columns_hold()
        self._members = self._membership()

    def divide(self, entry: Entry) -> None:
        """Write the rows of a table into their parts."""
        work, rule = self._work, self._work.rule
        deciding = _Deciding(work, entry, self._members, self._parts)
        domain = {"Key": salted(rule.salt), "Time": None, "Assignment": row_keys.DOMAIN}[rule.by]
        with ExitStack() as stack:
            files = _Files(entry, stack)
            try:
                self._process.split(
                    self._table(entry),
                    rule.columns,
                    self._kinds,
                    domain,
                    len(self._parts),
                    deciding,
                    files.write,
                )
            except TableError as error:
                raise _unreadable(entry, str(error)) from error
            self.left_out += deciding.left_out
            for number, file in sorted(files.of_parts.items()):
                part = self._parts[number]
                path = _path_of(entry)
                key = f"{work.prefix}{part.name}/{path}"
                if len(key.encode()) > _MAX_KEY:
                    raise _unreadable(entry, "its path is too long for the objects of parts")
                part.add(store_part_object(work.store, work.bucket, key, path, file, work.stop))
        self._done += 1

    def _membership(self) -> Membership:
        rule = self._work.rule
        if rule.by == "Key":
            return ByShare(rule.shares)
        if rule.by == "Time":
            return ByTime.of(rule)
        return read_assignment(
            self._work, self._process, entries_of(self._work), rule.columns, self._kinds
        )

    def _what_columns_hold(self) -> tuple[Kind, ...]:
        """Return what each column of the key is taken for: as declared, else as a table says.

        Raises:
            UnfitData: `TableUnreadable`.
        """
        rule = self._work.rule
        declared = rule.kinds or (None,) * len(rule.columns)
        entry = self._typed() if None in declared else None
        found: Sequence[Kind] = ()
        if entry is not None:
            try:
                found = self._process.kinds(self._table(entry), rule.columns)
            except TableError as error:
                raise _unreadable(entry, str(error)) from error
        free: Kind = "Timestamp" if rule.by == "Time" else "Text"
        seen = [each if each not in {"Null", "Plain"} else free for each in found]
        kinds = tuple(said or (seen[at] if seen else free) for at, said in enumerate(declared))
        if rule.by == "Time" and entry is not None and kinds[0] not in {"Timestamp", "Date"}:
            raise _unreadable(
                entry,
                f"column `{rule.columns[0]}` holds {KIND_WORDS[kinds[0]]}, which are no times:"
                " write it as moments or dates",
            )
        return kinds

    def _typed(self) -> Entry | None:
        """Return a table that says types: the first one of Parquet, else of JSON Lines."""
        first: Entry | None = None
        for entry in _tables(self._work):
            kind = format_of(entry.path)
            if kind == "Parquet":
                return entry
            if kind == "JSONLines" and first is None:
                first = entry
        return first

    def _table(self, entry: Entry) -> TableFile:
        def read(first: int, size: int) -> bytes:
            self._work.stop.check()
            self._read += size
            # One table may take an hour.
            self._work.report(self._done, self._read)
            return read_range(self._store.wire, entry, first, size)

        return TableFile(entry.path, entry.size, read)


class _Files:
    """What the parts of one table come to, until it is sent."""

    def __init__(self, entry: Entry, stack: ExitStack) -> None:
        self._entry, self._stack = entry, stack
        self._written = 0
        self.of_parts: dict[int, IO[bytes]] = {}

    def write(self, part: int, data: bytes) -> None:
        """Take the next bytes of a part.

        Raises:
            UnfitData: `TableUnreadable`: all of them are too much.
        """
        self._written += len(data)
        if self._written > MAX_WRITTEN:
            raise _unreadable(
                self._entry,
                f"its parts take more than {MAX_WRITTEN >> 30} GiB: write smaller tables",
            )
        if part not in self.of_parts:
            self.of_parts[part] = self._stack.enter_context(
                tempfile.SpooledTemporaryFile(  # noqa: SIM115 - the stack closes it
                    SPOOL_BYTES, prefix="glovebox-part-"
                )
            )
        self.of_parts[part].write(data)


class _Deciding:
    """Says the part of each row of one table, and counts."""

    def __init__(
        self,
        work: Splitting,
        entry: Entry,
        members: Membership,
        parts: Sequence[PartBuilder],
    ) -> None:
        self._work, self._entry = work, entry
        self._members, self._parts = members, parts
        self._row = 0
        self.left_out = 0

    def __call__(self, body: bytes) -> bytes:
        """Return the number of the part of each row of a batch."""
        is_time = self._work.rule.by == "Time"
        width, nothing = (MOMENT_BYTES, _NO_MOMENT) if is_time else (HASH_BYTES, _NO_KEY)
        found = bytearray()
        seen: dict[int, set[bytes]] = {}
        for at in range(0, len(body), width):
            value = body[at : at + width]
            self._row += 1
            if value == nothing:
                raise self._keyless()
            part = self._members.part_of(value)
            if part is None:
                if not is_time:
                    raise self._unlisted()
                self.left_out += 1
                found.append(NO_PART)
                continue
            found.append(part)
            seen.setdefault(part, set()).add(value)
        for part, values in seen.items():
            self._note(self._parts[part], values, is_time=is_time)
        for part, builder in enumerate(self._parts):
            builder.rows = (builder.rows or 0) + found.count(part)
        require_room(self._parts)
        return bytes(found)

    def _note(self, builder: PartBuilder, values: set[bytes], *, is_time: bool) -> None:
        if not is_time:
            builder.add_keys(values)
            return
        moments = [moment_of(value) for value in values]
        builder.add_moments(min(moments), max(moments))

    def _where(self) -> str:
        return f"row {self._row} of `{printable(self._entry.path)}`"

    def _keyless(self) -> UnfitData:
        columns = ", ".join(f"`{column}`" for column in self._work.rule.columns)
        return UnfitData(
            reasons.KEY_MISSING,
            f"{self._where()} holds nothing in {columns}, so nobody knows to which part it belongs:"
            " write a value, leave such rows out, or split by another key",
        )

    def _unlisted(self) -> UnfitData:
        return UnfitData(
            reasons.ASSIGNMENT_WRONG,
            f"`{self._work.rule.path}` says no part of the key of {self._where()}: list every key"
            " once",
        )


def _path_of(entry: Entry) -> str:
    """Return the path that the rows of a table have in a part."""
    return entry.path if entry.path.lower().endswith(_PARQUET) else entry.path + _PARQUET


def _unreadable(entry: Entry, why: str) -> UnfitData:
    return UnfitData(
        reasons.TABLE_UNREADABLE,
        f"the rows of `{printable(entry.path)}` cannot be divided: {printable(why)}. Pin tables"
        " alone that have the columns of the key, or split whole objects (`granularity: Objects`)",
    )
