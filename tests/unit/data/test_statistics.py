"""Statistics depend on the values alone, and tell of nobody."""

from __future__ import annotations

import io
import itertools
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glovebox.api.dataset_pin import DatasetPinSpec
from glovebox.data.quantiles import MAX_CELLS
from glovebox.data.statistics import (
    MAX_DISTINCT,
    MAX_VALUES,
    ColumnStatistics,
    asked_of,
    parse_statistics,
    reference_rules,
    render_statistics,
)
from glovebox.data.statistics_tables import Gatherer
from glovebox.data.table_errors import TableError
from glovebox.errors import InvalidInput
from support.contracts import as_csv, as_json_lines, as_parquet
from support.statistics import asked, count, describe, drift

Json = dict[str, Any]
ROWS = 1_500
BEGIN = datetime(2013, 1, 1, tzinfo=UTC)
TYPES: Json = {
    "carrier": "Text",
    "day": "Date",
    "delay": "Number",
    "distance": "Integer",
    "fare": "Decimal",
    "late": "Bool",
    "time": "Timestamp",
}
ALL = asked(**TYPES)


def flights(rows: int = ROWS, seed: int = 1) -> pa.Table:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    carriers = ["UA"] * 5 + ["B6"] * 3 + ["DL"]
    return pa.table(
        {
            "carrier": [chance.choice(carriers) for _ in range(rows)],
            "day": pa.array(
                [date(2013, 1, 1) + timedelta(days=at % 365) for at in range(rows)], pa.date32()
            ),
            "delay": pa.array(
                [chance.gauss(10, 40) if at % 33 else None for at in range(rows)], pa.float64()
            ),
            "distance": pa.array(
                [chance.choice((200, 500, 1000, 2500)) for _ in range(rows)], pa.int64()
            ),
            "fare": pa.array(
                [Decimal(chance.randrange(100, 9999)) / 100 for _ in range(rows)],
                pa.decimal128(10, 2),
            ),
            "late": [chance.random() < 0.3 for _ in range(rows)],
            "time": pa.array(
                [BEGIN + timedelta(hours=at % 5000) for at in range(rows)],
                pa.timestamp("us", "UTC"),
            ),
        }
    )


def column(files: dict[str, bytes], name: str, **types: Any) -> ColumnStatistics:
    found = describe(asked(**(types or {name: TYPES[name]})), files)
    return next(each for each in found.columns if each.name == name)


TABLE = flights()
BYTES = render_statistics(describe(ALL, {"a.parquet": as_parquet(TABLE)}))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_same_values_have_the_same_bytes_however_they_are_written(data: st.DataObject) -> None:
    order = random.Random(data.draw(st.integers(0, 1 << 32)))  # noqa: S311 - the same each time
    rows = list(range(ROWS))
    order.shuffle(rows)
    table = TABLE.take(rows)
    cuts = sorted({0, ROWS, *data.draw(st.lists(st.integers(1, ROWS - 1), max_size=4))})
    names = list(table.column_names)
    order.shuffle(names)
    files = {}
    for place, (first, last) in enumerate(itertools.pairwise(cuts)):
        part = table.slice(first, last - first).select(names)
        form = data.draw(st.sampled_from(("parquet", "csv", "csv.gz", "jsonl")))
        if form == "parquet":
            files[f"{place}.parquet"] = as_parquet(
                part,
                row_group_size=data.draw(st.integers(100, ROWS)),
                compression=data.draw(st.sampled_from(("none", "snappy", "zstd", "gzip"))),
                use_dictionary=data.draw(st.booleans()),
            )
        elif form == "jsonl":
            files[f"{place}.jsonl"] = as_json_lines(part)
        else:
            files[f"{place}.{form}"] = as_csv(part, packed=form.endswith("gz"))
    assert render_statistics(describe(ALL, files)) == BYTES


