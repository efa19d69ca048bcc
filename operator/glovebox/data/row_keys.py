"""The canonical form of a row's key, and its hash: the same for the same value, wherever it lies.

A key is the values of the columns that a pin declares, in an order that the caller fixes. Each
value is written with its type and, where it has no fixed length, with its length, so that no two
keys look alike:

    null        00
    bool        01  00 or 01
    integer     02  8 bytes, two's complement, big-endian: whatever width the column has
                03  8 bytes, unsigned, of those from 2^63 to 2^64 - 1
    text        04  length (4 bytes), its UTF-8 bytes as they are: nothing is normalised
    bytes       05  length (4 bytes), the bytes
    decimal     06  scale (4 bytes, signed), length (4 bytes), the unscaled value in two's
                    complement; without trailing zeros, so that 1.50 is 1.5
    timestamp   07  8 bytes, signed: nanoseconds since 1970 in UTC
    date        08  8 bytes, signed: days since 1970

All numbers are big-endian. An integer 1 is no text "1". Fractions in binary (float, double) are
refused: two programs that compute the same rarely get the same bits. What stands in a file's
dictionary, in another chunk or under another compression is the same value, and a column's width
or a text's `large_string` is no part of it.

The hash is SHA-256 with a prefix that names what it is for and the version of this form. Neither
ever changes: another form would be another version. Golden vectors are in `tests/unit/data`. It is
never a library's own hash: those change between versions and machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

# What a column of keys holds. `Plain` is text of a format without types (CSV), or of one that has
# no dates and decimals (JSON): it is read as what the others hold. `Null` is nothing but nulls.
Kind = Literal["Null", "Plain", "Bool", "Integer", "Text", "Bytes", "Decimal", "Timestamp", "Date"]

# As they stand in a message.
KIND_WORDS: Final[Mapping[Kind, str]] = {
    "Null": "nothing",
    "Plain": "text",
    "Bool": "truth values",
    "Integer": "whole numbers of 64 bits",
    "Text": "text",
    "Bytes": "bytes",
    "Decimal": "decimal numbers",
    "Timestamp": "moments",
    "Date": "dates",
}
NULL: Final = b"\x00"
FALSE: Final = b"\x01\x00"
TRUE: Final = b"\x01\x01"
INTEGER: Final = b"\x02"
LARGE_INTEGER: Final = b"\x03"
TEXT: Final = b"\x04"
BYTES: Final = b"\x05"
DECIMAL: Final = b"\x06"
TIMESTAMP: Final = b"\x07"
DATE: Final = b"\x08"
# First of each hash: never the beginning of a hash of anything else.
DOMAIN: Final = b"\x00glovebox-row-key/v1\x00"
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment, in nanoseconds since 1970 in UTC."""

    nanoseconds: int


KeyValue = None | bool | int | str | bytes | Decimal | Timestamp | date


def encode_value(value: KeyValue) -> bytes:
    """Return the canonical form of one value.

    Raises:
        ValueError: It does not fit (an integer beyond 64 bits, a decimal that is no number).
        TypeError: Nothing of this type can be a key: a float, or a `datetime`, which has no
            nanoseconds and may have no time zone.
    """
    match value:
        case None:
            found = NULL
        case bool():
            found = TRUE if value else FALSE
        case int():
            found = _integer(value)
        case str():
            found = _sized(TEXT, value.encode("utf-8"))
        case bytes():
            found = _sized(BYTES, value)
        case Decimal():
            found = encode_decimal(value)
        case Timestamp():
            found = TIMESTAMP + value.nanoseconds.to_bytes(8, "big", signed=True)
        case date() if not isinstance(value, datetime):
            found = DATE + (value.toordinal() - _EPOCH).to_bytes(8, "big", signed=True)
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be a key")
    return found


def encode_decimal(value: Decimal) -> bytes:
    """Return the canonical form of a decimal.

    Raises:
        ValueError: It is infinite, or no number.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("no number")  # noqa: TRY004 - the type is right, the value is not
    unscaled, scale = int("".join(map(str, digits)) or "0"), -exponent
    while unscaled and unscaled % 10 == 0:
        unscaled, scale = unscaled // 10, scale - 1
    if not unscaled:
        scale = 0
    unscaled = -unscaled if sign else unscaled
    # One bit for the sign, and -2^n needs no more than 2^n - 1.
    size = ((unscaled if unscaled >= 0 else ~unscaled).bit_length() + 8) // 8
    raw = unscaled.to_bytes(size, "big", signed=True)
    return DECIMAL + scale.to_bytes(4, "big", signed=True) + len(raw).to_bytes(4, "big") + raw


def canonical_key(values: Iterable[KeyValue]) -> bytes:
    """Return the canonical form of a key: its values one after the other, in their order.

    Raises:
        ValueError, TypeError: As `encode_value`.
    """
    return b"".join(map(encode_value, values))


def hash_key(key: bytes) -> bytes:
    """Return the hash (32 bytes) of a key in its canonical form."""
    return hashlib.sha256(DOMAIN + key).digest()


def _integer(value: int) -> bytes:
    if value >= 1 << 63:
        if value >= 1 << 64:
            raise ValueError("an integer beyond 64 bits")
        return LARGE_INTEGER + value.to_bytes(8, "big")
    try:
        return INTEGER + value.to_bytes(8, "big", signed=True)
    except OverflowError as error:
        raise ValueError("an integer beyond 64 bits") from error


def _sized(tag: bytes, raw: bytes) -> bytes:
    return tag + len(raw).to_bytes(4, "big") + raw
