"""The statistics of a dataset out of its files, one after the other.

Only the process that reads tables imports this. What it holds of all files is small, can be taken
out as text, and is gone on from in another process; no row is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import IO, Any, Final

import orjson
import pyarrow as pa

from glovebox.data.contract_values import fits, read_json, read_text, type_of, typed
from glovebox.data.statistics_columns import Column
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
# In letters, of all names together: they go through the task's own process and into the document.
_MAX_NAMES: Final = 1 << 20


class Gatherer:
    """Counts the rows of files.

    Args:
        rules: See `statistics.Asked.rules`; and `against`: see `statistics.reference_rules`.
    """

    def __init__(self, rules: Mapping[str, Any]) -> None:
        against = rules.get("against") or {}
        self._columns = {
            each["name"]: Column(each, against.get(each["name"])) for each in rules["columns"]
        }
        self._least: int = rules["leastRows"]
        self._names: set[str] = set()
        self._letters = self._rows = 0

    def add(self, path: str, opened: Callable[[], IO[bytes]]) -> int:
        """Count the rows of a file; return how many they are.

        What was counted of a file that fails stays: whoever gets an error does not go on.

        Raises:
            TableError: It cannot be read.
        """
        before = self._rows
        try:
            match format_of(path):
                case "Parquet":
                    self._add_parquet(opened())
                case "CSV":
                    self._add_csv(path, opened())
                case _:
                    self._add_json_lines(path, opened())
        except InvalidInput as error:
            raise TableError(error.message) from error
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            raise unreadable("a table", error) from error
        return self._rows - before

    def told(self) -> dict[str, Any]:
        """Return what is told of all files: the fields of `statistics.Counted`."""
        return {
            "rows": self._rows,
            "columns": [asdict(each.told(self._least)) for each in self._columns.values()],
            "others": sorted(self._names - set(self._columns)),
            "against": {
                name: found
                for name, each in self._columns.items()
                if (found := each.against()) is not None
            },
        }

    def state(self) -> Iterator[bytes]:
        """Yield what was counted so far, as lines."""
        yield orjson.dumps({"rows": self._rows, "names": sorted(self._names)}) + b"\n"
        for each in self._columns.values():
            yield orjson.dumps(each.state()) + b"\n"

    def resume(self, lines: Iterable[bytes]) -> None:
        """Go on from the lines of another process."""
        said = iter(lines)
        first = orjson.loads(next(said))
        self._rows, self._names = first["rows"], set(first["names"])
        self._letters = sum(map(len, self._names))
        for each, line in zip(self._columns.values(), said, strict=True):
            each.resume(orjson.loads(line))

    def _note(self, names: Iterable[str]) -> None:
        new = set(names) - self._names
        self._names |= new
        self._letters += sum(map(len, new))
        if self._letters > _MAX_NAMES:
            raise TableError(
                f"its names of columns have more than {_MAX_NAMES:,} letters, with those before it"
            )
        if len(self._names) > _MAX_COLUMNS:
            raise TableError(f"it has more than {_MAX_COLUMNS:,} columns, with those before it")

    def _there(self, names: Sequence[str], *, are_sure: bool = True) -> list[Column]:
        """Return the columns that a file has.

        Args:
            names: Of all of its columns.
            are_sure: Whether they are names, also where none of them was asked for.
        """
        if len(set(names)) != len(names):
            raise TableError("it has more than one column of the same name")
        found = [each for name, each in self._columns.items() if name in names]
        if found or are_sure:
            self._note(names)
        for each in found:
            each.present = True
        return found

    def _lacking(self, there: Sequence[Column], rows: int) -> None:
        """Count the rows of a file for the columns that it has not."""
        for each in self._columns.values():
            if each not in there:
                each.nulls += rows
        self._rows += rows

    def _add_parquet(self, file: IO[bytes]) -> None:
        opened = parquet_file(file)
        schema, footer = opened.schema_arrow, opened.metadata
        there = self._there(schema.names)
        check_footer(footer, [each.name for each in there])
        readable = []
        for each in there:
            if fits(each.type, type_of(schema.field(each.name).type)):
                readable.append(each)
            else:
                each.invalid += footer.num_rows
        if readable:
            for batch in parquet_batches(opened, [each.name for each in readable]):
                for each in readable:
                    each.add(typed(batch.column(each.name), each.type))
        self._lacking(there, footer.num_rows)

    def _add_csv(self, path: str, file: IO[bytes]) -> None:
        stream = text_stream(path, file)
        header = csv_header(stream)
        if not header:
            raise TableError("its first line does not name columns")
        # A first line that names nothing that is asked for may be a row, and somebody's.
        there = self._there(header, are_sure=False)
        rows = 0
        # Without a column there would be no row to count.
        for batch in csv_batches(stream, [each.name for each in there] or header[:1]):
            for each in there:
                each.add(*read_text(batch.column(each.name), each.type))
            rows += batch.num_rows
        self._lacking(there, rows)

    def _add_json_lines(self, path: str, file: IO[bytes]) -> None:
        for rows in json_batches(text_stream(path, file).lines):
            names = set().union(*rows)
            self._note(names)
            for name, each in self._columns.items():
                each.present = each.present or name in names
                each.add(*read_json([row.get(name) for row in rows], each.type))
            self._rows += len(rows)