@pytest.mark.parametrize("rows", [40_000, 100_000])
def test_cells_that_were_joined_are_the_same_in_any_order(rows: int) -> None:
    chance = random.Random(7)  # noqa: S311 - the same each time
    values = [chance.lognormvariate(0, 3) for _ in range(rows)] + [1e-300, 1e300, -1.0]
    wanted = asked(v="Number")

    def told(ordered: list[float], parts: int) -> ColumnStatistics:
        size = -(-len(ordered) // parts)
        files = {
            f"{at}.parquet": as_parquet(pa.table({"v": ordered[at * size : (at + 1) * size]}))
            for at in range(parts)
        }
        return describe(wanted, files).columns[0]

    once = told(values, 1)
    assert (once.distinct, once.is_more) == (MAX_CELLS, True)
    assert told(sorted(values), 3) == once
    assert told(values[::-1], 7) == once
    # And the quantiles are near: how near, the counts say.
    total = sum(once.counts)
    assert total == len(values)
    assert len(once.counts) == 20
    assert max(abs(each / total - 0.05) for each in once.counts) < 0.005


def test_no_more_cells_are_held_than_there_may_be_however_often_they_are_counted() -> None:
    chance = random.Random(8)  # noqa: S311 - the same each time
    values = [chance.gauss(0, 1) for _ in range(60_000)]
    wanted = asked(v="Number")

    def cells(parts: int) -> Json:
        """Return what is held where each part is counted on its own."""
        gatherer = Gatherer(wanted.rules)
        size = len(values) // parts
        for at in range(parts):
            body = as_parquet(pa.table({"v": values[at * size : (at + 1) * size]}))
            gatherer.add("a.parquet", partial(io.BytesIO, body))
            _, line = gatherer.state()
            shift, held, counts = orjson.loads(line)["counts"]
            assert len(held) <= MAX_CELLS
        return {"shift": shift, "cells": dict(zip(held, counts, strict=True))}

    once = cells(1)
    assert MAX_CELLS / 2 < len(once["cells"]) <= MAX_CELLS
    assert cells(2) == once
    assert cells(6) == once


def test_what_was_counted_goes_on_in_another_process() -> None:
    reference = describe(ALL, {"a.parquet": as_parquet(flights(seed=9))})
    files = {f"{at}.parquet": as_parquet(flights(500, at)) for at in range(3)}
    whole = count(ALL, files, reference)
    rules = {**ALL.rules, "against": reference_rules(reference)}
    state: list[bytes] = []
    for path, body in files.items():
        gatherer = Gatherer(rules)
        if state:
            gatherer.resume(state)
        gatherer.add(path, partial(io.BytesIO, body))
        state = list(gatherer.state())
    last = Gatherer(rules)
    last.resume(state)
    assert orjson.dumps(last.told()) == orjson.dumps(
        {
            "rows": whole.rows,
            "columns": [orjson.loads(orjson.dumps(each)) for each in whole.columns],
            "others": list(whole.others),
            "against": {name: list(each) for name, each in whole.against.items()},
        }
    )


def test_values_are_counted_and_the_rare_ones_are_not_told() -> None:
    values = ["UA"] * 60 + ["B6"] * 30 + ["DL"] * 19 + ["HA"] * 2
    found = column({"a.csv": as_csv(pa.table({"carrier": values}))}, "carrier")
    assert [(each.value, each.count) for each in found.values] == [("UA", 60), ("B6", 30)]
    assert (found.other, found.distinct, found.withheld) == (21, 4, "")


def test_others_that_are_few_take_the_rarest_told_value_with_them() -> None:
    values = ["UA"] * 60 + ["B6"] * 30 + ["HA"] * 2
    found = column({"a.csv": as_csv(pa.table({"carrier": values}))}, "carrier")
    assert [each.value for each in found.values] == ["UA"]
    assert found.other == 32


def test_nothing_is_told_of_values_that_are_all_rare() -> None:
    values = [f"N{at}" for at in range(1000)]
    found = column({"a.csv": as_csv(pa.table({"carrier": values}))}, "carrier")
    assert (found.values, found.withheld, found.distinct) == ((), "TooFewRows", 1000)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("abcdefghij"), max_size=300), st.integers(20, 60))
