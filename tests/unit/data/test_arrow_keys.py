"""Keys out of columns of Arrow are those of their values, however the column is held."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glovebox.data.arrow_keys import NO_KEY, key_hashes, kind_of
from glovebox.data.row_keys import KeyValue, Kind, Timestamp, canonical_key, hash_key
from glovebox.data.table_errors import TableError

MOMENT = datetime(2013, 1, 1, 5, 15, tzinfo=UTC)
NANOSECONDS = Timestamp(int(MOMENT.timestamp()) * 10**9)
A_DAY = date(2013, 1, 1)


def wanted(*rows: tuple[KeyValue, ...]) -> list[bytes]:
    return [NO_KEY if set(row) == {None} else hash_key(canonical_key(row))[:16] for row in rows]


def hashes(*columns: pa.Array, kinds: tuple[Kind, ...] = (), is_plain: bool = False) -> list[bytes]:
    names = [f"c{number}" for number in range(len(columns))]
    kinds = kinds or tuple(kind_of("c", column.type) for column in columns)
    raw = key_hashes(names, columns, kinds, is_plain=is_plain)
    return [raw[at : at + 16] for at in range(0, len(raw), 16)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param(pa.array([1, -1, None], held), [1, -1, None], id=str(held))
        for held in (pa.int8(), pa.int16(), pa.int32(), pa.int64())
    ]
    + [
        pytest.param(pa.array([1, 200, None], held), [1, 200, None], id=str(held))
        for held in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    ]
    + [
        pytest.param(
            pa.array(["a", "", None, "\u00e9"], held), ["a", "", None, "\u00e9"], id=str(held)
        )
        for held in (pa.string(), pa.large_string(), pa.string_view())
    ]
    + [
        pytest.param(pa.array([b"ab", None], held), [b"ab", None], id=str(held))
        for held in (pa.binary(), pa.large_binary(), pa.binary(2), pa.binary_view())
    ]
    + [
        pytest.param(pa.array([MOMENT, None], held), [NANOSECONDS, None], id=str(held))
        for held in (
            pa.timestamp("s", "UTC"),
            pa.timestamp("ms"),
            pa.timestamp("us", "America/New_York"),
            pa.timestamp("ns", "UTC"),
        )
    ]
    + [
        pytest.param(pa.array([A_DAY, None], held), [A_DAY, None], id=str(held))
        for held in (pa.date32(), pa.date64())
    ]
    + [
        pytest.param(
            pa.array([Decimal("1.5"), None, Decimal(-2)], held),
            [Decimal("1.5"), None, Decimal(-2)],
            id=str(held),
        )
        for held in (pa.decimal128(10, 1), pa.decimal128(38, 20), pa.decimal256(60, 2))
    ]
    + [
        pytest.param(
            pa.array([1 << 63, (1 << 64) - 1, 5], pa.uint64()),
            [1 << 63, (1 << 64) - 1, 5],
            id="beyond a sign",
        ),
        pytest.param(pa.array([True, False, None]), [True, False, None], id="bool"),
        pytest.param(
            pa.array(["b", None, "a", "b"]).dictionary_encode(),
            ["b", None, "a", "b"],
            id="dictionary of text",
        ),
        pytest.param(
            pa.array([7, 8, 7], pa.int16()).dictionary_encode(),
            [7, 8, 7],
            id="dictionary of numbers",
        ),
    ],
)
def test_a_column_gives_the_keys_of_its_values(column: pa.Array, values: list[KeyValue]) -> None:
    assert hashes(column) == wanted(*((value,) for value in values))
    # A part of an array begins in the middle of its memory.
    assert hashes(column[1:]) == wanted(*((value,) for value in values[1:]))
    assert hashes(column[:0]) == []


def test_a_row_without_any_value_has_no_key_and_one_without_some_has() -> None:
    columns = pa.array(["a", None, None]), pa.array([1, 1, None], pa.int8())
    assert hashes(*columns) == wanted(("a", 1), (None, 1), (None, None))
    assert hashes(*columns)[2] == NO_KEY


def test_a_column_of_nulls_is_one_of_any_kind() -> None:
    kinds: tuple[Kind, ...] = (
        "Bool",
        "Integer",
        "Text",
        "Bytes",
        "Decimal",
        "Timestamp",
        "Date",
    )
    for kind in kinds:
        found = hashes(pa.array(["a"]), pa.nulls(1), kinds=("Text", kind))
        assert found == wanted(("a", None))


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(1 << 63), (1 << 63) - 1),
            st.none() | st.text(max_size=9),
            st.none() | st.booleans(),
            st.none() | st.dates(date(1700, 1, 1), date(2200, 1, 1)),
        ),
        min_size=1,
    )
)
def test_rows_of_columns_are_rows_of_values(rows: list[tuple[KeyValue, ...]]) -> None:
    types = (pa.int64(), pa.string(), pa.bool_(), pa.date32())
    columns = [
        pa.array(column, held) for column, held in zip(zip(*rows, strict=True), types, strict=True)
    ]
    assert hashes(*columns) == wanted(*rows)


@pytest.mark.parametrize(
    "held",
    [
        pa.float16(),
        pa.float32(),
        pa.float64(),
        pa.list_(pa.int8()),
        pa.struct([("a", pa.int8())]),
        pa.time32("s"),
        pa.duration("s"),
        pa.dictionary(pa.int8(), pa.float64()),
    ],
    ids=str,
)
def test_other_types_are_no_keys(held: pa.DataType) -> None:
    with pytest.raises(TableError, match="column `tail` is of type"):
        kind_of("tail", held)


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("Integer", ["17", "-1", None], [17, -1, None]),
        ("Integer", ["18446744073709551615"], [(1 << 64) - 1]),
        ("Text", ["17", None], ["17", None]),
        ("Bool", ["true", "false"], [True, False]),
        ("Date", ["2013-01-01"], [A_DAY]),
        ("Timestamp", ["2013-01-01T05:15:00Z", "2013-01-01 00:15:00-05:00"], [NANOSECONDS] * 2),
        ("Timestamp", ["2013-01-01T05:15:00"], [NANOSECONDS]),
        ("Decimal", ["1.50", None], [Decimal("1.5"), None]),
    ],
)
def test_text_without_a_type_stands_for_what_others_hold(
    kind: Kind, text: list[str | None], values: list[KeyValue]
) -> None:
    found = hashes(pa.array(text, pa.string()), kinds=(kind,), is_plain=True)
    assert found == wanted(*((value,) for value in values))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Integer", "seventeen"),
        ("Integer", "1.5"),
        ("Bool", "yes"),
        ("Date", "01/02/2013"),
        ("Timestamp", "noon"),
        ("Decimal", "NaN"),
        ("Decimal", "much"),
        ("Bytes", "00ff"),
    ],
)
def test_text_that_does_not_is_refused_and_never_shown(kind: Kind, text: str) -> None:
    with pytest.raises(TableError) as refused:
        hashes(pa.array([text]), kinds=(kind,), is_plain=True)
    assert "column `c0` holds" in str(refused.value)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array(["1"]), "Integer"),
        (pa.array([1]), "Text"),
        (pa.array([A_DAY]), "Timestamp"),
        (pa.array([datetime(1500, 1, 1)], pa.timestamp("s")), "Timestamp"),  # noqa: DTZ001
    ],
)
def test_a_column_of_another_type_is_refused(column: pa.Array, kind: str) -> None:
    with pytest.raises(TableError, match="column `c0` holds"):
        hashes(column, kinds=(cast("Kind", kind),))


def test_keys_cut_to_sixteen_bytes_are_of_one_width() -> None:
    raw: Callable[..., bytes] = key_hashes
    some: Any = raw(["a"], [pa.array(range(100))], ["Integer"], is_plain=False)
    assert len(some) == 1600
    assert len({some[at : at + 16] for at in range(0, 1600, 16)}) == 100
