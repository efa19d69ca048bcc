"""Canonical keys and their hashes: golden vectors that no version may change, and what is no key.

The vectors are in `row_keys.json`, for whoever computes the same in another language.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.row_keys import (
    KeyValue,
    Timestamp,
    canonical_key,
    encode_value,
    hash_key,
)

VECTORS: list[dict[str, Any]] = orjson.loads((Path(__file__).parent / "row_keys.json").read_bytes())
VALUES: st.SearchStrategy[KeyValue] = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.builds(Timestamp, st.integers(-(1 << 63), (1 << 63) - 1))
    | st.dates()
)


READ: dict[str, Callable[[str], KeyValue]] = {
    "bool": lambda text: text == "true",
    "integer": int,
    "text": str,
    "bytes": bytes.fromhex,
    "decimal": Decimal,
    "timestamp": lambda text: Timestamp(int(text)),
    "date": date.fromisoformat,
}


def value_of(said: dict[str, str] | None) -> KeyValue:
    """Return a value as a vector spells it: its type, and text."""
    if said is None:
        return None
    ((kind, text),) = said.items()
    return READ[kind](text)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    key = canonical_key(map(value_of, vector["key"]))
    assert key.hex() == vector["canonical"]
    assert hash_key(key).hex() == vector["sha256"]
    # As the module's own text says it, without its help.
    domain = b"\0glovebox-row-key/v1\0"
    assert hashlib.sha256(domain + key).hexdigest() == vector["sha256"]


def test_the_vectors_speak_of_every_type() -> None:
    spoken_of = {next(iter(each)) for vector in VECTORS for each in vector["key"] if each}
    assert spoken_of == {"bool", "integer", "text", "bytes", "decimal", "timestamp", "date"}
    assert any(None in vector["key"] for vector in VECTORS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((1,), ("1",), id="a number and its text"),
        pytest.param((1,), (True,), id="a number and a truth value"),
        pytest.param((None,), ("",), id="nothing and an empty text"),
        pytest.param(("",), (b"",), id="text and bytes"),
        pytest.param(("ab", "c"), ("a", "bc"), id="another cut"),
        pytest.param(("a", None), (None, "a"), id="another order"),
        pytest.param((1 << 63,), (-(1 << 63),), id="the same bits"),
        pytest.param((date(1970, 1, 2),), (Timestamp(1),), id="a date and a moment"),
        pytest.param(("Jos\u00e9",), ("Jose\u0301",), id="an accent of its own"),
        pytest.param((Decimal(10),), (Decimal(1),), id="another power of ten"),
    ],
)
def test_different_keys_look_different(
    one: tuple[KeyValue, ...], other: tuple[KeyValue, ...]
) -> None:
    assert canonical_key(one) != canonical_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.50", "1.5"), ("100", "1E+2"), ("-0.0", "0"), ("0E+7", "0"), ("-12.30", "-12.3")],
)
def test_a_decimal_has_one_spelling(one: str, other: str) -> None:
    assert encode_value(Decimal(one)) == encode_value(Decimal(other))


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        datetime(2013, 1, 1, tzinfo=UTC),
        [1],
        {"a": 1},
        1 << 64,
        -(1 << 63) - 1,
        Decimal("NaN"),
        Decimal("Infinity"),
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode_value(value)


@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4))
def test_keys_are_the_same_when_their_values_are(
    one: list[KeyValue], other: list[KeyValue]
) -> None:
    def typed(values: list[KeyValue]) -> list[tuple[type, KeyValue]]:
        return [(type(value), value) for value in values]

    assert (canonical_key(one) == canonical_key(other)) == (typed(one) == typed(other))