def test_no_value_of_few_rows_leaves(values: list[str], least: int) -> None:
    files = {"a.parquet": as_parquet(pa.table({"v": pa.array(values, pa.string())}))}
    (found,) = describe(asked(least, v="Text"), files).columns
    counts = Counter(values)
    for each in found.values:
        assert each.count == counts[each.value] >= least
    assert found.other == 0 or found.other >= least
    if found.values:
        assert sum(each.count for each in found.values) + found.other == len(values)


def test_at_most_a_hundred_values_are_told_and_long_ones_never() -> None:
    values = [f"v{at:04}" for at in range(300) for _ in range(20)] + ["x" * 200] * 500
    found = column({"a.parquet": as_parquet(pa.table({"carrier": values}))}, "carrier")
    assert len(found.values) == MAX_VALUES
    assert max(len(each.value) for each in found.values) < 10
    assert found.other == 200 * 20 + 500
    assert found.distinct == 301


def test_too_many_values_are_said_to_be_more_than_are_counted() -> None:
    values = [f"N{at}" for at in range(MAX_DISTINCT + 1)] + ["UA"] * 100
    found = column({"a.parquet": as_parquet(pa.table({"carrier": values}))}, "carrier")
    assert (found.distinct, found.is_more, found.withheld) == (MAX_DISTINCT, True, "TooManyValues")
    assert not found.values


@pytest.mark.parametrize("name", TYPES)
def test_a_column_that_is_not_shown_tells_numbers_of_rows_alone(name: str) -> None:
    hidden = replace(
        ALL, columns=tuple(each.model_copy(update={"shown": False}) for each in ALL.columns)
    )
    files = {"a.parquet": as_parquet(TABLE)}
    body = render_statistics(describe(hidden, files))
    found = next(each for each in parse_statistics(body).columns if each.name == name)
    assert found == ColumnStatistics(
        name=name,
        type=TYPES[name],
        present=True,
        nulls=found.nulls,
        invalid=0,
        distinct=found.distinct,
        is_more=False,
        withheld="NotShown",
    )
    assert found.nulls == TABLE[name].null_count
    assert found.distinct == len(set(TABLE[name].drop_null().to_pylist()))
    for value in ("UA", "2013", "2500"):
        assert value.encode() not in body
    reference = describe(ALL, files)
    assert count(hidden, files, reference).against == {}


def test_bytes_are_counted_and_never_told() -> None:
    table = pa.table({"raw": pa.array([b"\xff\x00"] * 50 + [None] * 3, pa.binary())})
    found = column({"a.parquet": as_parquet(table)}, "raw", raw="Bytes")
    assert (found.nulls, found.is_more, found.withheld) == (3, True, "NotShown")


def test_a_file_without_a_column_has_nulls_and_another_type_is_invalid() -> None:
    files = {
        "a.parquet": as_parquet(pa.table({"distance": list(range(30)), "more": [1] * 30})),
        "b.parquet": as_parquet(pa.table({"other": [1] * 5})),
        "c.parquet": as_parquet(pa.table({"distance": ["far"] * 7})),
        "d.csv": b"distance,x\n1,1\nfar,1\n,1\n",
        "e.jsonl": b'{"distance": 1}\n{"distance": "far"}\n{"z": 1}\n',
    }
    found = describe(asked(distance="Integer"), files)
    (told,) = found.columns
    assert (found.rows, told.nulls, told.invalid) == (48, 5 + 1 + 1, 7 + 1 + 1)
    assert sum(told.counts) == 32
    assert found.others == ("more", "other", "x", "z")


def test_what_is_no_number_is_null_and_both_zeros_are_one() -> None:
    table = pa.table({"v": [float("nan")] * 5 + [0.0] * 20 + [-0.0] * 20})
    found = column({"a.parquet": as_parquet(table)}, "v", v="Number")
    assert (found.nulls, found.distinct) == (5, 1)
    assert (found.lower, found.upper) == ("0.0", "0.0")


