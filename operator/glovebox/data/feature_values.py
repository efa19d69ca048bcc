"""What a column of a table is, exactly: the type and shape of its values, by their Arrow names.

Parquet has no seconds and no dates in milliseconds: what is written as one is stored, and read, as
the next finer one, and counts as what was written. Text, bytes and dictionaries are what they hold,
however it is laid out. A time zone says how a moment is shown, and not which one it is.

Only the process that reads tables imports this: `pyarrow` is no library of the operator's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from glovebox.data.contract_found import Fault

_NAMES: Final = {
    pa.float16(): "float16",
    pa.float32(): "float32",
    pa.float64(): "float64",
    pa.date32(): "date32",
    pa.date64(): "date64",
}
# What is stored for them.
_STORED: Final = {
    "date64": "date32",
    "time32[s]": "time32[ms]",
    "timestamp[s]": "timestamp[ms]",
}
_MAX_TEXT: Final = 128
# So many values of vectors are looked at together: they may be thousands a row.
_VALUES: Final = 1 << 19


@dataclass(frozen=True, slots=True)
class Held:
    """What a column holds.

    Attributes:
        dtype: Type of one value.
        shape: Size of each dimension; 0 where rows may differ.
    """

    dtype: str
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        sizes = ", ".join(str(size) if size else "*" for size in self.shape)
        return (f"{self.dtype}[{sizes}]" if self.shape else self.dtype)[:_MAX_TEXT]


def held_by(found: pa.DataType) -> Held:
    """Return what a column of this type holds."""
    if isinstance(found, pa.FixedShapeTensorType):
        return Held(_name(found.value_type), tuple(found.shape))
    shape = []
    while _is_list(found):
        shape.append(found.list_size if pa.types.is_fixed_size_list(found) else 0)
        found = found.value_type
    return Held(_name(found), tuple(shape))


def _is_list(found: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found)
    )


def _name(found: pa.DataType) -> str:
    types = pa.types
    if types.is_dictionary(found):
        found = found.value_type
    if found in _NAMES:
        return _NAMES[found]
    if types.is_string(found) or types.is_large_string(found) or types.is_string_view(found):
        return "string"
    if types.is_large_binary(found) or types.is_binary_view(found):
        return "binary"
    if types.is_fixed_size_binary(found):
        return "binary"
    if types.is_timestamp(found):
        return f"timestamp[{found.unit}]"
    return str(found)


class Exactly:
    """What one column has to be, and what it is.

    Args:
        dtype: Type of one value.
        shape: Size of each dimension; 0 for any.
        is_nullable: Whether values may be missing.

    Attributes:
        faults: `Shape`, where rows have others.
    """

    def __init__(self, dtype: str, shape: Sequence[int], *, is_nullable: bool) -> None:
        self._dtype, self._shape = dtype, tuple(shape)
        self._is_nullable = is_nullable
        self.faults: dict[str, Fault] = {}

    @property
    def is_vector(self) -> bool:
        """Whether a row has more than one value, or may have."""
        return bool(self._shape)

    def is_type(self, held: Held) -> bool:
        """Whether a column holds values of the type, with as many dimensions."""
        stored = _STORED.get(self._dtype, self._dtype)
        fits = held.dtype in {self._dtype, stored}
        return fits and len(held.shape) == len(self._shape)

    def is_shape(self, held: Held) -> bool:
        """Whether the sizes are the same, where the file says them before its first row."""
        return all(not has or not wants or has == wants for has, wants in self._pairs(held))

    def reads(self, held: Held) -> bool:
        """Whether the rows have to be looked at for their sizes."""
        return any(wants and not has for has, wants in self._pairs(held))

    def check(self, values: pa.Array, first_row: int) -> int:
        """Note which vectors of a batch have other sizes; return how many lack values within.

        Args:
            values: The vectors; null where there is none.
            first_row: The number of the first row, from 1.
        """
        if not self._shape or not len(values):
            return 0
        missing, step = 0, max(1, _VALUES // max(1, _size(values.type)))
        for at in range(0, len(values), step):
            missing += self._check(values.slice(at, step), first_row + at)
        return missing

    def check_json(self, values: Sequence[Any], first_row: int) -> int:
        """Note as `check`, of values of JSON; those of other types as `Type`."""
        missing = 0
        for row, value in enumerate(values, first_row):
            if value is None:
                continue
            fault = self._fault_of(value, self._shape)
            if fault == "Null":
                missing += not self._is_nullable
            elif fault:
                self._note(fault, [row])
        return missing

    def _pairs(self, held: Held) -> Iterable[tuple[int, int]]:
        return zip(held.shape, self._shape, strict=False)

    def _check(self, values: pa.Array, first_row: int) -> int:
        shape: tuple[int, ...] = self._shape
        if isinstance(values.type, pa.FixedShapeTensorType):
            values, shape = values.storage, (0,)  # its sizes are those of the type
        # Which row each list of this level is of; None while it is the row itself.
        rows: pa.Array | None = None
        wrong: list[int] = []
        missing: set[int] = set()
        for size in shape:
            if rows is not None:
                missing.update(_rows(rows, pc.is_null(values)))
            if size:
                others = pc.fill_null(pc.not_equal(pc.list_value_length(values), size), False)  # noqa: FBT003 - a value of Arrow
                if others.true_count:
                    wrong += _rows(rows, others)
            below = pc.list_flatten(values)
            parents = pc.list_parent_indices(values)
            rows = parents if rows is None else rows.take(parents)
            values = below
        lacking = pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))
        if lacking.true_count:
            missing.update(_rows(rows, lacking))
        self._note("Shape", sorted({first_row + at for at in wrong}))
        return 0 if self._is_nullable else len(missing)

    def _fault_of(self, value: Any, shape: tuple[int, ...]) -> str:
        """Return in what a value of JSON differs: `Type`, `Shape`, `Null` or nothing."""
        if value is None:
            return "Null"
        if not shape:
            return "" if _is_json(value, self._dtype) else "Type"
        if not isinstance(value, list):
            return "Type"
        found = {self._fault_of(each, shape[1:]) for each in value}
        if shape[0] and len(value) != shape[0]:
            found.add("Shape")
        return next((each for each in ("Type", "Shape", "Null") if each in found), "")

    def _note(self, kind: str, rows: Sequence[int]) -> None:
        if not rows:
            return
        before = self.faults.get(kind)
        count, first = (before.count, before.row) if before is not None else (0, rows[0])
        self.faults[kind] = Fault(count + len(rows), first)


def _rows(rows: pa.Array | None, mask: pa.Array) -> list[int]:
    """Return the rows in which a mask is true."""
    places = pc.indices_nonzero(mask)
    found: list[int] = (places if rows is None else pc.unique(rows.take(places))).to_pylist()
    return found


def _size(found: pa.DataType) -> int:
    """Return how many values a row has, as far as the type says it."""
    if isinstance(found, pa.FixedShapeTensorType):
        found = found.storage_type
    size = 1
    while _is_list(found):
        size *= found.list_size if pa.types.is_fixed_size_list(found) else 64
        found = found.value_type
    return size


_RANGES: Final = {
    f"{sign}int{bits}": (
        (0, (1 << min(bits, 63)) - 1) if sign else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    )
    for sign, bits in itertools.product(("", "u"), (8, 16, 32, 64))
}


def _is_json(value: object, dtype: str) -> bool:
    """Return whether a value of JSON can be one of the type; moments and bytes it has none."""
    if dtype == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if dtype in _RANGES:
        least, most = _RANGES[dtype]
        return isinstance(value, int) and least <= value <= most
    if dtype.startswith("float"):
        return isinstance(value, int | float)
    return dtype == "string" and isinstance(value, str)
