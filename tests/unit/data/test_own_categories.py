"""A part lists the categories of its own rows: those of other parts are none of its reader's."""

from __future__ import annotations

import pyarrow as pa
import pytest

from glovebox.data.own_categories import has_categories, with_own_categories
from glovebox.data.table_errors import TableError

NAMES = pa.dictionary(pa.int32(), pa.string())
SIZES = ["S", "M", "L", "XL"]


def table(rows: list[object], held: pa.DataType) -> pa.Table:
    return pa.table({"at": range(len(rows)), "held": pa.array(rows, held)})


@pytest.mark.parametrize(
    ("rows", "held"),
    [
        pytest.param(["a", None, "secret", "a"], NAMES, id="a column"),
        pytest.param([["a"], None, ["secret", None], []], pa.list_(NAMES), id="lists"),
        pytest.param([["a"], ["a", "a"], ["secret"]], pa.large_list(NAMES), id="long lists"),
        pytest.param(
            [{"n": "a", "x": 1}, None, {"n": "secret", "x": None}, {"n": None, "x": 2}],
            pa.struct([("n", NAMES), ("x", pa.int8())]),
            id="structs",
        ),
        pytest.param(
            [{"n": ["a", "b"]}, {"n": None}, {"n": ["secret"]}, None],
            pa.struct([("n", pa.list_(NAMES))]),
            id="lists in structs",
        ),
        pytest.param(
            [[{"n": "a"}], [], [{"n": "secret"}, None], [{"n": "b"}]],
            pa.list_(pa.struct([("n", NAMES)])),
            id="structs in lists",
        ),
    ],
)
def test_what_was_taken_out_is_in_no_dictionary(rows: list[object], held: pa.DataType) -> None:
    assert has_categories(held)
    some = table(rows, held).filter(pa.array([at != 2 for at in range(len(rows))]))
    kept = with_own_categories(some.combine_chunks())
    kept.validate(full=True)
    assert kept.to_pylist() == some.to_pylist()
    assert kept.schema.equals(some.schema)
    assert b"secret" in written(some)
    assert b"secret" not in written(kept)


def written(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def test_the_order_of_categories_stays() -> None:
    indices = pa.array([3, 0, None, 2], pa.int8())
    sizes = pa.DictionaryArray.from_arrays(indices, pa.array(SIZES), ordered=True)
    kept = with_own_categories(pa.table({"size": sizes}))
    found = kept["size"].chunk(0)
    assert found.dictionary.to_pylist() == ["S", "L", "XL"]
    assert found.type == sizes.type
    assert found.to_pylist() == ["XL", "S", None, "L"]


def test_a_table_without_categories_is_the_same() -> None:
    rows = table(["a", "b"], pa.string())
    assert with_own_categories(rows) is rows


def test_what_cannot_be_taken_apart_is_refused() -> None:
    held = pa.map_(pa.string(), NAMES)
    with pytest.raises(TableError, match="column `held` is of type map<string"):
        with_own_categories(table([[("x", "a")]], held))