def test_infinite_numbers_have_edges() -> None:
    table = pa.table({"v": [float("-inf")] * 30 + [1.0] * 30 + [float("inf")] * 30})
    found = column({"a.parquet": as_parquet(table)}, "v", v="Number")
    assert (found.lower, found.upper, found.counts) == ("-inf", "inf", (30, 30, 30))
    assert found.edges == ("-inf", "1.0")


def test_moments_of_all_units_are_the_same() -> None:
    moments = [BEGIN - timedelta(days=40 * 366) + timedelta(hours=at // 20) for at in range(2000)]
    told = {
        unit: column({"a.parquet": as_parquet(pa.table({"time": pa.array(moments, kind)}))}, "time")
        for unit, kind in {
            "ms": pa.timestamp("ms", "UTC"),
            "us": pa.timestamp("us", "UTC"),
            "ns": pa.timestamp("ns", "UTC"),
            "naive": pa.timestamp("us"),
        }.items()
    }
    assert len(set(map(repr, told.values()))) == 1
    assert told["ns"].lower == moments[0].isoformat().replace("+00:00", "Z")


def test_a_damaged_file_is_no_part_of_anything() -> None:
    with pytest.raises(TableError, match="cannot be read as Parquet"):
        count(ALL, {"a.parquet": b"PAR1 and no more PAR1"})


def test_a_document_comes_back_and_another_one_is_refused() -> None:
    assert render_statistics(parse_statistics(BYTES)) == BYTES
    for body in (b"{}", b"[]", BYTES.replace(b"statistics/v1", b"statistics/v2"), b"{"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            parse_statistics(body)


def test_columns_of_the_contract_are_described_where_none_are_listed() -> None:
    spec: Json = {
        "storeRef": {"name": "s"},
        "source": {"prefix": {"bucket": "abc"}},
        "contract": {
            "columns": [
                {"name": "b", "type": "Text", "shown": True},
                {"name": "a", "type": "Date"},
                {"name": "c"},
            ]
        },
        "statistics": {},
    }
    found = asked_of(DatasetPinSpec.model_validate(spec))
    assert found is not None
    assert [(each.name, each.type, each.shown) for each in found.columns] == [
        ("a", "Date", False),
        ("b", "Text", True),
    ]
    assert asked_of(DatasetPinSpec.model_validate({**spec, "statistics": None})) is None


def test_a_decimal_read_as_a_number_is_what_its_digits_say() -> None:
    # Divided by its scale, each of them is the double beside its digits.
    digits = [Decimal(each) for each in ("2.871490855066961", "887137.8905") for _ in range(50)]
    parquet = as_parquet(pa.table({"v": pa.array(digits, pa.decimal128(38, 15))}))
    text = as_csv(pa.table({"v": [str(each) for each in digits]}))
    wanted = asked(v="Number")
    assert describe(wanted, {"a.parquet": parquet}) == describe(wanted, {"a.csv": text})


def test_names_of_columns_are_limited_together() -> None:
    def add(gatherer: Gatherer, at: int) -> None:
        name = f"{at}".ljust(1 << 16, "n")
        gatherer.add("a.csv", partial(io.BytesIO, f"{name},v\n1,2\n".encode()))

    gatherer = Gatherer(asked(v="Integer").rules)
    for at in range(15):
        add(gatherer, at)
    add(gatherer, 14)  # it is known already
    resumed = Gatherer(asked(v="Integer").rules)
    resumed.resume(gatherer.state())
    with pytest.raises(TableError, match="letters, with those before it"):
        add(resumed, 15)


def test_a_first_line_that_may_be_a_row_is_told_to_nobody() -> None:
    files = {"a.csv": b"Ada Lovelace,1815\nGrace Hopper,1906\n", "b.csv": b"v,born\n1,1815\n"}
    found = describe(asked(v="Integer"), files)
    assert (found.rows, found.others) == (2, ("born",))
    assert b"Lovelace" not in render_statistics(found)
    # As names that came they would be in the status, too.
    moved = drift(asked(v="Integer"), {"b.csv": files["b.csv"]}, files)
    assert [each.name for each in moved.columns] == ["v"]
