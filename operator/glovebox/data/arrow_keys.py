"""Keys of rows out of columns of Arrow, a batch at a time: what `row_keys` says, without a loop.

Only the process that reads tables imports this: `pyarrow` is no library of the operator's.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from glovebox.data import row_keys
from glovebox.data.row_keys import DOMAIN, KIND_WORDS, Kind
from glovebox.data.splits import NO_MOMENT, moment_bytes
from glovebox.data.table_errors import TableError

# So much of each hash is compared: two different keys never meet by chance.
HASH_BYTES: Final = 16
# Stands for a row without a key: none of its columns holds anything.
NO_KEY: Final = bytes(HASH_BYTES)
_DECIMAL: Final = r"\A[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]{1,3})?\z"
_IS_LITTLE: Final = sys.byteorder == "little"


def kind_of(column: str, held: pa.DataType) -> Kind:
    """Return what a column of this type holds.

    Raises:
        TableError: It cannot be a key.
    """
    if pa.types.is_dictionary(held):
        held = held.value_type
    kinds: tuple[tuple[Any, Kind], ...] = (
        (pa.types.is_null, "Null"),
        (pa.types.is_boolean, "Bool"),
        (pa.types.is_integer, "Integer"),
        (_is_text, "Text"),
        (_is_bytes, "Bytes"),
        (pa.types.is_decimal, "Decimal"),
        (pa.types.is_timestamp, "Timestamp"),
        (pa.types.is_date, "Date"),
    )
    for is_one, kind in kinds:
        if is_one(held):
            return kind
    cure = (
        "floats are hardly ever equal; write it as a whole number, a decimal or text"
        if pa.types.is_floating(held)
        else "a key is of whole numbers, text, bytes, decimals, moments, dates or truth values"
    )
    raise TableError(f"column `{column}` is of type {held}, which cannot be a key: {cure}")


def key_hashes(
    columns: Sequence[str],
    arrays: Sequence[pa.Array],
    kinds: Sequence[Kind],
    *,
    is_plain: bool,
    domain: bytes = DOMAIN,
) -> bytes:
    """Return the hashes of the keys of a batch, each cut to `HASH_BYTES`; `NO_KEY` of none.

    Args:
        columns: Names of the key's columns, for errors.
        arrays: What they hold, all of one length.
        kinds: What each is taken for.
        is_plain: Whether text stands for whatever the kind is, as in CSV and JSON.
        domain: What is hashed before each key.

    Raises:
        TableError: A column holds something else.
    """
    if not len(arrays[0]):
        return b""
    encoded, nulls = [], None
    for column, held, kind in zip(columns, arrays, kinds, strict=True):
        values = _values(column, held, kind, is_plain=is_plain)
        is_null = pc.is_null(values)
        raw = _encoded(column, kind, values)
        encoded.append(pc.if_else(is_null, pa.scalar(row_keys.NULL, pa.binary()), raw))
        nulls = is_null if nulls is None else pc.and_(nulls, is_null)
    keys = pc.binary_join_element_wise(*encoded, pa.scalar(b"", pa.binary()))
    found = [sha256(domain + key).digest()[:HASH_BYTES] for key in keys.to_pylist()]
    if nulls is not None and nulls.true_count:
        for row, has_none in enumerate(nulls.to_pylist()):
            if has_none:
                found[row] = NO_KEY
    return b"".join(found)


def moments(column: str, held: pa.Array, kind: Kind, *, is_plain: bool) -> bytes:
    """Return the moments of a batch: 8 bytes each, signed, in nanoseconds since 1970 in UTC.

    A date is its first moment in UTC. What is null is `NO_MOMENT`.

    Args:
        column: Its name, for errors.
        held: What it holds.
        kind: `Timestamp` or `Date`.
        is_plain: As in `key_hashes`.

    Raises:
        TableError: It holds something else, or moments that nanoseconds cannot say.
    """
    if not len(held):
        return b""
    values = _values(column, held, kind, is_plain=is_plain)
    if pa.types.is_null(held.type) or pa.types.is_integer(values.type):
        return moment_bytes(NO_MOMENT) * len(held)
    zone = values.type.tz if pa.types.is_timestamp(values.type) else None
    numbers = _nanoseconds(column, values, zone)
    return b"".join(_big_endian(pc.fill_null(numbers, NO_MOMENT), "q", 8).to_pylist())


def _nanoseconds(column: str, values: pa.Array, zone: str | None) -> pa.Array:
    try:
        return values.cast(pa.timestamp("ns", zone)).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise TableError(
            f"column `{column}` holds moments before 1678 or after 2261: they have no"
            " nanoseconds since 1970 in 64 bits"
        ) from error


def _values(column: str, held: pa.Array, kind: Kind, *, is_plain: bool) -> pa.Array:
    """Return an array of the kind's own type."""
    if pa.types.is_dictionary(held.type):
        held = held.dictionary_decode()
    found = kind_of(column, held.type)
    if found == "Null":
        return pa.nulls(len(held), pa.binary() if kind in {"Text", "Bytes"} else pa.int64())
    if found == kind:
        return held
    if is_plain and found == "Text":
        return _read_as(column, held, kind)
    raise TableError(
        f"column `{column}` holds {KIND_WORDS[found]}, and {KIND_WORDS[kind]} as other files or a"
        " declared type say: write it as one type"
    )


