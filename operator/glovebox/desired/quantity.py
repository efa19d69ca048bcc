"""Kubernetes quantities ("1500m", "4Gi", "1e3"), written as the API server writes them.

An intent that spells a quantity otherwise than the API server would look like drift for ever, and
two spellings of one amount must not give an experiment two digests. `canonical` is a fixed point of
the API server for resource lists (`spec.hard`, LimitRanges): what it returns comes back unchanged.
Amounts are rounded up to a thousandth, as resource lists are. Source: k8s.io/apimachinery
`pkg/api/resource/quantity.go`, k8s.io/kubernetes `SetDefaults_ResourceList`.

Two things of the API server are refused here on purpose: amounts beyond 63 bits (it stores "1000E"
as "1") and bare punctuation ("."), which it takes for zero.
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Context, Decimal, localcontext
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from glovebox.api import reasons
from glovebox.errors import InvalidInput

# The largest amount that every consumer of a quantity can hold (int64).
MAXIMUM: Final = Decimal(2**63 - 1)
_LENGTH_MAX: Final = 64
# Thousands of Experiments spell the few amounts of their profiles.
_KNOWN_AT_ONCE: Final = 4096
_EXPONENT_MAX: Final = 30
_PATTERN: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,4})?",
    re.ASCII,
)
_DECIMAL_EXPONENTS: Final = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
_DECIMAL_SUFFIXES: Final = {exponent: suffix for suffix, exponent in _DECIMAL_EXPONENTS.items()}
_BINARY_SUFFIXES: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_KIBI: Final = 1024
_MILLI: Final = Decimal("0.001")
# Enough digits for every text of _LENGTH_MAX characters times 2**60, so that nothing is rounded but
# on purpose.
_EXACT: Final = Context(prec=2 * _LENGTH_MAX + 2 * _EXPONENT_MAX)


class _Format(Enum):
    """How a quantity was written; the API server keeps it when it writes the quantity again."""

    DECIMAL = "decimal"
    BINARY = "binary"
    EXPONENT = "exponent"


class _Parsed(NamedTuple):
    value: Decimal
    format: _Format


def parse(text: str) -> Decimal:
    """Return the exact amount in base units (cores, bytes, pieces).

    Raises:
        InvalidInput: `InvalidSpec`, when the text is no quantity or lies beyond 63 bits.
    """
    return _read(text).value


def why_none(text: str) -> str | None:
    """Return why a text is no amount that can be counted; None when it is one."""
    try:
        parse(text)
    except InvalidInput as error:
        return error.message
    return None


def compare(left: str, right: str) -> int:
    """Return -1, 0 or 1: the left amount is smaller than, equal to or larger than the right."""
    one, other = parse(left), parse(right)
    return (one > other) - (one < other)


@lru_cache(maxsize=_KNOWN_AT_ONCE)
def canonical(text: str) -> str:
    """Return the quantity as the API server writes it.

    "1.5" becomes "1500m", "4096Mi" becomes "4Gi", "1.5e3" becomes "1500".

    Raises:
        InvalidInput: As `parse`.
    """
    value, written = _read(text)
    with localcontext(_EXACT):
        value = value.quantize(_MILLI, rounding=ROUND_UP)
        if value == 0:
            return "0"
        if written is _Format.BINARY and abs(value) >= _KIBI and value == value.to_integral_value():
            return _binary(int(value))
        return _decimal(value, exponent_form=written is _Format.EXPONENT)


def total(*texts: str) -> str:
    """Return the sum of amounts of memory or disk, as the API server writes it.

    It is in the largest binary unit that holds it whole: 1Gi and 512Mi are 1536Mi.

    Raises:
        InvalidInput: As `parse`.
    """
    with localcontext(_EXACT):
        value = sum((parse(text) for text in texts), Decimal(0))
        whole = value == value.to_integral_value() and value <= MAXIMUM
        return canonical(_binary(int(value)) if whole else f"{value:f}")


def plain(text: str) -> str:
    """Return the stored amount as a number without suffix: one text for all its spellings."""
    with localcontext(_EXACT):
        value = parse(text).quantize(_MILLI, rounding=ROUND_UP)
        return f"{value.normalize():f}" if value else "0"


@lru_cache(maxsize=_KNOWN_AT_ONCE)
def _read(text: str) -> _Parsed:
    stripped = text.strip()
    match = _PATTERN.fullmatch(stripped) if len(stripped) <= _LENGTH_MAX else None
    if match is None:
        message = (
            f"{text[:_LENGTH_MAX]!r} is not a quantity: write a number with an optional suffix,"
            ' such as "2", "500m", "4Gi"'
        )
        raise InvalidInput(reasons.INVALID_SPEC, message)
    number, suffix = match["number"], match["suffix"] or ""
    with localcontext(_EXACT):
        if suffix.endswith("i"):
            parsed = _Parsed(
                Decimal(number) * _KIBI ** _BINARY_SUFFIXES.index(suffix), _Format.BINARY
            )
        elif suffix in _DECIMAL_EXPONENTS:
            parsed = _Parsed(Decimal(number).scaleb(_DECIMAL_EXPONENTS[suffix]), _Format.DECIMAL)
        else:
            parsed = _Parsed(_with_exponent(text, number, int(suffix[1:])), _Format.EXPONENT)
    if abs(parsed.value) > MAXIMUM:
        raise _too_large(text)
    return parsed


def _with_exponent(text: str, number: str, exponent: int) -> Decimal:
    if abs(exponent) > _EXPONENT_MAX:
        raise _too_large(text)
    return Decimal(number).scaleb(exponent)


def _too_large(text: str) -> InvalidInput:
    return InvalidInput(
        reasons.INVALID_SPEC, f"{text!r} is out of range: a quantity must lie within 63 bits"
    )


def _binary(value: int) -> str:
    power = 0
    while abs(value) >= _KIBI and value % _KIBI == 0:
        value //= _KIBI
        power += 1
    return f"{value}{_BINARY_SUFFIXES[power]}"


def _decimal(value: Decimal, *, exponent_form: bool) -> str:
    digits = int(value.scaleb(3))
    exponent = -3
    while digits % 1000 == 0:
        digits //= 1000
        exponent += 3
    if not exponent_form:
        return f"{digits}{_DECIMAL_SUFFIXES[exponent]}"
    return f"{digits}e{exponent}" if exponent else str(digits)
