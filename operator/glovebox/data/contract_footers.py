"""Which questions of a contract the footer of a Parquet file answers.

Of Parquet the footer is enough where it answers every question: rows, columns and types always;
counts of nulls, and bounds of whole numbers and times, where it has them of every row group and the
contract lets them be believed. Of floats it never is, since what is no number counts as null here
and not there; nor of text and bytes, whose bounds may be cut. Where a footer says that a rule is
broken, the column is read, and the rows counted.

Only the process that reads tables imports this.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from glovebox.data.contract_found import NOTHING
from glovebox.data.contract_look import ColumnLook, FileLook
from glovebox.data.contract_values import Rules
from glovebox.data.time_spans import NANOSECONDS

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Whose bounds in a footer are exact.
_EXACT: Final = frozenset({"Integer", "Timestamp", "Date"})


def is_answered(
    look: FileLook, column: ColumnLook, opened: parquet.ParquetFile, *, is_trusted: bool
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
        return (moment - _EPOCH.date()).days * 86_400 * NANOSECONDS
    return None


def _is_outside(exact: tuple[int, int], rules: Rules) -> bool:
    unit = {"Integer": 1, "Timestamp": NANOSECONDS, "Date": 86_400 * NANOSECONDS}
    scale = unit[str(rules.declared)]
    least, most = rules.bounds.get("Minimum"), rules.bounds.get("Maximum")
    return (least is not None and exact[0] < least * scale) or (
        most is not None and exact[1] > most * scale
    )
