"""The values of columns, counted a batch at a time, in memory that does not grow with the rows.

What is held depends on which values came, never on their order: cells of numbers and times are
joined as `quantiles` says, and texts of which there are too many, or too long ones, are let go
altogether. Only the process that reads tables imports this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from glovebox.data.quantiles import MAX_CELLS, Cells
from glovebox.data.statistics import (
    MAX_DISTINCT,
    MAX_TOLD_BYTES,
    NOT_SHOWN,
    TOO_FEW,
    TOO_MANY,
    ColumnStatistics,
    is_number,
    tell_numbers,
    tell_values,
)
from glovebox.data.statistics_keys import key_of_text

# So many values, or bytes of them, are kept before they are counted.
_PENDING: Final = 32_768
_PENDING_BYTES: Final = 1 << 20
_MAX_BYTES: Final = 1 << 19
_LOW: Final = (1 << 63) - 1


def keys_of(values: pa.Array, kind: str) -> pa.Array:
    """Return the keys of values: see `statistics_keys`."""
    if kind == "Date":
        return values.cast(pa.int32()).cast(pa.int64())
    if kind == "Timestamp":
        if values.type.unit == "ns":
            values = pc.floor_temporal(values, unit="microsecond")
        return values.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    if pa.types.is_decimal(values.type):
        # Only the way by its digits gives the same double whatever the scale is.
        values = values.cast(pa.string())
    numbers = pc.add(values.cast(pa.float64(), safe=False), 0.0)  # -0.0 is 0.0
    bits = numbers.view(pa.int64())
    # Turns the order of negative doubles around.
    return pc.bit_wise_xor(bits, pc.if_else(pc.less(bits, 0), _LOW, 0))


class Column:
    """One column of all files.

    Args:
        asked: `name`, `type` and `shown`.
        reference: What its rows are counted by: see `statistics.reference_rules`; None by nothing.
    """

    def __init__(self, asked: Mapping[str, Any], reference: Mapping[str, Any] | None) -> None:
        self.name: str = asked["name"]
        self.type: str = asked["type"]
        self._shown = bool(asked["shown"]) and self.type != "Bytes"
        self.present = False
        self.nulls = self.invalid = 0
        self._counts: _Numbers | _Texts | _Bytes = (
            _Numbers() if is_number(self.type) else _Texts() if self.type != "Bytes" else _Bytes()
        )
        self._against: _Parts | _Values | None = None
        if reference is not None and reference["type"] == self.type and self._shown:
            self._against = _Parts(reference) if is_number(self.type) else _Values(reference)
        self._pending: list[pa.Array] = []
        self._waiting = self._bytes = 0

    def add(self, values: pa.Array, wrong: pa.Array | None = None) -> None:
        """Take values; null where there is none, and where one is of another type."""
        invalid = wrong.true_count if wrong is not None else 0
        self.invalid += invalid
        self.nulls += values.null_count - invalid
        held = values.drop_null()
        if not len(held) or (self._counts.is_full and self._against is None):
            return
        if is_number(self.type):
            held = keys_of(held, self.type)
        elif self.type == "Bool":
            held = pc.if_else(held, "true", "false")
        self._pending.append(held)
        self._waiting += len(held)
        self._bytes += held.nbytes
        if self._waiting >= _PENDING or self._bytes >= _PENDING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Count what was kept."""
        if not self._waiting:
            return
        held = pa.concat_arrays(self._pending)
        self._pending, self._waiting, self._bytes = [], 0, 0
        counted = _counted(held, None)
        self._counts.add(*counted)
        if self._against is not None:
            self._against.add(*counted)

    def told(self, least: int) -> ColumnStatistics:
        """Return what is told of it."""
        self.flush()
        distinct, is_more = self._counts.distinct()
        found: dict[str, Any] | None = None
        withheld = NOT_SHOWN
        if self._shown and isinstance(self._counts, _Numbers):
            found, withheld = tell_numbers(self._counts.cells(), self.type, least), TOO_FEW
        elif self._shown and isinstance(self._counts, _Texts):
            withheld = TOO_MANY if is_more else TOO_FEW
            found = tell_values(self._counts.values(), least) if not is_more else None
        return ColumnStatistics(
            self.name,
            self.type,
            self.present,
            self.nulls,
            self.invalid,
            distinct,
            is_more,
            **(found if found is not None else {"withheld": withheld}),
        )

    def against(self) -> tuple[int, ...] | None:
        """Return how many rows are in each part of the reference; None where none was given."""
        return tuple(self._against.counts) if self._against is not None else None

    def state(self) -> dict[str, Any]:
        """Return what was counted so far, as JSON."""
        self.flush()
        return {
            "present": self.present,
            "nulls": self.nulls,
            "invalid": self.invalid,
            "counts": self._counts.state(),
            "against": self._against.counts if self._against is not None else None,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what another process counted."""
        self.present, self.nulls = state["present"], state["nulls"]
        self.invalid = state["invalid"]
        self._counts.resume(state["counts"])
        if self._against is not None:
            self._against.counts = list(state["against"])


def _counted(held: pa.Array, counts: pa.Array | None) -> tuple[pa.Array, pa.Array]:
    """Return the different values, and how many there are of each."""
    if counts is None:
        found = pc.value_counts(held)
        return found.field("values"), found.field("counts")
    table = pa.table({"value": held, "count": counts})
    summed = table.group_by("value", use_threads=False).aggregate([("count", "sum")])
    return (
        summed.column("value").combine_chunks(),
        summed.column("count_sum").combine_chunks(),
    )


class _Bytes:
    """Values of which nothing is told."""

    def __init__(self) -> None:
        self.is_full = False

    def add(self, values: pa.Array, counts: pa.Array) -> None:
        del values, counts
        self.is_full = True

    def distinct(self) -> tuple[int, bool]:
        return (0, self.is_full)

    def state(self) -> Any:
        return self.is_full

    def resume(self, state: Any) -> None:
        self.is_full = state


class _Numbers:
    """Cells of keys."""

    is_full: Final = False

    def __init__(self) -> None:
        self._cells = pa.array([], pa.int64())
        self._counts = pa.array([], pa.int64())
        self._shift = 0

    def add(self, keys: pa.Array, counts: pa.Array) -> None:
        cells = pc.shift_right(keys, self._shift)
        self._join(pa.concat_arrays([self._cells, cells]), pa.concat_arrays([self._counts, counts]))
        while len(self._cells) > MAX_CELLS:
            self._shift += 1
            self._join(pc.shift_right(self._cells, 1), self._counts)

    def _join(self, cells: pa.Array, counts: pa.Array) -> None:
        self._cells, self._counts = _counted(cells, counts)

    def distinct(self) -> tuple[int, bool]:
        return (MAX_CELLS, True) if self._shift else (len(self._cells), False)

    def cells(self) -> Cells:
        order = pc.array_sort_indices(self._cells)
        return Cells(
            self._cells.take(order).to_pylist(), self._counts.take(order).to_pylist(), self._shift
        )

    def state(self) -> Any:
        return [self._shift, self._cells.to_pylist(), self._counts.to_pylist()]

    def resume(self, state: Any) -> None:
        self._shift = state[0]
        self._cells = pa.array(state[1], pa.int64())
        self._counts = pa.array(state[2], pa.int64())


class _Texts:
    """Values of which there are not too many."""

    def __init__(self) -> None:
        self._values = pa.array([], pa.string())
        self._counts = pa.array([], pa.int64())
        self.is_full = False

    def add(self, values: pa.Array, counts: pa.Array) -> None:
        if self.is_full:
            return
        values = _short(values.cast(pa.string()))
        self._values, self._counts = _counted(
            pa.concat_arrays([self._values, values]), pa.concat_arrays([self._counts, counts])
        )
        size = pc.sum(pc.binary_length(self._values)).as_py() or 0
        if len(self._values) > MAX_DISTINCT or size > _MAX_BYTES:
            self.is_full = True
            self._values, self._counts = self._values.slice(0, 0), self._counts.slice(0, 0)

    def distinct(self) -> tuple[int, bool]:
        return (MAX_DISTINCT, True) if self.is_full else (len(self._values), False)

    def values(self) -> list[tuple[str, int]]:
        return list(zip(self._values.to_pylist(), self._counts.to_pylist(), strict=True))

    def state(self) -> Any:
        return [self.is_full, self._values.to_pylist(), self._counts.to_pylist()]

    def resume(self, state: Any) -> None:
        self.is_full = state[0]
        self._values = pa.array(state[1], pa.string())
        self._counts = pa.array(state[2], pa.int64())


def _short(values: pa.Array) -> pa.Array:
    """Return values with a digest in the place of long ones: longer than any that is told."""
    is_long = pc.greater(pc.binary_length(values), MAX_TOLD_BYTES)
    if not is_long.true_count:
        return values
    digests = [
        sha256(value.encode()).hexdigest().ljust(MAX_TOLD_BYTES + 1, ".")
        for value in values.filter(is_long).to_pylist()
    ]
    return pc.replace_with_mask(values, is_long, pa.array(digests, pa.string()))


class _Parts:
    """Rows by the parts of a reference."""

    def __init__(self, reference: Mapping[str, Any]) -> None:
        kind = reference["type"]
        self._lower, self._upper = (
            key_of_text(reference[name], kind) if reference[name] is not None else None
            for name in ("lower", "upper")
        )
        self._edges = [key_of_text(text, kind) for text in reference["edges"]]
        self.counts = [0] * (len(self._edges) + 3)

    def add(self, keys: pa.Array, counts: pa.Array) -> None:
        total = pc.sum(counts).as_py()
        below = 0 if self._lower is None else _sum(counts, pc.less(keys, self._lower))
        ends = [below]
        ends += [_sum(counts, pc.less_equal(keys, edge)) for edge in self._edges]
        above = 0 if self._upper is None else _sum(counts, pc.greater(keys, self._upper))
        ends += [total - above, total]
        before = 0
        for place, end in enumerate(ends):
            self.counts[place] += end - before
            before = end


def _sum(counts: pa.Array, mask: pa.Array) -> int:
    return pc.sum(counts.filter(mask)).as_py() or 0


class _Values:
    """Rows by the values of a reference."""

    def __init__(self, reference: Mapping[str, Any]) -> None:
        values: Sequence[str] = reference["values"]
        self._values = pa.array(values, pa.string())
        self.counts = [0] * (len(values) + 1)

    def add(self, values: pa.Array, counts: pa.Array) -> None:
        places = pc.fill_null(pc.index_in(values.cast(pa.string()), self._values), -1)
        for place, count in zip(*_as_lists(places, counts), strict=True):
            self.counts[place] += count


def _as_lists(places: pa.Array, counts: pa.Array) -> tuple[list[int], list[int]]:
    places, counts = _counted(places, counts)
    return places.to_pylist(), counts.to_pylist()


def as_json(told: ColumnStatistics) -> dict[str, Any]:
    """Return what is told of a column as JSON."""
    return asdict(told)
