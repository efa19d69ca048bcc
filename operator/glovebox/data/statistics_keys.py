"""Values of columns as whole numbers in their order, and as text; see `quantiles`. Pure.

Numbers are taken as doubles: whole numbers beyond 2^53 as the nearest. Times are microseconds since
1970 in UTC, dates are days.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = date(1970, 1, 1)
_LOW: Final = (1 << 63) - 1
_NEGATIVE_ZERO: Final = -1
NUMBERS: Final = frozenset({"Integer", "Number", "Decimal"})
TIMES: Final = frozenset({"Timestamp", "Date"})
CATEGORIES: Final = frozenset({"Text", "Bool"})


def key_of_number(number: float) -> int:
    """Return the key of a double: greater numbers have greater keys."""
    (bits,) = struct.unpack("<q", struct.pack("<d", number + 0.0))
    return int(bits) if bits >= 0 else int(bits) ^ _LOW


def number_of_key(key: int) -> float:
    """Return the double of a key; infinite beyond all doubles."""
    bits = key if key >= 0 else key ^ _LOW
    (number,) = struct.unpack("<d", struct.pack("<q", bits))
    if math.isnan(number):
        return math.inf if key >= 0 else -math.inf
    return float(number)


def text_of_key(key: int, kind: str, *, is_lower: bool = False) -> str:
    """Return the value of a key in its one spelling.

    Args:
        key: The key.
        kind: As a contract says it.
        is_lower: Whether it is a bound from below: whole numbers are rounded towards what there is.
    """
    if kind == "Timestamp":
        try:
            moment = _EPOCH + timedelta(microseconds=key)
        except OverflowError:
            return str(key)
        return moment.isoformat().removesuffix("+00:00") + "Z"
    if kind == "Date":
        try:
            return (_DAY + timedelta(days=key)).isoformat()
        except OverflowError:
            return str(key)
    # The last key below zero is that of -0.0, which no row has: read again, it would be zero's.
    number = number_of_key(key if key != _NEGATIVE_ZERO else key - 1)
    if kind == "Integer" and math.isfinite(number):
        return str(math.ceil(number) if is_lower else math.floor(number))
    return repr(number)


def key_of_text(text: str, kind: str) -> int:
    """Return the key of a value that `text_of_key` wrote.

    Raises:
        ValueError, OverflowError: It is none.
    """
    return _PARSERS[kind](text) if kind in _PARSERS else key_of_number(float(text))


def _moment(text: str) -> int:
    if text.lstrip("-").isdigit():
        return int(text)
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


def _day(text: str) -> int:
    if text.lstrip("-").isdigit():
        return int(text)
    return (date.fromisoformat(text) - _DAY).days


_PARSERS: Final[dict[str, Callable[[str], int]]] = {"Timestamp": _moment, "Date": _day}
