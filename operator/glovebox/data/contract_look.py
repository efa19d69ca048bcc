"""The look at one file: its columns, and what their values come to batch by batch.

Only the process that reads tables imports this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from glovebox.data import arrow_keys
from glovebox.data.contract_found import NOTHING, ColumnSeen, Fault, FileSeen
from glovebox.data.contract_values import Rules, fits, nanoseconds, numbers_of, type_of
from glovebox.data.feature_values import Exactly, held_by
from glovebox.data.time_spans import NANOSECONDS, TimeSpans

Keys = Callable[[int, bytes], None]


class ColumnLook:
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


class FileLook:
    """The look at one file."""

    def __init__(self, asked: Mapping[str, Any], send: Keys) -> None:
        self.columns = [ColumnLook(column, asked) for column in asked["columns"]]
        self.refuses: bool = asked["refuses"]
        self.trusts: bool = asked["trusts"]
        self.keys: list[list[str]] = asked["keys"]
        self.rows = 0
        self.newest: int | None = None
        self._send = send
        most = asked["gaps"][1] if asked["gaps"] is not None else 1
        self._spans = TimeSpans(most * NANOSECONDS)

    def seen(
        self, columns: Sequence[ColumnLook], others: Mapping[str, str], **more: Any
    ) -> FileSeen:
        """Return what was found."""
        return FileSeen(
            rows=self.rows,
            by_footer=more.get("by_footer", False),
            columns={column.name: column.seen for column in columns},
            others=dict(others),
            newest=self.newest,
            spans=self._spans.spans(),
        )

    def add(self, column: ColumnLook, values: pa.Array, held: Any, wrong: pa.Array | None) -> None:
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

    def _add_times(self, column: ColumnLook, values: pa.Array) -> None:
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
