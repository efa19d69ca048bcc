"""Values are what their definitions say, or it is said in what they are otherwise."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glovebox.api.feature_set_pin import DType
from support.contracts import as_csv, as_json_lines, as_parquet
from support.features import compare, differences, feature, schema

MOMENT = datetime(2013, 5, 1, 12, tzinfo=UTC)
VECTORS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
FIXED = pa.list_(pa.float32(), 3)


def column(values: Any, held: pa.DataType, **options: Any) -> bytes:
    return as_parquet(pa.table({"v": pa.array(values, held)}), **options)


@pytest.mark.parametrize("dtype", get_args(DType))
def test_each_type_is_found_as_it_is_written(dtype: str) -> None:
    held = pa.type_for_alias(dtype)
    found = compare(schema(feature("v", dtype, nullable=True)), {"a.parquet": column([None], held)})
    assert differences(found) == []
    assert found.footers == 1


@pytest.mark.parametrize("dtype", get_args(DType))
def test_no_type_is_taken_for_another(dtype: str) -> None:
    """Of two types only those are the same that Parquet stores as one."""
    same = [{"date32", "date64"}, {"time32[s]", "time32[ms]"}, {"timestamp[s]", "timestamp[ms]"}]
    body = column([None], pa.type_for_alias(dtype))
    for declared in get_args(DType):
        found = compare(schema(feature("v", declared, nullable=True)), {"a.parquet": body})
        is_same = declared == dtype or any({declared, dtype} <= each for each in same)
        if declared in {"time32[ms]", "timestamp[ms]", "date32"} or is_same:
            continue  # what is stored as it is the same
        assert found.by_kind == {"Type": 1}, declared


@pytest.mark.parametrize(
    ("asked", "held", "values", "wanted"),
    [
        pytest.param(
            feature("v", "float32"),
            pa.float64(),
            [1.0, 2.0],
            [("Type", "v", "float32", "float64", 2)],
            id="wider than declared",
        ),
        pytest.param(
            feature("v", "int8"),
            pa.string(),
            ["1"],
            [("Type", "v", "int8", "string", 1)],
            id="text instead of numbers",
        ),
        pytest.param(
            feature("v", "float64"),
            pa.decimal128(9, 2),
            [None],
            [("Type", "v", "float64", "decimal128(9, 2)", 1)],
            id="exact numbers are none of ours",
        ),
        pytest.param(
            feature("v", "string"),
            pa.dictionary(pa.int8(), pa.string()),
            ["UA", "UA"],
            [],
            id="a dictionary is what it holds",
        ),
        pytest.param(feature("v", "string"), pa.large_string(), ["UA"], [], id="large text"),
        pytest.param(
            feature("v", "timestamp[us]"),
            pa.timestamp("us", "Europe/Zurich"),
            [MOMENT],
            [],
            id="a zone changes no moment",
        ),
        pytest.param(
            feature("v", "int32"),
            pa.int32(),
            [1, None, None],
            [("Null", "v", "no null", "nulls", 2)],
            id="nulls where none may be",
        ),
        pytest.param(
            feature("v", "int32", nullable=True), pa.int32(), [1, None], [], id="nulls that may be"
        ),
        pytest.param(
            feature("v", "int32"),
            pa.null(),
            [None, None],
            [("Null", "v", "no null", "only nulls", 2)],
            id="a column that holds nothing at all",
        ),
        pytest.param(
            feature("v", "float32"),
            pa.float32(),
            [1.0, float("nan")],
            [("Null", "v", "no null", "nulls", 1)],
            id="what is no number is missing",
        ),
        pytest.param(feature("v", "float32", 3), FIXED, VECTORS, [], id="vectors of three"),
        pytest.param(
            feature("v", "float32", 4),
            FIXED,
            VECTORS,
            [("Shape", "v", "float32[4]", "float32[3]", 2)],
            id="vectors of another size, by their type",
        ),
        pytest.param(
            feature("v", "float32", 3),
            pa.list_(pa.float32()),
            VECTORS,
            [],
            id="lists that have the size, each",
        ),
        pytest.param(
            feature("v", "float32", 3),
            pa.large_list(pa.float32()),
            [*VECTORS, [7.0], [8.0, 9.0]],
            [("Shape", "v", "float32[3]", "another size in row 3", 2)],
            id="lists of which two have another",
        ),
        pytest.param(
            feature("v", "int32", 2, nullable=True),
            pa.list_(pa.int32()),
            [None, [1, 2], [1]],
            [("Shape", "v", "int32[2]", "another size in row 3", 1)],
            id="lists that may be missing have the size all the same",
        ),
        pytest.param(
            feature("v", "float32", 0),
            pa.list_(pa.float32()),
            [[1.0], [], [2.0, 3.0]],
            [],
            id="any size",
        ),
        pytest.param(
            feature("v", "float32"),
            FIXED,
            VECTORS,
            [("Type", "v", "float32", "float32[3]", 2)],
            id="a vector where one value is declared",
        ),
        pytest.param(
            feature("v", "float32", 3),
            pa.float32(),
            [1.0],
            [("Type", "v", "float32[3]", "float32", 1)],
            id="one value where a vector is declared",
        ),
        pytest.param(
            feature("v", "float64", 3),
            FIXED,
            VECTORS,
            [("Type", "v", "float64[3]", "float32[3]", 2)],
            id="vectors of another type",
        ),
        pytest.param(
            feature("v", "float32", 3),
            FIXED,
            [[1.0, None, 3.0], None, [1.0, float("nan"), 2.0], [1.0, 2.0, 3.0]],
            [("Null", "v", "no null", "nulls", 3)],
            id="nulls within vectors are counted by row",
        ),
        pytest.param(
            feature("v", "float32", 3, nullable=True),
            FIXED,
            [[1.0, None, 3.0], None],
            [],
            id="values within vectors may be missing where values may",
        ),
        pytest.param(
            feature("v", "int16", 2, 2),
            pa.list_(pa.list_(pa.int16())),
            [[[1, 2], [3, 4]], [[1, 2], [3]], [[1, 2]], [[1, 2], None]],
            [
                ("Shape", "v", "int16[2, 2]", "another size in row 2", 2),
                ("Null", "v", "no null", "nulls", 1),
            ],
            id="two dimensions",
        ),
    ],
)
def test_parquet_is_held_against_its_definition(
    asked: dict[str, Any], held: pa.DataType, values: list[Any], wanted: list[Any]
) -> None:
    found = compare(schema(asked), {"a.parquet": column(values, held)})
    assert differences(found) == wanted
    assert found.differences == len(wanted)
    # Where the writer kept no statistics, the rows say the same.
    again = compare(schema(asked), {"a.parquet": column(values, held, write_statistics=False)})
    assert differences(again) == wanted


def test_tensors_have_the_shape_of_their_type() -> None:
    kind = pa.fixed_shape_tensor(pa.float32(), [2, 3])
    storage = pa.array([[0.0] * 6, [0.0] * 5 + [None]], kind.storage_type)
    body = as_parquet(pa.table({"v": pa.ExtensionArray.from_storage(kind, storage)}))
    assert differences(compare(schema(feature("v", "float32", 2, 3)), {"a.parquet": body})) == [
        ("Null", "v", "no null", "nulls", 1)
    ]
    assert differences(compare(schema(feature("v", "float32", 3, 2)), {"a.parquet": body})) == [
        ("Shape", "v", "float32[3, 2]", "float32[2, 3]", 2)
    ]


def test_vectors_of_many_batches_are_counted_in_all_of_them() -> None:
    rows: list[list[float]] = [[0.0] * 64 for _ in range(20_000)]
    rows[9_000], rows[19_999] = [0.0], [0.0] * 65
    body = column(rows, pa.list_(pa.float32()))
    assert differences(compare(schema(feature("v", "float32", 64)), {"a.parquet": body})) == [
        ("Shape", "v", "float32[64]", "another size in row 9,001", 2)
    ]


TABLE = pa.table(
    {
        "flight": pa.array([1, 2, 3], pa.int64()),
        "late": pa.array([True, False, None], pa.bool_()),
        "hour": pa.array([5, 23, 7], pa.int8()),
        "at": pa.array([MOMENT] * 3, pa.timestamp("us", "UTC")),
        "known": pa.array([MOMENT] * 3, pa.timestamp("us", "UTC")),
    }
)
FEATURES = (feature("late", "bool", nullable=True), feature("hour", "int8"))
VALUES = {"keys": ["flight"], "eventTime": "at", "knownTime": "known"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("a.parquet", as_parquet(TABLE)),
        ("a.csv", as_csv(TABLE)),
        ("a.csv.gz", as_csv(TABLE, packed=True)),
        ("a.jsonl", as_json_lines(TABLE)),
    ],
)
def test_the_same_table_is_as_declared_in_each_format(path: str, body: bytes) -> None:
    found = compare(schema(*FEATURES, **VALUES), {path: body})
    assert differences(found) == []
    assert (found.rows, found.files, found.footers) == (3, 1, int(path.endswith("parquet")))


PLANTED: dict[str, tuple[pa.Table, dict[str, Any], tuple[str, str, str, str, int]]] = {
    "a feature that is not there": (
        TABLE.drop_columns(["hour"]),
        {},
        ("Missing", "hour", "int8", "no such column", 3),
    ),
    "a key that is not there": (
        TABLE.drop_columns(["flight"]),
        {},
        ("Missing", "flight", "a column", "no such column", 3),
    ),
    "a time that is not there": (
        TABLE.drop_columns(["known"]),
        {},
        ("Missing", "known", "timestamp", "no such column", 3),
    ),
    "a column that nobody declared": (
        TABLE.append_column("target", pa.array([1, 2, 3])),
        {},
        ("Extra", "target", "no such column", "a column", 3),
    ),
    "a key that is null": (
        TABLE.set_column(0, "flight", pa.array([1, None, None], pa.int64())),
        {},
        ("Null", "flight", "no null", "nulls", 2),
    ),
    "a time that is null": (
        TABLE.set_column(3, "at", pa.array([MOMENT, None, MOMENT], pa.timestamp("us", "UTC"))),
        {},
        ("Null", "at", "no null", "nulls", 1),
    ),
    "later than the cut-off": (
        TABLE.set_column(
            4,
            "known",
            pa.array([MOMENT, MOMENT.replace(hour=13), MOMENT], pa.timestamp("us", "UTC")),
        ),
        {"asOf": {"knownTime": "2013-05-01T12:00:00Z"}},
        ("CutOff", "known", "until 2013-05-01T12:00:00Z", "a later time in row 2", 1),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_what_is_planted_is_found_in_each_format(name: str, kind: str) -> None:
    table, more, wanted = PLANTED[name]
    write = {"parquet": as_parquet, "csv": as_csv, "jsonl": as_json_lines}[kind]
    good, bad = f"a.{kind}", f"b.{kind}"
    found = compare(schema(*FEATURES, **VALUES, **more), {good: write(TABLE), bad: write(table)})
    if kind == "jsonl" and wanted[0] == "Missing":
        # JSON Lines has no columns: what no row has is missing there as well.
        assert found.by_kind == {"Missing": 1}
    assert differences(found) == [wanted]
    assert found.first[0].file == bad


ROW = st.tuples(
    st.none() | st.integers(0, 1 << 40),
    st.none() | st.booleans(),
    st.none() | st.integers(0, 23),
    st.integers(0, 23),
)


def written(table: pa.Table, form: str, name: str, groups: int) -> tuple[str, bytes]:
    """Return a file that holds a table: its name and its bytes."""
    if form == "csv.gz":
        return f"{name}.csv.gz", as_csv(table, packed=True)
    if form in {"csv", "jsonl"}:
        return f"{name}.{form}", (as_csv if form == "csv" else as_json_lines)(table)
    return f"{name}.parquet", as_parquet(table, row_group_size=groups, compression=form)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROW, min_size=1, max_size=30), st.data())
def test_neither_order_nor_cuts_nor_compression_change_what_is_found(
    rows: list[tuple[int | None, bool | None, int | None, int]], data: st.DataObject
) -> None:
    """As many rows are at fault as one counts by hand, whatever files the rows are in."""
    late = sum(hour > MOMENT.hour for *_, hour in rows)
    wanted = {
        ("Null", "flight"): sum(row[0] is None for row in rows),
        ("Null", "hour"): sum(row[2] is None for row in rows),
        ("CutOff", "known"): late,
    }
    ordered = data.draw(st.permutations(rows))
    cuts = {0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=2))}
    files = {}
    for place, (first, last) in enumerate(itertools.pairwise(sorted(cuts))):
        part = ordered[first:last]
        moments = [MOMENT.replace(hour=row[3]) for row in part]
        table = pa.table(
            {
                "flight": pa.array([row[0] for row in part], pa.int64()),
                "late": pa.array([row[1] for row in part], pa.bool_()),
                "hour": pa.array([row[2] for row in part], pa.int8()),
                "at": pa.array([MOMENT] * len(part), pa.timestamp("us", "UTC")),
                "known": pa.array(moments, pa.timestamp("us", "UTC")),
            }
        )
        form = data.draw(st.sampled_from(("csv", "csv.gz", "jsonl", "none", "zstd", "gzip")))
        name, body = written(table, form, str(place), data.draw(st.integers(1, 9)))
        files[name] = body
    cut_off = {"asOf": {"knownTime": MOMENT.isoformat().replace("+00:00", "Z")}}
    found = compare(schema(*FEATURES, **VALUES, **cut_off), files)
    counts: Counter[tuple[str, str]] = Counter()
    for kind, name, _, _, count in differences(found):
        counts[kind, name] += count
    assert (found.rows, dict(counts)) == (
        len(rows),
        {name: count for name, count in wanted.items() if count},
    )


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"v": 127}\n{"v": -128}\n', 0),
        (b'{"v": 128}\n{"v": 1}\n{"v": -129}\n', 2),
        (b'{"v": "1"}\n{"v": 1.5}\n', 2),
        (b'{"v": true}\n', 1),
    ],
)
def test_numbers_of_text_have_to_fit_the_width(body: bytes, count: int) -> None:
    found = compare(schema(feature("v", "int8")), {"a.jsonl": body})
    assert [each[4] for each in differences(found)] == ([count] if count else [])
    table = b"v\n" + b"".join(
        str(json.loads(line)["v"]).encode() + b"\n" for line in body.splitlines()
    )
    if b'"1"' not in body:
        again = compare(schema(feature("v", "int8")), {"a.csv": table})
        assert [each[4] for each in differences(again)] == ([count] if count else [])


def test_vectors_of_json_are_looked_at_row_by_row() -> None:
    body = b"".join(
        json.dumps({"v": value}).encode() + b"\n"
        for value in ([1, 2.5], [1], [1, "2"], 3, [1, None], [2, 3], None)
    )
    found = compare(schema(feature("v", "float32", 2)), {"a.jsonl": body})
    assert differences(found) == [
        ("Type", "v", "float32[2]", "something else in row 3", 2),
        ("Shape", "v", "float32[2]", "another size in row 2", 1),
        ("Null", "v", "no null", "nulls", 2),
    ]


@pytest.mark.parametrize(
    ("dtype", "values", "count"),
    [
        ("int8", [[127, -128], [128, 0], [0, -129]], 2),
        ("uint8", [[255, 0], [256, 0], [-1, 0]], 2),
        ("bool", [[True, False], [1, 0]], 1),
        ("string", [["a", ""], [1, "a"]], 1),
        ("float64", [[1, 2.5], [True, 1], ["1", 1]], 2),
    ],
)
def test_values_of_vectors_of_json_are_of_the_type(
    dtype: str, values: list[Any], count: int
) -> None:
    body = b"".join(json.dumps({"v": value}).encode() + b"\n" for value in values)
    (difference,) = differences(compare(schema(feature("v", dtype, 2)), {"a.jsonl": body}))
    assert (difference[0], difference[4]) == ("Type", count)


@pytest.mark.parametrize("asked", [feature("v", "float32", 2), feature("v", "duration[s]")])
def test_what_a_format_cannot_hold_is_another_type(asked: dict[str, Any]) -> None:
    (difference,) = differences(compare(schema(asked), {"a.csv": b"v\n1\n"}))
    assert difference[0] == "Type"
    assert difference[3] == "CSV, which holds no such values"


def test_what_is_no_table_and_what_is_damaged_is_named() -> None:
    files = {"README.txt": b"x", "a.parquet": b"PAR1 no PAR1", "b.csv": b"v\n1\n"}
    found = compare(schema(feature("v", "int8")), files)
    assert [(each.kind, each.file) for each in found.first] == [
        ("Format", "README.txt"),
        ("Unreadable", "a.parquet"),
    ]
    assert found.rows == 1


def test_other_columns_may_be_allowed_and_are_bounded_where_they_are_not() -> None:
    table = pa.table({"v": pa.array([1], pa.int8()), **{f"x{at}": [1] for at in range(500)}})
    files = {"a.parquet": as_parquet(table)}
    asked = feature("v", "int8")
    assert compare(schema(asked, otherColumns="Allowed"), files).differences == 0
    found = compare(schema(asked), files)
    assert (found.differences, len(found.first)) == (500, 32)


def test_the_first_of_each_column_comes_before_the_second_of_any() -> None:
    body = as_parquet(pa.table({"v": pa.array(["1"]), "w": pa.array(["1"])}))
    files = {f"{at}.parquet": body for at in range(9)}
    found = compare(schema(feature("v", "int8"), feature("w", "int8")), files)
    assert (found.differences, len(found.first)) == (18, 6)
    assert [(each.column, each.file) for each in found.first[:3]] == [
        ("v", "0.parquet"),
        ("w", "0.parquet"),
        ("v", "1.parquet"),
    ]


def test_what_is_asked_decides_what_an_answer_is_about() -> None:
    asked = [
        schema(feature("v", "int8")),
        schema(feature("v", "int16")),
        schema(feature("v", "int8", 2)),
        schema(feature("v", "int8", nullable=True)),
        schema(feature("v", "int8"), keys=["k"]),
        schema(feature("v", "int8"), eventTime="t"),
        schema(feature("v", "int8"), otherColumns="Allowed"),
        schema(feature("v", "int8"), eventTime="t", asOf={"eventTime": "2013-05-01T12:00:00Z"}),
    ]
    assert len({each.digest for each in asked}) == len(asked)