def _read_as(column: str, text: pa.Array, kind: Kind) -> pa.Array:
    """Return what text stands for.

    Raises:
        TableError: It does not stand for that. What it says is never told: keys may be personal.
    """
    try:
        match kind:
            case "Integer":
                return _cast_to_any(text, pa.int64(), pa.uint64())
            case "Bool":
                return text.cast(pa.bool_())
            case "Date":
                return text.cast(pa.date32())
            case "Timestamp":
                return _cast_to_any(text, pa.timestamp("ns", "UTC"), pa.timestamp("ns"))
            case "Decimal":
                return read_decimals(text)
    except pa.ArrowInvalid:
        pass
    raise TableError(
        f"column `{column}` holds {KIND_WORDS[kind]}, as other files or a declared type say, and"
        " here text that stands for none"
    )


def read_decimals(text: pa.Array) -> pa.Array:
    """Return what text stands for.

    Raises:
        pa.ArrowInvalid: A part of it stands for no decimal, or for one with too many digits.
    """
    # Python also reads `1_000` and digits of any script, and the library dies of an exponent
    # beyond what it can hold.
    if pc.any(pc.invert(pc.match_substring_regex(text, _DECIMAL))).as_py():
        raise pa.ArrowInvalid("no decimal")
    found = [Decimal(one) if one is not None else None for one in text.to_pylist()]
    return pa.array(found, pa.decimal256(76, 38))


def _cast_to_any(text: pa.Array, first: pa.DataType, second: pa.DataType) -> pa.Array:
    try:
        return text.cast(first)
    except pa.ArrowInvalid:
        return text.cast(second)


def _encoded(column: str, kind: Kind, values: pa.Array) -> pa.Array:
    """Return the canonical form of each value; of a null, anything."""
    match kind:
        case "Text":
            return _of_bytes(row_keys.TEXT, values)
        case "Bytes":
            return _of_bytes(row_keys.BYTES, values)
        case "Decimal":
            return _of_decimals(values)
    return _of_numbers(column, kind, values)


def _of_numbers(column: str, kind: Kind, values: pa.Array) -> pa.Array:
    tags = pa.scalar(row_keys.INTEGER, pa.binary())
    if kind == "Bool":
        true, false = (pa.scalar(each, pa.binary()) for each in (row_keys.TRUE, row_keys.FALSE))
        return pc.if_else(values, true, false) if values.type == pa.bool_() else _nothing(values)
    if kind == "Date" and pa.types.is_date(values.type):
        tags = pa.scalar(row_keys.DATE, pa.binary())
        values = values.cast(pa.date32()).cast(pa.int32())
    elif kind == "Timestamp" and pa.types.is_timestamp(values.type):
        tags = pa.scalar(row_keys.TIMESTAMP, pa.binary())
        values = _nanoseconds(column, values, values.type.tz)
    elif values.type == pa.uint64():
        small, large = (
            pa.scalar(each, pa.binary()) for each in (row_keys.INTEGER, row_keys.LARGE_INTEGER)
        )
        tags = pc.if_else(pc.less(values, pa.scalar(1 << 63, pa.uint64())), small, large)
        return _joined(tags, _big_endian(values, "Q", 8))
    return _joined(tags, _big_endian(values.cast(pa.int64()), "q", 8))


def _nothing(values: pa.Array) -> pa.Array:
    return pa.nulls(len(values), pa.binary())


def _of_bytes(tag: bytes, values: pa.Array) -> pa.Array:
    raw = values.cast(pa.binary())
    lengths = _big_endian(pc.binary_length(raw), "i", 4)
    return _joined(pa.scalar(tag, pa.binary()), lengths, raw)


def _of_decimals(values: pa.Array) -> pa.Array:
    # Their unscaled values have no fixed length; keys of decimals are rare.
    return pa.array(
        [None if one is None else row_keys.encode_decimal(one) for one in values.to_pylist()],
        pa.binary(),
    )


def _joined(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.binary()))


def _big_endian(values: pa.Array, code: str, width: int) -> pa.Array:
    """Return numbers as bytes, the most significant one first. Where there is none, any."""
    values = pc.fill_null(values, 0)
    whole = memoryview(values.buffers()[1])
    numbers = array(code)
    numbers.frombytes(whole[values.offset * width : (values.offset + len(values)) * width])
    if _IS_LITTLE:
        numbers.byteswap()
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(values), [None, pa.py_buffer(numbers)]
    )
    return fixed.cast(pa.binary())


def _is_text(held: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(held) or pa.types.is_large_string(held) or pa.types.is_string_view(held)
    )


def _is_bytes(held: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(held)
        or pa.types.is_large_binary(held)
        or pa.types.is_binary_view(held)
        or pa.types.is_fixed_size_binary(held)
    )
