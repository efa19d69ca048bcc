"""What one file holds of a contract: columns, nulls, faults, times, and the hashes of its keys.

Of Parquet the footer is enough where it answers every question: rows, columns and types always;
counts of nulls, and bounds of whole numbers and times, where it has them of every row group and the
contract lets them be believed. Of floats it never is, since what is no number counts as null here
and not there; nor of text and bytes, whose bounds may be cut. Where a footer says that a rule is
broken, the column is read, and the rows counted.

Only the process that reads tables imports this.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from glovebox.data import arrow_keys
from glovebox.data.contract_values import (
    Rules,
    fits,
    nanoseconds,
    numbers_of,
    read_json,
    read_text,
    type_of,
    typed,
)
from glovebox.data.contracts import NOTHING, ColumnSeen, Fault, FileSeen
from glovebox.data.feature_values import Exactly, held_by
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
from glovebox.data.time_spans import TimeSpans
from glovebox.errors import InvalidInput

_MAX_COLUMNS: Final = 16_384
# Of all their names: they go to the task, which holds those of all files.
_MAX_LETTERS: Final = 1 << 20
_NANOSECONDS: Final = 10**9
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Whose bounds in a footer are exact.
_EXACT: Final = frozenset({"Integer", "Timestamp", "Date"})
Keys = Callable[[int, bytes], None]


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
    look = _Look(asked, send)
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


class _Column:
    """One column of the contract in one file.

    Attributes:
        name: Its name.
        rules: What is asked of its values.
        nulls: How many rows hold nothing; None where nobody asked.
        held: What the file holds there, as its format says it.
        exactly: What it has to be, by its Arrow name; None where nobody asked.
        exact: What it is, where the file says it.
        reads_sizes: Whether its rows have to be looked at for the sizes of their vectors.
    """

    def __init__(self, column: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        self.name: str = column["name"]
        self.rules = Rules(column)
        self.most_nulls: int | None = column.get("maxNullShare")
        self.is_newest = asked["newest"] == self.name
        gaps = asked["gaps"]
        self.gap: int | None = gaps[1] if gaps is not None and gaps[0] == self.name else None
        self.is_key = any(self.name in key for key in asked["keys"])
        self.nulls: int | None = 0
        self.held = self.rules.declared or "Unknown"
        wanted = column.get("exact")
        self.exactly = (
            Exactly(wanted["dtype"], wanted["shape"], is_nullable=self.most_nulls is None)
            if wanted is not None
            else None
        )
        self.exact = ""
        self.reads_sizes = False

    @property
    def seen(self) -> ColumnSeen:
        """What is said of it."""
        faults = self.rules.faults | (self.exactly.faults if self.exactly is not None else {})
        return ColumnSeen(self.held, self.nulls, faults, self.exact)

    def take_type(self, found: pa.DataType, rows: int) -> bool:
        """Take what a file says that the column is; return whether its values can be looked at."""
        self.held = type_of(found)
        held, exactly = held_by(found), self.exactly
        if exactly is not None:
            self.exact = str(held)
        is_type = exactly is None or exactly.is_type(held) or self.held == NOTHING
        if not fits(self.rules.declared, self.held) or not is_type:
            if rows:
                self.rules.faults["Type"] = Fault(rows, 0)
            return False
        self.reads_sizes = exactly is not None and exactly.reads(held)
        if exactly is not None and not exactly.is_shape(held):
            if rows:
                exactly.faults["Shape"] = Fault(rows, 0)
            return False
        return True

    @property
    def must_be_read(self) -> bool:
        """Whether no footer says what is asked of it."""
        return self.rules.reads or self.is_key or self.gap is not None or self.reads_sizes


class _Look:
    """The look at one file."""

    def __init__(self, asked: Mapping[str, Any], send: Keys) -> None:
        self.columns = [_Column(column, asked) for column in asked["columns"]]
        self.refuses: bool = asked["refuses"]
        self.trusts: bool = asked["trusts"]
        self.keys: list[list[str]] = asked["keys"]
        self.rows = 0
        self.newest: int | None = None
        self._send = send
        most = asked["gaps"][1] if asked["gaps"] is not None else 1
        self._spans = TimeSpans(most * _NANOSECONDS)

    def seen(self, columns: Sequence[_Column], others: Mapping[str, str], **more: Any) -> FileSeen:
        """Return what was found."""
        return FileSeen(
            rows=self.rows,
            by_footer=more.get("by_footer", False),
            columns={column.name: column.seen for column in columns},
            others=dict(others),
            newest=self.newest,
            spans=self._spans.spans(),
        )

    def add(self, column: _Column, values: pa.Array, held: Any, wrong: pa.Array | None) -> None:
        """Take the values of a column of the batch that begins behind the rows so far."""
        nulls = values.null_count - (wrong.true_count if wrong is not None else 0)
        column.nulls = (column.nulls or 0) + nulls
        column.rules.check(values, held, self.rows + 1, wrong)
        if column.exactly is not None and column.exactly.is_vector:
            look = column.exactly.check_json if isinstance(held, list) else column.exactly.check
            column.nulls += look(held, self.rows + 1)
        if column.is_newest or column.gap is not None:
            self._add_times(column, values)

    def note_newest(self, moment: int) -> None:
        """Take a moment of the column that is to be fresh."""
        self.newest = moment if self.newest is None else max(self.newest, moment)

    def send_keys(self, values: Mapping[str, pa.Array], kinds: Mapping[str, Any]) -> None:
        """Send the hashes of each key of a batch; of a key whose columns are not all there, none.

        A row in which one of them is null has no key.
        """
        for number, names in enumerate(self.keys):
            if any(name not in values for name in names):
                continue
            arrays = [values[name] for name in names]
            found = arrow_keys.key_hashes(
                names, arrays, [kinds[name] for name in names], is_plain=False
            )
            self._send(number, _without_nulls(found, arrays))

    def _add_times(self, column: _Column, values: pa.Array) -> None:
        numbers, per_second = numbers_of(values.drop_null(), str(column.rules.declared))
        if not len(numbers):
            return
        if column.is_newest:
            self.note_newest(nanoseconds(pc.max(numbers).as_py(), per_second))
        if column.gap is None:
            return
        ordered = numbers.take(pc.array_sort_indices(numbers))
        # A day is 86,400 of them where the numbers are days.
        most = column.gap * per_second if per_second else column.gap // 86_400
        steps = pc.subtract_checked(ordered[1:], ordered[:-1])
        ends = pc.indices_nonzero(pc.greater(steps, pa.scalar(most, pa.int64()))).to_pylist()
        firsts, lasts = [0, *(end + 1 for end in ends)], [*ends, len(ordered) - 1]
        self._spans.add(
            (
                nanoseconds(ordered[first].as_py(), per_second),
                nanoseconds(ordered[last].as_py(), per_second),
            )
            for first, last in zip(firsts, lasts, strict=True)
        )


def _without_nulls(hashes: bytes, arrays: Sequence[pa.Array]) -> bytes:
    if not any(array.null_count for array in arrays):
        return hashes
    is_null = pc.is_null(arrays[0])
    for array in arrays[1:]:
        is_null = pc.or_(is_null, pc.is_null(array))
    found = bytearray(hashes)
    width = arrow_keys.HASH_BYTES
    for row in pc.indices_nonzero(is_null).to_pylist():
        found[row * width : (row + 1) * width] = arrow_keys.NO_KEY
    return bytes(found)


def _parquet(look: _Look, file: IO[bytes]) -> FileSeen:
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
        column for column in readable if not _answered(look, column, opened, is_trusted=look.trusts)
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


def _nothing(lacking: Sequence[_Column], rows: int) -> dict[str, pa.Array]:
    """Return the columns that a file lacks: all their rows are null."""
    return {
        column.name: typed(pa.nulls(rows), column.rules.declared)
        for column in lacking
        if column.is_key
    }


def _answered(
    look: _Look, column: _Column, opened: parquet.ParquetFile, *, is_trusted: bool
) -> bool:
    """Return whether nothing more has to be read of a column; note what is known of it then."""
    rules, footer = column.rules, opened.metadata
    if column.must_be_read:
        return False
    if column.held == NOTHING or not footer.num_rows:
        column.nulls = footer.num_rows
        return True
    is_asked = column.most_nulls is not None or bool(rules.bounds) or column.is_newest
    found = _statistics(footer, column.name) if is_trusted else None
    if found is None or column.held == "Number":
        column.nulls = None  # what nobody asks for is left unsaid
        return not is_asked
    nulls, bounds = found
    most = column.most_nulls
    if most is not None and nulls * 10_000 > most * footer.num_rows:
        return False
    if nulls < footer.num_rows and (rules.bounds or column.is_newest):
        field = opened.schema_arrow.field(column.name).type
        exact = _exact(bounds, rules.declared, field)
        if exact is None or _is_outside(exact, rules):
            return False
        if column.is_newest:
            look.note_newest(exact[1])
    column.nulls = nulls
    return True


def _statistics(
    footer: parquet.FileMetaData, name: str
) -> tuple[int, list[tuple[Any, Any]] | None] | None:
    """Return the nulls of a column and the bounds of its row groups; None where one says none."""
    schema = footer.schema
    places = [at for at in range(len(schema)) if schema.column(at).path == name]
    if len(places) != 1:
        return None
    nulls, bounds = 0, []
    is_bounded = True
    for group in range(footer.num_row_groups):
        chunk = footer.row_group(group).column(places[0])
        held = chunk.statistics
        if held is None or not held.has_null_count:
            return None
        if not 0 <= held.null_count <= chunk.num_values:
            return None  # nonsense, which is not believed
        nulls += held.null_count
        if held.null_count == chunk.num_values:
            continue
        if not held.has_min_max:
            is_bounded = False
        elif is_bounded:
            try:
                bounds.append((held.min, held.max))
            except (ValueError, OverflowError, pa.ArrowException):
                is_bounded = False  # such as moments of nanoseconds, which Python has not
    return nulls, bounds if is_bounded else None


def _exact(
    bounds: list[tuple[Any, Any]] | None, declared: str | None, held: pa.DataType
) -> tuple[int, int] | None:
    """Return the least and the greatest value; times as nanoseconds. None where it is unknown."""
    # Nanoseconds are more than Python's own moments hold.
    is_rounded = pa.types.is_timestamp(held) and held.unit == "ns"
    if not bounds or declared not in _EXACT or pa.types.is_unsigned_integer(held) or is_rounded:
        return None
    least, most = min(low for low, _ in bounds), max(high for _, high in bounds)
    if declared == "Integer":
        return (least, most) if isinstance(least, int) and isinstance(most, int) else None
    found = tuple(map(_nanoseconds, (least, most)))
    return None if None in found else found  # type: ignore[return-value]


def _nanoseconds(moment: object) -> int | None:
    if isinstance(moment, dt.datetime):
        zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
        return (zoned - _EPOCH) // dt.timedelta(microseconds=1) * 1_000
    if isinstance(moment, dt.date):
        return (moment - _EPOCH.date()).days * 86_400 * _NANOSECONDS
    return None


def _is_outside(exact: tuple[int, int], rules: Rules) -> bool:
    unit = {"Integer": 1, "Timestamp": _NANOSECONDS, "Date": 86_400 * _NANOSECONDS}
    scale = unit[str(rules.declared)]
    least, most = rules.bounds.get("Minimum"), rules.bounds.get("Maximum")
    return (least is not None and exact[0] < least * scale) or (
        most is not None and exact[1] > most * scale
    )


def _csv(look: _Look, path: str, file: IO[bytes]) -> FileSeen:
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


def _json_lines(look: _Look, path: str, file: IO[bytes]) -> FileSeen:
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


def _names(look: _Look, rows: list[dict[str, Any]], known: set[str]) -> Iterator[str]:
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
